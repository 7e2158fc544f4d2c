// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// drawPoints draws points of a few hours, with any flags and any of three claims.
func drawPoints(t *rapid.T, most int) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for i := range rapid.IntRange(0, most).Draw(t, "points") {
		var claims []string
		for _, c := range []string{"data", "logs", "queue"} {
			if rapid.Bool().Draw(t, c) {
				claims = append(claims, c)
			}
		}
		var mods []testkit.Mod[api.RecoveryPoint]
		switch rapid.IntRange(0, 4).Draw(t, "state") {
		case 0:
			mods = append(mods, testkit.Capturing)
		case 1:
			mods = append(mods, testkit.Incomplete)
		}
		if rapid.IntRange(0, 4).Draw(t, "proven") == 0 {
			mods = append(mods, testkit.Proven)
		}
		if rapid.IntRange(0, 4).Draw(t, "held") == 0 {
			mods = append(mods, testkit.Held)
		}
		if rapid.IntRange(0, 5).Draw(t, "going") == 0 {
			mods = append(mods, testkit.Going)
		}
		out = append(out, testkit.Point(hour(i), claims, mods...))
	}
	return out
}

// countGood counts, for each claim, the complete points that hold it.
func countGood(points []*api.RecoveryPoint) map[string]int {
	n := map[string]int{}
	for _, p := range points {
		if Complete(p) {
			for _, c := range names.Members(p.Status.Capture.ClaimSet) {
				n[c]++
			}
		}
	}
	return n
}

// TestLawLastGoodOnesStay: whoever asks Held before each deletion, in whatever order points are told to go and are gone,
// never takes the last good ones of any claim. It kills: counting points that are on their way out as staying; counting
// over all claims at once; a floor of zero.
func TestLawLastGoodOnesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := drawPoints(t, 6)
		policy := testkit.Policy(func(b *api.BackupPolicy) {
			b.Spec.Retention.Minimum = int32(rapid.IntRange(0, 3).Draw(t, "minimum"))
		})
		floor := max(1, int(policy.Spec.Retention.Minimum))
		before := countGood(points)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			if len(points) == 0 {
				break
			}
			i := rapid.IntRange(0, len(points)-1).Draw(t, "which")
			p := points[i]
			if p.DeletionTimestamp.IsZero() && rapid.Bool().Draw(t, "tell it to go") {
				p.DeletionTimestamp = metaTime(noon)
				continue
			}
			if why := Held(p, policy, points); why != "" {
				continue
			}
			points = slices.Delete(slices.Clone(points), i, i+1)
			for claim, n := range before {
				if got := countGood(points)[claim]; got < min(n, floor) {
					t.Fatalf("%s went; of %d good points of a claim %d are left", p.Name, n, got)
				}
			}
			if p.Spec.Hold {
				t.Fatalf("%s went though it is on hold", p.Name)
			}
		}
	})
}

// TestLawSomethingMayAlwaysGo: among good points beyond the floor, Held lets the oldest go. It kills a Held that holds everything.
func TestLawSomethingMayAlwaysGo(t *testing.T) {
	for n := 2; n < 6; n++ {
		points := hourly(8, 8+n-1)
		if why := Held(points[0], testkit.Policy(), points); why != "" {
			t.Errorf("of %d points the oldest is held: %s", n, why)
		}
		testkit.Going(points[n-1])
		if why := Held(points[n-1], testkit.Policy(), points); why != "" {
			t.Errorf("of %d points the newest was told to go and is held, though others stay: %s", n, why)
		}
	}
}

func TestHeld(t *testing.T) {
	old, newest := testkit.Point(hour(9), both), testkit.Point(hour(10), both)
	minimum := func(n int32) testkit.Mod[api.BackupPolicy] {
		return func(b *api.BackupPolicy) { b.Spec.Retention.Minimum = n }
	}
	for _, c := range []struct {
		name     string
		point    *api.RecoveryPoint
		policy   *api.BackupPolicy
		siblings []*api.RecoveryPoint
		held     bool
	}{
		{"the only one", old, testkit.Policy(), []*api.RecoveryPoint{old}, true},
		{"one of two", old, testkit.Policy(), []*api.RecoveryPoint{old, newest}, false},
		{"one of two, and two must stay", old, testkit.Policy(minimum(2)), []*api.RecoveryPoint{old, newest}, true},
		{"the other is going", old, testkit.Policy(), []*api.RecoveryPoint{old, testkit.Point(hour(10), both, testkit.Going)}, true},
		{"both are going, the newer one waits", testkit.Point(hour(10), both, testkit.Going), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, testkit.Going), testkit.Point(hour(10), both, testkit.Going)}, true},
		{"both are going, the older one goes", testkit.Point(hour(9), both, testkit.Going), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, testkit.Going), testkit.Point(hour(10), both, testkit.Going)}, false},
		{"the other is incomplete", old, testkit.Policy(), []*api.RecoveryPoint{old, testkit.Point(hour(10), both, testkit.Incomplete)}, true},
		{"the other lacks a claim", old, testkit.Policy(), []*api.RecoveryPoint{old, testkit.Point(hour(10), []string{"data"})}, true},
		{"the other is of a namesake", old, testkit.Policy(), []*api.RecoveryPoint{old, testkit.Point(hour(10), both, ofOther)}, true},
		{"the newest proven one", testkit.Point(hour(9), both, testkit.Proven), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, testkit.Proven), newest}, true},
		{"an older proven one", testkit.Point(hour(9), both, testkit.Proven), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, testkit.Proven), testkit.Point(hour(10), both, testkit.Proven)}, false},
		{"on hold", testkit.Point(hour(9), both, testkit.Held), testkit.Policy(), []*api.RecoveryPoint{old, newest}, true},
		{"on hold, and its policy is pruned", testkit.Point(hour(9), both, testkit.Held), testkit.Policy(func(b *api.BackupPolicy) { b.DeletionTimestamp, b.Spec.OnDelete = metaTime(noon), api.OnDeletePrune }), nil, true},
		{"the only one, and its policy is pruned", old, testkit.Policy(func(b *api.BackupPolicy) { b.DeletionTimestamp, b.Spec.OnDelete = metaTime(noon), api.OnDeletePrune }), []*api.RecoveryPoint{old}, false},
		{"the only one, and its policy is deleted with Retain", old, testkit.Policy(func(b *api.BackupPolicy) { b.DeletionTimestamp = metaTime(noon) }), []*api.RecoveryPoint{old}, true},
		{"the only one, without a policy", old, nil, []*api.RecoveryPoint{old}, false},
		{"the only one, lost and copied", testkit.Point(hour(9), both, lost, hasCopy("a")), testkit.Policy(), nil, true},
		{"lost and copied, and the other was lost", testkit.Point(hour(9), both, lost, hasCopy("a")), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, lost, hasCopy("a")), testkit.Point(hour(10), both, lost)}, true},
		{"lost and copied, and a newer one is whole", testkit.Point(hour(9), both, lost, hasCopy("a")), testkit.Policy(), []*api.RecoveryPoint{testkit.Point(hour(9), both, lost, hasCopy("a")), newest}, false},
		{"the other lives on in its copies", old, testkit.Policy(), []*api.RecoveryPoint{old, testkit.Point(hour(10), both, hasCopy("a"), copiesOnly)}, false},
		{"an incomplete one", testkit.Point(hour(9), both, testkit.Incomplete), testkit.Policy(), []*api.RecoveryPoint{newest}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if why := Held(c.point, c.policy, c.siblings); (why != "") != c.held {
				t.Errorf("held: %q, want %t", why, c.held)
			}
		})
	}
}

// drawPolicy draws what may be observed of a policy.
func drawPolicy(t *rapid.T) PolicyObserved {
	o := seenPolicy(drawPoints(t, 8), func(b *api.BackupPolicy) {
		b.Generation = int64(rapid.IntRange(1, 9).Draw(t, "generation"))
		b.Spec.Suspend = rapid.IntRange(0, 5).Draw(t, "suspend") == 0
		b.Spec.Retention = api.Retention{Last: int32(rapid.IntRange(0, 3).Draw(t, "last")), Daily: 1, Minimum: int32(rapid.IntRange(0, 3).Draw(t, "minimum"))}
		b.Spec.Schedule.Cron = rapid.SampledFrom([]string{"0 * * * *", "*/7 * * * *", "0 0 31 2 *", "99 99 * * *"}).Draw(t, "cron")
	})
	o.Cluster.Snapshots = rapid.IntRange(0, 5).Draw(t, "no snapshots") > 0
	o.NamespaceTerminating = rapid.IntRange(0, 9).Draw(t, "terminating") == 0
	if rapid.IntRange(0, 5).Draw(t, "no claims") == 0 {
		o.Claims = nil
	}
	return o
}

// TestLawPolicyPlans: whatever is observed, a plan states what it must, contradicts itself nowhere, and once its status is
// written the next plan at that instant writes nothing. It kills: a condition left out on some path; Stalled beside
// Reconciling; a status that is never at rest; an expiry that was not shown.
func TestLawPolicyPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawPolicy(t)
		at := hour(7).Add(time.Duration(rapid.IntRange(0, 12*3600).Draw(t, "seconds")) * time.Second)
		for range 3 {
			p := ForPolicy(o, at)
			if again := ForPolicy(o, at); !reflect.DeepEqual(p, again) {
				t.Fatalf("the same input gives two plans:\n%+v\n%+v", p, again)
			}
			lawfulConditions(t, p.Status.Conditions, o.Policy.Status.Conditions, o.Policy.Generation, api.ConditionReady, api.ConditionProtected)
			if !p.Wake.IsZero() && p.Wake.Before(at) {
				t.Fatalf("it wakes in the past, at %s", p.Wake)
			}
			for _, e := range p.Expire {
				if !slices.ContainsFunc(o.Policy.Status.Expiring, func(s api.ExpiringPoint) bool { return s.UID == e.UID && !s.At.After(at) }) {
					t.Fatalf("%s goes without having been shown", e.Name)
				}
			}
			if n := len(p.Expire); n > 0 && (o.Policy.Spec.Suspend || !o.Cluster.Snapshots || o.NamespaceTerminating) {
				t.Fatalf("%d points go though all is frozen", n)
			}
			o.Policy = o.Policy.DeepCopy()
			o.Policy.Status = p.Status
			at = at.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "passes")) * time.Second)
		}
		rest := ForPolicy(o, at)
		o.Policy = o.Policy.DeepCopy()
		o.Policy.Status = rest.Status
		if rest.Take == nil {
			if after := ForPolicy(o, at); !equality.Semantic.DeepEqual(after.Status, rest.Status) {
				t.Fatalf("the status is never at rest:\n%s\n%s", asJSON(rest.Status), asJSON(after.Status))
			}
		}
	})
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// lawfulConditions are those of every kind: see package conditions.
func lawfulConditions(t *rapid.T, now, before []metav1.Condition, generation int64, must ...string) {
	for _, kind := range must {
		if meta.FindStatusCondition(now, kind) == nil {
			t.Fatalf("%s is not stated", kind)
		}
	}
	seen := map[string]bool{}
	for _, c := range now {
		if seen[c.Type] {
			t.Fatalf("%s is stated twice", c.Type)
		}
		seen[c.Type] = true
		if c.ObservedGeneration != generation {
			t.Fatalf("%s speaks of generation %d, want %d", c.Type, c.ObservedGeneration, generation)
		}
		if c.Reason == "" || len(c.Message) > 1024 {
			t.Fatalf("%s has reason %q and a message of %d bytes", c.Type, c.Reason, len(c.Message))
		}
		if was := meta.FindStatusCondition(before, c.Type); was != nil && was.Status == c.Status && !was.LastTransitionTime.Equal(&c.LastTransitionTime) {
			t.Fatalf("%s did not change and its transition time did", c.Type)
		}
		if (c.Type == api.ConditionStalled || c.Type == api.ConditionReconciling) && c.Status != metav1.ConditionTrue {
			t.Fatalf("%s is there and not True", c.Type)
		}
	}
	if seen[api.ConditionStalled] && seen[api.ConditionReconciling] {
		t.Fatal("Stalled and Reconciling are stated together")
	}
}

// TestLawPointPlans: the same for points, along a capture in which anything may happen. It kills: an act before the capture
// was frozen; a deletion of what is ready; a complete point with less than all its volumes; a capture that outlives its deadline.
func TestLawPointPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := seenPoint(func(o *PointObserved) {
			o.Point.Generation = 3
			if rapid.IntRange(0, 3).Draw(t, "hooks") == 0 {
				o.Policy.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{{Name: "one", When: api.HookBefore}, {Name: "two", When: api.HookAfter}}}
			}
			if rapid.IntRange(0, 3).Draw(t, "waits") == 0 {
				o.Siblings = append(o.Siblings, testkit.Point(noon.Add(-9*time.Minute), both, testkit.Capturing))
			}
		})
		at := noon
		for range rapid.IntRange(1, 12).Draw(t, "passes") {
			p := ForPoint(o, at)
			var done Done
			for _, h := range p.Hooks {
				done.Hooks = append(done.Hooks, api.HookRecord{Name: h.Name, State: rapid.SampledFrom([]api.HookState{api.HookSucceeded, api.HookFailed}).Draw(t, "hook")})
			}
			lawfulPointPlan(t, o, p, at)
			before := o.Point.Status
			o.Point = o.Point.DeepCopy()
			o.Point.Status = p.Status(o, done, at)
			lawfulConditions(t, o.Point.Status.Conditions, before.Conditions, 3, api.ConditionComplete)
			lawfulPoint(t, o, before, at)
			if before.Capture != nil && !reflect.DeepEqual(before.Capture, o.Point.Status.Capture) {
				t.Fatal("what was frozen has changed")
			}
			o = drawProgress(t, o, p)
			at = at.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
		}
	})
}

func lawfulPointPlan(t *rapid.T, o PointObserved, p PointPlan, at time.Time) {
	acts := len(p.Create) + len(p.Hooks) + len(p.Retain) + len(p.Delete)
	if o.Point.Status.Capture == nil && acts > 0 {
		t.Fatal("it acts before the capture is frozen")
	}
	if len(p.Hooks) > 0 && len(p.Create) > 0 {
		t.Fatal("it asks for snapshots while hooks are due")
	}
	if c := o.Point.Status.Capture; c != nil && len(p.Create) > 0 && !at.Before(c.Deadline.Time) {
		t.Fatal("it asks for snapshots beyond the deadline")
	}
	for _, d := range p.Delete {
		for _, s := range o.Snapshots {
			if s.UID == d.Snapshot.UID && (s.Ready || !Finished(o.Point) || d.Version != s.Version) {
				t.Fatalf("it deletes %s, ready: %t, ended: %t, at version %q", s.Name, s.Ready, Finished(o.Point), d.Version)
			}
		}
	}
}

func lawfulPoint(t *rapid.T, o PointObserved, before api.RecoveryPointStatus, at time.Time) {
	good := 0
	for _, s := range o.Snapshots {
		if s.Ready && !s.Deleting && s.Content != nil && s.Content.RefUID == s.UID && s.Content.Ready {
			good++
		}
	}
	if Complete(o.Point) && good < 2 {
		t.Fatalf("the point is complete with %d of 2 volumes", good)
	}
	c := o.Point.Status.Capture
	if c != nil && !Finished(o.Point) && !at.Before(c.Deadline.Time) && len(openHooks(o.Point, api.HookAfter)) == 0 {
		t.Fatal("the capture outlives its deadline")
	}
	if before.FinishedAt != nil && !before.FinishedAt.Equal(o.Point.Status.FinishedAt) {
		t.Fatal("the end of the capture has moved")
	}
	if before.PointInTime != nil && before.PointInTime.Before(o.Point.Status.PointInTime) {
		t.Fatal("the point in time has moved forward")
	}
}

// drawProgress lets the cluster go on: what was ordered may come, become ready, break, or go.
func drawProgress(t *rapid.T, o PointObserved, p PointPlan) PointObserved {
	o.Snapshots = slices.Clone(o.Snapshots)
	for _, c := range p.Create {
		if rapid.IntRange(0, 3).Draw(t, "comes") > 0 {
			o.Snapshots = append(o.Snapshots, snapshotOf(o, c.Claim.Name, unready))
		}
	}
	for i := range o.Snapshots {
		s := &o.Snapshots[i]
		switch rapid.IntRange(0, 7).Draw(t, "happens to "+s.Claim) {
		case 0, 1, 2:
			*s = snapshotOf(o, s.Claim)
			s.Content.Retain = rapid.Bool().Draw(t, "retained")
		case 3:
			s.Error = "busy"
		case 4:
			s.Content = nil
		case 5:
			s.Content = &Content{Name: "forged", UID: "f", RefUID: "somebody", Ready: true, SnapshotHandle: "x", Driver: "a"}
		case 6:
			s.Deleting = rapid.Bool().Draw(t, "deleting")
		}
		if s.Content == nil {
			s.Ready = false
			s.Content = nil
		}
	}
	if len(o.Snapshots) > 0 && rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
		o.Snapshots = o.Snapshots[1:]
	}
	return o
}

// TestStatusStaysSmall: a thousand volumes with the longest names fit into either kind, whatever is wrong with them.
func TestStatusStaysSmall(t *testing.T) {
	const volumes, most = 1000, 32 << 10
	long := func(i int) string { return fmt.Sprintf("%0253d", i) }
	var claims []Claim
	var missing []string
	for i := range volumes {
		claims = append(claims, Claim{Name: long(i), UID: fmt.Sprintf("%036d", i), Bound: true, StorageClass: long(i), Driver: strings.Repeat("d", 253), Handle: long(i)})
		missing = append(missing, strings.Repeat("m", 245)+fmt.Sprintf("%08d", i))
	}
	seen := seenPolicy(nil)
	seen.Claims = claims
	o := seenPoint(func(o *PointObserved) { o.Claims = claims })
	o.Cluster.Classes = nil // each has a problem of its own, with a long message
	small := func(t *testing.T, status any) {
		t.Helper()
		if n := len(asJSON(status)); n >= most {
			t.Errorf("the status takes %d bytes, want less than %d", n, most)
		}
	}
	t.Run("a policy in which each volume has a problem", func(t *testing.T) {
		seen.Cluster.Classes = nil
		small(t, ForPolicy(seen, noon).Status)
	})
	t.Run("a policy whose claims are all missing", func(t *testing.T) {
		seen.Policy.Spec.Volumes = api.VolumeSelection{Claims: missing}
		small(t, ForPolicy(seen, noon).Status)
	})
	t.Run("a point in which each volume fails", func(t *testing.T) {
		l := next(o, noon, Done{})
		small(t, l.Point.Status)
		l = next(l, noon.Add(20*time.Second), Done{})
		small(t, l.Point.Status)
	})
	t.Run("a point in which each volume is captured", func(t *testing.T) {
		l := o
		l.Cluster.Classes = []Class{{Name: "a", Driver: strings.Repeat("d", 253), Default: true}}
		l = next(l, noon, Done{})
		for _, c := range claims {
			l.Snapshots = append(l.Snapshots, Snapshot{Name: names.Snapshot(c.Name, "policy-1", c.UID, l.Point.Status.Capture.Run), UID: c.UID, Claim: c.Name, ClaimUID: c.UID,
				Ready: true, Cut: noon, ContentRef: long(0), Content: &Content{Name: long(0), RefUID: c.UID, VolumeHandle: c.Handle, Ready: true, SnapshotHandle: "h", Driver: c.Driver, Retain: true, PointUID: string(o.Point.UID)}})
		}
		l = next(l, noon.Add(time.Second), Done{})
		if !Complete(l.Point) {
			t.Fatalf("the point is not complete: %+v", l.Point.Status.Conditions)
		}
		small(t, l.Point.Status)
	})
	t.Run("a point whose claims are all missing", func(t *testing.T) {
		l := o
		l.Policy = testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Volumes = api.VolumeSelection{Claims: missing} })
		l = next(l, noon, Done{})
		small(t, next(l, noon, Done{}).Point.Status)
	})
	t.Run("a policy with a thousand points that expire", func(t *testing.T) {
		l := seenPolicy(nil)
		for i := range volumes {
			l.Points = append(l.Points, testkit.Point(noon.Add(-time.Duration(i)*time.Hour), both))
		}
		small(t, ForPolicy(l, noon).Status)
	})
}
