// SPDX-License-Identifier: Apache-2.0

// Package objects shapes what Lifeboat creates. Golden YAML in testdata shows the shapes.
package objects

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Point is the RecoveryPoint of a slot. It has no owner: data outlive the declaration they were made for.
func Point(policy *api.BackupPolicy, t plan.Take) *api.RecoveryPoint {
	slot := metav1.NewTime(t.Slot.UTC())
	return &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{
			Name: t.Name, Namespace: policy.Namespace,
			Labels: map[string]string{
				api.LabelManagedBy: api.ManagedBy, api.LabelPolicy: policy.Name, api.LabelPolicyUID: string(policy.UID),
			},
			Finalizers: []string{api.FinalizerSnapshots},
		},
		Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: policy.Name}, Slot: &slot},
	}
}

// Snapshot is the VolumeSnapshot of one claim of a point. Labels of the claim are not copied: tools that
// manage applications prune by them.
func Snapshot(point *api.RecoveryPoint, o plan.SnapshotOrder) *snapshotv1.VolumeSnapshot {
	labels, annotations := SnapshotMarks(point, o.Claim)
	return &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: o.Name, Namespace: point.Namespace, Labels: labels, Annotations: annotations},
		Spec: snapshotv1.VolumeSnapshotSpec{
			Source:                  snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &o.Claim.Name},
			VolumeSnapshotClassName: &o.Class,
		},
	}
}

// GroupSnapshot is the VolumeGroupSnapshot of a point.
func GroupSnapshot(point *api.RecoveryPoint, o plan.GroupOrder) map[string]any {
	labels := pointLabels(point)
	selector := map[string]any{}
	if len(o.Selector.MatchLabels) > 0 {
		selector["matchLabels"] = anyMap(o.Selector.MatchLabels)
	}
	var requirements []any
	for _, e := range o.Selector.MatchExpressions {
		r := map[string]any{"key": e.Key, "operator": string(e.Operator)}
		if len(e.Values) > 0 {
			r["values"] = anySlice(e.Values)
		}
		requirements = append(requirements, r)
	}
	if len(requirements) > 0 {
		selector["matchExpressions"] = requirements
	}
	u := unstructured.Unstructured{Object: map[string]any{}}
	u.SetName(o.Name)
	u.SetNamespace(point.Namespace)
	u.SetLabels(labels)
	_ = unstructured.SetNestedMap(u.Object, selector, "spec", "source", "selector")
	_ = unstructured.SetNestedField(u.Object, o.Class, "spec", "volumeGroupSnapshotClassName")
	return u.Object
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func anySlice(s []string) []any {
	out := make([]any, len(s))
	for i, v := range s {
		out[i] = v
	}
	return out
}

func pointLabels(point *api.RecoveryPoint) map[string]string {
	return map[string]string{
		api.LabelManagedBy: api.ManagedBy,
		api.LabelPolicy:    point.Spec.Policy.Name,
		api.LabelPolicyUID: point.Status.Capture.PolicyUID,
		api.LabelPoint:     point.Name,
		api.LabelPointUID:  string(point.UID),
	}
}

// SnapshotMarks say on a VolumeSnapshot what it holds, and all that is needed to restore it.
func SnapshotMarks(point *api.RecoveryPoint, c plan.Claim) (labels, annotations map[string]string) {
	labels = pointLabels(point)
	labels[api.LabelClaimUID] = c.UID
	annotations = map[string]string{
		api.AnnotationClaim: c.Name, api.AnnotationStorageClass: c.StorageClass,
		api.AnnotationSize: c.Size.String(), api.AnnotationVolumeMode: c.Mode,
	}
	if c.AccessModes != "" {
		annotations[api.AnnotationAccessModes] = c.AccessModes
	}
	if s := point.Spec.Slot; s != nil {
		annotations[api.AnnotationSlot] = s.UTC().Format(time.RFC3339)
	}
	return labels, annotations
}

// ContentMarks say the same on a VolumeSnapshotContent, which outlives its namespace.
func ContentMarks(point *api.RecoveryPoint, c plan.Claim) (labels, annotations map[string]string) {
	labels, annotations = SnapshotMarks(point, c)
	annotations[api.AnnotationNamespace] = point.Namespace
	return labels, annotations
}

// GroupContentMarks say on a VolumeGroupSnapshotContent whose it is.
func GroupContentMarks(point *api.RecoveryPoint) (labels, annotations map[string]string) {
	annotations = map[string]string{api.AnnotationNamespace: point.Namespace}
	if s := point.Spec.Slot; s != nil {
		annotations[api.AnnotationSlot] = s.UTC().Format(time.RFC3339)
	}
	return pointLabels(point), annotations
}

// SameOwner says whether an existing snapshot was made for the same policy, point and claim as the wanted one.
func SameOwner(want, there *snapshotv1.VolumeSnapshot) bool {
	for _, l := range []string{api.LabelPolicyUID, api.LabelPointUID, api.LabelClaimUID} {
		if want.Labels[l] != there.Labels[l] {
			return false
		}
	}
	return there.DeletionTimestamp.IsZero()
}
