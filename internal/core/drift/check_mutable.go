// SPDX-License-Identifier: Apache-2.0

package drift

import (
	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkMutable finds repositories that promise that nobody can change what is in them, where somebody can.
var checkMutable = check{
	kinds: []string{api.ReasonMutable},
	needs: []Fact{FactCopies},
	judge: func(p *pass) {
		for _, r := range p.repositories() {
			if !r.Immutable || r.Enforced {
				continue
			}
			f := Finding{}
			f.Kind, f.Severity, f.Subject = api.ReasonMutable, api.SeverityHigh, "repository/"+r.Name
			f.Since = p.since(f.Kind, f.Subject)
			f.Message = "repository " + r.Name + " promises immutability, and a probe could delete or shorten what it had locked, or found no lock"
			f.Remedy = "switch object lock on for the bucket, in compliance mode, and take the right to bypass it from the credentials"
			p.find(f)
		}
	},
}
