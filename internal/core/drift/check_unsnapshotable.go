// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// unboundAfter is how long a claim may be without a volume, or on its way out, before it is told.
const unboundAfter = 15 * time.Minute

// checkUnsnapshotable finds selected volumes that cannot be captured as things stand.
var checkUnsnapshotable = check{
	kinds: []string{api.ReasonUnsnapshotableVolume},
	needs: []Fact{FactSelection},
	of:    []string{api.ConditionReady},
	judge: func(p *pass) {
		for i := range p.Volumes {
			v := &p.Volumes[i]
			if v.Problem == nil {
				continue
			}
			f := Finding{Breaks: []string{api.ConditionReady}}
			f.Kind, f.Subject = api.ReasonUnsnapshotableVolume, "pvc/"+v.Claim
			f.Since = p.since(f.Kind, f.Subject)
			f.Severity = api.SeverityHigh
			switch v.Problem.Reason {
			case api.ReasonClaimNotBound, api.ReasonClaimTerminating:
				f.Severity = p.rising(f.Since.Time, step{unboundAfter, api.SeverityHigh})
			}
			f.Message = "claim " + v.Claim + " cannot be captured: " + v.Problem.Message + " (" + v.Problem.Reason + ")"
			f.Remedy = "follow the message; the page of " + v.Problem.Reason + " says more"
			p.find(f)
		}
	},
}
