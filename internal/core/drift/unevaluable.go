// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Unevaluable are the findings on a policy of which something could not be read that all checks depend on: those of before,
// because nothing says that they are over, and that nothing is known.
func Unevaluable(b *api.BackupPolicy, why string, now time.Time) Answer {
	p := &pass{Observed: Observed{Policy: b, Status: &b.Status}, now: now}
	p.keep(func(f *api.Finding) bool { return f.Kind != api.ReasonEvaluationError || f.Subject != "" })
	since := p.since(api.ReasonEvaluationError, "")
	var all []string
	for i := range b.Status.Conditions {
		all = append(all, b.Status.Conditions[i].Type)
	}
	p.find(Finding{
		Finding: api.Finding{Kind: api.ReasonEvaluationError, Since: since,
			Severity: p.rising(since.Time, step{0, api.SeverityMedium}, step{evaluationErrorHigh, api.SeverityHigh}),
			Message:  "the policy could not be judged: " + why,
			Remedy:   "look at the operator's log; the conditions are Unknown until it can be judged again"},
		Blurs: all,
	})
	sortFindings(p.found)
	return Answer{Findings: p.found, Wake: p.wake}
}
