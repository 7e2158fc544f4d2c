// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A restored volume takes the place of an old one in steps. What is to be touched is written down in the status first, and
// each step follows from what is observed then, so that a crash anywhere is followed by the same next step:
//
//	spare both volumes (Retain), and the temporary claim from being swept
//	delete the old claim, then the temporary one; both volumes are left
//	assign the restored volume to the claim's name, and make the claim again, naming that volume
//	once it is bound: give the restored volume the old one's reclaim policy, and mark the old one with until when it is kept
//
// At every moment the old volume or the restored one is behind the claim's name, or both are recorded and retained. Once
// the old claim was told to go there is no way back, and so no deadline either.

// SwapAction is one step of a swap.
type SwapAction string

// The steps of a swap.
const (
	SwapSpareClaim   SwapAction = "SpareClaim"   // the temporary claim is no longer swept away
	SwapReclaim      SwapAction = "Reclaim"      // a volume gets a reclaim policy
	SwapDeleteClaim  SwapAction = "DeleteClaim"  // the old claim, or the temporary one
	SwapAssignVolume SwapAction = "AssignVolume" // the restored volume is for the claim's name
	SwapMakeClaim    SwapAction = "MakeClaim"    // the claim is made again
	SwapKeepVolume   SwapAction = "KeepVolume"   // the old volume is marked with until when it is kept
)

// SwapStep is one change to one very object.
type SwapStep struct {
	Do      SwapAction
	Claim   string // the captured claim
	Object  Target
	Version string    // the only resource version that is meant
	Reclaim string    // the reclaim policy that a volume gets
	Mark    bool      // it is the old volume, and is marked as the restore's
	Volume  string    // the volume of a claim that is made
	Record  string    // the claim as it was, in JSON
	Until   time.Time // until when an old volume is kept
}

// swapMove is what is next for one volume.
type swapMove struct {
	steps  []SwapStep
	wait   *Problem
	failed *Problem
	done   bool
}

// beginSwap writes down what is to be replaced, once all is verified and nothing else is in the way.
func (p *RestorePlan) beginSwap(o RestoreObserved, now time.Time) {
	if !now.Before(p.Status.Run.Deadline.Time) {
		p.giveUp(o, Problem{api.ReasonRestoreTimedOut, "the volumes were verified, and could not be swapped in time"}, now)
		return
	}
	if p.removeReaders(o, now) {
		return
	}
	swaps := make([]*api.VolumeSwap, len(p.Status.Volumes))
	for i, v := range p.Status.Volumes {
		at := o.Places[v.Claim]
		bad := placeProblem(Source{Claim: v.Claim, Mode: modeNow(at)}, at)
		if bad == nil {
			bad = temporaryProblem(o, v, at)
		}
		if bad != nil {
			p.giveUp(o, Problem{bad.Reason, fmt.Sprintf("volume %s: %s", v.Claim, bad.Message)}, now)
			return
		}
		swaps[i] = &api.VolumeSwap{OldClaimUID: at.Claim.UID, OldVolume: at.Old.Name, NewVolume: at.New.Name, Temporary: at.Temporary.Name,
			ReclaimPolicy: at.Old.Reclaim, Claim: at.Claim.Record}
	}
	for i := range swaps {
		v := &p.Status.Volumes[i]
		v.State, v.Swap = api.RestoreSwapping, swaps[i]
	}
	p.Notes = append(p.Notes, Note{Reason: api.ReasonSwapping, Message: fmt.Sprintf("%s take the place of the old ones", volumes(len(swaps)))})
}

// removeReaders removes the pods that read the volumes: they would hold the temporary claims. It tells whether there are any left.
func (p *RestorePlan) removeReaders(o RestoreObserved, now time.Time) (left bool) {
	for _, l := range o.Brought.Leftovers {
		if l.Kind != "Pod" {
			continue
		}
		if left = true; !l.Deleting {
			p.Remove = append(p.Remove, l)
		}
	}
	if left {
		p.wakeAt(now.Add(time.Second))
	}
	return left
}

// modeNow is the mode of the restored volume: that of the temporary claim.
func modeNow(at Place) string {
	if at.Temporary == nil {
		return ""
	}
	return at.Temporary.Mode
}

// temporaryProblem says why a restored volume cannot take the place of the old one; nil when it can.
func temporaryProblem(o RestoreObserved, v api.RestoredVolume, at Place) *Problem {
	t, n := at.Temporary, at.New
	switch {
	case t == nil || t.RunUID != string(o.Restore.UID) || t.Deleting || !t.Bound || n == nil || n.RefUID != t.UID:
		return &Problem{api.ReasonClaimMissing, "the temporary claim with the restored data is gone, or lost its volume"}
	case t.Class != at.Claim.Class || n.Size.Cmp(at.Claim.Request) < 0:
		return &Problem{api.ReasonClaimChanged, fmt.Sprintf("claim %s changed during the restore; try again", v.Claim)}
	}
	return nil
}

// planSwap goes on with every volume that is on record as being replaced.
func (p *RestorePlan) planSwap(o RestoreObserved, now time.Time) {
	for i := range p.Status.Volumes {
		v := &p.Status.Volumes[i]
		if v.State != api.RestoreSwapping {
			continue
		}
		v.Reason, v.Message = "", ""
		switch m := nextSwap(o, *v, now); {
		case m.failed != nil:
			v.State, v.Reason, v.Message = api.RestoreFailed, m.failed.Reason, clipMessage(m.failed.Message)
		case m.done:
			v.State = api.RestoreRestored
			if old := o.Places[v.Claim].Old; ownsOld(o, *v.Swap, old) && old.Kept {
				v.Swap.KeepUntil = timePtr(old.KeepUntil)
			}
		case m.wait != nil:
			v.Reason, v.Message = m.wait.Reason, clipMessage(m.wait.Message)
			p.wakeAt(now.Add(2 * time.Second))
		default:
			p.Swap = append(p.Swap, m.steps...)
			p.wakeAt(now)
		}
	}
	if swapping(p.Status) {
		return
	}
	done := 0
	for _, v := range p.Status.Volumes {
		if v.State == api.RestoreRestored {
			done++
		}
	}
	failed := slices.IndexFunc(p.Status.Volumes, func(v api.RestoredVolume) bool { return v.State == api.RestoreFailed })
	p.judgeAll(done, failed, now)
}

// nextSwap is the next step for one volume.
func nextSwap(o RestoreObserved, v api.RestoredVolume, now time.Time) swapMove {
	s, at := *v.Swap, o.Places[v.Claim]
	c := at.Claim
	switch {
	case c != nil && c.UID == s.OldClaimUID && c.Deleting:
		why := Problem{api.ReasonSwapping, fmt.Sprintf("claim %s is being deleted, to be made again", v.Claim)}
		if used := inUse(v.Claim, at); used != nil {
			why = *used
		}
		return swapMove{wait: &why}
	case c != nil && c.UID == s.OldClaimUID:
		return beforeSwap(o, v, now)
	case c != nil && c.Volume != s.NewVolume:
		return swapMove{failed: &Problem{api.ReasonClaimExists, fmt.Sprintf(
			"another claim %s was made meanwhile, and is not touched. Old data: PersistentVolume %s; restored data: %s; both are kept. Scale the workload to 0, delete that claim, and restore again, or make a claim that names one of them", v.Claim, s.OldVolume, s.NewVolume)}}
	}
	return intoPlace(o, v, now)
}

// beforeSwap spares what must not go with the claims, and deletes the old claim: the last step from which there is a way back.
func beforeSwap(o RestoreObserved, v api.RestoredVolume, now time.Time) swapMove {
	s, at := *v.Swap, o.Places[v.Claim]
	t, c := at.Temporary, at.Claim
	used := inUse(v.Claim, at)
	if used != nil && now.Before(o.Restore.Status.Run.Deadline.Time) {
		return swapMove{wait: used}
	}
	bad := used
	if bad == nil {
		bad = temporaryProblem(o, v, at)
	}
	if bad == nil && (at.New.Name != s.NewVolume || !ownsOld(o, s, at.Old) || c.Volume != s.OldVolume) {
		bad = &Problem{api.ReasonClaimChanged, fmt.Sprintf("the volumes are not those that were written down; claim %s is left as it is", v.Claim)}
	}
	if bad != nil {
		if t != nil && !t.Expires {
			bad.Message += fmt.Sprintf("; the restored data stay in claim %s", t.Name)
		}
		return swapMove{failed: bad}
	}
	var steps []SwapStep
	if t.Expires {
		steps = append(steps, SwapStep{Do: SwapSpareClaim, Claim: v.Claim, Object: t.Target, Version: t.Version})
	}
	if at.New.Reclaim != retain {
		steps = append(steps, SwapStep{Do: SwapReclaim, Claim: v.Claim, Object: at.New.Target, Version: at.New.Version, Reclaim: retain})
	}
	if at.Old.Reclaim != retain || at.Old.RunUID != string(o.Restore.UID) {
		steps = append(steps, SwapStep{Do: SwapReclaim, Claim: v.Claim, Object: at.Old.Target, Version: at.Old.Version, Reclaim: retain, Mark: true})
	}
	if len(steps) > 0 {
		return swapMove{steps: steps}
	}
	return swapMove{steps: []SwapStep{{Do: SwapDeleteClaim, Claim: v.Claim, Object: c.Target, Version: c.Version}}}
}

// ownsOld says whether a volume is the one that is replaced: of this namespace, and of the very claim.
func ownsOld(o RestoreObserved, s api.VolumeSwap, old *LiveVolume) bool {
	return old != nil && old.Name == s.OldVolume && old.RefNamespace == o.Restore.Namespace && old.RefUID == s.OldClaimUID
}

// intoPlace brings the restored volume behind the claim's name, once the old claim is gone.
func intoPlace(o RestoreObserved, v api.RestoredVolume, now time.Time) swapMove {
	s, at := *v.Swap, o.Places[v.Claim]
	c, t, n := at.Claim, at.Temporary, at.New
	step := func(x SwapStep) swapMove { x.Claim = v.Claim; return swapMove{steps: []SwapStep{x}} }
	wait := func(what string) swapMove {
		return swapMove{wait: &Problem{api.ReasonSwapping, fmt.Sprintf("claim %s: %s", v.Claim, what)}}
	}
	ours := t != nil && t.RunUID == string(o.Restore.UID) && t.Volume == s.NewVolume
	switch {
	case n == nil || n.Name != s.NewVolume || n.RefNamespace != o.Restore.Namespace || (n.RefName != v.Claim && n.RefName != s.Temporary):
		return swapMove{failed: &Problem{api.ReasonClaimChanged, fmt.Sprintf("the restored PersistentVolume %s is gone, or was taken by somebody else. Old data: PersistentVolume %s, which is kept; make a claim that names it", s.NewVolume, s.OldVolume)}}
	case c == nil && n.Reclaim != retain:
		return step(SwapStep{Do: SwapReclaim, Object: n.Target, Version: n.Version, Reclaim: retain})
	case ours && t.Deleting:
		return wait("the temporary claim is being deleted")
	case ours:
		return step(SwapStep{Do: SwapDeleteClaim, Object: t.Target, Version: t.Version})
	case n.RefName != v.Claim, c == nil && n.RefUID != "":
		return step(SwapStep{Do: SwapAssignVolume, Object: n.Target, Version: n.Version})
	case c == nil:
		return step(SwapStep{Do: SwapMakeClaim, Record: s.Claim, Volume: s.NewVolume})
	case c.Deleting: // its volume must not go with it
		return wait("it was deleted meanwhile, and is made again once it is gone")
	case !c.Bound || n.RefUID != c.UID:
		return wait("it waits to be bound to the restored volume " + s.NewVolume)
	}
	return closeSwap(o, v, now)
}

// closeSwap gives the restored volume the reclaim policy of the old one, and says on the old one until when it is kept.
func closeSwap(o RestoreObserved, v api.RestoredVolume, now time.Time) swapMove {
	s, at := *v.Swap, o.Places[v.Claim]
	var steps []SwapStep
	if ownsOld(o, s, at.Old) && !at.Old.Kept {
		until := now.Add(duration(o.Restore.Spec.KeepOldFor, DefaultKeepOldFor)).UTC().Truncate(time.Second)
		steps = append(steps, SwapStep{Do: SwapKeepVolume, Claim: v.Claim, Object: at.Old.Target, Version: at.Old.Version, Until: until})
	}
	if at.New.Reclaim != s.ReclaimPolicy {
		steps = append(steps, SwapStep{Do: SwapReclaim, Claim: v.Claim, Object: at.New.Target, Version: at.New.Version, Reclaim: s.ReclaimPolicy})
	}
	return swapMove{steps: steps, done: len(steps) == 0}
}

// SwapRefused records that a step was refused. It is tried again: there is no way back.
func (p *RestorePlan) SwapRefused(claim string, why Problem, now time.Time) {
	for i := range p.Status.Volumes {
		if v := &p.Status.Volumes[i]; v.Claim == claim && v.State == api.RestoreSwapping {
			v.Reason, v.Message = why.Reason, clipMessage(why.Message)
		}
	}
	p.wakeAt(now.Add(waitAgain))
}
