// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkNeverSucceeded finds policies without any complete point. A young one is given two slots.
var checkNeverSucceeded = check{
	kinds: []string{api.ReasonNeverSucceeded},
	needs: []Fact{FactPoints},
	of:    []string{api.ConditionProtected},
	judge: func(p *pass) {
		if p.Obstacle != nil && (p.Obstacle.Schedule || p.Obstacle.Selection) || slices.ContainsFunc(p.Points, complete) {
			return
		}
		born := p.Policy.CreationTimestamp
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonNeverSucceeded, Since: born,
				Severity: p.rising(born.Time, step{p.twoSlots(born.Time), api.SeverityHigh}),
				Message:  "there is no complete recovery point yet",
				Remedy:   "kubectl get rp tells why captures fail; without any, look at status.nextSlot and spec.suspend"},
			Breaks: []string{api.ConditionProtected},
		})
	},
}

// twoSlots is how long after an instant two slots have passed, each with the time that a capture may take. Without a schedule it is a day.
func (p *pass) twoSlots(from time.Time) time.Duration {
	second := p.Calendar.Next(p.Calendar.Next(from))
	if second.IsZero() {
		return day
	}
	return second.Add(p.Jitter + p.Timeout).Sub(from)
}
