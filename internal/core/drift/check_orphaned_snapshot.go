// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// orphanedAfter is after how long a snapshot that belongs to no point is told: deletions and adoptions take their time.
const orphanedAfter = 7 * day

// checkOrphanedSnapshot finds snapshots of the policy that belong to no recovery point. Nothing counts them, and nothing expires them.
var checkOrphanedSnapshot = check{
	kinds: []string{api.ReasonOrphanedSnapshot},
	needs: []Fact{FactOrphans},
	judge: func(p *pass) {
		for _, o := range p.Orphans {
			p.find(Finding{Finding: api.Finding{
				Kind: api.ReasonOrphanedSnapshot, Subject: o.Subject, Since: at(o.Since),
				Severity: p.rising(o.Since, step{orphanedAfter, api.SeverityLow}),
				Message:  o.Subject + " belongs to no recovery point since " + o.Since.UTC().Format(time.RFC3339) + ": nothing counts it and nothing expires it",
				Remedy:   "look whether anybody needs it: kubectl describe " + o.Subject + "; then kubectl delete " + o.Subject,
			}})
		}
	},
}
