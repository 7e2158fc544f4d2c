// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// checkPartialPoint finds that the newest recovery point lacks a volume of the policy.
var checkPartialPoint = check{
	kinds: []string{api.ReasonPartialPoint},
	needs: []Fact{FactSelection, FactPoints},
	judge: func(p *pass) {
		newest := p.newestFinished()
		if newest == nil {
			return
		}
		c := meta.FindStatusCondition(newest.Status.Conditions, api.ConditionComplete)
		if c == nil || c.Status == metav1.ConditionUnknown || lost(c.Reason) {
			return // a point that was whole once is told of otherwise
		}
		message := cmp.Or(c.Message, "the newest recovery point is not complete: "+c.Reason)
		if c.Status == metav1.ConditionTrue {
			missing := p.lackedBy(newest)
			if len(missing) == 0 {
				return
			}
			message = fmt.Sprintf("the newest recovery point lacks %s, which was there when it was begun", Some(missing))
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonPartialPoint, Severity: api.SeverityHigh, Subject: "rp/" + newest.Name, Since: *newest.Status.FinishedAt,
			Message: message,
			Remedy:  "kubectl describe rp " + newest.Name + " names each volume and its reason; mend it, and the next point clears this",
		}})
	},
}

// lackedBy are the selected claims that were there when a point was begun, and are not in it.
func (p *pass) lackedBy(q *api.RecoveryPoint) []string {
	if q.Status.Capture == nil {
		return nil
	}
	held := map[string]bool{}
	for _, m := range names.Members(q.Status.Capture.ClaimSet) {
		held[m] = true
	}
	var out []string
	for i := range p.Volumes {
		v := &p.Volumes[i]
		if v.UID != "" && !held[names.ClaimHash(v.UID)] && v.Created.Before(q.Status.Capture.StartedAt.Time) {
			out = append(out, v.Claim)
		}
	}
	return out
}

// newestFinished is the newest point whose capture has ended; nil when there is none.
func (p *pass) newestFinished() *api.RecoveryPoint {
	for i := len(p.Points) - 1; i >= 0; i-- {
		if q := p.Points[i]; q.Status.FinishedAt != nil && q.DeletionTimestamp.IsZero() {
			return q
		}
	}
	return nil
}

func complete(q *api.RecoveryPoint) bool {
	return meta.IsStatusConditionTrue(q.Status.Conditions, api.ConditionComplete)
}
