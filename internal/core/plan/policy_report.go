// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// mostListed bounds every list of names in a policy's status, so that it stays small at any number of volumes.
const mostListed = 20

func (p *PolicyPlan) reportPoints(f facts) {
	var n api.PointCounts
	for _, q := range f.points {
		switch {
		case !q.DeletionTimestamp.IsZero():
		case Complete(q):
			n.Complete++
		case Finished(q):
			n.Failed++
		default:
			n.Capturing++
		}
		if q.Spec.Hold {
			n.Held++
		}
	}
	p.Status.RecoveryPoints = n
	p.Status.LastRecoveryPoint = nil
	if f.newest != nil && f.newest.Status.PointInTime != nil {
		p.Status.LastRecoveryPoint = &api.PointSummary{Name: f.newest.Name, PointInTime: *f.newest.Status.PointInTime}
	}
}

func (p *PolicyPlan) reportVolumes(f facts, now time.Time) {
	v := api.VolumeCounts{Selected: int32(len(f.selection.Claims) + len(f.selection.Missing))}
	for _, c := range f.protection {
		if c.until.After(now) {
			v.Protected++
			p.wakeAt(c.until)
		} else if len(v.Unprotected) < mostListed {
			v.Unprotected = append(v.Unprotected, c.claim)
		}
	}
	for _, m := range f.selection.Missing {
		if len(v.Unprotected) < mostListed {
			v.Unprotected = append(v.Unprotected, m)
		}
	}
	v.Problems = f.problems[:min(len(f.problems), mostListed)]
	for i := range v.Problems {
		v.Problems[i].Message = conditions.Clip(v.Problems[i].Message, 256)
	}
	p.Status.Volumes = v
}

func (p *PolicyPlan) reportConditions(o PolicyObserved, f facts, now time.Time) {
	stated := []metav1.Condition{p.protected(f, now)}
	if c := p.proven(o, f, now); c != nil {
		stated = append(stated, *c)
	}
	if bad := notReady(o, f); bad != nil {
		stated = append(stated,
			conditions.Is(api.ConditionReady, metav1.ConditionFalse, bad.Reason, bad.Message),
			conditions.Stalled(bad.Reason, bad.Message))
	} else {
		stated = append(stated, ready(o))
	}
	p.Status.Conditions = conditions.State(p.Status.Conditions, o.Policy.Generation, now, stated...)
}

func ready(o PolicyObserved) metav1.Condition {
	if o.Policy.Spec.Suspend {
		return conditions.Is(api.ConditionReady, metav1.ConditionTrue, api.ReasonSuspended, "suspended: nothing is captured on schedule and nothing expires")
	}
	return conditions.Is(api.ConditionReady, metav1.ConditionTrue, api.ReasonReady, "the policy can be carried out")
}

// notReady is the first thing that keeps the policy from being carried out; nil when there is none.
func notReady(o PolicyObserved, f facts) *Problem {
	s := o.Policy.Spec.Snapshot
	switch {
	case f.calendarErr != nil:
		return &Problem{api.ReasonInvalidSchedule, "spec.schedule: " + f.calendarErr.Error()}
	case f.calendar.Next(o.Policy.CreationTimestamp.Time).IsZero():
		return &Problem{api.ReasonInvalidSchedule, "spec.schedule.cron is never due; check the day of the month against the month"}
	case o.NamespaceTerminating:
		return &Problem{api.ReasonNamespaceTerminating, "the namespace is being deleted"}
	case f.selection.Problem != nil:
		return f.selection.Problem
	case !o.Cluster.Snapshots:
		return &Problem{api.ReasonSnapshotAPIMissing, "the cluster does not serve snapshot.storage.k8s.io/v1; install the VolumeSnapshot CRDs and the snapshot-controller"}
	case s != nil && len(s.Hooks) > 0 && !o.Settings.HooksEnabled:
		return &Problem{api.ReasonHooksDisabled, "spec.snapshot.hooks: the operator runs without hooks; install the chart with hooks.enabled=true, or remove the hooks"}
	case s != nil && s.Consistency == api.ConsistencyGroup && !o.Cluster.Groups:
		return &Problem{api.ReasonGroupUnsupported, "spec.snapshot.consistency: the cluster does not serve VolumeGroupSnapshots; use PreferGroup or Crash"}
	case drillProblem(o, f) != nil:
		return drillProblem(o, f)
	case len(f.problems) > 0:
		return &Problem{api.ReasonUnsnapshotableVolume, describe(f.problems)}
	}
	return nil
}

func describe(problems []api.VolumeProblem) string {
	var parts []string
	for _, v := range problems[:min(len(problems), 3)] {
		parts = append(parts, fmt.Sprintf("claim %s: %s (%s)", v.Claim, v.Message, v.Reason))
	}
	if more := len(problems) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// protected judges by the data's own age. A policy that selects nothing protects nothing.
func (p *PolicyPlan) protected(f facts, now time.Time) metav1.Condition {
	v := p.Status.Volumes
	is := func(status metav1.ConditionStatus, reason, format string, args ...any) metav1.Condition {
		return conditions.Is(api.ConditionProtected, status, reason, fmt.Sprintf(format, args...))
	}
	switch {
	case f.selection.Problem != nil:
		return is(metav1.ConditionFalse, f.selection.Problem.Reason, "%s", f.selection.Problem.Message)
	case f.calendarErr != nil:
		return is(metav1.ConditionUnknown, api.ReasonInvalidSchedule, "the schedule cannot be understood")
	case v.Protected == v.Selected:
		return is(metav1.ConditionTrue, api.ReasonObjectiveMet, "all %d volumes are in a complete recovery point that is recent enough", v.Selected)
	case f.newest == nil:
		return is(metav1.ConditionFalse, api.ReasonNeverSucceeded, "there is no complete recovery point yet")
	}
	reason := api.ReasonVolumeNotCaptured
	for _, c := range f.protection {
		if !c.until.IsZero() && !c.until.After(now) {
			reason = api.ReasonObjectiveMissed
		}
	}
	return is(metav1.ConditionFalse, reason, "%d of %d volumes are not protected: %s", v.Selected-v.Protected, v.Selected, strings.Join(v.Unprotected, ", "))
}
