// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Reader reads what the decisions depend on. A read that fails is an error, never an empty answer.
type Reader struct {
	Cache  client.Reader
	Live   client.Reader
	API    *SnapshotAPI
	Health *WatchHealth // nil where caches cannot go stale
}

// claims are those of a namespace, each with the volume it is bound to. What a drill or a fingerprint restored to throw it
// away is nobody's to capture, whatever selects it, and told apart.
func (r *Reader) claims(ctx context.Context, namespace string) ([]plan.Claim, []plan.Throwaway, error) {
	var list corev1.PersistentVolumeClaimList
	if err := r.Cache.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, nil, fmt.Errorf("list claims: %w", err)
	}
	out := make([]plan.Claim, 0, len(list.Items))
	var thrown []plan.Throwaway
	for i := range list.Items {
		if expires := list.Items[i].Annotations[api.AnnotationExpires]; expires != "" {
			t, err := r.throwaway(ctx, &list.Items[i], expires)
			if err != nil {
				return nil, nil, err
			}
			thrown = append(thrown, t)
			continue
		}
		c, err := r.claim(ctx, &list.Items[i])
		if err != nil {
			return nil, nil, err
		}
		out = append(out, c)
	}
	return out, thrown, nil
}

// throwaway is a claim that is to be thrown away. One whose time cannot be read should be gone since it was made.
func (r *Reader) throwaway(ctx context.Context, c *corev1.PersistentVolumeClaim, expires string) (plan.Throwaway, error) {
	t := plan.Throwaway{Claim: c.Name, RunUID: c.Labels[api.LabelRunUID], Expires: c.CreationTimestamp.Time}
	if at, err := time.Parse(time.RFC3339, expires); err == nil {
		t.Expires = at
	}
	run := objects.Run{Kind: c.Labels[api.LabelRunKind], Namespace: c.Namespace, Name: c.Labels[api.LabelRun], UID: t.RunUID}
	o := blankRun(run.Kind)
	if o == nil {
		t.Lost = true // nobody would remove it
		return t, nil
	}
	var err error
	t.Lost, err = gone(ctx, r.Cache, run, o)
	return t, err
}

func (r *Reader) claim(ctx context.Context, c *corev1.PersistentVolumeClaim) (plan.Claim, error) {
	out := plan.Claim{
		Name: c.Name, UID: string(c.UID), Labels: c.Labels,
		StorageClass: ptr.Deref(c.Spec.StorageClassName, ""),
		Mode:         string(ptr.Deref(c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)),
		AccessModes:  objects.AccessModes(c.Spec.AccessModes),
		Size:         c.Status.Capacity[corev1.ResourceStorage],
		Bound:        c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName != "",
		Deleting:     !c.DeletionTimestamp.IsZero(),
		Created:      c.CreationTimestamp.Time,
	}
	if !out.Bound {
		return out, nil
	}
	var v corev1.PersistentVolume
	err := r.Cache.Get(ctx, client.ObjectKey{Name: c.Spec.VolumeName}, &v)
	switch {
	case apierrors.IsNotFound(err):
		out.Bound = false
	case err != nil:
		return out, fmt.Errorf("get volume of claim %s: %w", c.Name, err)
	case v.Spec.ClaimRef == nil || v.Spec.ClaimRef.UID != c.UID:
		out.Bound = false // the volume is another claim's
	case v.Spec.CSI != nil:
		out.Driver, out.Handle = v.Spec.CSI.Driver, v.Spec.CSI.VolumeHandle
		out.Deletes = v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
	}
	return out, nil
}

// workload reads the claims that a workload's pod template names; nil when the policy names no workload.
func (r *Reader) workload(ctx context.Context, namespace string, ref *api.WorkloadReference) (*plan.Workload, error) {
	if ref == nil {
		return nil, nil
	}
	w := &plan.Workload{Name: ref.Name}
	key := client.ObjectKey{Namespace: namespace, Name: ref.Name}
	var volumes []corev1.Volume
	var err error
	if ref.Kind == "StatefulSet" {
		var s appsv1.StatefulSet
		err = r.Cache.Get(ctx, key, &s)
		volumes = s.Spec.Template.Spec.Volumes
		for i := range s.Spec.VolumeClaimTemplates {
			w.Templates = append(w.Templates, s.Spec.VolumeClaimTemplates[i].Name)
		}
	} else {
		var d appsv1.Deployment
		err = r.Cache.Get(ctx, key, &d)
		volumes = d.Spec.Template.Spec.Volumes
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get %s %s: %w", ref.Kind, ref.Name, err)
	}
	w.Found = err == nil
	for _, v := range volumes {
		if v.PersistentVolumeClaim != nil {
			w.Claims = append(w.Claims, v.PersistentVolumeClaim.ClaimName)
		}
	}
	return w, nil
}

// cluster reads what the cluster offers.
func (r *Reader) cluster(ctx context.Context) (plan.Cluster, error) {
	k := plan.Cluster{Snapshots: r.API.Snapshots(), Groups: r.API.Groups() != ""}
	if !k.Snapshots {
		return k, nil
	}
	var classes snapshotv1.VolumeSnapshotClassList
	if err := r.Cache.List(ctx, &classes); err != nil {
		return k, fmt.Errorf("list snapshot classes: %w", err)
	}
	for i := range classes.Items {
		c := &classes.Items[i]
		k.Classes = append(k.Classes, plan.Class{Name: c.Name, Driver: c.Driver,
			Default: c.Annotations["snapshot.storage.kubernetes.io/is-default-class"] == "true",
			Deletes: c.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete,
			Digest:  names.Digest(c.Driver, string(c.DeletionPolicy), fmt.Sprint(c.Parameters))})
	}
	return k, nil
}

// groupClasses reads the classes of group snapshots. They are few and rarely needed, so they are not cached.
func (r *Reader) groupClasses(ctx context.Context) ([]plan.Class, error) {
	version := r.API.Groups()
	if version == "" {
		return nil, nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(groupKind("VolumeGroupSnapshotClassList", version))
	if err := r.Live.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list group snapshot classes: %w", err)
	}
	var out []plan.Class
	for _, u := range list.Items {
		driver, _, _ := unstructured.NestedString(u.Object, "driver")
		out = append(out, plan.Class{Name: u.GetName(), Driver: driver,
			Default: u.GetAnnotations()["groupsnapshot.storage.kubernetes.io/is-default-class"] == "true"})
	}
	return out, nil
}

// points are those that name a policy.
func (r *Reader) points(ctx context.Context, namespace, policy string) ([]*api.RecoveryPoint, error) {
	var list api.RecoveryPointList
	if err := r.Cache.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{indexPointPolicy: policy}); err != nil {
		return nil, fmt.Errorf("list recovery points: %w", err)
	}
	return pointers(list.Items), nil
}

// terminating says whether a namespace is being deleted.
func (r *Reader) terminating(ctx context.Context, from client.Reader, namespace string) (bool, error) {
	ns, err := r.namespace(ctx, from, namespace)
	return err == nil && (ns == nil || !ns.DeletionTimestamp.IsZero()), err
}

// namespace is a namespace without its spec and status; nil when there is none.
func (r *Reader) namespace(ctx context.Context, from client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	ns := namespaceOnly()
	err := from.Get(ctx, client.ObjectKey{Name: name}, ns)
	if apierrors.IsNotFound(err) && from != r.Live {
		// One that was made a moment ago may not be in the cache yet, and no event of it would have its policies looked at again.
		err = r.Live.Get(ctx, client.ObjectKey{Name: name}, ns)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get namespace %s: %w", name, err)
	}
	return ns, nil
}

// annotations are those of a namespace, by which whoever may edit it allows things; none when there is no such namespace.
func (r *Reader) annotations(ctx context.Context, namespace string) (map[string]string, error) {
	ns := namespaceOnly()
	if err := r.Cache.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return ns.Annotations, nil
}

func namespaceOnly() *metav1.PartialObjectMetadata {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return ns
}

// pointers point at the items of a list, which is not copied.
func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// withdrawn says whether the definition of one of our kinds is being deleted, and its objects with it. That is an
// uninstallation, not a wish to lose backups.
func (r *Reader) withdrawn(ctx context.Context, resource string) (bool, error) {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	name := resource + "." + api.GroupVersion.Group
	err := r.Live.Get(ctx, client.ObjectKey{Name: name}, crd)
	if apierrors.IsNotFound(err) {
		return false, nil // then no object of it is left to be deleted
	}
	if err != nil {
		return false, fmt.Errorf("get definition %s: %w", name, err)
	}
	return !crd.DeletionTimestamp.IsZero(), nil
}
