// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// What is uninstalled with its definitions, or goes with its namespace, leaves its bytes behind; what a person deletes does not.
func TestWhatADeletedPointTakesWithIt(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	gone := metav1.NewTime(now)
	point := &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: types.UID("point"), DeletionTimestamp: &gone, Finalizers: []string{api.FinalizerSnapshots}},
		Status: api.RecoveryPointStatus{FinishedAt: &gone,
			Capture: &api.Capture{PolicyUID: "policy", Run: "r", Volumes: 1, ClaimSet: names.ClaimSet([]string{"claim"})}},
	}
	snapshot := plan.Snapshot{Name: names.Snapshot("c", "policy", "claim", "r"), UID: "s", Claim: "c", ClaimUID: "claim", Ready: true,
		ContentRef: "k", Content: &plan.Content{Name: "k", UID: "k", RefUID: "s"}}
	seen := plan.PointObserved{Point: point, Siblings: []*api.RecoveryPoint{point},
		Cluster: plan.Cluster{Snapshots: true}, Snapshots: []plan.Snapshot{snapshot}}

	for why, tc := range map[string]struct {
		change    func(*plan.PointObserved)
		deletes   int
		finalizer plan.Finalizer
	}{
		"a person deletes it":           {func(*plan.PointObserved) {}, 1, ""},
		"its namespace is deleted":      {func(o *plan.PointObserved) { o.NamespaceTerminating = true }, 0, plan.FinalizerRelease},
		"its definition is deleted":     {func(o *plan.PointObserved) { o.Withdrawn = true }, 0, plan.FinalizerRelease},
		"its snapshots are gone by now": {func(o *plan.PointObserved) { o.Snapshots = nil }, 0, plan.FinalizerRelease},
	} {
		o := seen
		tc.change(&o)
		got := plan.ForPoint(o, now)
		if len(got.Delete) != tc.deletes || got.Finalizer != tc.finalizer {
			t.Errorf("%s: %d deletions and finalizer %q, want %d and %q", why, len(got.Delete), got.Finalizer, tc.deletes, tc.finalizer)
		}
	}
}

// A policy with onDelete Prune takes its points with it, but not when policies as such are uninstalled.
func TestWhatADeletedPolicyTakesWithIt(t *testing.T) {
	policy := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "b", UID: "policy"}, Spec: api.BackupPolicySpec{OnDelete: api.OnDeletePrune}}
	point := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "point"},
		Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "b"}}, Status: api.RecoveryPointStatus{Capture: &api.Capture{PolicyUID: "policy"}}}
	seen := plan.PolicyObserved{Policy: policy, Points: []*api.RecoveryPoint{point}}
	if got := plan.ForDeletedPolicy(seen); len(got.Expire) != 1 {
		t.Errorf("Prune expires %d points, want 1", len(got.Expire))
	}
	seen.Withdrawn = true
	if got := plan.ForDeletedPolicy(seen); len(got.Expire) != 0 || got.Finalizer != plan.FinalizerRelease {
		t.Errorf("an uninstallation expires %d points with finalizer %q, want none and Release", len(got.Expire), got.Finalizer)
	}
}
