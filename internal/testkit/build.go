// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// Driver and Class are what the claims of builders are served by.
const (
	Driver    = "a.csi.lifeboat.test"
	Class     = "array-a"
	Namespace = "shop"
)

// Mod changes what a builder makes.
type Mod[T any] func(*T)

// Policy is a policy that captures every claim of its namespace hourly and keeps the last three points.
func Policy(mods ...Mod[api.BackupPolicy]) *api.BackupPolicy {
	p := &api.BackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: "web", UID: "policy-1", Generation: 1},
		Spec: api.BackupPolicySpec{
			Volumes:   api.VolumeSelection{Selector: &api.LabelSelector{}},
			Schedule:  api.Schedule{Cron: "0 * * * *", TimeZone: "UTC"},
			Retention: api.Retention{Last: 3, Minimum: 1},
			OnDelete:  api.OnDeleteRetain,
		},
	}
	for _, m := range mods {
		m(p)
	}
	return p
}

// Point is a complete point of Policy with the claims named, taken at an instant.
func Point(at time.Time, claims []string, mods ...Mod[api.RecoveryPoint]) *api.RecoveryPoint {
	t := metav1.NewTime(at.UTC())
	uids := make([]string, len(claims))
	for i, c := range claims {
		uids[i] = ClaimUID(c)
	}
	name := names.Point("web", "policy-1", at)
	p := &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name, UID: UIDOf(name), Generation: 1, CreationTimestamp: t,
			Labels: map[string]string{api.LabelPolicyUID: "policy-1"}, Finalizers: []string{api.FinalizerSnapshots}},
		Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "web"}, Slot: &t},
		Status: api.RecoveryPointStatus{
			Capture: &api.Capture{PolicyUID: "policy-1", Run: at.UTC().Format("20060102-150405"), StartedAt: t,
				Deadline: metav1.NewTime(at.Add(10 * time.Minute).UTC()), Volumes: int32(len(claims)), ClaimSet: names.ClaimSet(uids)},
			PointInTime: &t, FinishedAt: &t,
			Conditions: []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: api.ReasonAllCaptured, LastTransitionTime: t}},
		},
	}
	for _, m := range mods {
		m(p)
	}
	return p
}

// Capturing makes of a point one whose capture is under way.
func Capturing(p *api.RecoveryPoint) {
	p.Status.FinishedAt, p.Status.PointInTime, p.Status.Conditions = nil, nil, nil
}

// Incomplete makes of a point one that finished and is not complete.
func Incomplete(p *api.RecoveryPoint) {
	p.Status.PointInTime = nil
	p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionFalse, api.ReasonPartialPoint
}

// Proven makes of a point one from which a restore succeeded.
func Proven(p *api.RecoveryPoint) {
	p.Status.Conditions = append(p.Status.Conditions, metav1.Condition{Type: api.ConditionProven, Status: metav1.ConditionTrue, Reason: "Restored"})
}

// Going marks a point as being deleted.
func Going(p *api.RecoveryPoint) { p.DeletionTimestamp = &p.CreationTimestamp }

// Held puts a point on hold.
func Held(p *api.RecoveryPoint) { p.Spec.Hold = true }

// ClaimUID is the UID that builders give to the claim of a name.
func ClaimUID(name string) string { return "uid-of-" + name }

// Claim is a claim bound to a CSI volume, and the volume.
func Claim(name string, mods ...Mod[corev1.PersistentVolumeClaim]) []client.Object {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To(Class), VolumeName: "pv-" + name},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
	for _, m := range mods {
		m(c)
	}
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: c.Spec.VolumeName},
		Spec: corev1.PersistentVolumeSpec{
			ClaimRef:               &corev1.ObjectReference{Namespace: Namespace, Name: name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: Driver, VolumeHandle: "vol-" + name}},
		},
	}
	return []client.Object{c, v}
}

// SnapshotClass is the default class of Driver. As most classes do, it deletes the bytes with the snapshot.
func SnapshotClass() *snapshotv1.VolumeSnapshotClass {
	return &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: Class, Annotations: map[string]string{"snapshot.storage.kubernetes.io/is-default-class": "true"}},
		Driver:     Driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete,
	}
}

// NamespaceObject is the namespace of the builders.
func NamespaceObject() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace, Finalizers: []string{"kubernetes"}}}
}

// QuotaExceeded is the refusal of a resource quota.
func QuotaExceeded(name string) error {
	return apierrors.NewForbidden(schema.GroupResource{Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots"}, name,
		fmt.Errorf("exceeded quota: snapshots, requested: count/volumesnapshots.snapshot.storage.k8s.io=1, used: 3, limited: 3"))
}
