// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// TestAbsence: a volume that has no snapshot yet says why.
func TestAbsence(t *testing.T) {
	for name, c := range map[string]struct {
		mod          func(*PointObserved)
		prior        api.VolumeRecord
		state        api.VolumeState
		reason, says string
	}{
		"it is asked for": {func(*PointObserved) {}, api.VolumeRecord{}, api.VolumePending, api.ReasonSnapshotPending, "the snapshot is not ready yet"},
		"it was refused, and may be tried again": {func(*PointObserved) {}, api.VolumeRecord{State: api.VolumePending, Reason: api.ReasonQuotaExceeded, Message: "exceeded quota"},
			api.VolumePending, api.ReasonQuotaExceeded, "exceeded quota"},
		"it was refused for good": {func(*PointObserved) {}, api.VolumeRecord{State: api.VolumeFailed, Reason: api.ReasonQuotaExceeded, Message: "exceeded quota"},
			api.VolumeFailed, api.ReasonQuotaExceeded, "exceeded quota"},
		"the claim went":                {func(o *PointObserved) { o.Claims = o.Claims[1:] }, api.VolumeRecord{State: api.VolumePending}, api.VolumeFailed, api.ReasonClaimMissing, "the claim was deleted during the capture"},
		"no snapshots are served":       {func(o *PointObserved) { o.Cluster = Cluster{} }, api.VolumeRecord{}, api.VolumePending, api.ReasonSnapshotAPIMissing, "does not serve"},
		"it cannot be captured":         {func(o *PointObserved) { o.Claims[0].Driver = "" }, api.VolumeRecord{}, api.VolumeFailed, api.ReasonNotCSI, "move the data to a CSI storage class"},
		"an older one is not ready yet": {func(o *PointObserved) { o.Unready = map[string]string{testkit.ClaimUID("data"): "older"} }, api.VolumeRecord{}, api.VolumePending, api.ReasonSnapshotStuck, "snapshot older is"},
	} {
		t.Run(name, func(t *testing.T) {
			o := frozen()
			o.Claims = slices.Clone(o.Claims)
			if c.mod(&o); c.prior.State != "" {
				c.prior.Claim, c.prior.ClaimUID = "data", testkit.ClaimUID("data")
				o.Point.Status.Volumes = []api.VolumeRecord{c.prior}
			}
			all := judge(o, noon)
			i := slices.IndexFunc(all, func(v volume) bool { return v.claim.Name == "data" })
			if i < 0 || all[i].state != c.state || all[i].problem.Reason != c.reason || !strings.Contains(all[i].problem.Message, c.says) {
				t.Errorf("%+v", all)
			}
		})
	}
	o := frozen()
	o.Claims = nil
	for _, v := range judge(o, noon) {
		if want := map[string]bool{"unknown-" + names.ClaimHash(testkit.ClaimUID("data")): true, "unknown-" + names.ClaimHash(testkit.ClaimUID("logs")): true}; !want[v.claim.Name] || v.claim.UID != "" {
			t.Errorf("a claim of which nothing is known is called %+v", v.claim)
		}
	}
}

// TestMissingClaimsAreCounted: a claim that the policy names and that is not there is a volume that is not captured.
func TestMissingClaimsAreCounted(t *testing.T) {
	o := frozen(func(o *PointObserved) {
		o.Policy.Spec.Volumes = api.VolumeSelection{Claims: []string{"data", "logs", "gone"}}
	})
	if s := o.Point.Status; s.Capture.Volumes != 3 || s.Progress != "0/3" {
		t.Errorf("%d volumes, %s", s.Capture.Volumes, s.Progress)
	}
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon.Add(time.Minute), Done{})
	v, k := o.Point.Status.Volumes, meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionComplete)
	if len(v) != 3 || v[0].Claim != "gone" || v[0].Reason != api.ReasonClaimMissing || v[0].Snapshot != "" || o.Point.Status.Progress != "2/3" ||
		k.Reason != api.ReasonPartialPoint || k.Message != "1 of 3 volumes are not captured: claim gone: the policy names a claim that did not exist (ClaimMissing)" {
		t.Errorf("%+v, %s: %s", v, o.Point.Status.Progress, k.Message)
	}
}

// TestReadinessIsRemembered: a snapshot that was ready once holds data, whoever remembers it.
func TestReadinessIsRemembered(t *testing.T) {
	complete, incomplete := testkit.Point(noon, both), testkit.Point(noon, both, testkit.Incomplete)
	marked := func(s *Snapshot) { unready(s); s.Content.PointUID = "point" }
	o := frozen()
	for name, c := range map[string]struct {
		change func(*Snapshot)
		prior  api.VolumeRecord
		point  *api.RecoveryPoint
		want   bool
	}{
		"nobody":                        {unready, api.VolumeRecord{State: api.VolumeFailed}, incomplete, false},
		"nobody, and it has no content": {func(s *Snapshot) { unready(s); s.Content = nil }, api.VolumeRecord{}, incomplete, false},
		"its content":                   {marked, api.VolumeRecord{}, incomplete, true},
		"the record":                    {unready, api.VolumeRecord{State: api.VolumeCaptured}, incomplete, true},
		"the record of a pass before":   {unready, api.VolumeRecord{State: api.VolumeFailed, Reason: api.ReasonReadinessRegressed}, incomplete, true},
		"the point":                     {unready, api.VolumeRecord{}, complete, true},
		"all, and it is ready":          {func(*Snapshot) {}, api.VolumeRecord{State: api.VolumeCaptured}, complete, false},
	} {
		if got := regressed(snapshotOf(o, "data", c.change), c.prior, c.point); got != c.want {
			t.Errorf("%s remembers: %t", name, got)
		}
	}
}

// TestEndIsAnnounced: how a capture ended is told once.
func TestEndIsAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Snapshot)
		want   Note
	}{
		"well":  {func(*Snapshot) {}, Note{false, api.ReasonAllCaptured, "all 2 volumes are captured"}},
		"badly": {func(s *Snapshot) { s.Deleting = true }, Note{true, api.ReasonRecoveryPointVanished, "1 of 2 volumes are not captured: claim data: the VolumeSnapshot is being deleted (RecoveryPointVanished)"}},
	} {
		o := frozen()
		o.Snapshots = []Snapshot{snapshotOf(o, "data", c.change), snapshotOf(o, "logs")}
		p := ForPoint(o, noon)
		if p.Status(o, Done{}, noon); len(p.Notes) != 1 || p.Notes[0] != c.want {
			t.Errorf("%s: told is %+v", name, p.Notes)
		}
		o = next(o, noon, Done{})
		p = ForPoint(o, noon)
		if p.Status(o, Done{}, noon); len(p.Notes) > 0 {
			t.Errorf("%s: told again is %+v", name, p.Notes)
		}
	}
}

// TestCaptureUnderWay: a capture that lasts shows how far it is, and what is in its way; a quick one is written once.
func TestCaptureUnderWay(t *testing.T) {
	o := frozen()
	o.Point.Generation = 4
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs", unready)}
	early := next(o, noon.Add(progressAfter-time.Second), Done{})
	if s := early.Point.Status; s.Volumes != nil || s.Progress != "0/2" || s.ObservedGeneration != 4 {
		t.Errorf("before it lasts it shows %+v", s)
	}
	says := func(o PointObserved) string {
		k := meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionComplete)
		return fmt.Sprintf("%s %s: %s", k.Status, k.Reason, k.Message)
	}
	if got := says(early); got != "False Capturing: 0/2 volumes are captured" {
		t.Errorf("it says %q", got)
	}
	o.Snapshots = []Snapshot{snapshotOf(o, "data", unready)}
	failing := next(o, noon.Add(time.Second), Done{Refused: Refusals{testkit.ClaimUID("logs"): {Problem{api.ReasonQuotaExceeded, "exceeded quota"}, true}}})
	if v := failing.Point.Status.Volumes; len(v) != 2 || v[0].Claim != "logs" || v[0].Reason != api.ReasonQuotaExceeded {
		t.Errorf("a failure is not shown at once, worst first: %+v", v)
	}
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs", unready)}
	lasting := next(o, noon.Add(progressAfter), Done{})
	if s := lasting.Point.Status; len(s.Volumes) != 2 || s.Progress != "1/2" || says(lasting) != "False Capturing: 1/2 volumes are captured" || !meta.IsStatusConditionTrue(s.Conditions, api.ConditionReconciling) {
		t.Errorf("once it lasts it shows %+v", s)
	}
	lasting.Snapshots[1].ContentRef = "later" // that alone is not worth a write
	if same := next(lasting, noon.Add(20*time.Second), Done{}); same.Point.Status.Volumes[0].Content == "later" {
		t.Errorf("nothing got on, and it is written: %+v", same.Point.Status.Volumes)
	}
	lasting.Snapshots[0] = snapshotOf(o, "data", unready)
	if back := next(lasting, noon.Add(20*time.Second), Done{}); back.Point.Status.Progress != "0/2" {
		t.Errorf("that one is not captured any more is not shown: %s", back.Point.Status.Progress)
	}
	one := frozen(func(o *PointObserved) { o.Claims = o.Claims[:1] })
	one.Snapshots = []Snapshot{snapshotOf(one, "data", unready)}
	one = next(one, noon.Add(progressAfter), Done{})
	one.Snapshots[0].ContentRef = "later"
	if same := next(one, noon.Add(20*time.Second), Done{}); same.Point.Status.Volumes[0].Content == "later" {
		t.Errorf("of a single volume nothing got on, and it is written: %+v", same.Point.Status.Volumes)
	}
	one.Snapshots = []Snapshot{snapshotOf(one, "data")}
	if one = next(one, noon.Add(30*time.Second), Done{}); !Complete(one.Point) || one.Point.Status.Progress != "1/1" {
		t.Errorf("of a single volume that is captured it says %s", says(one))
	}
}

// TestTroubles: what passes by itself is none, and in what order volumes are in trouble does not matter.
func TestTroubles(t *testing.T) {
	of := func(reasons ...string) (out []api.VolumeRecord) {
		for _, r := range reasons {
			out = append(out, api.VolumeRecord{Reason: r})
		}
		return out
	}
	if got := troubles(of("", api.ReasonSnapshotPending, api.ReasonRetainPending)); len(got) > 0 {
		t.Errorf("trouble is %v", got)
	}
	a, b := api.ReasonBindingBroken, api.ReasonQuotaExceeded
	if x, y := troubles(of(a, b, b)), troubles(of(b, a)); !slices.Equal(x, y) || len(x) != 2 {
		t.Errorf("trouble is %v, and %v", x, y)
	}
}

// TestRecordSaysWhatWasKnown: a record says of what the volume is and where its snapshot is, and keeps that when claim and snapshot are gone.
func TestRecordSaysWhatWasKnown(t *testing.T) {
	size := resource.MustParse("1Gi")
	o := frozen(func(o *PointObserved) {
		for i := range o.Claims {
			o.Claims[i].Size, o.Claims[i].StorageClass = size, "fast"
		}
	})
	waiting := next(o, noon.Add(time.Minute), Done{})
	if r := waiting.Point.Status.Volumes[0]; r.Snapshot != snapshotOf(o, "data").Name || r.Content != "" || r.PointInTime != nil {
		t.Errorf("of one that waits for its snapshot it says %+v", r)
	}
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon.Add(time.Minute), Done{})
	was := o.Point.Status.Volumes[0]
	if was.Driver != "a" || was.StorageClass != "fast" || was.Handle != "vol-data" || was.Size == nil || was.Size.Cmp(size) != 0 || was.Content != "content-data" ||
		was.Snapshot != o.Snapshots[0].Name || !was.PointInTime.Time.Equal(noon.Add(2*time.Second)) {
		t.Errorf("of one that is captured it says %+v", was)
	}
	o.Claims, o.Snapshots = nil, nil
	gone := next(o, noon.Add(time.Hour), Done{}).Point.Status.Volumes[0]
	gone.State, gone.Reason, gone.Message = was.State, was.Reason, was.Message
	if !reflect.DeepEqual(gone, was) {
		t.Errorf("of one that is gone it says %+v, and was %+v", gone, was)
	}
	anew := volume{claim: Claim{Name: "data", UID: "new"}}
	if r := anew.record(o.Point.Status.Capture, was); r.Driver != "" || r.Handle != "" || r.Size != nil {
		t.Errorf("of another claim of that name it says %+v", r)
	}
	known := volume{claim: claim("data", func(c *Claim) { c.Driver, c.Handle = "b", "elsewhere" })}
	if r := known.record(o.Point.Status.Capture, was); r.Driver != "b" || r.Handle != "elsewhere" {
		t.Errorf("of a claim that is there it says %+v", r)
	}
}

// TestRecordsAreCountedByTheirLength: whatever of a record is long counts, and the records that just fit are all there.
func TestRecordsAreCountedByTheirLength(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, r := range map[string]api.VolumeRecord{
		"claim": {Claim: long}, "claimUID": {ClaimUID: long}, "reason": {Reason: long}, "message": {Message: long}, "snapshot": {Snapshot: long},
		"content": {Content: long}, "driver": {Driver: long}, "storageClass": {StorageClass: long}, "handle": {Handle: long},
	} {
		if got := recordBytes(r) - recordBytes(api.VolumeRecord{}); got != len(long) {
			t.Errorf("a long %s counts as %d bytes", name, got)
		}
	}
	o := PointObserved{Point: testkit.Point(noon, both)}
	exactly := mostRecordBytes/32 - recordBytes(api.VolumeRecord{Driver: "d"})
	fits := func(more int) int {
		p := PointPlan{volumes: make([]volume, mostRecords)}
		for i := range p.volumes {
			p.volumes[i].claim = Claim{Driver: "d", Handle: strings.Repeat("x", exactly)}
		}
		p.volumes[0].claim.Handle += strings.Repeat("x", more)
		return len(p.records(o))
	}
	if a, b := fits(0), fits(1); a != 32 || b != 31 {
		t.Errorf("of records of which 32 fill the room there are %d, and when one is longer by a byte %d", a, b)
	}
}

// TestVerdict: the one reason that all failures share is told, and the first three of them.
func TestVerdict(t *testing.T) {
	ok := volume{state: api.VolumeCaptured}
	bad := func(claim, reason string) volume {
		return volume{claim: Claim{Name: claim}, state: api.VolumeFailed, problem: Problem{reason, "why"}}
	}
	for _, c := range []struct {
		volumes []volume
		want    string
	}{
		{[]volume{bad("a", "X")}, "X: 1 of 1 volumes are not captured: claim a: why (X)"},
		{[]volume{bad("a", "X"), ok}, "PartialPoint: 1 of 2 volumes are not captured: claim a: why (X)"},
		{[]volume{bad("a", "X"), bad("b", "X")}, "X: 2 of 2 volumes are not captured: claim a: why (X); claim b: why (X)"},
		{[]volume{bad("a", "X"), bad("b", "Y")}, "PartialPoint: 2 of 2 volumes are not captured: claim a: why (X); claim b: why (Y)"},
		{[]volume{bad("a", "X"), bad("b", "Y"), bad("c", "Y")}, "PartialPoint: 3 of 3 volumes are not captured: claim a: why (X); claim b: why (Y); claim c: why (Y)"},
		{[]volume{bad("a", "X"), bad("b", "X"), bad("c", "X"), bad("d", "X"), bad("e", "X")}, "X: 5 of 5 volumes are not captured: claim a: why (X); claim b: why (X); claim c: why (X); and 2 more"},
		{[]volume{bad("a", "X"), bad("b", api.ReasonRecoveryPointVanished), ok},
			"RecoveryPointVanished: 2 of 3 volumes are not captured: claim a: why (X); claim b: why (RecoveryPointVanished)"},
	} {
		p := PointPlan{volumes: c.volumes}
		if v := p.verdict(); v.Reason+": "+v.Message != c.want {
			t.Errorf("it says %q, want %q", v.Reason+": "+v.Message, c.want)
		}
	}
}

// TestNothingIsNotComplete: a point of which no volume is known any more is not complete for that.
func TestNothingIsNotComplete(t *testing.T) {
	o := frozen()
	o.Point.Status.Capture.ClaimSet, o.Point.Status.FinishedAt, o.Point.Status.PointInTime = "", metaTime(noon), metaTime(noon)
	if o = next(o, noon, Done{}); Complete(o.Point) {
		t.Error("it is complete")
	}
}

// TestWhatOthersStatedStays: who judges the snapshots of a point carries over what was proven of it, and speaks of the spec as it is now.
func TestWhatOthersStatedStays(t *testing.T) {
	o := frozen()
	o.Point.Generation = 7
	o.Point.Status.Proofs = []api.ProofSummary{{Drill: "rehearsal", Level: api.LevelIntact, At: metav1.NewTime(noon)}}
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon, Done{})
	k := meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionProven)
	if k == nil || !strings.Contains(k.Message, "rehearsal proved it to be Intact") || o.Point.Status.ObservedGeneration != 7 {
		t.Errorf("of generation %d it states %+v", o.Point.Status.ObservedGeneration, o.Point.Status.Conditions)
	}
}

// TestWakeBy: of several instants the first is when to look again.
func TestWakeBy(t *testing.T) {
	var p PointPlan
	var q PolicyPlan
	for _, h := range []int{14, 13, 15} {
		p.WakeBy(hour(h))
		q.WakeBy(hour(h))
	}
	if !p.Wake.Equal(hour(13)) || !q.Wake.Equal(hour(13)) {
		t.Errorf("a point wakes at %s, a policy at %s", p.Wake, q.Wake)
	}
}
