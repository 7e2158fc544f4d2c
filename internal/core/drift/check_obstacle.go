// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// selectsNothingAfter is how long a selection may be empty before it is told: claims may be made after their policy.
const selectsNothingAfter = 15 * time.Minute

// checkObstacle finds what keeps a policy from being carried out at all.
var checkObstacle = check{
	kinds: []string{api.ReasonInvalidSchedule, api.ReasonInvalidSelector, api.ReasonPolicySelectsNothing, api.ReasonWorkloadNotFound,
		api.ReasonSnapshotAPIMissing, api.ReasonHooksDisabled, api.ReasonGroupUnsupported, api.ReasonNamespaceTerminating},
	needs: []Fact{FactSelection},
	of:    []string{api.ConditionReady, api.ConditionProtected},
	judge: func(p *pass) {
		why := p.Obstacle
		if why == nil {
			return
		}
		f := Finding{Breaks: []string{api.ConditionReady}}
		f.Kind, f.Message, f.Since = why.Reason, why.Message, p.since(why.Reason, "")
		f.Severity, f.Remedy = p.obstacle(why.Reason, f.Since.Time)
		switch {
		case why.Selection:
			f.Breaks = append(f.Breaks, api.ConditionProtected)
		case why.Schedule:
			f.Blurs = append(f.Blurs, api.ConditionProtected)
		}
		p.find(f)
	},
}

// obstacle says how loud an obstacle is, and what helps.
func (p *pass) obstacle(reason string, since time.Time) (api.Severity, string) {
	switch reason {
	case api.ReasonPolicySelectsNothing:
		return p.rising(since, step{selectsNothingAfter, api.SeverityMedium}), "label the claims as spec.volumes.selector asks, or correct it; kubectl get pvc --show-labels tells what there is"
	case api.ReasonWorkloadNotFound:
		return p.rising(since, step{selectsNothingAfter, api.SeverityHigh}), "create the workload, or correct its name in spec.volumes.workload"
	case api.ReasonNamespaceTerminating:
		return api.SeverityPending, "nothing: the namespace is on its way out, and the snapshots stay on the storage system"
	}
	return api.SeverityHigh, "correct what the message names; nothing is captured meanwhile"
}
