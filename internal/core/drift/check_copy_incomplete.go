// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"slices"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkCopyIncomplete finds repositories into which the newest copy that ended is not whole. It never counts.
var checkCopyIncomplete = check{
	kinds: []string{api.ReasonCopyIncomplete},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		if p.Independence == nil {
			return
		}
		ended := map[string][]*Copy{} // by repository
		for i := range p.Independence.Copies {
			if c := &p.Independence.Copies[i]; !c.EndedAt.IsZero() {
				ended[c.Repository] = append(ended[c.Repository], c)
			}
		}
		for repository, copies := range ended {
			slices.SortFunc(copies, func(a, b *Copy) int {
				return cmp.Or(b.EndedAt.Compare(a.EndedAt), b.PointInTime.Compare(a.PointInTime), strings.Compare(b.Point, a.Point))
			})
			newest := copies[0]
			if newest.Complete {
				continue
			}
			first := newest
			for _, c := range copies {
				if c.Complete {
					break
				}
				first = c
			}
			subject := "repository/" + repository
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonCopyIncomplete, Severity: api.SeverityHigh, Subject: subject,
				Since:   p.sinceBefore(api.ReasonCopyIncomplete, subject, at(first.EndedAt)), // one that is tried again does not say when it ended first
				Message: "the copy of recovery point " + newest.Point + " in repository " + repository + " ended early, and does not count",
				Remedy:  "kubectl describe rp " + newest.Point + " tells why it ended; the next copy that is whole clears this",
			}})
		}
	},
}
