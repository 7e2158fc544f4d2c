// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// seenPoint is the point of the slot at noon, with the claims data and logs, as it is before its capture is frozen.
func seenPoint(mods ...func(*PointObserved)) PointObserved {
	p := testkit.Point(noon, both)
	p.Status = api.RecoveryPointStatus{}
	o := PointObserved{
		Point: p, Policy: testkit.Policy(), Siblings: []*api.RecoveryPoint{p},
		Claims:   []Claim{claim("data"), claim("logs")},
		Cluster:  Cluster{Snapshots: true, Classes: []Class{{Name: "a", Driver: "a", Default: true}}},
		Settings: Settings{Grace: time.Hour, HooksEnabled: true, Retain: true},
	}
	for _, m := range mods {
		m(&o)
	}
	return o
}

// next carries a plan out in the status alone, and gives the plan that follows.
func next(o PointObserved, at time.Time, done Done) PointObserved {
	p := ForPoint(o, at)
	o.Point = o.Point.DeepCopy()
	o.Point.Status = p.Status(o, done, at)
	return o
}

// frozen is the point once its capture is frozen.
func frozen(mods ...func(*PointObserved)) PointObserved {
	return next(seenPoint(mods...), noon, Done{})
}

// snapshotOf is a snapshot of the point of a claim, ready and bound both ways.
func snapshotOf(o PointObserved, name string, mods ...func(*Snapshot)) Snapshot {
	c := o.Point.Status.Capture
	n := names.Snapshot(name, c.PolicyUID, testkit.ClaimUID(name), c.Run)
	s := Snapshot{
		Name: n, UID: "vs-" + name, Version: "7", Claim: name, ClaimUID: testkit.ClaimUID(name), PolicyUID: c.PolicyUID,
		PointUID: string(o.Point.UID), Ready: true, Cut: noon.Add(2 * time.Second), ContentRef: "content-" + name,
		Content: &Content{Name: "content-" + name, UID: "vsc-" + name, Driver: "a", VolumeHandle: "vol-" + name,
			SnapshotHandle: "snap-" + name, RefUID: "vs-" + name, PointUID: string(o.Point.UID), Retain: true, Ready: true},
	}
	for _, m := range mods {
		m(&s)
	}
	return s
}

func unready(s *Snapshot) {
	s.Ready, s.Cut, s.Content.Ready, s.Content.SnapshotHandle, s.Content.PointUID = false, time.Time{}, false, "", ""
}

func orderedClaims(p PointPlan) (out []string) {
	for _, c := range p.Create {
		out = append(out, c.Claim.Name)
	}
	return out
}

func TestFreezeWritesDownBeforeItActs(t *testing.T) {
	o := seenPoint(func(o *PointObserved) {
		o.Policy.Spec.Snapshot = &api.SnapshotOptions{Timeout: &metav1.Duration{Duration: time.Minute}}
	})
	first := ForPoint(o, noon)
	if len(first.Create)+len(first.Hooks)+len(first.Retain)+len(first.Delete) > 0 {
		t.Fatalf("the first pass acts: %+v", first)
	}
	o = next(o, noon, Done{})
	c := o.Point.Status.Capture
	if c == nil || c.Volumes != 2 || !c.Deadline.Time.Equal(noon.Add(time.Minute)) || c.PolicyUID != "policy-1" {
		t.Fatalf("the capture is frozen as %+v", c)
	}
	if s := o.Point.Status; s.Trigger != api.TriggerSchedule || s.Consistency != api.ConsistencyCrash || s.Progress != "0/2" {
		t.Errorf("it is said to be %s, %s, %s", s.Trigger, s.Consistency, s.Progress)
	}
	manual := frozen(func(o *PointObserved) { o.Point.Spec.Slot = nil })
	if s := manual.Point.Status; s.Trigger != api.TriggerManual || s.Capture.Run != string(manual.Point.UID) {
		t.Errorf("one that a user made is said to be %s, run %s", s.Trigger, s.Capture.Run)
	}
	// The policy is edited, a claim comes, and the run goes on as it was frozen.
	o.Policy = testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Volumes = api.VolumeSelection{Claims: []string{"other"}} })
	o.Claims = append(o.Claims, claim("other"))
	p := ForPoint(o, noon.Add(time.Second))
	if got := orderedClaims(p); !slices.Equal(got, both) {
		t.Errorf("captures %v, want the claims that were frozen", got)
	}
	if !p.Wake.Equal(noon.Add(15 * time.Second)) {
		t.Errorf("wakes at %s", p.Wake)
	}
	if late := ForPoint(o, noon.Add(20*time.Second)); !late.Wake.Equal(c.Deadline.Time) {
		t.Errorf("then it wakes at %s", late.Wake)
	}
}

func TestWhatAPointWaitsFor(t *testing.T) {
	sibling := func(created time.Time, mods ...testkit.Mod[api.RecoveryPoint]) func(*PointObserved) {
		return func(o *PointObserved) { o.Siblings = append(o.Siblings, testkit.Point(created, both, mods...)) }
	}
	waiting := func(p *api.RecoveryPoint) { p.Status = api.RecoveryPointStatus{} }
	for _, c := range []struct {
		name string
		mod  func(*PointObserved)
		want string
	}{
		{"nothing", func(*PointObserved) {}, api.ReasonCapturing},
		{"a finished point is no hindrance", sibling(hour(11)), api.ReasonCapturing},
		{"one that is being captured", sibling(noon.Add(-5*time.Minute), testkit.Capturing), api.ReasonWaitingForOtherPoint},
		{"one that is being captured, and was asked for afterwards", func(o *PointObserved) {
			sibling(noon.Add(time.Minute), testkit.Capturing)(o)
		}, api.ReasonWaitingForOtherPoint},
		{"one that is stuck is no hindrance past its deadline", sibling(hour(11), testkit.Capturing), api.ReasonCapturing},
		{"one that was asked for before", sibling(noon.Add(-time.Minute), waiting), api.ReasonWaitingForOtherPoint},
		{"one that was asked for afterwards", sibling(noon.Add(time.Minute), waiting), api.ReasonCapturing},
		{"one that is being deleted is no hindrance", sibling(noon.Add(-time.Minute), testkit.Capturing, testkit.Going), api.ReasonCapturing},
		{"a policy, and a scheduled point does not wait for it", func(o *PointObserved) { o.Policy = nil }, api.ReasonPolicyNotFound},
		{"a policy, and a point that a user made waits for it", func(o *PointObserved) { o.Policy, o.Point.Spec.Slot = nil, nil }, api.ReasonPolicyNotFound},
		{"a policy that is being deleted", func(o *PointObserved) { o.Policy.DeletionTimestamp = metaTime(noon) }, api.ReasonPolicyNotFound},
		{"the namespace goes", func(o *PointObserved) { o.NamespaceTerminating = true }, api.ReasonNamespaceTerminating},
		{"a slot that it made up", func(o *PointObserved) { o.Point.Spec.Slot = metaTime(hour(13)) }, api.ReasonInvalidSlot},
		{"no claims", func(o *PointObserved) { o.Claims = nil }, api.ReasonPolicySelectsNothing},
		{"hooks that are not allowed", func(o *PointObserved) {
			o.Settings.HooksEnabled = false
			o.Policy.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{{Name: "h", When: api.HookBefore}}}
		}, api.ReasonHooksDisabled},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := next(seenPoint(c.mod), noon, Done{})
			k := meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionComplete)
			if k == nil || k.Status != metav1.ConditionFalse || k.Reason != c.want {
				t.Errorf("Complete is %v, want False for %s", k, c.want)
			}
			if c.want != api.ReasonCapturing && o.Point.Status.Capture != nil && !Finished(o.Point) {
				t.Error("it started all the same")
			}
			ends := c.want == api.ReasonPolicySelectsNothing || c.want == api.ReasonHooksDisabled || (c.want == api.ReasonPolicyNotFound && o.Point.Spec.Slot != nil)
			if Finished(o.Point) != ends {
				t.Errorf("it has ended: %t", !ends)
			}
			if c.want == api.ReasonPolicySelectsNothing && (o.Point.Status.Capture == nil || PolicyUID(o.Point) != "policy-1") {
				t.Error("it is forgotten of which policy it was")
			}
			first := ForPoint(seenPoint(c.mod), noon)
			if ends != (len(first.Notes) == 1 && first.Notes[0].Warning && first.Notes[0].Reason == c.want) {
				t.Errorf("told is %+v", first.Notes)
			}
			waits := c.want == api.ReasonWaitingForOtherPoint
			if passes := waits || c.want == api.ReasonCapturing; meta.IsStatusConditionTrue(o.Point.Status.Conditions, api.ConditionReconciling) != passes ||
				meta.IsStatusConditionTrue(o.Point.Status.Conditions, api.ConditionStalled) == passes {
				t.Errorf("it passes by itself: %t, and it says %+v", passes, o.Point.Status.Conditions)
			}
			if first.Wake.Equal(noon.Add(DefaultTimeout)) != waits {
				t.Errorf("it wakes at %s", first.Wake)
			}
			if again := next(o, noon, Done{}); ends && !reflect.DeepEqual(again.Point.Status, o.Point.Status) {
				t.Errorf("its reason does not stand: %+v", again.Point.Status)
			}
		})
	}
}

// TestPointFinalizerComesFirst: nothing is written down, and so nothing made, before the finalizer is there that removes it.
func TestPointFinalizerComesFirst(t *testing.T) {
	o := seenPoint(func(o *PointObserved) { o.Point.Finalizers = nil })
	p := ForPoint(o, noon)
	if p.Finalizer != FinalizerAdd || len(p.Create) > 0 || p.status.Capture != nil {
		t.Errorf("it does %+v", p)
	}
}

// TestTwoPointsNeverWaitForEachOther: of any two that wait, one may start.
func TestTwoPointsNeverWaitForEachOther(t *testing.T) {
	a, b := seenPoint(), seenPoint()
	b.Point = testkit.Point(noon, both, func(p *api.RecoveryPoint) {
		p.Name, p.UID, p.Spec.Slot, p.Status = "now", "u-now", nil, api.RecoveryPointStatus{}
	})
	all := []*api.RecoveryPoint{a.Point, b.Point}
	a.Siblings, b.Siblings = all, all
	if x, y := ahead(a, noon), ahead(b, noon); x != "now" || y != "" { // asked for in the same second: by name
		t.Errorf("the one waits for %q and the other for %q", x, y)
	}
}

func TestJudgement(t *testing.T) {
	late := noon.Add(11 * time.Minute)
	type change = func(*Snapshot)
	for _, c := range []struct {
		name   string
		change change
		at     time.Time
		state  api.VolumeState
		reason string
	}{
		{"ready and bound both ways", func(*Snapshot) {}, noon, api.VolumeCaptured, ""},
		{"not ready", unready, noon, api.VolumePending, api.ReasonSnapshotPending},
		{"not ready again, while the capture runs", func(s *Snapshot) { unready(s); s.Content.PointUID = "point" }, noon, api.VolumePending, api.ReasonSnapshotPending},
		{"not ready at the deadline", unready, late, api.VolumeFailed, api.ReasonSnapshotTimedOut},
		{"an error may pass", func(s *Snapshot) { unready(s); s.Error = "busy" }, noon, api.VolumePending, api.ReasonSnapshotError},
		{"until the deadline", func(s *Snapshot) { unready(s); s.Error = "busy" }, late, api.VolumeFailed, api.ReasonSnapshotError},
		{"content not seen yet", func(s *Snapshot) { s.Content = nil }, noon, api.VolumePending, api.ReasonSnapshotPending},
		{"content points at another snapshot", func(s *Snapshot) { s.Content.RefUID = "forged" }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"and still does at the deadline", func(s *Snapshot) { s.Content.RefUID = "forged" }, late, api.VolumeFailed, api.ReasonBindingBroken},
		{"content of another driver", func(s *Snapshot) { s.Content.Driver = "b" }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"content of another volume", func(s *Snapshot) { s.Content.VolumeHandle = "vol-of-somebody-else" }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"content not ready", func(s *Snapshot) { s.Content.Ready = false }, noon, api.VolumePending, api.ReasonSnapshotPending},
		{"content without a handle", func(s *Snapshot) { s.Content.SnapshotHandle = "" }, noon, api.VolumePending, api.ReasonSnapshotPending},
		{"content not ready, of another snapshot", func(s *Snapshot) { s.Content.Ready, s.Content.RefUID = false, "forged" }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"content not ready, and on its way out", func(s *Snapshot) { s.Content.Ready, s.Content.Deleting = false, true }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"content on its way out", func(s *Snapshot) { s.Content.Deleting = true }, noon, api.VolumePending, api.ReasonBindingBroken},
		{"snapshot on its way out", func(s *Snapshot) { s.Deleting = true }, noon, api.VolumeFailed, api.ReasonRecoveryPointVanished},
		{"not retained yet", func(s *Snapshot) { s.Content.Retain = false }, noon, api.VolumePending, api.ReasonRetainPending},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := frozen()
			o.Snapshots = []Snapshot{snapshotOf(o, "data", c.change), snapshotOf(o, "logs")}
			for _, v := range judge(o, c.at) {
				if v.claim.Name == "data" && (v.state != c.state || v.problem.Reason != c.reason) {
					t.Errorf("data is %s for %q, want %s for %q", v.state, v.problem.Reason, c.state, c.reason)
				}
				if v.claim.Name == "logs" && v.state != api.VolumeCaptured {
					t.Errorf("logs is %s for %s: a neighbour's trouble is not its own", v.state, v.problem.Reason)
				}
			}
			o = next(o, c.at, Done{})
			if complete := Complete(o.Point); complete != (c.state == api.VolumeCaptured) {
				t.Errorf("the point is complete: %t", complete)
			}
			if Finished(o.Point) != (c.state != api.VolumePending) {
				t.Errorf("the capture has ended: %t", Finished(o.Point))
			}
		})
	}
}

func TestSnapshotsThatAreOrdered(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*PointObserved)
		at   time.Time
		want []string
	}{
		{"all that are missing", func(*PointObserved) {}, noon, both},
		{"not those that are there", func(o *PointObserved) { o.Snapshots = []Snapshot{snapshotOf(*o, "data", unready)} }, noon, []string{"logs"}},
		{"none while one of the claim is unready", func(o *PointObserved) { o.Unready = map[string]string{testkit.ClaimUID("data"): "older"} }, noon, []string{"logs"}},
		{"none beyond the deadline", func(*PointObserved) {}, noon.Add(10 * time.Minute), nil},
		{"none before what was refused may be tried again", func(o *PointObserved) { o.RetryAt = noon.Add(time.Second) }, noon, nil},
		{"none of a claim that went", func(o *PointObserved) { o.Claims = o.Claims[1:] }, noon, []string{"logs"}},
		{"none of a claim of that name that was made anew", func(o *PointObserved) { o.Claims[0].UID = "new" }, noon, []string{"logs"}},
		{"none that cannot be captured", func(o *PointObserved) { o.Claims[0].Driver = "" }, noon, []string{"logs"}},
		{"none without the snapshot API", func(o *PointObserved) { o.Cluster = Cluster{} }, noon, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := frozen()
			o.Claims = slices.Clone(o.Claims)
			c.mod(&o)
			p := ForPoint(o, c.at)
			if got := orderedClaims(p); !slices.Equal(got, c.want) {
				t.Errorf("orders snapshots of %v, want %v", got, c.want)
			}
			for _, s := range p.Create {
				if s.Class != "a" {
					t.Errorf("of class %q", s.Class)
				}
			}
			if !o.RetryAt.IsZero() && !p.Wake.Equal(o.RetryAt) {
				t.Errorf("it wakes at %s", p.Wake)
			}
		})
	}
}

// TestCleaningUp: once the capture has ended, what is not ready goes, at the version that was seen, and what holds data stays.
func TestCleaningUp(t *testing.T) {
	late := noon.Add(11 * time.Minute)
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data", unready), snapshotOf(o, "logs")}
	if p := ForPoint(o, noon.Add(time.Minute)); len(p.Delete) > 0 {
		t.Fatalf("before the deadline it deletes %v", p.Delete)
	}
	o = next(o, late, Done{})
	p := ForPoint(o, late)
	if len(p.Delete) != 1 || p.Delete[0].Snapshot.UID != "vs-data" || p.Delete[0].Version != "7" {
		t.Fatalf("it deletes %+v, want vs-data at version 7", p.Delete)
	}
	if !p.Delete[0].At.Equal(late) || !p.Wake.Equal(late.Add(nudgeAfter)) {
		t.Errorf("decided at %s, it is looked at again at %s", p.Delete[0].At, p.Wake)
	}
	for since, wait := range map[time.Duration]time.Duration{10 * time.Second: nudgeAfter, time.Minute: 30 * time.Second} {
		slow := o
		slow.Snapshots = slices.Clone(o.Snapshots)
		content := *slow.Snapshots[0].Content
		content.DeletingSince = late.Add(-since)
		slow.Snapshots[0].Content = &content
		if p := ForPoint(slow, late); !p.Wake.Equal(late.Add(wait)) {
			t.Errorf("after %s of deletion it is looked at again at %s", since, p.Wake)
		}
	}
	o.Snapshots[0] = snapshotOf(o, "data") // it became ready after all
	if p := ForPoint(o, late); len(p.Delete) > 0 {
		t.Errorf("it deletes %v, which became ready", p.Delete)
	}
	if o = next(o, late, Done{}); !Complete(o.Point) {
		t.Error("what became ready late does not count")
	}
	o.Snapshots[0].Ready = false // and then it is said not to be
	if p := ForPoint(o, late); len(p.Delete) > 0 {
		t.Errorf("it deletes %v, which holds data", p.Delete)
	}
	o = next(o, late, Done{})
	if o.Point.Status.Volumes[0].Reason != api.ReasonReadinessRegressed {
		t.Errorf("it says %s", o.Point.Status.Volumes[0].Reason)
	}
	if p := ForPoint(o, late); len(p.Delete) > 0 {
		t.Errorf("a pass later it deletes %v, which holds data", p.Delete)
	}
}

// TestReasonSurvivesTheCleanup: while what timed out is being deleted, and once it is gone, the point says that it timed out.
func TestReasonSurvivesTheCleanup(t *testing.T) {
	late := noon.Add(11 * time.Minute)
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data", unready), snapshotOf(o, "logs")}
	o = next(o, late, Done{})
	o.Snapshots[0].Deleting = true
	o = next(o, late, Done{})
	o.Snapshots = o.Snapshots[1:]
	o = next(o, late, Done{})
	if r := o.Point.Status.Volumes[0]; r.Claim != "data" || r.Reason != api.ReasonSnapshotTimedOut {
		t.Errorf("%s says %s", r.Claim, r.Reason)
	}
}

func TestVanished(t *testing.T) {
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon, Done{})
	if !Complete(o.Point) {
		t.Fatal("the point is not complete")
	}
	notReady := func(edit func(*Content)) func(*PointObserved) {
		return func(o *PointObserved) {
			k := *o.Snapshots[0].Content
			edit(&k)
			o.Snapshots[0].Content = &k
		}
	}
	for name, c := range map[string]struct {
		lose         func(*PointObserved)
		reason, says string
	}{
		"the snapshot":       {func(o *PointObserved) { o.Snapshots = o.Snapshots[1:] }, api.ReasonRecoveryPointVanished, "the VolumeSnapshot is gone"},
		"the content":        {func(o *PointObserved) { o.Snapshots[0].Content = nil }, api.ReasonRecoveryPointVanished, "the VolumeSnapshotContent is gone"},
		"it is being lost":   {func(o *PointObserved) { o.Snapshots[0].Deleting = true }, api.ReasonRecoveryPointVanished, "the VolumeSnapshot is being deleted"},
		"its claim, and it":  {func(o *PointObserved) { o.Claims, o.Snapshots = o.Claims[1:], o.Snapshots[1:] }, api.ReasonRecoveryPointVanished, "the VolumeSnapshot is gone"},
		"what it points at ": {func(o *PointObserved) { o.Snapshots[0].Content = &Content{Name: "x", RefUID: "y"} }, api.ReasonBindingBroken, "does not point back"},
		"a content that was": {notReady(func(k *Content) { k.Ready = false }), api.ReasonBindingBroken, "is not ready"},
		"what it is called":  {notReady(func(k *Content) { k.SnapshotHandle = "" }), api.ReasonBindingBroken, "is not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			l := o
			l.Snapshots = slices.Clone(o.Snapshots)
			c.lose(&l)
			l = next(l, noon.Add(time.Hour), Done{})
			if Complete(l.Point) {
				t.Error("the point is still complete")
			}
			if v := l.Point.Status.Volumes[0]; v.Claim != "data" || v.Reason != c.reason || !strings.Contains(v.Message, c.says) {
				t.Errorf("it says of %s %s: %s", v.Claim, v.Reason, v.Message)
			}
			if l.Point.Status.PointInTime == nil || !l.Point.Status.PointInTime.Time.Equal(noon.Add(2*time.Second)) {
				t.Errorf("its point in time moved to %s", l.Point.Status.PointInTime)
			}
		})
	}
	t.Run("only the claim", func(t *testing.T) {
		l := o
		l.Claims = nil
		if l = next(l, noon.Add(time.Hour), Done{}); !Complete(l.Point) {
			t.Errorf("without its claims the point is not complete: %+v", l.Point.Status.Conditions)
		}
	})
	t.Run("the snapshot API", func(t *testing.T) {
		l := o
		l.Cluster, l.Snapshots = Cluster{}, nil
		l = next(l, noon.Add(time.Hour), Done{})
		if k := meta.FindStatusCondition(l.Point.Status.Conditions, api.ConditionComplete); k.Status != metav1.ConditionUnknown {
			t.Errorf("what cannot be looked at is %s", k.Status)
		}
		if !reflect.DeepEqual(l.Point.Status.Volumes, o.Point.Status.Volumes) {
			t.Errorf("of what cannot be looked at it says %+v", l.Point.Status.Volumes)
		}
	})
}

func TestPointInTimeIsTheOldest(t *testing.T) {
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data", func(s *Snapshot) { s.Cut = noon.Add(9 * time.Second) }), snapshotOf(o, "logs", func(s *Snapshot) { s.Cut = noon.Add(4 * time.Second) })}
	if o = next(o, noon.Add(time.Minute), Done{}); !o.Point.Status.PointInTime.Time.Equal(noon.Add(4 * time.Second)) {
		t.Errorf("the point in time is %s, want that of the older snapshot", o.Point.Status.PointInTime)
	}
	cut := func(data, logs int) func(*PointObserved) {
		return func(o *PointObserved) {
			at := func(s int) func(*Snapshot) {
				return func(k *Snapshot) { k.Cut = noon.Add(time.Duration(s) * time.Second) }
			}
			o.Snapshots = []Snapshot{snapshotOf(*o, "data", at(data)), snapshotOf(*o, "logs", at(logs))}
		}
	}
	for name, c := range map[string]struct {
		mod  func(*PointObserved)
		want int
	}{
		"once stated it stays":                  {cut(9, 7), 4},
		"an older one that is told late counts": {cut(2, 7), 2},
		"it stays when all is lost":             {func(o *PointObserved) { o.Snapshots = nil }, 4},
		"what is not captured does not count":   {func(o *PointObserved) { cut(2, 7)(o); o.Snapshots[0].Content.RefUID = "forged" }, 4},
	} {
		l := o
		c.mod(&l)
		if got := next(l, noon.Add(time.Hour), Done{}).Point.Status.PointInTime; !got.Time.Equal(noon.Add(time.Duration(c.want) * time.Second)) {
			t.Errorf("%s: it is %s", name, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	refuse := func(final bool) Done {
		return Done{Refused: Refusals{testkit.ClaimUID("data"): {Problem{api.ReasonQuotaExceeded, "exceeded quota"}, final}}}
	}
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "logs")}
	if passing := next(o, noon, refuse(false)); Finished(passing.Point) {
		t.Error("a refusal that may pass ends the capture")
	}
	final := next(o, noon, refuse(true))
	if !Finished(final.Point) || Complete(final.Point) {
		t.Fatal("a refusal that will not pass does not end the capture")
	}
	if v := final.Point.Status.Volumes[0]; v.Claim != "data" || v.State != api.VolumeFailed {
		t.Errorf("the worst does not come first: %+v", v)
	}
	o.Snapshots = []Snapshot{snapshotOf(o, "data")}
	logs := next(o, noon, Done{Refused: Refusals{testkit.ClaimUID("logs"): {Problem{api.ReasonQuotaExceeded, "exceeded quota"}, true}}})
	if v := logs.Point.Status.Volumes; v[0].Claim != "logs" || v[1].State != api.VolumeCaptured {
		t.Errorf("the worst does not come first: %+v", v)
	}
	if k := meta.FindStatusCondition(final.Point.Status.Conditions, api.ConditionComplete); k.Reason != api.ReasonPartialPoint || !strings.Contains(k.Message, api.ReasonQuotaExceeded) {
		t.Errorf("Complete says %s: %s", k.Reason, k.Message)
	}
	late := next(o, noon.Add(11*time.Minute), refuse(false))
	if late = next(late, noon.Add(11*time.Minute), Done{}); late.Point.Status.Volumes[0].State != api.VolumeFailed {
		t.Errorf("beyond the deadline what was refused is %s", late.Point.Status.Volumes[0].State)
	}
}

func TestHooks(t *testing.T) {
	hooked := func(o *PointObserved) {
		o.Policy.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{
			{Name: "one", When: api.HookBefore}, {Name: "thaw", When: api.HookAfter}, {Name: "two", When: api.HookBefore, OnError: api.HookContinue}}}
	}
	due := func(o PointObserved, at time.Time) (out []string) {
		p := ForPoint(o, at)
		for _, h := range p.Hooks {
			out = append(out, h.Name)
		}
		if len(out) > 0 && len(p.Create) > 0 {
			t.Error("snapshots are ordered beside hooks")
		}
		return out
	}
	ran := func(state api.HookState, names ...string) (d Done) {
		for _, n := range names {
			d.Hooks = append(d.Hooks, api.HookRecord{Name: n, State: state})
		}
		return d
	}
	expect := func(t *testing.T, o PointObserved, at time.Time, want ...string) {
		t.Helper()
		if got := due(o, at); !slices.Equal(got, want) {
			t.Errorf("hooks due: %v, want %v", got, want)
		}
	}
	o := frozen(hooked)
	expect(t, o, noon, "one", "two")
	if got := o.Point.Status.Hooks; len(got) != 2 || got[0] != (api.HookRecord{Name: "one", State: api.HookRunning}) || got[1].Name != "two" {
		t.Errorf("it is on record that these are run: %+v", got)
	}
	half := next(o, noon, ran(api.HookSucceeded, "one"))
	expect(t, half, noon, "two")
	if got := half.Point.Status.Hooks; len(got) != 2 || got[0].State != api.HookSucceeded {
		t.Errorf("what came of a hook is recorded as %+v", got)
	}
	cutAlready := o
	cutAlready.Snapshots = []Snapshot{snapshotOf(o, "data", unready)}
	expect(t, cutAlready, noon) // nothing runs before what was begun
	cutAlready.Snapshots, cutAlready.Group = nil, &Group{}
	expect(t, cutAlready, noon)
	expect(t, o, noon.Add(11*time.Minute), "thaw")

	good := next(o, noon, ran(api.HookSucceeded, "one", "two"))
	expect(t, good, noon)
	if got := orderedClaims(ForPoint(good, noon)); !slices.Equal(got, both) {
		t.Errorf("after the hooks it orders %v", got)
	}
	good.Snapshots = []Snapshot{snapshotOf(good, "data"), snapshotOf(good, "logs", unready)}
	expect(t, good, noon)
	good.Snapshots[1].Cut = noon.Add(time.Second) // cut, and not yet ready
	expect(t, good, noon, "thaw")
	good.Snapshots[0].Content.Retain = false
	if p := ForPoint(good, noon); len(p.Retain) != 1 {
		t.Errorf("beside the After hook it retains %+v", p.Retain)
	}
	good.Snapshots[0].Content.Retain = true
	good = next(good, noon, ran(api.HookSucceeded, "thaw"))
	expect(t, good, noon)
	if Finished(good.Point) {
		t.Error("it ended with a snapshot that is not ready")
	}

	t.Run("it does not end before the After hook is known to have run", func(t *testing.T) {
		all := next(o, noon, ran(api.HookSucceeded, "one", "two"))
		all.Snapshots = []Snapshot{snapshotOf(all, "data"), snapshotOf(all, "logs")}
		if all = next(all, noon, Done{}); Finished(all.Point) {
			t.Error("it ended")
		}
		if all = next(all, noon, ran(api.HookFailed, "thaw")); !Complete(all.Point) {
			t.Error("a failing After hook spoils the point")
		}
	})
	t.Run("a failure that aborts", func(t *testing.T) {
		bad := next(o, noon, ran(api.HookFailed, "one"))
		expect(t, bad, noon, "thaw")
		if Finished(bad.Point) {
			t.Error("it ended before the After hook")
		}
		bad = next(bad, noon, ran(api.HookSucceeded, "thaw"))
		if k := meta.FindStatusCondition(bad.Point.Status.Conditions, api.ConditionComplete); !Finished(bad.Point) || k.Reason != api.ReasonHookFailed {
			t.Errorf("it ends with %v", k)
		}
	})
	t.Run("a failure that may be", func(t *testing.T) {
		may := next(o, noon, Done{Hooks: []api.HookRecord{{Name: "one", State: api.HookSucceeded}, {Name: "two", State: api.HookFailed}}})
		if got := orderedClaims(ForPoint(may, noon)); !slices.Equal(got, both) {
			t.Errorf("it orders %v", got)
		}
	})
	t.Run("at the deadline After hooks run all the same", func(t *testing.T) {
		late := next(o, noon, ran(api.HookSucceeded, "one", "two"))
		expect(t, late, noon.Add(11*time.Minute), "thaw")
	})
	t.Run("when nothing can be captured After hooks run all the same", func(t *testing.T) {
		none := next(o, noon, ran(api.HookSucceeded, "one", "two"))
		none.Claims = nil
		expect(t, none, noon, "thaw")
	})
	t.Run("when the point is deleted After hooks run all the same, and first", func(t *testing.T) {
		gone := next(o, noon, ran(api.HookSucceeded, "one", "two"))
		gone.Snapshots = []Snapshot{snapshotOf(gone, "data")}
		gone.Point.DeletionTimestamp = metaTime(noon)
		expect(t, gone, noon, "thaw")
		if p := ForPoint(gone, noon); len(p.Delete) > 0 {
			t.Errorf("beside them it deletes %+v", p.Delete)
		}
		gone = next(gone, noon, ran(api.HookSucceeded, "thaw"))
		gone.Point.DeletionTimestamp = metaTime(noon)
		expect(t, gone, noon)
		if p := ForPoint(gone, noon); len(p.Delete) != 1 {
			t.Errorf("after them it deletes %+v", p.Delete)
		}
	})
	for name, mod := range map[string]func(*PointObserved){
		"the operator runs none":    func(o *PointObserved) { o.Settings.HooksEnabled = false },
		"the namespace goes":        func(o *PointObserved) { o.NamespaceTerminating = true },
		"the capture has ended":     func(o *PointObserved) { o.Point.Status.FinishedAt = metaTime(noon) },
		"nothing was ever captured": func(o *PointObserved) { o.Point.Status.Capture = nil },
	} {
		t.Run("of a point that is deleted none run: "+name, func(t *testing.T) {
			gone := next(o, noon, ran(api.HookSucceeded, "one"))
			gone.Point.DeletionTimestamp = metaTime(noon)
			mod(&gone)
			expect(t, gone, noon)
		})
	}
	t.Run("a killed operator runs Before hooks again", func(t *testing.T) {
		expect(t, next(o, noon, Done{}), noon.Add(time.Second), "one", "two")
	})
}

func TestRetain(t *testing.T) {
	o := frozen()
	plain := func(s *Snapshot) { s.Content.Retain, s.Content.PointUID = false, "" }
	o.Snapshots = []Snapshot{snapshotOf(o, "data", plain), snapshotOf(o, "logs", plain, func(s *Snapshot) { s.Content.RefUID = "forged" })}
	p := ForPoint(o, noon)
	if len(p.Retain) != 1 || p.Retain[0].UID != "vsc-data" {
		t.Errorf("retains %+v, want the content of data alone: the other is not bound to its snapshot", p.Retain)
	}
	o.Settings.Retain = false
	if p := ForPoint(o, noon); len(p.Retain) > 0 {
		t.Errorf("retains %+v though it was switched off", p.Retain)
	}
	o.Settings.Retain = true
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon, Done{})
	o.Snapshots[1].Content.Retain = false // somebody switched it back
	if p := ForPoint(o, noon.Add(time.Hour)); len(p.Retain) != 1 || p.Retain[0].UID != "vsc-logs" {
		t.Errorf("of a point that is finished it retains %+v", p.Retain)
	}
}

func TestDeletion(t *testing.T) {
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon, Done{})
	newer := testkit.Point(hour(13), both)
	o.Point.DeletionTimestamp = metaTime(hour(14))
	o.Siblings = []*api.RecoveryPoint{o.Point, newer}
	at := hour(14)
	for _, c := range []struct {
		name      string
		mod       func(*PointObserved)
		deletes   int
		finalizer Finalizer
		stalled   bool
	}{
		{"a newer one is there", func(*PointObserved) {}, 2, "", false},
		{"it is the last", func(o *PointObserved) { o.Siblings = o.Siblings[:1] }, 0, "", true},
		{"it is on hold", func(o *PointObserved) { o.Point.Spec.Hold = true }, 0, "", true},
		{"it is the last, and its policy is gone", func(o *PointObserved) { o.Siblings, o.Policy = o.Siblings[:1], nil }, 2, "", false},
		{"its snapshots are gone", func(o *PointObserved) { o.Snapshots = nil }, 0, FinalizerRelease, false},
		{"only a content is left", func(o *PointObserved) {
			o.Snapshots, o.Strays = nil, []Content{{Name: "content-data", UID: "vsc-data", Retain: true}}
		}, 1, "", false},
		{"it was let go already", func(o *PointObserved) { o.Point.Finalizers = nil }, 0, "", false},
		{"a snapshot is not ready", func(o *PointObserved) {
			o.Snapshots = []Snapshot{snapshotOf(*o, "data", unready)}
		}, 1, "", false},
		{"nothing can be looked at", func(o *PointObserved) { o.Snapshots, o.Cluster = nil, Cluster{} }, 0, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := o
			l.Point = o.Point.DeepCopy()
			l.Siblings = []*api.RecoveryPoint{l.Point, newer}
			c.mod(&l)
			p := ForPoint(l, at)
			if len(p.Delete) != c.deletes || p.Finalizer != c.finalizer {
				t.Errorf("%d deletions and finalizer %q, want %d and %q", len(p.Delete), p.Finalizer, c.deletes, c.finalizer)
			}
			status := p.Status(l, Done{}, at)
			if meta.IsStatusConditionTrue(status.Conditions, api.ConditionStalled) != c.stalled {
				t.Errorf("conditions: %+v", status.Conditions)
			}
			for _, d := range p.Delete {
				if d.Snapshot.UID == "" && d.Content.UID == "" {
					t.Errorf("a deletion names no UID: %+v", d)
				}
				if d.Version != "" || !d.At.Equal(at) || !p.Wake.Equal(at.Add(nudgeAfter)) {
					t.Errorf("%+v is meant, and looked at again at %s", d, p.Wake)
				}
			}
			if now := meta.FindStatusCondition(status.Conditions, api.ConditionReconciling); (now != nil) != (c.deletes > 0) || (now != nil && now.Message != fmt.Sprintf("%d snapshots are being deleted", c.deletes)) {
				t.Errorf("it says %+v", now)
			}
			if !Complete(&api.RecoveryPoint{Status: status}) {
				t.Error("while it goes it is not known any more that it was complete")
			}
			l.Point.Status = status
			if again := ForPoint(l, at); (len(p.Notes) == 1 && p.Notes[0].Warning && p.Notes[0].Reason == api.ReasonDeletionHeld) != c.stalled || len(again.Notes) > 0 {
				t.Errorf("told is %+v, and then %+v", p.Notes, again.Notes)
			}
		})
	}
}
