// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// unreachableCritical is after how long a repository that cannot be reached is Critical.
const unreachableCritical = time.Hour

// checkRepositoryUnreachable finds repositories that cannot be reached, or refuse the credentials: nothing can be copied there, nor be brought back.
var checkRepositoryUnreachable = check{
	kinds: []string{api.ReasonRepositoryUnreachable},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if r.Unreachable.IsZero() {
				continue
			}
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonRepositoryUnreachable, Subject: "repository/" + r.Name, Since: at(r.Unreachable),
				Severity: p.rising(r.Unreachable, step{0, api.SeverityMedium}, step{unreachableCritical, api.SeverityCritical}),
				Message:  "repository " + r.Name + " cannot be reached: " + cmp.Or(r.Why, "no reason was given"),
				Remedy:   "see that its address answers from this cluster, and that its Secret holds credentials that are still good",
			}})
		}
	},
}
