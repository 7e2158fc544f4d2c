// SPDX-License-Identifier: Apache-2.0

// Package levels orders the levels of proofs, and says what of proofs a policy promises where it leaves it open.
package levels

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// DefaultProofWithin is how old the newest proof may get where one is promised and the policy does not say.
const DefaultProofWithin = 7 * 24 * time.Hour

// Depth orders levels: each stands for all below it. What is not known proves nothing.
func Depth(l api.ProofLevel) int {
	switch l {
	case api.LevelRestored:
		return 1
	case api.LevelIntact:
		return 2
	case api.LevelConsistent:
		return 3
	case api.LevelAnswering:
		return 4
	}
	return 0
}

// Coverage orders the modes of fingerprints: each records of more points than those below it. What is not known records none.
func Coverage(m api.FingerprintMode) int {
	switch m {
	case api.FingerprintNone:
		return 0
	case api.FingerprintSampled:
		return 1
	case api.FingerprintEvery:
		return 2
	}
	return 0
}

// Fingerprints says of which points a policy records fingerprints.
func Fingerprints(b *api.BackupPolicy) api.FingerprintMode {
	switch {
	case b.Spec.Fingerprint != "":
		return b.Spec.Fingerprint
	case b.Spec.Drill != nil:
		return api.FingerprintEvery
	}
	return api.FingerprintNone
}

// ProofWithin is how old the newest proof of a policy may get; zero when it promises none.
func ProofWithin(b *api.BackupPolicy) time.Duration {
	o := b.Spec.Objectives
	switch {
	case o != nil && o.ProofWithin != nil:
		return o.ProofWithin.Duration
	case b.Spec.Drill != nil, o != nil && o.RequiredProof != "":
		return DefaultProofWithin
	}
	return 0
}
