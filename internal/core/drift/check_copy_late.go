// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkCopyLate finds that the newest independent copy is of data that are older than promised.
var checkCopyLate = check{
	kinds: []string{api.ReasonCopyLate},
	needs: []Fact{FactCopies, FactStack, FactSelection},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		promise := p.Independence
		if promise == nil || promise.Within <= 0 {
			return
		}
		newest := promise.Newest()
		if newest == nil {
			return
		}
		ends := newest.PointInTime.Add(promise.Within)
		if ends.After(p.now) {
			p.wakeAt(ends)
			return
		}
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonCopyLate, Since: at(ends),
				Severity: p.rising(ends, step{0, api.SeverityHigh}, step{promise.Within, api.SeverityCritical}),
				Message: fmt.Sprintf("the newest independent copy, of recovery point %s, has data from %s, and they may be %s old",
					newest.Point, newest.PointInTime.UTC().Format(time.RFC3339), promise.Within),
				Remedy: "kubectl get rp shows how the copies since then ended; see that the repository is reachable, and that a copy takes less time than there is between two"},
			Breaks: []string{api.ConditionIndependent},
		})
	},
}
