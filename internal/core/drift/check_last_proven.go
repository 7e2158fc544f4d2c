// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

// checkLastProven finds that the newest proven point was asked to go, or stays for nothing but its proof. It is held
// either way: nothing younger is known to be restorable.
var checkLastProven = check{
	kinds: []string{api.ReasonLastProvenAtRisk},
	judge: func(p *pass) {
		q := p.newestProven()
		if q == nil {
			return
		}
		f := Finding{}
		f.Kind, f.Subject = api.ReasonLastProvenAtRisk, "rp/"+q.Name
		switch {
		case !q.DeletionTimestamp.IsZero():
			f.Severity, f.Since = api.SeverityCritical, *q.DeletionTimestamp
			f.Message = "somebody asked for the deletion of recovery point " + q.Name + ", the newest that a drill has proven; it is held back until a newer one is proven"
			f.Remedy = "find out who deleted it and why, in the audit log; a deletion cannot be taken back: rehearse a newer point with a RestoreDrill that has spec.policy alone, and it may go"
		case slices.Equal(q.Status.Keep, []string{retention.NewestProven.String()}):
			f.Severity, f.Since = api.SeverityLow, p.since(f.Kind, f.Subject)
			f.Message = "retention alone would have let recovery point " + q.Name + " go: it stays because it is the newest that a drill has proven"
			f.Remedy = "rehearse a newer point: create a RestoreDrill with spec.policy alone. If that is too rare, have spec.drill.cron be due before spec.retention lets points go"
		default:
			return
		}
		p.find(f)
	},
}

// newestProven is the newest complete point that a drill has proven, also one that is being deleted; nil when there is none.
func (p *pass) newestProven() *api.RecoveryPoint {
	for i := len(p.Points) - 1; i >= 0; i-- {
		if q := p.Points[i]; meta.IsStatusConditionTrue(q.Status.Conditions, api.ConditionProven) && complete(q) {
			return q
		}
	}
	return nil
}
