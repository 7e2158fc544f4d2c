// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
)

// mostProofs is how many proofs a point lists.
const mostProofs = 5

// ProofOf is the proof that a drill gave; nil when it gave none. Only a drill that passed, and whose evidence is recorded, proves something.
func ProofOf(d *api.RestoreDrill) *api.ProofSummary {
	s := d.Status
	if s.Verdict != api.VerdictPassed || s.Run == nil || s.Evidence == nil {
		return nil
	}
	return &api.ProofSummary{Drill: d.Name, RecoveryPoint: s.Run.RecoveryPoint.Name, Level: s.Level, At: *s.FinishedAt, RecoveryTime: s.RecoveryTime,
		From: cmp.Or(s.Run.From, api.FromSnapshot), Independent: s.Run.Independent, Storage: s.Run.Storage}
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
	counted := p.Status.LastDrill
	for _, d := range f.drills {
		one := drillSummary(d)
		if one == nil {
			continue
		}
		p.countDrill(*one, counted)
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

// toProve says whether there is a proof to judge: one is promised, or a drill has ended.
func toProve(b *api.BackupPolicy, s api.BackupPolicyStatus) bool {
	return s.LastProof != nil || s.LastDrill != nil || levels.ProofWithin(b) > 0
}

// countDrill counts a drill that ended after the newest that was counted before this pass. Drills of a policy end one after the other.
func (p *PolicyPlan) countDrill(one api.DrillSummary, counted *api.DrillSummary) {
	if counted != nil && (one.At.Before(&counted.At) || (one.At.Equal(&counted.At) && one.Name <= counted.Name)) {
		return
	}
	switch n := &p.Status.Drills; one.Verdict {
	case api.VerdictPassed:
		n.Passed++
	case api.VerdictFailed:
		n.Failed++
	case api.VerdictInconclusive:
		n.Inconclusive++
	case api.VerdictAborted:
		n.Aborted++
	}
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
