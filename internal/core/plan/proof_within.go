// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// ProofWithin is how old the newest proof of a policy may get; zero when it promises none.
func ProofWithin(b *api.BackupPolicy) time.Duration {
	o := b.Spec.Objectives
	switch {
	case o != nil && o.ProofWithin != nil:
		return o.ProofWithin.Duration
	case b.Spec.Drill != nil, o != nil && o.RequiredProof != "":
		return defaultProofWithin
	}
	return 0
}
