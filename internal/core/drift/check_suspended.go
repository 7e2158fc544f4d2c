// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkSuspended finds policies that have been suspended for long: somebody may have forgotten.
var checkSuspended = check{
	kinds: []string{api.ReasonPolicySuspended},
	judge: func(p *pass) {
		if !p.Policy.Spec.Suspend {
			return
		}
		since := p.Policy.CreationTimestamp
		if a := p.Status.Applied; a != nil && a.ScheduleSince != nil {
			since = *a.ScheduleSince
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonPolicySuspended, Since: since,
			Severity: p.rising(since.Time, step{day, api.SeverityMedium}, step{7 * day, api.SeverityHigh}),
			Message:  "the policy has been suspended since " + since.UTC().Format(time.RFC3339) + ": nothing is captured or rehearsed on schedule",
			Remedy:   "set spec.suspend to false, or delete the policy if it is not needed any more: its points stay",
		}})
	},
}
