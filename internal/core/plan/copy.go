// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

const (
	copyWithin   = 24 * time.Hour // how long a copy may take when its target does not say
	forgetWithin = time.Hour      // how long the removal of a copy may take
	retryFirst   = 10 * time.Minute
	retryLast    = 6 * time.Hour
	// mostInto is how many copies are made at a time into a repository that does not say.
	mostInto = 2
	// mostCopied is how many volumes the copies of a point name altogether, so that its status stays below 32 KiB.
	mostCopied = 50
)

// CopyObserved is everything the decision about a point's copies may depend on.
type CopyObserved struct {
	Point                *api.RecoveryPoint
	Policy               *api.BackupPolicy // nil when it does not exist, or is another one of that name
	Siblings             []*api.RecoveryPoint
	Vaults               Vaults
	Sources              []Source
	Brought              map[string]Brought    // by target: what is there of a copy that is under way; the leftovers of one that is not
	Reports              map[string]CopyReport // by pod: what a running copier printed last, where it was looked at
	Running              int                   // copies under way in the cluster, those of this point left out
	RunningInto          map[string]int        // of them those into each repository of the namespace
	Settings             Settings
	NamespaceUID         string
	NamespaceTerminating bool
	Withdrawn            bool // the definition of recovery points is being deleted
}

// CopyPlan is what is to be done next for a point's copies.
type CopyPlan struct {
	Finalizer Finalizer
	Copies    []api.CopyRecord
	Work      []CopyWork
	Copied    *metav1.Condition // nil when no copies are promised
	Notes     []Note
	Wake      time.Time

	due     []string           // the targets that the point is to be copied to
	waiting map[string]Problem // by target: why its copy does not begin
}

// CopyWork is what is to be done for the copy into one target.
type CopyWork struct {
	Target string
	Claims []ClaimOrder
	Mounts []MountOrder
	Pods   []RepositoryOrder
	Remove []Leftover
}

// CopyRunOf says whether a point has a copy of this run.
func CopyRunOf(p *api.RecoveryPoint, run string) bool {
	return slices.ContainsFunc(p.Status.Copies, func(r api.CopyRecord) bool { return names.CopyRun(string(p.UID), r.Name) == run })
}

// HasCopies says whether there is something to be done for copies that were begun.
func HasCopies(p *api.RecoveryPoint) bool {
	return len(p.Status.Copies) > 0 || slices.Contains(p.Finalizers, api.FinalizerCopies) || pointCopied(p) != nil
}

// CopiesUnderWay says whether a copy of a point is not at rest.
func CopiesUnderWay(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Copies, func(r api.CopyRecord) bool { return r.State != api.CopyComplete || !r.CleanedUp })
}

// Copies says whether a copy of a point is being made.
func Copies(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Copies, func(r api.CopyRecord) bool { return r.State == api.CopyCopying })
}

// ForCopy decides what is next for the copies of a point.
func ForCopy(o CopyObserved, now time.Time) CopyPlan {
	p := CopyPlan{waiting: map[string]Problem{}}
	for i := range o.Point.Status.Copies {
		p.Copies = append(p.Copies, *o.Point.Status.Copies[i].DeepCopy())
	}
	switch going := !o.Point.DeletionTimestamp.IsZero(); {
	case going && !slices.Contains(o.Point.Finalizers, api.FinalizerCopies):
	case going && (o.NamespaceTerminating || o.Withdrawn):
		p.Finalizer = FinalizerRelease // the copies outlive the point
	case o.NamespaceTerminating:
	case going && !slices.Contains(o.Point.Finalizers, api.FinalizerSnapshots):
		p.removeAll(o, now)
	default: // one that is to go may be held yet: that is decided for its snapshots, and it is none of them less until then
		p.goOn(o, now)
		p.begin(o, now)
	}
	p.Copied = p.condition()
	return p
}

// goOn carries on with what was begun.
func (p *CopyPlan) goOn(o CopyObserved, now time.Time) {
	kept := p.Copies[:0]
	for i := range p.Copies {
		r := p.Copies[i]
		switch {
		case r.State == api.CopyRemoving, copyGoes(o.Point, r.Name):
			if p.remove(o, &r, now) {
				continue
			}
		case r.State == api.CopyCopying:
			p.carryOn(o, &r, now)
		default:
			p.judgeByVerification(o, &r, now)
			if bad := o.doubt(&r); bad != nil {
				p.end(&r, bad, now)
			}
			p.tidy(o, &r, now)
		}
		kept = append(kept, r)
	}
	p.Copies = kept
}

// doubt says why a complete copy does not count any more: it does not hold what was captured, or its repository is another one now and
// it can be made anew there. Without snapshots it cannot: then the record is all that leads back to it, once its own repository is named again.
func (o CopyObserved) doubt(r *api.CopyRecord) *Problem {
	if r.State != api.CopyComplete {
		return nil
	}
	if bad := replaced(o.Vaults.Repositories[r.Repository], r); bad != nil && BySnapshots(o.Point) {
		return bad
	}
	for _, v := range r.Volumes {
		if bad := differs(o.Point.Status.Fingerprint, v.Claim, v.Fingerprint); bad != nil {
			return bad
		}
	}
	return nil
}

// replaced says that another repository stands where a copy was written to; nil when it is the one, or nobody knows.
func replaced(repository *api.Repository, r *api.CopyRecord) *Problem {
	if repository == nil || repository.Status.UniqueID == "" || repository.Status.UniqueID == r.RepositoryID {
		return nil
	}
	return &Problem{api.ReasonRepositoryIDMismatch, fmt.Sprintf("repository %s is not the one that the copy was written to", r.Repository)}
}

// differs says that a volume holds something else than was captured; nil when it does not, or that is not known.
func differs(recorded *api.PointFingerprint, claim string, read api.Fingerprint) *Problem {
	bad := compare(bringing{source: Source{Claim: claim}, read: &read}, recorded)
	if bad == nil || bad.Reason == api.ReasonFingerprintMissing {
		return nil
	}
	return &Problem{bad.Reason, fmt.Sprintf("volume %s: %s", claim, bad.Message)}
}

// tidy removes what a copy that ended was read from.
func (p *CopyPlan) tidy(o CopyObserved, r *api.CopyRecord, now time.Time) {
	left := o.left(r.Name)
	if len(left) == 0 {
		r.CleanedUp = true
		return
	}
	p.clear(r.Name, left, sinceEnd(r, now), now)
}

// left is what is to be waited for until nothing is left of a copy. A volume that was let go of is its driver's to delete, which
// may not be there any more: neither the next run nor the end of the point is to wait for that.
func (o CopyObserved) left(target string) []Leftover {
	return slices.DeleteFunc(slices.Clone(o.Brought[target].Leftovers), func(l Leftover) bool { return l.Kind == "PersistentVolume" && l.going() })
}

func (p *CopyPlan) clear(target string, left []Leftover, since time.Duration, now time.Time) {
	p.Work = append(p.Work, CopyWork{Target: target, Remove: stillToRemove(left)})
	p.wakeAt(now.Add(lookAgain(since)))
}

func sinceEnd(r *api.CopyRecord, now time.Time) time.Duration {
	if r.FinishedAt == nil {
		return now.Sub(r.StartedAt.Time)
	}
	return now.Sub(r.FinishedAt.Time)
}

// begin begins the copies that are due and may run now.
func (p *CopyPlan) begin(o CopyObserved, now time.Time) {
	switch {
	case !copiable(o):
	case o.Point.DeletionTimestamp.IsZero():
		p.beginDue(o, now)
	default:
		p.mend(o, now)
	}
}

// beginDue begins the copies into the targets that are due.
func (p *CopyPlan) beginDue(o CopyObserved, now time.Time) {
	p.wakeAt(NextCopySlot(o.Policy, now))
	due := CopyDue(o.Policy, o.Siblings, now)[string(o.Point.UID)]
	for _, t := range o.Policy.Spec.Copies {
		if slices.Contains(due, t.Name) && !released(o.Point, partCopy+t.Name) {
			p.due = append(p.due, t.Name)
			p.beginOne(o, t, now)
		}
	}
}

// copiable says whether there are snapshots of this cluster to copy, and somebody who promises it.
func copiable(o CopyObserved) bool {
	q := o.Point
	return BySnapshots(q) && o.Policy != nil && o.Policy.DeletionTimestamp.IsZero() && PolicyUID(q) == string(o.Policy.UID)
}

// beginOne writes down that a copy is made, before anything is done, so that a crash or an edit changes nothing.
func (p *CopyPlan) beginOne(o CopyObserved, t api.CopyTarget, now time.Time) {
	switch was := p.record(t.Name); {
	case was != nil && (was.State != api.CopyFailed || !was.CleanedUp):
	case was != nil && was.Repository != t.Repository.Name:
		startRemoving(was, now) // what there is of it is not to be lost sight of
	default:
		p.start(o, t, was, now)
	}
}

// start begins a copy, or the next run of one that failed.
func (p *CopyPlan) start(o CopyObserved, t api.CopyTarget, was *api.CopyRecord, now time.Time) {
	repository := o.Vaults.Repositories[t.Repository.Name]
	if why := p.mustWait(o, t, was, now); why != nil {
		p.waiting[t.Name] = *why
		return
	}
	if !slices.Contains(o.Point.Finalizers, api.FinalizerCopies) {
		p.Finalizer = FinalizerAdd
		p.waiting[t.Name] = Problem{api.ReasonCopyPending, "it begins now"}
		return
	}
	r := api.CopyRecord{
		Name: t.Name, Repository: repository.Name, RepositoryID: repository.Status.UniqueID, State: api.CopyCopying,
		StartedAt: seconds(now), Deadline: seconds(now.Add(copyTimeout(t))), Mover: o.Policy.Spec.Mover.DeepCopy(), Fidelity: cmp.Or(t.Fidelity, api.FidelityReport),
		Full: o.full(repository, was),
	}
	if was == nil {
		p.Copies = append(p.Copies, r)
		return
	}
	r.Attempt = was.Attempt + 1
	if was.RepositoryID == r.RepositoryID && !doubtful(was.Reason) && (was.Full || !r.Full) {
		r.Volumes = was.Volumes
	}
	*was = r
}

func seconds(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

func copyTimeout(t api.CopyTarget) time.Duration {
	if t.Timeout != nil {
		return t.Timeout.Duration
	}
	return copyWithin
}

func (p *CopyPlan) record(target string) *api.CopyRecord {
	i := slices.IndexFunc(p.Copies, func(r api.CopyRecord) bool { return r.Name == target })
	if i < 0 {
		return nil
	}
	return &p.Copies[i]
}

// mustWait says why a copy does not begin now; nil when it does.
func (p *CopyPlan) mustWait(o CopyObserved, t api.CopyTarget, was *api.CopyRecord, now time.Time) *Problem {
	repository := o.Vaults.Repositories[t.Repository.Name]
	if bad := takesNone(repository, t.Repository.Name); bad != nil {
		return bad
	}
	if _, _, bad := AccessTo(repository, o.Vaults.Allowed); bad != nil {
		return bad
	}
	if n := int(o.Point.Status.Capture.Volumes) * len(o.Policy.Spec.Copies); n > mostCopied || tooMany(o.Point) != nil {
		return &Problem{api.ReasonTooManyVolumes, fmt.Sprintf("volumes times targets may be %d at most, and are %d; split the policy", mostCopied, n)}
	}
	if bad := p.inTheWay(repository, was, now); bad != nil {
		return bad
	}
	if was != nil && !corrupted(was) {
		if at := retryAt(was, repository); now.Before(at) {
			p.wakeAt(at)
			return &Problem{was.Reason, was.Message}
		}
	}
	if why := p.full(o, repository); why != "" {
		p.wakeAt(now.Add(waitAgain))
		return &Problem{api.ReasonCopyPending, why}
	}
	return nil
}

// takesNone says why nothing is written to a repository; nil when it can be.
func takesNone(r *api.Repository, name string) *Problem {
	if r == nil || !r.DeletionTimestamp.IsZero() {
		return &Problem{api.ReasonRepositoryNotFound, fmt.Sprintf("there is no Repository %q in this namespace; create it, or correct spec.copies of the policy", name)}
	}
	c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionReady)
	switch {
	case c == nil || (c.Status == metav1.ConditionTrue && r.Status.UniqueID == ""):
		return &Problem{api.ReasonCopyPending, fmt.Sprintf("repository %s has not been looked at yet", name)}
	case c.Status != metav1.ConditionTrue:
		return &Problem{c.Reason, fmt.Sprintf("repository %s is not ready: %s", name, c.Message)}
	}
	return nil
}

// retryAt is when a copy that failed is tried again: after ever longer times, but at once when the repository is ready again.
func retryAt(r *api.CopyRecord, repository *api.Repository) time.Time {
	ended := r.StartedAt.Time
	if r.FinishedAt != nil {
		ended = r.FinishedAt.Time
	}
	if repository != nil {
		c := meta.FindStatusCondition(repository.Status.Conditions, api.ConditionReady)
		if c != nil && c.Status == metav1.ConditionTrue && c.LastTransitionTime.After(ended) {
			return ended
		}
	}
	return ended.Add(retryAfter(r.Attempt))
}

func retryAfter(attempt int32) time.Duration {
	return min(retryFirst<<min(attempt, 8), retryLast)
}

// full says which bound is reached; empty when none is.
func (p *CopyPlan) full(o CopyObserved, repository *api.Repository) string {
	all, into := 0, 0
	for i := range p.Copies {
		r := &p.Copies[i]
		if r.State == api.CopyCopying {
			all++
		}
		if r.Repository == repository.Name && (r.State == api.CopyCopying || r.State == api.CopyRemoving) {
			into++
		}
	}
	most := int32(mostInto)
	if l := repository.Spec.Limits; l != nil {
		most = cmp.Or(l.Copies, most)
	}
	switch {
	case into > 0:
		return "the point is being copied into the same repository, or removed from it, for another target"
	case o.RunningInto[repository.Name] >= int(most):
		return fmt.Sprintf("as many copies go into repository %s as may (spec.limits.copies: %d)", repository.Name, most)
	case o.Running+all >= o.Settings.Copies:
		return fmt.Sprintf("as many copies are under way in the cluster as may be (%d)", o.Settings.Copies)
	}
	return ""
}

// end ends a run: well when nothing is wrong.
func (p *CopyPlan) end(r *api.CopyRecord, bad *Problem, now time.Time) {
	r.FinishedAt, r.Progress = timePtr(now.Truncate(time.Second)), nil
	if bad == nil {
		r.State, r.Reason, r.Message, r.VerifiedAt = api.CopyComplete, "", "", r.FinishedAt
		p.Notes = append(p.Notes, Note{Reason: api.ReasonCopied, Message: fmt.Sprintf("copied into repository %s: %d bytes, of which it had to take %d", r.Repository, r.Bytes, r.NewBytes)})
		return
	}
	r.State, r.Reason, r.Message, r.VerifiedAt = api.CopyFailed, bad.Reason, clipMessage(bad.Message), nil
	if doubtful(bad.Reason) {
		r.Volumes = nil
	}
	p.Notes = append(p.Notes, Note{Warning: true, Reason: bad.Reason, Message: fmt.Sprintf("the copy into repository %s failed: %s", r.Repository, bad.Message)})
}

// doubtful says whether a failure casts doubt on volumes that were copied before. After others, the next run does not copy them again.
func doubtful(reason string) bool {
	switch reason {
	case api.ReasonRepositoryIDMismatch, api.ReasonRepositoryMissing, api.ReasonCopyCorrupt, api.ReasonCopyMissing, api.ReasonContentDiffers:
		return true
	}
	return false
}

// Refused ends the runs for which something could not be created.
func (p *CopyPlan) Refused(why map[string]Problem, now time.Time) {
	for i := range p.Copies {
		r := &p.Copies[i]
		bad, is := why[r.Name]
		switch {
		case !is:
		case r.State == api.CopyCopying:
			p.end(r, &bad, now)
		case r.State == api.CopyRemoving && r.FinishedAt == nil:
			p.notRemoved(r, bad, now)
		}
	}
	p.Copied = p.condition()
}

// Changed says whether there is something to write down.
func (p *CopyPlan) Changed(o CopyObserved, now time.Time) bool {
	return !equality.Semantic.DeepEqual(o.Point.Status.Copies, p.Copies) ||
		!equality.Semantic.DeepEqual(o.Point.Status.Conditions, p.Conditions(o, now))
}

func (p *CopyPlan) wakeAt(t time.Time) { p.Wake = sooner(p.Wake, t) }
