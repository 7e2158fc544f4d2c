// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// keeper is what the laws judge: ForRepository, or a faulty one that a law must convict.
type keeper func(RepositoryObserved, time.Time) RepositoryPlan

// tide is what happens to a repository before a pass.
type tide struct {
	after    time.Duration
	pods     [4]string // how the pods go on, by their place
	asked    string    // the annotation that is set; empty for none
	edited   bool
	stray    bool // a pod of a run that is forgotten turns up
	allowed  bool
	deleting bool
}

// The ways in which a pod of a repository may go on.
var taskWays = []string{"", "", "", "runs", "ends well", "ends well", "ends well", "fails", "is lost", "is another", "is damaged", "tells nothing", "goes"}

// sea is a repository and all that happens to it.
type sea struct {
	kind  func(*api.Repository)
	tides []tide
}

func drawSea(t *rapid.T) (s sea) {
	s.kind = rapid.SampledFrom([]func(*api.Repository){
		func(*api.Repository) {},
		func(r *api.Repository) { r.Spec.UniqueID = theID },
		func(r *api.Repository) { r.Spec.Import = true },
		func(r *api.Repository) { r.Spec.Password = &api.SecretReference{Name: "mine"} },
		func(r *api.Repository) { r.Spec.S3.Insecure = true },
		func(r *api.Repository) { r.Spec.VerifyWithin = &metav1.Duration{Duration: 2 * time.Hour} },
	}).Draw(t, "kind")
	asks := []string{"", "", "", api.AnnotationProbeRequested, api.AnnotationVerifyRequested, api.AnnotationMaintainRequested}
	for range rapid.IntRange(5, 60).Draw(t, "passes") {
		w := tide{after: rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 20 * time.Minute, 7 * time.Hour, 25 * time.Hour}).Draw(t, "after")}
		for i := range w.pods {
			w.pods[i] = rapid.SampledFrom(taskWays).Draw(t, "way")
		}
		w.asked = rapid.SampledFrom(asks).Draw(t, "asked")
		w.edited = rapid.IntRange(0, 15).Draw(t, "edited") == 0
		w.stray = rapid.IntRange(0, 15).Draw(t, "stray") == 0
		w.allowed = rapid.IntRange(0, 3).Draw(t, "allowed") > 0
		w.deleting = rapid.IntRange(0, 60).Draw(t, "deleting") == 0
		s.tides = append(s.tides, w)
	}
	return s
}

// looked is one pass, and what was true at it.
type looked struct {
	seen   RepositoryObserved
	at     time.Time
	plan   RepositoryPlan
	before api.RepositoryStatus
	after  api.RepositoryStatus
	orders []order.Order
}

func (in sea) ebb(t testing.TB, k keeper) []looked {
	s := ashore(t, in.kind)
	s.decide = k
	var out []looked
	for _, w := range in.tides {
		s.now = s.now.Add(w.after)
		s.happen(w)
		l := looked{seen: s.o, at: s.now, before: s.status()}
		n := len(s.orders)
		l.plan = s.pass()
		l.after, l.orders = s.status(), s.orders[n:]
		out = append(out, l)
	}
	return out
}

// happen has the pods go on, and people meddle.
func (s *shore) happen(w tide) {
	r := s.o.Repository.DeepCopy()
	s.o.Repository, s.o.Allowed.Insecure = r, w.allowed
	if w.asked != "" {
		r.Annotations[w.asked] = s.now.Format(time.RFC3339)
	}
	if w.edited {
		r.Generation++
	}
	if w.deleting {
		r.DeletionTimestamp = metaTime(s.now)
	}
	pods := slices.Clone(s.o.Pods)
	for i := range min(len(pods), len(w.pods)) {
		pods[i] = taskGoesOn(pods[i], s.by[pods[i].Name], w.pods[i])
	}
	s.o.Pods = slices.DeleteFunc(pods, func(q TaskPod) bool { return q.Name == "gone" })
	if w.stray {
		s.o.Pods = append(s.o.Pods, TaskPod{BroughtPod: BroughtPod{Target: Target{"stray", "stray"}, Phase: PodRunning}})
	}
}

func taskGoesOn(q TaskPod, o order.Order, way string) TaskPod {
	d, _ := allWell(o)
	if q.ended() && way != "goes" {
		return q
	}
	switch way {
	case "runs":
		q.Phase = PodRunning
	case "ends well":
		q.Phase, q.Told = PodSucceeded, &d
	case "fails":
		q.Phase, q.Told = PodFailed, &RepositoryResult{Reason: api.ReasonRepositoryUnreachable, Error: "no answer"}
	case "is lost":
		q.Phase = PodLost
	case "is another":
		d.UniqueID = otherID
		q.Phase, q.Told = PodSucceeded, &d
	case "is damaged":
		if d.Verify != nil {
			d.Verify.Contents, d.Verify.Damaged = 1, 1
		}
		q.Phase, q.Told = PodSucceeded, &d
	case "tells nothing":
		q.Phase = PodSucceeded
	case "goes":
		q.Name = "gone"
	}
	return q
}

// forbidden says whether the namespace's admin keeps a repository from being spoken to.
func forbidden(l looked) bool { return l.seen.Repository.Spec.S3.Insecure && !l.seen.Allowed.Insecure }

type repositoryLaw struct {
	name  string
	holds func(looked) error
}

var repositoryLaws = []repositoryLaw{
	{"no repository is made where one is expected, and none without its own mark", func(l looked) error {
		for _, o := range l.orders {
			if o.Probe == nil || !o.Probe.Create {
				continue
			}
			if l.before.UniqueID != "" || l.seen.Repository.Spec.UniqueID != "" || l.seen.Repository.Spec.Import || o.Repository.UniqueID != "" || o.Probe.For == "" {
				return fmt.Errorf("it makes one: %+v", o)
			}
		}
		return nil
	}},
	{"once pinned, every pod is told which repository is meant", func(l looked) error {
		for _, o := range l.orders {
			if l.before.UniqueID != "" && o.Repository.UniqueID != l.before.UniqueID {
				return fmt.Errorf("pinned is %q, and the order says %q", l.before.UniqueID, o.Repository.UniqueID)
			}
		}
		return nil
	}},
	{"the pinned ID never changes, and is the one that was asked for", func(l looked) error {
		asked := l.seen.Repository.Spec.UniqueID
		if l.before.UniqueID != "" && l.after.UniqueID != l.before.UniqueID || asked != "" && l.after.UniqueID != "" && l.after.UniqueID != asked {
			return fmt.Errorf("%q became %q", l.before.UniqueID, l.after.UniqueID)
		}
		return nil
	}},
	{"what must be alone is", func(l looked) error {
		if underWay(l.after.Maintenance) && underWay(l.after.Verification) {
			return errors.New("verification and maintenance are under way together")
		}
		looks := map[string]bool{}
		for _, t := range []RepositoryTask{TaskProbe, TaskImport} {
			p := RepositoryPlan{status: l.before}
			if run := *p.runOf(t); run != nil {
				looks[taskPod(l.seen.Repository, t, run)] = true
			}
		}
		for _, q := range l.plan.Pods {
			if beside := slices.ContainsFunc(l.seen.Pods, func(x TaskPod) bool { return !looks[x.Name] }); q.Task.alone() && beside {
				return fmt.Errorf("%s begins beside %v", q.Task, l.seen.Pods)
			}
		}
		return nil
	}},
	{"a pod is made only for a run that is on record, and once", func(l looked) error {
		for _, q := range l.plan.Pods {
			p := RepositoryPlan{status: l.before}
			run := *p.runOf(q.Task)
			if !underWay(run) || taskPod(l.seen.Repository, q.Task, run) != q.Name || slices.ContainsFunc(l.seen.Pods, func(x TaskPod) bool { return x.Name == q.Name }) {
				return fmt.Errorf("pod %s for run %+v", q.Name, run)
			}
		}
		return nil
	}},
	{"what is under way keeps its pod, and what is not leaves none", func(l looked) error {
		if !l.seen.Repository.DeletionTimestamp.IsZero() {
			return nil
		}
		for _, x := range l.seen.Pods {
			p := RepositoryPlan{status: l.after}
			wanted := slices.ContainsFunc(repositoryTasks, func(t RepositoryTask) bool {
				run := *p.runOf(t)
				return underWay(run) && taskPod(l.seen.Repository, t, run) == x.Name
			})
			removed := slices.ContainsFunc(l.plan.Remove, func(r Leftover) bool { return r.Name == x.Name && r.UID == x.UID })
			if wanted == removed && l.plan.Password == "" {
				return fmt.Errorf("pod %s is wanted: %t, and removed: %t", x.Name, wanted, removed)
			}
		}
		return nil
	}},
	{"a password is made up once, and for what is yet to be made", func(l looked) error {
		s := l.seen.Repository.Spec
		if l.plan.Password != "" && (l.before.UniqueID != "" || l.before.PasswordSecret == l.plan.Password || s.UniqueID != "" || s.Import || s.Password != nil) {
			return fmt.Errorf("it makes up %q", l.plan.Password)
		}
		return nil
	}},
	{"it wakes, unless only somebody else can change something", func(l looked) error {
		if l.plan.Wake.IsZero() && !forbidden(l) && l.seen.Repository.DeletionTimestamp.IsZero() {
			return errors.New("nothing has it looked at again")
		}
		return nil
	}},
	{"only bytes that were read are verified", func(l looked) error {
		c := findCondition(l.after.Conditions, api.ConditionVerified)
		within := duration(l.seen.Repository.Spec.VerifyWithin, defaultVerifyWithin)
		last := l.after.LastVerified
		if l.seen.Repository.DeletionTimestamp.IsZero() && c.Status == metav1.ConditionTrue && (last == nil || l.after.Damage != nil || l.at.Sub(last.Time) >= within) {
			return fmt.Errorf("it says so at %s of %v, damage %v", l.at, last, l.after.Damage)
		}
		if !last.Equal(l.before.LastVerified) {
			good := slices.ContainsFunc(l.seen.Pods, func(q TaskPod) bool {
				return q.Told != nil && q.Told.Verify != nil && q.Told.Verify.Contents+q.Told.Verify.Damaged == 0 && q.Told.UniqueID == l.before.UniqueID && q.Phase == PodSucceeded
			})
			if !good || !last.Equal(&l.before.Verification.StartedAt) {
				return fmt.Errorf("verified at %v, by %v", last, l.seen.Pods)
			}
		}
		return nil
	}},
	{"it is reachable if and only if the last probe that ended could open it", func(l looked) error {
		p := RepositoryPlan{status: l.before}
		if run := *p.runOf(TaskProbe); underWay(run) && !underWay(l.after.Probe) && l.after.Probe.FinishedAt != nil {
			pod := l.seen.pod(TaskProbe, run)
			well := !forbidden(l) && pod != nil && pod.Phase == PodSucceeded && pod.Told != nil && pod.Told.UniqueID != "" && pod.Told.UniqueID == l.after.UniqueID
			if (l.after.UnreachableSince == nil) != well {
				return fmt.Errorf("the pod is %+v, and it is unreachable since %v", pod, l.after.UnreachableSince)
			}
		}
		if l.before.UnreachableSince != nil && l.after.UnreachableSince != nil && !l.before.UnreachableSince.Equal(l.after.UnreachableSince) {
			return errors.New("since when it is unreachable has changed")
		}
		return nil
	}},
}

func TestRepositoryLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		for i, l := range drawSea(r).ebb(t, ForRepository) {
			for _, law := range repositoryLaws {
				if err := law.holds(l); err != nil {
					r.Fatalf("%s: pass %d: %v", law.name, i, err)
				}
			}
			if again := ForRepository(l.seen, l.at); again.Wake != l.plan.Wake || !reflect.DeepEqual(again.Pods, l.plan.Pods) || !reflect.DeepEqual(again.Remove, l.plan.Remove) {
				r.Fatal("the same input gives two plans")
			}
			if l.seen.Repository.DeletionTimestamp.IsZero() {
				lawfulConditions(r, l.after.Conditions, l.before.Conditions, l.after.ObservedGeneration, api.ConditionReady, api.ConditionReachable, api.ConditionVerified)
			}
		}
	})
}

// repositoryFaults are what might have been written instead.
func repositoryFaults() map[string]keeper {
	change := func(f func(*RepositoryPlan, RepositoryObserved, time.Time)) keeper {
		return func(o RepositoryObserved, at time.Time) RepositoryPlan {
			p := ForRepository(o, at)
			if o.Repository.DeletionTimestamp.IsZero() {
				f(&p, o, at)
			}
			return p
		}
	}
	forget := func(f func(*api.RepositoryStatus)) keeper {
		return func(o RepositoryObserved, at time.Time) RepositoryPlan {
			o.Repository = o.Repository.DeepCopy()
			f(&o.Repository.Status)
			return ForRepository(o, at)
		}
	}
	reads := func(f func(*TaskPod)) keeper {
		return func(o RepositoryObserved, at time.Time) RepositoryPlan {
			o.Pods = slices.Clone(o.Pods)
			for i := range o.Pods {
				f(&o.Pods[i])
			}
			return ForRepository(o, at)
		}
	}
	return map[string]keeper{
		"the pinned ID is forgotten":  forget(func(s *api.RepositoryStatus) { s.UniqueID = "" }),
		"the password is forgotten":   forget(func(s *api.RepositoryStatus) { s.PasswordSecret = "" }),
		"a new ID is taken over":      change(func(p *RepositoryPlan, o RepositoryObserved, _ time.Time) { takeOver(p, o) }),
		"nothing wakes it":            change(func(p *RepositoryPlan, _ RepositoryObserved, _ time.Time) { p.Wake = time.Time{} }),
		"pods stay":                   change(func(p *RepositoryPlan, _ RepositoryObserved, _ time.Time) { p.Remove = nil }),
		"all pods go":                 change(func(p *RepositoryPlan, o RepositoryObserved, _ time.Time) { removeAll(p, o) }),
		"pods are made at once":       change(func(p *RepositoryPlan, o RepositoryObserved, at time.Time) { orderAtOnce(p, o, at) }),
		"verification keeps no order": change(func(p *RepositoryPlan, o RepositoryObserved, at time.Time) { verifyBeside(p, o, at) }),
		"pods of others are not seen": func(o RepositoryObserved, at time.Time) RepositoryPlan {
			seen := o
			seen.Pods = slices.DeleteFunc(slices.Clone(o.Pods), func(q TaskPod) bool { return q.Name == "stray" })
			return ForRepository(seen, at)
		},
		"damage is overlooked": reads(func(q *TaskPod) {
			if q.Told != nil && q.Told.Verify != nil {
				d := *q.Told
				d.Verify = &VerifyDone{}
				q.Told = &d
			}
		}),
		"whatever was opened is the one": reads(func(q *TaskPod) {
			if q.Told != nil && q.Told.UniqueID != "" {
				d := *q.Told
				d.UniqueID = theID
				q.Told = &d
			}
		}),
		"old proofs count for ever": change(func(p *RepositoryPlan, o RepositoryObserved, at time.Time) {
			if p.status.LastVerified != nil {
				p.status.LastVerified = timePtr(at)
			}
		}),
		"unreachable since the last failure": change(func(p *RepositoryPlan, o RepositoryObserved, at time.Time) {
			if p.status.UnreachableSince != nil {
				p.status.UnreachableSince = timePtr(at)
			}
		}),
	}
}

func takeOver(p *RepositoryPlan, o RepositoryObserved) {
	for _, q := range o.Pods {
		if q.Told != nil && q.Told.UniqueID != "" {
			p.status.UniqueID = q.Told.UniqueID
		}
	}
}

func removeAll(p *RepositoryPlan, o RepositoryObserved) {
	p.Remove = nil
	for _, q := range o.Pods {
		p.Remove = append(p.Remove, Leftover{Target: q.Target, Kind: "Pod"})
	}
}

func orderAtOnce(p *RepositoryPlan, o RepositoryObserved, at time.Time) {
	if p.blocked != nil || p.Password != "" {
		return
	}
	where, access, _ := AccessTo(o.Repository, o.Allowed)
	o.Repository = o.Repository.DeepCopy()
	o.Repository.Status = *p.status.DeepCopy()
	p.Pods = nil
	for _, t := range repositoryTasks {
		p.orderPod(o, t, where, access, at)
	}
}

func verifyBeside(p *RepositoryPlan, o RepositoryObserved, at time.Time) {
	if p.blocked == nil && underWay(p.status.Maintenance) && !underWay(p.status.Verification) {
		p.status.Verification = &api.RepositoryRun{StartedAt: metav1.NewTime(at), Deadline: metav1.NewTime(at.Add(time.Hour))}
	}
}

// TestRepositoryLawsKillFaults: each law convicts some fault, and each fault is convicted.
func TestRepositoryLawsKillFaults(t *testing.T) {
	convicted, by := map[string]bool{}, map[string]bool{}
	for seed := range 400 {
		in := rapid.Custom(drawSea).Example(seed)
		for name, k := range repositoryFaults() {
			for _, l := range in.ebb(t, k) {
				for _, law := range repositoryLaws {
					if law.holds(l) != nil {
						convicted[name], by[law.name] = true, true
					}
				}
			}
		}
	}
	for name := range repositoryFaults() {
		if !convicted[name] {
			t.Errorf("no law convicts the fault that %s", name)
		}
	}
	for _, law := range repositoryLaws {
		if !by[law.name] {
			t.Errorf("no fault breaks the law that %s", law.name)
		}
	}
}
