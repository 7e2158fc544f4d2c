// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// checkNoRestoreTarget finds that no storage class outside the source's failure domain could take a restore: copies alone do
// not bring a service back.
var checkNoRestoreTarget = check{
	kinds: []string{api.ReasonNoRestoreTarget},
	needs: []Fact{FactStack, FactSelection},
	judge: func(p *pass) {
		promise := p.Independence
		if promise == nil || slices.ContainsFunc(promise.Targets, func(t domain.Domain) bool { return domain.Apart(promise.Sources, t) }) {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonNoRestoreTarget, Severity: api.SeverityHigh, Since: p.since(api.ReasonNoRestoreTarget, ""),
			Message: "no storage class outside the failure domain of the volumes could take a restore: copies would be safe, and have nowhere to go",
			Remedy:  "give the cluster a storage class of another storage system, or know the cluster into which you would restore; kubectl get storageclass shows what there is",
		}})
	},
}
