// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// scenario is something that happens to a cluster at rest. Faults strike between its act and its rest.
type scenario struct {
	name    string
	claims  []string
	policy  *api.BackupPolicy
	prepare func(w *World) // after the policy was applied, before the operator runs
	before  time.Duration  // how long all goes well

	rehearses bool // drills and fingerprints are looked at
	copies    bool // and repositories, copies and restores
	act       func(w *World)
	window    time.Duration // how long it takes from the act to rest
	expect    func(t *testing.T, w *World)

	sample int  // only each so manieth request is spoiled, of writes eight times as many; zero stands for each
	rests  bool // nothing is due in the hour after it
}

var claims3 = []string{"data", "logs", "queue"}

func scenarios() []scenario {
	return slices.Concat(loneScenarios(), groupScenarios(), drillScenarios(), clusterScenarios(), findingScenarios(), copyScenarios())
}

func loneScenarios() []scenario {
	return []scenario{
		{
			name: "a slot captures three claims", claims: claims3, policy: testkit.Policy(),
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "a slot expires the oldest point", claims: []string{"data", "logs"}, policy: testkit.Policy(last(1)),
			before: time.Hour + 59*time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "a policy is deleted with Prune", claims: []string{"data", "logs"}, policy: testkit.Policy(prune),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { w.Delete(w.Policy("web")) }, window: 20 * time.Minute,
			expect: completePoints(0),
		},
		{
			name: "a user deletes a point", claims: []string{"data", "logs"}, policy: testkit.Policy(),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "hooks run around a capture", claims: []string{"data", "logs"}, policy: testkit.Policy(hooks("true")),
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); hooksRan(t, w) },
		},
		{
			name: "a Before hook fails", claims: []string{"data"}, policy: testkit.Policy(hooks("false")),
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(0)(t, w); hooksRan(t, w) },
		},
		{
			name: "a quota refuses one of three for a while", claims: claims3, policy: testkit.Policy(),
			prepare: func(w *World) {
				until := monday.Add(time.Hour + 20*time.Second)
				w.API.Admit = refuseUntil(w, "logs", until)
			},
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "one of three never becomes ready", claims: claims3, policy: testkit.Policy(timeout(time.Minute)),
			prepare: func(w *World) { w.Storage.Scripts["logs"] = testkit.Script{Never: true} },
			before:  59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(0),
		},
		{
			name: "an error passes before the deadline", claims: claims3, policy: testkit.Policy(),
			prepare: func(w *World) { w.Storage.Scripts["logs"] = testkit.Script{Error: 3 * time.Minute} },
			before:  59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "retention is shrunk", claims: []string{"data"}, policy: testkit.Policy(last(4), schedule("0 */6 * * *", "UTC")),
			before: 24*time.Hour + 30*time.Minute,
			act: func(w *World) {
				w.Edit("web", func(b *api.BackupPolicy) { b.Spec.Retention.Last, b.Spec.Suspend = 1, false })
			},
			window: 75 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "the namespace is deleted", claims: []string{"data", "logs"}, policy: testkit.Policy(),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { w.Checks.Released = true; w.DeleteNamespace() }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) {
				if n := len(w.Storage.Bytes); n != 4 {
					t.Errorf("the storage system holds %d snapshots, want 4", n)
				}
				if n := len(w.Points()) + len(w.Snapshots()); n != 0 {
					t.Errorf("%d objects keep the namespace from going", n)
				}
			},
		},
		{
			name: "the only point is told to go, and waits for a newer one", claims: []string{"data"}, policy: testkit.Policy(),
			before: time.Hour + 58*time.Minute,
			act:    func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "a point is deleted while it is captured, with hooks", claims: []string{"data", "logs"}, policy: testkit.Policy(hooks("true")),
			prepare: func(w *World) { w.Storage.Scripts["data"] = testkit.Script{Ready: 5 * time.Minute} },
			before:  time.Hour + time.Minute,
			act:     func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(0)(t, w); hooksRan(t, w) },
		},
		{
			name: "a policy is deleted with Retain while a point is captured", claims: []string{"data"}, policy: testkit.Policy(),
			prepare: func(w *World) { w.Storage.Scripts["data"] = testkit.Script{Ready: 5 * time.Minute} },
			before:  time.Hour + time.Minute,
			act:     func(w *World) { w.Delete(w.Policy("web")) }, window: 20 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "the namespace is deleted while a point is captured", claims: []string{"data"}, policy: testkit.Policy(),
			prepare: func(w *World) { w.Storage.Scripts["data"] = testkit.Script{Ready: 5 * time.Minute} },
			before:  time.Hour + time.Minute,
			act:     func(w *World) { w.Checks.Released = true; w.DeleteNamespace() }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) {
				if n := len(w.Points()) + len(w.Snapshots()); n != 0 {
					t.Errorf("%d objects keep the namespace from going", n)
				}
			},
		},
		{
			name: "a claim is made anew", claims: []string{"data"}, policy: testkit.Policy(last(1)),
			before: time.Hour + 58*time.Minute,
			act: func(w *World) {
				w.Delete(testkit.Claim("data")[0])
				w.Delete(testkit.Claim("data")[1])
				w.AddClaim("data")
			},
			window: 20 * time.Minute,
			expect: completePoints(2), // the old claim's last point stays: it is another lineage
		},
		{
			name: "a point by hand while a slot is being captured", claims: []string{"data"}, policy: testkit.Policy(),
			prepare: func(w *World) { w.Storage.Scripts["data"] = testkit.Script{Ready: 2 * time.Minute} },
			before:  time.Hour + time.Minute,
			act: func(w *World) {
				w.Apply(&api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "now"},
					Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "web"}}})
			},
			window: 30 * time.Minute,
			expect: completePoints(2),
		},
		{
			// A watch that is broken meanwhile tells of a policy that seems not to have changed.
			name: "a policy that is never due soon is made anew at once", claims: []string{"data"}, policy: testkit.Policy(schedule("0 0 1 1 *", "UTC")),
			before: 59 * time.Minute,
			act: func(w *World) {
				w.Delete(w.Policy("web"))
				w.Apply(testkit.Policy())
			},
			window: 20 * time.Minute,
			expect: completePoints(1),
		},
	}
}

func last(n int32) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) { b.Spec.Retention.Last = n }
}

func prune(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune }

func timeout(d time.Duration) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		b.Spec.Snapshot = &api.SnapshotOptions{Timeout: &metav1.Duration{Duration: d}}
	}
}

func hooks(before string) testkit.Mod[api.BackupPolicy] {
	return func(b *api.BackupPolicy) {
		b.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{
			{Name: "freeze", When: api.HookBefore, Command: []string{before}, OnError: api.HookAbort},
			{Name: "thaw", When: api.HookAfter, Command: []string{"true"}},
		}}
	}
}

func refuseUntil(w *World, claim string, until time.Time) func(client.Object) error {
	return func(o client.Object) error {
		if o.GetAnnotations()[api.AnnotationClaim] == claim && w.Clock.Now().Before(until) {
			return testkit.QuotaExceeded(o.GetName())
		}
		return nil
	}
}

// completePoints expects so many complete points, and their bytes.
func completePoints(n int) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		got, volumes := 0, 0
		for _, p := range w.Points() {
			if slices.ContainsFunc(p.Status.Conditions, func(c metav1.Condition) bool { return c.Type == api.ConditionComplete && c.Status == "True" }) {
				got++
				volumes += int(p.Status.Capture.Volumes)
			}
		}
		if got != n {
			t.Errorf("there are %d complete points, want %d", got, n)
		}
		if len(w.Storage.Bytes) < volumes {
			t.Errorf("the storage system holds %d snapshots for %d volumes of complete points", len(w.Storage.Bytes), volumes)
		}
	}
}

// hooksRan expects that what was frozen was thawed afterwards.
func hooksRan(t *testing.T, w *World) {
	t.Helper()
	if len(w.Hooks) == 0 || w.Hooks[0].Name != "freeze" || w.Hooks[len(w.Hooks)-1].Name != "thaw" {
		t.Errorf("hooks ran %v, want freeze first and thaw last", w.Hooks)
	}
}

// begin brings a scenario to the instant before its act.
func (s scenario) begin(t *testing.T) *World {
	t.Helper()
	w := New(monday, s.claims...)
	w.Apply(s.policy.DeepCopy())
	if s.prepare != nil {
		s.prepare(w)
	}
	if w.Rehearses, w.Copies = s.rehearses || s.copies, s.copies; s.copies {
		must(w.API.Seed(testkit.OtherClass()))
	}
	w.Start(nil, nil)
	if err := w.Run(s.before); err != nil {
		t.Fatal(err)
	}
	return w
}

// run plays the act and what follows on a copy, with an operator whose requests go through around.
func (s scenario) run(from *World, around testkit.Around, lag func() int) (*World, *Operator, error) {
	return s.play(from, func(w *World) *Operator { return w.Start(around, lag) })
}

// runWith hands the operator out before it does anything.
func (s scenario) runWith(from *World, around testkit.Around, started func(*Operator)) (*World, *Operator, error) {
	return s.play(from, func(w *World) *Operator {
		o := w.Start(around, nil)
		started(o)
		return o
	})
}

func (s scenario) play(from *World, start func(*World) *Operator) (*World, *Operator, error) {
	w, o, err := s.playFor(from, s.window, start)
	if err == nil {
		w.Checks.AtRest()
	}
	return w, o, err
}

// playFor plays the act and some time of what follows.
func (s scenario) playFor(from *World, window time.Duration, start func(*World) *Operator) (*World, *Operator, error) {
	w := from.Copy()
	if s.prepare != nil {
		s.prepare(w)
	}
	w.API.News()
	s.act(w)
	o := start(w)
	return w, o, w.Run(window)
}

// expectRest checks that a world at rest stays at rest, and kept its promises.
func expectRest(t *testing.T, w *World) {
	t.Helper()
	n, err := w.Writes()
	if err != nil || n > 0 {
		t.Errorf("invariant 9: at rest the operator writes %d times: %v (%v)", n, w.operators[0].Log[len(w.operators[0].Log)-n:], err)
	}
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
}

func TestScenariosWithoutFaults(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w, o, err := s.run(s.begin(t), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.expect(t, w)
			expectRest(t, w)
			if _, err := s.told(w, fault{}, testkit.Call{}); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				for _, l := range o.Log {
					t.Log(l)
				}
				for _, e := range w.Told {
					t.Log(e.At.Format(time.TimeOnly), e.About, e.Reason, e.Sentence)
				}
			}
		})
	}
}
