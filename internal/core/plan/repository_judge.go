// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// mostDamaged is how many points with a damaged copy a repository names.
const mostDamaged = 50

// sayAfter is for how long a pod may wait before it is said what for: most pods wait for a moment.
const sayAfter = time.Minute

// judge says how far the run of a task is, and records how it ended.
func (p *RepositoryPlan) judge(o RepositoryObserved, t RepositoryTask, now time.Time) {
	run := *p.runOf(t)
	if !underWay(run) {
		return
	}
	pod := o.pod(t, run)
	switch {
	case pod != nil && pod.ended():
		p.record(o, t, *pod, now)
	case !now.Before(run.Deadline.Time):
		p.end(t, missedDeadline(t, o, pod, now), now)
	case pod != nil && pod.Waits != nil && pod.Waits.Reason == api.ReasonImageUnavailable:
		p.end(t, *pod.Waits, now)
	default:
		p.wakeAt(run.Deadline.Time)
		p.wait(o, run, pod, now)
	}
}

func (q TaskPod) ended() bool {
	switch q.Phase {
	case PodSucceeded, PodFailed, PodLost:
		return true
	case PodPending, PodRunning:
	}
	return false
}

// wait says what a pod waits for, once that is no matter of a moment.
func (p *RepositoryPlan) wait(o RepositoryObserved, run *api.RepositoryRun, pod *TaskPod, now time.Time) {
	if pod == nil || pod.Phase != PodPending {
		return
	}
	if say := run.StartedAt.Add(sayAfter); now.Before(say) {
		p.wakeAt(say)
		return
	}
	p.wakeAt(laterThan(pod.Scheduled.Add(sayAfter), now))
	if why := awaited(o, pod, now); why != nil {
		run.Reason, run.Message = why.Reason, clipMessage(why.Message)
	}
}

// awaited says what a pending pod waits for; nil when that is not known. One that a node has and that does not start waits for
// what it mounts. Nobody here may look at Secrets, so it can only be asked whether they are there.
func awaited(o RepositoryObserved, pod *TaskPod, now time.Time) *Problem {
	switch {
	case pod.Waits != nil:
		return pod.Waits
	case pod.Scheduled.IsZero() || now.Before(pod.Scheduled.Add(sayAfter)):
		return nil
	}
	_, access, _ := AccessTo(o.Repository, o.Allowed)
	return access.Awaited()
}

// Awaited says what a pod waits for that has a node and does not start.
func (a Access) Awaited() *Problem {
	needs := []string{fmt.Sprintf("Secret %s (key password)", a.Password)}
	if a.Credentials != "" {
		needs = append(needs, fmt.Sprintf("Secret %s (the credentials)", a.Credentials))
	}
	if a.CABundle != "" {
		needs = append(needs, fmt.Sprintf("Secret %s (key ca.crt)", a.CABundle))
	}
	if a.Claim != "" {
		needs = append(needs, "claim "+a.Claim)
	}
	return &Problem{api.ReasonSecretMissing, "the pod has a node and waits for what it mounts; create what is not there of: " + strings.Join(needs, ", ")}
}

// missedDeadline is what a run has failed of that did not end in time.
func missedDeadline(t RepositoryTask, o RepositoryObserved, pod *TaskPod, now time.Time) Problem {
	if pod != nil && pod.Phase == PodPending {
		if why := awaited(o, pod, now); why != nil {
			return *why
		}
	}
	if t == TaskVerify {
		return Problem{api.ReasonNotVerified, "it could not be read back in the time there is; give verification more time with spec.verifyWithin, or bring the store nearer"}
	}
	return Problem{api.ReasonRepositoryUnreachable, "the pod did not end in time: look whether the store answers, and whether network policies let the pod reach it"}
}

// record writes down how a run ended.
func (p *RepositoryPlan) record(o RepositoryObserved, t RepositoryTask, pod TaskPod, now time.Time) {
	if bad := pod.outcome(cmp.Or(p.status.UniqueID, o.Repository.Spec.UniqueID)); bad != nil {
		switch {
		case t == TaskVerify:
			p.brokenOff(o, pod.Told, *bad, now)
		case bad.Reason == api.ReasonMutable:
			p.locked = immutable(false, bad.Message)
		}
		p.end(t, *bad, now)
		return
	}
	switch t {
	case TaskProbe:
		p.probed(o, *pod.Told, now)
	case TaskImport:
		p.Import = pod.Name // the run ends once all was imported that its log lists
		p.wakeAt(now.Add(waitAgain))
	case TaskMaintain:
		p.well(t, pod.Told.Freed, now)
	case TaskVerify:
		p.verified(o, *pod.Told, now)
	}
}

// probed records a repository that could be opened, and pins it the first time.
func (p *RepositoryPlan) probed(o RepositoryObserved, d RepositoryResult, now time.Time) {
	if d.Probe == nil {
		p.end(TaskProbe, Problem{api.ReasonMoverFailed, "the pod did not tell what it found"}, now)
		return
	}
	p.status.UniqueID = cmp.Or(p.status.UniqueID, d.UniqueID)
	p.status.Copies, p.status.Bytes = d.Probe.Copies, d.Probe.Bytes
	p.status.Skew = &metav1.Duration{Duration: d.Probe.Skew.Round(time.Second)}
	if o.Repository.Spec.ObjectLock != nil && d.Probe.Locked != nil {
		p.locked = immutable(*d.Probe.Locked, d.Probe.LockError)
	}
	p.well(TaskProbe, 0, now)
}

func immutable(locked bool, why string) *metav1.Condition {
	c := conditions.Is(api.ConditionImmutable, metav1.ConditionTrue, api.ReasonLockEnforced, "a probe found that the bucket refuses to delete what was written")
	if !locked {
		c = conditions.Is(api.ConditionImmutable, metav1.ConditionFalse, api.ReasonMutable, strings.TrimSuffix(
			"spec.objectLock promises that nothing can be deleted, and a probe found that it can; switch object lock on for the bucket: "+why, ": "))
	}
	return &c
}

// verified records that all that the repository holds was read back. What was read first is as old as the run's start.
func (p *RepositoryPlan) verified(o RepositoryObserved, d RepositoryResult, now time.Time) {
	if d.Verify == nil {
		p.end(TaskVerify, Problem{api.ReasonMoverFailed, "the pod did not tell what it found"}, now)
		return
	}
	switch v := d.Verify.known(o.Repository, o.Points); {
	case v.Contents > 0 || v.Damaged > 0:
		p.damaged(v, now)
		p.end(TaskVerify, Problem{api.ReasonCopyCorrupt, "some of what the repository holds cannot be read back"}, now)
	default:
		p.status.Damage, p.status.LastVerified = nil, p.status.Verification.StartedAt.DeepCopy()
		p.well(TaskVerify, v.Bytes, now)
	}
}

// damaged records what cannot be read back. Since when is that of the first time it was seen.
func (p *RepositoryPlan) damaged(v VerifyDone, now time.Time) {
	d := api.RepositoryDamage{Found: seconds(now), Contents: v.Contents, Copies: v.Damaged, Healing: v.Healing}
	d.Since = d.Found
	if was := p.status.Damage; was != nil {
		d.Since = was.Since
	}
	d.Points = v.Points[:min(len(v.Points), mostDamaged)]
	d.PointCount = max(v.DamagedPoints, int64(len(d.Points)))
	p.status.Damage = &d
	p.status.Verification.Bytes = v.Bytes
}

// brokenOff records what a verification found that did not come to its end. One that ends because of damage has found some, whether or
// not it could say what. What is known already stays as it is: this one has not looked at all.
func (p *RepositoryPlan) brokenOff(o RepositoryObserved, told *RepositoryResult, why Problem, now time.Time) {
	v := VerifyDone{}
	if told != nil && told.Verify != nil && why.Reason != api.ReasonRepositoryIDMismatch {
		v = told.Verify.known(o.Repository, o.Points)
	}
	if p.status.Damage == nil && (v.Contents+v.Damaged > 0 || why.Reason == api.ReasonCopyCorrupt) {
		p.damaged(v, now)
	}
}

// well ends a run that went well.
func (p *RepositoryPlan) well(t RepositoryTask, bytes int64, now time.Time) {
	run := *p.runOf(t)
	run.FinishedAt, run.Reason, run.Message, run.Failures, run.Bytes = timePtr(now.Truncate(time.Second)), "", "", 0, bytes
	if t == TaskProbe {
		p.status.UnreachableSince = nil
	}
}

// end ends a run that failed. The first failure in a row is told, where no condition tells of it.
func (p *RepositoryPlan) end(t RepositoryTask, why Problem, now time.Time) {
	run := *p.runOf(t)
	run.FinishedAt = timePtr(now.Truncate(time.Second))
	run.Reason, run.Message = why.Reason, clipMessage(why.Message)
	run.Failures++
	p.Pods = slices.DeleteFunc(p.Pods, func(q RepositoryPod) bool { return q.Task == t })
	if t == TaskProbe && p.status.UnreachableSince == nil {
		p.status.UnreachableSince = run.FinishedAt
	}
	if run.Failures > 1 || why.Reason == api.ReasonCopyCorrupt {
		return
	}
	switch t {
	case TaskMaintain:
		p.notes = append(p.notes, Note{Warning: true, Reason: api.ReasonMaintenanceFailed, Message: "the repository could not be tidied up: " + why.Message})
	case TaskImport, TaskVerify:
		p.notes = append(p.notes, Note{Warning: true, Reason: why.Reason, Message: fmt.Sprintf("%s failed: %s", t, why.Message)})
	case TaskProbe:
	}
}
