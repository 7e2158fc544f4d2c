// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
)

// checkProofTooShallow finds that the newest proof does not go as deep as is promised.
var checkProofTooShallow = check{
	kinds: []string{api.ReasonProofTooShallow},
	needs: []Fact{FactDrills},
	of:    []string{api.ConditionProven},
	judge: func(p *pass) {
		last := p.Status.LastProof
		if last == nil || levels.Depth(last.Level) >= levels.Depth(p.Required) {
			return
		}
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonProofTooShallow, Severity: api.SeverityHigh, Since: p.since(api.ReasonProofTooShallow, ""),
				Message: fmt.Sprintf("the newest proof reached %s, and %s is asked for", last.Level, p.Required),
				Remedy:  "give spec.drill a check that proves " + string(p.Required) + ", and rehearse: create a RestoreDrill with spec.policy alone"},
			Breaks: []string{api.ConditionProven},
		})
	},
}
