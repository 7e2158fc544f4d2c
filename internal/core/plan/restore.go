// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

const (
	// DefaultRestoreTimeout is how long a restore may take when it does not say.
	DefaultRestoreTimeout = 6 * time.Hour
	// DefaultKeepOldFor is how long a replaced volume is kept when the restore does not say.
	DefaultKeepOldFor = 72 * time.Hour
)

// RestoreObserved is everything the decision about a restore may depend on.
type RestoreObserved struct {
	Restore              *api.Restore
	Points               []*api.RecoveryPoint // those to choose from, read live; of a restore under way, the chosen one if it is there
	Policy               *api.BackupPolicy    // that of the point; nil when it does not exist
	Sources              []Source             // the volumes of the chosen point, as its snapshots tell
	Vaults               Vaults               // where its copies are
	Brought              Brought
	Places               map[string]Place   // of a restore in place, by claim, read live
	Safety               *api.RecoveryPoint // the recovery point of the state before; nil when there is none of its name
	Snapshots            bool               // the VolumeSnapshot API is served
	NamespaceTerminating bool
}

// RestorePlan is what is to be done next for a restore.
type RestorePlan struct {
	Finalizer Finalizer
	Safety    *SafetyOrder
	Isolate   bool      // the NetworkPolicy comes before any pod
	Throw     time.Time // when what is thrown away is swept away at the latest
	Bring     []BringOrder
	Swap      []SwapStep
	Remove    []Leftover
	Status    api.RestoreStatus
	Notes     []Note
	Wake      time.Time

	said  metav1.Condition // how it ended, when it ended in this pass
	waits *Problem         // what keeps it from starting
}

// SafetyOrder asks for a recovery point of the present state, on hold.
type SafetyOrder struct{ Name, Policy, PolicyUID string }

// BringOrder asks for what one volume needs next.
type BringOrder struct {
	Volume string // the captured claim
	Claim  *ClaimOrder
	Mount  *MountOrder
	Write  *RepositoryOrder
	Read   *ReadOrder
}

// ForRestore decides what is next for a restore.
func ForRestore(o RestoreObserved, now time.Time) RestorePlan {
	r := o.Restore
	o.Sources = o.frozenSources()
	p := RestorePlan{Status: *r.Status.DeepCopy()}
	p.Status.ObservedGeneration = r.Generation
	deleting := !r.DeletionTimestamp.IsZero()
	held := slices.Contains(r.Finalizers, api.FinalizerThrowaways)
	switch {
	case RestoreEnded(r):
		p.planAfter(o, now)
	case deleting && !held:
		return p
	case r.Spec.DryRun:
		p.rehearse(o, now)
	case !deleting && !held:
		return RestorePlan{Finalizer: FinalizerAdd, Status: r.Status} // all else comes after it
	case o.NamespaceTerminating:
		p.giveUp(o, Problem{api.ReasonNamespaceTerminating, "the namespace is being deleted"}, now)
	case deleting && !swapping(r.Status): // a swap that was begun is brought to its end first
		p.giveUp(o, Problem{api.ReasonDeleting, "the restore was deleted before it ended"}, now)
	case p.Status.Run == nil:
		p.planStart(o, now)
	default:
		p.planRun(o, now)
	}
	p.reportRestore()
	return p.stated(o, now)
}

// RestoreEnded says whether it is on record how a restore ended.
func RestoreEnded(r *api.Restore) bool { return r.Status.FinishedAt != nil }

// swapping says whether volumes are on record as being replaced.
func swapping(s api.RestoreStatus) bool {
	return slices.ContainsFunc(s.Volumes, func(v api.RestoredVolume) bool { return v.State == api.RestoreSwapping })
}

// rehearse says what would be done.
func (p *RestorePlan) rehearse(o RestoreObserved, now time.Time) {
	x, bad := aims(o)
	p.Status.Plan = sentences(o, x)
	if bad != nil {
		p.end(metav1.ConditionFalse, *bad, now)
		return
	}
	p.end(metav1.ConditionTrue, Problem{api.ReasonDryRun, "the restore could be carried out as status.plan says; create it again without dryRun"}, now)
}

// planStart looks whether all can be done, and writes down what, before anything is done.
func (p *RestorePlan) planStart(o RestoreObserved, now time.Time) {
	x, bad := aims(o)
	p.Status.Plan = sentences(o, x)
	spec := o.Restore.Spec
	if until := o.Restore.CreationTimestamp.Add(duration(spec.Timeout, DefaultRestoreTimeout)); bad != nil && passes(*bad) && now.Before(until) {
		p.waits = bad
		p.wakeAt(until)
		return
	}
	if bad != nil {
		p.end(metav1.ConditionFalse, *bad, now)
		return
	}
	point, all := x.point, x.all
	run := &api.RestoreRun{
		RecoveryPoint: api.DrilledPoint{Name: point.Name, UID: string(point.UID), PointInTime: *point.Status.PointInTime},
		StartedAt:     metav1.NewTime(now.UTC().Truncate(time.Second)),
		Deadline:      metav1.NewTime(now.Add(duration(spec.Timeout, DefaultRestoreTimeout)).UTC().Truncate(time.Second)),
		From:          x.from, Copy: x.copy,
		Mover: spec.Mover.DeepCopy(),
	}
	if run.Mover == nil && o.Policy != nil {
		run.Mover = o.Policy.Spec.Mover.DeepCopy()
	}
	p.Status.Run = run
	for _, a := range all {
		p.Status.Volumes = append(p.Status.Volumes, api.RestoredVolume{Claim: a.source.Claim, As: a.as, State: api.RestorePending})
	}
	if spec.InPlace {
		p.Status.SafetyPoint = names.SafetyPoint(o.Restore.Name, string(o.Restore.UID))
	}
	p.Notes = append(p.Notes, Note{Reason: api.ReasonRestoring, Message: fmt.Sprintf("restoring %s from %s", volumes(len(all)), whence(run))})
}

// planRun brings the volumes back and has them read; in place, it then swaps all of them.
func (p *RestorePlan) planRun(o RestoreObserved, now time.Time) {
	p.wakeAt(laterThan(p.Status.Run.Deadline.Time, now))
	switch {
	case swapping(o.Restore.Status):
		p.planSwap(o, now)
	case o.Restore.Spec.InPlace && len(o.Sources) == 0: // where its volumes belong is not known any more
		p.giveUp(o, pointWent(p.Status.Run), now)
	case o.Restore.Spec.InPlace && !p.safe(o, now):
	default:
		p.bringAll(o, now)
		p.judgeBrought(o, now)
	}
}

// bringAll asks for what the volumes need that are still on their way.
func (p *RestorePlan) bringAll(o RestoreObserved, now time.Time) {
	run := p.Status.Run
	for i := range p.Status.Volumes {
		v := &p.Status.Volumes[i]
		switch v.State {
		case api.RestorePending, api.RestoreRestoring, api.RestoreVerifying:
			p.bringOne(o, v, now)
		case api.RestoreVerified, api.RestoreSwapping, api.RestoreRestored, api.RestoreFailed:
		}
	}
	p.Isolate, p.Throw = len(p.Bring) > 0 && !o.Brought.Isolated, restoreThrowAt(run)
}

// restoreThrowAt is when what a restore throws away is swept away even if nobody tells.
func restoreThrowAt(run *api.RestoreRun) time.Time { return run.Deadline.Add(sweepAfter) }

func (p *RestorePlan) bringOne(o RestoreObserved, v *api.RestoredVolume, now time.Time) {
	run := p.Status.Run
	point := pointOf(o.Points, run.RecoveryPoint.UID)
	i := slices.IndexFunc(o.Sources, func(s Source) bool { return s.Claim == v.Claim })
	if point == nil || i < 0 {
		p.fail(o, v, pointWent(run))
		return
	}
	into, _ := landingOf(o, o.Sources[i], v.As, run) // a claim that is to be replaced was there a moment ago
	if v.Writing != nil {
		into.writing = *v.Writing
	}
	b := bring(o.Brought, o.Sources[i], into)
	if !now.Before(run.Deadline.Time) && !b.done && !b.failed {
		b = b.late()
	}
	if b.volume != "" {
		v.Size = &b.size
	}
	v.Writing = writingOf(b)
	switch {
	case b.failed:
		p.fail(o, v, *b.problem)
	case b.done:
		p.verified(o, v, b, point.Status.Fingerprint)
	default:
		v.State, v.Reason, v.Message = onItsWay(b), b.problem.Reason, clipMessage(b.problem.Message)
		p.Remove = append(p.Remove, b.remove...)
		if b.claim != nil || b.options != nil || b.pod != nil || b.write != nil {
			p.Bring = append(p.Bring, BringOrder{Volume: v.Claim, Claim: b.claim, Mount: b.options, Write: b.write, Read: b.pod})
		}
	}
}

func pointWent(run *api.RestoreRun) Problem {
	return Problem{api.ReasonPointNotFound, fmt.Sprintf("recovery point %s went during the restore", run.RecoveryPoint.Name)}
}

func onItsWay(b bringing) api.RestoreState {
	if b.problem.Reason == api.ReasonReading {
		return api.RestoreVerifying
	}
	return api.RestoreRestoring
}

// verified records what was read. What differs from the fingerprint is not restored. Where only owners and the like could not be
// set, the content is there all the same: a new claim says so, and nothing is replaced by it.
func (p *RestorePlan) verified(o RestoreObserved, v *api.RestoredVolume, b bringing, recorded *api.PointFingerprint) {
	v.Read, v.Reason, v.Message = b.read, "", ""
	bad := compare(b, recorded)
	switch {
	case bad != nil && (bad.Reason == api.ReasonContentDiffers || (bad.Reason == api.ReasonOwnershipNotKept && o.Restore.Spec.InPlace)):
		p.fail(o, v, *bad)
		return
	case bad != nil && (bad.Reason == api.ReasonOwnershipNotKept || b.partial):
		v.Reason, v.Message = bad.Reason, clipMessage(bad.Message)
	}
	v.Verified, v.State = levelOf(b, recorded), api.RestoreRestored
	if o.Restore.Spec.InPlace {
		v.State = api.RestoreVerified
	}
}

// fail records why a volume was not brought back, and what is left of it.
func (p *RestorePlan) fail(o RestoreObserved, v *api.RestoredVolume, why Problem) {
	message := why.Message
	if _, there := o.Brought.Claims[v.As]; there && !o.Restore.Spec.InPlace && o.Brought.Claims[v.As].RunUID == o.Brought.RunUID {
		message += fmt.Sprintf("; claim %s stays, and was not verified", v.As)
	}
	v.State, v.Reason, v.Message = api.RestoreFailed, why.Reason, clipMessage(message)
}

// Refused ends a volume for which something could not be created.
func (p *RestorePlan) Refused(o RestoreObserved, volume string, why Problem, now time.Time) {
	for i := range p.Status.Volumes {
		if v := &p.Status.Volumes[i]; v.Claim == volume {
			p.fail(o, v, why)
		}
	}
	p.judgeBrought(o, now)
	*p = p.stated(o, now)
}

// judgeBrought ends a restore of which every volume came to its end, and goes on with one in place.
func (p *RestorePlan) judgeBrought(o RestoreObserved, now time.Time) {
	if p.Status.FinishedAt != nil {
		return
	}
	failed := slices.IndexFunc(p.Status.Volumes, func(v api.RestoredVolume) bool { return v.State == api.RestoreFailed })
	if o.Restore.Spec.InPlace {
		switch {
		case failed >= 0:
			p.giveUp(o, volumeProblem(p.Status.Volumes[failed]), now)
		case allVerified(o.Restore.Status.Volumes): // that is on record
			p.beginSwap(o, now)
		}
		return
	}
	done := 0
	for _, v := range p.Status.Volumes {
		switch v.State {
		case api.RestoreRestored:
			done++
		case api.RestoreFailed:
		case api.RestorePending, api.RestoreRestoring, api.RestoreVerifying, api.RestoreVerified, api.RestoreSwapping:
			return
		}
	}
	p.judgeAll(done, failed, now)
}

// judgeAll says how a restore ended of which so many volumes are restored; failed is one that is not, or -1.
func (p *RestorePlan) judgeAll(done, failed int, now time.Time) {
	all := len(p.Status.Volumes)
	switch {
	case failed < 0:
		p.end(metav1.ConditionTrue, Problem{api.ReasonRestored, fmt.Sprintf("%s restored from %s and verified: %s",
			volumes(all), whence(p.Status.Run), howVerified(p.Status.Volumes))}, now)
	case done > 0:
		bad := volumeProblem(p.Status.Volumes[failed])
		p.end(metav1.ConditionFalse, Problem{api.ReasonPartiallyRestored, fmt.Sprintf("%d of %d volumes were restored; %s", done, all, bad.Message)}, now)
	default:
		p.end(metav1.ConditionFalse, volumeProblem(p.Status.Volumes[failed]), now)
	}
}

func volumeProblem(v api.RestoredVolume) Problem {
	return Problem{v.Reason, fmt.Sprintf("volume %s: %s", v.Claim, v.Message)}
}

func allVerified(all []api.RestoredVolume) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(v api.RestoredVolume) bool { return v.State != api.RestoreVerified })
}

// giveUp ends a restore before anything was replaced. Volumes that were not restored are so no more.
func (p *RestorePlan) giveUp(o RestoreObserved, why Problem, now time.Time) {
	for i := range p.Status.Volumes {
		switch v := &p.Status.Volumes[i]; v.State {
		case api.RestoreRestored, api.RestoreFailed:
		case api.RestorePending, api.RestoreRestoring, api.RestoreVerifying, api.RestoreVerified, api.RestoreSwapping:
			p.fail(o, v, why)
		}
	}
	if o.Restore.Spec.InPlace && !swapping(o.Restore.Status) {
		why.Message += "; nothing was replaced"
	}
	p.end(metav1.ConditionFalse, why, now)
}

func (p *RestorePlan) end(status metav1.ConditionStatus, why Problem, now time.Time) {
	p.Status.FinishedAt = timePtr(now.Truncate(time.Second))
	p.Safety, p.Bring, p.Swap, p.Remove, p.Isolate = nil, nil, nil, nil, false
	p.said = succeededWith(status, why)
	p.Notes = append(p.Notes, Note{Warning: status != metav1.ConditionTrue, Reason: why.Reason, Message: why.Message})
}

func (p *RestorePlan) wakeAt(t time.Time) { p.Wake = sooner(p.Wake, t) }
