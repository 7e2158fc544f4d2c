// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// TestWhatIsMadeAnewIsLookedAt: an object that was deleted and made anew while a watch was broken comes as a change that
// looks like none. What changed in nothing that matters is passed over.
func TestWhatIsMadeAnewIsLookedAt(t *testing.T) {
	meta := func(uid string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: types.UID(uid), Generation: 1}
	}
	for name, c := range map[string]struct {
		passes predicate.Predicate
		object func(uid string) client.Object
	}{
		"policy, for itself":      {policyChanged, func(uid string) client.Object { return &api.BackupPolicy{ObjectMeta: meta(uid)} }},
		"policy, for its points":  {specChanged, func(uid string) client.Object { return &api.BackupPolicy{ObjectMeta: meta(uid)} }},
		"claim":                   {claimChanged, func(uid string) client.Object { return &corev1.PersistentVolumeClaim{ObjectMeta: meta(uid)} }},
		"policy, for coverage":    {labelsChanged, func(uid string) client.Object { return &api.BackupPolicy{ObjectMeta: meta(uid)} }},
		"namespace, for coverage": {labelsChanged, func(uid string) client.Object { return &metav1.PartialObjectMetadata{ObjectMeta: meta(uid)} }},
		"point, for its siblings": {captureEnded, func(uid string) client.Object { return &api.RecoveryPoint{ObjectMeta: meta(uid)} }},
	} {
		if !c.passes.Update(event.UpdateEvent{ObjectOld: c.object("old"), ObjectNew: c.object("new")}) {
			t.Errorf("%s that was made anew is passed over", name)
		}
		if c.passes.Update(event.UpdateEvent{ObjectOld: c.object("old"), ObjectNew: c.object("old")}) {
			t.Errorf("%s that did not change is looked at", name)
		}
	}
}

// TestAProofFreesSiblings: a point whose deletion waits for another to be proven is looked at when one is.
func TestAProofFreesSiblings(t *testing.T) {
	before := &api.RecoveryPoint{}
	after := before.DeepCopy()
	after.Status.Conditions = []metav1.Condition{{Type: api.ConditionProven, Status: metav1.ConditionTrue}}
	if !captureEnded.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}) {
		t.Error("a proof is passed over")
	}
}

// TestWhatAScopeDependsOn: labels and deletion are looked at, a status is not.
func TestWhatAScopeDependsOn(t *testing.T) {
	before := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data", UID: "u", Labels: map[string]string{"app": "a"}}}
	going := metav1.Now()
	for name, c := range map[string]struct {
		change func(*corev1.PersistentVolumeClaim)
		passes bool
	}{
		"its labels":  {func(p *corev1.PersistentVolumeClaim) { p.Labels = map[string]string{"app": "b"} }, true},
		"it is going": {func(p *corev1.PersistentVolumeClaim) { p.DeletionTimestamp = &going }, true},
		"its status":  {func(p *corev1.PersistentVolumeClaim) { p.Status.Phase = corev1.ClaimBound }, false},
	} {
		after := before.DeepCopy()
		c.change(after)
		if got := labelsChanged.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != c.passes {
			t.Errorf("%s: that it is looked at is %t", name, got)
		}
	}
}

// TestWhoWaitsForASnapshot: once a snapshot is ready, or on its way out, the points that are being captured beside its own are
// looked at: a claim has one unready snapshot at a time, and that of one policy holds up another's.
func TestWhoWaitsForASnapshot(t *testing.T) {
	point := func(name string, capturing bool) *api.RecoveryPoint {
		p := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		p.Status.Capture = &api.Capture{}
		if !capturing {
			p.Status.FinishedAt = &metav1.Time{Time: time.Unix(1, 0)}
		}
		return p
	}
	ready, going := true, metav1.Unix(1, 0)
	for name, c := range map[string]struct {
		change func(*snapshotv1.VolumeSnapshot)
		want   []string
	}{
		"ready":   {func(s *snapshotv1.VolumeSnapshot) { s.Status = &snapshotv1.VolumeSnapshotStatus{ReadyToUse: &ready} }, []string{"own", "waiting"}},
		"going":   {func(s *snapshotv1.VolumeSnapshot) { s.DeletionTimestamp = &going }, []string{"own", "waiting"}},
		"unready": {func(*snapshotv1.VolumeSnapshot) {}, []string{"own"}},
	} {
		world := fake.NewClientBuilder().WithScheme(Scheme()).WithObjects(point("own", true), point("waiting", true), point("ended", false))
		if err := indexPoints(t.Context(), indexer{world}); err != nil {
			t.Fatal(err)
		}
		s := &setup{mgr: managed{client: world.Build()}}
		snapshot := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s", Labels: map[string]string{api.LabelPoint: "own", api.LabelClaimUID: "u"}}}
		c.change(snapshot)
		var got []string
		for _, r := range s.pointsOfSnapshot(t.Context(), snapshot) {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are looked at, want %v", name, got, c.want)
		}
	}
}

// indexer makes indexes in a fake client.
type indexer struct{ *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, o client.Object, field string, value client.IndexerFunc) error {
	i.WithIndex(o, field, value)
	return nil
}

// managed is a manager of which only the client is asked for.
type managed struct {
	ctrl.Manager
	client client.Client
}

func (m managed) GetClient() client.Client { return m.client }
