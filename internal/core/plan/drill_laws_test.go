// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// driller is what the laws judge: ForDrill, or a faulty one that a law must convict.
type driller func(DrillObserved, time.Time) DrillPlan

// life is a drill and all that happens to it: the faultless course of the same events is what it is held against.
type life struct {
	from   DrillObserved
	events []event
}

// event is what happens to the objects of a drill before a pass.
type event struct {
	after   time.Duration
	deleted bool
	pods    map[string]string // by reader's claim or check: how the pod goes on
}

// The ways a pod may go on.
var ways = []string{"", "", "waits", "runs", "ready", "ends well", "ends well", "ends well", "ends badly", "is lost", "has no image", "differs", "tells nothing"}

func drawLife(t *rapid.T) life {
	checks := [][]api.Check{nil, bothChecks[:1], bothChecks, bothChecks[1:], {bothChecks[0], aCheck("more", api.LevelConsistent), bothChecks[1]}}
	l := life{from: startedDrill(func(o *DrillObserved) {
		o.Policy.Spec.Drill.Checks = rapid.SampledFrom(checks).Draw(t, "checks")
		if rapid.IntRange(0, 2).Draw(t, "promised") == 0 {
			o.Policy.Spec.Objectives = &api.Objectives{RequiredProof: rapid.SampledFrom([]api.ProofLevel{api.LevelRestored, api.LevelIntact, api.LevelConsistent, api.LevelAnswering}).Draw(t, "required")}
		}
		if rapid.IntRange(0, 4).Draw(t, "recorded") == 0 {
			o.Policy.Spec.Fingerprint = api.FingerprintNone
			o.Policy.Spec.Objectives = &api.Objectives{RequiredProof: api.LevelRestored}
			for _, p := range o.Points {
				unrecorded(p)
			}
		}
	})}
	for range rapid.IntRange(1, 12).Draw(t, "passes") {
		e := event{after: time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second, pods: map[string]string{}}
		e.deleted = rapid.IntRange(0, 30).Draw(t, "deleted") == 0
		for _, which := range []string{"data", "logs", "files", "client", "more"} {
			e.pods[which] = rapid.SampledFrom(ways).Draw(t, which)
		}
		l.events = append(l.events, e)
	}
	return l
}

// lived is one pass of a life, and what was true at it.
type lived struct {
	seen  DrillObserved
	plan  DrillPlan
	after api.RestoreDrillStatus
}

// live plays a life: orders come about, and pods go on as the events say, each to one end.
func (l life) live(d driller) []lived {
	o, at := l.from, noon
	o.Drill = o.Drill.DeepCopy()
	o.Brought.Claims, o.Brought.Pods = map[string]BroughtClaim{}, map[string]BroughtPod{}
	var out []lived
	for _, e := range l.events {
		at = at.Add(e.after)
		for name, p := range o.Brought.Pods {
			if way := e.pods[whichPod(name)]; p.Phase == PodPending || p.Phase == PodRunning {
				o.Brought.Pods[name] = goesOn(p, whichPod(name), way)
			}
		}
		o.Drill = o.Drill.DeepCopy()
		if e.deleted {
			o.Drill.DeletionTimestamp = metaTime(noon)
		}
		p := d(o, at)
		out = append(out, lived{o, p, p.Status})
		o.Brought.Claims, o.Brought.Pods = maps.Clone(o.Brought.Claims), maps.Clone(o.Brought.Pods)
		for _, c := range p.Claims {
			o.Brought.Claims[c.Name] = BroughtClaim{Target: Target{Name: c.Name}, RunUID: drillUID, Bound: true, Volume: "pv-" + c.Source.Claim}
		}
		for _, r := range p.Reads {
			o.pod(r.Name, PodPending)
		}
		if p.Check != nil {
			o.pod(p.Check.Name, PodPending)
		}
		o.Brought.Isolated = o.Brought.Isolated || p.Isolate
		o.Drill = o.Drill.DeepCopy()
		o.Drill.Status = p.Status
	}
	return out
}

// whichPod is the claim that a reader reads, or the check of a pod.
func whichPod(name string) string {
	for _, claim := range both {
		for attempt := range mostAttempts {
			if name == reader(claim, attempt) {
				return claim
			}
		}
	}
	for _, check := range []string{"files", "client", "more"} {
		if name == checkPod(check) {
			return check
		}
	}
	return ""
}

func goesOn(p BroughtPod, which, way string) BroughtPod {
	f := printOf(which)
	switch way {
	case "waits":
		p.Waits = &Problem{api.ReasonUnschedulable, "full"}
	case "has no image":
		p.Waits = &Problem{api.ReasonImageUnavailable, "no image"}
	case "runs":
		p.Phase = PodRunning
	case "ready":
		p.Phase, p.Ready = PodRunning, true
	case "ends well":
		p.Phase, p.Result = PodSucceeded, &ReadResult{Fingerprint: f}
	case "tells nothing":
		p.Phase = PodSucceeded
	case "differs":
		f.Digest = flipped
		p.Phase, p.Result = PodSucceeded, &ReadResult{Fingerprint: f}
	case "ends badly":
		p.Phase, p.ExitCode = PodFailed, 1
	case "is lost":
		p.Phase = PodLost
	}
	return p
}

// truth is what had really happened by a pass, found in the objects without asking the plan.
type truth struct {
	level     api.ProofLevel
	allPassed bool // every check ended well
	differs   bool // some volume was read and is not what was captured
	data      bool // something ended that speaks of the point: badly read, not equal, a check that ended badly or ran too long
}

func truthOf(l lived) truth {
	v := truth{allPassed: true, level: api.LevelIntact}
	ended := func(name string, phase PodPhase) bool { return l.seen.Brought.Pods[name].Phase == phase }
	for _, claim := range both {
		level := api.ProofLevel("")
		for attempt := range mostAttempts {
			pod := l.seen.Brought.Pods[reader(claim, attempt)]
			switch {
			case pod.Phase == PodSucceeded && pod.Result != nil && pod.Result.Digest == flipped:
				level = api.LevelRestored
				v.differs = v.differs || fingerprinted(l.seen.Points[2])
			case pod.Phase == PodSucceeded && pod.Result != nil:
				level = api.LevelRestored
				if fingerprinted(l.seen.Points[2]) {
					level = api.LevelIntact
				}
			case pod.Phase == PodSucceeded, pod.Phase == PodFailed:
				v.data = true
			}
		}
		if levels.Depth(level) < levels.Depth(v.level) {
			v.level = level
		}
	}
	for _, climb := range []api.ProofLevel{api.LevelConsistent, api.LevelAnswering} {
		some, all := false, true
		for _, c := range l.after.Run.Checks {
			passed := ended(checkPod(c.Name), PodSucceeded)
			v.allPassed = v.allPassed && passed
			v.data = v.data || ended(checkPod(c.Name), PodFailed)
			if c.Proves == climb {
				some, all = true, all && passed
			}
		}
		if some && all && levels.Depth(v.level) == levels.Depth(climb)-1 {
			v.level = climb
		}
	}
	return v
}

// tooLate says whether a check, or the storage system, took longer than it might.
func tooLate(l lived) bool {
	return conditionReason(l.after.Conditions, api.ConditionSucceeded) == "False RestoreTimedOut" ||
		slices.ContainsFunc(l.after.Checks, func(r api.CheckResult) bool { return r.State == api.CheckTimedOut })
}

type drillLaw struct {
	name  string
	holds func(lived) error
}

var drillLaws = []drillLaw{
	{"every verdict can be attested, also when the point is gone", func(l lived) error {
		if l.after.Verdict == "" {
			return nil
		}
		d := l.seen.Drill.DeepCopy()
		d.Status = l.after
		for _, point := range []*api.RecoveryPoint{l.seen.Points[2], nil} {
			if _, err := evidence.Statement(Attested(d, l.seen.Sources, point, "ns-uid", "", "v1")); err != nil {
				return err
			}
		}
		return nil
	}},
	{"what did not run did not pass", func(l lived) error {
		if v := truthOf(l); levels.Depth(l.after.Level) > levels.Depth(v.level) {
			return fmt.Errorf("it says %s, and %q was reached", l.after.Level, v.level)
		}
		for _, r := range l.after.Checks {
			if pod := l.seen.Brought.Pods[checkPod(r.Name)]; r.State == api.CheckPassed && pod.Phase != PodSucceeded {
				return fmt.Errorf("check %s passed, and its pod is %q", r.Name, pod.Phase)
			}
		}
		return nil
	}},
	{"a drill passes if and only if every check passed and the required level was reached", func(l lived) error {
		v, passed := truthOf(l), l.after.Verdict == api.VerdictPassed
		deep := levels.Depth(v.level) >= levels.Depth(l.after.Run.Required)
		switch {
		case passed && !(v.allPassed && deep && !v.differs):
			return fmt.Errorf("it passed; level %q of %s, all checks: %t, differs: %t", v.level, l.after.Run.Required, v.allPassed, v.differs)
		case l.after.Verdict == api.VerdictFailed && v.allPassed && deep && !v.differs && !v.data && !tooLate(l):
			return errors.New("it failed, and all is well")
		}
		return nil
	}},
	{"content that differs always fails a drill", func(l lived) error {
		read := slices.ContainsFunc(l.after.Phases, func(f api.DrillPhase) bool { return f.Name == api.PhaseReading && f.State == api.PhaseSucceeded })
		if v := truthOf(l); v.differs && read && l.after.Verdict != api.VerdictFailed {
			return fmt.Errorf("the content differs, and the verdict is %q", l.after.Verdict)
		}
		return nil
	}},
	{"circumstances fail no drill", func(l lived) error {
		reason := conditionReason(l.after.Conditions, api.ConditionSucceeded)
		speaks := truthOf(l).data || truthOf(l).differs || tooLate(l) || reason == "False ProofTooShallow"
		if l.after.Verdict == api.VerdictFailed && !speaks {
			return fmt.Errorf("it failed for %s", reason)
		}
		return nil
	}},
	{"what was decided stays", func(l lived) error {
		was := l.seen.Drill.Status
		switch {
		case !reflect.DeepEqual(was.Run, l.after.Run) || !reflect.DeepEqual(was.Selection, l.after.Selection):
			return errors.New("what was frozen has changed")
		case was.Verdict != "" && (was.Verdict != l.after.Verdict || was.Level != l.after.Level || !was.FinishedAt.Equal(l.after.FinishedAt) ||
			!equality.Semantic.DeepEqual(was.RecoveryTime, l.after.RecoveryTime) || !equality.Semantic.DeepEqual(was.Checks, l.after.Checks)):
			return fmt.Errorf("the verdict %s at %s became %s at %s", was.Verdict, was.Level, l.after.Verdict, l.after.Level)
		}
		return nil
	}},
	{"after the verdict nothing is made, and before it nothing is removed", func(l lived) error {
		makes := len(l.plan.Claims)+len(l.plan.Reads) > 0 || l.plan.Check != nil || l.plan.Isolate
		if l.after.Verdict != "" && makes {
			return fmt.Errorf("with verdict %s it makes something", l.after.Verdict)
		}
		if l.seen.Drill.Status.Verdict == "" && (len(l.plan.Remove) > 0 || l.plan.Record || l.plan.Finalizer != "") {
			return errors.New("it cleans up before its verdict is on record")
		}
		if l.plan.Check != nil && !l.seen.Brought.Isolated {
			return errors.New("a check runs without a NetworkPolicy")
		}
		return nil
	}},
	{"conditions say what is so, and a drill under way wakes", func(l lived) error {
		if l.after.Verdict == "" && (l.plan.Wake.IsZero() || conditionReason(l.after.Conditions, api.ConditionSucceeded)[:7] != "Unknown") {
			return fmt.Errorf("under way it wakes at %s and says %v", l.plan.Wake, l.after.Conditions)
		}
		want := map[bool]string{true: "True", false: "Fals"}[l.after.Verdict == api.VerdictPassed]
		if l.after.Verdict != "" && conditionReason(l.after.Conditions, api.ConditionSucceeded)[:4] != want {
			return fmt.Errorf("verdict %s, and it says %v", l.after.Verdict, l.after.Conditions)
		}
		return nil
	}},
}

func TestDrillLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := noon
		l := drawLife(t)
		for i, pass := range l.live(ForDrill) {
			for _, law := range drillLaws {
				if err := law.holds(pass); err != nil {
					t.Fatalf("%s: pass %d: %v", law.name, i, err)
				}
			}
			at = at.Add(l.events[i].after)
			if again := ForDrill(pass.seen, at); !reflect.DeepEqual(again, pass.plan) {
				t.Fatal("the same input gives two plans")
			}
			lawfulConditions(t, pass.after.Conditions, pass.seen.Drill.Status.Conditions, 1, api.ConditionSucceeded, api.ConditionCleanedUp)
		}
	})
}

// TestDrillLawsKillFaults: each law convicts some fault, and each fault is convicted.
func TestDrillLawsKillFaults(t *testing.T) {
	podsAre := func(change func(BroughtPod) BroughtPod) driller {
		return func(o DrillObserved, at time.Time) DrillPlan {
			o.Brought.Pods = maps.Clone(o.Brought.Pods)
			for name, p := range o.Brought.Pods {
				o.Brought.Pods[name] = change(p)
			}
			return ForDrill(o, at)
		}
	}
	planIs := func(change func(*DrillPlan)) driller {
		return func(o DrillObserved, at time.Time) DrillPlan {
			p := ForDrill(o, at)
			change(&p)
			return p
		}
	}
	convicts := map[string]bool{}
	for name, d := range map[string]driller{
		"a lost pod counts as one that ended well": podsAre(func(p BroughtPod) BroughtPod {
			if p.Phase == PodLost {
				p.Phase, p.Result = PodSucceeded, &ReadResult{Fingerprint: printOf(whichPod(p.Name))}
			}
			return p
		}),
		"a lost pod counts as one that failed": podsAre(func(p BroughtPod) BroughtPod {
			if p.Phase == PodLost {
				p.Phase = PodFailed
			}
			return p
		}),
		"a missing image counts as a failure": podsAre(func(p BroughtPod) BroughtPod {
			if p.Waits != nil && p.Waits.Reason == api.ReasonImageUnavailable {
				p.Phase = PodFailed
			}
			return p
		}),
		"a difference is overlooked": podsAre(func(p BroughtPod) BroughtPod {
			if p.Result != nil {
				p.Result = &ReadResult{Fingerprint: printOf(whichPod(p.Name))}
			}
			return p
		}),
		"a pod that is ready has passed": podsAre(func(p BroughtPod) BroughtPod {
			if p.Ready {
				p.Phase, p.Result = PodSucceeded, &ReadResult{Fingerprint: printOf(whichPod(p.Name))}
			}
			return p
		}),
		"a difference cannot be judged": planIs(func(p *DrillPlan) {
			if p.said.Reason == api.ReasonContentDiffers {
				p.Status.Verdict = api.VerdictInconclusive
			}
		}),
		"a check that timed out has passed": planIs(func(p *DrillPlan) {
			for i := range p.Status.Checks {
				if p.Status.Checks[i].State == api.CheckTimedOut {
					p.Status.Checks[i].State = api.CheckPassed
				}
			}
		}),
		"skipped checks raise the level": planIs(func(p *DrillPlan) {
			for _, r := range p.Status.Checks {
				if p.Status.Verdict != "" && r.State == api.CheckSkipped {
					p.Status.Level = r.Proves
				}
			}
		}),
		"any level passes": planIs(func(p *DrillPlan) {
			if p.said.Reason == api.ReasonProofTooShallow {
				p.Status.Verdict = api.VerdictPassed
			}
		}),
		"the run is filled in from the policy anew": planIs(func(p *DrillPlan) {
			p.Status.Run.Deadline = *metaTime(p.Status.Run.Deadline.Add(time.Minute))
		}),
		"the verdict moves on": planIs(func(p *DrillPlan) {
			if p.Status.Verdict == api.VerdictInconclusive {
				p.Status.Verdict = api.VerdictFailed
			}
		}),
		"checks do not wait for the NetworkPolicy": func(o DrillObserved, at time.Time) DrillPlan {
			o.Brought.Isolated = true
			return ForDrill(o, at)
		},
		"it removes before the verdict is on record": planIs(func(p *DrillPlan) { p.Remove = left }),
		"it forgets to wake":                         planIs(func(p *DrillPlan) { p.Wake = time.Time{} }),
		"it says nothing of the verdict":             planIs(func(p *DrillPlan) { p.Status.Conditions[len(p.Status.Conditions)-1].Status = "True" }),
	} {
		noticed := false
		for seed := range 300 {
			for _, pass := range rapid.Custom(drawLife).Example(seed).live(d) {
				for _, law := range drillLaws {
					if law.holds(pass) != nil {
						noticed, convicts[law.name] = true, true
					}
				}
			}
		}
		if !noticed {
			t.Errorf("no law notices: %s", name)
		}
	}
	for _, law := range drillLaws {
		if !convicts[law.name] {
			t.Errorf("no planted fault breaks the law %q", law.name)
		}
	}
}

// TestLawBoundedDrills: of any drills of a policy at most one is under way, and in a cluster no more than its limit,
// in whatever order they are looked at. It kills a drillWaits that looks at those under way alone, and one without a limit.
func TestLawBoundedDrills(t *testing.T) {
	start := func(waits func(DrillObserved) *Problem) func(t *rapid.T) error {
		return func(t *rapid.T) error {
			var drills []*api.RestoreDrill
			for i := range rapid.IntRange(1, 8).Draw(t, "drills") {
				drills = append(drills, aDrill(func(d *api.RestoreDrill) {
					d.Name, d.UID = fmt.Sprint("d", i), testkit.UIDOf(fmt.Sprint(i))
					d.CreationTimestamp = *metaTime(noon.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "created")) * time.Second))
					d.Labels = map[string]string{"policy": rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "policy")}
				}))
			}
			for range 30 {
				i := rapid.IntRange(0, len(drills)-1).Draw(t, "which")
				d := drills[i]
				if d.Status.Run != nil {
					if rapid.Bool().Draw(t, "ends") {
						d.Status.Verdict, d.Status.Evidence = api.VerdictPassed, &api.EvidenceReference{}
					}
					continue
				}
				o := DrillObserved{Drill: d, Settings: Settings{Drills: 2}}
				stale := rapid.IntRange(0, 3).Draw(t, "stale") == 0 // the cache has not seen that others of the policy started
				running := map[string]int{}
				for _, q := range drills {
					under := q.Status.Run != nil && q.Status.Verdict == ""
					if under {
						running[q.Labels["policy"]]++
						o.Running++
					}
					if q != d && q.Labels["policy"] == d.Labels["policy"] {
						seen := q.DeepCopy()
						if stale && under {
							seen.Status.Run = nil
						}
						o.Siblings = append(o.Siblings, seen)
					}
				}
				if waits(o) != nil {
					continue
				}
				d.Status.Run = &api.DrillRun{}
				if running[d.Labels["policy"]] > 0 || o.Running >= 2 {
					return fmt.Errorf("%s starts while %d of its policy, and %d in all, are under way", d.Name, running[d.Labels["policy"]], o.Running)
				}
			}
			return nil
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := start(drillWaits)(t); err != nil {
			t.Fatal(err)
		}
	})
	for name, waits := range map[string]func(DrillObserved) *Problem{
		"it looks at those under way alone": func(o DrillObserved) *Problem {
			o.Siblings = slices.DeleteFunc(slices.Clone(o.Siblings), func(d *api.RestoreDrill) bool { return d.Status.Run == nil })
			return drillWaits(o)
		},
		"it knows no limit": func(o DrillObserved) *Problem { o.Running = 0; return drillWaits(o) },
	} {
		noticed := false
		for seed := range 500 {
			noticed = noticed || rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(start(waits)(t)) }).Example(seed) != "<nil>"
		}
		if !noticed {
			t.Errorf("nobody notices that %s", name)
		}
	}
}
