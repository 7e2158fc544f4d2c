// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkSlotMissed finds slots that passed without a run, until a later one has led to a complete point.
var checkSlotMissed = check{
	kinds: []string{api.ReasonSlotMissed},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		m := p.Status.Missed
		if m == nil {
			return
		}
		f := Finding{Finding: api.Finding{Kind: api.ReasonSlotMissed, Since: m.First, Severity: api.SeverityMedium,
			Message: fmt.Sprintf("%d slots passed without a run, the last at %s", m.Slots, m.Last.UTC().Format(time.RFC3339)),
			Remedy:  "see whether the operator ran then, whether captures take longer than the schedule leaves, and whether spec.schedule.startingDeadline is too short"}}
		if m.Slots >= 2 {
			f.Severity = api.SeverityHigh
		}
		p.find(f)
	},
}
