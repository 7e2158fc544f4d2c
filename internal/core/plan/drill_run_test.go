// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

func checkPod(name string) string { return names.CheckPod(name, drillUID) }

// drillOutcome is how a drill stands: verdict, reason and level.
func drillOutcome(s api.RestoreDrillStatus) string {
	reason := strings.Fields(conditionReason(s.Conditions, api.ConditionSucceeded) + " -")[1]
	return strings.Join([]string{string(s.Verdict), reason, string(s.Level)}, " ")
}

// TestVerdicts plays drills up to their verdict: what is there at each pass is set by the steps, a minute apart.
func TestVerdicts(t *testing.T) {
	type step = func(*DrillObserved)
	checks := func(list ...api.Check) func(*DrillObserved) {
		return func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = list }
	}
	pod := func(name string, phase PodPhase, mods ...func(*BroughtPod)) step {
		return func(o *DrillObserved) { o.pod(name, phase, mods...) }
	}
	ended := func(code int32) func(*BroughtPod) { return func(p *BroughtPod) { p.ExitCode = code } }
	waits := func(reason string) func(*BroughtPod) {
		return func(p *BroughtPod) { p.Waits = &Problem{reason, "because"} }
	}
	passes := func(name string) step { return pod(checkPod(name), PodSucceeded) }
	differs := func(o *DrillObserved) {
		f := printOf("logs")
		f.Digest = flipped
		o.pod(reader("logs", 0), PodSucceeded, tells(f))
	}
	noPrint := func(o *DrillObserved) {
		o.Policy.Spec.Fingerprint = api.FingerprintNone
		for _, p := range o.Points {
			unrecorded(p)
		}
	}
	requires := func(l api.ProofLevel) func(*DrillObserved) {
		return func(o *DrillObserved) { o.Policy.Spec.Objectives = &api.Objectives{RequiredProof: l} }
	}
	probe := func(o *DrillObserved) {
		c := bothChecks[0]
		c.Command, c.Application = nil, &api.CheckApplication{TCP: &api.TCPProbe{Port: 5232}}
		o.Policy.Spec.Drill.Checks = []api.Check{c}
	}
	wait := func(*DrillObserved) {}
	type mods = []func(*DrillObserved)
	for _, c := range []struct {
		name  string
		mods  mods
		steps []step
		want  string
	}{
		{"all is well", nil, []step{allRead}, "Passed DrillPassed Intact"},
		{"without fingerprints", mods{noPrint}, []step{allRead}, "Passed DrillPassed Restored"},
		{"with both checks", mods{checks(bothChecks...)}, []step{allRead, passes("files"), passes("client")}, "Passed DrillPassed Answering"},
		{"an application that is ready", mods{probe}, []step{allRead, pod(checkPod("files"), PodRunning, func(p *BroughtPod) { p.Ready = true })}, "Passed DrillPassed Consistent"},
		{"an application that is not ready yet", mods{probe}, []step{allRead, pod(checkPod("files"), PodRunning)}, " DrillRunning Intact"},
		{"an application that ends", mods{probe}, []step{allRead, pod(checkPod("files"), PodSucceeded)}, "Failed CheckFailed Intact"},
		{"a command whose pod is ready has not passed yet", mods{checks(bothChecks[0])}, []step{allRead, pod(checkPod("files"), PodRunning, func(p *BroughtPod) { p.Ready = true })}, " DrillRunning Intact"},
		{"more is required than the checks prove", mods{checks(bothChecks[0]), requires(api.LevelAnswering)}, []step{allRead, passes("files")}, "Failed ProofTooShallow Consistent"},
		{"less is required than the checks prove", mods{checks(bothChecks...), requires(api.LevelRestored)}, []step{allRead, passes("files"), passes("client")}, "Passed DrillPassed Answering"},
		{"less is required, and a check fails all the same", mods{checks(bothChecks...), requires(api.LevelRestored)}, []step{allRead, pod(checkPod("files"), PodFailed, ended(1))}, "Failed CheckFailed Intact"},
		{"the first check fails", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodFailed, ended(3))}, "Failed CheckFailed Intact"},
		{"the second check fails", mods{checks(bothChecks...)}, []step{allRead, passes("files"), pod(checkPod("client"), PodFailed, ended(1))}, "Failed CheckFailed Consistent"},
		{"Answering without Consistent proves nothing", mods{checks(bothChecks[1])}, []step{allRead, passes("client")}, "Failed ProofTooShallow Intact"},
		{"without a fingerprint no check counts", mods{noPrint, checks(bothChecks...), requires(api.LevelRestored)}, []step{allRead, passes("files"), passes("client")}, "Passed DrillPassed Restored"},
		{"a check hangs", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodRunning), wait, wait, wait, wait, wait}, "Failed CheckTimedOut Intact"},
		{"a check's image is missing", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodPending, waits(api.ReasonImageUnavailable))}, "Inconclusive ImageUnavailable Intact"},
		{"a check finds no node", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodPending, waits(api.ReasonUnschedulable)), wait, wait, wait, wait, wait}, "Inconclusive Unschedulable Intact"},
		{"a check never comes up", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodPending), wait, wait, wait, wait, wait}, "Inconclusive CheckTimedOut Intact"},
		{"a check is lost with its node", mods{checks(bothChecks...)}, []step{allRead, passes("files"), pod(checkPod("client"), PodLost)}, "Inconclusive PodLost Consistent"},
		{"the name of a check's pod is taken", mods{checks(bothChecks...)}, []step{allRead, pod(checkPod("files"), PodSucceeded, func(p *BroughtPod) { p.RunUID = "another" })}, "Inconclusive NameTaken Intact"},
		{"the content differs", nil, []step{func(o *DrillObserved) { allRead(o); differs(o) }}, "Failed ContentDiffers Restored"},
		{"the content differs, and no more than Restored is required", mods{requires(api.LevelRestored), checks(bothChecks...)}, []step{func(o *DrillObserved) { allRead(o); differs(o) }}, "Failed ContentDiffers Restored"},
		{"the fingerprint went meanwhile", nil, []step{func(o *DrillObserved) {
			allRead(o)
			unrecorded(o.Points[2])
		}}, "Inconclusive FingerprintMissing Restored"},
		{"files are unreadable", nil, []step{func(o *DrillObserved) {
			allRead(o)
			o.pod(reader("data", 0), PodFailed, func(p *BroughtPod) { p.Result = &ReadResult{Unreadable: 3} })
		}}, "Failed ReadFailed "},
		{"the mover's image is missing", nil, []step{delivered, pod(reader("data", 0), PodPending, waits(api.ReasonImageUnavailable))}, "Inconclusive ImageUnavailable "},
		{"a reader is lost again and again", nil, []step{delivered, pod(reader("data", 0), PodLost), pod(reader("data", 1), PodLost), pod(reader("data", 2), PodLost)}, "Inconclusive PodLost "},
		{"a claim's name is taken", nil, []step{func(o *DrillObserved) { o.Brought.Claims[throwaway("logs")] = BroughtClaim{} }}, "Inconclusive NameTaken "},
		{"the class is another driver's", mods{func(o *DrillObserved) { o.Policy.Spec.Drill.StorageClassName = "other" }}, []step{wait}, "Inconclusive DriverMismatch "},
		{"a snapshot is not usable", nil, []step{func(o *DrillObserved) { o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "gone"} }}, "Failed SnapshotUnusable "},
		{"its volumes are not seen", nil, []step{func(o *DrillObserved) { o.Sources = nil }}, "Inconclusive PointNotFound "},
		{"a point of a single volume", nil, []step{func(o *DrillObserved) { allRead(o); o.Sources = o.Sources[:1] }}, "Passed DrillPassed Intact"},
		{"the point is gone", nil, []step{func(o *DrillObserved) { o.Points, o.Sources = nil, nil }}, "Inconclusive PointNotFound "},
		{"the point is being deleted, and its snapshots with it", nil, []step{func(o *DrillObserved) {
			testkit.Going(o.Points[2])
			o.Sources[0].Problem = &Problem{api.ReasonSnapshotUnusable, "deleted"}
		}}, "Inconclusive PointNotFound "},
		{"the point has too many volumes", nil, []step{func(o *DrillObserved) { o.Points[2].Status.Capture.Volumes = 99 }}, "Inconclusive TooManyVolumes "},
		{"somebody deletes it", mods{checks(bothChecks...)}, []step{allRead, func(o *DrillObserved) { o.Drill.DeletionTimestamp = metaTime(noon) }}, "Aborted DrillAborted Intact"},
		{"the namespace goes", nil, []step{delivered, func(o *DrillObserved) { o.NamespaceTerminating = true }}, "Aborted NamespaceTerminating "},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, at := startedDrill(c.mods...), noon
			for _, s := range c.steps {
				at = at.Add(time.Minute)
				o.Drill = o.Drill.DeepCopy()
				s(&o)
				p := ForDrill(o, at)
				o = stepped(o, at)
				if v := o.Drill.Status.Verdict; v != "" {
					if len(p.Notes) != 1 || p.Notes[0].Warning != (v != api.VerdictPassed) || len(p.Claims)+len(p.Reads)+len(p.Writes)+len(p.Remove) > 0 || p.Check != nil || p.Isolate {
						t.Errorf("with the verdict it tells %+v, and asks for more", p.Notes)
					}
					break
				}
			}
			if got := drillOutcome(o.Drill.Status); got != c.want {
				t.Errorf("it ended as %q, want %q; %+v", got, c.want, o.Drill.Status.Conditions)
			}
		})
	}
}

// TestReadOnceIsRead: once all was read, neither lost readers nor what checks write take it back.
func TestReadOnceIsRead(t *testing.T) {
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks })
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	if o.Drill.Status.Level != api.LevelIntact {
		t.Fatalf("the level is %q", o.Drill.Status.Level)
	}
	o.Brought.Pods, o.Brought.Claims = map[string]BroughtPod{}, map[string]BroughtClaim{}
	o.Sources[0].Problem = &Problem{api.ReasonSnapshotUnusable, "gone"}
	p := ForDrill(o, noon.Add(2*time.Minute))
	if len(p.Claims)+len(p.Reads) > 0 || p.Status.Level != api.LevelIntact || p.Status.Verdict != "" {
		t.Errorf("it asks for %d claims and %d readers, at level %q, verdict %q", len(p.Claims), len(p.Reads), p.Status.Level, p.Status.Verdict)
	}
	if p.Check == nil || len(p.Check.Volumes) != 2 || p.Check.Volumes[0].Throwaway != throwaway("data") {
		t.Errorf("the check gets %+v", p.Check)
	}
}

// TestChecksRunOneAfterTheOther, behind the NetworkPolicy.
func TestChecksRunOneAfterTheOther(t *testing.T) {
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks })
	allRead(&o)
	o.Brought.Isolated = false
	p := ForDrill(o, noon.Add(time.Minute))
	if p.Check != nil || !p.Isolate {
		t.Fatalf("without a NetworkPolicy it asks for %+v, isolates: %t", p.Check, p.Isolate)
	}
	o.Brought.Isolated = true
	p = ForDrill(o, noon.Add(time.Minute))
	if p.Check == nil || p.Check.Check.Name != "files" || p.Isolate {
		t.Fatalf("the first check is %+v", p.Check)
	}
	o = stepped(o, noon.Add(time.Minute))
	o.pod(checkPod("files"), PodRunning)
	p = ForDrill(o, noon.Add(2*time.Minute))
	if p.Check != nil || p.Status.Checks[1].State != api.CheckSkipped {
		t.Errorf("while the first runs: %+v, the second is %s", p.Check, p.Status.Checks[1].State)
	}
	if want := noon.Add(time.Minute + defaultCheckTimeout); !p.Wake.Equal(want) {
		t.Errorf("it wakes at %s, want %s", p.Wake, want)
	}
	o.pod(checkPod("files"), PodSucceeded, func(p *BroughtPod) { p.ImageID = "registry.test/files@sha256:abc" })
	p = ForDrill(o, noon.Add(2*time.Minute))
	if p.Check == nil || p.Check.Check.Name != "client" || p.Status.Checks[0].ImageID != "registry.test/files@sha256:abc" {
		t.Errorf("then: %+v; the first is %+v", p.Check, p.Status.Checks[0])
	}
}

// TestDrillDeadline: beyond it nothing is asked for, and a check that runs is cut short.
func TestDrillDeadline(t *testing.T) {
	late := noon.Add(DefaultDrillTimeout)
	o := startedDrill()
	p := ForDrill(o, late.Add(-time.Second))
	if len(p.Claims) != 2 || !p.Wake.Equal(late) {
		t.Fatalf("before: %d claims, wakes at %s", len(p.Claims), p.Wake)
	}
	p = ForDrill(o, late)
	if got := drillOutcome(p.Status); got != "Failed RestoreTimedOut " || len(p.Claims)+len(p.Reads) > 0 || p.Isolate {
		t.Errorf("at the deadline: %s, %d claims", got, len(p.Claims))
	}
	o = startedDrill(func(o *DrillObserved) {
		c := bothChecks[0]
		c.Timeout = &metav1.Duration{Duration: 12 * time.Hour}
		o.Policy.Spec.Drill.Checks = []api.Check{c}
	})
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	o.pod(checkPod("files"), PodRunning)
	if p := ForDrill(o, noon.Add(2*time.Minute)); !p.Wake.Equal(late) {
		t.Errorf("it wakes at %s, want the deadline", p.Wake)
	}
	if got := drillOutcome(ForDrill(o, late).Status); got != "Failed CheckTimedOut Intact" {
		t.Errorf("a check that runs at the deadline: %s", got)
	}
}

// TestRecoveryTime is measured to the level that was reached, and not to what came afterwards.
func TestRecoveryTime(t *testing.T) {
	type step struct {
		after time.Duration
		do    func(*DrillObserved)
	}
	ends := func(name string, phase PodPhase) func(*DrillObserved) {
		return func(o *DrillObserved) { o.pod(checkPod(name), phase) }
	}
	for _, c := range []struct {
		name   string
		checks []api.Check
		steps  []step
		want   time.Duration
	}{
		{"read and equal", nil, []step{{90 * time.Second, allRead}}, 90 * time.Second},
		{"a check passes", bothChecks[:1], []step{{time.Minute, allRead}, {2 * time.Minute, ends("files", PodSucceeded)}}, 2 * time.Minute},
		{"both pass", bothChecks, []step{{time.Minute, allRead}, {2 * time.Minute, ends("files", PodSucceeded)}, {4 * time.Minute, ends("client", PodSucceeded)}}, 4 * time.Minute},
		{"what passed proves nothing", bothChecks[1:], []step{{time.Minute, allRead}, {2 * time.Minute, ends("client", PodSucceeded)}}, time.Minute},
		{"the second fails", bothChecks, []step{{time.Minute, allRead}, {2 * time.Minute, ends("files", PodSucceeded)}, {4 * time.Minute, ends("client", PodFailed)}}, 2 * time.Minute},
		{"the first fails", bothChecks, []step{{time.Minute, allRead}, {2 * time.Minute, ends("files", PodFailed)}}, time.Minute},
		{"nothing came back", nil, []step{{time.Minute, func(o *DrillObserved) { o.Sources[0].Problem = &Problem{api.ReasonSnapshotUnusable, "x"} }}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = c.checks })
			for _, s := range c.steps {
				s.do(&o)
				o = stepped(o, noon.Add(s.after))
			}
			got := o.Drill.Status.RecoveryTime
			if (got == nil) != (c.want == 0) || (got != nil && got.Duration != c.want) {
				t.Errorf("the recovery took %v, want %s; verdict %s", got, c.want, o.Drill.Status.Verdict)
			}
		})
	}
}

// TestRecoveryTimeNeedsItsEnds: without a level that was reached, or the instants at which the restore began and all was read, there is none.
func TestRecoveryTimeNeedsItsEnds(t *testing.T) {
	for name, spoil := range map[string]func(*api.RestoreDrillStatus){
		"no level":          func(s *api.RestoreDrillStatus) { s.Level = "" },
		"no restore":        func(s *api.RestoreDrillStatus) { s.Phases = s.Phases[1:] },
		"no beginning":      func(s *api.RestoreDrillStatus) { s.Phases[0].StartedAt = nil },
		"no reading":        func(s *api.RestoreDrillStatus) { s.Phases = s.Phases[:1] },
		"reading goes on":   func(s *api.RestoreDrillStatus) { s.Phases[1].FinishedAt = nil },
		"none of these":     nil,
		"a check goes on":   func(s *api.RestoreDrillStatus) { s.Checks[0].FinishedAt = nil },
		"a check was quick": func(s *api.RestoreDrillStatus) { s.Checks[0].FinishedAt = microTime(noon) },
	} {
		p := DrillPlan{Status: api.RestoreDrillStatus{Level: api.LevelConsistent, Phases: []api.DrillPhase{
			{Name: api.PhaseRestoring, StartedAt: microTime(noon)}, {Name: api.PhaseReading, FinishedAt: microTime(hour(13))}},
			Checks: []api.CheckResult{{Proves: api.LevelConsistent, State: api.CheckPassed, FinishedAt: microTime(hour(14))}}}}
		want := time.Duration(0)
		switch {
		case spoil == nil:
			want = 2 * time.Hour
		case strings.HasPrefix(name, "a check"):
			want = time.Hour
		}
		if spoil != nil {
			spoil(&p.Status)
		}
		if got := p.recoveryTime(); (got == nil) != (want == 0) || (got != nil && got.Duration != want) {
			t.Errorf("%s: it took %v", name, got)
		}
	}
}

func TestPhases(t *testing.T) {
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks[:1] })
	states := func() string {
		var out []string
		for _, f := range o.Drill.Status.Phases {
			out = append(out, string(f.Name)+" "+string(f.State))
		}
		return strings.Join(out, ", ")
	}
	for i, s := range []struct {
		do   func(*DrillObserved)
		want string
	}{
		{func(*DrillObserved) {}, "Selecting Succeeded, Restoring Running"},
		{delivered, "Selecting Succeeded, Restoring Running"},
		{func(o *DrillObserved) { o.pod(reader("data", 0), PodRunning) }, "Selecting Succeeded, Restoring Running"},
		{func(o *DrillObserved) { o.pod(reader("logs", 0), PodRunning) }, "Selecting Succeeded, Restoring Succeeded, Reading Running"},
		{allRead, "Selecting Succeeded, Restoring Succeeded, Reading Succeeded, Checking Running"},
		{func(o *DrillObserved) { o.pod(checkPod("files"), PodFailed) }, "Selecting Succeeded, Restoring Succeeded, Reading Succeeded, Checking Failed"},
		{func(*DrillObserved) {}, "Selecting Succeeded, Restoring Succeeded, Reading Succeeded, Checking Failed, CleaningUp Succeeded"},
	} {
		s.do(&o)
		o = stepped(o, noon.Add(time.Duration(i+1)*time.Minute))
		if got := states(); got != s.want {
			t.Errorf("step %d: %s, want %s", i, got, s.want)
		}
	}
	o = startedDrill()
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	if got := states(); got != "Selecting Succeeded, Restoring Succeeded, Reading Succeeded, Checking Skipped" || o.Drill.Status.Phases[3].Message != "the policy has no checks" {
		t.Errorf("without checks: %s, %+v", got, o.Drill.Status.Phases[3])
	}
	o = startedDrill()
	o.Points = nil
	o = stepped(o, noon.Add(time.Minute))
	if got := states(); got != "Selecting Succeeded, Restoring Failed, Reading Skipped, Checking Skipped" {
		t.Errorf("without the point: %s", got)
	}
	o = startedDrill(func(o *DrillObserved) {
		o.Policy.Spec.Drill.Checks, o.Policy.Spec.Objectives = bothChecks[:1], &api.Objectives{RequiredProof: api.LevelAnswering}
	})
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	o.pod(checkPod("files"), PodSucceeded)
	o = stepped(o, noon.Add(2*time.Minute))
	if got := states(); got != "Selecting Succeeded, Restoring Succeeded, Reading Succeeded, Checking Succeeded" {
		t.Errorf("of one that proves too little: %s", got)
	}
	for _, f := range o.Drill.Status.Phases {
		if f.StartedAt == nil || f.FinishedAt == nil || f.FinishedAt.Time.Before(f.StartedAt.Time) {
			t.Errorf("%s lasted from %v to %v", f.Name, f.StartedAt, f.FinishedAt)
		}
	}
}

// left are leftovers of a drill: some there, one on its way, one volume that its class would keep.
var left = []Leftover{
	{Target: Target{"pod", "u1"}, Kind: "Pod"},
	{Target: Target{"claim", "u2"}, Kind: "PersistentVolumeClaim", Deleting: true},
	{Target: Target{"volume", "u3"}, Kind: "PersistentVolume", Deleting: true},
	{Target: Target{"kept", "u4"}, Kind: "PersistentVolume", Deleting: true, Retain: true},
}

func removed(list []Leftover) string {
	var out []string
	for _, l := range list {
		out = append(out, l.Name)
	}
	return strings.Join(out, " ")
}

// ended is a drill with a verdict on record.
func ended(v api.Verdict, mods ...func(*DrillObserved)) DrillObserved {
	o := startedDrill(mods...)
	allRead(&o)
	switch v {
	case api.VerdictPassed:
	case api.VerdictFailed:
		f := printOf("data")
		f.Digest = flipped
		o.pod(reader("data", 0), PodSucceeded, tells(f))
	case api.VerdictInconclusive:
		o.Brought.Classes = nil
	case api.VerdictAborted:
		o.Drill.DeletionTimestamp = metaTime(noon)
	}
	o = stepped(o, noon.Add(time.Minute))
	o.Brought = Brought{RunUID: drillUID, Leftovers: left}
	return o
}

func TestAfterTheVerdict(t *testing.T) {
	at := noon.Add(2 * time.Minute)
	delay := func(o *DrillObserved) {
		o.Policy.Spec.Drill.Cleanup = &api.DrillCleanup{OnSuccess: &metav1.Duration{Duration: 10 * time.Minute}, OnFailure: &metav1.Duration{Duration: time.Hour}}
	}
	for _, v := range []api.Verdict{api.VerdictPassed, api.VerdictFailed, api.VerdictInconclusive, api.VerdictAborted} {
		t.Run(string(v), func(t *testing.T) {
			o := ended(v)
			p := ForDrill(o, at)
			if o.Drill.Status.Verdict != v || p.Status.Verdict != v || !p.Record || removed(p.Remove) != "pod kept" {
				t.Errorf("verdict %s, records: %t, removes %s", p.Status.Verdict, p.Record, removed(p.Remove))
			}
			if p.Finalizer != "" || conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "False CleaningUp" || p.Wake.IsZero() {
				t.Errorf("finalizer %q, says %s, wakes at %s", p.Finalizer, conditionReason(p.Status.Conditions, api.ConditionCleanedUp), p.Wake)
			}
			o = stepped(o, at)
			o.Brought.Leftovers = nil
			p = ForDrill(o, at.Add(time.Second))
			if conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "True CleanedUp" || p.Finalizer != "" {
				t.Errorf("finalizer %q, says %s", p.Finalizer, conditionReason(p.Status.Conditions, api.ConditionCleanedUp))
			}
			o.Evidence = &api.EvidenceReference{ConfigMap: "c", Digest: "d"}
			p = ForDrill(o, at.Add(time.Second))
			if p.Record || p.Status.Evidence == nil || (p.Finalizer == FinalizerRelease) != (v == api.VerdictAborted) {
				t.Errorf("once the evidence is there: records: %t, finalizer %q", p.Record, p.Finalizer)
			}
		})
	}
	for v, due := range map[api.Verdict]time.Duration{api.VerdictPassed: 11 * time.Minute, api.VerdictFailed: 61 * time.Minute, api.VerdictInconclusive: 61 * time.Minute, api.VerdictAborted: 0} {
		t.Run(string(v)+" with a delay", func(t *testing.T) {
			o := ended(v, delay)
			if due > 0 {
				p := ForDrill(o, noon.Add(due-time.Second))
				if len(p.Remove) > 0 || !p.Wake.Equal(noon.Add(due)) || conditionReason(p.Status.Conditions, api.ConditionCleanedUp) != "False CleanupDelayed" || !p.Record {
					t.Errorf("before: removes %s, wakes at %s, %s", removed(p.Remove), p.Wake, conditionReason(p.Status.Conditions, api.ConditionCleanedUp))
				}
				o.Drill = o.Drill.DeepCopy()
				o.Drill.DeletionTimestamp = metaTime(noon)
				if p := ForDrill(o, at); removed(p.Remove) != "pod kept" {
					t.Errorf("deleted meanwhile, it removes %q", removed(p.Remove))
				}
				o.Drill.DeletionTimestamp = nil
			}
			if p := ForDrill(o, noon.Add(due)); removed(p.Remove) != "pod kept" {
				t.Errorf("then: removes %q", removed(p.Remove))
			}
		})
	}
}

// TestFinalizerGoesLast: not while something is there, not before the evidence is recorded, unless the namespace goes.
func TestFinalizerGoesLast(t *testing.T) {
	o := ended(api.VerdictAborted)
	o.Evidence = &api.EvidenceReference{}
	if p := ForDrill(o, noon.Add(2*time.Minute)); p.Finalizer != "" {
		t.Error("the finalizer goes while something is left")
	}
	o.Brought.Leftovers = nil
	if p := ForDrill(o, noon.Add(2*time.Minute)); p.Finalizer != FinalizerRelease {
		t.Error("the finalizer stays though nothing is left")
	}
	o.Evidence = nil
	if p := ForDrill(o, noon.Add(2*time.Minute)); p.Finalizer != "" || !p.Record {
		t.Error("the finalizer goes before the evidence is recorded")
	}
	o.NamespaceTerminating = true
	if p := ForDrill(o, noon.Add(2*time.Minute)); p.Finalizer != FinalizerRelease || p.Record {
		t.Error("evidence that cannot be written any more holds up the end of the namespace")
	}
	never := seenDrill(func(o *DrillObserved) { o.Drill.DeletionTimestamp = metaTime(noon) })
	if p := ForDrill(stepped(never, noon), noon); p.Finalizer != FinalizerRelease || p.Record {
		t.Errorf("a drill that never started: finalizer %q, records: %t", p.Finalizer, p.Record)
	}
}

// TestRefused: what the API server refuses ends a drill without a word about the point.
func TestRefused(t *testing.T) {
	o := startedDrill()
	p := ForDrill(o, noon.Add(time.Second))
	p.Refused(o, Problem{api.ReasonQuotaExceeded, "exceeded quota"}, noon.Add(time.Second))
	if got := drillOutcome(p.Status); got != "Inconclusive QuotaExceeded " || len(p.Claims)+len(p.Reads) > 0 || p.Isolate {
		t.Errorf("it ends as %q and still asks for %d claims", got, len(p.Claims))
	}
}

// TestVolumesAreNamed: a volume that was seen only when it was to go is waited for too.
func TestVolumesAreNamed(t *testing.T) {
	o := ended(api.VerdictPassed)
	o.Drill.Status.Volumes[0].Volume = ""
	o.Brought.Leftovers = []Leftover{{Target: Target{Name: "pv-late"}, Kind: "PersistentVolume", Claim: throwaway("data"), Deleting: true}}
	if v := ForDrill(o, noon.Add(2*time.Minute)).Status.Volumes; v[0].Volume != "pv-late" || v[1].Volume != "pv-logs" {
		t.Errorf("the volumes are %+v", v)
	}
	o.Brought.Leftovers[0].Kind = "Pod"
	if v := ForDrill(o, noon.Add(2*time.Minute)).Status.Volumes; v[0].Volume != "" {
		t.Errorf("a pod is taken for a volume: %+v", v)
	}
	o.Drill.Status.Volumes[0].Volume, o.Brought.Leftovers[0].Kind = "pv-seen", "PersistentVolume"
	if v := ForDrill(o, noon.Add(2*time.Minute)).Status.Volumes; v[0].Volume != "pv-seen" {
		t.Errorf("a volume that was seen is another now: %+v", v)
	}
}

// TestDrillSaysHowFar: while it is under way, a drill says what it does, and what the first volume waits for.
func TestDrillSaysHowFar(t *testing.T) {
	says := func(p DrillPlan) string {
		c := findCondition(p.Status.Conditions, api.ConditionSucceeded)
		r := findCondition(p.Status.Conditions, api.ConditionReconciling)
		if r == nil || r.Message != c.Message {
			t.Errorf("it is not said to go on: %+v", p.Status.Conditions)
		}
		return c.Reason + ": " + c.Message
	}
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks })
	if got := says(ForDrill(o, noon.Add(time.Second))); got != "DrillRunning: Restoring; volume data: the restored volume is asked for" {
		t.Errorf("it says %q", got)
	}
	delivered(&o)
	o.pod(reader("data", 0), PodSucceeded, tells(printOf("data")))
	o.pod(reader("logs", 0), PodRunning)
	if got := says(ForDrill(o, noon.Add(time.Second))); got != "DrillRunning: Reading; volume logs: every byte is being read" {
		t.Errorf("it says %q", got)
	}
	allRead(&o)
	if got := says(ForDrill(o, noon.Add(time.Second))); got != "DrillRunning: Checking" {
		t.Errorf("it says %q", got)
	}
	unrecorded(o.Points[2])
	o.Drill.Status.Run.Required = api.LevelRestored
	if got := says(ForDrill(o, noon.Add(time.Second))); got != "DrillRunning: Checking" {
		t.Errorf("without a fingerprint it says %q", got)
	}
	p := DrillPlan{Status: api.RestoreDrillStatus{Run: &api.DrillRun{}}}
	if _, got := p.underWay(); got != "under way" {
		t.Errorf("between two phases it says %q", got)
	}
	p.Status.Run = nil
	if reason, got := p.underWay(); reason != api.ReasonDrillWaiting || got != "the drill has not started yet" {
		t.Errorf("before it starts it says %q", got)
	}
	p.Status.Phases = []api.DrillPhase{{Name: api.PhaseSelecting}}
	if _, got := p.underWay(); got != "the drill has not started yet" {
		t.Errorf("before it starts it says %q", got)
	}
	for v, want := range map[api.Verdict]string{api.VerdictPassed: "", api.VerdictFailed: "True ContentDiffers"} {
		o := ended(v)
		o.Brought.Leftovers = left[:1]
		p := ForDrill(o, noon.Add(2*time.Minute))
		if c := findCondition(p.Status.Conditions, api.ConditionReconciling); c == nil || c.Reason != api.ReasonCleaningUp || c.Message != "being removed: Pod pod" || conditionReason(p.Status.Conditions, api.ConditionStalled) != "" {
			t.Errorf("%s: while a pod is left it says %+v", v, p.Status.Conditions)
		}
		o.Brought.Leftovers = nil
		p = ForDrill(o, noon.Add(2*time.Minute))
		if got := conditionReason(p.Status.Conditions, api.ConditionStalled); got != want || conditionReason(p.Status.Conditions, api.ConditionReconciling) != "" {
			t.Errorf("%s: in the end it says %+v", v, p.Status.Conditions)
		}
	}
}

// TestVolumesOfADrillAreRecorded: a volume stays known when its claim is gone, and what was found in it is said.
func TestVolumesOfADrillAreRecorded(t *testing.T) {
	o := startedDrill()
	delivered(&o)
	o = stepped(o, noon.Add(time.Second))
	o.Brought.Claims = map[string]BroughtClaim{}
	o = stepped(o, noon.Add(2*time.Second))
	if v := o.Drill.Status.Volumes; v[0].Volume != "pv-data" || v[0].Reason != api.ReasonRestorePending || v[0].Message != "the restored volume is asked for" {
		t.Errorf("of a claim that is gone it says %+v", v)
	}
	differs := printOf("data")
	differs.Digest = flipped
	allRead(&o)
	o.pod(reader("data", 0), PodSucceeded, tells(differs))
	o = stepped(o, noon.Add(3*time.Second))
	if v := o.Drill.Status.Volumes; v[0].Reason != api.ReasonContentDiffers || v[1].Reason != "" || v[1].Level != api.LevelIntact {
		t.Errorf("of what was read it says %+v", v)
	}
	xfsVolume := startedDrill()
	delivered(&xfsVolume)
	c := xfsVolume.Brought.Claims[throwaway("data")]
	c.Mount = &VolumeMount{Target: Target{"pv", "u"}, FSType: "xfs", Mode: "Filesystem"}
	xfsVolume.Brought.Claims[throwaway("data")] = c
	if p := ForDrill(xfsVolume, noon.Add(time.Second)); len(p.Mounts) != 1 {
		t.Errorf("of an XFS volume it asks for %+v", p.Mounts)
	}
}

// TestDamageComesFirst: of what is wrong with volumes damage is told before what is merely not known, and of alikes the first.
func TestDamageComesFirst(t *testing.T) {
	known := testkit.Point(noon, both, recorded).Status.Fingerprint
	differs := printOf("data")
	differs.Digest = flipped
	of := func(claim string, f api.Fingerprint) bringing {
		return bringing{source: sourceOf(claim), done: true, read: &f}
	}
	damaged, other, missing, second, good := of("data", differs), of("logs", differs), of("x", differs), of("y", differs), of("logs", printOf("logs"))
	for want, volumes := range map[string][]bringing{
		"":                            {good},
		"FingerprintMissing volume x": {good, missing, second},
		"FingerprintMissing volume y": {second, missing},
		"ContentDiffers volume data":  {missing, damaged, other},
		"ContentDiffers volume logs":  {other, missing, damaged},
	} {
		got := ""
		if bad := firstDifference(volumes, known); bad != nil {
			name, _, _ := strings.Cut(bad.Message, ":")
			got = bad.Reason + " " + name
		}
		if got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

// TestChecksThatWereNotExpected: what a check left behind, and a record that lacks it, lead to no false proof.
func TestChecksThatWereNotExpected(t *testing.T) {
	o := startedDrill(func(o *DrillObserved) { o.Policy.Spec.Drill.Checks = bothChecks })
	allRead(&o)
	o = stepped(o, noon.Add(time.Minute))
	o.Drill.Status.Checks = nil
	o = stepped(o, noon.Add(2*time.Minute))
	if c := o.Drill.Status.Checks; len(c) != 1 || c[0].Name != "files" || c[0].State != api.CheckRunning {
		t.Errorf("a check that was not on record is %+v", c)
	}
	o.pod(checkPod("files"), PodRunning, func(p *BroughtPod) { p.Waits = &Problem{api.ReasonImageUnavailable, "old"} })
	if p := ForDrill(o, noon.Add(2*time.Minute)); p.Status.Verdict != "" {
		t.Errorf("of one that runs after all it says %s", drillOutcome(p.Status))
	}
	o.Drill.DeletionTimestamp = metaTime(noon)
	if c := ForDrill(o, noon.Add(3*time.Minute)).Status.Checks[0]; c.State != api.CheckSkipped || !c.FinishedAt.Time.Equal(noon.Add(3*time.Minute)) {
		t.Errorf("a check under way when the drill is deleted is %+v", c)
	}
	p := DrillPlan{Status: api.RestoreDrillStatus{Level: api.LevelIntact, Checks: []api.CheckResult{
		{Name: "a", Proves: api.LevelConsistent, State: api.CheckSkipped}, {Name: "b", Proves: api.LevelConsistent, State: api.CheckPassed}}}}
	if p.raiseLevel(); p.Status.Level != api.LevelIntact {
		t.Errorf("one of two checks of a level proves %s", p.Status.Level)
	}
	app := api.Check{Name: "app", Application: &api.CheckApplication{}}
	for name, c := range map[string]struct {
		check api.Check
		pod   *BroughtPod
		want  bool
	}{
		"it is there":                  {app, &BroughtPod{Phase: PodRunning, RunUID: drillUID}, true},
		"it is gone":                   {app, nil, false},
		"it has ended":                 {app, &BroughtPod{Phase: PodSucceeded, RunUID: drillUID}, false},
		"it is somebody's":             {app, &BroughtPod{Phase: PodRunning, RunUID: "x"}, false},
		"it is a command, and no more": {api.Check{Name: "app", Command: []string{"true"}}, &BroughtPod{Phase: PodRunning, RunUID: drillUID}, false},
	} {
		o := seenDrill()
		if c.pod != nil {
			o.Brought.Pods[checkPod("app")] = *c.pod
		}
		var p DrillPlan
		if got := p.stopApplication(o, c.check); got != c.want || (len(p.Remove) > 0) != c.want {
			t.Errorf("%s: it is waited for: %t, removed is %+v", name, got, p.Remove)
		}
	}
}

func TestLookAgain(t *testing.T) {
	for since, want := range map[time.Duration]time.Duration{0: 500 * time.Millisecond, 10 * time.Second: 5 * time.Second, time.Hour: time.Minute} {
		if got := lookAgain(since); got != want {
			t.Errorf("after %s it looks again in %s, want %s", since, got, want)
		}
	}
}

// TestApplicationLeavesBeforeTheNextCheck: two applications never write to the same volumes.
func TestApplicationLeavesBeforeTheNextCheck(t *testing.T) {
	app := api.Check{Name: "app", Proves: api.LevelConsistent, Image: "i", Application: &api.CheckApplication{TCP: &api.TCPProbe{Port: 1}}}
	next := api.Check{Name: "next", Proves: api.LevelAnswering, Image: "i", Command: []string{"x"}}
	p := DrillPlan{}
	p.Status.Run = &api.DrillRun{Checks: []api.Check{app, next}, Deadline: metav1.NewTime(noon.Add(time.Hour))}
	p.Status.Checks = []api.CheckResult{{Name: "app", Proves: app.Proves, State: api.CheckPassed}, {Name: "next", Proves: next.Proves, State: api.CheckSkipped}}
	o := DrillObserved{Drill: &api.RestoreDrill{}, Brought: Brought{RunUID: "", Isolated: true, Pods: map[string]BroughtPod{}}}
	name := names.CheckPod("app", "")
	o.Brought.Pods[name] = BroughtPod{Target: Target{name, "u"}, Phase: PodRunning, Ready: true}
	p.planChecks(o, nil, noon)
	if len(p.Remove) != 1 || p.Remove[0].Name != name || p.Check != nil {
		t.Errorf("removed are %v, asked for is %v", p.Remove, p.Check)
	}
	delete(o.Brought.Pods, name)
	p.Remove = nil
	p.planChecks(o, nil, noon)
	if len(p.Remove) != 0 || p.Check == nil || p.Check.Check.Name != "next" {
		t.Errorf("removed are %v, asked for is %v", p.Remove, p.Check)
	}
}
