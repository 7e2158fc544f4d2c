// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// PointObserved is everything the decision about a recovery point may depend on.
type PointObserved struct {
	Point                *api.RecoveryPoint
	Policy               *api.BackupPolicy          // nil when it does not exist, or is another one of that name
	Siblings             []*api.RecoveryPoint       // every point that names the policy, this one included
	Repositories         map[string]*api.Repository // those of the namespace, by name; read where something may be deleted
	Claims               []Claim                    // those of the namespace
	Workload             *Workload
	Fresh                *api.RecoveryPoint // this point on a live look; read where its snapshots are let go
	Snapshots            []Snapshot         // of this point
	Strays               []Content          // retained contents of this point whose VolumeSnapshot is gone
	Group                *Group             // the VolumeGroupSnapshot of this point; nil when there is none
	Unready              map[string]string
	Cluster              Cluster
	Settings             Settings
	NamespaceTerminating bool
	Withdrawn            bool      // the definition of recovery points is being deleted
	RetryAt              time.Time // what was refused is not tried again before
}

// PointPlan is what is to be done next for a recovery point. The orders may be carried out side by side,
// but for Hooks, which come alone.
type PointPlan struct {
	Finalizer   Finalizer
	Hooks       []api.Hook
	Create      []SnapshotOrder
	CreateGroup *GroupOrder
	Adopt       []AdoptOrder
	Retain      []RetainOrder
	RetainGroup *Group
	Delete      []DeleteOrder
	DeleteGroup *Group
	Notes       []Note
	Wake        time.Time

	status  api.RecoveryPointStatus
	volumes []volume
	settled bool // the status needs no verdict on the volumes
}

// SnapshotOrder asks for one VolumeSnapshot.
type SnapshotOrder struct {
	Name, Class string
	Claim       Claim
}

// GroupOrder asks for one VolumeGroupSnapshot.
type GroupOrder struct {
	Name, Class string
	Selector    *api.LabelSelector
}

// AdoptOrder marks a VolumeSnapshot that a group snapshot brought as ours.
type AdoptOrder struct {
	Target
	Claim Claim
}

// RetainOrder switches a content to Retain and writes on it what it holds, so that it can be known without its VolumeSnapshot.
type RetainOrder struct {
	Target
	Version string // the resource version that was looked at
	Claim   Claim
}

// DeleteOrder deletes a snapshot with its bytes: the content is switched to Delete, then its VolumeSnapshot deleted,
// or the content itself when the VolumeSnapshot is gone.
type DeleteOrder struct {
	Snapshot Target // empty when it is gone
	Version  string // the only resource version that is meant; empty for any
	Content  Target // empty when there is none
	Deleting bool   // the VolumeSnapshot is on its way already

	At    time.Time // when this was decided
	Since time.Time // since when the content is being deleted; zero when it is not
}

// nudgeAfter is how long a deletion may take before it is looked at again.
const nudgeAfter = 15 * time.Second

// watchDeletions has deletions that are under way looked at again, ever more rarely, until they are done.
func (p *PointPlan) watchDeletions(now time.Time) {
	for i := range p.Delete {
		d := &p.Delete[i]
		d.At = now
		wait := nudgeAfter
		if !d.Since.IsZero() {
			wait = max(wait, now.Sub(d.Since)/2)
		}
		p.wakeAt(now.Add(wait))
	}
	if p.DeleteGroup != nil {
		p.DeleteGroup.At = now
		p.wakeAt(now.Add(groupLook))
	}
}

// Group is a VolumeGroupSnapshot of ours.
type Group struct {
	Target
	Content  Target // the VolumeGroupSnapshotContent; empty until bound
	Retain   bool   // the content is switched to Retain
	Ready    bool
	Error    string
	Deleting bool
	Members  []Snapshot // those not yet marked as ours
	At       time.Time  // when its deletion was decided
}

// progressAfter is how long a capture may run before its progress is written: a quick one is written once, when it ends.
const progressAfter = 15 * time.Second

// ForPoint decides what is next for a recovery point.
func ForPoint(o PointObserved, now time.Time) PointPlan {
	p := PointPlan{status: *o.Point.Status.DeepCopy()}
	switch {
	case !o.Point.DeletionTimestamp.IsZero():
		p.planDeletion(o, now)
	case wasImported(o.Point):
		p.planImported(o, now)
	case !slices.Contains(o.Point.Finalizers, api.FinalizerSnapshots):
		p.Finalizer, p.settled = FinalizerAdd, true
	case o.Point.Status.Capture == nil && Finished(o.Point):
		p.settled = true
	case o.Point.Status.Capture == nil:
		p.planFreeze(o, now)
	default:
		p.planCapture(o, now)
	}
	return p
}

// planFreeze writes down what is to be captured before anything is done, so that a crash or an edit changes nothing.
func (p *PointPlan) planFreeze(o PointObserved, now time.Time) {
	p.settled = true
	switch bad := cannotStart(o, now); {
	case bad == nil:
	case bad.Reason == api.ReasonPolicyNotFound && o.Point.Spec.Slot != nil:
		p.finish(o, *bad, now) // its policy went before it began; there is nothing to wait for
		return
	default:
		p.waiting(o, *bad, now)
		return
	}
	b := o.Policy
	s := Select(b.Spec.Volumes, o.Claims, o.Workload)
	if s.Problem != nil {
		p.freeze(o, Selection{}, now)
		p.finish(o, *s.Problem, now)
		return
	}
	p.freeze(o, s, now)
	if len(p.status.Capture.Snapshot.Hooks) > 0 && !o.Settings.HooksEnabled {
		p.finish(o, Problem{api.ReasonHooksDisabled, "the policy has hooks and the operator runs without them"}, now)
		return
	}
	p.freezeGroup(o, s, now)
}

// cannotStart says what a point waits for before its capture can start; nil when it can.
func cannotStart(o PointObserved, now time.Time) *Problem {
	b := o.Policy
	switch {
	case o.NamespaceTerminating:
		return &Problem{api.ReasonNamespaceTerminating, "the namespace is being deleted"}
	case b == nil || !b.DeletionTimestamp.IsZero():
		return &Problem{api.ReasonPolicyNotFound, fmt.Sprintf("spec.policy.name: there is no BackupPolicy %q in this namespace", o.Point.Spec.Policy.Name)}
	case madeUp(o.Point, b):
		return &Problem{api.ReasonInvalidSlot, "spec.slot is written by Lifeboat alone; create a point without it to capture now"}
	}
	if other := ahead(o, now); other != "" {
		return &Problem{api.ReasonWaitingForOtherPoint, fmt.Sprintf("recovery point %s of the same policy comes first", other)}
	}
	return nil
}

// ahead is a point of the same policy that is being captured, or was asked for earlier; empty when it is this one's turn.
func ahead(o PointObserved, now time.Time) string {
	for _, q := range o.Siblings {
		if q.UID == o.Point.UID || !activeUntil(q).After(now) || madeUp(q, o.Policy) {
			continue
		}
		started := q.Status.Capture != nil
		if started || asked(q).Before(asked(o.Point)) || (asked(q).Equal(asked(o.Point)) && q.Name < o.Point.Name) {
			return q.Name
		}
	}
	return ""
}

// madeUp says whether a point bears a slot that the policy's schedule did not give it. It never starts, so nothing waits for it.
func madeUp(p *api.RecoveryPoint, b *api.BackupPolicy) bool {
	s := p.Spec.Slot
	return s != nil && p.Status.Capture == nil && p.Name != names.Point(b.Name, string(b.UID), s.Time)
}

func asked(p *api.RecoveryPoint) time.Time { return p.CreationTimestamp.Time }

func (p *PointPlan) freeze(o PointObserved, s Selection, now time.Time) {
	b := o.Policy
	uids := make([]string, len(s.Claims))
	for i, c := range s.Claims {
		uids[i] = c.UID
	}
	c := &api.Capture{
		PolicyUID: string(b.UID), PolicyGeneration: b.Generation, Run: run(o.Point),
		StartedAt: metav1.NewTime(now.UTC().Truncate(time.Second)),
		Deadline:  metav1.NewTime(now.Add(timeout(b.Spec.Snapshot)).UTC().Truncate(time.Second)),
		Volumes:   int32(len(s.Claims) + len(s.Missing)), ClaimSet: names.ClaimSet(uids),
		Missing: s.Missing[:min(len(s.Missing), mostListed)],
	}
	if b.Spec.Snapshot != nil {
		c.Snapshot = *b.Spec.Snapshot.DeepCopy()
	}
	p.status.Capture = c
	p.status.Trigger = trigger(o.Point)
	p.status.Consistency = api.ConsistencyCrash
	p.status.Progress = fmt.Sprintf("0/%d", c.Volumes)
	for _, h := range c.Snapshot.Hooks {
		if h.When == api.HookBefore {
			p.status.Hooks = append(p.status.Hooks, api.HookRecord{Name: h.Name, State: api.HookRunning})
		}
	}
	p.capturing(o, now)
}

// run identifies a capture: a slot has one run, and a point that a user made is its own.
func run(p *api.RecoveryPoint) string {
	if p.Spec.Slot != nil {
		return p.Spec.Slot.UTC().Format("20060102-150405")
	}
	return string(p.UID)
}

func trigger(p *api.RecoveryPoint) api.Trigger {
	if p.Spec.Slot != nil {
		return api.TriggerSchedule
	}
	return api.TriggerManual
}

// planCapture judges every volume and orders what is missing. It serves finished points too: they are judged
// for as long as they live, and what did not become ready in time is cleaned up.
func (p *PointPlan) planCapture(o PointObserved, now time.Time) {
	switch {
	case neverBegan(o.Point):
		p.settled = true
	case p.planRelease(o, now):
	case Finished(o.Point):
		p.volumes = judge(o, now)
		p.cleanUnready(o)
		p.watchDeletions(now)
		p.orderRetain(o)
	default:
		p.volumes = judge(o, now)
		p.orderMissing(o, now)
	}
}

// orderMissing orders what a capture under way still needs. Of a volume of which nothing more is awaited nothing is ordered.
func (p *PointPlan) orderMissing(o PointObserved, now time.Time) {
	c := o.Point.Status.Capture
	p.wakeAt(c.Deadline.Time)
	p.wakeAt(laterThan(c.StartedAt.Add(progressAfter), now))
	if p.Hooks = hooksDue(o, p.volumes, now); len(p.Hooks) > 0 {
		if p.Hooks[0].When == api.HookAfter {
			p.orderRetain(o)
		}
		return
	}
	if o.Point.Status.GroupSnapshot != "" {
		p.orderGroup(o, now)
	} else {
		p.orderSnapshots(o, now)
	}
	p.orderRetain(o)
}

// neverBegan says whether a capture ended before it asked for anything: its reason stands, and there is nothing to judge.
func neverBegan(p *api.RecoveryPoint) bool {
	return Finished(p) && len(p.Status.Volumes) == 0 && p.Status.PointInTime == nil
}

func laterThan(t, now time.Time) time.Time {
	if t.After(now) {
		return t
	}
	return time.Time{}
}

func (p *PointPlan) orderSnapshots(o PointObserved, now time.Time) {
	if now.Before(o.RetryAt) {
		p.wakeAt(o.RetryAt)
		return
	}
	c := o.Point.Status.Capture
	for _, v := range p.volumes {
		if v.order {
			name := names.Snapshot(v.claim.Name, c.PolicyUID, v.claim.UID, c.Run)
			p.Create = append(p.Create, SnapshotOrder{Name: name, Class: v.class, Claim: v.claim})
		}
	}
}

func (p *PointPlan) orderRetain(o PointObserved) {
	if !o.Settings.Retain {
		return
	}
	for _, v := range p.volumes {
		if s := v.snapshot; s != nil && s.Ready && !s.Deleting && bindingProblem(*s, v.claim) == nil && !s.Content.Retain {
			p.Retain = append(p.Retain, RetainOrder{Target{s.Content.Name, s.Content.UID}, s.Content.Version, v.claim})
		}
	}
	p.orderRetainGroup(o)
}

// cleanUnready deletes what was not ready in time, so that a claim never has more than one unready snapshot.
// The version makes sure that one that became ready meanwhile is spared, and counted.
func (p *PointPlan) cleanUnready(o PointObserved) {
	if o.Point.Status.GroupSnapshot != "" {
		p.cleanGroup(o)
		return
	}
	for _, v := range p.volumes {
		if s := v.snapshot; s != nil && !s.Ready && v.problem.Reason != api.ReasonReadinessRegressed {
			p.Delete = append(p.Delete, deleteOrder(*s))
		}
	}
}

func deleteOrder(s Snapshot) DeleteOrder {
	d := DeleteOrder{Snapshot: Target{s.Name, s.UID}, Deleting: s.Deleting}
	if !s.Ready {
		d.Version = s.Version
	}
	if s.Content != nil {
		d.Content, d.Since = Target{s.Content.Name, s.Content.UID}, s.Content.DeletingSince
	}
	return d
}

func (p *PointPlan) wakeAt(t time.Time) {
	p.Wake = sooner(p.Wake, t)
}

// hooksDue are the hooks to run now. Before hooks run until the first snapshot is asked for; After hooks once every
// snapshot was cut, or nothing more is awaited.
func hooksDue(o PointObserved, volumes []volume, now time.Time) []api.Hook {
	c := o.Point.Status.Capture
	if !o.Settings.HooksEnabled {
		return nil
	}
	expired := !now.Before(c.Deadline.Time)
	if len(o.Snapshots) == 0 && o.Group == nil && !expired && !aborted(o.Point) {
		if due := openHooks(o.Point, api.HookBefore); len(due) > 0 {
			return due
		}
	}
	for _, v := range volumes {
		if v.state == api.VolumePending && (v.snapshot == nil || v.snapshot.Cut.IsZero()) && !expired && !aborted(o.Point) {
			return nil
		}
	}
	return openHooks(o.Point, api.HookAfter)
}

// openHooks are the hooks of one side whose result is not known.
func openHooks(p *api.RecoveryPoint, when api.HookTime) []api.Hook {
	var out []api.Hook
	for _, h := range p.Status.Capture.Snapshot.Hooks {
		if r := hookRecord(p.Status.Hooks, h.Name); h.When == when && (r == nil || r.State == api.HookRunning) {
			out = append(out, h)
		}
	}
	return out
}

func hookRecord(records []api.HookRecord, name string) *api.HookRecord {
	for i := range records {
		if records[i].Name == name {
			return &records[i]
		}
	}
	return nil
}

// aborted says whether a Before hook failed and asked to give the point up.
func aborted(p *api.RecoveryPoint) bool {
	for _, h := range p.Status.Capture.Snapshot.Hooks {
		r := hookRecord(p.Status.Hooks, h.Name)
		if h.When == api.HookBefore && h.OnError != api.HookContinue && r != nil && r.State == api.HookFailed {
			return true
		}
	}
	return false
}

func sortVolumes(v []volume) {
	worstFirst := []api.VolumeState{api.VolumeFailed, api.VolumePending, api.VolumeCaptured, api.VolumeReleased}
	slices.SortStableFunc(v, func(a, b volume) int {
		return cmp.Or(cmp.Compare(slices.Index(worstFirst, a.state), slices.Index(worstFirst, b.state)), cmp.Compare(a.claim.Name, b.claim.Name))
	})
}
