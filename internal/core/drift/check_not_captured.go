// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkNotCaptured finds selected volumes that are in no complete point yet, though there is one of others. They may be
// younger than it, or selected only since: it is told once two slots have passed over them.
var checkNotCaptured = check{
	kinds: []string{api.ReasonVolumeNotCaptured},
	needs: []Fact{FactSelection, FactPoints},
	of:    []string{api.ConditionProtected},
	judge: func(p *pass) {
		if p.Obstacle != nil && p.Obstacle.Schedule || !slices.ContainsFunc(p.Points, complete) {
			return
		}
		var claims []string
		var oldest time.Time
		for i := range p.Volumes {
			v := &p.Volumes[i]
			if !v.ProtectedUntil.IsZero() {
				continue
			}
			claims = append(claims, v.Claim)
			if oldest.IsZero() || !v.Created.IsZero() && v.Created.Before(oldest) { // one that is named and not there was not made yet
				oldest = v.Created
			}
		}
		if len(claims) == 0 {
			return
		}
		f := Finding{Breaks: []string{api.ConditionProtected}}
		f.Kind, f.Since = api.ReasonVolumeNotCaptured, p.since(api.ReasonVolumeNotCaptured, "")
		if f.Since.Time.Before(oldest) { // it was of others
			f.Since = at(oldest)
		}
		f.Severity = p.rising(f.Since.Time, step{p.twoSlots(f.Since.Time), api.SeverityHigh})
		f.Message = fmt.Sprintf("%d of %d volumes are in no complete recovery point: %s", len(claims), len(p.Volumes), Some(claims))
		f.Remedy = "wait for the next slot, or create a RecoveryPoint with spec.policy alone to capture them now"
		p.find(f)
	},
}
