// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// storage reads what stands between claims and their bytes: classes, and drivers with the images that run them.
func (r *Reader) storage(ctx context.Context) (s plan.Storage, err error) {
	if s.Classes, err = r.classes(ctx); err != nil {
		return s, err
	}
	var drivers storagev1.CSIDriverList
	if err := r.Cache.List(ctx, &drivers); err != nil {
		return s, fmt.Errorf("list drivers: %w", err)
	}
	var sets appsv1.DaemonSetList
	if err := r.Cache.List(ctx, &sets); err != nil {
		return s, fmt.Errorf("list daemon sets: %w", err)
	}
	for i := range drivers.Items {
		d := &drivers.Items[i]
		parts := append(versionLabels(d), string(ptr.Deref(d.Spec.FSGroupPolicy, "")))
		s.Drivers = append(s.Drivers, plan.Driver{Name: d.Name, Digest: names.Digest(append(parts, driverImages(d.Name, sets.Items)...)...)})
	}
	s.Registered, err = registered(ctx, r.Cache)
	return s, err
}

// registered are the drivers that some node has, sorted.
func registered(ctx context.Context, cache client.Reader) ([]string, error) {
	var nodes storagev1.CSINodeList
	if err := cache.List(ctx, &nodes); err != nil {
		return nil, fmt.Errorf("list drivers of nodes: %w", err)
	}
	known := map[string]bool{}
	for i := range nodes.Items {
		for j := range nodes.Items[i].Spec.Drivers {
			known[nodes.Items[i].Spec.Drivers[j].Name] = true
		}
	}
	return slices.Sorted(maps.Keys(known)), nil
}

func (r *Reader) classes(ctx context.Context) ([]plan.StorageClass, error) {
	var list storagev1.StorageClassList
	if err := r.Cache.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list storage classes: %w", err)
	}
	out := make([]plan.StorageClass, len(list.Items))
	for i := range list.Items {
		c := &list.Items[i]
		out[i] = plan.StorageClass{Name: c.Name, Provisioner: c.Provisioner, Parameters: c.Parameters,
			Digest: names.Digest(c.Provisioner, fmt.Sprint(c.Parameters), strings.Join(c.MountOptions, ","))}
		if text, is := c.Annotations[api.AnnotationFailureDomain]; is {
			out[i].FailureDomain = &text
		}
	}
	return out, nil
}

// versionLabels are the labels by which installers tell the version of what they install.
func versionLabels(d *storagev1.CSIDriver) []string {
	return []string{d.Labels["app.kubernetes.io/version"], d.Labels["helm.sh/chart"]}
}

// driverImages are the images of the node plugin of a driver. The API names the driver of no pod, but its kubelet plugin has a
// directory that bears its name.
func driverImages(driver string, sets []appsv1.DaemonSet) []string {
	var out []string
	for i := range sets {
		spec := &sets[i].Spec.Template.Spec
		if !slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return pluginDir(v) == driver }) {
			continue
		}
		for _, c := range spec.Containers {
			out = append(out, c.Image)
		}
	}
	slices.Sort(out)
	return out
}

// pluginDir is the directory of a kubelet plugin that a volume stands for; empty when it stands for none.
func pluginDir(v corev1.Volume) string {
	if v.HostPath == nil {
		return ""
	}
	_, name, found := strings.Cut(strings.TrimSuffix(v.HostPath.Path, "/"), "/plugins/")
	if !found || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// dropping are the StatefulSets of a namespace that delete claims when they are deleted or scaled down.
func (r *Reader) dropping(ctx context.Context, namespace string) ([]plan.Workload, error) {
	var list appsv1.StatefulSetList
	if err := r.Cache.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list stateful sets: %w", err)
	}
	var out []plan.Workload
	for i := range list.Items {
		s := &list.Items[i]
		keep := s.Spec.PersistentVolumeClaimRetentionPolicy
		if keep == nil || (keep.WhenDeleted != appsv1.DeletePersistentVolumeClaimRetentionPolicyType && keep.WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType) {
			continue
		}
		w := plan.Workload{Name: s.Name, Found: true, Drops: true}
		for j := range s.Spec.VolumeClaimTemplates {
			w.Templates = append(w.Templates, s.Spec.VolumeClaimTemplates[j].Name)
		}
		out = append(out, w)
	}
	return out, nil
}

// made are the snapshots that bear the UID of a policy.
func (r *Reader) made(ctx context.Context, b *api.BackupPolicy) ([]plan.Orphan, error) {
	if !r.API.Snapshots() {
		return nil, nil
	}
	var list snapshotv1.VolumeSnapshotList
	if err := r.Cache.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingFields{indexSnapshotPolicy: string(b.UID)}); err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	out := make([]plan.Orphan, len(list.Items))
	for i := range list.Items {
		s := &list.Items[i]
		out[i] = plan.Orphan{Name: s.Name, PointUID: s.Labels[api.LabelPointUID], Created: s.CreationTimestamp.Time}
	}
	return out, nil
}
