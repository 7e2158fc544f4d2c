// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkCopyCorrupt finds repositories whose verification found damage. Nothing is pruned anywhere until it is mended: what the
// copies stood for, the snapshots alone stand for now.
var checkCopyCorrupt = check{
	kinds: []string{api.ReasonCopyCorrupt},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if r.Corrupt.IsZero() {
				continue
			}
			remedy := "look after the store, and keep every snapshot that there is: what is damaged could not be set aside, so that copies made now may need it too"
			if r.Healing {
				remedy = "look after the store; what is damaged was set aside, so that the next copy brings it anew while the source still has it"
			}
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonCopyCorrupt, Severity: api.SeverityCritical, Subject: "repository/" + r.Name, Since: at(r.Corrupt),
				Message: "the verification of repository " + r.Name + " found damage" + r.lost() + "; nothing is pruned meanwhile",
				Remedy:  remedy + "; kubectl describe repository " + r.Name + " tells how much",
			}})
		}
	},
}

// lost says which copies a damaged repository cannot give back, to be put behind that it is damaged.
func (r *Repository) lost() string {
	switch {
	case r.DamagedCount == 0:
		return ""
	case r.DamagedCount == 1:
		return ": it cannot give back all of the copy of recovery point " + Some(r.Damaged)
	}
	return fmt.Sprintf(": it cannot give back all of the copies of %d recovery points: %s", r.DamagedCount, SomeOf(r.Damaged, r.DamagedCount))
}

// repositories are those into which copies are promised.
func (p *pass) repositories() []Repository {
	if p.Independence == nil {
		return nil
	}
	return p.Independence.Repositories
}
