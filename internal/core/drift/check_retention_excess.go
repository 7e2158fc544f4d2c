// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// excessAfter is how long after its time a point may still be there.
const excessAfter = day

// checkRetentionExcess finds points that should be gone and are not. While pruning holds, or the policy is suspended, they
// stay on purpose.
var checkRetentionExcess = check{
	kinds: []string{api.ReasonRetentionExcess},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		var stay []string
		oldest := metav1.Time{}
		consider := func(name string, since metav1.Time) {
			if due := since.Add(excessAfter); due.After(p.now) {
				p.wakeAt(due)
				return
			}
			stay = append(stay, name)
			if oldest.IsZero() || since.Before(&oldest) {
				oldest = since
			}
		}
		due := p.due()
		for _, q := range p.Points {
			if !q.DeletionTimestamp.IsZero() {
				consider(q.Name, *q.DeletionTimestamp)
			} else if at, is := due[string(q.UID)]; is {
				consider(q.Name, at)
			}
		}
		if len(stay) == 0 {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonRetentionExcess, Severity: api.SeverityMedium, Since: oldest,
			Message: fmt.Sprintf("%d recovery points should be gone for more than %s and are still there: %s", len(stay), excessAfter, Some(stay)),
			Remedy:  "kubectl describe rp " + stay[0] + " tells what holds it: a hold, a drill or a restore that reads it, or a snapshot that the storage system does not let go",
		}})
	},
}

// due are the points that retention lets go, by UID, and since when.
func (p *pass) due() map[string]metav1.Time {
	if p.Policy.Spec.Suspend || HoldsPruning(p.found) {
		return nil
	}
	out := make(map[string]metav1.Time, len(p.Status.Expiring))
	for i := range p.Status.Expiring {
		if e := &p.Status.Expiring[i]; e.Part == "" { // a point of which only a part is to go stays
			out[e.UID] = e.At
		}
	}
	return out
}
