// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// checkNoRestoreTarget finds that no storage class outside the source's failure domain could take a restore: copies alone do
// not bring a service back. Most clusters have one storage system, and would be restored as another cluster: there it is to be
// known, and no more.
var checkNoRestoreTarget = check{
	kinds: []string{api.ReasonNoRestoreTarget},
	needs: []Fact{FactStack, FactSelection},
	judge: func(p *pass) {
		promise := p.Independence
		if promise == nil || promise.hasTarget() {
			return
		}
		const annotation = "; annotation " + api.AnnotationFailureDomain + " of storage classes tells systems apart that look alike"
		f := api.Finding{
			Kind: api.ReasonNoRestoreTarget, Severity: api.SeverityLow, Since: p.since(api.ReasonNoRestoreTarget, ""),
			Message: "no storage class of this cluster outside the failure domain of the volumes could take a restore: once that is lost, the copies come back in another cluster alone",
			Remedy:  "know the cluster into which you would restore, and rehearse it there with a Repository that has import: true; or give this one a storage class of another storage system" + annotation,
		}
		if p.rehearsesElsewhere() {
			f.Severity = api.SeverityHigh
			f.Message = "no storage class outside the failure domain of the volumes could take a restore, and the drills from copies are to show one: class " + p.Policy.Spec.Drill.StorageClassName + " is not"
			f.Remedy = "have spec.drill.storageClassName name a class of another storage system, or leave it out" + annotation
		}
		p.find(Finding{Finding: f})
	},
}

// hasTarget says whether a storage class is known to fail apart from the volumes.
func (i *Independence) hasTarget() bool {
	return slices.ContainsFunc(i.Targets, func(t domain.Place) bool { return domain.Apart(i.Sources, t) })
}

// rehearsesElsewhere says whether the policy has copies restored into a storage class of its choice: then it promises that there is
// somewhere to go. Into the class of the captured claims it promises none.
func (p *pass) rehearsesElsewhere() bool {
	d := p.Policy.Spec.Drill
	return d != nil && d.From == api.FromCopy && d.StorageClassName != ""
}
