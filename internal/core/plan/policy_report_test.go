// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// noteOf is the note of a reason; empty when there is none, or more than one.
func noteOf(notes []Note, reason string) string {
	var found []string
	for _, n := range notes {
		if n.Reason == reason {
			found = append(found, fmt.Sprintf("%t %s", n.Warning, n.Message))
		}
	}
	return strings.Join(found, "; ")
}

// TestSlotsAreReported: the status says which point is being captured, when the next one is due, and up to where slots are settled.
func TestSlotsAreReported(t *testing.T) {
	suspended := func(b *api.BackupPolicy) {
		b.Spec.Suspend, b.Status.NextSlot, b.Status.ActiveRecoveryPoint = true, metaTime(noon), "web-old"
	}
	twelve := testkit.Point(noon, both)
	for name, c := range map[string]struct {
		seen               PolicyObserved
		at                 time.Time
		active, next, last string
		wake               time.Time // zero: it is not asked
		note               string
	}{
		"a slot that has come": {seenPolicy(hourly(10, 11)), noon.Add(time.Second), twelve.Name, "13:00", "12:00", time.Time{},
			"false recovery point " + twelve.Name + " was begun for slot 2026-03-02T12:00:00Z"},
		"between two slots": {seenPolicy(hourly(11, 12)), noon.Add(30 * time.Minute), "", "13:00", "12:00", hour(13), ""},
		"while one is captured": {seenPolicy(append(hourly(11, 11), testkit.Point(noon, both, testkit.Capturing))), noon.Add(5 * time.Minute),
			twelve.Name, "13:00", "12:00", noon.Add(11 * time.Minute), ""},
		"suspended":     {seenPolicy(hourly(11, 12), suspended), noon.Add(30 * time.Minute), "", "", "12:00", time.Time{}, ""},
		"never settled": {seenPolicy(nil, suspended), noon.Add(30 * time.Minute), "", "", "", time.Time{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.seen.Policy.Generation = 3
			p := ForPolicy(c.seen, c.at)
			clock := func(at *metav1.Time) string {
				if at == nil {
					return ""
				}
				return at.Format("15:04")
			}
			if s := p.Status; s.ActiveRecoveryPoint != c.active || clock(s.NextSlot) != c.next || clock(s.LastSlot) != c.last || s.ObservedGeneration != 3 {
				t.Errorf("active is %q, next %q, settled %q, of generation %d", s.ActiveRecoveryPoint, clock(s.NextSlot), clock(s.LastSlot), s.ObservedGeneration)
			}
			if !c.wake.IsZero() && !p.Wake.Equal(c.wake) {
				t.Errorf("it wakes at %s, want %s", p.Wake, c.wake)
			}
			if got := noteOf(p.Notes, api.ReasonPointCreated); got != c.note {
				t.Errorf("told is %q", got)
			}
		})
	}
	p := ForPolicy(seenPolicy(hourly(7, 8)), noon.Add(time.Minute))
	if got := noteOf(p.Notes, api.ReasonSlotMissed); !strings.HasPrefix(got, "true 3 slots up to 2026-03-02T11:00:00Z passed without a run;") {
		t.Errorf("of missed slots it tells %q", got)
	}
}

// TestWhatFailedIsTakenBack: a point that could not be created leaves the status as it was, and nothing else is taken back.
func TestWhatFailedIsTakenBack(t *testing.T) {
	o := seenPolicy(hourly(7, 11))
	o.Policy.Status.ActiveRecoveryPoint = "web-old"
	p := ForPolicy(o, noon.Add(time.Second))
	if p.TakeFailed(o.Policy.Status); p.Take != nil || p.Status.ActiveRecoveryPoint != "web-old" {
		t.Errorf("taken is %+v, active is %q", p.Take, p.Status.ActiveRecoveryPoint)
	}
	late := seenPolicy(hourly(7, 11), func(b *api.BackupPolicy) { b.Spec.Schedule.StartingDeadline = &metav1.Duration{Duration: time.Minute} })
	p = ForPolicy(late, noon.Add(2*time.Minute))
	if p.TakeFailed(late.Policy.Status); p.Status.LastSlot == nil || !p.Status.LastSlot.Time.Equal(noon) {
		t.Errorf("without a point to create, slots are settled up to %s", p.Status.LastSlot)
	}
}

// TestPolicyFinalizer: a policy is held only while its deletion has something to do.
func TestPolicyFinalizer(t *testing.T) {
	for _, c := range []struct {
		onDelete api.OnDelete
		has      bool
		want     Finalizer
	}{
		{api.OnDeleteRetain, false, ""}, {api.OnDeleteRetain, true, FinalizerRelease}, {api.OnDeletePrune, false, FinalizerAdd}, {api.OnDeletePrune, true, ""},
	} {
		b := testkit.Policy(func(b *api.BackupPolicy) {
			if b.Spec.OnDelete = c.onDelete; c.has {
				b.Finalizers = []string{api.FinalizerPoints}
			}
		})
		if got := policyFinalizer(b); got != c.want {
			t.Errorf("%s, held: %t: %q", c.onDelete, c.has, got)
		}
	}
}

// TestEditsAreDated: what a policy asks for is in force since it was created, or since it was edited.
func TestEditsAreDated(t *testing.T) {
	at := noon.Add(30 * time.Minute)
	o := seenPolicy(hourly(7, 12), func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: "30 3 * * *"} }, to("a", "", nil))
	first := ForPolicy(o, at)
	a := first.Status.Applied
	for name, since := range map[string]*metav1.Time{"schedule": a.ScheduleSince, "retention": a.RetentionSince, "drill": a.DrillSince, "copies": a.CopiesSince} {
		if since == nil || !since.Time.Equal(hour(6)) {
			t.Errorf("of a policy that is as it was created the %s is in force since %s", name, since)
		}
	}
	if got := noteOf(first.Notes, api.ReasonRetentionChanged); got != "" {
		t.Errorf("of a policy that is as it was created it tells %q", got)
	}
	o = settled(o, at)
	for name, c := range map[string]struct {
		edit func(*api.BackupPolicy)
		of   func(*api.AppliedSpec) *metav1.Time
	}{
		"jitter":    {func(b *api.BackupPolicy) { b.Spec.Schedule.Jitter = &metav1.Duration{Duration: time.Minute} }, func(a *api.AppliedSpec) *metav1.Time { return a.ScheduleSince }},
		"retention": {func(b *api.BackupPolicy) { b.Spec.Retention.Last++ }, func(a *api.AppliedSpec) *metav1.Time { return a.RetentionSince }},
		"drill":     {func(b *api.BackupPolicy) { b.Spec.Drill.Cron = "30 4 * * *" }, func(a *api.AppliedSpec) *metav1.Time { return a.DrillSince }},
		"copies":    {to("b", "", nil), func(a *api.AppliedSpec) *metav1.Time { return a.CopiesSince }},
	} {
		e := o
		e.Policy = o.Policy.DeepCopy()
		if c.edit(e.Policy); name == "copies" {
			e.Policy.Spec.Copies[1].Repository.Name = "another"
		}
		p := ForPolicy(e, at.Add(time.Minute))
		if since := c.of(p.Status.Applied); since == nil || !since.Time.Equal(at.Add(time.Minute)) {
			t.Errorf("an edited %s is in force since %s", name, since)
		}
		told := noteOf(p.Notes, api.ReasonRetentionChanged)
		if want := "false retention was edited; nothing expires for it before 2026-03-02T13:31:00Z"; (told == want) != (name == "retention") {
			t.Errorf("of an edited %s it tells %q", name, told)
		}
	}
	if one, two := copiesLine(testkit.Policy(to("a", "", nil), into("b", "other"))), copiesLine(testkit.Policy(into("b", "other"), to("a", "", nil))); one != two || one != "other vault" {
		t.Errorf("in another order copies are an edit: %q, %q", one, two)
	}
}

// into has a policy promise copies into a repository.
func into(target, repository string) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) { promise(b, target, repository) }
}

// TestPointsAreCounted: the status counts points by what they are worth, and shows the newest that is complete.
func TestPointsAreCounted(t *testing.T) {
	newest := testkit.Point(hour(11), both, func(p *api.RecoveryPoint) { p.Status.FinishedAt = metaTime(hour(11).Add(time.Minute)) })
	points := []*api.RecoveryPoint{testkit.Point(hour(8), both, testkit.Held), testkit.Point(hour(9), both, testkit.Going), testkit.Point(hour(10), both, testkit.Incomplete),
		newest, testkit.Point(noon, both, testkit.Incomplete), testkit.Point(noon.Add(time.Minute), both, testkit.Capturing)}
	s := ForPolicy(seenPolicy(points), noon.Add(2*time.Minute)).Status
	if want := (api.PointCounts{Complete: 2, Failed: 2, Capturing: 1, Held: 1}); s.RecoveryPoints != want {
		t.Errorf("counted are %+v", s.RecoveryPoints)
	}
	if l := s.LastRecoveryPoint; l == nil || l.Name != newest.Name || !l.PointInTime.Time.Equal(hour(11)) || l.CaptureTime.Duration != time.Minute {
		t.Errorf("the last is %+v", l)
	}
	o := seenPolicy(nil)
	o.Policy.Status.LastRecoveryPoint = s.LastRecoveryPoint
	if l := ForPolicy(o, noon).Status.LastRecoveryPoint; l != nil {
		t.Errorf("without points the last is %+v", l)
	}
	for _, bad := range []testkit.Mod[api.RecoveryPoint]{
		func(p *api.RecoveryPoint) { p.Status.Capture = nil }, func(p *api.RecoveryPoint) { p.Status.FinishedAt = nil },
	} {
		if d := captureTime(testkit.Point(noon, both, bad)); d != nil {
			t.Errorf("its capture is said to have taken %s", d.Duration)
		}
	}
}

// TestVolumesAreCounted: the status counts volumes, and names some of those that are not protected.
func TestVolumesAreCounted(t *testing.T) {
	o := seenPolicy(hourly(12, 12), func(b *api.BackupPolicy) {
		b.Spec.Volumes = api.VolumeSelection{Claims: []string{"data", "logs", "new", "gone"}}
	})
	o.Claims = append(o.Claims, claim("new", func(c *Claim) { c.Driver = "" }))
	v := ForPolicy(o, noon.Add(time.Minute)).Status.Volumes
	if v.Selected != 4 || v.Protected != 2 || !slices.Equal(v.Unprotected, []string{"new", "gone"}) {
		t.Errorf("%+v", v)
	}
	if len(v.Problems) != 2 || v.Problems[0].Claim != "gone" || v.Problems[0].Reason != api.ReasonClaimMissing || v.Problems[1].Claim != "new" || v.Problems[1].Reason != api.ReasonNotCSI {
		t.Errorf("problems are %+v", v.Problems)
	}
	named := func(name string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("%s-%02d", name, i))
		}
		return out
	}
	for _, c := range []struct{ there, missing int }{{mostListed + 1, 0}, {0, mostListed + 1}, {mostListed, 1}, {mostListed - 1, 2}} {
		o := seenPolicy(nil)
		o.Claims, o.Policy.Spec.Volumes = nil, api.VolumeSelection{Claims: slices.Concat(named("there", c.there), named("missing", c.missing))}
		for _, n := range named("there", c.there) {
			o.Claims = append(o.Claims, claim(n, func(k *Claim) { k.Driver = "" }))
		}
		v := ForPolicy(o, noon).Status.Volumes
		if want := slices.Concat(named("there", c.there), named("missing", c.missing))[:mostListed]; !slices.Equal(v.Unprotected, want) || len(v.Problems) != mostListed || int(v.Selected) != c.there+c.missing {
			t.Errorf("%d there and %d missing: %+v", c.there, c.missing, v)
		}
	}
	class := seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Snapshot = &api.SnapshotOptions{ClassName: "named"} })
	if v := ForPolicy(class, noon).Status.Volumes; len(v.Problems) != 2 || v.Problems[0].Reason != api.ReasonClassNotFound {
		t.Errorf("of a class that is not there it says %+v", v.Problems)
	}
	if p := ForPolicy(seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Snapshot = &api.SnapshotOptions{} }), noon); len(p.Status.Volumes.Problems) > 0 {
		t.Errorf("of a class that is not named it says %+v", p.Status.Volumes.Problems)
	}
	without := seenPolicy(nil, func(b *api.BackupPolicy) { b.Spec.Snapshot = &api.SnapshotOptions{} })
	without.Settings.HooksEnabled = false
	if got := conditionReason(ForPolicy(without, noon).Status.Conditions, api.ConditionReady); got != "True Ready" {
		t.Errorf("where the operator runs no hooks, and there are none, Ready is %s", got)
	}
}

// TestDeletedPolicyTells: how many points go with a policy is told, when some do.
func TestDeletedPolicyTells(t *testing.T) {
	prune := func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune }
	for want, points := range map[string][]*api.RecoveryPoint{
		"": nil, "false expiring 1 recovery points, because onDelete is Prune": hourly(9, 9), "false expiring 3 recovery points, because onDelete is Prune": hourly(9, 11),
	} {
		if got := noteOf(ForDeletedPolicy(seenPolicy(points, prune)).Notes, api.ReasonPolicyDeleted); got != want {
			t.Errorf("of %d points it tells %q", len(points), got)
		}
	}
}

// TestNewsInSentences: what became of findings is told once for each kind, with what helps.
func TestNewsInSentences(t *testing.T) {
	is := func(kind, subject string, cleared bool) drift.Change {
		c := drift.Change{Cleared: cleared}
		c.Kind, c.Subject, c.Message, c.Remedy = kind, subject, "it is so", "do this"
		return c
	}
	for name, c := range map[string]struct {
		changes []drift.Change
		want    []Note
	}{
		"nothing":               {nil, nil},
		"one of the policy":     {[]drift.Change{is("A", "", false)}, []Note{{true, "A", "it is so; do this"}}},
		"one of a volume":       {[]drift.Change{is("A", "pvc/data", false)}, []Note{{true, "A", "it is so; do this"}}},
		"two of volumes":        {[]drift.Change{is("A", "pvc/data", false), is("A", "pvc/logs", false)}, []Note{{true, "A", "pvc/data, pvc/logs: of the first: it is so; do this"}}},
		"two kinds":             {[]drift.Change{is("A", "pvc/data", false), is("B", "pvc/logs", false)}, []Note{{true, "A", "it is so; do this"}, {true, "B", "it is so; do this"}}},
		"one came, one went":    {[]drift.Change{is("A", "pvc/data", false), is("A", "pvc/logs", true)}, []Note{{true, "A", "it is so; do this"}, {false, "A", "cleared: pvc/logs"}}},
		"that of a policy went": {[]drift.Change{is("A", "", true)}, []Note{{false, "A", "cleared: it is so"}}},
		"two of volumes went":   {[]drift.Change{is("A", "pvc/data", true), is("A", "pvc/logs", true)}, []Note{{false, "A", "cleared: pvc/data, pvc/logs"}}},
	} {
		if got := FindingNotes(slices.Clone(c.changes)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: told is %+v", name, got)
		}
	}
}

// TestStorageIsObserved: what stands between the volumes and their bytes is told by class and driver, and nothing else of the cluster.
func TestStorageIsObserved(t *testing.T) {
	claims := []Claim{claim("data", func(c *Claim) { c.StorageClass = "fast" }), claim("more", func(c *Claim) { c.StorageClass = "fast" }),
		claim("old", func(c *Claim) { c.StorageClass, c.Driver = "local", "" })}
	cluster := Cluster{Classes: []Class{{Name: "usual", Driver: "a", Default: true, Digest: "3"}, {Name: "special", Driver: "a", Digest: "4"}, {Name: "foreign", Driver: "b", Default: true, Digest: "5"}}}
	storage := Storage{Classes: []StorageClass{{Name: "slow", Digest: "1"}, {Name: "fast", Digest: "2"}, {Name: "local", Digest: "6"}}, Drivers: []Driver{{"b", "7"}, {"a", "8"}}}
	for name, c := range map[string]struct {
		mod  testkit.Mod[api.BackupPolicy]
		want string
	}{
		"as it is":                     {func(*api.BackupPolicy) {}, "CSIDriver/a=8 StorageClass/fast=2 VolumeSnapshotClass/usual=3"},
		"with a class that is named":   {func(b *api.BackupPolicy) { b.Spec.Snapshot = &api.SnapshotOptions{ClassName: "special"} }, "CSIDriver/a=8 StorageClass/fast=2 VolumeSnapshotClass/special=4"},
		"with a class that is not":     {func(b *api.BackupPolicy) { b.Spec.Snapshot = &api.SnapshotOptions{} }, "CSIDriver/a=8 StorageClass/fast=2 VolumeSnapshotClass/usual=3"},
		"with drills":                  {func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{} }, "CSIDriver/a=8 StorageClass/fast=2 VolumeSnapshotClass/usual=3"},
		"with drills in another class": {func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{StorageClassName: "slow"} }, "CSIDriver/a=8 StorageClass/fast=2 StorageClass/slow=1 VolumeSnapshotClass/usual=3"},
	} {
		if got := strings.Join(StorageStack(testkit.Policy(c.mod), claims, nil, cluster, storage), " "); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := claimPlaces(claims, storage.Classes); len(got) != 2 {
		t.Errorf("volumes that came to be in one way are at %d places", len(got))
	}
	sets := []Workload{{Name: "kept", Templates: []string{"data"}}, {Name: "web", Templates: []string{"data"}, Drops: true}}
	for claim, want := range map[string]string{"data-web-0": "web", "data-kept-0": "", "data": "", "logs-web-0": ""} {
		if got := droppedBy(claim, sets); got != want {
			t.Errorf("claim %s goes with %q", claim, got)
		}
	}
}

// TestClusterIsJudged: a driver that no node has, and a class that deletes bytes with a snapshot, are found where volumes need them.
func TestClusterIsJudged(t *testing.T) {
	o := seenPolicy(hourly(11, 12))
	o.Storage.Registered = []string{"b"}
	if got := kindsOf(ForPolicy(o, noon.Add(time.Minute)).Status); !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, " "+api.ReasonDriverNotRegistered) }) {
		t.Errorf("of a driver that is away findings are %v", got)
	}
	o = seenPolicy(hourly(11, 12))
	o.Settings.Retain, o.Cluster.Classes[0].Deletes = false, true
	calm := seenPolicy(hourly(11, 12))
	calm.Settings.Retain = false
	if got, without := kindsOf(ForPolicy(o, noon.Add(time.Minute)).Status), kindsOf(ForPolicy(calm, noon.Add(time.Minute)).Status); len(got) != len(without)+1 {
		t.Errorf("of a class that deletes findings are %v, and without %v", got, without)
	}
	stalled := seenPolicy(nil)
	stalled.Policy.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue}, {Type: api.ConditionStalled, Status: metav1.ConditionTrue, Reason: "Old"}}
	s := Unevaluable(stalled.Policy, errors.New("no answer"), noon).Status
	if len(s.Conditions) != 1 || s.Conditions[0].Type != api.ConditionReady || s.Conditions[0].Status != metav1.ConditionUnknown {
		t.Errorf("of what cannot be judged it states %+v", s.Conditions)
	}
}

// TestDrillsAreReported: the status says when the next drill is due and up to where slots are settled, and a drill that begins is told.
func TestDrillsAreReported(t *testing.T) {
	daily := func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: "30 12 * * *"} }
	idle := func(b *api.BackupPolicy) { b.Spec.Schedule.Cron = "0 0 1 1 *" }
	o := seenPolicy(hourly(12, 12), daily, idle)
	o.Policy.Status.NextDrill = metaTime(hour(1))
	p := ForPolicy(o, noon.Add(10*time.Minute))
	if n := p.Status.NextDrill; n == nil || !n.Time.Equal(noon.Add(30*time.Minute)) || !p.Wake.Equal(noon.Add(30*time.Minute)) {
		t.Errorf("the next is at %s, and it wakes at %s", n, p.Wake)
	}
	p = ForPolicy(o, noon.Add(31*time.Minute))
	if got := noteOf(p.Notes, api.ReasonDrillRunning); p.Rehearse == nil || got != "false drill "+p.Rehearse.Name+" was begun for slot 2026-03-02T12:30:00Z" {
		t.Errorf("it tells %q", got)
	}
	o.Policy.Spec.Suspend = true
	if n := ForPolicy(o, noon.Add(10*time.Minute)).Status.NextDrill; n != nil {
		t.Errorf("suspended, the next is at %s", n)
	}
	busy := seenPolicy(hourly(12, 12), idle, func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: "30 * * * *"} })
	busy.Drills = []*api.RestoreDrill{oneEnded("long", api.VerdictPassed, hour(7), func(d *api.RestoreDrill) {
		d.Status.Verdict, d.Status.FinishedAt, d.Status.Evidence = "", nil, nil
	})}
	if s := ForPolicy(busy, noon.Add(10*time.Minute)).Status.LastDrillSlot; s == nil || !s.Time.Equal(hour(10).Add(30*time.Minute)) {
		t.Errorf("while one is under way slots are settled up to %s", s)
	}
	zero := int32(0)
	f := facts{drills: []*api.RestoreDrill{oneEnded("passed", api.VerdictPassed, hour(9)), oneEnded("could-not", api.VerdictInconclusive, hour(10)), oneEnded("failed", api.VerdictFailed, hour(11))}}
	var h PolicyPlan
	if h.planHistory(PolicyObserved{Policy: testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{History: &zero} })}, f); len(h.Forget) != 1 || h.Forget[0].Name != "could-not" {
		t.Errorf("beyond the history it forgets %+v", h.Forget)
	}
	d := oneEnded("passed", api.VerdictPassed, hour(11))
	d.Status.Run.Storage = []string{"StorageClass/gone=1"}
	changed := seenProofs(idle, d)
	p = ForPolicy(changed, noon.Add(-time.Minute))
	if got := noteOf(p.Notes, api.ReasonDrillRunning); p.Rehearse == nil || got != "false drill "+p.Rehearse.Name+" was begun, because the storage stack changed since the proof of 2026-03-02T11:00:00Z" {
		t.Errorf("of another stack it tells %q", got)
	}
}

// TestCopiesAreReported: the condition names the copy that survives, and what is promised of copies is judged only where some are.
func TestCopiesAreReported(t *testing.T) {
	var none PolicyPlan
	if seen := none.independence(seenPolicy(nil), facts{}); seen != nil {
		t.Errorf("without copies it observes %+v", seen)
	}
	p := PolicyPlan{Status: api.BackupPolicyStatus{LastCopy: &api.CopySummary{RecoveryPoint: "web-1", Repository: "vault", PointInTime: metav1.NewTime(noon)}}}
	if c := p.independent(nil); c.Message != "recovery point web-1 is in repository vault, outside the failure domain of the volumes, with data from 2026-03-02T12:00:00Z" {
		t.Errorf("it says %q", c.Message)
	}
	o := seenCopies(nil, into("a", "vault"), into("b", "vault"), into("c", "gone"))
	if all := promisedRepositories(o); len(all) != 2 || all[0].Name != "vault" || all[0].Field != "spec.copies[0].repository.name" || !all[1].Missing || all[1].Field != "spec.copies[2].repository.name" {
		t.Errorf("promised are %+v", all)
	}
	for name, c := range map[string]struct {
		record api.CopyRecord
		want   time.Time
	}{
		"ended":                   {api.CopyRecord{State: api.CopyFailed, FinishedAt: metaTime(hour(9))}, hour(9)},
		"ended, nobody says when": {api.CopyRecord{State: api.CopyFailed}, hour(8)},
		"under way":               {api.CopyRecord{State: api.CopyCopying}, time.Time{}},
		"under way once more":     {api.CopyRecord{State: api.CopyCopying, Attempt: 1}, hour(8)},
		"under way, after an end": {api.CopyRecord{State: api.CopyCopying, FinishedAt: metaTime(hour(9))}, time.Time{}},
	} {
		c.record.StartedAt = metav1.NewTime(hour(8))
		if got := observedCopy(testkit.Point(hour(7), both), &c.record).EndedAt; !got.Equal(c.want) {
			t.Errorf("a copy that is %s ended at %s", name, got)
		}
	}
	independent := func(p *api.ProofSummary) *api.ProofSummary { p.Independent = true; return p }
	proof := func(name string, h int) *api.ProofSummary {
		return &api.ProofSummary{Drill: name, At: metav1.NewTime(hour(h))}
	}
	point := testkit.Point(hour(9), both, func(p *api.RecoveryPoint) {
		p.Status.Proofs = []api.ProofSummary{*independent(proof("b", 10)), *proof("a", 9)}
	})
	drill := oneEnded("d", api.VerdictPassed, hour(12))
	got := proofsAtHand(facts{points: []*api.RecoveryPoint{point}, drills: []*api.RestoreDrill{drill, oneEnded("b", api.VerdictPassed, hour(10))}}, proof("c", 11))
	want := []drift.Proof{{At: hour(9)}, {At: hour(10), Independent: true}, {At: hour(11)}, {At: hour(12)}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("proofs are %+v", got)
	}
}

// TestProofIsTold: the condition names the drill, what it restored, and how long that took.
func TestProofIsTold(t *testing.T) {
	d := oneEnded("rehearsal", api.VerdictPassed, hour(11))
	c := meta.FindStatusCondition(ForPolicy(seenProofs(func(*api.BackupPolicy) {}, d), noon).Status.Conditions, api.ConditionProven)
	if c == nil || c.Message != "drill rehearsal restored point: Intact, in 3m0s" {
		t.Errorf("it says %+v", c)
	}
	newest, older := oneEnded("b", api.VerdictFailed, noon), oneEnded("a", api.VerdictFailed, hour(11))
	for _, drills := range [][]*api.RestoreDrill{{newest, older}, {older, newest}} {
		if s := ForPolicy(seenProofs(func(*api.BackupPolicy) {}, drills...), noon.Add(time.Minute)).Status; s.LastDrill == nil || s.LastDrill.Name != "b" {
			t.Errorf("the last drill is %+v", s.LastDrill)
		}
	}
	p := PolicyPlan{}
	p.countDrill(api.DrillSummary{Name: "a", Verdict: api.VerdictPassed, At: metav1.NewTime(noon)}, &api.DrillSummary{Name: "z", At: metav1.NewTime(hour(11))})
	if p.Status.Drills.Passed != 1 {
		t.Error("a drill that ended after the last is not counted for its name")
	}
	nothing := testkit.Policy()
	for name, c := range map[string]struct {
		policy *api.BackupPolicy
		status api.BackupPolicyStatus
		want   bool
	}{
		"nothing is promised":      {nothing, api.BackupPolicyStatus{}, false},
		"a drill has ended":        {nothing, api.BackupPolicyStatus{LastDrill: &api.DrillSummary{}}, true},
		"a proof is remembered":    {nothing, api.BackupPolicyStatus{LastProof: &api.ProofSummary{}}, true},
		"the shortest is promised": {testkit.Policy(objectives(api.Objectives{ProofWithin: &metav1.Duration{Duration: 1}})), api.BackupPolicyStatus{}, true},
	} {
		if got := toProve(c.policy, c.status); got != c.want {
			t.Errorf("%s: there is a proof to judge: %t", name, got)
		}
	}
	was := testkit.Point(hour(9), both, func(p *api.RecoveryPoint) {
		p.Status.Proofs = []api.ProofSummary{{Drill: "b", At: metav1.NewTime(noon)}}
	})
	if got := Proofs(was, api.ProofSummary{Drill: "a", At: metav1.NewTime(hour(11))}); got != nil {
		t.Errorf("an older proof is added: %+v", got)
	}
	d.Status.Conditions = nil
	if s := drillSummary(d); s == nil || s.Reason != "" || s.Verdict != api.VerdictPassed {
		t.Errorf("in short it is %+v", s)
	}
	if s := drillSummary(oneEnded("x", api.VerdictFailed, noon)); s.Reason != "WhyFailed" {
		t.Errorf("in short it is %+v", s)
	}
	for name, mod := range map[string]testkit.Mod[api.RestoreDrill]{
		"without a verdict": func(d *api.RestoreDrill) { d.Status.Verdict = "" }, "without an end": func(d *api.RestoreDrill) { d.Status.FinishedAt = nil },
	} {
		if s := drillSummary(oneEnded("x", api.VerdictFailed, noon, mod)); s != nil {
			t.Errorf("%s it is %+v", name, s)
		}
	}
}
