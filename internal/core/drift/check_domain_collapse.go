// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"fmt"
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
			where := slices.IndexFunc(p.Independence.Sources, func(s domain.Place) bool { return domain.Known(s, r.Place) })
			if !r.Declared || where < 0 {
				continue // of a place that is not known nobody can say that it is the same
			}
			f := Finding{Breaks: []string{api.ConditionIndependent}}
			f.Kind, f.Severity, f.Subject = api.ReasonDomainCollapse, api.SeverityCritical, "repository/"+r.Name
			f.Since = p.since(f.Kind, f.Subject)
			f.Message = fmt.Sprintf("repository %s is to keep copies apart from the volumes, says that it is in %s, and is where they are: %s",
				r.Name, cmp.Or(r.Place.Domain, "no place that can be understood"), cmp.Or(p.Independence.Sources[where].Domain, "a place that is not known"))
			f.Remedy = "keep copies somewhere that fails on its own: another storage system, site or account; spec.failureDomain does not move them, but correct it if the place is another. " +
				"Two systems that look alike are told apart by annotation " + api.AnnotationFailureDomain + " of the storage classes of both"
			p.find(f)
		}
	},
}
