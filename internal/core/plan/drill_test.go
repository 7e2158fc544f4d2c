// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

const drillUID = "drill-1"

// shipped are the settings that a drill sees.
var shipped = Settings{Grace: time.Hour, HooksEnabled: true, Retain: true, Drills: 4}

// flipped is the digest of a volume in which a byte was flipped.
var flipped = evidence.Digest([]byte("flipped"))

// printOf is the fingerprint of a claim's volume in these tests.
func printOf(claim string) api.Fingerprint {
	return api.Fingerprint{Digest: evidence.Digest([]byte(claim)), Files: 7, Bytes: 4096}
}

// recorded gives a point the fingerprints and volumes that a capture of its claims leaves.
func recorded(p *api.RecoveryPoint) {
	f := &api.PointFingerprint{State: api.FingerprintRecorded, CleanedUp: true, StartedAt: p.CreationTimestamp}
	p.Status.Volumes = nil
	for _, claim := range both {
		f.Volumes = append(f.Volumes, api.VolumeFingerprint{Claim: claim, Fingerprint: printOf(claim)})
		p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: claim, ClaimUID: testkit.ClaimUID(claim), Snapshot: "vs-" + claim,
			Driver: testkit.Driver, StorageClass: testkit.Class})
	}
	p.Status.Fingerprint = f
}

// unrecorded takes a point's fingerprint away.
func unrecorded(p *api.RecoveryPoint) { p.Status.Fingerprint = nil }

func drillPolicy(mods ...testkit.Mod[api.BackupPolicy]) *api.BackupPolicy {
	return testkit.Policy(append([]testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) {
		b.CreationTimestamp = metav1.NewTime(hour(6))
		b.Spec.Drill = &api.Drill{Cron: "30 * * * *", Select: api.SelectLatest}
	}}, mods...)...)
}

func aCheck(name string, proves api.ProofLevel) api.Check {
	return api.Check{Name: name, Proves: proves, Image: "registry.test/" + name, Command: []string{"check"}}
}

var bothChecks = []api.Check{aCheck("files", api.LevelConsistent), aCheck("client", api.LevelAnswering)}

func withChecks(checks ...api.Check) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) { b.Spec.Drill.Checks = checks }
}

// aDrill is one that a user made of the policy at noon.
func aDrill(mods ...testkit.Mod[api.RestoreDrill]) *api.RestoreDrill {
	d := &api.RestoreDrill{
		ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "rehearsal", UID: drillUID, Generation: 1,
			CreationTimestamp: metav1.NewTime(noon), Finalizers: []string{api.FinalizerThrowaways}},
		Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "web"}},
	}
	for _, m := range mods {
		m(d)
	}
	return d
}

func sourceOf(claim string) Source {
	return Source{Claim: claim, ClaimUID: testkit.ClaimUID(claim), Snapshot: Target{"vs-" + claim, "u-vs-" + claim}, Driver: testkit.Driver,
		Handle: "snap-" + claim, StorageClass: testkit.Class, Mode: "Filesystem", Size: resource.MustParse("1Gi")}
}

// seenDrill is a drill that may start: its policy has three complete points with fingerprints.
func seenDrill(mods ...func(*DrillObserved)) DrillObserved {
	o := DrillObserved{
		Drill: aDrill(), Policy: drillPolicy(), Settings: shipped,
		Points: []*api.RecoveryPoint{testkit.Point(hour(9), both, recorded), testkit.Point(hour(10), both, recorded), testkit.Point(hour(11), both, recorded)},
		Brought: Brought{RunUID: drillUID, Claims: map[string]BroughtClaim{}, Pods: map[string]BroughtPod{},
			Classes: map[string]string{testkit.Class: testkit.Driver, "other": "b.csi.lifeboat.test"}},
	}
	for _, m := range mods {
		m(&o)
	}
	return o
}

// stepped carries a plan out in the status alone.
func stepped(o DrillObserved, at time.Time) DrillObserved {
	p := ForDrill(o, at)
	o.Drill = o.Drill.DeepCopy()
	o.Drill.Status = p.Status
	return o
}

// startedDrill is a drill whose run is frozen, and its sources read.
func startedDrill(mods ...func(*DrillObserved)) DrillObserved {
	o := stepped(seenDrill(mods...), noon)
	o.Sources = []Source{sourceOf("data"), sourceOf("logs")}
	return o
}

func throwaway(claim string) string { return names.Throwaway(claim, drillUID, testkit.ClaimUID(claim)) }

func reader(claim string, attempt int) string {
	return names.Reader(claim, drillUID, testkit.ClaimUID(claim), attempt)
}

// delivered are claims that are bound.
func delivered(o *DrillObserved) {
	for _, claim := range both {
		o.Brought.Claims[throwaway(claim)] = BroughtClaim{Target: Target{throwaway(claim), "u"}, RunUID: drillUID, Bound: true, Volume: "pv-" + claim}
	}
}

// pod puts a pod there.
func (o *DrillObserved) pod(name string, phase PodPhase, mods ...func(*BroughtPod)) {
	p := BroughtPod{Target: Target{name, "u-" + name}, RunUID: drillUID, Phase: phase}
	for _, m := range mods {
		m(&p)
	}
	o.Brought.Pods[name] = p
}

// tells has a reader tell what it read.
func tells(f api.Fingerprint) func(*BroughtPod) {
	return func(p *BroughtPod) { p.Result = &ReadResult{Fingerprint: f} }
}

// allRead has both readers end well.
func allRead(o *DrillObserved) {
	delivered(o)
	for _, claim := range both {
		o.pod(reader(claim, 0), PodSucceeded, tells(printOf(claim)))
	}
	o.Brought.Isolated = true
}

func conditionReason(list []metav1.Condition, kind string) string {
	if c := meta.FindStatusCondition(list, kind); c != nil {
		return string(c.Status) + " " + c.Reason
	}
	return ""
}

func TestDrillFreezesBeforeItActs(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) {
		o.Policy.Spec.Drill = &api.Drill{Cron: "30 * * * *", Select: api.SelectOldest, Checks: bothChecks, StorageClassName: "named",
			Timeout: &metav1.Duration{Duration: 20 * time.Minute}, Cleanup: &api.DrillCleanup{OnFailure: &metav1.Duration{Duration: time.Hour}}}
		o.Policy.Spec.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](1000)}
	})
	first := ForDrill(o, noon)
	if first.Isolate || len(first.Claims)+len(first.Reads)+len(first.Remove) > 0 || first.Check != nil || first.Record {
		t.Fatalf("the first pass acts: %+v", first)
	}
	run := first.Status.Run
	if run == nil || run.RecoveryPoint.Name != o.Points[0].Name || run.Required != api.LevelAnswering || run.StorageClassName != "named" ||
		!run.Deadline.Time.Equal(noon.Add(20*time.Minute)) || *run.Mover.RunAsUser != 1000 || len(run.Checks) != 2 || run.Cleanup.OnFailure == nil {
		t.Fatalf("the run is frozen as %+v", run)
	}
	if got := first.Status.DataAge.Duration; got != 3*time.Hour {
		t.Errorf("the data are %s old, want 3h", got)
	}
	for _, c := range first.Status.Checks {
		if c.State != api.CheckSkipped {
			t.Errorf("check %s is %s before it ran", c.Name, c.State)
		}
	}
	// The policy is edited, and the drill goes on as it was frozen.
	o = stepped(o, noon)
	o.Sources = []Source{sourceOf("data"), sourceOf("logs")}
	o.Policy = drillPolicy()
	o.Brought.Classes["named"] = testkit.Driver
	p := ForDrill(o, noon.Add(time.Second))
	if len(p.Claims) != 2 || p.Claims[0].Class != "named" || len(p.Reads) != 2 || *p.Reads[0].Mover.RunAsUser != 1000 || !p.Isolate {
		t.Errorf("it goes on with %+v and %+v, isolates: %t", p.Claims, p.Reads, p.Isolate)
	}
	if want := noon.Add(20*time.Minute + time.Hour + sweepAfter); !p.Claims[0].Throw.Equal(want) || !p.Reads[0].Throw.Equal(want) || !p.Throw.Equal(want) {
		t.Errorf("what it makes is swept at %s, want %s", p.Claims[0].Throw, want)
	}
}

// TestDrillOptionsOfItsOwn: what a drill says goes before what the policy says.
func TestDrillOptionsOfItsOwn(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) {
		o.Policy.Spec.Drill.Checks = bothChecks
		o.Drill.Spec = api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "web"}, Select: api.SelectOldest, StorageClassName: "mine",
			Checks: bothChecks[:1], Timeout: &metav1.Duration{Duration: time.Minute}, Cleanup: &api.DrillCleanup{OnSuccess: &metav1.Duration{Duration: time.Minute}}}
	})
	run := ForDrill(o, noon).Status.Run
	if run.RecoveryPoint.Name != o.Points[0].Name || run.StorageClassName != "mine" || len(run.Checks) != 1 || run.Required != api.LevelConsistent ||
		!run.Deadline.Time.Equal(noon.Add(time.Minute)) || run.Cleanup.OnSuccess == nil {
		t.Errorf("run = %+v", run)
	}
}

func TestDrillStart(t *testing.T) {
	sibling := func(created time.Time, mods ...testkit.Mod[api.RestoreDrill]) func(*DrillObserved) {
		return func(o *DrillObserved) {
			o.Siblings = append(o.Siblings, aDrill(append([]testkit.Mod[api.RestoreDrill]{func(d *api.RestoreDrill) {
				d.Name, d.UID, d.CreationTimestamp = "other", "other", metav1.NewTime(created)
			}}, mods...)...))
		}
	}
	underWay := func(d *api.RestoreDrill) { d.Status.Run = &api.DrillRun{} }
	verdict := func(d *api.RestoreDrill) { d.Status.Run, d.Status.Verdict = &api.DrillRun{}, api.VerdictPassed }
	onRecord := func(d *api.RestoreDrill) { verdict(d); d.Status.Evidence = &api.EvidenceReference{} }
	handPicked := func(name string) func(*DrillObserved) {
		return func(o *DrillObserved) {
			o.Drill.Spec = api.RestoreDrillSpec{RecoveryPoint: &api.PointReference{Name: name}}
		}
	}
	const waits, starts = "waits", "starts"
	for _, c := range []struct {
		name string
		mods []func(*DrillObserved)
		want string // waits, starts, or "Verdict Reason"
	}{
		{"it may", nil, starts},
		{"one of the policy is under way", []func(*DrillObserved){sibling(hour(13), underWay)}, waits},
		{"one of the policy has a verdict, and no evidence", []func(*DrillObserved){sibling(hour(11), verdict)}, waits},
		{"one of the policy ended", []func(*DrillObserved){sibling(hour(11), onRecord)}, starts},
		{"one of the policy was asked for before", []func(*DrillObserved){sibling(hour(11))}, waits},
		{"one of the policy was asked for later", []func(*DrillObserved){sibling(hour(13))}, starts},
		{"one of the same second, with a smaller name", []func(*DrillObserved){sibling(noon)}, waits},
		{"the cluster has as many as may be", []func(*DrillObserved){func(o *DrillObserved) { o.Running = 4 }}, waits},
		{"the cluster has one less", []func(*DrillObserved){func(o *DrillObserved) { o.Running = 3 }}, starts},
		{"there is no policy", []func(*DrillObserved){func(o *DrillObserved) { o.Policy = nil }}, "Inconclusive PolicyNotFound"},
		{"hand-picked, the first of some", []func(*DrillObserved){func(o *DrillObserved) { handPicked(o.Points[0].Name)(o) }}, starts},
		{"hand-picked, and only others are there", []func(*DrillObserved){handPicked("gone")}, "Failed PointNotFound"},
		{"hand-picked, and it is not known of when it is", []func(*DrillObserved){func(o *DrillObserved) {
			handPicked(o.Points[0].Name)(o)
			o.Points[0].Status.PointInTime = nil
		}}, "Failed PointNotComplete"},
		{"no point, hand-picked", []func(*DrillObserved){handPicked("gone"), func(o *DrillObserved) { o.Points, o.Policy = nil, nil }}, "Inconclusive PointNotFound"},
		{"hand-picked, and the policy of the point is gone", []func(*DrillObserved){func(o *DrillObserved) {
			handPicked(o.Points[0].Name)(o)
			o.Policy = nil
		}}, "Inconclusive PolicyNotFound"},
		{"hand-picked, and it is not complete", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = append(o.Points, testkit.Point(noon, both, testkit.Incomplete))
			handPicked(o.Points[3].Name)(o)
		}}, "Failed PointNotComplete"},
		{"hand-picked, and its snapshots were let go", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = append(o.Points, testkit.Point(noon, both, recorded, hasCopy("offsite"), copiesOnly))
			handPicked(o.Points[3].Name)(o)
		}}, "Failed PointNotComplete"},
		{"only a point whose snapshots were let go", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = []*api.RecoveryPoint{testkit.Point(noon, both, recorded, hasCopy("offsite"), copiesOnly)}
		}}, "Failed NoEligiblePoint"},
		{"a slot that it made up", []func(*DrillObserved){func(o *DrillObserved) { o.Drill.Spec.Slot = metaTime(noon) }}, "Inconclusive InvalidSlot"},
		{"no point at all", []func(*DrillObserved){func(o *DrillObserved) { o.Points = nil }}, "Failed NoEligiblePoint"},
		{"no complete point", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = []*api.RecoveryPoint{testkit.Point(noon, both, testkit.Incomplete), testkit.Point(hour(11), both, testkit.Capturing)}
		}}, "Failed NoEligiblePoint"},
		{"no point with a fingerprint", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = []*api.RecoveryPoint{testkit.Point(noon, both, recorded, unrecorded)}
		}}, "Failed NoEligiblePoint"},
		{"only a point that is being deleted", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = []*api.RecoveryPoint{testkit.Point(noon, both, recorded, testkit.Going)}
		}}, "Failed NoEligiblePoint"},
		{"only points of a namesake that is gone", []func(*DrillObserved){func(o *DrillObserved) {
			o.Points = []*api.RecoveryPoint{testkit.Point(noon, both, recorded, ofOther)}
		}}, "Failed NoEligiblePoint"},
		{"the namespace goes", []func(*DrillObserved){func(o *DrillObserved) { o.NamespaceTerminating = true }}, "Aborted NamespaceTerminating"},
		{"it is deleted", []func(*DrillObserved){func(o *DrillObserved) { o.Drill.DeletionTimestamp = metaTime(noon) }}, "Aborted DrillAborted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := ForDrill(seenDrill(c.mods...), noon.Add(time.Second))
			got := waits
			switch {
			case p.Status.Run != nil && p.Status.Verdict == "":
				got = starts
			case p.Status.Verdict != "":
				got = string(p.Status.Verdict) + strings.TrimPrefix(conditionReason(p.Status.Conditions, api.ConditionSucceeded), "False")
			}
			if got != c.want {
				t.Errorf("it %s (%+v), want %s", got, p.Status.Conditions, c.want)
			}
			if c.want == waits {
				if f := p.Status.Phases; len(f) != 1 || f[0].Name != api.PhaseSelecting || f[0].State != api.PhaseRunning || f[0].Message == "" || !p.Wake.Equal(noon.Add(time.Second+waitAgain)) {
					t.Errorf("while it waits its phases are %+v, and it wakes at %s", f, p.Wake)
				}
			}
			if c.want == waits && (p.Wake.IsZero() || conditionReason(p.Status.Conditions, api.ConditionSucceeded) != "Unknown DrillWaiting") {
				t.Errorf("it wakes at %s, and says %s", p.Wake, conditionReason(p.Status.Conditions, api.ConditionSucceeded))
			}
		})
	}
}

// TestDrillWaitsToItsDeadline: a drill whose turn does not come says so in the end, and says nothing about the point.
func TestDrillWaitsToItsDeadline(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) { o.Running = 9 })
	p := ForDrill(o, noon.Add(DefaultDrillTimeout-time.Second))
	if p.Status.Verdict != "" || !p.Wake.Equal(noon.Add(DefaultDrillTimeout)) {
		t.Fatalf("before the deadline: %s, wakes at %s", p.Status.Verdict, p.Wake)
	}
	p = ForDrill(o, noon.Add(DefaultDrillTimeout))
	if got := conditionReason(p.Status.Conditions, api.ConditionSucceeded); p.Status.Verdict != api.VerdictInconclusive || got != "False DrillTimedOut" {
		t.Errorf("at the deadline: %s, %s", p.Status.Verdict, got)
	}
	if p.Status.Run == nil || p.Status.Run.Policy != "web" || !p.Wake.IsZero() {
		t.Errorf("what it was to do is on record as %+v, and it wakes at %s", p.Status.Run, p.Wake)
	}
}

// TestDrillTells: what is rehearsed, why, and how old the data are, is told at the start; and why nothing is.
func TestDrillTells(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) { o.Drill.Generation = 5 })
	p := ForDrill(o, noon)
	if got := noteOf(p.Notes, api.ReasonDrillRunning); got != "false rehearsing recovery point "+o.Points[2].Name || p.Status.ObservedGeneration != 5 || p.Status.Trigger != api.TriggerManual {
		t.Errorf("of generation %d it tells %q, and that it is %s", p.Status.ObservedGeneration, got, p.Status.Trigger)
	}
	o.Drill.Labels = map[string]string{api.LabelTrigger: string(api.TriggerStorageStackChanged)}
	if p := ForDrill(o, hour(10)); p.Status.Trigger != api.TriggerStorageStackChanged || p.Status.DataAge.Duration != 0 {
		t.Errorf("it is %s, and by a clock that is behind the data are %s old", p.Status.Trigger, p.Status.DataAge.Duration)
	}
	o.Points = nil
	p = ForDrill(o, noon)
	if f := p.Status.Phases; p.Status.Run == nil || p.Status.Run.RecoveryPoint.Name != "" || len(p.Notes) != 1 || !p.Notes[0].Warning ||
		f[0].Name != api.PhaseSelecting || f[0].State != api.PhaseFailed || !strings.Contains(f[0].Message, "no complete recovery point") {
		t.Errorf("without a point it tells %+v, and its phases are %+v", p.Notes, f)
	}
	for name, c := range map[string]struct {
		spec api.RestoreDrillSpec
		want string
	}{
		"of a policy": {api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "gone"}}, `spec.policy.name: there is no BackupPolicy "gone" in this namespace`},
		"of a point": {api.RestoreDrillSpec{RecoveryPoint: &api.PointReference{Name: "x"}},
			`spec.recoveryPoint.name: BackupPolicy "web", of which the point is, is not in this namespace any more`},
	} {
		bad := drillCannotStart(seenDrill(func(o *DrillObserved) { o.Policy, o.Points, o.Drill.Spec = nil, o.Points[:1], c.spec }))
		if bad == nil || bad.Message != c.want {
			t.Errorf("%s, without the policy: %+v", name, bad)
		}
	}
}

// TestDrillsOfOnePolicyNeverWaitForEachOther: of any two that have not started, exactly one may.
func TestDrillsOfOnePolicyNeverWaitForEachOther(t *testing.T) {
	a := aDrill()
	for _, b := range []*api.RestoreDrill{
		aDrill(func(d *api.RestoreDrill) { d.Name, d.UID = "a", "a" }),
		aDrill(func(d *api.RestoreDrill) { d.Name, d.UID, d.CreationTimestamp = "b", "b", metav1.NewTime(hour(11)) }),
		aDrill(func(d *api.RestoreDrill) { d.Name, d.UID = "z", "z" }),
	} {
		x := drillWaits(DrillObserved{Drill: a, Siblings: []*api.RestoreDrill{b}, Settings: shipped})
		y := drillWaits(DrillObserved{Drill: b, Siblings: []*api.RestoreDrill{a}, Settings: shipped})
		if (x == nil) == (y == nil) {
			t.Errorf("%s: %v; %s: %v", a.Name, x, b.Name, y)
		}
	}
}

func TestDrillFinalizerComesFirst(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) { o.Drill.Finalizers = nil })
	p := ForDrill(o, noon)
	if p.Finalizer != FinalizerAdd || p.Status.Run != nil || len(p.Status.Conditions) > 0 || p.Status.ObservedGeneration != 0 {
		t.Errorf("finalizer %q, status %+v; nothing is done, or written, before it is there", p.Finalizer, p.Status)
	}
	o.Drill.DeletionTimestamp = metaTime(noon)
	if p := ForDrill(o, noon); p.Finalizer != "" || p.Status.Verdict != "" {
		t.Errorf("one that is let go of is planned for: %+v", p)
	}
}

func TestRequiredProof(t *testing.T) {
	for _, c := range []struct {
		name   string
		mod    testkit.Mod[api.BackupPolicy]
		checks []api.Check
		want   api.ProofLevel
	}{
		{"a policy that drills records fingerprints", func(*api.BackupPolicy) {}, nil, api.LevelIntact},
		{"without fingerprints", func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintNone }, nil, api.LevelRestored},
		{"without drills", func(b *api.BackupPolicy) { b.Spec.Drill = nil }, nil, api.LevelRestored},
		{"the deepest check", func(*api.BackupPolicy) {}, bothChecks, api.LevelAnswering},
		{"one check", func(*api.BackupPolicy) {}, bothChecks[:1], api.LevelConsistent},
		{"what is promised goes before", func(b *api.BackupPolicy) { b.Spec.Objectives = &api.Objectives{RequiredProof: api.LevelRestored} }, bothChecks, api.LevelRestored},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := requiredProof(drillPolicy(c.mod), c.checks); got != c.want {
				t.Errorf("required is %s, want %s", got, c.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	points := hourly(6, 11)
	counts := map[string]int{}
	others := map[string]bool{}
	const draws = 4000
	for i := range draws {
		seed := fmt.Sprint("seed-", i)
		got, s := choose("", seed, points)
		again, same := choose("", seed, points)
		if again != got || s != same {
			t.Fatal("the same seed and points give another choice")
		}
		switch how := rotate(seed); {
		case got == points[5] && how == api.SelectLatest:
			counts["latest"]++
		case got == points[0] && how == api.SelectOldest:
			counts["oldest"]++
		case how == api.SelectRandom:
			counts["random"]++
			others[got.Name] = true
		default:
			t.Fatalf("%s takes %s", how, got.Name)
		}
	}
	for which, want := range map[string]int{"latest": draws / 2, "oldest": draws / 4, "random": draws / 4} {
		if n := counts[which]; n < want*9/10 || n > want*11/10 {
			t.Errorf("%s %d times of %d, want about %d", which, n, draws, want)
		}
	}
	if len(others) != len(points) {
		t.Errorf("at random come %d of %d points", len(others), len(points))
	}
	for how, want := range map[api.DrillSelect]*api.RecoveryPoint{api.SelectLatest: points[5], api.SelectOldest: points[0]} {
		got, s := choose(how, "any", points)
		if got != want || s.Strategy != how || s.Eligible != 6 || s.Seed != "any" || s.EligibleDigest != eligibleDigest(points) || s.HandPicked {
			t.Errorf("%s takes %s and records %+v", how, got.Name, s)
		}
	}
	if _, s := choose("", "x", points); s.Strategy != api.SelectRotate {
		t.Errorf("nothing asked for is recorded as %s", s.Strategy)
	}
	if eligibleDigest(points) == eligibleDigest(points[1:]) {
		t.Error("other eligible points have the same digest")
	}
}

// TestHandPickedIsRecorded: a person's choice is no sample, and is told apart from one.
func TestHandPickedIsRecorded(t *testing.T) {
	o := seenDrill(func(o *DrillObserved) {
		o.Drill.Spec = api.RestoreDrillSpec{RecoveryPoint: &api.PointReference{Name: o.Points[1].Name}}
	})
	p := ForDrill(o, noon)
	if s := p.Status.Selection; s == nil || !s.HandPicked || s.Seed != "" || s.Strategy != "" {
		t.Errorf("recorded is %+v", s)
	}
	if p.Status.Run == nil || p.Status.Run.RecoveryPoint.Name != o.Points[1].Name || p.Status.Trigger != api.TriggerManual {
		t.Errorf("run = %+v, trigger %s", p.Status.Run, p.Status.Trigger)
	}
}

func TestDrillSeed(t *testing.T) {
	byHand := aDrill()
	slot := aDrill(func(d *api.RestoreDrill) {
		d.Name, d.Spec.Slot = names.Drill("web", "policy-1", noon), metaTime(noon)
	})
	if drillSeed(byHand) != drillUID || drillSeed(slot) != slot.Name {
		t.Errorf("seeds are %s and %s", drillSeed(byHand), drillSeed(slot))
	}
	o := seenDrill(func(o *DrillObserved) { o.Drill = slot })
	if p := ForDrill(o, noon); p.Status.Trigger != api.TriggerSchedule || p.Status.Selection.Seed != slot.Name {
		t.Errorf("trigger %s, seed %s", p.Status.Trigger, p.Status.Selection.Seed)
	}
}

// TestRestorable takes complete points alone, oldest first, and those without a fingerprint only where none is needed.
func TestRestorable(t *testing.T) {
	good, bare := testkit.Point(hour(9), both, recorded), testkit.Point(hour(8), both, recorded, unrecorded)
	failed := testkit.Point(hour(7), both, recorded, func(p *api.RecoveryPoint) { p.Status.Fingerprint.State = api.FingerprintFailed })
	all := []*api.RecoveryPoint{good, bare, failed, testkit.Point(hour(10), both, testkit.Incomplete), testkit.Point(hour(11), both, testkit.Going)}
	if got := restorable(slices.Clone(all), api.LevelRestored); !slices.Equal(got, []*api.RecoveryPoint{failed, bare, good}) {
		t.Errorf("restorable are %d points", len(got))
	}
	for _, level := range []api.ProofLevel{api.LevelIntact, api.LevelConsistent, api.LevelAnswering} {
		if got := restorable(slices.Clone(all), level); !slices.Equal(got, []*api.RecoveryPoint{good}) {
			t.Errorf("for %s restorable are %d points", level, len(got))
		}
	}
	if bad := noEligible(all[1:3], api.LevelIntact); !strings.Contains(bad.Message, "2 complete") || !strings.Contains(bad.Message, "spec.fingerprint") {
		t.Errorf("it says %q", bad.Message)
	}
}
