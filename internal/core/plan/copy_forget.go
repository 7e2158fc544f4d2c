// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// removeAll removes all copies of a point that is going, and then lets it go.
func (p *CopyPlan) removeAll(o CopyObserved, now time.Time) {
	if len(p.Copies) == 0 {
		p.Finalizer = FinalizerRelease
	}
	for i := range p.Copies {
		if r := &p.Copies[i]; r.State != api.CopyRemoving {
			startRemoving(r, now)
		}
	}
	if !equality.Semantic.DeepEqual(o.Point.Status.Copies, p.Copies) {
		return // this is written down first
	}
	p.goOn(o, now)
}

// startRemoving writes down that a copy goes, before anything is done.
func startRemoving(r *api.CopyRecord, now time.Time) {
	*r = api.CopyRecord{
		Name: r.Name, Repository: r.Repository, RepositoryID: r.RepositoryID, State: api.CopyRemoving, Attempt: r.Attempt + 1,
		StartedAt: seconds(now), Deadline: seconds(now.Add(forgetWithin)), Mover: r.Mover,
	}
}

// remove carries the removal of a copy on, and says whether nothing of it is left.
func (p *CopyPlan) remove(o CopyObserved, r *api.CopyRecord, now time.Time) bool {
	if r.State != api.CopyRemoving {
		if o.staysByDamage(r) == nil {
			startRemoving(r, now)
		}
		return false
	}
	if done := p.removed(o, r); done != nil {
		if left := o.left(r.Name); len(left) > 0 {
			p.clear(r.Name, left, sinceEnd(r, now), now)
			return false
		}
		p.Notes = append(p.Notes, Note{Warning: done.Reason != api.ReasonCopyRemoved, Reason: done.Reason, Message: done.Message})
		return true
	}
	if r.FinishedAt == nil {
		p.forget(o, r, now)
		return false
	}
	if left := o.left(r.Name); len(left) > 0 {
		p.clear(r.Name, left, sinceEnd(r, now), now)
		return false
	}
	if at := retryAt(r, o.Vaults.Repositories[r.Repository]); now.Before(at) {
		p.wakeAt(at)
		return false
	}
	startRemoving(r, now)
	return false
}

// removed says what became of a copy that needs not be removed any more; nil while it is there. What is in a repository that
// nobody declares any more stays there, and so does what another target still counts on.
func (p *CopyPlan) removed(o CopyObserved, r *api.CopyRecord) *Problem {
	repository := o.Vaults.Repositories[r.Repository]
	switch {
	case r.FinishedAt != nil && r.Reason == api.ReasonCopyRemoved:
		return &Problem{api.ReasonCopyRemoved, fmt.Sprintf("the copy %s was removed from repository %s", r.Name, r.Repository)}
	case r.RepositoryID == "":
		return &Problem{api.ReasonCopyRemoved, fmt.Sprintf("the copy %s was never begun", r.Name)}
	case repository == nil || !repository.DeletionTimestamp.IsZero():
		return &Problem{api.ReasonRepositoryNotFound, fmt.Sprintf("the copy %s stays where it is: there is no Repository %s any more to remove it from", r.Name, r.Repository)}
	case replaced(repository, r) != nil:
		return &Problem{api.ReasonRepositoryIDMismatch, fmt.Sprintf("the copy %s stays where it is: repository %s is another one now", r.Name, r.Repository)}
	case p.counted(o, r):
		return &Problem{api.ReasonCopyRemoved, fmt.Sprintf("the copy %s does not count any more; its data serve another target in the same repository", r.Name)}
	}
	return nil
}

// counted says whether another target of the point counts on the same copy: a repository holds a point once.
func (p *CopyPlan) counted(o CopyObserved, r *api.CopyRecord) bool {
	return slices.ContainsFunc(o.Point.Status.Copies, func(q api.CopyRecord) bool {
		return q.Name != r.Name && q.RepositoryID == r.RepositoryID && q.State != api.CopyRemoving && !copyGoes(o.Point, q.Name)
	})
}

// forget has a copy removed from its repository, once nothing is left that might still write to it.
func (p *CopyPlan) forget(o CopyObserved, r *api.CopyRecord, now time.Time) {
	p.wakeAt(r.Deadline.Time)
	brought := o.Brought[r.Name]
	name := func(try int) string { return names.Forgetter(r.Repository, brought.RunUID, int(r.Attempt), try) }
	if others := notForgetting(o.left(r.Name), name); len(others) > 0 {
		p.clear(r.Name, others, sinceEnd(r, now), now)
		return
	}
	to, access, bad := reach(o, r)
	if bad == nil && len(brought.Pods) == 0 {
		bad = o.staysByDamage(r)
	}
	if bad != nil {
		p.notRemoved(r, *bad, now)
		return
	}
	tries := follow(brought.Pods, name)
	late := !now.Before(r.Deadline.Time)
	switch {
	case tries.bad != nil:
		p.notRemoved(r, *tries.bad, now)
	case tries.pod == nil && !late:
		p.orderForget(o, r, RepositoryOrder{Name: tries.name, Access: access, Mover: r.Mover, Bigger: tries.bigger, Throw: r.Deadline.Add(sweepAfter)}, to, now)
	case tries.pod == nil, late && !tries.pod.ended():
		p.notRemoved(r, Problem{api.ReasonCopyTimedOut, "the copy could not be removed in time"}, now)
	case !tries.pod.ended():
	default:
		if bad := tries.pod.outcome(r.RepositoryID); bad != nil {
			p.notRemoved(r, *bad, now)
			return
		}
		r.FinishedAt, r.Reason, r.Message = timePtr(now.Truncate(time.Second)), api.ReasonCopyRemoved, ""
	}
}

func (p BroughtPod) ended() bool { return p.Phase == PodSucceeded || p.Phase == PodFailed }

// notForgetting are the leftovers of a copy but for the pods that remove it.
func notForgetting(left []Leftover, name func(try int) string) []Leftover {
	return slices.DeleteFunc(slices.Clone(left), func(l Leftover) bool {
		for try := range mostAttempts + 1 {
			if l.Kind == "Pod" && l.Name == name(try) {
				return true
			}
		}
		return false
	})
}

func (p *CopyPlan) orderForget(o CopyObserved, r *api.CopyRecord, as RepositoryOrder, to order.Repository, now time.Time) {
	text, err := order.Encode(order.Order{Repository: to, Forget: &order.Forget{PointUID: string(o.Point.UID)}})
	if err != nil {
		p.notRemoved(r, Problem{api.ReasonInvalidSpec, err.Error()}, now)
		return
	}
	as.Order = text
	p.Work = append(p.Work, CopyWork{Target: r.Name, Pods: []RepositoryOrder{as}})
}

// notRemoved writes down why a copy could not be removed. It is tried again.
func (p *CopyPlan) notRemoved(r *api.CopyRecord, bad Problem, now time.Time) {
	r.FinishedAt, r.Reason, r.Message = timePtr(now.Truncate(time.Second)), bad.Reason, clipMessage(bad.Message)
	p.Notes = append(p.Notes, Note{Warning: true, Reason: bad.Reason, Message: fmt.Sprintf("the copy %s could not be removed from repository %s: %s", r.Name, r.Repository, bad.Message)})
}
