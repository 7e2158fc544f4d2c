// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

// lostPoint says whether a point held something that is not seen any more. That is not to say that it is gone: a driver that is
// down reports snapshots that are there as not ready, and without its VolumeSnapshot a retained content still has the bytes.
func lostPoint(p *api.RecoveryPoint) bool {
	return p.Status.Capture != nil && (p.Status.SnapshotsReleasedAt != nil || slices.ContainsFunc(p.Status.Volumes, func(v api.VolumeRecord) bool {
		switch v.Reason {
		case api.ReasonRecoveryPointVanished, api.ReasonReadinessRegressed, api.ReasonBindingBroken:
			return true
		}
		return false
	}))
}

// mayComeBack says whether a copy of a point that does not count now may do so again: its repository may be away.
func mayComeBack(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool {
		return c.State != api.CopyRemoving && !released(p, partCopy+c.Name)
	})
}

// spare leaves of the points that newer ones make superfluous only those that retention would not have kept either, had nothing
// been lost of them: when a storage system is down all of its points are lost at once, and none of them may go for it. Lost points
// push out none that is not.
func spare(ids []string, points []*api.RecoveryPoint, whole func(*api.RecoveryPoint) bool, active []string, rules retention.Rules, now time.Time) []string {
	if len(ids) == 0 || !slices.ContainsFunc(points, lostPoint) {
		return ids
	}
	unlost := func(p *api.RecoveryPoint) bool { return whole(p) || lostPoint(p) }
	spared := map[string]bool{}
	for i, v := range retention.Decide(retentionPoints(points, unlost), active, rules, now) {
		p := points[i]
		spared[v.ID] = lostPoint(p) && (v.Keep() || (!restorablePoint(p) && mayComeBack(p)))
	}
	return slices.DeleteFunc(ids, func(id string) bool { return spared[id] })
}
