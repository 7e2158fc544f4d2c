// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkProofNotIndependent finds that every proof read from, or restored into, the failure domain that independence is
// promised against: none shows that the data come back without it.
var checkProofNotIndependent = check{
	kinds: []string{api.ReasonProofNotIndependent},
	needs: []Fact{FactStack, FactSelection},
	judge: func(p *pass) {
		if p.Independence == nil || len(p.Independence.Proofs) == 0 {
			return
		}
		var first time.Time
		for _, one := range p.Independence.Proofs {
			if one.Independent {
				return
			}
			if first.IsZero() || one.At.Before(first) {
				first = one.At
			}
		}
		severity := api.SeverityHigh
		if !p.Independence.hasTarget() && !p.rehearsesElsewhere() {
			severity = api.SeverityLow // no drill in this cluster could: NoRestoreTarget says why
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonProofNotIndependent, Severity: severity, Since: p.sinceBefore(api.ReasonProofNotIndependent, "", at(first)),
			Message: "every proof used the failure domain of the volumes, so none shows that the data come back without it",
			Remedy:  "rehearse from an independent copy into another storage system: set spec.drill.from to Copy, and spec.drill.storageClassName to a class outside the failure domain",
		}})
	},
}
