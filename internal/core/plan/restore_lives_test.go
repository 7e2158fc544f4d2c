// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// standing is how a restore stands, in one line.
func standing(p RestorePlan) string {
	c := findCondition(p.Status.Conditions, api.ConditionSucceeded)
	out := string(c.Status) + " " + c.Reason
	for _, kind := range []string{api.ConditionReconciling, api.ConditionStalled} {
		if x := findCondition(p.Status.Conditions, kind); x != nil {
			out += ", " + kind + " " + x.Reason
		}
	}
	for _, ask := range []struct {
		n    int
		what string
	}{{len(p.Bring), "brought"}, {len(p.Swap), "steps"}, {len(p.Remove), "removals"}} {
		if ask.n > 0 {
			out += fmt.Sprintf(", %d %s", ask.n, ask.what)
		}
	}
	if p.Safety != nil {
		out += ", safety"
	}
	if p.Finalizer != "" {
		out += ", finalizer " + string(p.Finalizer)
	}
	return out
}

// readInPlace is a restore in place of which the volume data alone is asked for, and was read into its temporary claim.
func readInPlace(t *testing.T, edits ...func(*RestoreObserved)) RestoreObserved {
	t.Helper()
	o := begun(t, append([]func(*RestoreObserved){inPlace, asks(func(s *api.RestoreSpec) { s.Volumes = []api.RestoreVolume{{Claim: "data"}} })}, edits...)...)
	o.Safety = restorePoint(o.Restore.Status.SafetyPoint, 10, "data", "logs")
	o.Safety.Labels = map[string]string{api.LabelRunUID: "run"}
	as := names.Throwaway("data", "run", testkit.ClaimUID("data"))
	read(&o, "data", as, result("sha256:1"))
	at := o.Places["data"]
	at.Temporary = &LiveClaim{Target: Target{as, "t"}, RunUID: "run", Class: testkit.Class, Bound: true, Expires: true, Volume: "pv-new", Request: resource.MustParse("3Gi")}
	at.New = &LiveVolume{Target: Target{"pv-new", "n"}, Reclaim: "Delete", RefNamespace: testkit.Namespace, RefName: as, RefUID: "t", Size: resource.MustParse("3Gi")}
	o.Places = map[string]Place{"data": at}
	return o
}

func (o *RestoreObserved) pods(pod BroughtPod) {
	if o.Brought.Pods == nil {
		o.Brought.Pods = map[string]BroughtPod{}
	}
	o.Brought.Pods[pod.Name] = pod
}

// goneOn carries a plan out in the status alone.
func (o RestoreObserved) goneOn(p RestorePlan) RestoreObserved {
	o.Restore = o.Restore.DeepCopy()
	o.Restore.Status = p.Status
	return o
}

// TestRestoreInPlaceLives: a restore in place from its start until the replaced volume is let go. Each step is on record before the next.
func TestRestoreInPlaceLives(t *testing.T) {
	start := toRestore(inPlace)
	start.Restore.Generation = 4
	start.Policy.Spec.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](70)}
	p := ForRestore(start, restoreNow)
	if p.Status.ObservedGeneration != 4 || *p.Status.Run.Mover.RunAsUser != 70 || p.Status.SafetyPoint != names.SafetyPoint("monday", "run") || len(p.Status.Plan) == 0 ||
		noteOf(p.Notes, api.ReasonRestoring) != "false restoring 2 volumes from recovery point good" {
		t.Errorf("it begins with %+v, and tells %+v", p.Status, p.Notes)
	}
	o := readInPlace(t)
	now := restoreNow
	deadline := o.Restore.Status.Run.Deadline.Time
	step := func(want string) RestorePlan {
		t.Helper()
		p := ForRestore(o, now)
		if got := standing(p); got != want {
			t.Fatalf("it is %q, want %q: %+v", got, want, p.Status)
		}
		o = o.goneOn(p)
		return p
	}
	p = step("Unknown Restoring, Reconciling Restoring")
	if v := p.Status.Volumes[0]; v.State != api.RestoreVerified || v.Size.String() != "2Gi" || v.Read == nil || !p.Wake.Equal(deadline) || len(p.Notes) > 0 {
		t.Errorf("what was read is on record as %+v; it wakes at %s", v, p.Wake)
	}
	readers := o
	readers.Brought.Leftovers = []Leftover{{Target: Target{"reader", "r"}, Kind: "Pod"}, {Target: Target{"other", "s"}, Kind: "Pod", Deleting: true}, {Target: Target{"claim", "c"}, Kind: "PersistentVolumeClaim"}}
	if p := ForRestore(readers, now); removed(p.Remove) != "reader" || swapping(p.Status) || !p.Wake.Equal(now.Add(time.Second)) {
		t.Errorf("while readers hold the claims it removes %q, and wakes at %s", removed(p.Remove), p.Wake)
	}
	readers.Brought.Leftovers = readers.Brought.Leftovers[2:]
	if p := ForRestore(readers, now); !swapping(p.Status) {
		t.Error("a claim that is left holds the swap up")
	}
	if p := ForRestore(o, deadline); standing(p) != "False RestoreTimedOut, Reconciling CleaningUp" || swapping(p.Status) {
		t.Errorf("at the deadline it is %q", standing(p))
	}
	for name, edit := range map[string]func(*Place){
		"a pod uses the claim again":         func(at *Place) { at.Users = []string{"pod web-0"} },
		"the temporary claim went":           func(at *Place) { at.Temporary = nil },
		"the temporary claim is a block one": func(at *Place) { at.Temporary.Mode = modeBlock },
		"the claim asks for more now":        func(at *Place) { at.Claim.Request = resource.MustParse("4Gi") },
		"the claim is of another class now":  func(at *Place) { at.Claim.Class = "other" },
	} {
		e := o
		at := o.Places["data"]
		claim, temporary := *at.Claim, *at.Temporary
		at.Claim, at.Temporary = &claim, &temporary
		edit(&at)
		e.Places = map[string]Place{"data": at}
		if p := ForRestore(e, now); p.Status.FinishedAt == nil || swapping(p.Status) || !strings.HasPrefix(p.said.Message, "volume data: ") || !strings.HasSuffix(p.said.Message, "; nothing was replaced") {
			t.Errorf("%s: it is %q: %s", name, standing(p), p.said.Message)
		}
	}
	exact := o
	at := o.Places["data"]
	claim := *at.Claim
	claim.Request = resource.MustParse("3Gi")
	at.Claim = &claim
	exact.Places = map[string]Place{"data": at}
	if p := ForRestore(exact, now); !swapping(p.Status) {
		t.Error("a volume that is just large enough does not take its place")
	}
	p = step("Unknown Swapping, Reconciling Swapping")
	if s := p.Status.Volumes[0].Swap; p.Status.Volumes[0].State != api.RestoreSwapping || *s != (api.VolumeSwap{OldClaimUID: testkit.ClaimUID("data"), OldVolume: "pv-data", NewVolume: "pv-new",
		Temporary: names.Throwaway("data", "run", testkit.ClaimUID("data")), ReclaimPolicy: "Delete", Claim: "{}"}) || noteOf(p.Notes, api.ReasonSwapping) != "false 1 volume take the place of the old ones" {
		t.Errorf("what is to be replaced is on record as %+v, and told is %+v", s, p.Notes)
	}
	if p := step("Unknown Swapping, Reconciling Swapping, 3 steps"); !p.Wake.Equal(now) {
		t.Errorf("after a step it wakes at %s", p.Wake)
	}
	used := o
	at = o.Places["data"]
	at.Users = []string{"pod web-0"}
	used.Places = map[string]Place{"data": at}
	if p := ForRestore(used, now); p.Status.Volumes[0].Reason != api.ReasonClaimInUse || !p.Wake.Equal(now.Add(2*time.Second)) || !strings.Contains(findCondition(p.Status.Conditions, api.ConditionSucceeded).Message, "the restored volumes take the place of the old ones; volume data: claim data is used by pod web-0") {
		t.Errorf("while a pod uses the claim it is %+v, and wakes at %s", p.Status.Volumes[0], p.Wake)
	}
	refused := ForRestore(o, now)
	if refused.SwapRefused("data", Problem{api.ReasonQuotaExceeded, "no"}, now.Add(-time.Minute)); refused.Status.Volumes[0].Reason != api.ReasonQuotaExceeded || !refused.Wake.Equal(now.Add(waitAgain-time.Minute)) {
		t.Errorf("refused, it is %+v, and wakes at %s", refused.Status.Volumes[0], refused.Wake)
	}
	other := ForRestore(o, now)
	if other.SwapRefused("logs", Problem{api.ReasonQuotaExceeded, "no"}, now); other.Status.Volumes[0].Reason != "" {
		t.Errorf("for another's refusal it is %+v", other.Status.Volumes[0])
	}
	at = o.Places["data"]
	kept(&at)
	o.Places = map[string]Place{"data": at}
	o.Restore.Status.Volumes[0].Reason, o.Restore.Status.Volumes[0].Message = api.ReasonClaimInUse, "old"
	p = step("True Restored, Reconciling CleaningUp")
	if v := p.Status.Volumes[0]; v.State != api.RestoreRestored || v.Reason != "" || !v.Swap.KeepUntil.Time.Equal(now.Add(time.Hour)) || len(p.Notes) != 1 || p.Notes[0].Warning {
		t.Errorf("in the end it is %+v, and tells %+v", v, p.Notes)
	}
	o.Brought.Leftovers = left[:1]
	if p := step("True Restored, Reconciling CleaningUp, 1 removals"); !p.Wake.Equal(now.Add(lookAgain(0))) {
		t.Errorf("while a pod is left it wakes at %s", p.Wake)
	}
	o.Brought.Leftovers = nil
	if p := step("True Restored, finalizer Release"); !p.Wake.Equal(now.Add(time.Hour)) {
		t.Errorf("it looks after the replaced volume at %s", p.Wake)
	}
	o.Restore.Finalizers = nil
	for name, edit := range map[string]func(*RestoreObserved){
		"it is not there, before its time": func(o *RestoreObserved) { o.Places = map[string]Place{} },
		"it was not replaced after all": func(o *RestoreObserved) {
			o.Restore.Status.Volumes[0].State, o.Restore.Status.Volumes[0].Swap.KeepUntil = api.RestoreFailed, metaTime(now.Add(-time.Hour))
			o.Places = map[string]Place{}
		},
	} {
		e := o
		e.Restore = o.Restore.DeepCopy()
		edit(&e)
		if p := ForRestore(e, now); len(p.Swap)+len(p.Notes) > 0 || p.Status.Volumes[0].Swap.ReleasedAt != nil {
			t.Errorf("%s, and it is let go: %+v, %+v", name, p.Swap, p.Notes)
		}
	}
	now = now.Add(time.Hour)
	at = o.Places["data"]
	at.Old.Released, at.Old.RunUID = true, "run"
	if p := step("True Restored, 1 steps"); p.Swap[0].Do != SwapReclaim || p.Swap[0].Object.Name != "pv-data" || p.Swap[0].Reclaim != "Delete" || !p.Wake.Equal(now) {
		t.Errorf("when its time has come it is %+v, and it wakes at %s", p.Swap, p.Wake)
	}
	gone := o
	gone.Restore = o.Restore.DeepCopy()
	gone.Restore.DeletionTimestamp = metaTime(now)
	if p := ForRestore(gone, now); len(p.Swap) > 0 || p.Status.Volumes[0].Swap.ReleasedAt != nil {
		t.Errorf("a restore that is deleted lets go: %+v", p.Swap)
	}
	at.Old.Reclaim = "Delete"
	if p := step("True Restored"); p.Status.Volumes[0].Swap.ReleasedAt == nil || len(p.Notes) != 1 || !strings.HasSuffix(p.Notes[0].Message, "pv-data is no longer kept, and goes as its reclaim policy says") {
		t.Errorf("it tells %+v", p.Notes)
	}
	if p := step("True Restored"); len(p.Notes) > 0 || !p.Wake.IsZero() {
		t.Errorf("then it tells %+v", p.Notes)
	}
}

// TestSwapsOfSeveral: each volume is swapped on its own, and how the restore ended is told of all.
func TestSwapsOfSeveral(t *testing.T) {
	taken := func(at *Place) {
		tempGone(at)
		at.Claim = &LiveClaim{Target: Target{"data", "foreign"}, Volume: "pv-foreign"}
	}
	with := func(edit func(*Place), others ...api.RestoreState) RestoreObserved {
		o := toSwap(edit)
		for _, s := range others {
			o.Restore.Status.Volumes = append(o.Restore.Status.Volumes, api.RestoredVolume{Claim: "logs", State: s, Reason: "Odd", Message: "why"})
		}
		return o
	}
	for name, c := range map[string]struct {
		o          RestoreObserved
		want, says string
	}{
		"one, whose place was taken":              {with(taken), "False ClaimExists, Reconciling CleaningUp", "volume data: another claim data was made meanwhile"},
		"the other was restored before":           {with(taken, api.RestoreRestored), "False PartiallyRestored, Reconciling CleaningUp", "1 of 2 volumes were restored; volume data: another claim"},
		"the other failed before":                 {with(kept, api.RestoreFailed), "False PartiallyRestored, Reconciling CleaningUp", "1 of 2 volumes were restored; volume logs: why"},
		"both failed":                             {with(taken, api.RestoreFailed), "False ClaimExists, Reconciling CleaningUp", "volume data: another claim data was made meanwhile"},
		"one is done, and its old volume is gone": {with(func(at *Place) { kept(at); at.Old = nil }), "True Restored, Reconciling CleaningUp", "1 volume restored from recovery point"},
	} {
		p := ForRestore(c.o, restoreNow)
		if _, message := ending(p); standing(p) != c.want || !strings.HasPrefix(message, c.says) {
			t.Errorf("%s: it is %q: %s", name, standing(p), message)
		}
		for _, v := range p.Status.Volumes[1:] {
			if v.Reason != "Odd" {
				t.Errorf("%s: another volume is touched: %+v", name, v)
			}
		}
		if v := p.Status.Volumes[0]; v.State == api.RestoreFailed && v.Reason != api.ReasonClaimExists {
			t.Errorf("%s: it is %+v", name, v)
		}
	}
	going := toSwap(spared, func(at *Place) { at.Claim.Deleting, at.Users = true, []string{"pod web-0"} })
	if p := ForRestore(going, restoreNow); p.Status.Volumes[0].Reason != api.ReasonClaimInUse {
		t.Errorf("while a pod holds the claim that goes it is %+v", p.Status.Volumes[0])
	}
	const stay = "; the restored data stay in claim " + tempClaim
	for name, c := range map[string]struct {
		edits []func(*Place)
		stays bool
	}{
		"spared":         {[]func(*Place){spared}, true},
		"not spared yet": {nil, false},
		"not there":      {[]func(*Place){func(at *Place) { at.Temporary = nil }}, false},
	} {
		o := toSwap(append(c.edits, func(at *Place) { at.Claim.Volume = "pv-foreign" })...)
		if v := ForRestore(o, restoreNow).Status.Volumes[0]; v.State != api.RestoreFailed || strings.HasSuffix(v.Message, stay) != c.stays {
			t.Errorf("where the temporary claim is %s it says %q", name, v.Message)
		}
	}
	if p := ForRestore(toSwap(assigned), restoreNow); len(p.Swap) != 1 || p.Swap[0].Do != SwapMakeClaim || p.Swap[0].Claim != "data" {
		t.Errorf("made again is %+v", p.Swap)
	}
}

// TestReleasedVolumes: what became of a replaced volume is told.
func TestReleasedVolumes(t *testing.T) {
	v := api.RestoredVolume{Claim: "data", Swap: &api.VolumeSwap{OldVolume: "pv-data", ReclaimPolicy: "Delete"}}
	retained := api.RestoredVolume{Claim: "data", Swap: &api.VolumeSwap{OldVolume: "pv-data", ReclaimPolicy: retain}}
	for want, n := range map[string]Note{
		"is gone": releasedNote(v, false, nil),
		"is in other hands, and was left as it is":                                                                     releasedNote(v, false, &LiveVolume{}),
		"is no longer kept, and goes as its reclaim policy says":                                                       releasedNote(v, true, &LiveVolume{}),
		"is no longer kept for this restore; its reclaim policy is Retain, so that it stays until somebody deletes it": releasedNote(retained, true, &LiveVolume{}),
	} {
		if n.Message != "the replaced volume pv-data "+want {
			t.Errorf("it tells %q, want %q", n.Message, want)
		}
	}
}

// TestUndo: an old volume that was not replaced after all gets its reclaim policy back, and nothing else does.
func TestUndo(t *testing.T) {
	for name, c := range map[string]struct {
		state api.RestoreState
		edit  func(*RestoreObserved, *Place)
		want  bool
	}{
		"it stays":                      {api.RestoreFailed, func(*RestoreObserved, *Place) {}, true},
		"it was replaced":               {api.RestoreRestored, func(*RestoreObserved, *Place) {}, false},
		"nothing was to be replaced":    {api.RestoreFailed, func(o *RestoreObserved, _ *Place) { o.Restore.Status.Volumes[0].Swap = nil }, false},
		"its claim is gone":             {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Claim = nil }, false},
		"its claim is another":          {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Claim.UID = "x" }, false},
		"its claim is going":            {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Claim.Deleting = true }, false},
		"the volume is somebody's":      {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Old.RefUID = "x" }, false},
		"the volume is gone":            {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Old = nil }, false},
		"the volume is as it was again": {api.RestoreFailed, func(_ *RestoreObserved, at *Place) { at.Old.Reclaim = "Delete" }, false},
	} {
		o := toSwap(spared)
		o.Restore.Status.FinishedAt, o.Restore.Status.Volumes[0].State = metaTime(restoreNow), c.state
		at := o.Places["data"]
		c.edit(&o, &at)
		o.Places = map[string]Place{"data": at}
		p := ForRestore(o, restoreNow)
		if got := len(p.Swap) == 1 && p.Swap[0].Do == SwapReclaim && p.Swap[0].Object.Name == "pv-data" && p.Swap[0].Reclaim == "Delete" && p.Wake.Equal(restoreNow) && p.Finalizer == ""; got != c.want {
			t.Errorf("%s: %+v, finalizer %q, wakes at %s", name, p.Swap, p.Finalizer, p.Wake)
		}
		if !c.want && (len(p.Swap) > 0 || p.Finalizer != FinalizerRelease) {
			t.Errorf("%s: it is undone: %+v", name, p.Swap)
		}
	}
}

// TestRestoreEnds: how a restore that is deleted, or goes with its namespace, ends; a swap that was begun is brought to its end first.
func TestRestoreEnds(t *testing.T) {
	going := func(o *RestoreObserved) { o.Restore.DeletionTimestamp = metaTime(restoreNow) }
	for name, c := range map[string]struct {
		o    RestoreObserved
		edit func(*RestoreObserved)
		want string
	}{
		"deleted":                            {begun(t), going, "False Deleting, Reconciling CleaningUp"},
		"the namespace goes":                 {begun(t), func(o *RestoreObserved) { o.NamespaceTerminating = true }, "False NamespaceTerminating, Reconciling CleaningUp"},
		"deleted during the swap":            {toSwap(), going, "Unknown Swapping, Reconciling Swapping, 3 steps"},
		"the namespace goes during the swap": {toSwap(), func(o *RestoreObserved) { o.NamespaceTerminating = true }, "False NamespaceTerminating, Reconciling CleaningUp"},
		"refused at once, and all is cleaned up": {toRestore(), func(o *RestoreObserved) {
			o.Points = nil
			*o = o.goneOn(ForRestore(*o, restoreNow))
			o.Restore.Finalizers = nil
		}, "False PointNotFound, Stalled PointNotFound"},
		"not begun":              {toRestore(), func(o *RestoreObserved) { o.Restore.Finalizers = nil }, ""},
		"deleted, and let go of": {toRestore(), func(o *RestoreObserved) { going(o); o.Restore.Finalizers = nil }, ""},
	} {
		c.edit(&c.o)
		p := ForRestore(c.o, restoreNow)
		if c.want == "" {
			if len(p.Status.Conditions) > 0 || p.Status.Run != nil || (p.Finalizer == FinalizerAdd) != (c.o.Restore.DeletionTimestamp == nil) {
				t.Errorf("%s: it does %+v", name, p)
			}
			continue
		}
		if got := standing(p); got != c.want {
			t.Errorf("%s: it is %q, want %q", name, got, c.want)
		}
		if m := p.said.Message; strings.Contains(m, "replaced") {
			t.Errorf("%s: of new claims it says %q", name, m)
		}
		if len(p.Status.Volumes) == 0 && p.Status.Progress != "" {
			t.Errorf("%s: nothing was begun, and %s is done", name, p.Status.Progress)
		}
		if p.Status.FinishedAt != nil && len(p.Status.Volumes) > 0 && (len(p.Notes) != 1 || !p.Notes[0].Warning || p.Status.Volumes[0].State != api.RestoreFailed || p.Isolate) {
			t.Errorf("%s: it tells %+v, and its volumes are %+v", name, p.Notes, p.Status.Volumes)
		}
	}
	refused := begun(t)
	p := ForRestore(refused, restoreNow)
	for _, claim := range both {
		p.Refused(refused, claim, Problem{api.ReasonQuotaExceeded, "no room"}, restoreNow)
	}
	p.Refused(refused, "data", Problem{api.ReasonQuotaExceeded, "no room"}, restoreNow)
	if got := standing(p); got != "False QuotaExceeded, Reconciling CleaningUp" || p.Status.Progress != "0/2" || len(p.Notes) != 1 {
		t.Errorf("refused, it is %q, %s, and tells %+v", got, p.Status.Progress, p.Notes)
	}
	stays := begun(t)
	stays.Brought.Claims["data-monday"] = BroughtClaim{RunUID: "run"}
	stays.Brought.Claims["logs-monday"] = BroughtClaim{RunUID: "another"}
	p = ForRestore(stays, restoreNow)
	for i := range p.Status.Volumes {
		p.fail(stays, &p.Status.Volumes[i], Problem{api.ReasonQuotaExceeded, "no room"})
	}
	if v := p.Status.Volumes; v[0].Message != "no room; claim data-monday stays, and was not verified" || v[1].Message != "no room" {
		t.Errorf("what is left of them: %+v", v)
	}
	inPlaceOf := stays
	inPlaceOf.Restore = stays.Restore.DeepCopy()
	inPlaceOf.Restore.Spec.InPlace = true
	if p.fail(inPlaceOf, &p.Status.Volumes[0], Problem{api.ReasonQuotaExceeded, "no room"}); p.Status.Volumes[0].Message != "no room" {
		t.Errorf("in place it says %+v", p.Status.Volumes[0])
	}
}

// TestRestoreSaysHowFar: a restore under way says what it does, what the first volume waits for, and how it was verified in the end.
func TestRestoreSaysHowFar(t *testing.T) {
	says := func(p RestorePlan) string { _, m := ending(p); return m }
	o := begun(t)
	if p := ForRestore(o, restoreNow); says(p) != "0/2 volumes are restored and verified; volume data: the restored volume is asked for" || p.Status.Volumes[0].State != api.RestoreRestoring || !p.Isolate || p.Throw.IsZero() {
		t.Errorf("it says %q", says(p))
	}
	o.Brought.Isolated = true
	if p := ForRestore(o, restoreNow); p.Isolate {
		t.Error("it is isolated again")
	}
	read(&o, "data", "data-monday", result("sha256:1"))
	o.Brought.Isolated = false
	if p := ForRestore(o, restoreNow); len(p.Bring) != 1 || !p.Isolate {
		t.Errorf("for one volume it asks for %+v, isolated: %t", p.Bring, p.Isolate)
	}
	read(&o, "logs", "logs-monday", nil)
	pod := names.Reader("logs", "run", testkit.ClaimUID("logs"), 0)
	o.Brought.Pods[pod] = BroughtPod{Target: Target{pod, "p"}, RunUID: "run", Phase: PodRunning}
	o.Brought.Isolated = false
	if p := ForRestore(o, restoreNow); says(p) != "1/2 volumes are restored and verified; volume logs: every byte is being read" || p.Status.Volumes[1].State != api.RestoreVerifying || p.Isolate || len(p.Bring) > 0 {
		t.Errorf("it says %q, and asks for %+v", says(p), p.Bring)
	}
	safety := begun(t, inPlace)
	if p := ForRestore(safety, restoreNow); says(p) != "recovery point "+names.SafetyPoint("monday", "run")+" of the present state is being taken first" {
		t.Errorf("it says %q", says(p))
	}
	safety.Safety = restorePoint("x", 10)
	safety.Safety.Labels, safety.Safety.Status.FinishedAt, safety.Safety.Status.Conditions = map[string]string{api.LabelRunUID: "run"}, nil, nil
	if p := ForRestore(safety, restoreNow); says(p) != "recovery point "+names.SafetyPoint("monday", "run")+" of the present state is being taken first" || p.Safety != nil || len(p.Bring) > 0 {
		t.Errorf("while it is taken it says %q", says(p))
	}
	unsafe := "the present state could not be captured: "
	for want, edit := range map[string]func(*RestoreObserved){
		unsafe + "it was not done in time; nothing was replaced": func(o *RestoreObserved) { o.Restore.Status.Run.Deadline = metav1.NewTime(restoreNow) },
		unsafe + "the policy is gone; nothing was replaced":      func(o *RestoreObserved) { o.Policy = nil },
		unsafe + "recovery point x: it is not complete; nothing was replaced": func(o *RestoreObserved) {
			o.Safety.Status.FinishedAt = metaTime(restoreNow)
		},
		unsafe + "recovery point x: two volumes failed; nothing was replaced": func(o *RestoreObserved) {
			o.Safety.Status.FinishedAt, o.Safety.Status.Conditions = metaTime(restoreNow), []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionFalse, Message: "two volumes failed"}}
		},
	} {
		e := safety
		e.Restore, e.Safety = safety.Restore.DeepCopy(), safety.Safety.DeepCopy()
		edit(&e)
		if p := ForRestore(e, restoreNow); says(p) != want || len(p.Bring) > 0 {
			t.Errorf("it says %q, want %q", says(p), want)
		}
	}
	of := func(level api.ProofLevel, files int64, message string) api.RestoredVolume {
		v := api.RestoredVolume{Claim: "c", Verified: level, Message: message}
		if files > 0 {
			v.Read = &api.Fingerprint{Files: files, Bytes: 10 * files}
		}
		return v
	}
	for want, all := range map[string][]api.RestoredVolume{
		"3 files of 30 bytes were read, and are those that were captured":                  {of(api.LevelIntact, 1, ""), of(api.LevelIntact, 2, "")},
		"3 files of 30 bytes were read; the point has no fingerprint to compare them with": {of(api.LevelRestored, 1, ""), of(api.LevelRestored, 2, "")},
		"3 files of 30 bytes were read; 1 of 2 volumes have a fingerprint, and equal it":   {of(api.LevelIntact, 1, ""), of(api.LevelRestored, 2, "")},
		"1 files of 10 bytes were read; volume c: a part":                                  {of(api.LevelIntact, 1, "a part"), of(api.LevelIntact, 0, "another")},
	} {
		if got := howVerified(all); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	for want, s := range map[string]RestorePlan{
		"the restore has not started yet": {},
		"1/2 volumes are restored and verified": {Status: api.RestoreStatus{Run: &api.RestoreRun{}, Progress: "1/2", Volumes: []api.RestoredVolume{
			{Claim: "a", State: api.RestoreRestored, Reason: api.ReasonFingerprintMissing, Message: "a part"}, {Claim: "b", State: api.RestorePending}}}},
		"0/1 volumes are restored and verified": {Status: api.RestoreStatus{Run: &api.RestoreRun{}, Progress: "0/1", Volumes: []api.RestoredVolume{{State: api.RestorePending}}}},
		"0/2 volumes are restored and verified": {Status: api.RestoreStatus{Run: &api.RestoreRun{}, Progress: "0/2", SafetyPoint: "x", Volumes: []api.RestoredVolume{{State: api.RestorePending}}}, Bring: make([]BringOrder, 1)},
	} {
		if _, got := s.underWay(); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	if allVerified(nil) {
		t.Error("none are all")
	}
	for what, edit := range map[string]func(*RestoreObserved){
		"the point": func(o *RestoreObserved) { o.Points = nil }, "the volume": func(o *RestoreObserved) { o.Sources = o.Sources[:1] },
	} {
		e := begun(t)
		edit(&e)
		if p := ForRestore(e, restoreNow); p.Status.Volumes[1].State != api.RestoreFailed || p.Status.Volumes[1].Reason != api.ReasonPointNotFound {
			t.Errorf("when %s is not seen it is %+v", what, p.Status.Volumes[1])
		}
	}
	waiting := begun(t)
	for _, c := range []string{"data", "logs"} {
		pod := names.Reader(c, "run", testkit.ClaimUID(c), 0)
		waiting.pods(BroughtPod{Target: Target{pod, "p"}, RunUID: "run", Phase: PodPending})
	}
	waiting.Brought.Claims["logs-monday"] = BroughtClaim{RunUID: "run", Bound: true, Mount: &VolumeMount{Target: Target{"pv", "u"}, FSType: "xfs", Mode: "Filesystem"}}
	if p := ForRestore(waiting, restoreNow); len(p.Bring) != 2 || p.Bring[0].Claim == nil || p.Bring[0].Read != nil || p.Bring[1].Mount == nil || p.Bring[1].Claim != nil {
		t.Errorf("of claims that are lacking in one way it asks for %+v", p.Bring)
	}
	if volumes(1) != "1 volume" || volumes(0) != "0 volumes" || volumes(2) != "2 volumes" {
		t.Error("volumes are counted wrongly")
	}
}

// TestRestoreEdges: the bounds of what is restored: names, sizes, and what is not known any more.
func TestRestoreEdges(t *testing.T) {
	s := Source{Claim: "data", Size: resource.MustParse("2Gi")}
	for size, want := range map[string]bool{"2Gi": true, "2048Mi": true, "2047Mi": false, "3Gi": true} {
		r := toRestore(asks(func(s *api.RestoreSpec) {
			s.Volumes = []api.RestoreVolume{{Claim: "data", Size: ptr.To(resource.MustParse(size))}}
		})).Restore
		if bad := sizeProblem(r, s); (bad == nil) != want {
			t.Errorf("a size of %s: %+v", size, bad)
		}
	}
	for n, want := range map[int]bool{mostRecord: true, mostRecord + 1: false} {
		o := toRestore()
		at := o.Places["data"]
		at.Claim.Record = strings.Repeat("x", n)
		if bad := placeProblem(Source{Claim: "data", Mode: "Filesystem"}, at); (bad == nil) != want {
			t.Errorf("a claim of %d bytes: %+v", n, bad)
		}
	}
	if sourceNames(nil) != "none" || sourceNames([]Source{{Claim: "a"}}) != "a" || copyNames(nil) != "none" || copyNames([]api.CopyRecord{{Name: "a"}}) != "a" {
		t.Error("what there is none of, or one, is named wrongly")
	}
	o := toRestore(func(o *RestoreObserved) { o.Sources = nil })
	if _, bad := wanted(o, o.Points[0]); bad == nil || bad.Message != "recovery point good holds no volume" {
		t.Errorf("of a point of which no volume is seen: %+v", bad)
	}
	one := toRestore(func(o *RestoreObserved) { o.Sources = o.Sources[:1] })
	if all, bad := wanted(one, one.Points[0]); bad != nil || len(all) != 1 {
		t.Errorf("of a point of which one volume is seen: %+v", bad)
	}
	for want, spec := range map[string]api.RestoreSpec{"spec.copy": {Copy: "a"}, "spec.paths": {Paths: []string{"x"}}, "spec.from": {From: api.FromCopy}} {
		if got := asksForCopy(spec); got != want {
			t.Errorf("%s asks for a copy, and not %s", got, want)
		}
	}
	mail := restorePoint("mail", 9, "data")
	mail.Spec.Policy.Name = "mail"
	same := []*api.RecoveryPoint{restorePoint("a", 5, "data"), restorePoint("b", 5, "data"), mail}
	web := api.RestoreSpec{Policy: &api.PolicyReference{Name: "web"}}
	if _, bad := newestPoint(web, same); bad == nil || bad.Message != "recovery points a and b are from the same moment; name one with spec.recoveryPoint" {
		t.Errorf("of two of one moment: %+v", bad)
	}
	if got, bad := newestPoint(web, same[1:]); bad != nil || got.Name != "b" {
		t.Errorf("beside a newer one of another policy %+v is chosen: %+v", got, bad)
	}
	part := api.RestoreSpec{Policy: &api.PolicyReference{Name: "web"}, Copy: "far", AsOf: timePtr(hour(4))}
	if bad := noPoint(part, 0, 0); !strings.HasPrefix(bad.Message, "spec.policy.name: no recovery point") {
		t.Errorf("of a policy without points: %+v", bad)
	}
	if bad := noPoint(part, 2, 1); !strings.HasSuffix(bad.Message, "or before") {
		t.Errorf("where all with a copy are too young: %+v", bad)
	}
	parts := restorePoint("good", 5, "data")
	copied("far", "amsterdam")(parts)
	asked := api.RestoreSpec{Copy: "far", Paths: []string{"etc"}}
	for name, c := range map[string]struct {
		edit func(*api.CopyRecord)
		want int
	}{
		"it was found damaged": {func(r *api.CopyRecord) { r.State, r.Reason = api.CopyFailed, api.ReasonCopyCorrupt }, 1},
		"it is whole":          {func(*api.CopyRecord) {}, 0},
		"it was found damaged, and lacks a volume": {func(r *api.CopyRecord) {
			r.State, r.Reason, r.Volumes = api.CopyFailed, api.ReasonCopyCorrupt, []api.CopiedVolume{{Claim: "x"}}
		}, 0},
	} {
		q := parts.DeepCopy()
		if c.edit(&q.Status.Copies[0]); len(inParts(q, asked)) != c.want {
			t.Errorf("%s, and parts of it come back: %t", name, c.want == 0)
		}
	}
	if !provenPoint(&api.RecoveryPoint{Status: api.RecoveryPointStatus{Proofs: make([]api.ProofSummary, 1)}}) || provenPoint(&api.RecoveryPoint{}) {
		t.Error("a point with one proof is not proven, or one without is")
	}
	p := restorePoint("good", 5, "data")
	copied("far", "amsterdam")(p)
	if got := copyNamed(p, "far"); got.Repository != "amsterdam" {
		t.Errorf("the copy is %+v", got)
	}
	if got := copyNamed(p, "near"); got.Repository != "" || got.Name != "near" {
		t.Errorf("a copy that is not there is %+v", got)
	}
	if volumesOf(&api.RecoveryPoint{}) != 0 || wholeCopy(&api.RecoveryPoint{}, api.CopyRecord{}) {
		t.Error("of a point of which nothing is known a copy is whole")
	}
	by := ByName([]api.Repository{*vault("a"), *vault("b")})
	if len(by) != 2 || by["a"].Name != "a" || by["b"].Name != "b" {
		t.Errorf("by name they are %+v", by)
	}
	away, gone, probing := vault("away", reachable(metav1.ConditionFalse)), vault("gone"), vault("probing", reachable(metav1.ConditionUnknown))
	v := vaults(away, probing)
	record := func(r *api.Repository) api.CopyRecord {
		return api.CopyRecord{Name: "in-" + r.Name, Repository: r.Name, RepositoryID: vaultID}
	}
	for want, copies := range map[string][]api.CopyRecord{
		api.ReasonRepositoryNotFound:    {record(gone), record(gone)},
		api.ReasonRepositoryUnreachable: {record(gone), record(away)},
		api.ReasonRepositoryProbing:     {record(probing), record(away)},
	} {
		if _, bad := v.pick(copies); bad == nil || bad.Reason != want {
			t.Errorf("of %+v it is told %+v", copies, bad)
		}
	}
	if _, bad := v.pick([]api.CopyRecord{record(away), record(gone)}); bad.Reason != api.ReasonRepositoryUnreachable {
		t.Errorf("what may come to be had is told after what cannot: %+v", bad)
	}
	held := copySource(p, p.Status.Copies[0], p.Status.Volumes[0], Vaults{}, nil)
	if held.Copy.Held != printOf("data") || held.Problem == nil {
		t.Errorf("of a copy in a repository that is gone it is known %+v", held.Copy)
	}
	lacks := copySource(p, api.CopyRecord{Name: "far", Repository: "amsterdam"}, p.Status.Volumes[0], vaults(vault("amsterdam")), nil)
	if lacks.Problem == nil || lacks.Problem.Message != "copy far does not hold the volume of claim data" {
		t.Errorf("of a copy that lacks the volume: %+v", lacks.Problem)
	}
	fresh := vault("amsterdam", func(r *api.Repository) { r.Status.UniqueID = "" })
	if got := copySource(p, p.Status.Copies[0], p.Status.Volumes[0], vaults(fresh), nil); got.Copy.Repository.UniqueID != vaultID {
		t.Errorf("from a repository that is looked at anew it is read as %+v", got.Copy.Repository)
	}
	unnamed := p.Status.Copies[0]
	unnamed.RepositoryID = ""
	if got := copySource(p, unnamed, p.Status.Volumes[0], vaults(vault("amsterdam")), nil); got.Copy.Repository.UniqueID != vaultID {
		t.Errorf("a copy whose repository was not written down is read from %+v", got.Copy.Repository)
	}
}
