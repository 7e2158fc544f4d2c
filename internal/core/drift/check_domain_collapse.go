// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkDomainCollapse finds repositories that are declared to be elsewhere and are where the volumes are.
var checkDomainCollapse = check{
	kinds: []string{api.ReasonDomainCollapse},
	needs: []Fact{FactCopies, FactStack},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if !r.Declared || !slices.Contains(p.Independence.Sources, r.Domain) {
				continue
			}
			f := Finding{Breaks: []string{api.ConditionIndependent}}
			f.Kind, f.Severity, f.Subject = api.ReasonDomainCollapse, api.SeverityCritical, "repository/"+r.Name
			f.Since = p.since(f.Kind, f.Subject)
			f.Message = "repository " + r.Name + " is declared to be independent of the volumes, and is where they are: " + r.Domain
			f.Remedy = "keep copies somewhere that fails on its own: another storage system, site or account; the declaration does not move them"
			p.find(f)
		}
	},
}
