// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// sixHourly leaves most hours without a slot.
var sixHourly = schedule("0 */6 * * *", "UTC")

func findingScenarios() []scenario {
	out := slices.Concat(captureFindings(), drillFindings(), policyFindings(), unreadFindings())
	for i := range out {
		out[i].rests = true
	}
	return out
}

func captureFindings() []scenario {
	return []scenario{
		{
			name: "a snapshot is deleted behind our back, and then its point", claims: []string{"data"}, policy: testkit.Policy(sixHourly),
			before: 12*time.Hour + 30*time.Minute, window: 25 * time.Minute,
			act: func(w *World) {
				w.Checks.Lossy = true
				s := w.Snapshots()
				must(w.Storage.Lose(context.Background(), &s[len(s)-1]))
				w.In(10*time.Minute, func(w *World) { p := w.Points()[1]; w.Delete(&p) })
			},
			expect: expectAll(completePoints(1), tale(api.ReasonRecoveryPointVanished, "Critical, cleared")),
		},
		{
			name: "the storage system fails one volume for a while", claims: []string{"data", "logs"},
			policy: testkit.Policy(schedule("0 */2 * * *", "UTC"), recoveryPoint(150*time.Minute)),
			before: 5*time.Hour + 30*time.Minute, window: 4*time.Hour + 50*time.Minute, sample: 24,
			act: func(w *World) {
				w.Storage.Scripts["logs"] = testkit.Script{Never: true}
				w.In(3*time.Hour+40*time.Minute, func(w *World) { delete(w.Storage.Scripts, "logs") })
			},
			expect: expectAll(tale(api.ReasonPartialPoint, "High, High, cleared, cleared"), tale(api.ReasonSnapshotStuck, "Medium, High, cleared"),
				tale(api.ReasonObjectiveMissed, "High, Critical, cleared"), noneOpen),
		},
		{
			name: "a claim is made anew, and captured with the next slot", claims: []string{"data"}, policy: testkit.Policy(sixHourly),
			before: 12*time.Hour + 30*time.Minute, window: 5*time.Hour + 50*time.Minute,
			act: func(w *World) {
				w.Delete(testkit.Claim("data")[0])
				w.Delete(testkit.Claim("data")[1])
				w.AddClaim("data")
			},
			expect: expectAll(completePoints(3), tale(api.ReasonVolumeReplaced, "High, cleared"), tale(api.ReasonVolumeNotCaptured, ""), noneOpen),
		},
		{
			// While it is open, two slots would have pushed points out.
			name: "a volume holds nothing for a while", claims: []string{"data"}, rehearses: true,
			policy: testkit.Policy(sixHourly, last(4), func(b *api.BackupPolicy) { b.Spec.Fingerprint = api.FingerprintEvery }),
			before: 29*time.Hour + 55*time.Minute, window: 12*time.Hour + 25*time.Minute, sample: 64,
			act: func(w *World) {
				w.Machine.Files["data"] = 0
				w.In(6*time.Hour+30*time.Minute, func(w *World) {
					w.Checks.Note("%d points", len(w.Points()))
					delete(w.Machine.Files, "data")
				})
			},
			expect: expectAll(completePoints(4), tale(api.ReasonSizeAnomaly, "High, cleared"), noneOpen),
		},
	}
}

const classChanges = "a storage class changes after a proof"

func drillFindings() []scenario {
	drill := func(cron string) testkit.Mod[api.BackupPolicy] {
		return func(b *api.BackupPolicy) {
			b.Spec.Drill = &api.Drill{Cron: cron, Select: api.SelectLatest, History: ptr.To[int32](1)}
		}
	}
	return []scenario{
		{
			name: "a drill fails twice and then passes", claims: []string{"data"}, policy: testkit.Policy(sixHourly, drill("30 6-8 * * *")), rehearses: true,
			before: 6*time.Hour + 29*time.Minute, window: 2*time.Hour + 10*time.Minute, sample: 64,
			act: func(w *World) {
				w.Machine.Fates["data"] = testkit.Unreadable
				w.In(91*time.Minute, func(w *World) { delete(w.Machine.Fates, "data") })
			},
			expect: expectAll(tale(api.ReasonDrillFailed, "High, Critical, cleared"), noneOpen, drillsPassed(1)),
		},
		{
			name: classChanges, claims: []string{"data"}, policy: testkit.Policy(sixHourly, drill("30 6 * * *")), rehearses: true,
			before: 7 * time.Hour, window: 15 * time.Minute, sample: 9, act: editClass,
			expect: expectAll(tale(api.ReasonStorageStackChanged, "Medium, cleared"), noneOpen, drillsPassed(2)),
		},
	}
}

func policyFindings() []scenario {
	return []scenario{
		{
			name: "a policy is weakened, which is then accepted", claims: []string{"data"}, policy: testkit.Policy(sixHourly, recoveryPoint(8*time.Hour)),
			before: 12*time.Hour + 30*time.Minute, window: 25 * time.Minute,
			act: func(w *World) {
				w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Objectives = nil })
				w.In(10*time.Minute, func(w *World) {
					w.Edit("web", func(b *api.BackupPolicy) {
						b.Annotations = map[string]string{api.AnnotationAcceptWeakening: strconv.FormatInt(b.Generation, 10)}
					})
				})
			},
			expect: expectAll(tale(api.ReasonPolicyWeakened, "High, cleared"), noneOpen),
		},
		{
			name: "a policy is suspended for long, and resumed", claims: []string{"data"}, policy: testkit.Policy(sixHourly),
			before: 12*time.Hour + 30*time.Minute, window: 198 * time.Hour, sample: 4,
			act: func(w *World) {
				w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Suspend = true })
				w.In(8*24*time.Hour, func(w *World) { w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Suspend = false }) })
			},
			expect: expectAll(tale(api.ReasonPolicySuspended, "Medium, High, cleared"), tale(api.ReasonObjectiveMissed, "High, Critical, cleared"), noneOpen),
		},
	}
}

func unreadFindings() []scenario {
	unreadable := func(kind string, d time.Duration) func(*World) {
		return func(w *World) { w.Unreadable = map[string]time.Time{kind: w.Clock.Now().Add(d)} }
	}
	return []scenario{
		{
			name: "storage classes cannot be listed for a while", claims: []string{"data"}, policy: testkit.Policy(sixHourly),
			before: 17*time.Hour + 50*time.Minute, window: time.Hour, sample: 17,
			act:    unreadable("StorageClassList", 40*time.Minute),
			expect: expectAll(completePoints(3), unread("stack"), noneOpen),
		},
		{
			// The edit is applied at half past one, in the middle of it.
			name: "points cannot be listed for a while", claims: []string{"data"}, policy: testkit.Policy(sixHourly, last(2)),
			before: 12*time.Hour + 30*time.Minute, window: 100 * time.Minute, sample: 3,
			act: func(w *World) {
				w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Retention.Last = 1 })
				w.In(50*time.Minute, unreadable("RecoveryPointList", 30*time.Minute))
				w.In(79*time.Minute, func(w *World) {
					b := w.Policy("web")
					for _, c := range b.Status.Conditions {
						w.Checks.Note("%s %s", c.Type, c.Status)
					}
					w.Checks.Note("%d points, %d expire", len(w.Points()), len(b.Status.Expiring))
				})
			},
			expect: expectAll(completePoints(1), unread(""),
				noted("Protected Unknown", "Ready Unknown", "2 points, 0 expire")),
		},
	}
}

func recoveryPoint(d time.Duration) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		b.Spec.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: d}}
	}
}

// editClass changes the class of the claims in what can be edited.
func editClass(w *World) {
	c := testkit.StorageClass()
	must(w.User.Get(context.Background(), client.ObjectKeyFromObject(c), c))
	c.MountOptions = []string{"noatime"}
	must(w.User.Update(context.Background(), c))
}

// classAnew makes the class of the claims anew with other parameters, as an administrator does: they cannot be edited.
func classAnew(w *World) {
	w.Delete(testkit.StorageClass())
	other := testkit.StorageClass()
	other.Parameters = map[string]string{"encrypted": "true"}
	w.Apply(other)
}

// TestClassMadeAnew: one fresh drill, also where it is seen that the class was gone in between.
func TestClassMadeAnew(t *testing.T) {
	all := drillFindings()
	s := all[slices.IndexFunc(all, func(s scenario) bool { return s.name == classChanges })]
	from := s.begin(t)
	s.act = classAnew
	for _, k := range []int{0, 1, 2, 4} {
		w, err := s.behind(from, k)
		if err != nil {
			t.Fatal(err)
		}
		s.expect(t, w)
		expectRest(t, w)
	}
}

// TestFreshDrillIsAskedForOnce: whatever becomes of it, no other follows before the schedule has one. It kills: asking for one
// for as long as no drill has passed; going by drills that history forgets.
func TestFreshDrillIsAskedForOnce(t *testing.T) {
	all := drillFindings()
	s := all[slices.IndexFunc(all, func(s scenario) bool { return s.name == classChanges })]
	from := s.begin(t)
	for _, fate := range []testkit.Fate{testkit.Unreadable, testkit.Lost} {
		w := from.Copy()
		w.Machine.Fates["data"] = fate
		editClass(w)
		w.Start(nil, nil)
		run(t, w, 4*time.Hour)
		if d := w.Policy("web").Status.Drills; d.Failed+d.Inconclusive != 1 || d.Passed != 1 {
			t.Errorf("%s: drills ended as %+v", fate, d)
		}
		if is := w.tale(api.ReasonStorageStackChanged, "*"); is != "Medium" {
			t.Errorf("%s: of the stack it is said %q", fate, is)
		}
		expectRest(t, w)
	}
}

func expectAll(all ...func(*testing.T, *World)) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		for _, expect := range all {
			expect(t, w)
		}
	}
}

// tale expects what became of the findings of a kind.
func tale(kind, want string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		if is := w.tale(kind, "*"); is != want {
			t.Errorf("of %s it was said %q, want %q", kind, is, want)
		}
	}
}

// tale is what became of the findings of a kind and a subject; of any subject when it is a star.
func (w *World) tale(kind, subject string) string {
	var out []string
	for _, c := range w.Checks.Changes {
		switch {
		case c.Kind != kind || (subject != "*" && c.Subject != subject):
		case c.Cleared:
			out = append(out, "cleared")
		default:
			out = append(out, string(c.Severity))
		}
	}
	return strings.Join(out, ", ")
}

// unread expects that a fact could not be read for long, besides what a fault adds.
func unread(fact string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		if is := w.tale(api.ReasonEvaluationError, fact); !strings.Contains(is, "Medium, High, cleared") {
			t.Errorf("of what could not be read it was said %q", is)
		}
	}
}

// noneOpen expects that all is well again.
func noneOpen(t *testing.T, w *World) {
	t.Helper()
	s := w.Policy("web").Status
	if len(s.Findings) > 0 || s.FindingCounts.Total > 0 {
		t.Errorf("findings are left: %+v", s.Findings)
	}
	for _, c := range s.Conditions {
		if c.Status != metav1.ConditionTrue {
			t.Errorf("%s is %s", c.Type, c.Status)
		}
	}
}

func drillsPassed(n int64) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		s := w.Policy("web").Status
		if s.Drills.Passed != n || !meta.IsStatusConditionTrue(s.Conditions, api.ConditionProven) {
			t.Errorf("drills: %+v, want %d that passed", s.Drills, n)
		}
		nothingLeft(t, w)
	}
}

func noted(want ...string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		if !slices.Equal(w.Checks.Notes, want) {
			t.Errorf("meanwhile it was %q, want %q", w.Checks.Notes, want)
		}
	}
}

// slotsPassed is what an event says that bears the reason of a finding, and is not about one.
const slotsPassed = " slots up to "

// mostErrors is how many events more than without it a fault may bring: that something could not be read, for one fact or for all, and that it is over.
const mostErrors = 4

// told holds the events about findings against what was written of them, and counts them. What a write changed in findings of
// a kind is told once, at that instant, and nothing else is. An event comes after the write, and is not made up for: it is
// lost when the operator is killed in between, and when it does not hear that its write was done.
func (s scenario) told(w *World, f fault, hit testkit.Call) (int, error) {
	type key struct {
		at           time.Time
		policy, kind string
		cleared      bool
	}
	told, count, kinds := map[key]int{}, 0, drift.Kinds()
	for _, e := range w.Told {
		if e.Kind != "*v1alpha1.BackupPolicy" || !slices.Contains(kinds, e.Reason) || strings.Contains(e.Sentence, slotsPassed) {
			continue
		}
		told[key{e.At, e.About, e.Reason, strings.HasPrefix(e.Sentence, "cleared: ")}]++
		count++
	}
	lost := 0 // the write that nobody was told of
	written := map[key]int{}
	for _, c := range w.Checks.Changes {
		k := key{c.At, c.Policy, c.Kind, c.Cleared}
		if written[k] == c.Write {
			continue // the same event tells of it
		}
		if written[k] = c.Write; told[k] > 0 {
			told[k]--
			continue
		}
		excused := f.mute && hit.Verb == testkit.Status && hit.Kind == policyKind && (lost == 0 || lost == c.Write)
		if lost = c.Write; !excused {
			return count, fmt.Errorf("nobody was told of %+v", c)
		}
	}
	for k, n := range told {
		if n > 0 {
			return count, fmt.Errorf("%d events tell what did not come to be: %+v", n, k)
		}
	}
	if s.rests {
		return count, w.quietHour()
	}
	return count, nil
}

// quietHour lets an hour pass in which nothing is due.
func (w *World) quietHour() error {
	o := w.operators[0]
	changes, calls := o.Changes, o.Calls
	if err := w.Run(time.Hour); err != nil {
		return err
	}
	if n := o.Changes - changes; n > 0 {
		return fmt.Errorf("invariant 9: in an hour of rest it writes %d times: %v", n, o.Log[len(o.Log)-n:])
	}
	if n := o.Calls - calls; n > mostIdle {
		return fmt.Errorf("in an hour of rest it reads %d times", n)
	}
	return nil
}

// mostIdle is how many requests an hour of rest may take: something may be looked at twice, at an instant at which it could have changed.
const mostIdle = 40
