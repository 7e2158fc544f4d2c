// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// firstCopy is how long the first copy may take where the policy does not say how old copies may get.
const firstCopy = 24 * time.Hour

// checkNoIndependentCopy finds that no complete copy is outside the source's failure domain. When copies were only just
// promised, the first is given its time.
var checkNoIndependentCopy = check{
	kinds: []string{api.ReasonNoIndependentCopy},
	needs: []Fact{FactCopies, FactStack, FactSelection},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		promise := p.Independence
		if promise == nil || promise.Newest() != nil {
			return
		}
		why, remedy := promise.obstacle()
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonNoIndependentCopy, Since: at(promise.Since),
				Severity: p.rising(promise.Since, step{cmp.Or(promise.Within, firstCopy), api.SeverityCritical}),
				Message:  "there is no complete copy outside the failure domain of the volumes: whatever takes the storage system takes everything" + why,
				Remedy:   remedy},
			Breaks: []string{api.ConditionIndependent},
		})
	},
}

// obstacle says why complete copies do not count, to be put at the end of a sentence, and what helps.
func (i *Independence) obstacle() (why, remedy string) {
	const annotate = "annotation " + api.AnnotationFailureDomain + " of their storage class says where they are; kubectl get storageclass shows what there is"
	if len(i.Sources) == 0 || slices.Contains(i.Sources, "") {
		return "; it is not known where the volumes are", annotate
	}
	for n := range i.Copies {
		switch c, r := &i.Copies[n], i.repository(i.Copies[n].Repository); {
		case !c.Complete || r == nil || r.Missing:
		case r.Domain == "":
			return "; it is not known where repository " + r.Name + " is", "spec.failureDomain of the repository, or the annotation " + api.AnnotationFailureDomain + " of the storage class that it is on, says where it is"
		case !domain.Apart(i.Sources, r.Domain):
			return "; repository " + r.Name + " is in it: " + r.Domain, "keep copies somewhere that fails on its own: another storage system, site or account"
		default:
			return "; verification found damage in repository " + r.Name, "look after the store of repository " + r.Name + "; the next copy that is made once the damage is set aside clears this"
		}
	}
	return "", "kubectl get rp shows how the copies ended; see that the repository is reachable, and not on the storage that it is to outlive"
}
