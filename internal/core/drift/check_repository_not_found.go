// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// repositoryExpected is how long a Repository may take to be created after the policy that names it: both may come in one go.
const repositoryExpected = 5 * time.Minute

// checkRepositoryNotFound finds that a policy names a Repository that does not exist. Points are captured all the same.
var checkRepositoryNotFound = check{
	kinds: []string{api.ReasonRepositoryNotFound},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if !r.Missing {
				continue
			}
			f := Finding{}
			f.Kind, f.Subject = api.ReasonRepositoryNotFound, "repository/"+r.Name
			f.Since = p.since(f.Kind, f.Subject)
			f.Severity = p.rising(f.Since.Time, step{repositoryExpected, api.SeverityHigh}, step{unreachableCritical, api.SeverityCritical})
			f.Message = r.Field + " names Repository " + r.Name + ", which does not exist in this namespace: points are captured, and not copied there"
			f.Remedy = "create the Repository, or correct " + r.Field + "; kubectl get repo shows those that there are"
			p.find(f)
		}
	},
}
