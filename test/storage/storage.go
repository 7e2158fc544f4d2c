// SPDX-License-Identifier: Apache-2.0

// Package storage plays the snapshot-controller and a storage system against an API server that has neither: it
// makes claims that are bound, and answers VolumeSnapshots with contents that are ready.
package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lifeboat-dev/lifeboat/controllers"
)

// Driver is the CSI driver of all claims, and Class its default VolumeSnapshotClass.
const (
	Driver = "csi.storage.test"
	Class  = "storage-test"
)

// System answers VolumeSnapshots.
type System struct {
	client client.Client
	live   client.Reader
	mu     sync.Mutex
	down   map[string]bool // namespaces whose snapshots never become ready
}

// Run answers until the context ends. It makes the snapshot class.
func Run(ctx context.Context, config *rest.Config) (*System, error) {
	mgr, err := ctrl.NewManager(config, ctrl.Options{Scheme: controllers.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return nil, err
	}
	s := &System{client: mgr.GetClient(), live: mgr.GetAPIReader(), down: map[string]bool{}}
	err = ctrl.NewControllerManagedBy(mgr).For(&snapshotv1.VolumeSnapshot{}).Named("storage").
		WithOptions(controller.Options{MaxConcurrentReconciles: 16, SkipNameValidation: ptr.To(true)}).
		Complete(s)
	if err != nil {
		return nil, err
	}
	if err := client.IgnoreAlreadyExists(s.client.Create(ctx, NewClass())); err != nil {
		return nil, err
	}
	go func() {
		if err := mgr.Start(ctx); err != nil {
			panic(err)
		}
	}()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		return nil, errors.New("the storage system's cache did not fill")
	}
	return s, nil
}

// NewClass is the driver's default class.
func NewClass() *snapshotv1.VolumeSnapshotClass {
	return &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: Class, Annotations: map[string]string{"snapshot.storage.kubernetes.io/is-default-class": "true"}},
		Driver:     Driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete,
	}
}

// Stop keeps a namespace's snapshots from becoming ready, until Resume.
func (s *System) Stop(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[namespace] = true
}

// Resume answers what was asked for meanwhile.
func (s *System) Resume(ctx context.Context, namespace string) error {
	s.mu.Lock()
	delete(s.down, namespace)
	s.mu.Unlock()
	var list snapshotv1.VolumeSnapshotList
	if err := s.client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	var errs [16]error
	var wait sync.WaitGroup
	for w := range errs {
		wait.Go(func() {
			for i := w; i < len(list.Items); i += len(errs) {
				_, err := s.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs[:]...)
}

// Reconcile binds and readies a VolumeSnapshot, or lets the content of one that is gone go with it when its policy is Delete.
func (s *System) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var v snapshotv1.VolumeSnapshot
	err := s.client.Get(ctx, req.NamespacedName, &v)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, s.reclaim(ctx, contentName(req.Namespace, req.Name))
	}
	s.mu.Lock()
	down := s.down[req.Namespace]
	s.mu.Unlock()
	if err != nil || down || (v.Status != nil && ptr.Deref(v.Status.ReadyToUse, false)) {
		return ctrl.Result{}, err
	}
	content, err := s.content(ctx, &v)
	if err != nil {
		return again(err)
	}
	v.Status = &snapshotv1.VolumeSnapshotStatus{
		BoundVolumeSnapshotContentName: &content.Name, ReadyToUse: ptr.To(true), CreationTime: &metav1.Time{Time: time.Unix(0, *content.Status.CreationTime)},
	}
	return again(s.client.Status().Update(ctx, &v))
}

// again turns what passes by itself into another look.
func again(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
		return ctrl.Result{RequeueAfter: 50 * time.Millisecond}, nil
	}
	return ctrl.Result{}, err
}

func contentName(namespace, name string) string { return "content-" + namespace + "-" + name }

func (s *System) content(ctx context.Context, v *snapshotv1.VolumeSnapshot) (*snapshotv1.VolumeSnapshotContent, error) {
	handle := Handle(v.Namespace, *v.Spec.Source.PersistentVolumeClaimName)
	c := &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: contentName(v.Namespace, v.Name)},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			Driver: Driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, VolumeSnapshotClassName: v.Spec.VolumeSnapshotClassName,
			Source: snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle},
			VolumeSnapshotRef: corev1.ObjectReference{
				APIVersion: snapshotv1.SchemeGroupVersion.String(), Kind: "VolumeSnapshot", Namespace: v.Namespace, Name: v.Name, UID: v.UID,
			},
		},
	}
	if err := s.client.Create(ctx, c); err != nil {
		if !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		if err := s.live.Get(ctx, client.ObjectKeyFromObject(c), c); err != nil {
			return nil, err
		}
	}
	c.Status = &snapshotv1.VolumeSnapshotContentStatus{
		SnapshotHandle: ptr.To("snapshot-" + string(v.UID)), ReadyToUse: ptr.To(true), CreationTime: ptr.To(time.Now().UnixNano()),
	}
	return c, s.client.Status().Update(ctx, c)
}

func (s *System) reclaim(ctx context.Context, name string) error {
	var c snapshotv1.VolumeSnapshotContent
	if err := s.live.Get(ctx, client.ObjectKey{Name: name}, &c); err != nil {
		return client.IgnoreNotFound(err)
	}
	if c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentDelete {
		return nil
	}
	return client.IgnoreNotFound(s.client.Delete(ctx, &c))
}

// Handle is the storage system's name of a claim's volume.
func Handle(namespace, claim string) string { return "volume-" + namespace + "-" + claim }

// Claim makes a claim that is bound to a volume.
func Claim(ctx context.Context, c client.Client, namespace, name string, labels map[string]string) (*corev1.PersistentVolumeClaim, error) {
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	volume := "pv-" + namespace + "-" + name
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: modes, Resources: corev1.VolumeResourceRequirements{Requests: size},
			StorageClassName: ptr.To(Class), VolumeName: volume},
	}
	if err := c.Create(ctx, claim); err != nil {
		return nil, fmt.Errorf("claim %s: %w", name, err)
	}
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: volume}, Spec: corev1.PersistentVolumeSpec{
		Capacity: size, AccessModes: modes, StorageClassName: Class,
		ClaimRef:               &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: namespace, Name: name, UID: claim.UID},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: Driver, VolumeHandle: Handle(namespace, name)}},
	}}
	if err := c.Create(ctx, v); err != nil {
		return nil, fmt.Errorf("volume of claim %s: %w", name, err)
	}
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, AccessModes: modes, Capacity: size}
	return claim, c.Status().Update(ctx, claim)
}
