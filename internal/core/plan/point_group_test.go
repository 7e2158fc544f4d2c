// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
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

// groupPolicy has points be taken as a group.
func groupPolicy(want api.Consistency) *api.BackupPolicy {
	b := &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Name: "sync", UID: "policy"}}
	b.Spec.Volumes.Selector = &api.LabelSelector{}
	b.Spec.Snapshot = &api.SnapshotOptions{Consistency: want}
	return b
}

// TestGroupIsFrozen: whether a point is taken as a group is decided once, and told when it is not.
func TestGroupIsFrozen(t *testing.T) {
	named := func(o *PointObserved) { o.Policy.Spec.Snapshot.GroupClassName = "special" }
	unserved := func(o *PointObserved) { o.Cluster.Groups = false }
	const alone = "each volume is captured at its own instant: "
	for name, c := range map[string]struct {
		want  api.Consistency
		mod   func(*PointObserved)
		class string // of the group; empty for none
		fails string
		says  string // the note
	}{
		"a group":                             {api.ConsistencyGroup, nil, "usual", "", ""},
		"a group of one":                      {api.ConsistencyGroup, func(o *PointObserved) { o.Claims = o.Claims[:1] }, "usual", "", ""},
		"a group of a class that is named":    {api.ConsistencyGroup, named, "special", "", ""},
		"a group, and none are served":        {api.ConsistencyGroup, unserved, "", api.ReasonGroupUnsupported, "the cluster does not serve VolumeGroupSnapshots"},
		"a group, and the class is not there": {api.ConsistencyGroup, func(o *PointObserved) { o.Policy.Spec.Snapshot.GroupClassName = "gone" }, "", api.ReasonGroupUnsupported, `spec.snapshot.groupClassName: class "gone" does not exist`},
		"a group, and no class is the default": {api.ConsistencyGroup, func(o *PointObserved) { o.Cluster.GroupClasses = o.Cluster.GroupClasses[1:] }, "", api.ReasonGroupUnsupported,
			"driver d has no default VolumeGroupSnapshotClass; annotate one with groupsnapshot.storage.kubernetes.io/is-default-class=true, or name one in spec.snapshot.groupClassName"},
		"a group across drivers":                {api.ConsistencyGroup, func(o *PointObserved) { o.Claims[1].Driver = "e" }, "", api.ReasonGroupSpansDrivers, "claims c1 and c2 belong to the drivers d and e"},
		"a group with a volume that is not CSI": {api.ConsistencyGroup, func(o *PointObserved) { o.Claims[1].Driver = "" }, "", api.ReasonNotCSI, "claim c2: "},
		"a group, and hooks that are not allowed": {api.ConsistencyGroup, func(o *PointObserved) {
			o.Policy.Spec.Snapshot.Hooks = []api.Hook{{Name: "h"}}
		}, "", api.ReasonHooksDisabled, "the policy has hooks"},
		"rather a group":                      {api.ConsistencyPreferGroup, nil, "usual", "", ""},
		"rather a group, and none are served": {api.ConsistencyPreferGroup, unserved, "", "", alone + "the cluster does not serve VolumeGroupSnapshots"},
		"no group":                            {"", nil, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := groupedPoint()
			o.Group, o.Point.Status, o.Policy = nil, api.RecoveryPointStatus{}, groupPolicy(c.want)
			o.Cluster.GroupClasses = []Class{{Name: "usual", Driver: "d", Default: true}, {Name: "special", Driver: "d"}}
			if c.mod != nil {
				c.mod(&o)
			}
			p := ForPoint(o, groupStart)
			s := p.Status(o, Done{}, groupStart)
			group, consistency := "", api.ConsistencyCrash
			if c.class != "" {
				group, consistency = names.GroupSnapshot("sync", "policy", "point", "d"), api.ConsistencyGroup
				if k := s.Capture; k.Snapshot.GroupClassName != c.class || k.Selector == nil {
					t.Errorf("frozen is %+v", k)
				}
			}
			if s.GroupSnapshot != group || s.Consistency != consistency {
				t.Errorf("it is taken as %q, %s", s.GroupSnapshot, s.Consistency)
			}
			if complete := findCondition(s.Conditions, api.ConditionComplete); (s.FinishedAt != nil) != (c.fails != "") || (c.fails != "" && complete.Reason != c.fails) {
				t.Errorf("it has ended: %v, %+v", s.FinishedAt, complete)
			}
			if (c.says == "") != (len(p.Notes) == 0) || (c.says != "" && !strings.HasPrefix(p.Notes[0].Message, c.says)) {
				t.Errorf("told is %+v", p.Notes)
			}
		})
	}
}

// TestGroupIsOrdered: a group is asked for once all of its volumes may be captured, and what it brings is marked as ours.
func TestGroupIsOrdered(t *testing.T) {
	at := groupStart.Add(time.Second)
	for name, c := range map[string]struct {
		mod   func(*PointObserved)
		order bool
		adopt string
		wake  time.Time
	}{
		"nothing is there":                     {nil, true, "", groupStart.Add(progressAfter)},
		"it was refused, and may be tried yet": {func(o *PointObserved) { o.RetryAt = at.Add(time.Second) }, false, "", at.Add(time.Second)},
		"it may be tried again now":            {func(o *PointObserved) { o.RetryAt = at }, true, "", groupStart.Add(progressAfter)},
		"an older snapshot is stuck":           {func(o *PointObserved) { o.Unready = map[string]string{"u2": "older"} }, false, "", groupStart.Add(progressAfter)},
		"a claim went":                         {func(o *PointObserved) { o.Claims = o.Claims[:1] }, false, "", groupStart.Add(progressAfter)},
		"it is there":                          {func(o *PointObserved) { o.Group = &Group{} }, false, "", groupStart.Add(progressAfter)},
		"it brought snapshots": {func(o *PointObserved) {
			o.Group = &Group{Members: []Snapshot{member("1", false), member("2", false), member("3", false)}}
		}, false, "s1 for c1, s2 for c2", groupStart.Add(progressAfter)},
		"it brought one of nobody knows what": {func(o *PointObserved) {
			o.Claims, o.Group = o.Claims[:1], &Group{Members: []Snapshot{{Name: "s9"}}}
		}, false, "", groupStart.Add(progressAfter)},
	} {
		t.Run(name, func(t *testing.T) {
			o := groupedPoint()
			o.Group, o.Point.Status.Capture.Snapshot.GroupClassName, o.Point.Status.Capture.Selector = nil, "usual", &api.LabelSelector{}
			if c.mod != nil {
				c.mod(&o)
			}
			p := ForPoint(o, at)
			if g := p.CreateGroup; (g != nil) != c.order || (g != nil && (g.Name != "group" || g.Class != "usual" || g.Selector == nil)) {
				t.Errorf("ordered is %+v", g)
			}
			var adopted []string
			for _, a := range p.Adopt {
				adopted = append(adopted, a.Name+" for "+a.Claim.Name)
			}
			if got := strings.Join(adopted, ", "); got != c.adopt {
				t.Errorf("marked are %q", got)
			}
			if len(p.Create)+len(p.Delete) > 0 || !p.Wake.Equal(c.wake) {
				t.Errorf("one by one it orders %+v, deletes %+v, and wakes at %s", p.Create, p.Delete, p.Wake)
			}
		})
	}
	o := groupedPoint()
	o.Group = nil
	if p := ForPoint(o, groupStart.Add(time.Minute)); p.CreateGroup != nil {
		t.Error("a group is asked for at the deadline")
	}
}

// TestGroupIsJudged: a volume of a group waits for the group, and says what that says.
func TestGroupIsJudged(t *testing.T) {
	waits := Problem{api.ReasonSnapshotPending, "the snapshot is not ready yet"}
	for name, c := range map[string]struct {
		group *Group
		prior api.VolumeRecord
		want  Problem
	}{
		"there is none yet": {nil, api.VolumeRecord{}, waits},
		"it was refused":    {nil, api.VolumeRecord{Reason: api.ReasonQuotaExceeded, Message: "exceeded quota"}, Problem{api.ReasonQuotaExceeded, "exceeded quota"}},
		"it is not ready":   {&Group{}, api.VolumeRecord{}, waits},
		"it is ready, and its snapshots are not marked yet": {&Group{Ready: true, Members: []Snapshot{member("1", false)}}, api.VolumeRecord{}, waits},
		"it is ready, and brought none of this volume":      {&Group{Target: Target{Name: "group"}, Ready: true}, api.VolumeRecord{}, Problem{api.ReasonGroupIncomplete, "group snapshot group is ready and has no snapshot of this volume"}},
		"the storage system says no":                        {&Group{Error: "busy"}, api.VolumeRecord{}, Problem{api.ReasonSnapshotError, "the storage system reports: busy"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := groupedPoint()
			o.Group = c.group
			if c.prior.Claim = "c1"; c.prior.Reason != "" {
				o.Point.Status.Volumes = []api.VolumeRecord{c.prior}
			}
			v := judge(o, groupStart)[0]
			if v.claim.Name != "c1" || v.state != api.VolumePending || v.problem != c.want || v.order {
				t.Errorf("it is %+v", v)
			}
			p := ForPoint(o, groupStart)
			if w := p.Waiting(); len(w) != 2 || w[0].Name != "c1" || w[1].Name != "c2" {
				t.Errorf("waiting are %+v", w)
			}
		})
	}
	o := groupedPoint()
	o.Snapshots = []Snapshot{member("1", true), member("2", true)}
	o.Group.Retain = true
	if p := ForPoint(o, groupStart); len(p.Waiting()) > 0 {
		t.Errorf("of a group that is captured %+v wait", p.Waiting())
	}
	o.Group = nil // somebody deleted it, and left what it brought
	if p := ForPoint(o, groupStart); len(p.Waiting()) > 0 {
		t.Errorf("of a group that is gone %+v wait", p.Waiting())
	}
	made := member("1", true)
	made.Content.VolumeHandle, made.Group = "", ""
	if bad := bindingProblem(made, o.Claims[0]); bad == nil || bad.Reason != api.ReasonBindingBroken {
		t.Errorf("a content that was made from no volume: %+v", bad)
	}
	if made.Group = "group"; bindingProblem(made, o.Claims[0]) != nil {
		t.Error("contents of a group do not say of what volume they are")
	}
}

// TestGroupContentIsRetainedOnceItHolds: the content of a group is switched once a part of it is ready, and no sooner.
func TestGroupContentIsRetainedOnceItHolds(t *testing.T) {
	for name, c := range map[string]struct {
		snapshots []Snapshot
		want      bool
	}{
		"nothing is ready": {nil, false},
		"one is ready":     {[]Snapshot{member("1", true)}, true},
		"both are ready":   {[]Snapshot{member("1", true), member("2", true)}, true},
	} {
		o := groupedPoint()
		o.Snapshots = c.snapshots
		p := ForPoint(o, groupStart.Add(time.Second))
		if (p.RetainGroup != nil) != c.want || p.Wake.Equal(groupStart) != c.want {
			t.Errorf("%s: %+v, and it wakes at %s", name, p.RetainGroup, p.Wake)
		}
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
	o.Snapshots = []Snapshot{member("1", true)}
	o.Snapshots[0].Ready, o.Snapshots[0].Content = false, nil
	if p := ForPoint(o, late); len(p.Delete) > 0 {
		t.Errorf("of a group that was counted %+v is deleted alone", p.Delete)
	}
	o.Point.Status.PointInTime, o.Snapshots, o.Group.Retain = nil, []Snapshot{member("1", true)}, true
	if p := ForPoint(o, late); p.DeleteGroup != nil {
		t.Error("a group of which a part was ready is deleted")
	}
	o.Snapshots = nil
	if p := ForPoint(o, late); !p.DeleteGroup.At.Equal(late) || !p.Wake.Equal(late.Add(groupLook)) {
		t.Errorf("its deletion was decided at %s, and is looked at again at %s", p.DeleteGroup.At, p.Wake)
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
