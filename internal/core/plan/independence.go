// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// Independent says whether what is at some places comes back without any of them: neither the repository that it is read from
// nor the target that it is restored into fails together with one. What is not known counts as the same.
func Independent(sources []domain.Place, repository, target domain.Place) bool {
	return domain.Apart(sources, repository) && domain.Apart(sources, target)
}

// class is a storage class in the words of failure domains.
func (c *StorageClass) class() *domain.Class {
	return &domain.Class{Name: c.Name, Provisioner: c.Provisioner, Parameters: c.Parameters, Override: c.FailureDomain}
}

// classNamed is the storage class of a name; nil when there is none.
func classNamed(classes []StorageClass, name string) *domain.Class {
	i := slices.IndexFunc(classes, func(c StorageClass) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return classes[i].class()
}

// RepositoryDomain is the failure domain of a repository. Claims are those of its namespace.
func RepositoryDomain(r *api.Repository, claims []Claim, classes []StorageClass) domain.Domain {
	return repositoryPlace(r, claims, classes).Domain
}

func repositoryPlace(r *api.Repository, claims []Claim, classes []StorageClass) domain.Place {
	var on domain.Place
	if f := r.Spec.Filesystem; f != nil {
		if i := slices.IndexFunc(claims, func(c Claim) bool { return c.Name == f.Claim }); i >= 0 {
			on = domain.OfVolume(claims[i].Driver, classNamed(classes, claims[i].StorageClass))
		}
	}
	return domain.OfRepository(r.Spec, on)
}

// made is how a volume came to be: by which driver, and of which class.
type made struct{ driver, class string }

// claimPlaces are where the volumes of claims are, those that came to be in one way once.
func claimPlaces(claims []Claim, classes []StorageClass) []domain.Place {
	var ways []made
	for i := range claims {
		ways = append(ways, made{claims[i].Driver, claims[i].StorageClass})
	}
	return places(ways, classes)
}

// pointPlaces are where the volumes of a point were captured. The classes of one that was imported are those of another cluster,
// whatever they are called.
func pointPlaces(p *api.RecoveryPoint, classes []StorageClass) []domain.Place {
	if p.Status.Origin != nil {
		classes = nil
	}
	var ways []made
	for _, v := range p.Status.Volumes {
		ways = append(ways, made{v.Driver, v.StorageClass})
	}
	return places(ways, classes)
}

func places(ways []made, classes []StorageClass) []domain.Place {
	known := map[made]bool{}
	var out []domain.Place
	for _, w := range ways {
		if !known[w] {
			known[w] = true
			out = append(out, domain.OfVolume(w.driver, classNamed(classes, w.class)))
		}
	}
	return out
}

// independent says whether a restore of a point from a repository into a storage class, or where none is named into those of the
// captured volumes, is independent of the captured volumes.
func (o DrillObserved) independent(p *api.RecoveryPoint, r *api.Repository, class string) bool {
	target := classNamed(o.Classes, class)
	if target == nil {
		return false // it goes where the captured volumes are, or nobody knows where
	}
	return Independent(pointPlaces(p, o.Classes), repositoryPlace(r, o.Claims, o.Classes), domain.OfClass(*target))
}
