// SPDX-License-Identifier: Apache-2.0

package plan

import (
	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// Domains are the failure domains of storage classes, by name.
type Domains map[string]domain.Domain

// Independent says whether neither a repository nor the target of a restore fails together with any of the sources. What is not
// known counts as the same.
func Independent(sources []domain.Domain, repository, target domain.Domain) bool {
	return domain.Apart(sources, repository) && domain.Apart(sources, target)
}

// independent says whether a restore of a point from a repository into a storage class, or where none is named into those of the
// captured volumes, is independent of the captured volumes.
func (d Domains) independent(p *api.RecoveryPoint, r *api.Repository, class string) bool {
	if class == "" {
		return false // it goes where the captured volumes are
	}
	var sources []domain.Domain
	for _, v := range p.Status.Volumes {
		source, is := d[v.StorageClass]
		if !is { // the class is gone, or of another cluster
			source = domain.OfDriver(v.Driver, nil)
		}
		sources = append(sources, source)
	}
	return Independent(sources, r.Status.FailureDomain, d[class])
}
