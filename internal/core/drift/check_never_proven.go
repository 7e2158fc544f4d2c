// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkNeverProven finds policies whose restore no drill has proven yet. It is loud once the first point is older than a proof
// may be. The first may have gone since: where retention keeps points for less time, none ever gets that old.
var checkNeverProven = check{
	kinds: []string{api.ReasonNeverProven},
	needs: []Fact{FactPoints, FactDrills},
	of:    []string{api.ConditionProven},
	judge: func(p *pass) {
		if !p.Drilled || p.Status.LastProof != nil {
			return
		}
		f := Finding{Breaks: []string{api.ConditionProven}}
		f.Kind, f.Since, f.Severity = api.ReasonNeverProven, p.Policy.CreationTimestamp, api.SeverityPending
		for _, q := range p.Points {
			if complete(q) && q.Status.PointInTime != nil {
				f.Since = *q.Status.PointInTime
				if was := p.sinceBefore(f.Kind, "", f.Since); p.Policy.CreationTimestamp.Before(&was) { // else there was none yet
					f.Since = was
				}
				f.Severity = p.rising(f.Since.Time, step{p.Within, api.SeverityHigh})
				break
			}
		}
		f.Message = fmt.Sprintf("no drill has passed yet, and a proof is promised within %s", p.Within)
		f.Remedy = "create a RestoreDrill with spec.policy alone to rehearse now; kubectl get drill tells how earlier ones ended"
		p.find(f)
	},
}
