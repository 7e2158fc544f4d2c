// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
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
		p.Status.LastRecoveryPoint = &api.PointSummary{Name: f.newest.Name, PointInTime: *f.newest.Status.PointInTime, CaptureTime: captureTime(f.newest)}
	}
}

func (p *PolicyPlan) reportVolumes(f facts, now time.Time) {
	v := api.VolumeCounts{Selected: int32(len(f.selection.Claims) + len(f.selection.Missing))}
	for _, c := range f.protection {
		if c.until.After(now) {
			v.Protected++
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
		v.Problems[i].Message = clipVolumeMessage(v.Problems[i].Message)
	}
	p.Status.Volumes = v
}

// reportConditions states what the findings make of each condition.
func (p *PolicyPlan) reportConditions(o PolicyObserved, found []drift.Finding, now time.Time) {
	protected := fmt.Sprintf("all %d volumes are in a complete recovery point that is recent enough", p.Status.Volumes.Selected)
	stated := []metav1.Condition{
		ready(o, found),
		drift.Verdict(api.ConditionProtected, found, api.ReasonObjectiveMet, protected),
	}
	if toProve(o.Policy, p.Status) {
		message := ""
		if last := p.Status.LastProof; last != nil {
			message = fmt.Sprintf("drill %s restored %s: %s, in %s", last.Drill, last.RecoveryPoint, last.Level, recovery(last))
		}
		stated = append(stated, drift.Verdict(api.ConditionProven, found, api.ReasonProven, message))
	}
	if len(o.Policy.Spec.Copies) > 0 {
		stated = append(stated, p.independent(found))
	}
	if c := stated[0]; c.Status == metav1.ConditionFalse {
		stated = append(stated, conditions.Stalled(c.Reason, c.Message))
	}
	p.Status.Conditions = conditions.State(p.Status.Conditions, o.Policy.Generation, now, stated...)
}

func ready(o PolicyObserved, found []drift.Finding) metav1.Condition {
	if o.Policy.Spec.Suspend {
		return drift.Verdict(api.ConditionReady, found, api.ReasonSuspended, "suspended: nothing is captured on schedule and nothing expires")
	}
	return drift.Verdict(api.ConditionReady, found, api.ReasonReady, "the policy can be carried out")
}

// captureTime is how long a capture took; nil when it is not known.
func captureTime(q *api.RecoveryPoint) *metav1.Duration {
	if q.Status.Capture == nil || q.Status.FinishedAt == nil {
		return nil
	}
	return &metav1.Duration{Duration: q.Status.FinishedAt.Sub(q.Status.Capture.StartedAt.Time)}
}

// notReady is the first thing that keeps the policy from being carried out as a whole; nil when there is none.
func notReady(o PolicyObserved, f facts) *Problem {
	s := o.Policy.Spec.Snapshot
	switch {
	case f.calendarErr != nil:
		return &Problem{api.ReasonInvalidSchedule, "spec.schedule: " + f.calendarErr.Error()}
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
	}
	return nil
}
