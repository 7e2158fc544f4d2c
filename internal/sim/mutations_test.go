// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
	"github.com/lifeboat-dev/lifeboat/internal/testkit/schema"
)

var definitions = sync.OnceValue(func() map[string]*schema.Definition {
	all, err := schema.Load("../..")
	must(err)
	return all
})

// guarded has every object that the operator writes of our kinds looked at as the API server does: what it would refuse
// could never be written, and would be tried for ever.
func guarded(user client.Reader, refused *[]string) testkit.Around {
	return func(c testkit.Call, do func() error) error {
		err := do()
		d := definitions()[c.Kind]
		if err != nil || d == nil || (c.Verb != testkit.Status && c.Verb != testkit.Create) {
			return err
		}
		obj, _ := scheme.New(api.GroupVersion.WithKind(c.Kind))
		if user.Get(context.Background(), c.Key, obj.(client.Object)) != nil {
			return err
		}
		if _, errs := d.Admit(asObject(c.Kind, obj)); len(errs) > 0 {
			*refused = append(*refused, fmt.Sprintf("%s: the API server would refuse: %v", c, errs))
		}
		return err
	}
}

func asObject(kind string, obj any) map[string]any {
	raw, err := json.Marshal(obj)
	must(err)
	m := schema.Read(raw)
	m["apiVersion"], m["kind"] = api.GroupVersion.String(), kind
	delete(m["metadata"].(map[string]any), "creationTimestamp")
	return m
}

func typed[T any](m map[string]any) *T {
	raw, err := json.Marshal(m)
	must(err)
	out := new(T)
	must(json.Unmarshal(raw, out))
	return out
}

// When a policy is edited, and for how long the operator then has: two slots, a drill, and the grace after an edit of the retention.
const (
	editAt  = 2*time.Hour + 10*time.Minute
	editFor = 2*time.Hour + 40*time.Minute

	// mostPasses are more than a policy with two claims needs from one minute to the next: its point, its drill and their volumes
	// are looked at after each change to any of them. A reconciler that wakes itself needs far more.
	mostPasses = 150
)

// editWorld has two claims with labels, a workload, and no policy.
func editWorld() *World {
	w := New(monday, "data", "logs")
	for _, name := range []string{"data", "logs"} {
		var c corev1.PersistentVolumeClaim
		must(w.User.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: name}, &c))
		c.Labels = map[string]string{"app": "shop"}
		must(w.User.Update(context.Background(), &c))
	}
	w.Rehearses = true
	return w
}

// before is what a kind of edits starts from: a world in which the policy before the edit has been at work, and one in which there was none.
type before struct {
	policy    map[string]any
	old, idle *World
	captures  bool // and has points complete
	proves    bool // and has drills pass
}

func beforeEdits(t *testing.T, base map[string]any) before {
	t.Helper()
	admitted, errs := definitions()["BackupPolicy"].Admit(base)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	b := before{policy: admitted, old: editWorld(), idle: editWorld()}
	b.old.Apply(typed[api.BackupPolicy](admitted))
	for _, w := range []*World{b.old, b.idle} {
		w.Start(nil, nil)
		if err := w.Run(editAt); err != nil {
			t.Fatal(err)
		}
	}
	fresh := edition{w: b.idle.Copy()}
	fresh.w.Apply(typed[api.BackupPolicy](admitted))
	fresh.run()
	b.captures, b.proves = fresh.captured(), fresh.proven()
	return b
}

// edition is a world in which a policy is in force from editAt on.
type edition struct {
	w      *World
	broken []string
	movers map[string]string // by task: the last pod that was made to do it with a repository
}

// run has the operator work, and looks for what it must never do, whatever the policy says.
func (e *edition) run() {
	o := e.work(editFor)
	if o == nil {
		return
	}
	if !e.keepsThrowaways() {
		e.w.Checks.AtRest()
	}
	if n, err := e.w.Writes(); err != nil || n > 0 {
		e.broken = append(e.broken, fmt.Sprintf("at rest the operator writes %d times: %v (%v)", n, err, o.Log[len(o.Log)-n:]))
	}
	for _, f := range e.w.Checks.Found {
		if !slices.ContainsFunc(asAsked, func(s string) bool { return strings.Contains(f, s) }) {
			e.broken = append(e.broken, f)
		}
	}
}

// work has the operator work for a while, and counts what it does; nil when that is too much.
func (e *edition) work(howLong time.Duration) *Operator {
	e.movers = map[string]string{}
	guard := guarded(e.w.User, &e.broken)
	o := e.w.Start(func(c testkit.Call, do func() error) error {
		err := guard(c, do)
		if c.Verb == testkit.Create && c.Kind == "Pod" {
			e.seesMover(c.Key)
		}
		return err
	}, nil)
	for end := e.w.Clock.Now().Add(howLong); e.w.Clock.Now().Before(end); {
		passes := e.w.Passes
		if err := e.w.Run(time.Minute); err != nil {
			e.broken = append(e.broken, err.Error())
			return nil
		}
		if n := e.w.Passes - passes; n > mostPasses {
			e.broken = append(e.broken, fmt.Sprintf("%d passes in one minute, at %s", n, e.w.Clock.Now()))
			return nil
		}
	}
	return o
}

// rest has the operator work for a while, and wants nothing written after it.
func (e *edition) rest(howLong time.Duration) {
	if e.work(howLong) == nil {
		return
	}
	if n, err := e.w.Writes(); err != nil || n > 0 {
		e.broken = append(e.broken, fmt.Sprintf("it still writes %d times: %v", n, err))
	}
}

// keepsThrowaways says whether the policy, or a drill, asks for throw-aways to stay for a while.
func (e *edition) keepsThrowaways() bool {
	d := e.w.Policy("web").Spec.Drill
	return (d != nil && d.Cleanup != nil) || slices.ContainsFunc(e.w.drills(), func(d api.RestoreDrill) bool { return d.Spec.Cleanup != nil })
}

// asAsked is what the invariants hold against a policy that asks for it.
var asAsked = []string{
	"invariant 16: Independent of",   // which findings speak against it is not known there
	"invariant 14: delete ConfigMap", // old evidence goes once a policy has a hundred of it, as one does that rehearses each minute
}

// since are the points that were asked for after the edit.
func (e *edition) since() []api.RecoveryPoint {
	return slices.DeleteFunc(e.w.Points(), func(p api.RecoveryPoint) bool { return p.CreationTimestamp.Time.Before(monday.Add(editAt)) })
}

func (e *edition) captured() bool {
	return slices.ContainsFunc(e.since(), func(p api.RecoveryPoint) bool {
		return meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionComplete)
	})
}

func (e *edition) drills() []api.RestoreDrill {
	return slices.DeleteFunc(e.w.drills(), func(d api.RestoreDrill) bool { return d.CreationTimestamp.Time.Before(monday.Add(editAt)) })
}

// proven says whether the last drill that ended passed. The first one of a fresh policy has no point yet, and the last one may be under way.
func (e *edition) proven() bool {
	d := slices.DeleteFunc(e.drills(), func(d api.RestoreDrill) bool { return d.Status.Verdict == "" })
	return len(d) > 0 && d[len(d)-1].Status.Verdict == api.VerdictPassed
}

// ofHistory are findings about what happened before an edit, or that grow with the time since the promise was first made. A fresh
// policy has no such past: it has no points, no drills, and promised nothing stronger.
var ofHistory = []string{api.ReasonObjectiveMissed, api.ReasonNeverSucceeded, api.ReasonVolumeNotCaptured, api.ReasonNeverProven, api.ReasonDrillFailed, api.ReasonDrillInconclusive,
	api.ReasonProofExpired, api.ReasonProofTooShallow, api.ReasonRetentionShort, api.ReasonRetentionExcess, api.ReasonPolicyWeakened, api.ReasonNoIndependentCopy,
	api.ReasonCopyLate, api.ReasonLastProvenAtRisk, api.ReasonSlotMissed, api.ReasonStorageStackChanged}

// state is all of an edition that must not depend on what was before it. What is left out:
//   - the conditions Protected and Proven, unless the policy has captured, and proven, since: until then they speak of older points, and
//     the sentence of Proven always does, since a drill may rehearse one;
//   - the condition Independent, which speaks of copies, and there are none here;
//   - findings of history, and how loud the others are: that grows with the time for which they hold;
//   - where not all are listed, all but the first of each kind: those of history take room from the others;
//   - points, drills and snapshots of before, which drill rehearses which point, and counts of all of them;
//   - instants at which something was written, and the mark of the newest slot that was looked at.
func (e *edition) state(protected, proven bool) map[string]string {
	p := e.w.Policy("web")
	out := map[string]string{
		"slots":   fmt.Sprint(p.Status.NextSlot, p.Status.NextDrill, p.Status.ActiveRecoveryPoint),
		"volumes": fmt.Sprint(p.Status.Volumes.Selected, p.Status.Volumes.Problems),
		"seen":    fmt.Sprint(observed(p.Status.Conditions) == p.Generation),
	}
	if a := p.Status.Applied; a != nil {
		out["applied"] = fmt.Sprint(a.Schedule, a.Drill, a.Retention, a.Copies)
	}
	for _, c := range p.Status.Conditions {
		if (c.Type != api.ConditionProtected || protected) && (c.Type != api.ConditionProven || proven) && c.Type != api.ConditionIndependent {
			out[c.Type] = fmt.Sprintf("%s %s %s", c.Status, c.Reason, withoutMoments(c.Message))
			if c.Type == api.ConditionProven {
				out[c.Type] = fmt.Sprintf("%s %s", c.Status, c.Reason)
			}
		}
	}
	cut, kinds := int(p.Status.FindingCounts.Total) > len(p.Status.Findings), map[string]bool{}
	for _, f := range p.Status.Findings {
		if cut && kinds[f.Kind] {
			continue
		}
		kinds[f.Kind] = true
		point, of := strings.CutPrefix(f.Subject, "rp/")
		older := of && !slices.ContainsFunc(e.since(), func(q api.RecoveryPoint) bool { return q.Name == point })
		if !slices.Contains(ofHistory, f.Kind) && !older {
			out["finding "+f.Kind+" "+f.Subject] = withoutMoments(f.Message)
		}
	}
	for _, q := range e.since() {
		out["point "+q.Name] = fmt.Sprint(q.Spec.Hold, reasons(q.Status.Conditions), captured(q.Status.Capture), q.Status.Consistency, len(q.Status.Hooks))
		for _, v := range q.Status.Volumes {
			out["volume "+q.Name+" "+v.Claim] = fmt.Sprint(v.State, v.Reason, v.Snapshot, withoutMoments(v.Message))
		}
	}
	for _, d := range e.drills() {
		raw, err := json.Marshal(d.Spec)
		must(err)
		out["drill "+d.Name] = string(raw)
	}
	return out
}

func withoutMoments(s string) string { return moment.ReplaceAllString(s, "T") }

func observed(list []metav1.Condition) int64 {
	least := int64(math.MaxInt64)
	for _, c := range list {
		least = min(least, c.ObservedGeneration)
	}
	return least
}

func reasons(list []metav1.Condition) string {
	var out []string
	for _, c := range list {
		if c.Type == api.ConditionComplete {
			out = append(out, string(c.Status)+" "+c.Reason)
		}
	}
	return strings.Join(out, ",")
}

// says is everything that people can read of a policy, its points and its drills.
func (e *edition) says() string {
	var b strings.Builder
	p := e.w.Policy("web")
	conditions := p.Status.Conditions
	for _, q := range e.since() {
		conditions = append(conditions, q.Status.Conditions...)
		for _, v := range q.Status.Volumes {
			fmt.Fprintln(&b, v.Message)
		}
	}
	for _, d := range e.drills() {
		conditions = append(conditions, d.Status.Conditions...)
		for _, c := range d.Status.Checks {
			fmt.Fprintln(&b, c.Name, c.Message)
		}
	}
	for _, c := range conditions {
		if c.Status != metav1.ConditionTrue || c.Reason == api.ReasonSuspended {
			fmt.Fprintln(&b, c.Message)
		}
	}
	for _, f := range p.Status.Findings {
		fmt.Fprintln(&b, f.Message, f.Remedy)
	}
	return b.String()
}

// idle says that nothing was due: no slot came, and the next one is known.
func (e *edition) idle() bool {
	p := e.w.Policy("web")
	return len(e.since()) == 0 && meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionReady) && p.Status.NextSlot != nil && p.Status.NextSlot.After(e.w.Clock.Now())
}

// judge says what is wrong with an edit that was admitted.
func (b before) judge(m schema.Mutation, edited, fresh *edition) []string {
	wrong := slices.Concat(edited.broken, fresh.broken)
	if len(wrong) > 0 {
		return wrong
	}
	protected, proven := edited.captured() && fresh.captured(), edited.proven() && fresh.proven()
	was, is := fresh.state(protected, proven), edited.state(protected, proven)
	for _, k := range slices.Sorted(maps.Keys(joined(was, is))) {
		if was[k] != is[k] {
			wrong = append(wrong, fmt.Sprintf("%s\n  fresh  %s\n  edited %s", k, was[k], is[k]))
		}
	}
	// While nothing is due yet there is nothing that could be rehearsed either.
	lost := !fresh.idle() && ((b.captures && !fresh.captured()) || (b.proves && !fresh.proven() && len(fresh.drills()) > 0))
	if says := fresh.says(); lost && !m.Named(says) && m.Field() != "jitter" { // a point that comes as late as was asked for is no loss
		wrong = append(wrong, fmt.Sprintf("what worked does not any more, and nothing that is said names %s:\n%s", m.Field(), says))
	}
	return wrong
}

func joined(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// TestEditedPolicyEndsAsAFreshOne edits a policy at work in every way that is admitted, and compares what becomes of it with what
// becomes of a policy that was never another. What is admitted and cannot be carried out is reported by name. And whatever is written
// in a policy: nothing panics, nothing loops, and nothing is written that the API server would refuse.
func TestEditedPolicyEndsAsAFreshOne(t *testing.T) {
	for i, base := range schema.Bases("BackupPolicy") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			from := beforeEdits(t, base)
			admitted(t, "BackupPolicy", 60, base, from.policy, func(m schema.Mutation, object map[string]any) {
				edited, fresh := edition{w: from.old.Copy()}, edition{w: from.idle.Copy()}
				edited.w.Edit("web", func(p *api.BackupPolicy) { p.Spec = typed[api.BackupPolicy](object).Spec })
				edited.run()
				fresh.w.Apply(typed[api.BackupPolicy](object))
				fresh.run()
				for _, wrong := range from.judge(m, &edited, &fresh) {
					t.Errorf("%s: %s", m, wrong)
				}
			})
		})
	}
}

// captured is how a capture was ordered.
func captured(c *api.Capture) string {
	if c == nil {
		return "not begun"
	}
	raw, err := json.Marshal([]any{c.Snapshot, c.Selector, c.Volumes, c.ClaimSet, c.Deadline.Sub(c.StartedAt.Time)})
	must(err)
	return string(raw)
}

// TestTheComparisonFindsFaults shows what the test above is good for: each fault of an operator is found.
func TestTheComparisonFindsFaults(t *testing.T) {
	base := schema.Bases("BackupPolicy")[3]
	from := beforeEdits(t, base)
	d := definitions()["BackupPolicy"]
	mutation := func(path, what string) (schema.Mutation, *api.BackupPolicy) {
		for _, m := range d.Mutations(base) {
			if m.Path == path && m.What == what {
				b, _ := d.AdmitEdit(from.policy, m.Object)
				return m, typed[api.BackupPolicy](b)
			}
		}
		t.Fatalf("no mutation is %s: %s", path, what)
		return schema.Mutation{}, nil
	}
	ended := func(w *World, edit *api.BackupPolicy, before ...func(*World)) *edition {
		e := &edition{w: w}
		if p := w.Policy("web"); edit != nil && p != nil {
			w.Edit("web", func(p *api.BackupPolicy) { p.Spec = *edit.Spec.DeepCopy() })
		} else if edit != nil {
			w.Apply(edit)
		}
		for _, b := range before {
			b(w)
		}
		e.run()
		return e
	}
	cron, often := mutation("spec.schedule.cron", `"*/7 * * * *"`)
	class, wrong := mutation("spec.snapshot.groupClassName", `"`+schema.Nowhere+`"`)
	nameless := schema.Mutation{Path: "spec.manifest", What: `"Keep"`}
	for name, c := range map[string]struct {
		m             schema.Mutation
		edited, fresh *edition
		finds         string // empty when there is nothing to find
	}{
		"none":                      {cron, ended(from.old.Copy(), often), ended(from.idle.Copy(), often), ""},
		"an edit is not looked at":  {cron, ended(from.old.Copy(), nil), ended(from.idle.Copy(), often), "applied"},
		"it is half carried out":    {class, ended(from.old.Copy(), nil), ended(from.idle.Copy(), wrong), "point web-"},
		"nobody is told what about": {nameless, ended(from.old.Copy(), consistently(wrong)), ended(from.idle.Copy(), consistently(wrong)), "nothing that is said names manifest"},
		"it wakes itself":           {cron, ended(from.old.Copy(), often, restless), ended(from.idle.Copy(), often), "passes in one minute"},
	} {
		found := strings.Join(from.judge(c.m, c.edited, c.fresh), "\n")
		if (found == "") != (c.finds == "") || !strings.Contains(found, c.finds) {
			t.Errorf("%s: found %q, want something that says %q", name, found, c.finds)
		}
	}

	w := from.old.Copy()
	var refused []string
	p := w.Policy("web")
	p.Status.Conditions[0].Reason = "is no word"
	must(w.API.Client(guarded(w.User, &refused)).Status().Update(t.Context(), p))
	if len(refused) == 0 {
		t.Error("a status that the API server would refuse is not found")
	}
}

// consistently asks for a group or nothing, so that a class that is not there fails the capture.
func consistently(b *api.BackupPolicy) *api.BackupPolicy {
	b = b.DeepCopy()
	b.Spec.Snapshot.Consistency = api.ConsistencyGroup
	return b
}

// restless has a policy changed many times a minute, as a reconciler does that answers its own writes.
func restless(w *World) {
	n := 0
	var again func(*World)
	again = func(w *World) {
		n++
		w.Edit("web", func(p *api.BackupPolicy) {
			p.Annotations = map[string]string{api.AnnotationAcceptWeakening: fmt.Sprint(n)}
		})
		w.In(200*time.Millisecond, again)
	}
	w.In(time.Second, again)
}
