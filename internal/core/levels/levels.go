// SPDX-License-Identifier: Apache-2.0

// Package levels orders the levels of proofs.
package levels

import api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"

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
