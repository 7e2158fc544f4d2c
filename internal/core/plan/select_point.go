// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// choose picks one of the eligible points, given oldest first and not empty. The same seed and points give the same choice.
func choose(how api.DrillSelect, seed string, eligible []*api.RecoveryPoint) (*api.RecoveryPoint, api.DrillSelection) {
	if how == "" {
		how = api.SelectRotate
	}
	s := api.DrillSelection{Strategy: how, Seed: seed, Eligible: int32(len(eligible)), EligibleDigest: eligibleDigest(eligible)}
	if how == api.SelectRotate {
		how = rotate(seed)
	}
	switch how {
	case api.SelectOldest:
		return eligible[0], s
	case api.SelectRandom:
		return eligible[names.Hash("random", seed, s.EligibleDigest)%uint64(len(eligible))], s
	case api.SelectLatest, api.SelectRotate:
	}
	return eligible[len(eligible)-1], s
}

// rotate takes the newest half of the times, because it is what a recovery would most likely use; the oldest and any
// other a quarter of the times each, because damage sits where nobody looks.
func rotate(seed string) api.DrillSelect {
	switch names.Hash("rotate", seed) % 4 {
	case 0:
		return api.SelectOldest
	case 1:
		return api.SelectRandom
	}
	return api.SelectLatest
}

func eligibleDigest(points []*api.RecoveryPoint) string {
	var lines strings.Builder
	for _, p := range points {
		lines.WriteString(string(p.UID) + "\n")
	}
	sum := sha256.Sum256([]byte(lines.String()))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// restorable are the points that are complete by their snapshots and not being deleted, oldest first. Where a proof must reach Intact or deeper,
// only those with a fingerprint can be rehearsed.
func restorable(points []*api.RecoveryPoint, required api.ProofLevel) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for _, p := range oldestFirst(points) {
		if !BySnapshots(p) || p.Status.PointInTime == nil || !p.DeletionTimestamp.IsZero() {
			continue
		}
		if levels.Depth(required) >= levels.Depth(api.LevelIntact) && !fingerprinted(p) {
			continue
		}
		out = append(out, p)
	}
	return out
}

func fingerprinted(p *api.RecoveryPoint) bool {
	return p.Status.Fingerprint != nil && p.Status.Fingerprint.State == api.FingerprintRecorded
}

// noEligible says why no point can be rehearsed.
func noEligible(points []*api.RecoveryPoint, required api.ProofLevel) Problem {
	complete := len(restorable(points, ""))
	if complete == 0 {
		return Problem{api.ReasonNoEligiblePoint, "the policy has no complete recovery point with snapshots"}
	}
	return Problem{api.ReasonNoEligiblePoint, fmt.Sprintf(
		"none of the %d complete recovery points has a fingerprint, which a proof of %s needs; set spec.fingerprint of the policy to Every and wait for the next point", complete, required)}
}
