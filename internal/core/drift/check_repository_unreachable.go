// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// unreachableCritical is after how long a repository that cannot be reached is Critical.
const unreachableCritical = time.Hour

// checkRepositoryUnreachable finds repositories that cannot be reached, or refuse the credentials: nothing can be copied there, nor be
// brought back. After a while nobody knows any more what is in them.
var checkRepositoryUnreachable = check{
	kinds: []string{api.ReasonRepositoryUnreachable},
	needs: []Fact{FactCopies},
	of:    []string{api.ConditionIndependent},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if r.Unreachable.IsZero() {
				continue
			}
			f := Finding{Finding: api.Finding{
				Kind: api.ReasonRepositoryUnreachable, Subject: "repository/" + r.Name, Since: at(r.Unreachable),
				Severity: p.rising(r.Unreachable, step{0, api.SeverityMedium}, step{unreachableCritical, api.SeverityCritical}),
				Message:  "repository " + r.Name + " cannot be reached: " + cmp.Or(r.Why, "no reason was given"),
				Remedy:   "see that its address answers from this cluster, and that its Secret holds credentials that are still good",
			}}
			if r.Lost {
				f.Severity = api.SeverityCritical
				f.Remedy = "see what became of the bucket or the folder: what was copied there cannot be brought back before it is found again"
			}
			if p.forgotten(&r) && !p.keptWithout() {
				f.Blurs = []string{api.ConditionIndependent}
			}
			p.find(f)
		}
	},
}

// forgotten says whether a repository cannot be reached for so long that what it holds is hearsay.
func (p *pass) forgotten(r *Repository) bool {
	return !r.Unreachable.IsZero() && !p.now.Before(r.Unreachable.Add(unreachableCritical))
}

// keptWithout says whether the promise of copies is kept by those in repositories of which it is known what they hold.
func (p *pass) keptWithout() bool {
	i := p.Independence
	newest := i.newest(func(r *Repository) bool { return !p.forgotten(r) })
	if newest == nil || i.Within <= 0 {
		return newest != nil
	}
	until := newest.PointInTime.Add(i.Within)
	p.wakeAt(until)
	return until.After(p.now)
}
