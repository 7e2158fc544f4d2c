// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// withCopies gives the point of a restore two copies, in two repositories that can be reached.
func withCopies(o *RestoreObserved) {
	o.Restore.CreationTimestamp = metav1.NewTime(restoreNow)
	for i := range o.Points[0].Status.Volumes {
		o.Points[0].Status.Volumes[i].Driver, o.Points[0].Status.Volumes[i].StorageClass = testkit.Driver, testkit.Class
	}
	copied("near", "rotterdam")(o.Points[0])
	copied("far", "amsterdam")(o.Points[0])
	o.Vaults = vaults(vault("rotterdam"), vault("amsterdam"))
}

// damagedAlone leaves a point a single copy, which was found damaged.
func damagedAlone(o *RestoreObserved) {
	o.Points[0].Status.Copies = o.Points[0].Status.Copies[:1]
	c := &o.Points[0].Status.Copies[0]
	c.State, c.Reason = api.CopyFailed, api.ReasonCopyCorrupt
}

func repository(name string, mods ...testkit.Mod[api.Repository]) func(*RestoreObserved) {
	return func(o *RestoreObserved) { o.Vaults.Repositories[name] = vault(name, mods...) }
}

// without takes the snapshots away, as retention does.
func without(o *RestoreObserved) {
	o.Points[0].Status.SnapshotsReleasedAt = timePtr(hour(6))
	for i := range o.Sources {
		o.Sources[i].Problem = &Problem{api.ReasonSnapshotUnusable, "its VolumeSnapshot is gone"}
	}
}

// lostAll says of a point that its snapshots are gone, which nobody wanted.
func lostAll(p *api.RecoveryPoint) {
	meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{Type: api.ConditionComplete, Status: metav1.ConditionFalse, Reason: api.ReasonPartialPoint})
}

func lostSnapshots(o *RestoreObserved) {
	lostAll(o.Points[0])
	without(o)
	o.Points[0].Status.SnapshotsReleasedAt = nil
}

func fromElsewhere(o *RestoreObserved) {
	p := o.Points[0]
	p.Status.Origin = &api.PointOrigin{Repository: "rotterdam", RepositoryID: vaultID, PointName: "good", PointUID: "before"}
	p.Status.Capture, o.Sources = nil, nil
}

// TestRestoreFrom: what is restored is frozen before anything is done, and a dry run says the same.
func TestRestoreFrom(t *testing.T) {
	from := func(f api.RestoreSource) func(*RestoreObserved) {
		return asks(func(s *api.RestoreSpec) { s.From = f })
	}
	noAPI := func(o *RestoreObserved) { o.Snapshots, o.Sources = false, nil }
	noCopies := func(o *RestoreObserved) { o.Points[0].Status.Copies = nil }
	type edits = []func(*RestoreObserved)
	for name, c := range map[string]struct {
		edits edits
		want  string // from and copy, or the refusal
	}{
		"snapshots where they can be":                  {edits{withCopies}, "Snapshot"},
		"a copy when it is asked for":                  {edits{withCopies, from(api.FromCopy)}, "Copy near"},
		"the copy that is named":                       {edits{withCopies, asks(func(s *api.RestoreSpec) { s.Copy = "far" })}, "Copy far"},
		"a copy for paths":                             {edits{withCopies, asks(func(s *api.RestoreSpec) { s.Paths = []string{"a"} })}, "Copy near"},
		"paths of a copy that was found damaged":       {edits{withCopies, without, damagedAlone, asks(func(s *api.RestoreSpec) { s.Copy, s.Paths = "near", []string{"a"} })}, "Copy near"},
		"a copy when the snapshots were let go":        {edits{withCopies, without}, "Copy near"},
		"a copy when the snapshots were lost":          {edits{withCopies, lostSnapshots}, "Copy near"},
		"a copy of a point that was imported":          {edits{withCopies, fromElsewhere}, "Copy near"},
		"a copy when one snapshot is gone":             {edits{withCopies, func(o *RestoreObserved) { o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "x"} }}, "Copy near"},
		"snapshots when that one is not asked for":     {edits{withCopies, func(o *RestoreObserved) { o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "x"} }, asks(func(s *api.RestoreSpec) { s.Volumes = []api.RestoreVolume{{Claim: "data"}} })}, "Snapshot"},
		"a copy into a class of another driver":        {edits{withCopies, asks(func(s *api.RestoreSpec) { s.StorageClassName = "array-b" })}, "Copy near"},
		"a copy where no snapshots are served":         {edits{withCopies, noAPI}, "Copy near"},
		"a copy in place":                              {edits{withCopies, without, inPlace}, "Copy near"},
		"the second when the first cannot be reached":  {edits{withCopies, without, repository("rotterdam", reachable(metav1.ConditionFalse))}, "Copy far"},
		"the second when the first is another one now": {edits{withCopies, without, repository("rotterdam", func(r *api.Repository) { r.Status.UniqueID = "other" })}, "Copy far"},
		"the second when the first is not complete":    {edits{withCopies, without, func(o *RestoreObserved) { o.Points[0].Status.Copies[0].State = api.CopyCopying }}, "Copy far"},
		"the second when the first lacks a volume": {edits{withCopies, without, func(o *RestoreObserved) {
			o.Points[0].Status.Copies[0].Volumes = o.Points[0].Status.Copies[0].Volumes[:1]
		}}, "Copy far"},

		"snapshots are asked for, and let go":            {edits{withCopies, without, from(api.FromSnapshot)}, "NoCompleteCopy: lives on in its copies"},
		"snapshots are asked for, and unusable":          {edits{withCopies, from(api.FromSnapshot), func(o *RestoreObserved) { o.Sources[1].Problem = &Problem{api.ReasonSnapshotUnusable, "x"} }}, "SnapshotUnusable: volume logs"},
		"snapshots are asked for, into another driver":   {edits{withCopies, from(api.FromSnapshot), asks(func(s *api.RestoreSpec) { s.StorageClassName = "array-b" })}, "DriverMismatch: or restore from a copy"},
		"snapshots are not served, and there is no copy": {edits{noAPI}, "SnapshotAPIMissing: "},
		"nothing is left":                                {edits{withCopies, without, noCopies}, "PointNotComplete: has no complete copy"},
		"a copy is asked for, and there is none":         {edits{withCopies, from(api.FromCopy), noCopies}, "NoCompleteCopy: has no complete copy"},
		"a copy is named that is not there":              {edits{withCopies, asks(func(s *api.RestoreSpec) { s.Copy = "moon" })}, "NoCompleteCopy: it has near, far"},
		"the repositories are gone":                      {edits{withCopies, without, func(o *RestoreObserved) { o.Vaults = Vaults{} }}, "RepositoryNotFound: with uniqueID " + vaultID},
		"the admin does not allow it":                    {edits{withCopies, without, asks(func(s *api.RestoreSpec) { s.Copy = "near" }), repository("rotterdam", func(r *api.Repository) { r.Spec.S3.Insecure = true })}, "InsecureNotAllowed: " + api.AnnotationAllowInsecure},
		"all of a copy that was found damaged":           {edits{withCopies, without, damagedAlone, asks(func(s *api.RestoreSpec) { s.Copy = "near" })}, "PointNotComplete: has no complete copy"},
		"paths of no copy in particular":                 {edits{withCopies, without, damagedAlone, asks(func(s *api.RestoreSpec) { s.Paths = []string{"a"} })}, "PointNotComplete: has no complete copy"},
		"paths of a copy that never was complete":        {edits{withCopies, without, damagedAlone, func(o *RestoreObserved) { o.Points[0].Status.Copies[0].Volumes = nil }, asks(func(s *api.RestoreSpec) { s.Copy, s.Paths = "near", []string{"a"} })}, "PointNotComplete: has no complete copy"},
		"paths of snapshots":                             {edits{withCopies, from(api.FromSnapshot), asks(func(s *api.RestoreSpec) { s.Paths = []string{"a"} })}, "InvalidSpec: spec.paths"},
		"paths in place":                                 {edits{withCopies, inPlace, asks(func(s *api.RestoreSpec) { s.Paths = []string{"a"} })}, "InvalidSpec: spec.paths"},
		"a word that is not known":                       {edits{withCopies, from("Tape")}, "InvalidSpec: spec.from"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ForRestore(toRestore(c.edits...), restoreNow)
			got := ""
			if run := p.Status.Run; run != nil {
				got = strings.TrimSpace(string(run.From) + " " + run.Copy)
			}
			reason, says, refused := strings.Cut(c.want, ": ")
			if r, message := ending(p); refused && (got != "" || r != reason || !strings.Contains(message, says)) || !refused && got != c.want {
				t.Errorf("it restores %q; %s: %s", got, r, message)
			}
			if len(p.Bring)+len(p.Swap) > 0 {
				t.Error("something is done before it is written down")
			}
			dry := ForRestore(toRestore(append(slices.Clone(c.edits), asks(func(s *api.RestoreSpec) { s.DryRun = true }))...), restoreNow)
			r, _ := ending(dry)
			told := strings.Contains(strings.Join(dry.Status.Plan, "\n"), "it is restored from copy ")
			if refused && r != reason || !refused && (r != api.ReasonDryRun || told != strings.HasPrefix(c.want, "Copy")) {
				t.Errorf("a dry run says %s: %q", r, dry.Status.Plan)
			}
		})
	}
}

// TestRestoreAwaitsRepository: while it is not known whether a repository can be reached, or it cannot be, nothing is begun and nothing
// has failed, until the time of the restore is over.
func TestRestoreAwaitsRepository(t *testing.T) {
	for status, reason := range map[metav1.ConditionStatus]string{metav1.ConditionUnknown: api.ReasonRepositoryProbing, metav1.ConditionFalse: api.ReasonRepositoryUnreachable} {
		o := toRestore(withCopies, without, asks(func(s *api.RestoreSpec) { s.Copy = "near" }), repository("rotterdam", reachable(status)))
		p := ForRestore(o, restoreNow)
		until := restoreNow.Add(DefaultRestoreTimeout)
		if got, message := ending(p); got != reason || p.Status.Run != nil || p.Status.FinishedAt != nil || !p.Wake.Equal(until) || !strings.Contains(message, "rotterdam") {
			t.Errorf("%s: %s: %s, wakes at %s", status, got, message, p.Wake)
		}
		if got, _ := ending(ForRestore(o, until)); got != reason {
			t.Errorf("then it ends with %s", got)
		}
		o.Restore.Spec.DryRun = true
		if p := ForRestore(o, restoreNow); p.Status.FinishedAt == nil {
			t.Error("a dry run waits")
		}
	}
}

// TestPointByCopies: points that live on in their copies are among those to choose from.
func TestPointByCopies(t *testing.T) {
	old, lost, gone := restorePoint("old", 3, "data"), restorePoint("lost", 5, "data"), restorePoint("gone", 7, "data")
	lostAll(lost)
	copied("far", "amsterdam")(lost)
	lostAll(gone)
	for _, c := range []struct {
		spec api.RestoreSpec
		want string
	}{
		{api.RestoreSpec{}, "lost"},
		{api.RestoreSpec{From: api.FromCopy}, "lost"},
		{api.RestoreSpec{Copy: "far"}, "lost"},
		{api.RestoreSpec{From: api.FromSnapshot}, "old"},
		{api.RestoreSpec{AsOf: timePtr(hour(4))}, "old"},
		{api.RestoreSpec{From: api.FromCopy, AsOf: timePtr(hour(4))}, ""},
		{api.RestoreSpec{Copy: "near"}, ""},
	} {
		c.spec.Policy = &api.PolicyReference{Name: "web"}
		got := ""
		if p, _ := PointToRestore(&api.Restore{Spec: c.spec}, []*api.RecoveryPoint{gone, lost, old}); p != nil {
			got = p.Name
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.spec, got, c.want)
		}
	}
	if _, bad := PointToRestore(&api.Restore{Spec: api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: "gone"}}}, []*api.RecoveryPoint{gone}); bad == nil || bad.Reason != api.ReasonPointNotComplete {
		t.Errorf("a point of which nothing is left: %v", bad)
	}
}

// TestRestorableFrom: neither a copy that is not whole, nor snapshots that are not there, count.
func TestRestorableFrom(t *testing.T) {
	for name, c := range map[string]struct {
		edits     []testkit.Mod[api.RecoveryPoint]
		snapshots bool
		copies    int
	}{
		"snapshots":         {nil, true, 0},
		"both":              {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), copied("b", "r")}, true, 2},
		"copies":            {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), lostAll}, false, 1},
		"let go":            {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.SnapshotsReleasedAt = timePtr(noon) }}, false, 1},
		"imported":          {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.Origin, p.Status.Capture = &api.PointOrigin{}, nil }}, false, 1},
		"not listed whole":  {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.Capture.Volumes = 3 }}, true, 0},
		"being removed":     {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.Copies[0].State = api.CopyRemoving }}, true, 0},
		"of another volume": {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.Copies[0].Volumes[0].Claim = "other" }}, true, 0},
		"of no moment":      {[]testkit.Mod[api.RecoveryPoint]{copied("a", "r"), func(p *api.RecoveryPoint) { p.Status.PointInTime = nil }}, false, 0},
	} {
		p := restorePoint("p", 5, "data", "logs")
		for _, e := range c.edits {
			e(p)
		}
		if snapshots, copies := Restorable(p); snapshots != c.snapshots || len(copies) != c.copies {
			t.Errorf("%s: %t, %d", name, snapshots, len(copies))
		}
	}
}

// TestCopySources: whose copy is meant, where it is, and how large the volume must be.
func TestCopySources(t *testing.T) {
	o := toRestore(withCopies, fromElsewhere)
	p := o.Points[0]
	p.Status.Volumes[0].Size = ptr.To(resource.MustParse("3Gi"))
	p.Status.Copies[1].RepositoryID = strings.Repeat("cd", 32)
	p.Status.Copies[0].Volumes[1].Mode, p.Status.Copies[0].Volumes[1].AccessModes, p.Status.Copies[0].Volumes[1].Bytes = modeBlock, "ReadWriteMany", 5<<30
	near := CopySources(p, "near", o.Vaults)
	if s := near[0]; s.Problem != nil || s.Copy.Volume.PointUID != "before" || s.Copy.Volume.ClaimUID != testkit.ClaimUID("data") || s.Copy.Repository.UniqueID != vaultID ||
		s.Copy.Repository.S3.Bucket != "lifeboat" || s.Copy.Access.Credentials != "keys" || s.Copy.Held != printOf("data") || s.Size.String() != "3Gi" || s.Mode != "Filesystem" {
		t.Errorf("data: %+v, %+v", s, s.Copy)
	}
	if s := near[1]; s.Mode != modeBlock || s.AccessModes != "ReadWriteMany" || s.Size.Value() != 5<<30 {
		t.Errorf("logs: %+v", s)
	}
	if s := CopySources(p, "far", o.Vaults)[0]; s.Problem == nil || s.Problem.Reason != api.ReasonRepositoryIDMismatch {
		t.Errorf("a copy in another repository than the one of that name: %+v", s.Problem)
	}
	p.Status.Copies[1].RepositoryID = ""
	if s := CopySources(p, "far", o.Vaults)[0]; s.Problem != nil || s.Copy.Volume.PointUID != string(p.UID) {
		t.Errorf("a copy that was made here: %+v, %+v", s.Problem, s.Copy)
	}
	if s := CopySources(p, "moon", o.Vaults)[0]; s.Problem == nil || s.Problem.Reason != api.ReasonNoCompleteCopy {
		t.Errorf("a copy that is not there: %+v", s.Problem)
	}
	o.Vaults.Repositories["rotterdam"] = vault("rotterdam", reachable(metav1.ConditionFalse))
	if s := CopySources(p, "near", o.Vaults)[0]; s.Problem != nil || s.Copy.Away == nil {
		t.Errorf("of a run under way whose repository does not answer: %+v, %+v", s.Problem, s.Copy)
	}
}

// writtenInto gives a volume of a restore its claim, and its writer a result.
func writtenInto(o *RestoreObserved, claim, as string, mods ...func(*BroughtPod)) {
	read(o, claim, as, result(printOf(claim).Digest))
	r := o.Brought.Pods[names.Reader(claim, "run", testkit.ClaimUID(claim), 0)]
	f := printOf(claim)
	r.Result = &ReadResult{Fingerprint: f}
	o.Brought.Pods[r.Name] = r
	name := names.Writer(claim, "run", testkit.ClaimUID(claim), 0)
	pod := BroughtPod{Target: Target{name, "w"}, RunUID: "run", Phase: PodSucceeded}
	wrote(&pod)
	for _, m := range mods {
		m(&pod)
	}
	o.Brought.Pods[name] = pod
}

func lostOwners(p *BroughtPod) { p.Told.Written.Lost = 3 }

// TestRestoreFromCopyVerifies: what came from a copy counts as restored when it was read in full and is what was copied. Of a part no
// more can be said than that it was read; and owners that were not set are told, and replace nothing.
func TestRestoreFromCopyVerifies(t *testing.T) {
	from := asks(func(s *api.RestoreSpec) { s.From = api.FromCopy })
	other := func(o *RestoreObserved) {
		name := names.Reader("data", "run", testkit.ClaimUID("data"), 0)
		pod := o.Brought.Pods[name]
		pod.Result.Digest = flipped
		o.Brought.Pods[name] = pod
	}
	nothing := func(*RestoreObserved) {}
	for name, c := range map[string]struct {
		edit, after func(*RestoreObserved)
		mods        []func(*BroughtPod)
		reason      string
		volume      string
		verified    api.ProofLevel
		says        string
	}{
		"equal":                    {nothing, nothing, nil, api.ReasonRestored, "", api.LevelIntact, "2 volumes restored from copy near of recovery point good"},
		"another content":          {nothing, other, nil, api.ReasonPartiallyRestored, api.ReasonContentDiffers, "", "claim data-monday stays"},
		"owners were not set":      {nothing, other, []func(*BroughtPod){lostOwners}, api.ReasonRestored, api.ReasonOwnershipNotKept, api.LevelRestored, api.AnnotationPrivilegedMovers},
		"owners in place":          {inPlace, other, []func(*BroughtPod){lostOwners}, api.ReasonOwnershipNotKept, api.ReasonOwnershipNotKept, "", "nothing was replaced"},
		"a part":                   {asks(func(s *api.RestoreSpec) { s.Paths = []string{"a"} }), other, nil, api.ReasonRestored, api.ReasonFingerprintMissing, api.LevelRestored, "only a part"},
		"the point went meanwhile": {nothing, func(o *RestoreObserved) { o.Points = nil }, nil, api.ReasonPointNotFound, api.ReasonPointNotFound, "", "went during the restore"},
		"the copy went meanwhile":  {nothing, func(o *RestoreObserved) { o.Points[0].Status.Copies = nil }, nil, api.ReasonNoCompleteCopy, api.ReasonNoCompleteCopy, "", "any more"},
	} {
		t.Run(name, func(t *testing.T) {
			o := begun(t, withCopies, from, c.edit)
			o.Sources = nil // no snapshot is looked at
			as := func(claim string) string {
				if o.Restore.Spec.InPlace {
					return names.Throwaway(claim, "run", testkit.ClaimUID(claim))
				}
				return claim + "-monday"
			}
			if o.Restore.Spec.InPlace {
				o.Safety = restorePoint(o.Restore.Status.SafetyPoint, 10, "data", "logs")
				o.Safety.Labels = map[string]string{api.LabelRunUID: "run"}
			}
			p := ForRestore(o, restoreNow)
			if len(p.Bring) != 2 || p.Bring[0].Write == nil || p.Bring[0].Read != nil || p.Bring[0].Claim.Source.Copy == nil || !p.Isolate {
				t.Fatalf("asked for is %+v", p.Bring)
			}
			writtenInto(&o, "data", as("data"), c.mods...)
			writtenInto(&o, "logs", as("logs"))
			c.after(&o)
			p = ForRestore(o, restoreNow)
			v := p.Status.Volumes[0]
			if reason, message := ending(p); reason != c.reason || !strings.Contains(message, c.says) || v.Reason != c.volume || v.Verified != c.verified {
				t.Errorf("%s: %s; %+v", reason, message, v)
			}
		})
	}
}

// TestRestoreBeginsWritingAgain: the attempt is on record before what is left of the one before is removed, and so after a crash at any
// moment the same follows.
func TestRestoreBeginsWritingAgain(t *testing.T) {
	o := begun(t, withCopies, asks(func(s *api.RestoreSpec) { s.From, s.Volumes = api.FromCopy, []api.RestoreVolume{{Claim: "data"}} }))
	name := names.Writer("data", "run", testkit.ClaimUID("data"), 0)
	o.Brought.Claims["data-monday"] = BroughtClaim{Target: Target{"data-monday", "first"}, RunUID: "run", Bound: true, Volume: "pv"}
	o.Brought.Pods = map[string]BroughtPod{name: {Target: Target{name, "w"}, RunUID: "run", Phase: PodLost, Starved: true}}
	p := ForRestore(o, restoreNow)
	if v := p.Status.Volumes[0]; v.Writing == nil || v.Writing.Attempt != 1 || !v.Writing.Bigger || len(p.Bring)+len(p.Remove) > 0 {
		t.Fatalf("%+v, %+v, %+v", v.Writing, p.Bring, p.Remove)
	}
	o.Restore.Status = p.Status
	p = ForRestore(o, restoreNow)
	var removes []string
	for _, l := range p.Remove {
		removes = append(removes, l.Kind+" "+l.UID)
	}
	if got := fmt.Sprint(removes); got != "[Pod w PersistentVolumeClaim first]" || len(p.Bring) > 0 {
		t.Errorf("it removes %s, and asks for %+v", got, p.Bring)
	}
	delete(o.Brought.Claims, "data-monday")
	o.Brought.Pods = nil
	p = ForRestore(o, restoreNow)
	if len(p.Bring) != 1 || p.Bring[0].Claim.Attempt != 1 || !p.Bring[0].Write.Bigger || p.Bring[0].Write.Name == name {
		t.Errorf("it asks for %+v", p.Bring)
	}
}

// TestRestoreToFind: a claim that is bound and whose writer was not seen has it looked for, and a writer whose claim was not seen, or
// only that of an attempt before, has that looked for, before either is begun anew.
func TestRestoreToFind(t *testing.T) {
	o := begun(t, withCopies, asks(func(s *api.RestoreSpec) { s.From = api.FromCopy }))
	name := names.Writer("data", "run", testkit.ClaimUID("data"), 0)
	second := names.Writer("data", "run", testkit.ClaimUID("data"), 1)
	claim := func(c BroughtClaim) map[string]BroughtClaim { return map[string]BroughtClaim{"data-monday": c} }
	pod := func(name, run string) map[string]BroughtPod { return map[string]BroughtPod{name: {RunUID: run}} }
	for what, c := range map[string]struct {
		claims  map[string]BroughtClaim
		pods    map[string]BroughtPod
		attempt int32
		want    ToFind
	}{
		"nothing is there":                     {},
		"a claim is bound":                     {claims: claim(BroughtClaim{RunUID: "run", Bound: true}), want: ToFind{Pods: []string{name}}},
		"a claim is not bound":                 {claims: claim(BroughtClaim{RunUID: "run"})},
		"somebody else's claim":                {claims: claim(BroughtClaim{RunUID: "other", Bound: true}), pods: pod(name, "run")},
		"both were seen":                       {claims: claim(BroughtClaim{RunUID: "run", Bound: true}), pods: pod(name, "run")},
		"a writer alone":                       {pods: pod(name, "run"), want: ToFind{Claims: []string{"data-monday"}}},
		"somebody else's writer alone":         {pods: pod(name, "other")},
		"a writer and the claim of one before": {claims: claim(BroughtClaim{RunUID: "run", Bound: true}), pods: pod(second, "run"), attempt: 1, want: ToFind{Claims: []string{"data-monday"}}},
		"the claim of one before alone":        {claims: claim(BroughtClaim{RunUID: "run", Bound: true}), attempt: 1},
	} {
		o.Brought.Claims, o.Brought.Pods = c.claims, c.pods
		for i := range o.Restore.Status.Volumes {
			o.Restore.Status.Volumes[i].Writing = writingOf(bringing{writing: api.VolumeWriting{Attempt: c.attempt}})
		}
		if got := o.ToFind(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s, and %+v is looked for, want %+v", what, got, c.want)
		}
	}
	o.Brought.Claims, o.Brought.Pods = claim(BroughtClaim{RunUID: "run", Bound: true}), nil
	o.Restore.Status.Volumes = append([]api.RestoredVolume{{Claim: "gone"}}, o.Restore.Status.Volumes...)
	for i := range o.Restore.Status.Volumes {
		o.Restore.Status.Volumes[i].Writing = nil
	}
	if got := o.ToFind(); !reflect.DeepEqual(got, ToFind{Pods: []string{name}}) {
		t.Errorf("beside a volume that is not known any more, %+v is looked for", got)
	}
	o.Restore.Spec.InPlace = true
	o.Brought.Claims = map[string]BroughtClaim{names.Throwaway("data", "run", testkit.ClaimUID("data")): {RunUID: "run", Bound: true}}
	if got := o.ToFind(); !reflect.DeepEqual(got, ToFind{Pods: []string{name}}) {
		t.Errorf("in place, %+v is looked for", got)
	}
	o = begun(t)
	o.Brought.Claims = claim(BroughtClaim{RunUID: "run", Bound: true})
	if got := o.ToFind(); !reflect.DeepEqual(got, ToFind{}) {
		t.Errorf("of a volume from a snapshot, which nobody writes to, %+v is looked for", got)
	}
}
