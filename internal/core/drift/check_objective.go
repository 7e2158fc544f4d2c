// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkObjective finds volumes whose newest captured data are older than promised.
var checkObjective = check{
	kinds: []string{api.ReasonObjectiveMissed},
	needs: []Fact{FactSelection, FactPoints},
	of:    []string{api.ConditionProtected},
	judge: func(p *pass) {
		if p.Obstacle != nil && p.Obstacle.Schedule {
			return
		}
		var late []string
		var worst *Volume
		for i := range p.Volumes {
			v := &p.Volumes[i]
			if v.ProtectedUntil.IsZero() {
				continue
			}
			if v.ProtectedUntil.After(p.now) {
				p.wakeAt(v.ProtectedUntil)
				continue
			}
			late = append(late, v.Claim)
			if worst == nil || v.ProtectedUntil.Before(worst.ProtectedUntil) {
				worst = v
			}
		}
		if worst == nil {
			return
		}
		allowed := worst.ProtectedUntil.Sub(worst.CapturedAt)
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonObjectiveMissed, Since: at(worst.ProtectedUntil),
				Severity: p.rising(worst.ProtectedUntil, step{0, api.SeverityHigh}, step{allowed, api.SeverityCritical}),
				Message: fmt.Sprintf("%d of %d volumes are not protected: %s; the data of %s are from %s, and may be %s old", len(late), len(p.Volumes), Some(late),
					worst.Claim, worst.CapturedAt.UTC().Format(time.RFC3339), allowed.Round(time.Second)),
				Remedy: "look at the newest recovery points and follow the page of their reason; to capture now, create a RecoveryPoint with spec.policy alone"},
			Breaks: []string{api.ConditionProtected},
		})
	},
}
