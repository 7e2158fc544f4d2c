// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// a landing like that of a drill.
func thrown() landing { return landing{name: throwaway("data"), throw: noon.Add(time.Hour)} }

// told says in one word how far a volume is.
func told(b bringing) string {
	var out []string
	if b.claim != nil {
		out = append(out, "claim")
	}
	if b.pod != nil {
		out = append(out, "pod")
	}
	switch {
	case b.done:
		out = append(out, "done")
	case b.failed && b.conclusive:
		out = append(out, "failed "+b.problem.Reason)
	case b.failed:
		out = append(out, "could not run "+b.problem.Reason)
	default:
		out = append(out, "waits "+b.problem.Reason)
	}
	return strings.Join(out, ", ")
}

func TestBring(t *testing.T) {
	bound := func(o *DrillObserved) {
		o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: drillUID, Bound: true, Volume: "pv-data"}
	}
	unbound := func(o *DrillObserved) { o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: drillUID} }
	pod := func(attempt int, phase PodPhase, mods ...func(*BroughtPod)) func(*DrillObserved) {
		return func(o *DrillObserved) { o.pod(reader("data", attempt), phase, mods...) }
	}
	waits := func(reason string) func(*BroughtPod) {
		return func(p *BroughtPod) { p.Waits = &Problem{reason, "because"} }
	}
	result := func(r ReadResult) func(*BroughtPod) { return func(p *BroughtPod) { p.Result = &r } }
	good := result(ReadResult{Fingerprint: printOf("data")})
	type mods = []func(*DrillObserved)
	for _, c := range []struct {
		name string
		mods mods
		want string
	}{
		{"nothing is there", nil, "claim, pod, waits RestorePending"},
		{"the claim is there", mods{unbound}, "pod, waits RestorePending"},
		{"the pod alone is there", mods{pod(0, PodPending)}, "claim, waits RestorePending"},
		{"the claim is going", mods{func(o *DrillObserved) {
			o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: drillUID, Deleting: true}
		}}, "claim, pod, waits RestorePending"},
		{"the claim is somebody's", mods{func(o *DrillObserved) { o.Brought.Claims[throwaway("data")] = BroughtClaim{Bound: true} }}, "could not run NameTaken"},
		{"the claim is another run's", mods{func(o *DrillObserved) { o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: "another"} }}, "could not run NameTaken"},
		{"both are there and wait", mods{unbound, pod(0, PodPending)}, "waits RestorePending"},
		{"a class waits for its first consumer, which finds no node", mods{unbound, pod(0, PodPending, waits(api.ReasonUnschedulable))}, "waits Unschedulable"},
		{"no node takes the pod", mods{bound, pod(0, PodPending, waits(api.ReasonUnschedulable))}, "waits Unschedulable"},
		{"the image is missing", mods{bound, pod(0, PodPending, waits(api.ReasonImageUnavailable))}, "could not run ImageUnavailable"},
		{"it is being mounted", mods{bound, pod(0, PodPending)}, "waits RestorePending"},
		{"it is read", mods{bound, pod(0, PodRunning)}, "waits Reading"},
		{"it was read", mods{bound, pod(0, PodSucceeded, good)}, "done"},
		{"it was read, and the claim is gone", mods{pod(0, PodSucceeded, good)}, "done"},
		{"it ended well and told nothing", mods{bound, pod(0, PodSucceeded)}, "failed ReadFailed"},
		{"it ended well and told no digest", mods{bound, pod(0, PodSucceeded, result(ReadResult{}))}, "failed ReadFailed"},
		{"it told a digest and ended badly", mods{bound, pod(0, PodFailed, good)}, "failed ReadFailed"},
		{"some files are unreadable", mods{bound, pod(0, PodFailed, result(ReadResult{Unreadable: 2}))}, "failed ReadFailed"},
		{"one file is unreadable, and it ended well", mods{bound, pod(0, PodSucceeded, result(ReadResult{Fingerprint: printOf("data"), Unreadable: 1}))}, "failed ReadFailed"},
		{"some files are unreadable, and it ended well", mods{bound, pod(0, PodSucceeded, result(ReadResult{Fingerprint: printOf("data"), Unreadable: 2}))}, "failed ReadFailed"},
		{"the disk says no", mods{bound, pod(0, PodFailed, result(ReadResult{Error: "input/output error"}))}, "failed ReadFailed"},
		{"it was lost", mods{bound, pod(0, PodLost)}, "pod, waits RestorePending"},
		{"it was lost, and the next reads", mods{bound, pod(0, PodLost), pod(1, PodRunning)}, "waits Reading"},
		{"it was lost twice", mods{bound, pod(0, PodLost), pod(1, PodLost)}, "pod, waits RestorePending"},
		{"it was lost twice, and the third read it", mods{bound, pod(0, PodLost), pod(1, PodLost), pod(2, PodSucceeded, good)}, "done"},
		{"it was lost three times", mods{bound, pod(0, PodLost), pod(1, PodLost), pod(2, PodLost)}, "could not run PodLost"},
		{"the pod is somebody's", mods{bound, pod(0, PodRunning, func(p *BroughtPod) { p.RunUID = "another" })}, "could not run NameTaken"},
		{"the class is gone", mods{func(o *DrillObserved) { o.Brought.Classes = nil }}, "could not run StorageClassNotFound"},
		{"the class is another driver's", mods{func(o *DrillObserved) { o.Brought.Classes[testkit.Class] = "b" }}, "could not run DriverMismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seenDrill(c.mods...)
			if got := told(bring(o.Brought, sourceOf("data"), thrown())); got != c.want {
				t.Errorf("it %s, want %s", got, c.want)
			}
		})
	}
}

// TestBringAttempts: each attempt has a name of its own, so that a lost pod is in nobody's way.
func TestBringAttempts(t *testing.T) {
	o := seenDrill(delivered)
	seen := map[string]bool{}
	for attempt := range mostAttempts {
		b := bring(o.Brought, sourceOf("data"), thrown())
		if b.pod == nil || b.pod.Name != reader("data", attempt) || seen[b.pod.Name] {
			t.Fatalf("attempt %d asks for %+v", attempt, b.pod)
		}
		seen[b.pod.Name] = true
		o.pod(b.pod.Name, PodLost)
	}
}

func TestBringOrders(t *testing.T) {
	s := sourceOf("data")
	for _, c := range []struct {
		name    string
		source  func(*Source)
		landing func(*landing)
		check   func(bringing) bool
	}{
		{"the class of the captured claim", nil, nil, func(b bringing) bool { return b.claim.Class == testkit.Class }},
		{"the class that is named", nil, func(l *landing) { l.class = "named" }, func(b bringing) bool { return b.claim.Class == "named" }},
		{"the size of the snapshot", nil, nil, func(b bringing) bool { return b.claim.Size.String() == "1Gi" }},
		{"a larger size that is asked for", nil, func(l *landing) { l.size = resource.MustParse("3Gi") }, func(b bringing) bool { return b.claim.Size.String() == "3Gi" }},
		{"never a smaller one", nil, func(l *landing) { l.size = resource.MustParse("1Mi") }, func(b bringing) bool { return b.claim.Size.String() == "1Gi" }},
		{"a block volume stays one", func(s *Source) { s.Mode = "Block" }, nil, func(b bringing) bool { return b.claim.Source.Mode == "Block" && b.pod.Mode == "Block" }},
		{"it is thrown away", nil, nil, func(b bringing) bool { return b.claim.Throw.Equal(noon.Add(time.Hour)) && !b.pod.Throw.IsZero() }},
		{"a claim that stays is not, and its reader is", nil, func(l *landing) { l.stays = true }, func(b bringing) bool { return b.claim.Throw.IsZero() && !b.pod.Throw.IsZero() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s, l := seenDrill(), s, thrown()
			o.Brought.Classes["named"] = testkit.Driver
			if c.source != nil {
				c.source(&s)
			}
			if c.landing != nil {
				c.landing(&l)
			}
			if b := bring(o.Brought, s, l); b.claim == nil || b.pod == nil || !c.check(b) {
				t.Errorf("it asks for %+v and %+v", b.claim, b.pod)
			}
		})
	}
	o := seenDrill(func(o *DrillObserved) { o.Brought.Privileged = true })
	if b := bring(o.Brought, s, thrown()); !b.pod.Privileged {
		t.Error("readers of a namespace that allows it do not read as root")
	}
	s.StorageClass = ""
	if b := bring(o.Brought, s, thrown()); told(b) != "could not run StorageClassNotFound" || !strings.Contains(b.problem.Message, "storageClassName") {
		t.Errorf("without any class it %s: %s", told(b), b.problem.Message)
	}
}

// TestWaitsSay: who is waited for is told: the storage system, or the node.
func TestWaitsSay(t *testing.T) {
	for bound, want := range map[bool]string{false: "the storage system has not delivered the volume yet", true: "the restored volume is being mounted"} {
		o := seenDrill()
		o.Brought.Claims[throwaway("data")] = BroughtClaim{RunUID: drillUID, Bound: bound}
		o.pod(reader("data", 0), PodPending)
		if b := bring(o.Brought, sourceOf("data"), thrown()); b.problem == nil || b.problem.Message != want {
			t.Errorf("bound: %t: it waits for %+v", bound, b.problem)
		}
	}
}

// TestClassesSay: what helps against a storage class depends on what is brought back: a copy takes any class, a snapshot one of its driver.
func TestClassesSay(t *testing.T) {
	classes := map[string]string{testkit.Class: testkit.Driver}
	for name, c := range map[string]struct {
		source Source
		class  string
		want   string
	}{
		"a copy, and the claim had no class":     {copySourceOf("data"), "", "claim data had no storage class; set storageClassName"},
		"a copy, and the class is gone":          {copySourceOf("data"), "gone", `storage class "gone" does not exist; set storageClassName to one that does`},
		"a snapshot, and the claim had no class": {sourceOf("data"), "", "claim data had no storage class; set storageClassName to one of driver " + testkit.Driver},
		"a snapshot, and the class is gone":      {sourceOf("data"), "gone", `storage class "gone" does not exist; set storageClassName to one of driver ` + testkit.Driver},
	} {
		if bad := classProblem(classes, c.class, c.source); bad == nil || bad.Reason != api.ReasonStorageClassNotFound || bad.Message != c.want {
			t.Errorf("%s: %+v", name, bad)
		}
	}
}

// TestClaimNames: a sentence names a few claims, and counts the rest.
func TestClaimNames(t *testing.T) {
	for want, list := range map[string][]string{
		"a, b": {"a", "b"}, "a, b, c, d, e": {"a", "b", "c", "d", "e"}, "a, b, c, d, e and 1 more": {"a", "b", "c", "d", "e", "f"},
	} {
		if got := claimNames(list); got != want {
			t.Errorf("%v are told as %q", list, got)
		}
	}
}

// TestLate: what a deadline speaks against depends on who was awaited.
func TestLate(t *testing.T) {
	for reason, want := range map[string]string{
		api.ReasonRestorePending: "failed RestoreTimedOut",
		api.ReasonReading:        "failed RestoreTimedOut",
		api.ReasonUnschedulable:  "could not run Unschedulable",
	} {
		if got := told(bringing{}.wait(reason, "x").late()); got != want {
			t.Errorf("late while %s: it %s, want %s", reason, got, want)
		}
	}
}

func TestSources(t *testing.T) {
	p := testkit.Point(noon, both, recorded)
	good := func(claim string) Snapshot {
		return Snapshot{Name: "vs-" + claim, UID: "u-" + claim, PointUID: string(p.UID), Ready: true,
			Content: &Content{RefUID: "u-" + claim, Ready: true, SnapshotHandle: "h-" + claim, SourceMode: "Block", RestoreSize: 5 << 30}}
	}
	for name, c := range map[string]struct {
		spoil func(*Snapshot)
		want  string
	}{
		"usable":                         {func(*Snapshot) {}, ""},
		"another point's":                {func(s *Snapshot) { s.PointUID = "another" }, "belongs to another recovery point"},
		"being deleted":                  {func(s *Snapshot) { s.Deleting = true }, "is being deleted"},
		"not ready":                      {func(s *Snapshot) { s.Ready = false }, "is not ready"},
		"without a content":              {func(s *Snapshot) { s.Content = nil }, "is not ready"},
		"with a content that is not":     {func(s *Snapshot) { s.Content.Ready = false }, "is not ready"},
		"whose content points elsewhere": {func(s *Snapshot) { s.Content.RefUID = "forged" }, "do not point at each other"},
		"that is gone":                   {func(s *Snapshot) { s.Name = "another" }, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good("data")
			c.spoil(&s)
			out := Sources(p, []Snapshot{s, good("logs")})
			if len(out) != 2 || out[1].Problem != nil {
				t.Fatalf("sources are %+v", out)
			}
			got := out[0]
			switch {
			case c.want == "" && (got.Problem != nil || got.Handle != "h-data" || got.Mode != "Block" || got.Size.Value() != 5<<30 || got.ClaimUID != testkit.ClaimUID("data")):
				t.Errorf("the source is %+v", got)
			case c.want != "" && (got.Problem == nil || got.Problem.Reason != api.ReasonSnapshotUnusable || !strings.Contains(got.Problem.Message, c.want)):
				t.Errorf("the problem is %+v, want one that says %q", got.Problem, c.want)
			case c.want != "" && told(bring(seenDrill().Brought, got, thrown())) != "failed SnapshotUnusable":
				t.Errorf("it %s", told(bring(seenDrill().Brought, got, thrown())))
			}
		})
	}
	size := resource.MustParse("9Gi")
	p.Status.Volumes[0].Size = &size
	if got := Sources(p, []Snapshot{good("data")})[0].Size; got.Cmp(size) != 0 {
		t.Errorf("the size is %s; a claim that had grown keeps its own", got.String())
	}
	size = resource.MustParse("9G")
	equal := good("data")
	p.Status.Volumes[0].Size, equal.Content.RestoreSize = &size, size.Value()
	if got := Sources(p, []Snapshot{equal})[0].Size; got.String() != "9G" {
		t.Errorf("the size is %s; one that was recorded is kept as it was written", got.String())
	}
}

func TestCompareNamesNoFile(t *testing.T) {
	recordedPrint := testkit.Point(noon, both, recorded).Status.Fingerprint
	b := func(f api.Fingerprint) bringing { return bringing{source: sourceOf("data"), done: true, read: &f} }
	differs := printOf("data")
	differs.Digest = flipped
	fewer, shorter := differs, differs
	fewer.Files--
	shorter.Bytes--
	for name, c := range map[string]struct {
		read     api.Fingerprint
		recorded *api.PointFingerprint
		want     string
		says     string
	}{
		"equal":                {printOf("data"), recordedPrint, "", ""},
		"a flipped byte":       {differs, recordedPrint, api.ReasonContentDiffers, "the FILES files of BYTES bytes are not those that were captured"},
		"a file less":          {fewer, recordedPrint, api.ReasonContentDiffers, "captured were FILES files of BYTES bytes, read were"},
		"a byte less":          {shorter, recordedPrint, api.ReasonContentDiffers, "captured were FILES files of BYTES bytes, read were"},
		"nothing recorded":     {printOf("data"), nil, api.ReasonFingerprintMissing, ""},
		"the recording failed": {printOf("data"), &api.PointFingerprint{State: api.FingerprintFailed, Volumes: recordedPrint.Volumes}, api.ReasonFingerprintMissing, ""},
		"another volume's":     {printOf("data"), &api.PointFingerprint{State: api.FingerprintRecorded, Volumes: recordedPrint.Volumes[1:]}, api.ReasonFingerprintMissing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, message := "", ""
			if bad := compare(b(c.read), c.recorded); bad != nil {
				got, message = bad.Reason, bad.Message
			}
			says := strings.NewReplacer("FILES", fmt.Sprint(printOf("data").Files), "BYTES", fmt.Sprint(printOf("data").Bytes)).Replace(c.says)
			if got != c.want || !strings.Contains(message, says) {
				t.Errorf("it says %q, want %q: %s", got, c.want, message)
			}
			level := levelOf(b(c.read), c.recorded)
			if (level == api.LevelIntact) != (c.want == "") || level == "" {
				t.Errorf("the level is %q", level)
			}
		})
	}
	if levelOf(bringing{source: sourceOf("data")}, recordedPrint) != "" {
		t.Error("what was not read has a level")
	}
}

func TestTooMany(t *testing.T) {
	of := func(volumes, listed int) *api.RecoveryPoint {
		p := testkit.Point(noon, both)
		p.Status.Capture.Volumes = int32(volumes)
		for i := range listed {
			p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: fmt.Sprint(i)})
		}
		return p
	}
	for _, c := range []struct {
		volumes, listed int
		bad             bool
	}{{0, 0, true}, {1, 1, false}, {MostBrought, MostBrought, false}, {MostBrought + 1, MostBrought + 1, true}, {3, 2, true}} {
		if got := tooMany(of(c.volumes, c.listed)) != nil; got != c.bad {
			t.Errorf("%d volumes, of which %d are listed: too many: %t", c.volumes, c.listed, got)
		}
	}
}

// TestBringXFS: a copy of an XFS file system is mounted with nouuid, and nothing else is.
func TestBringXFS(t *testing.T) {
	claim := func(bound bool, m *VolumeMount) BroughtClaim {
		return BroughtClaim{RunUID: drillUID, Bound: bound, Volume: "pv", Mount: m}
	}
	mount := func(fs, mode string, options ...string) *VolumeMount {
		return &VolumeMount{Target: Target{"pv", "u-pv"}, FSType: fs, Mode: mode, Options: options}
	}
	for name, c := range map[string]struct {
		claim  BroughtClaim
		atOnce bool
		mode   string
		want   string // the options that are asked for
		pod    bool
	}{
		"xfs, of a class that waits for the pod":    {claim(true, mount("xfs", "Filesystem")), false, "", "nouuid", true},
		"xfs with options":                          {claim(true, mount("xfs", "Filesystem", "noatime")), true, "", "noatime nouuid", true},
		"xfs that has it":                           {claim(true, mount("xfs", "Filesystem", "nouuid")), true, "", "", true},
		"xfs, not bound yet":                        {claim(false, mount("xfs", "Filesystem")), true, "", "nouuid", false},
		"bound, and its volume is not seen":         {claim(true, nil), true, "", "", false},
		"not bound, a class that waits for the pod": {claim(false, nil), false, "", "", true},
		"a block volume of an xfs class":            {claim(false, nil), true, "Block", "", true},
		"xfs in a block volume":                     {claim(true, mount("xfs", "Block")), true, "Block", "", true},
		"ext4":                                      {claim(true, mount("ext4", "Filesystem")), false, "", "", true},
		"the driver's choice":                       {claim(true, mount("", "Filesystem")), false, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			o, s := seenDrill().Brought, sourceOf("data")
			s.Mode = c.mode
			o.Claims[throwaway("data")] = c.claim
			o.XFSAtOnce = map[string]bool{s.StorageClass: c.atOnce}
			b := bring(o, s, thrown())
			got := ""
			if b.options != nil {
				got = strings.Join(b.options.Options, " ")
				if b.options.Volume != (Target{"pv", "u-pv"}) {
					t.Errorf("volume %v", b.options.Volume)
				}
			}
			if got != c.want || (b.pod != nil) != c.pod {
				t.Errorf("options %q, pod %v, want %q, %v", got, b.pod != nil, c.want, c.pod)
			}
		})
	}
	o := seenDrill().Brought
	foreign := claim(true, mount("xfs", "Filesystem"))
	foreign.RunUID = "another"
	o.Claims[throwaway("data")] = foreign
	if b := bring(o, sourceOf("data"), thrown()); b.options != nil {
		t.Errorf("the volume of another run's claim is to be mounted with %v", b.options)
	}
}
