// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// A snapshot is a point's only under the one name that its identity gives it, or as a member of the point's own group.
func TestForgedSnapshotIsNotBelieved(t *testing.T) {
	p := &api.RecoveryPoint{Status: api.RecoveryPointStatus{GroupSnapshot: "group", Capture: &api.Capture{PolicyUID: "policy", Run: "run"}}}
	genuine := Snapshot{Name: names.Snapshot("data", "policy", "claim", "run"), Claim: "data", ClaimUID: "claim"}
	for name, c := range map[string]struct {
		forge func(*Snapshot)
		ours  bool
	}{
		"as it was made":    {func(*Snapshot) {}, true},
		"of another name":   {func(s *Snapshot) { s.Name = "mine" }, false},
		"of another claim":  {func(s *Snapshot) { s.ClaimUID = "another" }, false},
		"of our group":      {func(s *Snapshot) { s.Name, s.Group = "member", "group" }, true},
		"of another group":  {func(s *Snapshot) { s.Name, s.Group = "member", "another" }, false},
		"of no group named": {func(s *Snapshot) { s.Name, s.Group = "member", "" }, false},
	} {
		s := genuine
		c.forge(&s)
		if ours := len(Genuine(p, []Snapshot{s})) == 1; ours != c.ours {
			t.Errorf("one %s is believed: %t", name, ours)
		}
	}
}

// A point with a slot that a user made up holds up neither other points of the policy nor its schedule.
func TestForgedSlotHoldsNothingUp(t *testing.T) {
	now := time.Date(2026, 5, 1, 3, 0, 30, 0, time.UTC)
	slot := metav1.NewTime(now.Truncate(time.Minute))
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "sync", UID: "policy", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))}}
	b.Spec.Schedule = api.Schedule{Cron: "* * * * *"}
	point := func(name string, age time.Duration, slot *metav1.Time) *api.RecoveryPoint {
		return &api.RecoveryPoint{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: "made-up", CreationTimestamp: metav1.NewTime(now.Add(-age))},
			Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "sync"}, Slot: slot},
		}
	}
	made := point("made-up", time.Minute, &slot)
	mine := point("mine", time.Second, nil)
	mine.UID = "mine"
	if other := ahead(PointObserved{Point: mine, Policy: b, Siblings: []*api.RecoveryPoint{made, mine}}, now); other != "" {
		t.Errorf("it waits for %s", other)
	}
	if p := ForPolicy(PolicyObserved{Policy: b, Points: []*api.RecoveryPoint{made}}, now); p.Take == nil {
		t.Error("the slot is not taken")
	}
}
