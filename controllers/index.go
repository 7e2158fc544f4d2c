// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Field indexes. What is looked up by a field is never listed and filtered.
const (
	indexPointPolicy     = "spec.policy.name"
	indexPointGroup      = "status.groupSnapshot"
	indexPointCapturing  = "capturing"
	indexSnapshotPoint   = "point-uid"
	indexSnapshotUnready = "unready"
	indexSnapshotGroup   = "group-uid"
	indexSnapshotPolicy  = "policy-uid"
	indexContentPoint    = "content-point-uid"
	indexPointRecording  = "fingerprint-recording"
	indexPointCopying    = "copying"
	indexDrillPolicy     = "drill-policy"
	indexDrillRunning    = "drill-running"

	yes = "yes"
)

// Index makes every field index, where the VolumeSnapshot API is served.
func Index(ctx context.Context, x client.FieldIndexer) error {
	if err := indexPoints(ctx, x); err != nil {
		return err
	}
	return indexSnapshots(ctx, x)
}

func indexPoints(ctx context.Context, x client.FieldIndexer) error {
	for field, value := range map[string]client.IndexerFunc{
		indexDrillPolicy: func(o client.Object) []string { return []string{plan.DrillPolicy(o.(*api.RestoreDrill))} },
		indexDrillRunning: func(o client.Object) []string {
			s := o.(*api.RestoreDrill).Status
			return when(s.Run != nil && s.Verdict == "")
		},
	} {
		if err := x.IndexField(ctx, &api.RestoreDrill{}, field, value); err != nil {
			return err
		}
	}
	err := x.IndexField(ctx, &api.RecoveryPoint{}, indexPointRecording, func(o client.Object) []string {
		f := o.(*api.RecoveryPoint).Status.Fingerprint
		return when(f != nil && f.State == api.FingerprintRecording)
	})
	if err != nil {
		return err
	}
	err = x.IndexField(ctx, &api.RecoveryPoint{}, indexPointCopying, func(o client.Object) []string {
		return when(plan.Copies(o.(*api.RecoveryPoint)))
	})
	if err != nil {
		return err
	}
	err = x.IndexField(ctx, &api.RecoveryPoint{}, indexPointPolicy, func(o client.Object) []string {
		return []string{o.(*api.RecoveryPoint).Spec.Policy.Name}
	})
	if err != nil {
		return err
	}
	err = x.IndexField(ctx, &api.RecoveryPoint{}, indexPointCapturing, func(o client.Object) []string {
		p := o.(*api.RecoveryPoint)
		return when(p.Status.Capture != nil && !plan.Finished(p))
	})
	if err != nil {
		return err
	}
	return x.IndexField(ctx, &api.RecoveryPoint{}, indexPointGroup, func(o client.Object) []string {
		return given(o.(*api.RecoveryPoint).Status.GroupSnapshot)
	})
}

// indexSnapshots needs the VolumeSnapshot API to be served.
func indexSnapshots(ctx context.Context, x client.FieldIndexer) error {
	for field, value := range map[string]client.IndexerFunc{
		indexSnapshotPoint:   func(o client.Object) []string { return given(o.GetLabels()[api.LabelPointUID]) },
		indexSnapshotPolicy:  func(o client.Object) []string { return given(o.GetLabels()[api.LabelPolicyUID]) },
		indexSnapshotUnready: unreadyIndex,
		indexSnapshotGroup:   func(o client.Object) []string { return given(string(groupOwner(o).UID)) },
	} {
		if err := x.IndexField(ctx, &snapshotv1.VolumeSnapshot{}, field, value); err != nil {
			return err
		}
	}
	return x.IndexField(ctx, &snapshotv1.VolumeSnapshotContent{}, indexContentPoint, func(o client.Object) []string {
		return given(o.GetLabels()[api.LabelPointUID])
	})
}

// unreadyIndex holds our snapshots that are not ready: at rest there are none.
func unreadyIndex(o client.Object) []string {
	s := o.(*snapshotv1.VolumeSnapshot)
	if s.Labels[api.LabelClaimUID] == "" || (s.Status != nil && ptr.Deref(s.Status.ReadyToUse, false)) {
		return nil
	}
	return []string{yes}
}

// groupOwner is the VolumeGroupSnapshot that brought a snapshot; empty for one made alone.
func groupOwner(o client.Object) metav1.OwnerReference {
	for _, r := range o.GetOwnerReferences() {
		if r.Kind == "VolumeGroupSnapshot" {
			return r
		}
	}
	return metav1.OwnerReference{}
}

func when(is bool) []string {
	if is {
		return []string{yes}
	}
	return nil
}

func given(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
