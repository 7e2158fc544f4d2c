// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var restoreNow = hour(10)

// restorePoint is a complete point of the hour with the claims given.
func restorePoint(name string, h int, claims ...string) *api.RecoveryPoint {
	p := testkit.Point(hour(h), claims)
	p.Name = name
	p.Status.Capture.Volumes = int32(len(claims))
	for _, c := range claims {
		p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: c, ClaimUID: testkit.ClaimUID(c), State: api.VolumeCaptured})
	}
	return p
}

// toRestore is a restore of point "good", which has the volumes data and logs, in a cluster that has all it needs.
func toRestore(edits ...func(*RestoreObserved)) RestoreObserved {
	x := &api.Restore{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "monday", UID: "run", Finalizers: []string{api.FinalizerThrowaways}},
		Spec: api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: "good"}}}
	o := RestoreObserved{Restore: x, Snapshots: true, Policy: testkit.Policy(), Points: []*api.RecoveryPoint{restorePoint("good", 5, "data", "logs")},
		Brought: Brought{RunUID: "run", Claims: map[string]BroughtClaim{"data": {Target: Target{"data", "x"}}, "logs": {Target: Target{"logs", "y"}}},
			Classes: map[string]string{testkit.Class: testkit.Driver, "array-b": "b.csi.lifeboat.test"}},
		Places: map[string]Place{}}
	for _, c := range []string{"data", "logs"} {
		o.Sources = append(o.Sources, Source{Claim: c, ClaimUID: testkit.ClaimUID(c), Snapshot: Target{"snap-" + c, "s"}, Driver: testkit.Driver, StorageClass: testkit.Class,
			Mode: "Filesystem", AccessModes: "ReadWriteOnce", Size: resource.MustParse("2Gi")})
		o.Places[c] = Place{
			Claim: &LiveClaim{Target: Target{c, testkit.ClaimUID(c)}, Class: testkit.Class, Mode: "Filesystem", AccessModes: "ReadWriteMany", Bound: true,
				Volume: "pv-" + c, Size: resource.MustParse("3Gi"), Request: resource.MustParse("1Gi"), Record: "{}"},
			Old: &LiveVolume{Target: Target{"pv-" + c, "pv"}, Reclaim: "Delete", RefNamespace: testkit.Namespace, RefName: c, RefUID: testkit.ClaimUID(c)},
		}
	}
	for _, e := range edits {
		e(&o)
	}
	return o
}

func inPlace(o *RestoreObserved) { o.Restore.Spec.InPlace = true }

func asks(edit func(*api.RestoreSpec)) func(*RestoreObserved) {
	return func(o *RestoreObserved) { edit(&o.Restore.Spec) }
}

func ofPolicy(s *api.RestoreSpec) { s.RecoveryPoint, s.Policy = nil, &api.PolicyReference{Name: "web"} }

func ending(p RestorePlan) (reason, message string) {
	c := findCondition(p.Status.Conditions, api.ConditionSucceeded)
	return c.Reason, c.Message
}

// TestRestoreRefusals: what cannot be done is refused before anything is done, with a reason and what helps. A dry run
// says the same as the run.
func TestRestoreRefusals(t *testing.T) {
	volume := func(v api.RestoreVolume) func(*RestoreObserved) {
		return asks(func(s *api.RestoreSpec) { s.Volumes = []api.RestoreVolume{v} })
	}
	for name, c := range map[string]struct {
		edits        []func(*RestoreObserved)
		reason, says string
	}{
		"no such point":                {[]func(*RestoreObserved){func(o *RestoreObserved) { o.Points = nil }}, api.ReasonPointNotFound, `there is no RecoveryPoint "good"`},
		"a point that is not complete": {[]func(*RestoreObserved){func(o *RestoreObserved) { testkit.Incomplete(o.Points[0]) }}, api.ReasonPointNotComplete, "is not complete"},
		"a point on its way out":       {[]func(*RestoreObserved){func(o *RestoreObserved) { testkit.Going(o.Points[0]) }}, api.ReasonPointNotFound, "being deleted"},
		"no point of the policy":       {[]func(*RestoreObserved){asks(ofPolicy), func(o *RestoreObserved) { o.Points = nil }}, api.ReasonNoEligiblePoint, `of a policy "web"`},
		"no complete point":            {[]func(*RestoreObserved){asks(ofPolicy), func(o *RestoreObserved) { testkit.Incomplete(o.Points[0]) }}, api.ReasonNoEligiblePoint, "none of the 1 recovery points of policy web is complete"},
		"no copy to take a part from":  {[]func(*RestoreObserved){asks(ofPolicy), asks(func(s *api.RestoreSpec) { s.Paths = []string{"etc"} })}, api.ReasonNoEligiblePoint, "spec.paths asks for a copy, and none of the 1 recovery points"},
		"no copy of that name":         {[]func(*RestoreObserved){asks(ofPolicy), asks(func(s *api.RestoreSpec) { s.Copy = "vault" })}, api.ReasonNoEligiblePoint, `spec.copy asks for a copy, and none of the 1 recovery points of policy web is complete and has a complete one of the name "vault"`},
		"no proven point":              {[]func(*RestoreObserved){asks(ofPolicy), asks(func(s *api.RestoreSpec) { s.Latest = api.StandingProven })}, api.ReasonNoEligiblePoint, "is proven"},
		"none so old":                  {[]func(*RestoreObserved){asks(ofPolicy), asks(func(s *api.RestoreSpec) { s.AsOf = timePtr(hour(4)) })}, api.ReasonNoEligiblePoint, "or before"},
		"two of one moment":            {[]func(*RestoreObserved){asks(ofPolicy), func(o *RestoreObserved) { o.Points = append(o.Points, restorePoint("same", 5, "data")) }}, api.ReasonNoEligiblePoint, "from the same moment"},
		"no snapshot API":              {[]func(*RestoreObserved){func(o *RestoreObserved) { o.Snapshots = false }}, api.ReasonSnapshotAPIMissing, "VolumeSnapshot API"},
		"a volume that is not in it":   {[]func(*RestoreObserved){volume(api.RestoreVolume{Claim: "mail"})}, api.ReasonVolumeNotInPoint, `no volume of claim "mail"; it lists data, logs`},
		"too many volumes":             {[]func(*RestoreObserved){func(o *RestoreObserved) { o.Points[0].Status.Capture.Volumes = 51 }}, api.ReasonTooManyVolumes, "spec.volumes"},
		"a snapshot that is gone": {[]func(*RestoreObserved){func(o *RestoreObserved) {
			o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "its VolumeSnapshot is gone"}
		}}, api.ReasonSnapshotUnusable, "volume logs: its VolumeSnapshot is gone"},
		"a claim that is there":   {[]func(*RestoreObserved){volume(api.RestoreVolume{Claim: "data", As: "data"})}, api.ReasonClaimExists, `claim "data" exists, and is not touched`},
		"a name that is none":     {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) { s.NamePattern = "{claim}." })}, api.ReasonInvalidName, "set namePattern"},
		"a name that is too long": {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) { s.NamePattern = strings.Repeat("{claim}{restore}", 30) })}, api.ReasonInvalidName, "253"},
		"one name twice": {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) {
			s.Volumes = []api.RestoreVolume{{Claim: "data", As: "new"}, {Claim: "logs", As: "new"}}
		})}, api.ReasonInvalidName, "as that of claim data"},
		"a size that is too small":      {[]func(*RestoreObserved){volume(api.RestoreVolume{Claim: "data", Size: ptr.To(resource.MustParse("2047Mi"))})}, api.ReasonSizeTooSmall, "less than the 2Gi"},
		"a class of another driver":     {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) { s.StorageClassName = "array-b" })}, api.ReasonDriverMismatch, "set storageClassName"},
		"a class that is not there":     {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) { s.StorageClassName = "array-c" })}, api.ReasonStorageClassNotFound, "array-c"},
		"in place: no claim":            {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"] = Place{} }}, api.ReasonClaimMissing, "set volumes[].as to data"},
		"in place: a pod":               {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { use(o, "pod web-0") }}, api.ReasonClaimInUse, "pod web-0; scale the workload to 0"},
		"in place: a claim going":       {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Claim.Deleting = true }}, api.ReasonClaimTerminating, "being deleted"},
		"in place: a claim not bound":   {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Claim.Bound = false }}, api.ReasonClaimNotBound, "no volume"},
		"in place: another mode":        {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Claim.Mode = "Block" }}, api.ReasonClaimChanged, "never converted"},
		"in place: another's volume":    {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Old.RefUID = "other" }}, api.ReasonClaimNotBound, "no volume"},
		"in place: another driver":      {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Claim.Class = "array-b" }}, api.ReasonDriverMismatch, "its own driver"},
		"in place: too much to record":  {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Places["data"].Claim.Record = strings.Repeat("x", mostRecord+1) }}, api.ReasonClaimChanged, "annotations"},
		"in place: the policy is gone":  {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Policy = nil }}, api.ReasonSafetyPointFailed, "create it again"},
		"in place: the policy is going": {[]func(*RestoreObserved){inPlace, func(o *RestoreObserved) { o.Policy.DeletionTimestamp = timePtr(hour(9)) }}, api.ReasonSafetyPointFailed, "create it again"},
	} {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, dry run %v", name, dry), func(t *testing.T) {
				o := toRestore(append(slices.Clone(c.edits), asks(func(s *api.RestoreSpec) { s.DryRun = dry }))...)
				p := ForRestore(o, restoreNow)
				if reason, message := ending(p); reason != c.reason || !strings.Contains(message, c.says) {
					t.Errorf("%s: %s", reason, message)
				}
				if p.Status.Run != nil || len(p.Bring)+len(p.Swap) > 0 || p.Safety != nil || p.Status.FinishedAt == nil {
					t.Errorf("something is done: %+v", p)
				}
			})
		}
	}
}

func use(o *RestoreObserved, pods ...string) {
	at := o.Places["data"]
	at.Users = pods
	o.Places["data"] = at
}

// TestRestorePlanInSentences: a dry run says what would happen with each volume.
func TestRestorePlanInSentences(t *testing.T) {
	dry := asks(func(s *api.RestoreSpec) { s.DryRun = true })
	for name, c := range map[string]struct {
		edits []func(*RestoreObserved)
		says  []string
	}{
		"new claims": {nil, []string{
			"recovery point good of policy web, whose data are from " + hour(5).Format(time.RFC3339),
			"claim data: VolumeSnapshot snap-data becomes the new claim data-monday (storage class array-a, 2Gi, ReadWriteOnce, Filesystem); every byte is read; the point has no fingerprint to compare it with",
		}},
		"with a fingerprint, larger": {[]func(*RestoreObserved){asks(func(s *api.RestoreSpec) {
			s.Volumes = []api.RestoreVolume{{Claim: "data", As: "rescued", Size: ptr.To(resource.MustParse("5Gi"))}}
		}), withFingerprint("sha256:1")}, []string{
			"new claim rescued (storage class array-a, 5Gi,", "compared with the fingerprint of the point",
		}},
		"in place": {[]func(*RestoreObserved){inPlace}, []string{
			"first recovery point " + names.SafetyPoint("monday", "run") + " of policy web is taken",
			"the temporary claim " + names.Throwaway("data", "run", testkit.ClaimUID("data")) + " (storage class array-a, 3Gi, ReadWriteMany, Filesystem)",
			"then its volume takes the place of pv-data", "are kept, released, for 72h0m0s",
		}},
		"a part of a copy": {[]func(*RestoreObserved){withCopies, asks(func(s *api.RestoreSpec) { s.From, s.Paths = api.FromCopy, []string{"etc"} })}, []string{
			"claim data: its copy is written into the new claim data-monday", "; of it 1 paths; each file is compared with the copy as it is written, and every byte is read",
		}},
		"one is refused": {[]func(*RestoreObserved){func(o *RestoreObserved) { o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "it is gone"} }}, []string{
			"becomes the new claim data-monday", "claim logs: refused, SnapshotUnusable: it is gone",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			said := strings.Join(ForRestore(toRestore(append(c.edits, dry)...), restoreNow).Status.Plan, "\n")
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}

func withFingerprint(digest string) func(*RestoreObserved) {
	return func(o *RestoreObserved) {
		f := &api.PointFingerprint{State: api.FingerprintRecorded}
		for _, c := range []string{"data", "logs"} {
			f.Volumes = append(f.Volumes, api.VolumeFingerprint{Claim: c, Fingerprint: api.Fingerprint{Digest: digest, Files: 1, Bytes: 10}})
		}
		o.Points[0].Status.Fingerprint = f
	}
}

// begun is a restore that has frozen what it does.
func begun(t *testing.T, edits ...func(*RestoreObserved)) RestoreObserved {
	t.Helper()
	o := toRestore(edits...)
	p := ForRestore(o, restoreNow)
	if p.Status.Run == nil {
		t.Fatalf("it did not start: %+v", p.Status.Conditions)
	}
	if len(p.Bring)+len(p.Swap) > 0 || p.Safety != nil {
		t.Fatal("something is done before it is written down")
	}
	o.Restore.Status = p.Status
	return o
}

// read gives a volume its claim, and its reader a result.
func read(o *RestoreObserved, claim, as string, r *ReadResult) {
	o.Brought.Claims[as] = BroughtClaim{Target: Target{as, "u"}, RunUID: "run", Bound: true, Volume: "pvc-" + as, Size: resource.MustParse("2Gi")}
	if o.Brought.Pods == nil {
		o.Brought.Pods = map[string]BroughtPod{}
	}
	pod := names.Reader(claim, "run", testkit.ClaimUID(claim), 0)
	o.Brought.Pods[pod] = BroughtPod{Target: Target{pod, "p"}, RunUID: "run", Phase: PodSucceeded, Result: r}
}

func result(digest string) *ReadResult {
	return &ReadResult{Fingerprint: api.Fingerprint{Digest: digest, Files: 1, Bytes: 10}}
}

// TestRestoreVerifies: a volume is restored only when it was read in full, and is not other than what was captured.
func TestRestoreVerifies(t *testing.T) {
	for name, c := range map[string]struct {
		recorded       string
		data, logs     *ReadResult
		reason, progr  string
		state          api.RestoreState
		verified       api.ProofLevel
		volume, advice string
	}{
		"equal":          {"sha256:1", result("sha256:1"), result("sha256:1"), api.ReasonRestored, "2/2", api.RestoreRestored, api.LevelIntact, "", "are those that were captured"},
		"no fingerprint": {"", result("sha256:1"), result("sha256:2"), api.ReasonRestored, "2/2", api.RestoreRestored, api.LevelRestored, "", "no fingerprint"},
		"one differs":    {"sha256:1", result("sha256:2"), result("sha256:1"), api.ReasonPartiallyRestored, "1/2", api.RestoreFailed, "", api.ReasonContentDiffers, "claim data-monday stays, and was not verified"},
		"both differ":    {"sha256:1", result("sha256:2"), result("sha256:2"), api.ReasonContentDiffers, "0/2", api.RestoreFailed, "", api.ReasonContentDiffers, "volume data"},
		"unreadable":     {"", &ReadResult{Unreadable: 3}, result("sha256:1"), api.ReasonPartiallyRestored, "1/2", api.RestoreFailed, "", api.ReasonReadFailed, "3 files could not be read"},
		"nothing told":   {"", nil, result("sha256:1"), api.ReasonPartiallyRestored, "1/2", api.RestoreFailed, "", api.ReasonReadFailed, "exit code"},
	} {
		t.Run(name, func(t *testing.T) {
			o := begun(t)
			if c.recorded != "" {
				withFingerprint(c.recorded)(&o)
			}
			read(&o, "data", "data-monday", c.data)
			read(&o, "logs", "logs-monday", c.logs)
			p := ForRestore(o, restoreNow)
			reason, message := ending(p)
			v := p.Status.Volumes[0]
			if reason != c.reason || p.Status.Progress != c.progr || v.State != c.state || v.Verified != c.verified || v.Reason != c.volume {
				t.Errorf("%s %s: %s; %+v", reason, p.Status.Progress, message, v)
			}
			if !strings.Contains(message, c.advice) {
				t.Errorf("it says %q", message)
			}
		})
	}
}

// TestRestoreAsksForClaims: sizes, classes, modes and labels of what is asked for.
func TestRestoreAsksForClaims(t *testing.T) {
	o := begun(t, asks(func(s *api.RestoreSpec) {
		s.Volumes = []api.RestoreVolume{{Claim: "data", Size: ptr.To(resource.MustParse("5Gi"))}, {Claim: "logs", As: "old-logs"}}
		s.NamePattern, s.Labels = "{restore}-{claim}", map[string]string{"tier": "db"}
		s.Mover = &api.MoverOptions{RunAsUser: ptr.To[int64](7)}
	}), func(o *RestoreObserved) { o.Sources[1].Mode, o.Sources[1].AccessModes = "Block", "ReadWriteMany" })
	p := ForRestore(o, restoreNow)
	if len(p.Bring) != 2 || !p.Isolate {
		t.Fatalf("%+v", p)
	}
	data, logs := p.Bring[0].Claim, p.Bring[1].Claim
	if data.Name != "monday-data" || data.Size.String() != "5Gi" || data.Labels["tier"] != "db" || !data.Throw.IsZero() || data.Access != "ReadWriteOnce" {
		t.Errorf("data: %+v", data)
	}
	if logs.Name != "old-logs" || logs.Size.String() != "2Gi" || logs.Source.Mode != "Block" || logs.Access != "ReadWriteMany" {
		t.Errorf("logs: %+v", logs)
	}
	if r := p.Bring[0].Read; r.Throw.IsZero() || *r.Mover.RunAsUser != 7 {
		t.Errorf("reader: %+v", r)
	}
}

// TestRestoredPointGoes: somebody deletes the point half-way. What is not restored yet has failed, and nothing is replaced.
func TestRestoredPointGoes(t *testing.T) {
	for _, place := range []bool{true, false} {
		o := begun(t, asks(func(s *api.RestoreSpec) { s.InPlace = place }))
		o.Points, o.Sources = nil, nil
		p := ForRestore(o, restoreNow)
		if reason, message := ending(p); reason != api.ReasonPointNotFound || strings.Contains(message, "nothing was replaced") != place || len(p.Bring) > 0 || p.Safety != nil {
			t.Errorf("in place %v: %s: %s", place, reason, message)
		}
	}
}

// TestRestoreTimesOut: an unfinished restore fails at its deadline, and says of what.
func TestRestoreTimesOut(t *testing.T) {
	o := begun(t)
	read(&o, "logs", "logs-monday", result("sha256:1"))
	p := ForRestore(o, o.Restore.Status.Run.Deadline.Time)
	if reason, message := ending(p); reason != api.ReasonPartiallyRestored || !strings.Contains(message, "did not deliver the volume in time") || len(p.Bring) > 0 {
		t.Errorf("%s: %s", reason, message)
	}
}

// TestRestoreRefusedByCluster: what a quota refuses ends that volume, and says so.
func TestRestoreRefusedByCluster(t *testing.T) {
	o := begun(t)
	read(&o, "logs", "logs-monday", result("sha256:1"))
	p := ForRestore(o, restoreNow)
	p.Refused(o, "data", Problem{api.ReasonQuotaExceeded, "the quota is exceeded"}, restoreNow)
	if reason, message := ending(p); reason != api.ReasonPartiallyRestored || !strings.Contains(message, "the quota is exceeded") {
		t.Errorf("%s: %s", reason, message)
	}
}

// TestSafetyPointComesFirst: nothing is brought, let alone swapped, before the present state is captured, and the very
// claims that are to be replaced are in it.
func TestSafetyPointComesFirst(t *testing.T) {
	o := begun(t, inPlace)
	p := ForRestore(o, restoreNow)
	if p.Safety == nil || p.Safety.Policy != "web" || len(p.Bring) > 0 {
		t.Fatalf("%+v", p)
	}
	if reason, _ := ending(p); reason != api.ReasonSafetyPointPending {
		t.Errorf("reason %s", reason)
	}
	safety := restorePoint(o.Restore.Status.SafetyPoint, 10, "data", "logs")
	safety.Labels = map[string]string{api.LabelRunUID: "run"}
	for name, c := range map[string]struct {
		edit func(*api.RecoveryPoint)
		goes bool
	}{
		"complete":             {func(*api.RecoveryPoint) {}, true},
		"of somebody else":     {func(q *api.RecoveryPoint) { q.Labels = nil }, false},
		"of another restore":   {func(q *api.RecoveryPoint) { q.Labels[api.LabelRunUID] = "another" }, false},
		"failed":               {testkit.Incomplete, false},
		"without a claim":      {func(q *api.RecoveryPoint) { q.Status.Volumes = q.Status.Volumes[:1] }, false},
		"of another claim":     {func(q *api.RecoveryPoint) { q.Status.Volumes[0].ClaimUID = "former" }, false},
		"with a failed volume": {func(q *api.RecoveryPoint) { q.Status.Volumes[0].State = api.VolumeFailed }, false},
	} {
		o.Safety = safety.DeepCopy()
		c.edit(o.Safety)
		p := ForRestore(o, restoreNow)
		reason, message := ending(p)
		if goes := len(p.Bring) == 2; goes != c.goes || (!goes && (reason != api.ReasonSafetyPointFailed || !strings.Contains(message, "nothing was replaced"))) {
			t.Errorf("%s: goes on %v, %s: %s", name, goes, reason, message)
		}
	}
}

// TestLawAsOf: the point that is chosen counts, is from the moment asked for or before, and no other such point is newer.
// It kills: an order by creation; a strict comparison; counting incomplete points.
func TestLawAsOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := drawPoints(t, 8)
		for i, p := range points { // when it was asked for does not matter
			p.CreationTimestamp = metav1.NewTime(hour(20 - i))
		}
		spec := api.RestoreSpec{Policy: &api.PolicyReference{Name: "web"}}
		if rapid.Bool().Draw(t, "as of") {
			spec.AsOf = timePtr(hour(rapid.IntRange(-1, 9).Draw(t, "hour")))
		}
		if rapid.Bool().Draw(t, "proven") {
			spec.Latest = api.StandingProven
		}
		counts := func(p *api.RecoveryPoint) bool {
			return Complete(p) && p.DeletionTimestamp.IsZero() && (spec.AsOf == nil || !p.Status.PointInTime.After(spec.AsOf.Time)) &&
				(spec.Latest != api.StandingProven || findCondition(p.Status.Conditions, api.ConditionProven) != nil)
		}
		order := rapid.Permutation(points).Draw(t, "order")
		got, bad := PointToRestore(&api.Restore{Spec: spec}, order)
		if (got == nil) != (bad != nil) {
			t.Fatalf("point %v, problem %v", got, bad)
		}
		if got == nil {
			if i := slices.IndexFunc(points, counts); i >= 0 {
				t.Fatalf("%s counts, and none was chosen: %s", points[i].Name, bad.Message)
			}
			return
		}
		if !counts(got) {
			t.Fatalf("%s does not count", got.Name)
		}
		for _, p := range points {
			if counts(p) && p.Status.PointInTime.After(got.Status.PointInTime.Time) {
				t.Fatalf("%s is newer than %s", p.Name, got.Name)
			}
		}
	})
}

// TestLawNamesNeverCollide: of a restore that starts, every new claim has a name that a claim may have, that no other
// object of the namespace bears, and that no other volume gets. It kills: looking for collisions with existing claims alone.
func TestLawNamesNeverCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claim := rapid.SampledFrom([]string{"a", "b", "a-b", "a.b", "b-a"})
		all := rapid.SliceOfNDistinct(claim, 1, 4, rapid.ID[string]).Draw(t, "claims")
		o := toRestore()
		o.Points[0] = restorePoint("good", 5, all...)
		source := o.Sources[0]
		o.Sources = nil
		for _, c := range all {
			source.Claim, source.ClaimUID = c, testkit.ClaimUID(c)
			o.Sources = append(o.Sources, source)
			o.Brought.Claims[c] = BroughtClaim{}
		}
		o.Restore.Name = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "restore")
		o.Restore.Spec.NamePattern = rapid.SampledFrom([]string{"", "{claim}", "{claim}-{claim}", "{restore}-{claim}", "{claim}.{restore}", "{claim}-"}).Draw(t, "pattern")
		if rapid.Bool().Draw(t, "named") {
			for _, c := range all {
				o.Restore.Spec.Volumes = append(o.Restore.Spec.Volumes, api.RestoreVolume{Claim: c, As: rapid.SampledFrom([]string{"", "n", "a", "a-a"}).Draw(t, "as")})
			}
		}
		p := ForRestore(o, restoreNow)
		if p.Status.Run == nil {
			return
		}
		seen := map[string]bool{}
		for _, v := range p.Status.Volumes {
			_, there := o.Brought.Claims[v.As]
			if seen[v.As] || there || len(validation.IsDNS1123Subdomain(v.As)) > 0 {
				t.Fatalf("volume %s gets the name %q", v.Claim, v.As)
			}
			seen[v.As] = true
		}
	})
}

// TestRestoredPointStays: a point does not expire while a restore of it is under way; in place the point of the state before
// would push it out. It goes once the restore has ended.
func TestRestoredPointStays(t *testing.T) {
	o := seenPolicy(hourly(1, 5))
	oldest := o.Points[0]
	o = settled(settled(o, noon), noon) // shown first, and then to go
	goes := func() bool {
		return slices.ContainsFunc(ForPolicy(o, noon).Expire, func(t Target) bool { return t.UID == string(oldest.UID) })
	}
	if !goes() {
		t.Fatal("the oldest point does not expire to begin with")
	}
	x := &api.Restore{Status: api.RestoreStatus{Run: &api.RestoreRun{RecoveryPoint: api.DrilledPoint{Name: oldest.Name, UID: string(oldest.UID)}}}}
	o.Restores = []*api.Restore{x}
	if goes() {
		t.Error("it goes while it is restored")
	}
	if p := ForPolicy(o, noon); !p.Wake.After(noon) {
		t.Errorf("it is not looked at again: %s", p.Wake)
	}
	if x.Status.FinishedAt = timePtr(noon); !goes() {
		t.Error("it stays after the restore")
	}
}
