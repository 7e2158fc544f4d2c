// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// Domains are the failure domains of storage classes, by name.
type Domains map[string]domain.Domain

// independent says whether a restore of a point from a repository into a storage class does without the failure domain of the
// captured volumes. Where no class is named it goes where they are. What is not known is not independent.
func (d Domains) independent(p *api.RecoveryPoint, r *api.Repository, class string) bool {
	var sources []domain.Domain
	for i := range p.Status.Volumes {
		v := &p.Status.Volumes[i]
		from, known := d[v.StorageClass]
		if !known { // the class is gone, or of another cluster, and the driver still tells something
			from = domain.OfDriver(v.Driver, nil)
		}
		if !slices.Contains(sources, from) {
			sources = append(sources, from)
		}
	}
	return class != "" && domain.Apart(sources, r.Status.FailureDomain) && domain.Apart(sources, d[class])
}
