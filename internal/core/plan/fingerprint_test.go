// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// seenPrint is the newest point of three, without a fingerprint, of a policy that records them all.
func seenPrint(mods ...func(*FingerprintObserved)) FingerprintObserved {
	p := testkit.Point(hour(11), both, recorded, unrecorded)
	o := FingerprintObserved{
		Point: p, Policy: testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintEvery }), Settings: shipped,
		Points:  []*api.RecoveryPoint{testkit.Point(hour(9), both), testkit.Point(hour(10), both), p},
		Sources: []Source{sourceOf("data"), sourceOf("logs")},
		Brought: Brought{RunUID: string(p.UID), Claims: map[string]BroughtClaim{}, Pods: map[string]BroughtPod{}, Classes: map[string]string{testkit.Class: testkit.Driver}},
	}
	for _, m := range mods {
		m(&o)
	}
	return o
}

// noted carries a plan out in the status alone.
func noted(o FingerprintObserved, at time.Time) FingerprintObserved {
	o.Point = o.Point.DeepCopy()
	o.Point.Status.Fingerprint = ForFingerprint(o, at).Fingerprint
	return o
}

func mode(m api.FingerprintMode) func(*FingerprintObserved) {
	return func(o *FingerprintObserved) { o.Policy.Spec.Fingerprint = m }
}

func TestFingerprintBegins(t *testing.T) {
	withDrills := func(o *FingerprintObserved) { o.Policy.Spec.Fingerprint, o.Policy.Spec.Drill = "", &api.Drill{} }
	type mods = []func(*FingerprintObserved)
	for _, c := range []struct {
		name string
		mods mods
		want bool
	}{
		{"of every point", nil, true},
		{"of none", mods{mode(api.FingerprintNone)}, false},
		{"nothing said, and no drills", mods{mode("")}, false},
		{"nothing said, and drills", mods{withDrills}, true},
		{"none, in spite of drills", mods{withDrills, mode(api.FingerprintNone)}, false},
		{"the first one is always sampled", mods{mode(api.FingerprintSampled)}, true},
		{"a newer point is complete", mods{func(o *FingerprintObserved) { o.Points = append(o.Points, testkit.Point(noon, both)) }}, false},
		{"a newer point is not complete", mods{func(o *FingerprintObserved) {
			o.Points = append(o.Points, testkit.Point(noon, both, testkit.Incomplete))
		}}, true},
		{"the policy is gone", mods{func(o *FingerprintObserved) { o.Policy = nil }}, false},
		{"the policy is going", mods{func(o *FingerprintObserved) { o.Policy.DeletionTimestamp = metaTime(noon) }}, false},
		{"the point is not complete", mods{func(o *FingerprintObserved) { testkit.Incomplete(o.Point) }}, false},
		{"as many are recorded as may be", mods{func(o *FingerprintObserved) { o.Running = shipped.Drills }}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := ForFingerprint(seenPrint(c.mods...), noon)
			if got := p.Fingerprint != nil; got != c.want {
				t.Fatalf("it begins: %t, want %t", got, c.want)
			}
			if len(p.Claims)+len(p.Reads)+len(p.Remove) > 0 {
				t.Errorf("it acts before it is written down that it does: %+v", p)
			}
			if c.want && (p.Fingerprint.State != api.FingerprintRecording || !p.Fingerprint.Deadline.Time.Equal(noon.Add(recordWithin))) {
				t.Errorf("it begins with %+v", p.Fingerprint)
			}
		})
	}
	waits := ForFingerprint(seenPrint(func(o *FingerprintObserved) { o.Running = shipped.Drills }), noon)
	if !waits.Wake.Equal(noon.Add(waitAgain)) {
		t.Errorf("one that waits for its turn wakes at %s", waits.Wake)
	}
}

// TestSampled: an eighth of the points, by their UIDs, and the first of all.
func TestSampled(t *testing.T) {
	n := 0
	const points = 16000
	for i := range points {
		o := seenPrint(mode(api.FingerprintSampled), func(o *FingerprintObserved) {
			recorded(o.Points[0])
			o.Point.UID = testkit.UIDOf(fmt.Sprint(i))
		})
		if ForFingerprint(o, noon).Fingerprint != nil {
			n++
		}
	}
	if n < points/8*95/100 || n > points/8*105/100 {
		t.Errorf("of %d points %d are sampled, want about an eighth", points, n)
	}
}

func TestFingerprintIsRecorded(t *testing.T) {
	o := noted(seenPrint(func(o *FingerprintObserved) { o.Policy.Spec.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](70)} }), noon)
	o.Policy = nil // it goes on as it was begun
	uid := string(o.Point.UID)
	p := ForFingerprint(o, noon)
	if len(p.Claims) != 2 || len(p.Reads) != 2 || *p.Reads[0].Mover.RunAsUser != 70 || !p.Claims[0].Throw.Equal(noon.Add(recordWithin+sweepAfter)) {
		t.Fatalf("it asks for %+v and %+v", p.Claims, p.Reads)
	}
	if !p.Wake.Equal(noon.Add(recordWithin)) {
		t.Errorf("it wakes at %s", p.Wake)
	}
	o.Brought.Claims[p.Claims[0].Name] = BroughtClaim{RunUID: uid, Bound: true, Mount: &VolumeMount{Target: Target{"pv", "u"}, FSType: "xfs", Mode: "Filesystem"}}
	if p := ForFingerprint(o, noon); len(p.Mounts) != 1 {
		t.Errorf("of an XFS volume it asks for %+v", p.Mounts)
	}
	for _, c := range p.Claims {
		o.Brought.Claims[c.Name] = BroughtClaim{RunUID: uid, Bound: true}
	}
	read := func(claim string, phase PodPhase, result *ReadResult) {
		name := names.Reader(claim, uid, testkit.ClaimUID(claim), 0)
		o.Brought.Pods[name] = BroughtPod{Target: Target{Name: name}, RunUID: uid, Phase: phase, Result: result}
	}
	read("data", PodSucceeded, &ReadResult{Fingerprint: printOf("data")})
	read("logs", PodRunning, nil)
	if p = ForFingerprint(o, noon.Add(time.Minute)); p.Changed(o) || p.Fingerprint.State != api.FingerprintRecording || len(p.Fingerprint.Volumes) > 0 {
		t.Fatalf("half read it is %+v", p.Fingerprint)
	}
	read("logs", PodSucceeded, &ReadResult{Fingerprint: printOf("logs")})
	if p = ForFingerprint(o, noon.Add(time.Minute)); p.Fingerprint.State != api.FingerprintRecorded || p.Fingerprint.Volumes[1].Digest != printOf("logs").Digest || len(p.Claims) > 0 {
		t.Fatalf("all read it is %+v", p.Fingerprint)
	}
	o = noted(o, noon.Add(time.Minute))
	o.Brought.Leftovers = left
	if p = ForFingerprint(o, noon.Add(2*time.Minute)); removed(p.Remove) != "pod kept" || p.Fingerprint.CleanedUp || p.Wake.IsZero() || !WantsFingerprint(o.Point) {
		t.Errorf("it removes %q, cleaned up: %t", removed(p.Remove), p.Fingerprint.CleanedUp)
	}
	o.Brought.Leftovers = nil
	o = noted(o, noon.Add(2*time.Minute))
	if !o.Point.Status.Fingerprint.CleanedUp || WantsFingerprint(o.Point) || !fingerprinted(o.Point) {
		t.Errorf("in the end it is %+v", o.Point.Status.Fingerprint)
	}
}

func TestFingerprintFails(t *testing.T) {
	begun := func() FingerprintObserved { return noted(seenPrint(), noon) }
	for name, c := range map[string]struct {
		spoil func(*FingerprintObserved)
		at    time.Time
		want  string
	}{
		"the storage system does not deliver": {func(*FingerprintObserved) {}, noon.Add(recordWithin), api.ReasonRestoreTimedOut},
		"a snapshot is gone":                  {func(o *FingerprintObserved) { o.Sources[0].Problem = &Problem{api.ReasonSnapshotUnusable, "x"} }, noon, api.ReasonSnapshotUnusable},
		"all snapshots are gone":              {func(o *FingerprintObserved) { o.Sources = nil }, noon, api.ReasonSnapshotUnusable},
		"the class is gone":                   {func(o *FingerprintObserved) { o.Brought.Classes = nil }, noon, api.ReasonStorageClassNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			o := begun()
			c.spoil(&o)
			p := ForFingerprint(o, c.at)
			if f := p.Fingerprint; f.State != api.FingerprintFailed || f.Reason != c.want || f.FinishedAt == nil || len(p.Claims)+len(p.Reads) > 0 || len(p.Notes) != 1 {
				t.Errorf("it is %+v, with %d claims and notes %v", f, len(p.Claims), p.Notes)
			}
		})
	}
	p := ForFingerprint(begun(), noon)
	p.Refused(Problem{api.ReasonQuotaExceeded, "no more"}, noon)
	if p.Fingerprint.Reason != api.ReasonQuotaExceeded || len(p.Claims) > 0 {
		t.Errorf("refused, it is %+v", p.Fingerprint)
	}
	many := ForFingerprint(seenPrint(func(o *FingerprintObserved) { o.Point.Status.Capture.Volumes = 99 }), noon)
	if f := many.Fingerprint; f == nil || f.State != api.FingerprintFailed || f.Reason != api.ReasonTooManyVolumes {
		t.Errorf("of too many volumes it is %+v", f)
	}
	failed := noted(seenPrint(func(o *FingerprintObserved) { o.Point.Status.Capture.Volumes = 99 }), noon)
	if p := ForFingerprint(failed, noon); !p.Fingerprint.CleanedUp {
		t.Error("one that failed is not cleaned up after")
	}
	failed.Brought.Leftovers = left[:1]
	if p := ForFingerprint(failed, noon); p.Fingerprint.CleanedUp || len(p.Remove) != 1 || !p.Wake.Equal(noon.Add(lookAgain(0))) {
		t.Errorf("while a pod is left it removes %+v, and wakes at %s", p.Remove, p.Wake)
	}
}

func TestWantsFingerprint(t *testing.T) {
	at := metav1.NewTime(noon)
	for name, c := range map[string]struct {
		point *api.RecoveryPoint
		want  bool
	}{
		"complete":             {testkit.Point(noon, both), true},
		"not complete":         {testkit.Point(noon, both, testkit.Incomplete), false},
		"being deleted":        {testkit.Point(noon, both, testkit.Going), false},
		"recorded":             {testkit.Point(noon, both, recorded), false},
		"not cleaned up after": {testkit.Point(noon, both, recorded, func(p *api.RecoveryPoint) { p.Status.Fingerprint.CleanedUp = false }), true},
		"being recorded, and no longer complete": {testkit.Point(noon, both, testkit.Incomplete, func(p *api.RecoveryPoint) {
			p.Status.Fingerprint = &api.PointFingerprint{State: api.FingerprintRecording, StartedAt: at}
		}), true},
	} {
		if got := WantsFingerprint(c.point); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
	if !slices.Contains([]bool{fingerprinted(testkit.Point(noon, both, recorded))}, true) {
		t.Error("a recorded fingerprint does not count")
	}
}

// TestManifestsAreKept: the lists of files are asked for when the policy said so as the recording began, and only of what has
// files; one that could not be kept takes nothing from the fingerprint.
func TestManifestsAreKept(t *testing.T) {
	for _, mode := range []api.ManifestMode{api.ManifestKeep, api.ManifestNone, ""} {
		o := noted(seenPrint(func(o *FingerprintObserved) {
			o.Policy.Spec.Manifest = mode
			o.Sources[1].Mode = modeBlock
		}), noon)
		o.Policy = nil
		uid := string(o.Point.UID)
		p := ForFingerprint(o, noon)
		if p.Reads[0].Manifest != (mode == api.ManifestKeep) || p.Reads[1].Manifest {
			t.Errorf("%q: the readers are %+v", mode, p.Reads)
		}
		for _, s := range o.Sources {
			o.Brought.Claims[names.Throwaway(s.Claim, uid, s.ClaimUID)] = BroughtClaim{RunUID: uid, Bound: true}
			pod := names.Reader(s.Claim, uid, s.ClaimUID, 0)
			o.Brought.Pods[pod] = BroughtPod{Target: Target{Name: pod}, RunUID: uid, Phase: PodSucceeded, Result: &ReadResult{Fingerprint: printOf(s.Claim)}}
		}
		p = ForFingerprint(o, noon)
		if mode != api.ManifestKeep {
			if len(p.Keep) > 0 {
				t.Errorf("%q: asked for is %+v", mode, p.Keep)
			}
			continue
		}
		want := KeepManifest{Claim: "data", Pod: names.Reader("data", uid, testkit.ClaimUID("data"), 0), Digest: printOf("data").Digest,
			Name: names.Manifest("data", uid, testkit.ClaimUID("data"))}
		if !slices.Equal(p.Keep, []KeepManifest{want}) {
			t.Fatalf("asked for is %+v", p.Keep)
		}
		p.Kept(want, &Problem{api.ReasonManifestNotKept, "it is too large"})
		if f := p.Fingerprint; f.State != api.FingerprintRecorded || f.Volumes[0].Manifest != "" || len(p.Notes) != 1 {
			t.Errorf("not kept, it is %+v, %v", f, p.Notes)
		}
		p.Kept(want, nil)
		if f := p.Fingerprint; f.Volumes[0].Manifest != want.Name || f.Volumes[1].Manifest != "" {
			t.Errorf("kept, it is %+v", f)
		}
	}
}
