// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// checkDomainCollapse finds repositories that are declared to be elsewhere and are where the volumes are.
var checkDomainCollapse = check{
	kinds: []string{api.ReasonDomainCollapse},
	needs: []Fact{FactCopies, FactStack, FactSelection},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if !r.Declared || r.Domain == "" || !slices.ContainsFunc(p.Independence.Sources, func(s domain.Domain) bool { return s != "" && domain.Shares(s, r.Domain) }) {
				continue // of a place that is not known nobody can say that it is the same
			}
			f := Finding{Breaks: []string{api.ConditionIndependent}}
			f.Kind, f.Severity, f.Subject = api.ReasonDomainCollapse, api.SeverityCritical, "repository/"+r.Name
			f.Since = p.since(f.Kind, f.Subject)
			f.Message = "repository " + r.Name + " is to keep copies apart from the volumes, and by its spec.failureDomain is where they are: " + r.Domain
			f.Remedy = "keep copies somewhere that fails on its own: another storage system, site or account; or correct spec.failureDomain, if the place is another"
			p.find(f)
		}
	},
}
