// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// RepositoryTask is what a pod does with a repository for the repository's own sake.
type RepositoryTask string

// The tasks. Their words are part of the names of pods.
const (
	TaskProbe    RepositoryTask = "probe"
	TaskImport   RepositoryTask = "import"
	TaskMaintain RepositoryTask = "maintain"
	TaskVerify   RepositoryTask = "verify"
)

// repositoryTasks in the order in which they get their turn.
var repositoryTasks = []RepositoryTask{TaskProbe, TaskImport, TaskMaintain, TaskVerify}

// alone says whether a task suffers no other of its sort beside it: whoever tidies up, or sets aside what is damaged, must be
// the only one. Looking disturbs nobody.
func (t RepositoryTask) alone() bool {
	switch t {
	case TaskMaintain, TaskVerify:
		return true
	case TaskProbe, TaskImport:
	}
	return false
}

// RepositoryObserved is everything the decision about a repository may depend on.
type RepositoryObserved struct {
	Repository           *api.Repository
	Allowed              Allowed
	Pods                 []TaskPod            // all that run for this very repository's own sake, read live
	Points               []*api.RecoveryPoint // of the namespace, read live while a verification is under way; nil otherwise
	FailureDomain        string               // what it fails together with
	NamespaceTerminating bool
}

// TaskPod is a pod that does something for a repository's own sake.
type TaskPod struct {
	BroughtPod
	Scheduled time.Time // since when a node has it; zero while none does
}

// RepositoryPlan is what is to be done next for a repository. Its status is written before its pods are created.
type RepositoryPlan struct {
	Password string          // the Secret with a random password to be created; empty when none is
	Pods     []RepositoryPod //
	Remove   []Leftover
	Import   string // the pod whose log lists what is to be imported; empty when there is none
	Wake     time.Time

	status     api.RepositoryStatus
	notes      []Note
	generation int64             // of the spec that the status speaks of
	blocked    *Problem          // why nothing can be asked of the repository; nil when it can
	locked     *metav1.Condition // Immutable, when this pass learnt of it
	settled    bool              // nothing was judged
}

// RepositoryPod asks for one pod of a task.
type RepositoryPod struct {
	Task RepositoryTask
	RepositoryOrder
}

// ForRepository decides what is next for a repository.
func ForRepository(o RepositoryObserved, now time.Time) RepositoryPlan {
	r := o.Repository
	p := RepositoryPlan{status: *r.Status.DeepCopy(), generation: r.Status.ObservedGeneration}
	if r.Status.Probe == nil {
		p.generation = r.Generation // whatever is begun, is begun for it
	}
	if !r.DeletionTimestamp.IsZero() || o.NamespaceTerminating {
		p.settled = true
		p.removePods(o, now)
		return p
	}
	if !r.Spec.Import {
		p.status.Import = nil
	}
	where, access, bad := AccessTo(r, o.Allowed)
	if bad == nil {
		bad = otherThanPinned(r)
	}
	p.status.PasswordSecret = passwordInUse(r)
	p.status.Location, p.status.FailureDomain = RepositoryLocation(r.Spec), o.FailureDomain
	if p.blocked = bad; bad != nil {
		p.generation = r.Generation
		p.stop(*bad, now)
		p.removePods(o, now)
		return p
	}
	for _, t := range repositoryTasks {
		p.judge(o, t, now)
	}
	if createsPassword(r) {
		p.Password = access.Password
		p.wakeAt(now)
		return p
	}
	for _, t := range repositoryTasks {
		p.begin(o, t, now)
		p.orderPod(o, t, where, access, now)
	}
	p.removePods(o, now)
	p.wakeForAge(r, now)
	return p
}

// otherThanPinned says why a repository is not the one that it was; nil when it is.
func otherThanPinned(r *api.Repository) *Problem {
	if was, is := r.Status.UniqueID, r.Spec.UniqueID; was != "" && is != "" && was != is {
		return &Problem{api.ReasonRepositoryIDMismatch, "spec.uniqueID names another repository than the one that is pinned in status.uniqueID; put it back, or create another Repository"}
	}
	return nil
}

// creates says whether a repository is to be made where there is none. One that was opened once is never made again: what is
// in its place then is not what the copies were written to.
func creates(r *api.Repository) bool {
	return r.Status.UniqueID == "" && r.Spec.UniqueID == "" && !r.Spec.Import
}

// createsPassword says whether a password is to be made up. That is done once, and only for a repository that is yet to be
// made: any other has a password, and a new one would hide that it is missing.
func createsPassword(r *api.Repository) bool {
	return r.Spec.Password == nil && creates(r) && r.Status.PasswordSecret != names.RepositoryPassword(r.Name)
}

// passwordInUse is the Secret with the password, once it is known to be the one.
func passwordInUse(r *api.Repository) string {
	if createsPassword(r) {
		return ""
	}
	return PasswordSecret(r)
}

// PasswordThere records that the Secret that was asked for is there, and whether it was made just now.
func (p *RepositoryPlan) PasswordThere(made bool) {
	p.status.PasswordSecret = p.Password
	if made {
		p.notes = append(p.notes, Note{Reason: api.ReasonPasswordCreated, Message: fmt.Sprintf(
			"Secret %s with a random password was created; keep a copy of it outside of the cluster, because nothing can be read back without it", p.Password)})
	}
}

// PasswordRefused records why the Secret could not be created.
func (p *RepositoryPlan) PasswordRefused(why Problem, now time.Time) {
	p.blocked, p.Password = &why, ""
	p.wakeAt(now.Add(probeFirst))
}

// runOf is where the status keeps the last run of a task.
func (p *RepositoryPlan) runOf(t RepositoryTask) **api.RepositoryRun {
	switch t {
	case TaskProbe:
		return &p.status.Probe
	case TaskImport:
		return &p.status.Import
	case TaskMaintain:
		return &p.status.Maintenance
	case TaskVerify:
	}
	return &p.status.Verification
}

func underWay(r *api.RepositoryRun) bool { return r != nil && r.FinishedAt == nil }

// pod is the pod of the run of a task; nil when there is none.
func (o RepositoryObserved) pod(t RepositoryTask, r *api.RepositoryRun) *TaskPod {
	name := taskPod(o.Repository, t, r)
	for i := range o.Pods {
		if o.Pods[i].Name == name {
			return &o.Pods[i]
		}
	}
	return nil
}

func taskPod(r *api.Repository, t RepositoryTask, run *api.RepositoryRun) string {
	return names.RepositoryPod(r.Name, string(r.UID), string(t), run.StartedAt.Time)
}

// begin writes down that a task is to run, when it is due and may. Its pod is created once that is on record.
func (p *RepositoryPlan) begin(o RepositoryObserved, t RepositoryTask, now time.Time) {
	run := p.runOf(t)
	if underWay(*run) {
		return
	}
	at := p.dueAt(o.Repository, t, now)
	if at.IsZero() {
		return
	}
	if now.Before(at) {
		p.wakeAt(at)
		return
	}
	if t.alone() && (underWay(p.status.Maintenance) || underWay(p.status.Verification)) {
		return // the end of the other one is a change of this very status
	}
	next := &api.RepositoryRun{StartedAt: metav1.NewTime(startAfter(*run, now))}
	next.Deadline = metav1.NewTime(next.StartedAt.Add(taskDeadline(o.Repository, t)))
	if was := *run; was != nil {
		next.Reason, next.Message, next.Failures, next.Bytes = was.Reason, was.Message, was.Failures, was.Bytes
	}
	*run = next
	if t == TaskProbe {
		p.generation = o.Repository.Generation
	}
	p.wakeAt(now)
}

// startAfter is when a run starts, in whole seconds: its pod is named by it, so no two runs have the same start.
func startAfter(was *api.RepositoryRun, now time.Time) time.Time {
	at := now.UTC().Truncate(time.Second)
	if was != nil && !at.After(was.StartedAt.Time) && was.StartedAt.Sub(at) < clockDoubt {
		at = was.StartedAt.UTC().Add(time.Second)
	}
	return at
}

// orderPod asks for the pod of a run that is on record and has none. One that must be alone waits until every other is gone.
func (p *RepositoryPlan) orderPod(o RepositoryObserved, t RepositoryTask, where order.Repository, access Access, now time.Time) {
	run := *p.runOf(t)
	if !underWay(run) || !recordedRun(o, t, run) || o.pod(t, run) != nil {
		return
	}
	if t.alone() && slices.ContainsFunc(o.Pods, func(q TaskPod) bool { return p.disturbs(o, q) }) {
		p.wakeAt(now.Add(waitAgain))
		return
	}
	text, err := order.Encode(orderFor(o, t, where))
	if err != nil {
		p.end(t, Problem{api.ReasonInvalidSpec, err.Error()}, now)
		return
	}
	p.Pods = append(p.Pods, RepositoryPod{t, RepositoryOrder{
		Name: taskPod(o.Repository, t, run), Order: text, Access: access, Mover: o.Repository.Spec.Mover, Throw: run.Deadline.Add(sweepAfter)}})
}

// recordedRun says whether a run is in the status that was read.
func recordedRun(o RepositoryObserved, t RepositoryTask, run *api.RepositoryRun) bool {
	before := RepositoryPlan{status: o.Repository.Status}
	was := *before.runOf(t)
	return underWay(was) && was.StartedAt.Equal(&run.StartedAt)
}

// disturbs says whether a pod may be of a task that must be alone: all but those of the looks that are under way.
func (p *RepositoryPlan) disturbs(o RepositoryObserved, q TaskPod) bool {
	for _, t := range []RepositoryTask{TaskProbe, TaskImport} {
		if run := *p.runOf(t); run != nil && q.Name == taskPod(o.Repository, t, run) {
			return false
		}
	}
	return true
}

func orderFor(o RepositoryObserved, t RepositoryTask, where order.Repository) order.Order {
	r, out := o.Repository, order.Order{Repository: where}
	switch t {
	case TaskProbe:
		out.Probe = &order.Probe{Create: creates(r), For: string(r.UID), Lock: r.Spec.ObjectLock != nil}
	case TaskImport:
		out.Probe = &order.Probe{Catalogue: true}
	case TaskMaintain:
		out.Maintain = &order.Maintain{Keep: r.Status.Damage != nil}
	case TaskVerify:
		out.Verify = &order.Verify{Heal: true, Expect: expectedIn(r, o.Points)}
	}
	return out
}

// removePods removes the pods of what is not under way. It is looked again whether they went: who is told of a conflict takes them
// for gone, and nothing else may happen for a day.
func (p *RepositoryPlan) removePods(o RepositoryObserved, now time.Time) {
	wanted := map[string]bool{}
	for _, t := range repositoryTasks {
		if run := *p.runOf(t); underWay(run) && !p.settled {
			wanted[taskPod(o.Repository, t, run)] = true
		}
	}
	for _, q := range o.Pods {
		if !wanted[q.Name] && !q.Deleting {
			p.Remove = append(p.Remove, Leftover{Target: q.Target, Kind: "Pod"})
			p.wakeAt(now.Add(waitAgain))
		}
	}
}

// stop ends what is under way, because it must not go on.
func (p *RepositoryPlan) stop(why Problem, now time.Time) {
	for _, t := range repositoryTasks {
		if underWay(*p.runOf(t)) {
			p.end(t, why, now)
		}
	}
}

// Refused ends a task whose pod could not be created.
func (p *RepositoryPlan) Refused(t RepositoryTask, why Problem, now time.Time) {
	p.end(t, why, now)
}

func (p *RepositoryPlan) wakeAt(t time.Time) { p.Wake = sooner(p.Wake, t) }
