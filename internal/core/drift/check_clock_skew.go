// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

// checkClockSkew finds that the storage system gave the newest complete point a time at which it cannot have been taken.
// The ages of data are judged by that clock, so all promises about age are then about something else.
var checkClockSkew = check{
	kinds: []string{api.ReasonClockSkew},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		q := p.newestWhole()
		if q == nil || q.Status.PointInTime == nil {
			return
		}
		taken, finished := q.Status.PointInTime, q.Status.FinishedAt
		ahead := taken.Add(-retention.Tolerance)
		p.wakeAt(ahead) // what lies in the future comes to be the past
		switch c := q.Status.Capture; {
		case c != nil && taken.Add(retention.Tolerance).Before(c.StartedAt.Time):
		case ahead.After(finished.Time):
		case ahead.After(p.now):
		default:
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonClockSkew, Severity: api.SeverityMedium, Since: p.sinceBefore(api.ReasonClockSkew, "", *finished),
			Message: fmt.Sprintf("the storage system says that recovery point %s is from %s, and its capture ended at %s: one of the clocks is wrong by more than %s",
				q.Name, taken.UTC().Format(time.RFC3339), finished.UTC().Format(time.RFC3339), retention.Tolerance),
			Remedy: "compare the clocks of the storage system and of the cluster's nodes, and have both follow the same time servers; the next point shows whether it helped",
		}})
	},
}

// newestWhole is the newest complete point; nil when there is none.
func (p *pass) newestWhole() *api.RecoveryPoint {
	for i := len(p.Points) - 1; i >= 0; i-- {
		if q := p.Points[i]; q.Status.FinishedAt != nil && q.DeletionTimestamp.IsZero() && complete(q) {
			return q
		}
	}
	return nil
}
