// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// defaultProofWithin is how old the newest proof may get when the policy does not say.
const defaultProofWithin = 7 * 24 * time.Hour

// mostProofs is how many proofs a point lists.
const mostProofs = 5

// ProofOf is the proof that a drill gave; nil when it gave none. Only a drill that passed, and whose evidence is recorded, proves something.
func ProofOf(d *api.RestoreDrill) *api.ProofSummary {
	s := d.Status
	if s.Verdict != api.VerdictPassed || s.Run == nil || s.Evidence == nil {
		return nil
	}
	return &api.ProofSummary{Drill: d.Name, RecoveryPoint: s.Run.RecoveryPoint.Name, Level: s.Level, At: *s.FinishedAt, RecoveryTime: s.RecoveryTime}
}

// Proofs are those of a point with one more, newest first; nil when it is there already, or older than the newest.
func Proofs(p *api.RecoveryPoint, one api.ProofSummary) []api.ProofSummary {
	was := p.Status.Proofs
	if len(was) > 0 && one.At.Before(&was[0].At) {
		return nil
	}
	for _, p := range was {
		if p.Drill == one.Drill {
			return nil
		}
	}
	return append([]api.ProofSummary{one}, was[:min(len(was), mostProofs-1)]...)
}

// pointProven is the condition of a point; nil before any drill passed.
func pointProven(p *api.RecoveryPoint) *metav1.Condition {
	if len(p.Status.Proofs) == 0 {
		return nil
	}
	last := p.Status.Proofs[0]
	c := conditions.Is(api.ConditionProven, metav1.ConditionTrue, api.ReasonProven,
		fmt.Sprintf("drill %s proved it to be %s at %s", last.Drill, last.Level, last.At.UTC().Format(time.RFC3339)))
	return &c
}

// reportProof keeps the newest proof and the newest drill that ended.
func (p *PolicyPlan) reportProof(f facts) {
	for _, d := range f.drills {
		one := drillSummary(d)
		if one == nil {
			continue
		}
		if last := p.Status.LastDrill; last == nil || last.At.Before(&one.At) || last.Name == one.Name {
			p.Status.LastDrill = one
		}
		if proof := ProofOf(d); proof != nil {
			p.keepProof(*proof)
		}
	}
	for _, q := range f.points {
		for _, proof := range q.Status.Proofs {
			p.keepProof(proof)
		}
	}
}

func (p *PolicyPlan) keepProof(proof api.ProofSummary) {
	if last := p.Status.LastProof; last == nil || last.At.Before(&proof.At) {
		p.Status.LastProof = &proof
	}
}

// proven judges the newest proof: its depth, its age, and the time it took. A drill that failed since then takes it back.
func (p *PolicyPlan) proven(o PolicyObserved, f facts, now time.Time) *metav1.Condition {
	b, last, drill := o.Policy, p.Status.LastProof, p.Status.LastDrill
	promised := b.Spec.Drill != nil || (b.Spec.Objectives != nil && (b.Spec.Objectives.ProofWithin != nil || b.Spec.Objectives.RequiredProof != ""))
	if last == nil && drill == nil && !promised {
		return nil
	}
	is := func(status metav1.ConditionStatus, reason, format string, args ...any) *metav1.Condition {
		c := conditions.Is(api.ConditionProven, status, reason, fmt.Sprintf(format, args...))
		return &c
	}
	objectives := api.Objectives{}
	if b.Spec.Objectives != nil {
		objectives = *b.Spec.Objectives
	}
	var checks []api.Check
	if b.Spec.Drill != nil {
		checks = b.Spec.Drill.Checks
	}
	required, within := requiredProof(b, checks), duration(objectives.ProofWithin, defaultProofWithin)
	switch failed := failedSince(last, drill, f.drills); {
	case failed != nil:
		return is(metav1.ConditionFalse, api.ReasonDrillFailed, "drill %s failed, and none has passed since: %s", failed.Name, failed.Reason)
	case last == nil:
		return is(metav1.ConditionFalse, api.ReasonNeverProven, "no drill has passed yet")
	case !last.At.Add(within).After(now):
		return is(metav1.ConditionFalse, api.ReasonProofExpired, "the newest proof is from %s, and none may be older than %s", last.At.UTC().Format(time.RFC3339), within)
	}
	p.wakeAt(last.At.Add(within))
	switch {
	case levels.Depth(last.Level) < levels.Depth(required):
		return is(metav1.ConditionFalse, api.ReasonProofTooShallow, "the newest proof reached %s, and %s is asked for", last.Level, required)
	case objectives.RecoveryTime != nil && last.RecoveryTime == nil:
		return is(metav1.ConditionUnknown, api.ReasonRecoveryTooSlow, "the newest proof measured no recovery time")
	case objectives.RecoveryTime != nil && last.RecoveryTime.Duration > objectives.RecoveryTime.Duration:
		return is(metav1.ConditionFalse, api.ReasonRecoveryTooSlow, "the proven recovery took %s, and no more than %s is asked for", last.RecoveryTime.Duration, objectives.RecoveryTime.Duration)
	}
	return is(metav1.ConditionTrue, api.ReasonProven, "drill %s restored %s: %s, in %s", last.Drill, last.RecoveryPoint, last.Level, recovery(last))
}

// failedSince is the newest drill that failed after the newest proof; nil when there is none. One that could not run, or
// was aborted, does not outweigh it.
func failedSince(last *api.ProofSummary, newest *api.DrillSummary, drills []*api.RestoreDrill) *api.DrillSummary {
	var out *api.DrillSummary
	consider := func(d *api.DrillSummary) {
		if d != nil && d.Verdict == api.VerdictFailed && (last == nil || last.At.Before(&d.At)) && (out == nil || out.At.Before(&d.At)) {
			out = d
		}
	}
	consider(newest)
	for _, d := range drills {
		consider(drillSummary(d))
	}
	return out
}

// drillSummary is a drill that ended, in short; nil for one that has not.
func drillSummary(d *api.RestoreDrill) *api.DrillSummary {
	if d.Status.Verdict == "" || d.Status.FinishedAt == nil {
		return nil
	}
	out := &api.DrillSummary{Name: d.Name, Verdict: d.Status.Verdict, At: *d.Status.FinishedAt}
	if c := findCondition(d.Status.Conditions, api.ConditionSucceeded); c != nil {
		out.Reason = c.Reason
	}
	return out
}

func recovery(p *api.ProofSummary) string {
	if p.RecoveryTime == nil {
		return "a time that was not measured"
	}
	return p.RecoveryTime.Duration.String()
}
