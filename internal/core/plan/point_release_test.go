// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// lettingGo is the point of noon with its snapshots, which are being let go because a copy is complete; a newer point is whole.
func lettingGo(mods ...func(*PointObserved)) PointObserved {
	o := frozen()
	o.Snapshots = []Snapshot{snapshotOf(o, "data"), snapshotOf(o, "logs")}
	o = next(o, noon.Add(time.Minute), Done{})
	hasCopy("a")(o.Point)
	letPartGo(PartSnapshots)(o.Point)
	o.Policy = testkit.Policy(to("a", "", nil))
	o.Siblings = []*api.RecoveryPoint{o.Point, testkit.Point(hour(13), both)}
	for _, m := range mods {
		m(&o)
	}
	if o.Fresh == nil {
		o.Fresh = o.Point.DeepCopy()
	}
	return o
}

func TestSnapshotsAreLetGo(t *testing.T) {
	o, at := lettingGo(), hour(14)
	if p := ForPoint(o, at); len(p.Delete) > 0 {
		t.Fatalf("it deletes %+v before it is on record that they go", p.Delete)
	}
	unretained := o
	unretained.Snapshots = []Snapshot{snapshotOf(o, "data", func(s *Snapshot) { s.Content.Retain = false }), snapshotOf(o, "logs")}
	if p := ForPoint(unretained, at); len(p.Retain) > 0 {
		t.Errorf("what is being let go is retained anew: %+v", p.Retain)
	}
	o = onRecord(o, at)
	unretained = onRecord(unretained, at)
	if p := ForPoint(unretained, at); len(p.Retain) > 0 || len(p.Delete) != 2 {
		t.Errorf("what goes is retained anew: %+v", p.Retain)
	}
	p := ForPoint(o, at)
	if len(p.Delete) != 2 || p.Delete[0].Content.UID == "" || p.Delete[0].Snapshot.UID == "" {
		t.Fatalf("deletes %+v", p.Delete)
	}
	if p.Wake.IsZero() {
		t.Error("nobody looks whether they went")
	}
	o = next(o, at, Done{})
	completeIs(t, o, metav1.ConditionTrue, api.ReasonCopiesOnly)
	if v := o.Point.Status.Volumes; len(v) != 2 || v[0].State != api.VolumeReleased || v[0].ClaimUID == "" || v[0].Snapshot != "" {
		t.Errorf("the volumes are recorded as %+v", v)
	}
	if o.Point.Status.SnapshotsReleasedAt != nil {
		t.Error("they are said to be gone, and are there")
	}
	if o.Point.Status.PointInTime == nil || BySnapshots(o.Point) || !restorablePoint(o.Point) {
		t.Error("while they go it is not known what the point is worth")
	}

	o.Cluster.Snapshots, o.Snapshots, o.Fresh = false, nil, o.Point.DeepCopy()
	if o = next(o, at.Add(time.Minute), Done{}); o.Point.Status.SnapshotsReleasedAt != nil {
		t.Error("they are said to be gone, and cannot be looked at")
	}
	o.Cluster.Snapshots, o.Fresh = true, o.Point.DeepCopy()
	if got := noteOf(ForPoint(o, at.Add(time.Minute)).Notes, api.ReasonCopiesOnly); got != "false the snapshots were let go; the point lives on in its copies: a" {
		t.Errorf("when they are gone it tells %q", got)
	}
	o = next(o, at.Add(time.Minute), Done{})
	if got := noteOf(ForPoint(o, at.Add(time.Minute)).Notes, api.ReasonCopiesOnly); got != "" {
		t.Errorf("then it tells again %q", got)
	}
	if o.Point.Status.SnapshotsReleasedAt == nil {
		t.Fatal("they are gone, and it is not said")
	}
	completeIs(t, o, metav1.ConditionTrue, api.ReasonCopiesOnly)
	if again := next(o, at.Add(time.Hour), Done{}); !reflect.DeepEqual(again.Point.Status, o.Point.Status) {
		t.Errorf("it is never at rest:\n%s\n%s", asJSON(o.Point.Status), asJSON(again.Point.Status))
	}

	o.Point.Status.Copies[0].State = api.CopyFailed
	o = next(o, at.Add(2*time.Hour), Done{})
	completeIs(t, o, metav1.ConditionFalse, api.ReasonNoCompleteCopy)
	if meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionStalled) == nil {
		t.Error("it needs help, and is not Stalled")
	}
	o.Point.Status.Copies[0].State = api.CopyComplete
	o = next(o, at.Add(3*time.Hour), Done{})
	completeIs(t, o, metav1.ConditionTrue, api.ReasonCopiesOnly)
	if meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionStalled) != nil {
		t.Error("it is Stalled, and all is well")
	}
}

// onRecord has it written down that the snapshots go.
func onRecord(o PointObserved, at time.Time) PointObserved {
	o = next(o, at, Done{})
	o.Fresh = o.Point.DeepCopy()
	return o
}

func completeIs(t *testing.T, o PointObserved, status metav1.ConditionStatus, reason string) {
	t.Helper()
	if c := meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionComplete); c == nil || c.Status != status || c.Reason != reason {
		t.Errorf("Complete is %+v, want %s for %s", c, status, reason)
	}
}

// TestSnapshotsAreSpared: unless all speaks for it, on a fresh look too, the snapshots stay and are judged as ever.
func TestSnapshotsAreSpared(t *testing.T) {
	failed := func(p *api.RecoveryPoint) { p.Status.Copies[0].State = api.CopyFailed }
	fresh := func(mod testkit.Mod[api.RecoveryPoint]) func(*PointObserved) {
		return func(o *PointObserved) { o.Fresh = o.Point.DeepCopy(); mod(o.Fresh) }
	}
	for name, mod := range map[string]func(*PointObserved){
		"nobody let them go":              func(o *PointObserved) { o.Point.Status.Release = nil },
		"the copy is let go too":          func(o *PointObserved) { letPartGo("copy/a")(o.Point) },
		"the copy failed":                 func(o *PointObserved) { failed(o.Point) },
		"the copy failed a moment ago":    fresh(failed),
		"they are kept again":             fresh(func(p *api.RecoveryPoint) { p.Status.Release = nil }),
		"the copy lacks a volume":         func(o *PointObserved) { o.Point.Status.Copies[0].Volumes = o.Point.Status.Copies[0].Volumes[:1] },
		"it is on hold":                   func(o *PointObserved) { o.Point.Spec.Hold = true },
		"it was put on hold a moment ago": fresh(testkit.Held),
		"it is told to go altogether":     fresh(testkit.Going),
		"no other point has snapshots":    func(o *PointObserved) { o.Siblings = o.Siblings[:1] },
		"others live in their copies":     func(o *PointObserved) { hasCopy("a")(o.Siblings[1]); copiesOnly(o.Siblings[1]) },
		"it is the newest proven one":     func(o *PointObserved) { testkit.Proven(o.Point) },
		"its policy is gone":              func(o *PointObserved) { o.Policy = nil },
		"its policy is going":             func(o *PointObserved) { o.Policy.DeletionTimestamp = metaTime(noon) },
		"its namespace is going":          func(o *PointObserved) { o.NamespaceTerminating = true },
	} {
		t.Run(name, func(t *testing.T) {
			o := lettingGo(mod)
			if p := ForPoint(o, hour(14)); len(p.Delete) > 0 || p.DeleteGroup != nil {
				t.Errorf("deletes %+v", p.Delete)
			}
			o = next(o, hour(14), Done{})
			completeIs(t, o, metav1.ConditionTrue, api.ReasonAllCaptured)
		})
	}
	t.Run("nobody looked", func(t *testing.T) {
		o := lettingGo()
		o.Fresh = nil
		if p := ForPoint(o, hour(14)); len(p.Delete) > 0 {
			t.Errorf("deletes %+v", p.Delete)
		}
	})
}

// TestHoldTooLate: once it is on record that the snapshots go, a hold does not stop half way, and says so once.
func TestHoldTooLate(t *testing.T) {
	o := onRecord(lettingGo(), hour(14))
	spared := o
	spared.Fresh = lettingGo().Fresh // somebody has them judged as ever again
	if p := ForPoint(spared, hour(14)); len(p.Delete) > 0 {
		t.Errorf("deletes %+v, of which a fresh look does not say that they go", p.Delete)
	}
	o.Point.Spec.Hold, o.Fresh.Spec.Hold = true, true
	p := ForPoint(o, hour(14))
	if len(p.Delete) != 2 || len(p.Notes) != 1 || p.Notes[0].Reason != api.ReasonHoldTooLate || !p.Notes[0].Warning {
		t.Fatalf("deletes %+v, and tells %+v", p.Delete, p.Notes)
	}
	o = next(o, hour(14), Done{})
	completeIs(t, o, metav1.ConditionTrue, api.ReasonCopiesOnly)
	o.Fresh, o.Snapshots = o.Point.DeepCopy(), o.Snapshots[:1]
	if p := ForPoint(o, hour(15)); len(p.Delete) != 1 || len(p.Notes) > 0 {
		t.Errorf("then it deletes %+v, and tells %+v", p.Delete, p.Notes)
	}
	o.Snapshots = nil
	o = next(o, hour(15), Done{})
	if again := next(o, hour(16), Done{}); o.Point.Status.SnapshotsReleasedAt == nil || !strings.HasSuffix(meta.FindStatusCondition(again.Point.Status.Conditions, api.ConditionComplete).Message, holdTooLate) {
		t.Errorf("in the end it says %s", asJSON(again.Point.Status))
	}
	o.Point.Spec.Hold = false
	if o = next(o, hour(16), Done{}); strings.Contains(meta.FindStatusCondition(o.Point.Status.Conditions, api.ConditionComplete).Message, "hold") {
		t.Errorf("without the hold it says %s", asJSON(o.Point.Status))
	}
	o.Point.Spec.Hold = true // of a point without snapshots there is nothing that a hold comes too late for
	if p := ForPoint(o, hour(17)); len(p.Notes) > 0 || strings.Contains(asJSON(p.status), holdTooLate) {
		t.Errorf("put on hold afterwards it tells %+v", p.Notes)
	}
}

// TestGroupIsLetGo: with the snapshots of a group goes the group.
func TestGroupIsLetGo(t *testing.T) {
	o := onRecord(lettingGo(func(o *PointObserved) { o.Group = &Group{Target: Target{"group", "group-uid"}} }), hour(14))
	if p := ForPoint(o, hour(14)); p.DeleteGroup == nil || p.DeleteGroup.UID != "group-uid" {
		t.Errorf("it deletes %+v", p.DeleteGroup)
	}
}

// TestLateSnapshotsGoToo: a snapshot that is seen only after the others were gone goes as well, while a copy is complete.
func TestLateSnapshotsGoToo(t *testing.T) {
	o := lettingGo(func(o *PointObserved) { copiesOnly(o.Point) })
	if p := ForPoint(o, hour(14)); len(p.Delete) != 2 {
		t.Errorf("deletes %+v", p.Delete)
	}
	o.Point.Status.Copies[0].State = api.CopyFailed
	if p := ForPoint(o, hour(14)); len(p.Delete) != 0 {
		t.Errorf("deletes %+v, and there is no copy", p.Delete)
	}
}

// TestImportedPoints: nothing is captured for them, they hold nobody up, and they are worth what their copies are.
func TestImportedPoints(t *testing.T) {
	imported := func(mods ...testkit.Mod[api.RecoveryPoint]) PointObserved {
		o := seenPoint()
		o.Point = testkit.Point(noon, both, append([]testkit.Mod[api.RecoveryPoint]{hasCopy("vault"), origin}, mods...)...)
		o.Point.Finalizers, o.Point.Spec.Slot = nil, nil
		o.Point.Status.ObservedGeneration = o.Point.Generation
		for i := range o.Point.Status.Conditions {
			o.Point.Status.Conditions[i].ObservedGeneration = o.Point.Generation
		}
		return o
	}
	started := imported(func(p *api.RecoveryPoint) {
		p.Status = api.RecoveryPointStatus{}
		p.Annotations = map[string]string{api.AnnotationImportedFrom: "vault/from-afar"}
	})
	for name, o := range map[string]PointObserved{"begun": started, "done": imported()} {
		p := ForPoint(o, noon)
		if got := p.Status(o, Done{}, noon); p.Finalizer != "" || len(p.Create)+len(p.Delete) > 0 || !reflect.DeepEqual(got, o.Point.Status) {
			t.Errorf("an import that is %s brings %+v and\n%s", name, p, asJSON(got))
		}
	}
	o := imported(func(p *api.RecoveryPoint) { p.Status.Copies[0].State = api.CopyFailed })
	o = next(o, noon, Done{})
	completeIs(t, o, metav1.ConditionFalse, api.ReasonNoCompleteCopy)
	o.Point.Status.Copies[0].State = api.CopyComplete
	completeIs(t, next(o, noon, Done{}), metav1.ConditionTrue, api.ReasonCopiesOnly)

	waiting := seenPoint(func(o *PointObserved) {
		started.Point.CreationTimestamp, started.Point.Name, started.Point.UID = metav1.NewTime(noon.Add(-time.Minute)), "from-afar", "x"
		o.Siblings = append(o.Siblings, started.Point)
	})
	if waiting = next(waiting, noon, Done{}); waiting.Point.Status.Capture == nil {
		t.Error("a capture waits for an import")
	}
	if p := ForPolicy(seenPolicy([]*api.RecoveryPoint{imported().Point, started.Point}), noon); p.Status.RecoveryPoints != (api.PointCounts{}) || len(p.Keep) > 0 {
		t.Errorf("a policy counts them: %+v, %v", p.Status.RecoveryPoints, p.Keep)
	}
	captured := testkit.Point(noon, both, func(p *api.RecoveryPoint) { p.Annotations = started.Point.Annotations })
	if wasImported(captured) {
		t.Error("whoever annotates a captured point has it forgotten")
	}
}

func TestHeldPart(t *testing.T) {
	b := testkit.Policy(to("a", "", lasting(1)), to("b", "", &api.Retention{Last: 1, Minimum: 2}))
	all := func(mods ...testkit.Mod[api.RecoveryPoint]) *api.RecoveryPoint {
		return testkit.Point(hour(9), both, append([]testkit.Mod[api.RecoveryPoint]{hasCopy("a"), hasCopy("b")}, mods...)...)
	}
	newer := testkit.Point(hour(10), both, hasCopy("a"), hasCopy("b"))
	for _, c := range []struct {
		name   string
		point  *api.RecoveryPoint
		part   string
		policy *api.BackupPolicy
		others []*api.RecoveryPoint
		held   bool
	}{
		{"snapshots, and a newer one has some", all(), PartSnapshots, b, []*api.RecoveryPoint{newer}, false},
		{"a copy, and a newer one has one there", all(), "copy/a", b, []*api.RecoveryPoint{newer}, false},
		{"snapshots of the only one", all(), PartSnapshots, b, nil, true},
		{"the newer one has snapshots that are being let go", all(), PartSnapshots, b, []*api.RecoveryPoint{testkit.Point(hour(10), both, hasCopy("a"), letPartGo(PartSnapshots))}, true},
		{"the newer one has lost its snapshots", all(), PartSnapshots, b, []*api.RecoveryPoint{testkit.Point(hour(10), both, hasCopy("a"), lost)}, true},
		{"the newer one lacks a claim", all(), PartSnapshots, b, []*api.RecoveryPoint{testkit.Point(hour(10), both[:1])}, true},
		{"a copy of the only one", all(), "copy/a", b, nil, true},
		{"a copy of the only one, where none must stay", all(), "copy/a", testkit.Policy(to("a", "", &api.Retention{Last: 1})), nil, true},
		{"a copy of one of two, and two must stay there", all(), "copy/b", b, []*api.RecoveryPoint{newer}, true},
		{"the newer one has none there", all(), "copy/a", b, []*api.RecoveryPoint{testkit.Point(hour(10), both)}, true},
		{"what is left of lost snapshots", all(lost), PartSnapshots, b, nil, false},
		{"snapshots without any copy", testkit.Point(hour(9), both), PartSnapshots, b, []*api.RecoveryPoint{newer}, true},
		{"snapshots, and every copy is let go", all(letPartGo("copy/a"), letPartGo("copy/b")), PartSnapshots, b, []*api.RecoveryPoint{newer}, true},
		{"the last part", testkit.Point(hour(9), both, lost, hasCopy("a")), "copy/a", b, []*api.RecoveryPoint{newer}, true},
		{"a copy, and the snapshots are being let go", testkit.Point(hour(9), both, hasCopy("a"), letPartGo(PartSnapshots)), "copy/a", b, []*api.RecoveryPoint{newer}, true},
		{"a copy of one that was lost, and another is left", all(lost), "copy/a", b, []*api.RecoveryPoint{newer}, false},
		{"of the newest proven one", all(testkit.Proven), "copy/a", b, []*api.RecoveryPoint{newer}, true},
		{"on hold", all(testkit.Held), PartSnapshots, b, []*api.RecoveryPoint{newer}, true},
		{"a copy without a target", testkit.Point(hour(9), both, hasCopy("old")), "copy/old", b, []*api.RecoveryPoint{newer}, true},
		{"without a policy", all(), PartSnapshots, nil, []*api.RecoveryPoint{newer}, true},
		{"of a namesake's", all(ofOther), PartSnapshots, b, []*api.RecoveryPoint{newer}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if why := HeldPart(c.point, c.part, c.policy, append(c.others, c.point)); (why != "") != c.held {
				t.Errorf("held: %q, want %t", why, c.held)
			}
		})
	}
}
