// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkNoIndependentCopy finds that no complete copy is outside the source's failure domain. When copies were only just
// promised, the first is given its time.
var checkNoIndependentCopy = check{
	kinds: []string{api.ReasonNoIndependentCopy},
	needs: []Fact{FactCopies, FactStack},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		promise := p.Independence
		if promise == nil || p.newestIndependent() != nil {
			return
		}
		p.find(Finding{
			Finding: api.Finding{Kind: api.ReasonNoIndependentCopy, Since: at(promise.Since),
				Severity: p.rising(promise.Since, step{promise.Within, api.SeverityCritical}),
				Message:  "there is no complete copy outside the failure domain of the volumes: whatever takes the storage system takes everything",
				Remedy:   "kubectl get rp shows how the copies ended; see that the repository is reachable, and not on the storage that it is to outlive"},
			Breaks: []string{api.ConditionIndependent},
		})
	},
}

// newestIndependent is the copy of the newest data that are complete and outside the source's failure domain; nil when there is none.
func (p *pass) newestIndependent() *Copy {
	var newest *Copy
	for i := range p.Independence.Copies {
		c := &p.Independence.Copies[i]
		if c.Complete && p.elsewhere(c.Repository) && (newest == nil || c.PointInTime.After(newest.PointInTime)) {
			newest = c
		}
	}
	return newest
}

// elsewhere says whether a repository is known to fail apart from the volumes.
func (p *pass) elsewhere(repository string) bool {
	return slices.ContainsFunc(p.Independence.Repositories, func(r Repository) bool {
		return r.Name == repository && apart(p.Independence.Sources, r.Domain)
	})
}

// apart says whether a failure domain is none of others. One that is not known is apart from nothing.
func apart(from []string, domain string) bool { return domain != "" && !slices.Contains(from, domain) }
