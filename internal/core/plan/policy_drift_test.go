// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

func kindsOf(s api.BackupPolicyStatus) []string {
	var out []string
	for _, f := range s.Findings {
		out = append(out, string(f.Severity)+" "+f.Kind)
	}
	return out
}

func reasons(notes []Note) []string {
	var out []string
	for _, n := range notes {
		out = append(out, n.Reason)
	}
	return out
}

// TestConditionsAreWhatFindingsMakeOfThem: at every hour of a policy's life Protected and Proven are True exactly while no
// finding of their own promise is there, and a finding is told once when it comes and once when it goes.
func TestConditionsAreWhatFindingsMakeOfThem(t *testing.T) {
	of := map[string][]string{
		api.ConditionProtected: {api.ReasonObjectiveMissed, api.ReasonNeverSucceeded, api.ReasonVolumeNotCaptured, api.ReasonPolicySelectsNothing},
		api.ConditionProven:    {api.ReasonNeverProven, api.ReasonProofExpired, api.ReasonDrillFailed, api.ReasonProofTooShallow},
	}
	o := seenProofs(func(b *api.BackupPolicy) {
		b.Spec.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: 90 * time.Minute}, ProofWithin: &metav1.Duration{Duration: 3 * time.Hour}}
	}, oneEnded("passed", api.VerdictPassed, hour(11)))
	told := map[string]int{}
	for at := hour(11).Add(time.Minute); at.Before(hour(20)); at = at.Add(20 * time.Minute) {
		p := ForPolicy(o, at)
		for condition, kinds := range of {
			broken := slices.ContainsFunc(p.Status.Findings, func(f api.Finding) bool { return slices.Contains(kinds, f.Kind) })
			if is := meta.IsStatusConditionTrue(p.Status.Conditions, condition); is == broken {
				t.Errorf("at %s %s is %t, and findings are %v", at.Format("15:04"), condition, is, kindsOf(p.Status))
			}
		}
		for _, n := range p.Notes {
			told[n.Reason]++
		}
		o = settled(o, at)
	}
	if told[api.ReasonObjectiveMissed] != 2 || told[api.ReasonProofExpired] != 2 {
		t.Errorf("missed objective and expired proof are each told when they appear and when they become louder; told was %v", told)
	}
	o.Points, o.Drills = append(o.Points, testkit.Point(hour(20), both)), append(o.Drills, oneEnded("again", api.VerdictPassed, hour(20)))
	p := ForPolicy(o, hour(20).Add(time.Minute))
	for _, kind := range []string{api.ReasonObjectiveMissed, api.ReasonProofExpired} {
		if !slices.Contains(reasons(p.Notes), kind) {
			t.Errorf("that %s cleared is not told: %v", kind, p.Notes)
		}
	}
}

// TestSlotsInARow: missed slots are counted together until a later one has led to a complete point.
func TestSlotsInARow(t *testing.T) {
	late := func(b *api.BackupPolicy) {
		b.Spec.Schedule.StartingDeadline = &metav1.Duration{Duration: time.Minute}
	}
	o := settled(seenPolicy(hourly(7, 11), late), noon.Add(2*time.Minute))
	if m := o.Policy.Status.Missed; m == nil || m.Slots != 1 || !m.Last.Time.Equal(noon) {
		t.Fatalf("missed is %+v", m)
	}
	o = settled(o, hour(13).Add(2*time.Minute))
	if m := o.Policy.Status.Missed; m == nil || m.Slots != 2 || !m.Last.Time.Equal(hour(13)) || !m.First.Time.Equal(noon.Add(2*time.Minute)) {
		t.Fatalf("missed is %+v", m)
	}
	if got := kindsOf(o.Policy.Status); !slices.Contains(got, "High "+api.ReasonSlotMissed) {
		t.Errorf("findings are %v", got)
	}
	o.Points = append(o.Points, testkit.Point(hour(14), both, testkit.Incomplete))
	if m := settled(o, hour(14).Add(time.Minute)).Policy.Status.Missed; m == nil {
		t.Error("a point that failed makes up for missed slots")
	}
	o.Points = append(o.Points, testkit.Point(hour(15), both))
	if m := settled(o, hour(15).Add(time.Minute)).Policy.Status.Missed; m != nil {
		t.Errorf("missed is %+v after a complete point", m)
	}
}

// TestDrillsAreCountedOnce: each drill that ends is counted when it is seen first, also when it has been forgotten since.
func TestDrillsAreCountedOnce(t *testing.T) {
	o := seenProofs(func(*api.BackupPolicy) {}, oneEnded("a", api.VerdictPassed, hour(8)), oneEnded("b", api.VerdictFailed, hour(9)))
	o = settled(settled(o, noon), noon.Add(time.Minute))
	o.Drills = append(o.Drills[1:], oneEnded("c", api.VerdictInconclusive, hour(10)), oneEnded("d", api.VerdictAborted, hour(11)))
	o = settled(settled(o, noon.Add(2*time.Minute)), noon.Add(3*time.Minute))
	if got, want := o.Policy.Status.Drills, (api.DrillCounts{Passed: 1, Failed: 1, Inconclusive: 1, Aborted: 1}); got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
}

// TestDataInDoubtFreezePruning: while a volume has collapsed, no point goes; what is announced is taken back.
func TestDataInDoubtFreezePruning(t *testing.T) {
	sized := func(bytes int64) testkit.Mod[api.RecoveryPoint] {
		return func(p *api.RecoveryPoint) {
			p.Status.Fingerprint = &api.PointFingerprint{State: api.FingerprintRecorded}
			for _, c := range both {
				p.Status.Fingerprint.Volumes = append(p.Status.Fingerprint.Volumes, api.VolumeFingerprint{Claim: c, Fingerprint: api.Fingerprint{Digest: "d", Files: 100, Bytes: bytes}})
			}
		}
	}
	points := func(last int64) []*api.RecoveryPoint {
		var out []*api.RecoveryPoint
		for h := 7; h <= 11; h++ {
			size := int64(100 << 20)
			if h == 11 {
				size = last
			}
			out = append(out, testkit.Point(hour(h), both, sized(size)))
		}
		return out
	}
	one := func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1} }
	at := hour(11).Add(30 * time.Minute)
	if p := ForPolicy(seenPolicy(points(100<<20), one), at); len(p.Status.Expiring) == 0 {
		t.Fatal("nothing expires, so that this test tells nothing")
	}
	p := ForPolicy(seenPolicy(points(1<<10), one), at)
	if !slices.Contains(kindsOf(p.Status), "High "+api.ReasonSizeAnomaly) {
		t.Errorf("findings are %v", kindsOf(p.Status))
	}
	if len(p.Status.Expiring)+len(p.Expire) > 0 {
		t.Errorf("while a volume has collapsed, %v expire", p.Status.Expiring)
	}
}

// TestWhatIsNotReadHoldsPruning: caches that do not hear any more must not let a point go.
func TestWhatIsNotReadHoldsPruning(t *testing.T) {
	one := func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1} }
	at := hour(11).Add(30 * time.Minute)
	for _, fact := range []drift.Fact{drift.FactSelection, drift.FactPoints, drift.FactDrills} {
		o := seenPolicy(hourly(7, 11), one)
		o.Unread = map[drift.Fact]string{fact: "forbidden"}
		p := ForPolicy(o, at)
		if len(p.Status.Expiring) > 0 {
			t.Errorf("%s was not read, and %v expire", fact, p.Status.Expiring)
		}
		if !slices.Contains(kindsOf(p.Status), "Medium "+api.ReasonEvaluationError) {
			t.Errorf("%s was not read, and findings are %v", fact, kindsOf(p.Status))
		}
	}
}

// TestUnevaluable: what cannot be judged is Unknown, whatever it was; findings stay, and the error is one more.
func TestUnevaluable(t *testing.T) {
	o := settled(seenProofs(func(*api.BackupPolicy) {}, oneEnded("failed", api.VerdictFailed, hour(11))), noon)
	o.Policy.Status.Expiring = []api.ExpiringPoint{{Name: "web-1", UID: "1", At: metav1.NewTime(noon)}}
	p := Unevaluable(o.Policy, errors.New("no answer"), noon.Add(time.Minute))
	if len(p.Status.Expiring) > 0 {
		t.Errorf("nothing is known, and %v expires", p.Status.Expiring)
	}
	for _, c := range p.Status.Conditions {
		if c.Status != metav1.ConditionUnknown || c.Reason != api.ReasonEvaluationError || !strings.Contains(c.Message, "no answer") {
			t.Errorf("%s is %s %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	got := kindsOf(p.Status)
	if !slices.Contains(got, "High "+api.ReasonDrillFailed) || !slices.Contains(got, "Medium "+api.ReasonEvaluationError) || len(p.Notes) != 1 {
		t.Errorf("findings are %v, notes %v", got, p.Notes)
	}
	o.Policy.Status = p.Status
	if later := Unevaluable(o.Policy, errors.New("no answer"), noon.Add(time.Hour)); !slices.Contains(kindsOf(later.Status), "High "+api.ReasonEvaluationError) {
		t.Errorf("an hour later findings are %v", kindsOf(later.Status))
	}
	again := ForPolicy(o, noon.Add(2*time.Minute))
	if slices.Contains(kindsOf(again.Status), "Medium "+api.ReasonEvaluationError) || conditionReason(again.Status.Conditions, api.ConditionProtected) != "True "+api.ReasonObjectiveMet {
		t.Errorf("judged again, findings are %v and conditions %v", kindsOf(again.Status), again.Status.Conditions)
	}
}

// TestAFreshDrillForAnotherStack: once for each stack, only where there is a proof to doubt, and a schedule that wants drills.
func TestAFreshDrillForAnotherStack(t *testing.T) {
	stack := func(digest string) Storage {
		return Storage{Classes: []StorageClass{{Name: "class-a", Provisioner: "a", Digest: digest}}}
	}
	proven := func(b *api.BackupPolicy) {}
	seen := func(digest string, mods ...func(*PolicyObserved)) PolicyObserved {
		d := oneEnded("passed", api.VerdictPassed, hour(11))
		o := seenProofs(proven, d)
		for i := range o.Claims {
			o.Claims[i].StorageClass = "class-a"
		}
		d.Status.Run.Storage = StorageStack(o.Policy, o.Claims, nil, o.Cluster, stack("old"))
		o.Storage = stack(digest)
		for _, m := range mods {
			m(&o)
		}
		return o
	}
	at := noon.Add(-time.Minute)
	changed := seen("new")
	p := ForPolicy(changed, at)
	now := StorageStack(changed.Policy, changed.Claims, nil, changed.Cluster, changed.Storage)
	if want := names.StackDrill("web", "policy-1", now); p.Rehearse == nil || p.Rehearse.Name != want || !p.Rehearse.Slot.IsZero() {
		t.Fatalf("asks for %+v, want %s", p.Rehearse, want)
	}
	if got := kindsOf(p.Status); !slices.Contains(got, "Medium "+api.ReasonStorageStackChanged) {
		t.Errorf("findings are %v", got)
	}
	for name, o := range map[string]PolicyObserved{
		"nothing changed": seen("old"),
		"suspended":       seen("new", func(o *PolicyObserved) { o.Policy.Spec.Suspend = true }),
		"no drills wanted": seen("new", func(o *PolicyObserved) {
			o.Policy.Spec.Drill = nil
		}),
		"one is under way": seen("new", func(o *PolicyObserved) {
			o.Drills = append(o.Drills, oneEnded("running", api.VerdictPassed, hour(11), func(d *api.RestoreDrill) { d.Status.Verdict, d.Status.FinishedAt, d.Status.Evidence = "", nil, nil }))
		}),
		"it was rehearsed, and failed": seen("new", func(o *PolicyObserved) {
			o.Drills = append(o.Drills, oneEnded("failed", api.VerdictFailed, hour(11).Add(time.Minute), func(d *api.RestoreDrill) { d.Status.Run.Storage = now }))
		}),
		"what there is could not be read": seen("new", func(o *PolicyObserved) { o.Unread = map[drift.Fact]string{drift.FactStack: "forbidden"} }),
		"there is nothing to doubt":       seen("new", func(o *PolicyObserved) { o.Drills = nil }),
	} {
		if p := ForPolicy(o, at); p.Rehearse != nil {
			t.Errorf("%s: asks for %+v", name, p.Rehearse)
		}
	}
}

// TestLeftoversAreTold: what a drill threw away and is still there; what belongs to another policy's run is not this one's.
func TestLeftoversAreTold(t *testing.T) {
	d := oneEnded("passed", api.VerdictPassed, hour(8))
	o := seenProofs(func(*api.BackupPolicy) {}, d)
	o.Throwaways = []Throwaway{
		{Claim: "of-mine", RunUID: string(d.UID), Expires: hour(9)},
		{Claim: "of-nobody", RunUID: "gone", Expires: hour(9), Lost: true},
		{Claim: "of-another", RunUID: "other", Expires: hour(9)},
		{Claim: "not-yet", RunUID: string(d.UID), Expires: hour(14)},
	}
	var subjects []string
	for _, f := range ForPolicy(o, noon).Status.Findings {
		if f.Kind == api.ReasonDrillLeftovers && f.Severity == api.SeverityMedium {
			subjects = append(subjects, f.Subject)
		}
	}
	if want := []string{"drill/passed", "pvc/of-mine", "pvc/of-nobody"}; !slices.Equal(subjects, want) {
		t.Errorf("leftovers are %v, want %v", subjects, want)
	}
}

// TestOrphansAreTold: a snapshot whose point is not there, in time.
func TestOrphansAreTold(t *testing.T) {
	points := hourly(7, 11)
	o := seenPolicy(points)
	o.Orphans = []Orphan{
		{Name: "of-a-point", PointUID: string(points[0].UID), Created: noon.AddDate(0, 0, -8)},
		{Name: "orphan", PointUID: "gone", Created: noon.AddDate(0, 0, -8)},
	}
	if one := orphans(o.Orphans[1:], points); len(one) != 1 || one[0].Subject != "volumesnapshot/orphan" {
		t.Errorf("of a single one it tells %+v", one)
	}
	for _, f := range ForPolicy(o, noon).Status.Findings {
		if f.Kind == api.ReasonOrphanedSnapshot {
			if f.Subject != "volumesnapshot/orphan" || f.Severity != api.SeverityLow {
				t.Errorf("the finding is %+v", f)
			}
			return
		}
	}
	t.Error("an orphan is not told")
}

// TestNoEditAcceptsItself: that less is promised is told once at the least, also when the same edit accepts it; what was told
// can be accepted.
func TestNoEditAcceptsItself(t *testing.T) {
	o := settled(seenPolicy(hourly(7, 11), func(b *api.BackupPolicy) { b.Generation, b.Spec.Retention = 1, api.Retention{Last: 9} }), noon)
	o.Policy.Generation, o.Policy.Spec.Retention.Last = 2, 1
	o.Policy.Annotations = map[string]string{api.AnnotationAcceptWeakening: "2"}
	p := ForPolicy(o, noon.Add(time.Minute))
	if !slices.Contains(reasons(p.Notes), api.ReasonPolicyWeakened) || !slices.Contains(kindsOf(p.Status), "High "+api.ReasonPolicyWeakened) {
		t.Errorf("findings are %v, notes %v", kindsOf(p.Status), p.Notes)
	}
	o = settled(settled(o, noon.Add(time.Minute)), noon.Add(2*time.Minute))
	if slices.Contains(kindsOf(o.Policy.Status), "High "+api.ReasonPolicyWeakened) || o.Policy.Status.Applied.Promise.Retention.Last != 1 {
		t.Errorf("accepted, and findings are %v", kindsOf(o.Policy.Status))
	}
}

// TestAShortHistoryHidesNothing: drills that cannot run are told of in the end, however few drills are kept.
func TestAShortHistoryHidesNothing(t *testing.T) {
	history := int32(1)
	o := seenProofs(func(b *api.BackupPolicy) { b.Spec.Drill.History = &history }, oneEnded("passed", api.VerdictPassed, hour(7)))
	for i := range 5 {
		at := hour(8).Add(time.Duration(i) * 30 * time.Minute)
		o.Drills = append(o.Drills, oneEnded("cannot-"+string(rune('a'+i)), api.VerdictInconclusive, at))
		p := ForPolicy(o, at.Add(time.Minute))
		o.Policy.Status = p.Status
		o.Drills = slices.DeleteFunc(o.Drills, func(d *api.RestoreDrill) bool {
			return slices.ContainsFunc(p.Forget, func(f Target) bool { return f.UID == string(d.UID) })
		})
		if told := slices.Contains(kindsOf(p.Status), "High "+api.ReasonDrillInconclusive); told != (i >= 2) {
			t.Errorf("after %d drills findings are %v, and %d drills are left", i+1, kindsOf(p.Status), len(o.Drills))
		}
	}
	if len(o.Drills) != 4 {
		t.Errorf("%d drills are kept", len(o.Drills))
	}
}
