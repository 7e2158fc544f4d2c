// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkReclaim finds volumes that are deleted with their claim, and claims that are deleted with their StatefulSet: one
// kubectl delete is then enough to need a restore.
var checkReclaim = check{
	kinds: []string{api.ReasonReclaimDeletesData},
	needs: []Fact{FactVolumes},
	judge: func(p *pass) {
		var deletes, drops, what, remedy []string
		set := ""
		for i := range p.Volumes {
			v := &p.Volumes[i]
			if v.Deletes {
				deletes = append(deletes, v.Claim)
			}
			if v.Drops != "" {
				drops = append(drops, v.Claim)
				set = v.Drops
			}
		}
		if len(deletes) > 0 {
			what = append(what, fmt.Sprintf("deleting the claim deletes the data of %d of %d volumes: %s", len(deletes), len(p.Volumes), Some(deletes)))
			remedy = append(remedy, `kubectl patch pv "$(kubectl get pvc `+deletes[0]+` -o jsonpath={.spec.volumeName})" -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`)
		}
		if len(drops) > 0 {
			what = append(what, fmt.Sprintf("deleting or scaling down StatefulSet %s deletes claims: %s", set, Some(drops)))
			remedy = append(remedy, `kubectl patch statefulset `+set+` -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain","whenScaled":"Retain"}}}'`)
		}
		if len(what) == 0 {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonReclaimDeletesData, Severity: api.SeverityMedium, Since: p.since(api.ReasonReclaimDeletesData, ""),
			Message: strings.Join(what, "; "), Remedy: strings.Join(remedy, "; "),
		}})
	},
}
