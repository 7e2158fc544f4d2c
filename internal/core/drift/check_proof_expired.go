// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkProofExpired finds that the newest proof is older than promised.
var checkProofExpired = check{
	kinds: []string{api.ReasonProofExpired},
	needs: []Fact{FactDrills},
	of:    []string{api.ConditionProven},
	judge: func(p *pass) {
		last := p.Status.LastProof
		if last == nil {
			return
		}
		ends := last.At.Add(p.Within)
		if ends.After(p.now) {
			p.wakeAt(ends)
			return
		}
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonProofExpired, Since: at(ends),
				Severity: p.rising(ends, step{0, api.SeverityHigh}, step{p.Within, api.SeverityCritical}),
				Message:  fmt.Sprintf("the newest proof is from %s, and none may be older than %s", last.At.UTC().Format(time.RFC3339), p.Within),
				Remedy:   "create a RestoreDrill with spec.policy alone to rehearse now; kubectl get drill tells how the last ones ended"},
			Breaks: []string{api.ConditionProven},
		})
	},
}
