// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// leftoverAfter is how long what is thrown away may take to go.
const leftoverAfter = 5 * time.Minute

// checkDrillLeftovers finds what was to be thrown away, and is still there after its time.
var checkDrillLeftovers = check{
	kinds: []string{api.ReasonDrillLeftovers},
	needs: []Fact{FactLeftovers},
	judge: func(p *pass) {
		for _, l := range p.Leftovers {
			if l.Since.After(p.now) {
				p.wakeAt(l.Since)
				continue
			}
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonDrillLeftovers, Subject: l.Subject, Since: at(l.Since),
				Severity: p.rising(l.Since, step{leftoverAfter, api.SeverityMedium}),
				Message:  l.Subject + " was made for one run, should be gone since " + l.Since.UTC().Format(time.RFC3339) + ", and costs storage and quota",
				Remedy:   "kubectl describe " + l.Subject + " tells what holds it: a finalizer, a pod, a driver that does not answer. Once nothing does, it goes by itself",
			}})
		}
	},
}
