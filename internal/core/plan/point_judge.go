// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// volume is the judgement on one volume of a point.
type volume struct {
	claim    Claim
	snapshot *Snapshot
	class    string
	state    api.VolumeState
	problem  Problem
	order    bool // its snapshot is to be asked for
}

// judge states how far each volume of a frozen point is, worst first.
func judge(o PointObserved, now time.Time) []volume {
	c := o.Point.Status.Capture
	claims := make(map[string]Claim, len(o.Claims))
	for _, k := range o.Claims {
		claims[names.ClaimHash(k.UID)] = k
	}
	genuine := Genuine(o.Point, o.Snapshots)
	snapshots := make(map[string]*Snapshot, len(genuine))
	for i := range genuine {
		snapshots[names.ClaimHash(genuine[i].ClaimUID)] = &genuine[i]
	}
	prior := priorRecords(o.Point)
	var out []volume
	for _, member := range names.Members(c.ClaimSet) {
		claim, there := claims[member]
		if !there {
			claim = lostClaim(member, snapshots[member], prior)
		}
		v := volume{claim: claim, snapshot: snapshots[member]}
		if v.snapshot != nil {
			v.judgeSnapshot(o, prior[claim.Name])
		} else {
			v.judgeAbsence(o, there, prior[claim.Name])
		}
		v.judgeLate(o, now)
		out = append(out, v)
	}
	for _, m := range c.Missing {
		out = append(out, volume{claim: Claim{Name: m}, state: api.VolumeFailed,
			problem: Problem{api.ReasonClaimMissing, "the policy names a claim that did not exist"}})
	}
	sortVolumes(out)
	return out
}

// Genuine are the snapshots that this point made. Labels can be forged by whoever may write in the namespace: a
// snapshot counts only under the one name that its identity gives it, or as a member of the point's own group snapshot.
func Genuine(p *api.RecoveryPoint, snapshots []Snapshot) []Snapshot {
	c := p.Status.Capture
	if c == nil {
		return nil
	}
	var out []Snapshot
	for _, s := range snapshots {
		grouped := s.Group != "" && s.Group == p.Status.GroupSnapshot
		if grouped || s.Name == names.Snapshot(s.Claim, c.PolicyUID, s.ClaimUID, c.Run) {
			out = append(out, s)
		}
	}
	return out
}

func priorRecords(p *api.RecoveryPoint) map[string]api.VolumeRecord {
	out := make(map[string]api.VolumeRecord, len(p.Status.Volumes))
	for _, r := range p.Status.Volumes {
		out[r.Claim] = r
	}
	return out
}

// lostClaim describes a claim that is gone by what was written down of it.
func lostClaim(member string, s *Snapshot, prior map[string]api.VolumeRecord) Claim {
	if s != nil {
		return Claim{Name: s.Claim, UID: s.ClaimUID}
	}
	for _, r := range prior {
		if names.ClaimHash(r.ClaimUID) == member {
			return Claim{Name: r.Claim, UID: r.ClaimUID}
		}
	}
	return Claim{Name: "unknown-" + member}
}

func (v *volume) is(state api.VolumeState, reason, format string, args ...any) {
	v.state, v.problem = state, Problem{reason, fmt.Sprintf(format, args...)}
}

// judgeAbsence judges a volume without a snapshot.
func (v *volume) judgeAbsence(o PointObserved, there bool, prior api.VolumeRecord) {
	if Finished(o.Point) {
		v.judgeLoss(prior)
		return
	}
	if !there {
		v.is(api.VolumeFailed, api.ReasonClaimMissing, "the claim was deleted during the capture")
		return
	}
	if !o.Cluster.Snapshots {
		v.is(api.VolumePending, api.ReasonSnapshotAPIMissing, "the cluster does not serve snapshot.storage.k8s.io/v1")
		return
	}
	if prior.State == api.VolumeFailed {
		v.is(api.VolumeFailed, prior.Reason, "%s", prior.Message)
		return
	}
	grouped := o.Point.Status.GroupSnapshot != ""
	if !grouped {
		class, bad := classFor(v.claim, o.Point.Status.Capture.Snapshot.ClassName, o.Cluster.Classes)
		if bad != nil {
			v.is(api.VolumeFailed, bad.Reason, "%s", bad.Message)
			return
		}
		v.class = class
	}
	v.judgeTurn(o, prior, grouped)
}

// judgeTurn judges a volume that can be captured and was not yet.
func (v *volume) judgeTurn(o PointObserved, prior api.VolumeRecord, grouped bool) {
	if older, stuck := o.Unready[v.claim.UID]; stuck {
		v.is(api.VolumePending, api.ReasonSnapshotStuck, "the older snapshot %s is still not ready; no other is asked for meanwhile", older)
		return
	}
	v.is(api.VolumePending, api.ReasonSnapshotPending, "the snapshot is not ready yet")
	if prior.Reason != "" {
		v.problem = Problem{prior.Reason, prior.Message}
	}
	if grouped && o.Group != nil {
		v.judgeGroup(*o.Group)
	}
	v.order = !grouped
}

// judgeGroup judges a volume that waits for its part of a group snapshot.
func (v *volume) judgeGroup(g Group) {
	switch {
	case g.Ready && len(g.Members) == 0:
		v.problem = Problem{api.ReasonGroupIncomplete, "group snapshot " + g.Name + " is ready and has no snapshot of this volume"}
	case g.Error != "":
		v.problem = Problem{api.ReasonSnapshotError, "the storage system reports: " + g.Error}
	}
}

// judgeLoss judges a volume of a finished point that has no snapshot: it had none, or it is gone.
func (v *volume) judgeLoss(prior api.VolumeRecord) {
	if prior.State == api.VolumeFailed {
		v.is(api.VolumeFailed, prior.Reason, "%s", prior.Message)
		return
	}
	v.is(api.VolumeFailed, api.ReasonRecoveryPointVanished, "the VolumeSnapshot is gone")
}

// judgeSnapshot judges a volume by its snapshot. Only a snapshot that is ready, and bound both ways to a content of this very volume, counts.
func (v *volume) judgeSnapshot(o PointObserved, prior api.VolumeRecord) {
	s := v.snapshot
	done := Finished(o.Point)
	switch {
	case done && !s.Deleting && regressed(*s, prior, o.Point):
		v.is(api.VolumeFailed, api.ReasonReadinessRegressed, "the snapshot was ready and no longer is; it is kept")
	case s.Deleting && done && prior.State == api.VolumeFailed: // it is cleaned up, and the reason for that stays
		v.is(api.VolumeFailed, prior.Reason, "%s", prior.Message)
	case s.Deleting:
		v.is(api.VolumeFailed, api.ReasonRecoveryPointVanished, "the VolumeSnapshot is being deleted")
	case s.Ready && s.Content == nil && done:
		v.is(api.VolumeFailed, api.ReasonRecoveryPointVanished, "the VolumeSnapshotContent is gone")
	case s.Ready && contentLags(*s) && !done:
		v.is(api.VolumePending, api.ReasonSnapshotPending, "the content is not seen to be ready yet")
	case s.Ready && bindingProblem(*s, v.claim) != nil:
		v.is(api.VolumePending, api.ReasonBindingBroken, "%s", bindingProblem(*s, v.claim).Message)
	case s.Ready && !retained(*s, o.Group) && o.Settings.Retain && !done:
		v.is(api.VolumePending, api.ReasonRetainPending, "the content is about to be switched to Retain")
	case s.Ready:
		v.is(api.VolumeCaptured, "", "")
	case s.Error != "":
		v.is(api.VolumePending, api.ReasonSnapshotError, "the storage system reports: %s", s.Error)
	default:
		v.is(api.VolumePending, api.ReasonSnapshotPending, "the snapshot is not ready yet")
	}
}

// regressed says whether a snapshot that is not ready was ready before: then it holds data, and is never cleaned up.
func regressed(s Snapshot, prior api.VolumeRecord, p *api.RecoveryPoint) bool {
	marked := s.Content != nil && s.Content.PointUID != ""
	known := prior.State == api.VolumeCaptured || prior.Reason == api.ReasonReadinessRegressed
	return !s.Ready && (marked || known || Complete(p))
}

// contentLags says whether a ready snapshot's content is not there, or not ready: mostly it is seen a moment later, because
// snapshots and contents are watched each on its own.
func contentLags(s Snapshot) bool {
	k := s.Content
	return k == nil || (k.RefUID == s.UID && !k.Deleting && (!k.Ready || k.SnapshotHandle == ""))
}

// bindingProblem checks that snapshot and content point at each other, and the content at this very volume. Either
// object alone can be forged by whoever may write it.
func bindingProblem(s Snapshot, c Claim) *Problem {
	k := s.Content
	broken := func(format string, args ...any) *Problem {
		return &Problem{api.ReasonBindingBroken, fmt.Sprintf(format, args...)}
	}
	switch {
	case k == nil:
		return broken("the VolumeSnapshotContent is gone")
	case k.RefUID != s.UID:
		return broken("VolumeSnapshotContent %s does not point back at the VolumeSnapshot", k.Name)
	case k.Deleting:
		return broken("VolumeSnapshotContent %s is being deleted", k.Name)
	case !k.Ready || k.SnapshotHandle == "":
		return broken("VolumeSnapshotContent %s is not ready", k.Name)
	case c.Driver != "" && k.Driver != c.Driver:
		return broken("VolumeSnapshotContent %s is of driver %s and the volume of %s", k.Name, k.Driver, c.Driver)
	case k.VolumeHandle == "" && s.Group == "":
		return broken("VolumeSnapshotContent %s was not made from a volume", k.Name)
	case c.Handle != "" && k.VolumeHandle != "" && k.VolumeHandle != c.Handle:
		return broken("VolumeSnapshotContent %s was made from another volume", k.Name)
	}
	return nil
}

// judgeLate turns what is still awaited into a failure once nothing more is awaited.
func (v *volume) judgeLate(o PointObserved, now time.Time) {
	if v.state != api.VolumePending {
		return
	}
	c := o.Point.Status.Capture
	switch {
	case aborted(o.Point):
		v.is(api.VolumeFailed, api.ReasonHookFailed, "a Before hook failed and asked to abort")
	case now.Before(c.Deadline.Time) && !Finished(o.Point):
		return
	case v.problem.Reason == api.ReasonSnapshotPending || v.problem.Reason == api.ReasonSnapshotTimedOut:
		v.is(api.VolumeFailed, api.ReasonSnapshotTimedOut, "the snapshot was not ready within %s", c.Deadline.Sub(c.StartedAt.Time))
	default:
		v.state = api.VolumeFailed
	}
	v.order = false
}
