// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// oneEnded is a drill of the policy that ended, with its evidence on record.
func oneEnded(name string, v api.Verdict, at time.Time, mods ...testkit.Mod[api.RestoreDrill]) *api.RestoreDrill {
	status := metav1.ConditionFalse
	if v == api.VerdictPassed {
		status = metav1.ConditionTrue
	}
	d := aDrill(func(d *api.RestoreDrill) {
		d.Name, d.UID, d.CreationTimestamp = name, testkit.UIDOf(name), metav1.NewTime(at.Add(-time.Minute))
		d.Status = api.RestoreDrillStatus{
			Run:     &api.DrillRun{Policy: "web", PolicyUID: "policy-1", RecoveryPoint: api.DrilledPoint{Name: "point", UID: "p"}},
			Verdict: v, Level: api.LevelIntact, FinishedAt: metaTime(at), RecoveryTime: &metav1.Duration{Duration: 3 * time.Minute},
			Evidence:   &api.EvidenceReference{ConfigMap: name, Digest: "d"},
			Conditions: []metav1.Condition{{Type: api.ConditionSucceeded, Status: status, Reason: "Why" + string(v), LastTransitionTime: metav1.NewTime(at)}},
		}
	})
	for _, m := range mods {
		m(d)
	}
	return d
}

func reached(l api.ProofLevel) testkit.Mod[api.RestoreDrill] {
	return func(d *api.RestoreDrill) { d.Status.Level = l }
}

func seenProofs(b testkit.Mod[api.BackupPolicy], drills ...*api.RestoreDrill) PolicyObserved {
	o := seenPolicy(hourly(7, 11), func(p *api.BackupPolicy) { p.Spec.Drill = &api.Drill{Cron: "30 3 * * *"} }, b)
	o.Drills = drills
	return o
}

func objectives(o api.Objectives) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) { b.Spec.Objectives = &o }
}

func TestProvenOfAPolicy(t *testing.T) {
	nothing := func(*api.BackupPolicy) {}
	day := func(n int) time.Time { return noon.Add(-time.Duration(n) * 24 * time.Hour) }
	passed := func(at time.Time, mods ...testkit.Mod[api.RestoreDrill]) *api.RestoreDrill {
		return oneEnded("passed", api.VerdictPassed, at, mods...)
	}
	within := func(d time.Duration) testkit.Mod[api.BackupPolicy] {
		return objectives(api.Objectives{ProofWithin: &metav1.Duration{Duration: d}})
	}
	quick := func(d time.Duration) testkit.Mod[api.BackupPolicy] {
		return objectives(api.Objectives{RecoveryTime: &metav1.Duration{Duration: d}})
	}
	type drills = []*api.RestoreDrill
	for _, c := range []struct {
		name   string
		policy testkit.Mod[api.BackupPolicy]
		drills drills
		want   string
		wake   time.Time // zero: for the sake of the proof it need not wake
	}{
		{"never", nothing, nil, "False NeverProven", time.Time{}},
		{"nothing is promised, and nothing known", func(b *api.BackupPolicy) { b.Spec.Drill = nil }, nil, "", time.Time{}},
		{"promised without a schedule", func(b *api.BackupPolicy) {
			b.Spec.Drill, b.Spec.Objectives = nil, &api.Objectives{RequiredProof: api.LevelRestored}
		}, nil, "False NeverProven", time.Time{}},
		{"proven", nothing, drills{passed(day(1))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"proven by hand, with nothing promised", func(b *api.BackupPolicy) { b.Spec.Drill = nil }, drills{passed(day(1))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"passed, and the evidence is not recorded", nothing, drills{passed(day(1), func(d *api.RestoreDrill) { d.Status.Evidence = nil })}, "False NeverProven", time.Time{}},
		{"too old by default", nothing, drills{passed(day(7))}, "False ProofExpired", time.Time{}},
		{"too old for what is asked", within(time.Hour), drills{passed(noon.Add(-time.Hour))}, "False ProofExpired", time.Time{}},
		{"young enough for what is asked", within(time.Hour), drills{passed(noon.Add(time.Second - time.Hour))}, "True Proven", noon.Add(time.Second)},
		{"too shallow", objectives(api.Objectives{RequiredProof: api.LevelConsistent}), drills{passed(day(1))}, "False ProofTooShallow", day(1).Add(levels.DefaultProofWithin)},
		{"too shallow for the checks", withChecks(bothChecks...), drills{passed(day(1), reached(api.LevelConsistent))}, "False ProofTooShallow", day(1).Add(levels.DefaultProofWithin)},
		{"deep enough for the checks", withChecks(bothChecks...), drills{passed(day(1), reached(api.LevelAnswering))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"deeper than asked", objectives(api.Objectives{RequiredProof: api.LevelRestored}), drills{passed(day(1), reached(api.LevelAnswering))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"too slow", quick(3*time.Minute - time.Second), drills{passed(day(1))}, "False RecoveryTooSlow", day(1).Add(levels.DefaultProofWithin)},
		{"just quick enough", quick(3 * time.Minute), drills{passed(day(1))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"not measured", quick(time.Minute), drills{passed(day(1), func(d *api.RestoreDrill) { d.Status.RecoveryTime = nil })}, "Unknown RecoveryTooSlow", day(1).Add(levels.DefaultProofWithin)},
		{"failed since", nothing, drills{passed(day(2)), oneEnded("failed", api.VerdictFailed, day(1))}, "False DrillFailed", time.Time{}},
		{"failed before", nothing, drills{passed(day(1)), oneEnded("failed", api.VerdictFailed, day(2))}, "True Proven", day(1).Add(levels.DefaultProofWithin)},
		{"failed, and never proven", nothing, drills{oneEnded("failed", api.VerdictFailed, day(2))}, "False DrillFailed", time.Time{}},
		{"failed without having chosen a point", nothing, drills{passed(day(2)), oneEnded("failed", api.VerdictFailed, day(1), func(d *api.RestoreDrill) { d.Status.Run, d.Status.Evidence = nil, nil })}, "False DrillFailed", time.Time{}},
		{"could not run since", nothing, drills{passed(day(2)), oneEnded("stuck", api.VerdictInconclusive, day(1))}, "True Proven", day(2).Add(levels.DefaultProofWithin)},
		{"aborted since", nothing, drills{passed(day(2)), oneEnded("stopped", api.VerdictAborted, day(1))}, "True Proven", day(2).Add(levels.DefaultProofWithin)},
		{"failed since, and then could not run", nothing, drills{passed(day(3)), oneEnded("failed", api.VerdictFailed, day(2)), oneEnded("stuck", api.VerdictInconclusive, day(1))}, "False DrillFailed", time.Time{}},
		{"could not run, and never proven", nothing, drills{oneEnded("stuck", api.VerdictInconclusive, day(1))}, "False NeverProven", time.Time{}},
		{"a namesake's drill", nothing, drills{passed(day(1), func(d *api.RestoreDrill) { d.Status.Run.PolicyUID = "another" })}, "False NeverProven", time.Time{}},
		{"a namesake's drill without a point", nothing, drills{oneEnded("failed", api.VerdictFailed, hour(5), func(d *api.RestoreDrill) { d.Status.Run, d.Status.Evidence = nil, nil })}, "False NeverProven", time.Time{}},
		{"one that is under way", nothing, drills{passed(day(1), func(d *api.RestoreDrill) { d.Status.Verdict, d.Status.FinishedAt = "", nil })}, "False NeverProven", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenProofs(c.policy, c.drills...)
			for _, d := range c.drills {
				if d.Status.Run == nil && c.name != "a namesake's drill without a point" {
					o.Policy.CreationTimestamp = metav1.NewTime(day(30))
				}
			}
			p := ForPolicy(o, noon)
			got := conditionReason(p.Status.Conditions, api.ConditionProven)
			if got != c.want {
				t.Errorf("Proven is %q, want %q", got, c.want)
			}
			if !c.wake.IsZero() && p.Wake.After(c.wake) {
				t.Errorf("the plan wakes at %s, after %s", p.Wake, c.wake)
			}
		})
	}
}

// TestProofsOutliveDrills: what a policy and its points say of proofs stays when the drill is forgotten.
func TestProofsOutliveDrills(t *testing.T) {
	o := settled(seenProofs(func(*api.BackupPolicy) {}, oneEnded("passed", api.VerdictPassed, hour(10))), noon)
	o.Drills = nil
	p := ForPolicy(o, noon.Add(time.Minute))
	if last := p.Status.LastProof; last == nil || last.Drill != "passed" || p.Status.LastDrill == nil {
		t.Fatalf("the last proof is %+v", last)
	}
	o.Policy.Status.LastProof = nil
	o.Points[4].Status.Proofs = []api.ProofSummary{{Drill: "told-by-the-point", Level: api.LevelIntact, At: *metaTime(hour(11))}}
	if last := ForPolicy(o, noon).Status.LastProof; last == nil || last.Drill != "told-by-the-point" {
		t.Errorf("the last proof is %+v, want that of the point", last)
	}
}

func TestProofOf(t *testing.T) {
	if p := ProofOf(oneEnded("a", api.VerdictPassed, noon)); p == nil || p.Drill != "a" || p.RecoveryPoint != "point" || p.Level != api.LevelIntact || p.RecoveryTime == nil {
		t.Errorf("the proof is %+v", p)
	}
	for name, d := range map[string]*api.RestoreDrill{
		"failed": oneEnded("a", api.VerdictFailed, noon), "could not run": oneEnded("a", api.VerdictInconclusive, noon),
		"was aborted": oneEnded("a", api.VerdictAborted, noon), "has no verdict": oneEnded("a", "", noon),
		"has no evidence": oneEnded("a", api.VerdictPassed, noon, func(d *api.RestoreDrill) { d.Status.Evidence = nil }),
	} {
		if p := ProofOf(d); p != nil {
			t.Errorf("a drill that %s proves %+v", name, p)
		}
	}
}

func TestProofsOfAPoint(t *testing.T) {
	p := testkit.Point(noon, both)
	if pointProven(p) != nil {
		t.Error("a point that no drill proved is Proven")
	}
	for i := range 8 {
		one := api.ProofSummary{Drill: fmt.Sprint("d", i), Level: api.LevelIntact, At: *metaTime(hour(12 + i/2))} // two each at one instant
		got := Proofs(p, one)
		if len(got) != min(i+1, mostProofs) || got[0].Drill != one.Drill {
			t.Fatalf("after %d: %+v", i+1, got)
		}
		p.Status.Proofs = got
		for _, was := range got {
			if again := Proofs(p, was); again != nil {
				t.Errorf("%s is taken again: %+v", was.Drill, again)
			}
		}
	}
	if got := Proofs(p, api.ProofSummary{Drill: "older", At: *metaTime(hour(3))}); got != nil {
		t.Errorf("an older one is taken: %+v", got)
	}
	if c := pointProven(p); c == nil || c.Reason != api.ReasonProven || !strings.Contains(c.Message, "d7") {
		t.Errorf("Proven is %+v", c)
	}
}

func withDrill(cron string, mods ...testkit.Mod[api.BackupPolicy]) PolicyObserved {
	return seenPolicy(hourly(7, 12), append([]testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: cron} }}, mods...)...)
}

func slotDrill(at time.Time, mods ...testkit.Mod[api.RestoreDrill]) *api.RestoreDrill {
	return oneEnded(names.Drill("web", "policy-1", at), api.VerdictPassed, at.Add(time.Minute), append([]testkit.Mod[api.RestoreDrill]{func(d *api.RestoreDrill) {
		d.Spec.Slot = metaTime(at)
	}}, mods...)...)
}

func TestRehearse(t *testing.T) {
	at := noon.Add(30*time.Minute + time.Second)
	underWay := func(d *api.RestoreDrill) { d.Status.Verdict, d.Status.FinishedAt, d.Status.Evidence = "", nil, nil }
	for _, c := range []struct {
		name   string
		seen   PolicyObserved
		drills []*api.RestoreDrill
		at     time.Time
		want   string
	}{
		{"the slot that has come", withDrill("30 * * * *"), nil, at, "12:30"},
		{"one for many that were missed", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(hour(7).Add(30 * time.Minute))}, at, "12:30"},
		{"not the slot that has a drill", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(noon.Add(30 * time.Minute))}, at, ""},
		{"a new policy waits for its first slot", withDrill("30 * * * *"), nil, hour(6).Add(time.Minute), ""},
		{"while one is under way it waits", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(hour(11).Add(30*time.Minute), underWay)}, at, ""},
		{"while one has no evidence yet it waits", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(hour(11).Add(30*time.Minute), func(d *api.RestoreDrill) { d.Status.Evidence = nil })}, at, ""},
		{"while one that a person made is under way it waits", withDrill("30 * * * *"), []*api.RestoreDrill{oneEnded("mine", "", hour(11), underWay)}, at, ""},
		{"a slot that somebody wrote on a drill of their own", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(hour(20), func(d *api.RestoreDrill) { d.Name = "mine" })}, at, "12:30"},
		{"a slot below the mark never comes again", withDrill("30 * * * *", func(b *api.BackupPolicy) { b.Status.LastDrillSlot = metaTime(noon.Add(30 * time.Minute)) }), nil, at, ""},
		{"nor when the clock is behind", withDrill("30 * * * *", func(b *api.BackupPolicy) { b.Status.LastDrillSlot = metaTime(hour(20)) }), nil, at, ""},
		{"suspended", withDrill("30 * * * *", func(b *api.BackupPolicy) { b.Spec.Suspend = true }), nil, at, ""},
		{"a schedule that cannot be understood", withDrill("99 * * * *"), nil, at, ""},
		{"a namesake's drill is no hindrance", withDrill("30 * * * *"), []*api.RestoreDrill{slotDrill(hour(11), underWay, func(d *api.RestoreDrill) { d.Status.Run.PolicyUID = "another" })}, at, "12:30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.seen.Drills = c.drills
			p := ForPolicy(c.seen, c.at)
			got := ""
			if p.Rehearse != nil {
				got = p.Rehearse.Slot.Format("15:04")
				if p.Rehearse.Name != names.Drill("web", "policy-1", p.Rehearse.Slot) || !p.Status.LastDrillSlot.Time.Equal(p.Rehearse.Slot) {
					t.Errorf("it is named %s, and the mark is %s", p.Rehearse.Name, p.Status.LastDrillSlot)
				}
			}
			if got != c.want {
				t.Errorf("it rehearses for %q, want %q", got, c.want)
			}
			if next := p.Status.NextDrill; next != nil && !next.After(c.at) {
				t.Errorf("the next drill is at %s, in the past", next)
			}
			if was := c.seen.Policy.Status.LastDrillSlot; was != nil && p.Status.LastDrillSlot.Before(was) {
				t.Errorf("the mark fell to %s", p.Status.LastDrillSlot)
			}
		})
	}
	o := withDrill("30 * * * *")
	o.NamespaceTerminating = true
	if p := ForPolicy(o, at); p.Rehearse != nil {
		t.Error("it rehearses in a namespace that goes")
	}
}

// TestEditingNeverRehearses: what is added, edited or resumed looks only ahead.
func TestEditingNeverRehearses(t *testing.T) {
	at := noon.Add(45 * time.Minute)
	for name, c := range map[string]struct{ before, edit testkit.Mod[api.BackupPolicy] }{
		"added":     {func(b *api.BackupPolicy) { b.Spec.Drill = nil }, func(b *api.BackupPolicy) { b.Spec.Drill = &api.Drill{Cron: "30 * * * *"} }},
		"cron":      {func(b *api.BackupPolicy) { b.Spec.Drill.Cron = "59 * * * *" }, func(b *api.BackupPolicy) { b.Spec.Drill.Cron = "30 * * * *" }},
		"time zone": {func(*api.BackupPolicy) {}, func(b *api.BackupPolicy) { b.Spec.Schedule.TimeZone = "Asia/Kolkata" }},
		"resumed":   {func(b *api.BackupPolicy) { b.Spec.Suspend = true }, func(b *api.BackupPolicy) { b.Spec.Suspend = false }},
	} {
		t.Run(name, func(t *testing.T) {
			o := settled(withDrill("30 * * * *", c.before), hour(12).Add(29*time.Minute))
			c.edit(o.Policy)
			o.Policy.Generation++
			p := ForPolicy(o, at)
			if p.Rehearse != nil || p.Status.NextDrill == nil || !p.Status.NextDrill.After(at) {
				t.Errorf("it rehearses %+v, next at %s", p.Rehearse, p.Status.NextDrill)
			}
			next := p.Status.NextDrill.Time
			o.Policy.Status = p.Status
			if p := ForPolicy(o, next.Add(time.Second)); p.Rehearse == nil || !p.Rehearse.Slot.Equal(next) {
				t.Errorf("at the next slot it rehearses %+v", p.Rehearse)
			}
		})
	}
}

// TestDrillSlotIsWrittenDown: an operator that was killed after it created a drill finds the slot on it, and the slot stays
// settled when the drill is gone.
func TestDrillSlotIsWrittenDown(t *testing.T) {
	o := withDrill("30 * * * *")
	o.Drills = []*api.RestoreDrill{slotDrill(noon.Add(30 * time.Minute))}
	o = settled(o, noon.Add(40*time.Minute))
	o.Drills = nil
	if p := ForPolicy(o, noon.Add(41*time.Minute)); p.Rehearse != nil || p.Status.LastDrillSlot == nil {
		t.Errorf("it rehearses %+v again; the mark is %s", p.Rehearse, p.Status.LastDrillSlot)
	}
}

// TestDrillThatCouldNotBeCreated: its slot stays due.
func TestDrillThatCouldNotBeCreated(t *testing.T) {
	o := withDrill("30 * * * *")
	at := noon.Add(31 * time.Minute)
	p := ForPolicy(o, at)
	p.DrillFailed(o.Policy.Status)
	o.Policy.Status = p.Status
	if again := ForPolicy(o, at); again.Rehearse == nil || !again.Rehearse.Slot.Equal(noon.Add(30*time.Minute)) {
		t.Errorf("it rehearses %+v", again.Rehearse)
	}
}

func TestDrillProblem(t *testing.T) {
	for cron, want := range map[string]string{"30 * * * *": "True Ready", "99 * * * *": "False InvalidSchedule", "0 0 31 2 *": "False InvalidSchedule"} {
		p := ForPolicy(withDrill(cron), noon)
		if got := conditionReason(p.Status.Conditions, api.ConditionReady); got != want {
			t.Errorf("%s: Ready is %s, want %s", cron, got, want)
		}
		if c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionReady); want != "True Ready" && !strings.HasPrefix(c.Message, "spec.drill.cron") {
			t.Errorf("%s: it says %q", cron, c.Message)
		}
	}
}

func TestHistory(t *testing.T) {
	many := func(verdicts ...api.Verdict) (out []*api.RestoreDrill) {
		for i, v := range verdicts { // the newest first
			out = append(out, oneEnded(fmt.Sprint("d", i), v, noon.Add(-time.Duration(i)*time.Hour)))
		}
		return out
	}
	const p, f, i, a = api.VerdictPassed, api.VerdictFailed, api.VerdictInconclusive, api.VerdictAborted
	running := oneEnded("running", "", noon, func(d *api.RestoreDrill) { d.Status.FinishedAt, d.Status.Evidence = nil, nil })
	for _, c := range []struct {
		name    string
		history int32
		drills  []*api.RestoreDrill
		want    string
	}{
		{"fewer", 3, many(p, f), ""},
		{"the oldest go", 2, many(p, p, p, p), "d2 d3"},
		{"the newest that passed stays", 1, many(f, f, p, p), "d1 d3"},
		{"and the newest that failed since", 1, many(i, a, f, f, p, f), "d1 d3 d5"},
		{"one that failed before it passed goes", 1, many(p, f), "d1"},
		{"what is under way is not counted", 1, append(many(p), running), ""},
		{"one without evidence is not forgotten", 1, append(many(p), oneEnded("bare", p, hour(3), func(d *api.RestoreDrill) { d.Status.Evidence = nil })), ""},
		{"one that is being deleted is not counted", 1, append(many(p), oneEnded("going", p, noon.Add(time.Hour), func(d *api.RestoreDrill) { d.DeletionTimestamp = metaTime(noon) })), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenProofs(func(b *api.BackupPolicy) { b.Spec.Drill.History = &c.history }, c.drills...)
			var got []string
			for _, g := range ForPolicy(o, noon).Forget {
				got = append(got, g.Name)
				if g.UID != string(testkit.UIDOf(g.Name)) {
					t.Errorf("%s is named by UID %s", g.Name, g.UID)
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("it forgets %v, want %s", got, c.want)
			}
		})
	}
	o := seenProofs(func(*api.BackupPolicy) {}, many(slices.Repeat([]api.Verdict{p}, 12)...)...)
	if got := ForPolicy(o, noon).Forget; len(got) != 2 {
		t.Errorf("by default it forgets %d of 12", len(got))
	}
}

// TestDrilledPointsStay: retention waits for a drill of a point, and takes the point once it has ended.
func TestDrilledPointsStay(t *testing.T) {
	o := seenPolicy(hourly(7, 12), func(b *api.BackupPolicy) { b.Spec.Retention.Last = 3 })
	o = settled(o, noon.Add(time.Minute))
	at := noon.Add(2 * time.Minute)
	oldest := o.Points[0]
	d := oneEnded("one", "", at, func(d *api.RestoreDrill) {
		d.Status.FinishedAt, d.Status.Evidence = nil, nil
		d.Status.Run.RecoveryPoint = api.DrilledPoint{Name: oldest.Name, UID: string(oldest.UID)}
	})
	expires := func() bool {
		return slices.ContainsFunc(ForPolicy(o, at).Expire, func(e Target) bool { return e.UID == string(oldest.UID) })
	}
	if !expires() {
		t.Fatal("it does not expire without a drill")
	}
	o.Drills = []*api.RestoreDrill{d}
	if expires() {
		t.Error("it expires while a drill rehearses it")
	}
	d.Status.Verdict, d.Status.FinishedAt = api.VerdictPassed, metaTime(at)
	if !expires() {
		t.Error("it stays though the drill has ended")
	}
}

func TestForgetStatements(t *testing.T) {
	all := make([]Statement, 0, mostStatements+6)
	for i := range mostStatements + 6 {
		all = append(all, Statement{Target: Target{Name: fmt.Sprint("s", i)}, Sequence: i + 1, Passed: i < 3})
	}
	var got []string
	for _, s := range ForgetStatements(all) {
		got = append(got, s.Name)
	}
	slices.Sort(got)
	if want := "s0 s1 s3 s4 s5"; strings.Join(got, " ") != want {
		t.Errorf("it forgets %v, want %s: the newest that passed stays", got, want)
	}
	if got := ForgetStatements(all[:mostStatements]); len(got) > 0 {
		t.Errorf("within the history it forgets %v", got)
	}
}

func TestSweep(t *testing.T) {
	all := []Expiring{
		{Leftover{Target: Target{Name: "overdue"}}, noon.Add(-time.Second)},
		{Leftover{Target: Target{Name: "due"}}, noon},
		{Leftover{Target: Target{Name: "later"}}, noon.Add(time.Hour)},
		{Leftover{Target: Target{Name: "latest"}}, noon.Add(2 * time.Hour)},
		{Leftover{Target: Target{Name: "never"}}, time.Time{}},
		{Leftover{Target: Target{Name: "going"}, Deleting: true}, noon},
		{Leftover{Target: Target{Name: "kept"}, Deleting: true, Retain: true}, time.Time{}},
	}
	due, wake := Sweep(all, false, noon)
	if removed(due) != "overdue due" || !wake.Equal(noon.Add(time.Hour)) {
		t.Errorf("while its run is there it removes %q and wakes at %s", removed(due), wake)
	}
	due, wake = Sweep(all, true, noon)
	if removed(due) != "overdue due later latest never kept" || !wake.IsZero() {
		t.Errorf("once its run is gone it removes %q and wakes at %s", removed(due), wake)
	}
}

// TestAttested: a statement is of what is on record alone, so that the same drill gives the same statement.
func TestAttested(t *testing.T) {
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks })
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	o.pod(checkPod("files"), PodFailed, func(p *BroughtPod) { p.ExitCode, p.ImageID = 3, "files@sha256:1" })
	o = stepped(o, noon.Add(3*time.Minute))
	point := o.Points[2]
	d := Attested(o.Drill, o.Sources, point, "ns-uid", flipped, "v1")
	if d.Policy.NamespaceUID != "ns-uid" || d.Previous != flipped || d.Verdict != "Failed" || d.Reason != api.ReasonCheckFailed ||
		d.Level != "Intact" || d.Required != "Answering" || d.RecoverySeconds != 60 || d.DataAgeSeconds != 3600 || d.Point.UID != string(point.UID) {
		t.Errorf("the statement is %+v", d)
	}
	if x := d.Selection; x.Strategy != string(o.Drill.Status.Selection.Strategy) || x.Seed != drillUID || x.Eligible != 3 || x.EligibleDigest == "" {
		t.Errorf("it was chosen by %+v", x)
	}
	if f := d.Phases[1]; f.Name != "Restoring" || !f.Start.Equal(noon) || !f.End.Equal(noon.Add(time.Minute)) {
		t.Errorf("the restore is stated as %+v", f)
	}
	odd := o.Drill.DeepCopy()
	odd.Status.Selection = nil
	odd.Status.RecoveryTime = &metav1.Duration{Duration: 60*time.Second + time.Nanosecond}
	odd.Status.Phases[0].StartedAt, odd.Status.Phases[0].FinishedAt = nil, nil
	odd.Status.Checks[0].FinishedAt, odd.Status.Checks[1].StartedAt = nil, odd.Status.Checks[0].StartedAt
	if s := Attested(odd, o.Sources, point, "ns-uid", flipped, "v1"); s.RecoverySeconds != 61 || s.Selection != (evidence.Selection{}) || !s.Phases[0].Start.IsZero() || !s.Phases[0].End.IsZero() || s.Checks[0].Seconds+s.Checks[1].Seconds != 0 {
		t.Errorf("of what is not known it states %+v", s)
	}
	lasted := o.Drill.DeepCopy()
	finished := metav1.NewMicroTime(lasted.Status.Checks[0].StartedAt.Add(90*time.Second + time.Microsecond))
	lasted.Status.Checks[0].FinishedAt = &finished
	if s := Attested(lasted, o.Sources, point, "ns-uid", flipped, "v1"); s.Checks[0].Seconds != 91 {
		t.Errorf("a check that took a little more than 90 s is stated to have taken %d", s.Checks[0].Seconds)
	}
	differs := o.Drill.DeepCopy()
	differs.Status.Volumes[0].Level, differs.Status.Volumes[0].Read.Digest, differs.Status.Volumes[1].Read = api.LevelRestored, flipped, nil
	if v := Attested(differs, o.Sources, point, "ns-uid", flipped, "v1").Point.Volumes; v[0].Fingerprint != printOf("data").Digest || v[0].Read != flipped || v[1].Read != "" || v[1].Fingerprint != printOf("logs").Digest {
		t.Errorf("of a volume that differs, and one that was not read, it states %+v", v)
	}
	if len(d.Phases) != 4 || len(d.Checks) != 2 || d.Checks[0].ExitCode == nil || *d.Checks[0].ExitCode != 3 || d.Checks[0].ImageID != "files@sha256:1" ||
		d.Checks[0].Seconds != 120 || d.Checks[1].State != "Skipped" || d.Checks[1].Image != "registry.test/client" {
		t.Errorf("phases %+v, checks %+v", d.Phases, d.Checks)
	}
	if v := d.Point.Volumes; len(v) != 2 || v[0].SnapshotHandle != "snap-data" || v[0].Fingerprint != printOf("data").Digest || v[0].Read != printOf("data").Digest || v[0].Bytes != 4096 {
		t.Errorf("volumes %+v", v)
	}
	after := stepped(o, noon.Add(time.Hour)) // it has been cleaned up meanwhile
	if again := Attested(after.Drill, o.Sources, point, "ns-uid", flipped, "v1"); asJSON(again) != asJSON(d) {
		t.Errorf("the statement has changed:\n%s\n%s", asJSON(d), asJSON(again))
	}
	gone := Attested(o.Drill, nil, nil, "ns-uid", "", "v1")
	if len(gone.Point.Volumes) != 2 || gone.Point.Volumes[0].SnapshotHandle != "" || gone.Point.Volumes[0].Fingerprint != printOf("data").Digest || gone.Point.Volumes[0].Read == "" {
		t.Errorf("without the point: %+v", gone.Point)
	}
}
