// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/config"
)

// Scheme knows every kind that the operator reads or writes.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(snapshotv1.AddToScheme(s))
	utilruntime.Must(api.AddToScheme(s))
	return s
}

// NewManager makes the manager that runs the controllers.
func NewManager(to *rest.Config, o config.Options, health *WatchHealth) (ctrl.Manager, error) {
	to = rest.CopyConfig(to)
	to.QPS = -1 // the API server's own fairness decides, not a guess on this side
	mgr, err := ctrl.NewManager(to, ctrl.Options{
		Scheme:                        Scheme(),
		Cache:                         cacheOptions(health),
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              "lifeboat-manager",
		LeaderElectionNamespace:       o.LeaderNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("ping", healthz.Ping)
}

// cacheOptions keep of each object only what is read. Only our own kinds are changed after they were read, so that
// no other is copied. What is said here of a kind by name must be served when the operator starts; the kinds of the
// snapshot API need not be, and so the transform tells kinds apart itself.
func cacheOptions(health *WatchHealth) cache.Options {
	copied := cache.ByObject{UnsafeDisableDeepCopy: ptr.To(false)}
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{api.LabelManagedBy: api.ManagedBy})}
	return cache.Options{
		DefaultTransform:             lean,
		DefaultWatchErrorHandler:     health.Failed,
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		ByObject: map[client.Object]cache.ByObject{
			&api.BackupPolicy{}: copied, &api.RecoveryPoint{}: copied, &api.RestoreDrill{}: copied, &api.Restore{}: copied,
			&api.ClusterBackupPolicy{}: copied, &api.Repository{}: copied,
			&corev1.Pod{}: ours, &networkingv1.NetworkPolicy{}: ours,
		},
	}
}

func lean(o any) (any, error) {
	if obj, ok := o.(client.Object); ok {
		obj.SetManagedFields(nil)
	}
	switch x := o.(type) {
	case *corev1.PersistentVolumeClaim:
		leanClaim(x)
	case *corev1.PersistentVolume:
		leanVolume(x)
	case *corev1.Pod:
		x.Spec = corev1.PodSpec{}
	case *appsv1.DaemonSet:
		leanDaemonSet(x)
	case *storagev1.CSIDriver:
		x.Annotations = nil
	case *storagev1.CSINode:
		leanNode(x)
	case *appsv1.StatefulSet, *appsv1.Deployment:
		leanWorkload(x.(client.Object))
	case *snapshotv1.VolumeSnapshot:
		leanSnapshot(x)
	case *snapshotv1.VolumeSnapshotContent:
		x.Annotations, x.Finalizers = nil, nil
	}
	return o, nil
}

func leanClaim(c *corev1.PersistentVolumeClaim) {
	c.Annotations = only(c.Annotations, api.AnnotationExpires)
	c.OwnerReferences, c.Finalizers = nil, nil
	c.Spec = corev1.PersistentVolumeClaimSpec{
		StorageClassName: c.Spec.StorageClassName, VolumeMode: c.Spec.VolumeMode, VolumeName: c.Spec.VolumeName, AccessModes: c.Spec.AccessModes,
	}
	c.Status = corev1.PersistentVolumeClaimStatus{Phase: c.Status.Phase, Capacity: c.Status.Capacity}
}

// leanNode keeps the names of its drivers: there may be thousands of nodes.
func leanNode(n *storagev1.CSINode) {
	n.Labels, n.Annotations, n.OwnerReferences = nil, nil, nil
	for i := range n.Spec.Drivers {
		n.Spec.Drivers[i] = storagev1.CSINodeDriver{Name: n.Spec.Drivers[i].Name}
	}
}

func leanVolume(v *corev1.PersistentVolume) {
	v.Labels, v.Annotations, v.Finalizers = nil, nil, nil
	spec := corev1.PersistentVolumeSpec{ClaimRef: v.Spec.ClaimRef, VolumeMode: v.Spec.VolumeMode, MountOptions: v.Spec.MountOptions,
		PersistentVolumeReclaimPolicy: v.Spec.PersistentVolumeReclaimPolicy}
	if csi := v.Spec.CSI; csi != nil {
		spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: csi.Driver, VolumeHandle: csi.VolumeHandle, FSType: csi.FSType}
	}
	v.Spec, v.Status = spec, corev1.PersistentVolumeStatus{}
}

// snapshotLabels are those of a VolumeSnapshot that are read.
var snapshotLabels = []string{api.LabelPolicyUID, api.LabelPoint, api.LabelPointUID, api.LabelClaimUID}

// leanSnapshot keeps what says whose a snapshot is, and its status. Of these there are by far the most.
func leanSnapshot(s *snapshotv1.VolumeSnapshot) {
	s.Labels = only(s.Labels, snapshotLabels...)
	s.Annotations = only(s.Annotations, api.AnnotationClaim, api.AnnotationAccessModes)
	s.Finalizers, s.Spec = nil, snapshotv1.VolumeSnapshotSpec{}
}

// only keeps some keys of a map, in place; nil when there is none of them.
func only(m map[string]string, keys ...string) map[string]string {
	maps.DeleteFunc(m, func(k, _ string) bool { return !slices.Contains(keys, k) })
	if len(m) == 0 {
		return nil
	}
	return m
}

// leanDaemonSet keeps what tells which images run a driver on the nodes.
func leanDaemonSet(d *appsv1.DaemonSet) {
	d.Annotations, d.Status = nil, appsv1.DaemonSetStatus{}
	kept := corev1.PodSpec{}
	for _, v := range d.Spec.Template.Spec.Volumes {
		if pluginDir(v) != "" {
			kept.Volumes = append(kept.Volumes, corev1.Volume{Name: v.Name, VolumeSource: corev1.VolumeSource{HostPath: v.HostPath}})
		}
	}
	if len(kept.Volumes) > 0 {
		for _, c := range d.Spec.Template.Spec.Containers {
			kept.Containers = append(kept.Containers, corev1.Container{Name: c.Name, Image: c.Image})
		}
	}
	d.Spec = appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: kept}}
}

func leanWorkload(o client.Object) {
	o.SetAnnotations(nil)
	switch w := o.(type) {
	case *appsv1.StatefulSet:
		w.Spec.Template = corev1.PodTemplateSpec{Spec: corev1.PodSpec{Volumes: w.Spec.Template.Spec.Volumes}}
		w.Status = appsv1.StatefulSetStatus{}
	case *appsv1.Deployment:
		w.Spec.Template = corev1.PodTemplateSpec{Spec: corev1.PodSpec{Volumes: w.Spec.Template.Spec.Volumes}}
		w.Status = appsv1.DeploymentStatus{}
	}
}
