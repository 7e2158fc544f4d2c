// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Domains are the failure domains of storage classes, by name: what an admin says, or else the driver.
type Domains map[string]string

// Independent says whether neither a repository nor the target of a restore fails together with any of the sources. What is not
// known counts as the same.
func Independent(sources []string, repository, target string) bool {
	return len(sources) > 0 && !slices.ContainsFunc(sources, func(s string) bool {
		return failTogether(s, repository) || failTogether(s, target)
	})
}

func failTogether(a, b string) bool {
	return a == "" || b == "" || a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// independent says whether a restore of a point from a repository into a storage class, or where none is named into those of the
// captured volumes, is independent of the captured volumes.
func (d Domains) independent(p *api.RecoveryPoint, r *api.Repository, class string) bool {
	if class == "" {
		return false // it goes where the captured volumes are
	}
	var sources []string
	for _, v := range p.Status.Volumes {
		domain, is := d[v.StorageClass]
		if !is { // the class is gone, or of another cluster
			domain = v.Driver
		}
		sources = append(sources, domain)
	}
	return Independent(sources, r.Status.FailureDomain, d[class])
}
