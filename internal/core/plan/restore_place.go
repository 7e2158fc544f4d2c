// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Place is where a volume is restored in place, read live: the claim, the claim that waits to take its place, and their volumes.
type Place struct {
	Claim     *LiveClaim  // of the captured name; nil when there is none
	Temporary *LiveClaim  // that holds the restored data until the swap; nil when there is none
	Old, New  *LiveVolume // the volume to be replaced, and the restored one; nil when it is not there
	Users     []string    // pods that name the claim
}

// LiveClaim is a claim as the API server has it.
type LiveClaim struct {
	Target
	Version     string // its resource version
	RunUID      string
	Class, Mode string
	AccessModes string // separated by commas
	Size        resource.Quantity
	Request     resource.Quantity
	Bound       bool
	Deleting    bool
	Expires     bool   // it is swept away in time
	Volume      string // the PersistentVolume
	Record      string // in JSON, so that it can be made again
}

// LiveVolume is a PersistentVolume as the API server has it.
type LiveVolume struct {
	Target
	Version      string // its resource version
	Reclaim      string // its reclaim policy
	Released     bool   // its claim is gone, and nobody has taken it since
	RefNamespace string // the claim it belongs to
	RefName      string
	RefUID       string
	Size         resource.Quantity
	RunUID       string    // of the restore that replaced it
	Kept         bool      // it bears a time until which it is kept
	KeepUntil    time.Time // zero when that cannot be understood
}

const retain = "Retain"

// mostRecord is how long a claim may be in JSON: the schema of the status takes no more.
const mostRecord = 16384

// placeProblem says why the volume behind a claim cannot be replaced; nil when it can.
func placeProblem(s Source, at Place) *Problem {
	c := at.Claim
	switch {
	case c == nil:
		return &Problem{api.ReasonClaimMissing, fmt.Sprintf("there is no claim %s in whose place it could be restored; leave inPlace out, and set volumes[].as to %s", s.Claim, s.Claim)}
	case c.Deleting:
		return &Problem{api.ReasonClaimTerminating, fmt.Sprintf("claim %s is being deleted", s.Claim)}
	case !c.Bound || at.Old == nil || at.Old.RefUID != c.UID:
		return &Problem{api.ReasonClaimNotBound, fmt.Sprintf("claim %s has no volume that could be replaced", s.Claim)}
	case modeOf(c.Mode) != modeOf(s.Mode):
		return &Problem{api.ReasonClaimChanged, fmt.Sprintf("claim %s is of volume mode %s, and %s was captured; a volume's mode is never converted: restore into a new claim", s.Claim, modeOf(c.Mode), modeOf(s.Mode))}
	case len(c.Record) > mostRecord:
		return &Problem{api.ReasonClaimChanged, fmt.Sprintf("the annotations of claim %s are too large to be written down before it is replaced; shorten them, or restore into a new claim", s.Claim)}
	}
	return inUse(s.Claim, at)
}

func inUse(claim string, at Place) *Problem {
	if len(at.Users) == 0 {
		return nil
	}
	return &Problem{api.ReasonClaimInUse, fmt.Sprintf("claim %s is used by %s; scale the workload to 0, and wait until its pods are gone", claim, claimNames(at.Users))}
}

func modeOf(mode string) string { return cmp.Or(mode, "Filesystem") }

// policyForSafety says why no recovery point of the present state can be taken; nil when one can.
func policyForSafety(o RestoreObserved, point *api.RecoveryPoint) *Problem {
	if o.Policy == nil || !o.Policy.DeletionTimestamp.IsZero() {
		return &Problem{api.ReasonSafetyPointFailed, fmt.Sprintf("there is no policy %s to capture the present state with before it is replaced; create it again, or restore into new claims", point.Spec.Policy.Name)}
	}
	return nil
}

// safe says whether the present state is captured. Otherwise it asks for that, waits, or ends the restore.
func (p *RestorePlan) safe(o RestoreObserved, now time.Time) bool {
	q, late := o.Safety, !now.Before(p.Status.Run.Deadline.Time)
	unsafe := func(format string, args ...any) {
		p.giveUp(o, Problem{api.ReasonSafetyPointFailed, "the present state could not be captured: " + fmt.Sprintf(format, args...)}, now)
	}
	switch {
	case q != nil && q.Labels[api.LabelRunUID] != string(o.Restore.UID):
		unsafe("a recovery point %s exists and was not made for this; delete it", q.Name)
	case q != nil && Complete(q):
		claim := notHeld(o, q)
		if claim == "" {
			return true
		}
		unsafe("recovery point %s does not hold claim %s as it is now; the policy must select it", q.Name, claim)
	case q != nil && Finished(q):
		unsafe("recovery point %s: %s", q.Name, completeMessage(q))
	case late:
		unsafe("it was not done in time")
	case o.Policy == nil:
		unsafe("the policy is gone")
	case q == nil:
		p.Safety = &SafetyOrder{Name: p.Status.SafetyPoint, Policy: o.Policy.Name, PolicyUID: string(o.Policy.UID)}
	}
	return false
}

func completeMessage(q *api.RecoveryPoint) string {
	if c := findCondition(q.Status.Conditions, api.ConditionComplete); c != nil {
		return c.Message
	}
	return "it is not complete"
}

// notHeld is a claim to be replaced of whose present volume a point holds no snapshot; empty when it holds all.
func notHeld(o RestoreObserved, q *api.RecoveryPoint) string {
	for _, v := range o.Restore.Status.Volumes {
		c := o.Places[v.Claim].Claim
		held := c != nil && slices.ContainsFunc(q.Status.Volumes, func(r api.VolumeRecord) bool {
			return r.ClaimUID == c.UID && r.State == api.VolumeCaptured
		})
		if !held {
			return v.Claim
		}
	}
	return ""
}
