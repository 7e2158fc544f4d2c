// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// planAfter removes what was to be thrown away, and lets the replaced volumes go in their time.
func (p *RestorePlan) planAfter(o RestoreObserved, now time.Time) {
	if slices.Contains(o.Restore.Finalizers, api.FinalizerThrowaways) {
		if p.undo(o) {
			p.wakeAt(now)
		} else {
			p.tidyRestore(o, now)
		}
	}
	if o.Restore.DeletionTimestamp.IsZero() {
		p.letGo(o, now)
	}
}

// tidyRestore removes what the restore threw away, and then its finalizer.
func (p *RestorePlan) tidyRestore(o RestoreObserved, now time.Time) {
	p.Remove = stillToRemove(o.Brought.Leftovers)
	if len(o.Brought.Leftovers) > 0 {
		p.wakeAt(now.Add(lookAgain(now.Sub(p.Status.FinishedAt.Time))))
		return
	}
	p.Finalizer = FinalizerRelease
}

// undo gives an old volume that was not replaced after all its reclaim policy back; it tells whether there is something left to undo.
func (p *RestorePlan) undo(o RestoreObserved) bool {
	for _, v := range p.Status.Volumes {
		if v.Swap == nil || v.State != api.RestoreFailed {
			continue
		}
		at := o.Places[v.Claim]
		stays := at.Claim != nil && at.Claim.UID == v.Swap.OldClaimUID && !at.Claim.Deleting
		if stays && ownsOld(o, *v.Swap, at.Old) && at.Old.Reclaim != v.Swap.ReclaimPolicy {
			p.Swap = append(p.Swap, SwapStep{Do: SwapReclaim, Claim: v.Claim, Object: at.Old.Target, Version: at.Old.Version, Reclaim: v.Swap.ReclaimPolicy})
		}
	}
	return len(p.Swap) > 0
}

// letGo gives replaced volumes whose time has come their reclaim policy back, so that whoever provisioned them deletes
// them where that is the policy. One that somebody bound again, or whose mark somebody took off, is left as it is.
func (p *RestorePlan) letGo(o RestoreObserved, now time.Time) {
	for i := range p.Status.Volumes {
		v := &p.Status.Volumes[i]
		if v.State != api.RestoreRestored || v.Swap == nil || v.Swap.KeepUntil == nil || v.Swap.ReleasedAt != nil {
			continue
		}
		if now.Before(v.Swap.KeepUntil.Time) {
			p.wakeAt(v.Swap.KeepUntil.Time)
			continue
		}
		old := o.Places[v.Claim].Old
		mine := ownsOld(o, *v.Swap, old) && old.RunUID == string(o.Restore.UID) && old.Released && old.Kept && !old.KeepUntil.IsZero()
		switch {
		case mine && now.Before(old.KeepUntil):
			v.Swap.KeepUntil = timePtr(old.KeepUntil)
			p.wakeAt(old.KeepUntil)
		case mine && old.Reclaim != v.Swap.ReclaimPolicy:
			p.Swap = append(p.Swap, SwapStep{Do: SwapReclaim, Claim: v.Claim, Object: old.Target, Version: old.Version, Reclaim: v.Swap.ReclaimPolicy})
			p.wakeAt(now)
		default:
			v.Swap.ReleasedAt = timePtr(now.Truncate(time.Second))
			p.Notes = append(p.Notes, releasedNote(*v, mine, old))
		}
	}
}

// releasedNote says what became of a replaced volume.
func releasedNote(v api.RestoredVolume, mine bool, old *LiveVolume) Note {
	message := "the replaced volume " + v.Swap.OldVolume
	switch {
	case old == nil:
		message += " is gone"
	case !mine:
		message += " is in other hands, and was left as it is"
	case v.Swap.ReclaimPolicy == retain:
		message += " is no longer kept for this restore; its reclaim policy is Retain, so that it stays until somebody deletes it"
	default:
		message += " is no longer kept, and goes as its reclaim policy says"
	}
	return Note{Reason: api.ReasonExpired, Message: message}
}
