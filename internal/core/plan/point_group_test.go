// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

var groupStart = time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)

// groupedPoint is a point of two claims that is captured as a group.
func groupedPoint() PointObserved {
	deadline := metav1.NewTime(groupStart.Add(time.Minute))
	p := &api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: types.UID("point"), Finalizers: []string{api.FinalizerSnapshots}},
		Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "sync"}},
	}
	p.Status.GroupSnapshot = "group"
	p.Status.Consistency = api.ConsistencyGroup
	p.Status.Capture = &api.Capture{PolicyUID: "policy", Run: "point", StartedAt: metav1.NewTime(groupStart), Deadline: deadline,
		Volumes: 2, ClaimSet: names.ClaimSet([]string{"u1", "u2"})}
	return PointObserved{
		Point:    p,
		Claims:   []Claim{{Name: "c1", UID: "u1", Bound: true, Driver: "d", Handle: "h1"}, {Name: "c2", UID: "u2", Bound: true, Driver: "d", Handle: "h2"}},
		Cluster:  Cluster{Snapshots: true, Groups: true},
		Settings: Settings{Retain: true},
		Group:    &Group{Target: Target{"group", "g"}, Content: Target{"groupcontent", "gc"}},
	}
}

// member is a ready snapshot that the group brought.
func member(n string, retain bool) Snapshot {
	return Snapshot{Name: "s" + n, UID: "su" + n, Claim: "c" + n, ClaimUID: "u" + n, PolicyUID: "policy", PointUID: "point", Group: "group",
		Ready: true, Cut: groupStart, ContentRef: "k" + n,
		Content: &Content{Name: "k" + n, UID: "ku" + n, Driver: "d", VolumeHandle: "h" + n, SnapshotHandle: "sh" + n, RefUID: "su" + n, Ready: true, Retain: retain}}
}

// A grouped point does not count before the group's own content is retained too: deleting that one takes all bytes along.
func TestGroupContentIsRetainedBeforeAPointCounts(t *testing.T) {
	o := groupedPoint()
	o.Snapshots = []Snapshot{member("1", true), member("2", true)}
	p := ForPoint(o, groupStart.Add(time.Second))
	if p.RetainGroup == nil || p.Wake.IsZero() {
		t.Fatalf("the group's content is not switched: %+v", p)
	}
	if s := p.Status(o, Done{}, groupStart.Add(time.Second)); s.FinishedAt != nil {
		t.Error("the point is finished before the group's content is retained")
	}
	o.Group.Retain = true
	p = ForPoint(o, groupStart.Add(time.Second))
	if s := p.Status(o, Done{}, groupStart.Add(time.Second)); s.FinishedAt == nil || p.RetainGroup != nil {
		t.Errorf("the point is not finished: %+v", s)
	}
}

// A group snapshot of which nothing was ready in time is deleted as a whole; one that was ever counted is not.
func TestFailedGroupIsDeleted(t *testing.T) {
	o := groupedPoint()
	late := groupStart.Add(2 * time.Minute)
	p := ForPoint(o, late)
	o.Point.Status = p.Status(o, Done{}, late)
	if !Finished(o.Point) {
		t.Fatal("the point is not finished")
	}
	if p := ForPoint(o, late); p.DeleteGroup == nil {
		t.Error("the failed group stays")
	}
	o.Point.Status.PointInTime = &metav1.Time{Time: groupStart}
	if p := ForPoint(o, late); p.DeleteGroup != nil {
		t.Error("a group that was counted is deleted")
	}
}

// The reason for which a capture could not begin stands, however often the point is looked at.
func TestReasonOfACaptureThatNeverBeganStands(t *testing.T) {
	o := groupedPoint()
	o.Group = nil
	o.Point.Status = api.RecoveryPointStatus{}
	o.Policy = &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "sync", UID: "policy"}}
	o.Policy.Spec.Volumes.Selector = &api.LabelSelector{}
	o.Policy.Spec.Snapshot = &api.SnapshotOptions{Consistency: api.ConsistencyGroup}
	o.Claims[1].Driver = "other"
	for range 2 {
		p := ForPoint(o, groupStart)
		o.Point.Status = p.Status(o, Done{}, groupStart)
		c := findCondition(o.Point.Status.Conditions, api.ConditionComplete)
		if c == nil || c.Reason != api.ReasonGroupSpansDrivers {
			t.Fatalf("%+v", c)
		}
	}
}
