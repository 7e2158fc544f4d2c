// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// DefaultTimeout is how long a capture may take when the policy does not say.
const DefaultTimeout = 10 * time.Minute

// PolicyObserved is everything the decision about a policy may depend on.
type PolicyObserved struct {
	Policy               *api.BackupPolicy
	Points               []*api.RecoveryPoint // those that name this policy
	Drills               []*api.RestoreDrill  // those that speak of it
	Restores             []*api.Restore       // those of the namespace
	Claims               []Claim              // those of the namespace
	Workload             *Workload
	StatefulSets         []Workload // those of the namespace
	Cluster              Cluster
	Storage              Storage
	Repositories         map[string]*api.Repository // those of the namespace, by name; read only where copies are promised
	Orphans              []Orphan                   // snapshots made for this policy, by the point they were made for
	Throwaways           []Throwaway
	Unread               map[drift.Fact]string // what could not be read, and why
	Settings             Settings
	NamespaceTerminating bool
	Withdrawn            bool // the definition of policies is being deleted
}

// PolicyPlan is what is to be done next for a policy.
type PolicyPlan struct {
	Take      *Take          // a point to create
	Rehearse  *Rehearse      // a drill to create
	Forget    []Target       // ended drills to delete
	Expire    []Target       // points to delete; each stood in status.expiring before
	Keep      []KeepChange   // reasons to write on points
	Release   []ReleaseOrder // parts of points to let go; each stood in status.expiring before
	Finalizer Finalizer
	Status    api.BackupPolicyStatus // as it is once the plan was carried out
	Notes     []Note
	Wake      time.Time // the next instant at which the plan can differ; zero when only an event can change it
}

// Take is a recovery point to create.
type Take struct {
	Name string
	Slot time.Time
}

// KeepChange is a new list of reasons for which retention keeps a point.
type KeepChange struct {
	Target
	Reasons []string
	Again   []string // parts that were let go, and are kept again
	Parted  bool     // the point may have parts that were let go, and that must stay so
}

// ReleaseOrder lets a part of a point go while another part is kept.
type ReleaseOrder struct {
	Target
	Part string
	At   time.Time
}

// Finalizer says what to do with the object's own finalizer.
type Finalizer string

// What may be done with a finalizer. The zero value leaves it as it is.
const (
	FinalizerAdd     Finalizer = "Add"
	FinalizerRelease Finalizer = "Release"
)

// ForPolicy decides what is next for a policy that is not being deleted.
func ForPolicy(o PolicyObserved, now time.Time) PolicyPlan {
	f := policyFacts(o, now)
	p := PolicyPlan{Finalizer: policyFinalizer(o.Policy)}
	p.Status = *o.Policy.Status.DeepCopy()
	p.Status.ObservedGeneration = o.Policy.Generation
	p.planApplied(o, now)
	p.planTake(o, f, now)
	p.planPromise(o.Policy, now)
	p.reportPoints(f)
	p.reportProof(f)
	p.reportVolumes(f, now)
	seen := p.independence(o, f)
	p.reportCopies(o, seen)
	found := p.judge(o, f, seen, now)
	p.planDrill(o, f, now)
	p.planHistory(o, f)
	p.planExpiry(o, f, found, now)
	p.reportConditions(o, found, now)
	p.reportFindings(o.Policy, found)
	return p
}

// ForDeletedPolicy decides what the deletion of a policy does to its points.
func ForDeletedPolicy(o PolicyObserved) PolicyPlan {
	p := PolicyPlan{Finalizer: FinalizerRelease, Status: o.Policy.Status}
	if o.Policy.Spec.OnDelete != api.OnDeletePrune || o.NamespaceTerminating || o.Withdrawn {
		return p
	}
	if copiesInDoubt(o, ours(o)) {
		p.Finalizer = ""
		why := cmp.Or(HeldByDamage(o.Policy, ours(o), o.Repositories), "the repositories with the copies of its points cannot be read")
		p.Notes = append(p.Notes, Note{Warning: true, Reason: api.ReasonDeletionHeld, Message: why + "; to let the policy go and keep its points, set spec.onDelete to Retain"})
		return p
	}
	for _, q := range ours(o) {
		if !q.Spec.Hold && q.DeletionTimestamp.IsZero() {
			p.Expire = append(p.Expire, target(q))
		}
	}
	if len(p.Expire) > 0 {
		p.Notes = append(p.Notes, Note{Reason: api.ReasonPolicyDeleted,
			Message: fmt.Sprintf("expiring %d recovery points, because onDelete is Prune", len(p.Expire))})
	}
	return p
}

// TakeFailed takes back what the status says of a point that could not be created, so that its slot stays due.
func (p *PolicyPlan) TakeFailed(before api.BackupPolicyStatus) {
	if p.Take == nil {
		return
	}
	p.Take, p.Status.LastSlot = nil, before.LastSlot
	p.Status.ActiveRecoveryPoint = before.ActiveRecoveryPoint
}

// policyFinalizer holds a policy only when its deletion has something to do.
func policyFinalizer(b *api.BackupPolicy) Finalizer {
	has := slices.Contains(b.Finalizers, api.FinalizerPoints)
	switch {
	case b.Spec.OnDelete == api.OnDeletePrune && !has:
		return FinalizerAdd
	case b.Spec.OnDelete != api.OnDeletePrune && has:
		return FinalizerRelease
	}
	return ""
}

// planApplied notices edits. An edited or resumed schedule looks only ahead, and an edited retention waits.
func (p *PolicyPlan) planApplied(o PolicyObserved, now time.Time) {
	was := p.Status.Applied
	is := &api.AppliedSpec{Schedule: scheduleLine(o.Policy), Drill: drillLine(o.Policy), Retention: retentionLine(o.Policy), Copies: copiesLine(o.Policy)}
	born := metav1.NewTime(o.Policy.CreationTimestamp.Time)
	is.ScheduleSince, is.RetentionSince = &born, &born
	if is.Drill != "" {
		is.DrillSince = &born
	}
	if is.Copies != "" {
		is.CopiesSince = &born
	}
	if was != nil {
		if is.Copies != "" {
			is.CopiesSince = sinceChange(was.Copies == is.Copies, was.CopiesSince, now)
		}
		if is.Drill != "" {
			is.DrillSince = sinceChange(was.Drill == is.Drill, was.DrillSince, now)
		}
		is.ScheduleSince = sinceChange(was.Schedule == is.Schedule, was.ScheduleSince, now)
		is.RetentionSince = sinceChange(was.Retention == is.Retention, was.RetentionSince, now)
		if was.Retention != is.Retention {
			p.Notes = append(p.Notes, Note{Reason: api.ReasonRetentionChanged,
				Message: fmt.Sprintf("retention was edited; nothing expires for it before %s", now.Add(o.Settings.Grace).UTC().Format(time.RFC3339))})
		}
	}
	p.Status.Applied = is
}

func sinceChange(same bool, since *metav1.Time, now time.Time) *metav1.Time {
	if same && since != nil {
		return since
	}
	t := metav1.NewTime(now.UTC().Truncate(time.Second))
	return &t
}

// scheduleLine is empty while suspended, so that resuming is a change, and looks only ahead.
func scheduleLine(b *api.BackupPolicy) string {
	if b.Spec.Suspend {
		return ""
	}
	s := b.Spec.Schedule
	line := s.Cron + " " + zoneName(b)
	if s.Jitter != nil {
		line += " +" + s.Jitter.Duration.String()
	}
	return line
}

func retentionLine(b *api.BackupPolicy) string {
	line := retentionWords(b.Spec.Retention) + " " + zoneName(b)
	for i := range b.Spec.Copies {
		if t := &b.Spec.Copies[i]; t.Retention != nil {
			line += fmt.Sprintf(" %s(%s)", t.Name, retentionWords(*t.Retention))
		}
	}
	return line
}

func retentionWords(r api.Retention) string {
	return fmt.Sprintf("last=%d hourly=%d daily=%d weekly=%d monthly=%d yearly=%d minimum=%d",
		r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly, r.Minimum)
}

func zoneName(b *api.BackupPolicy) string {
	if b.Spec.Schedule.TimeZone == "" {
		return "UTC"
	}
	return b.Spec.Schedule.TimeZone
}

// planTake decides whether a slot is due. A slot is only ever honoured by creating the point that bears its name.
func (p *PolicyPlan) planTake(o PolicyObserved, f facts, now time.Time) {
	p.Status.NextSlot = nil
	p.Status.ActiveRecoveryPoint = ""
	if f.active != nil {
		p.Status.ActiveRecoveryPoint = f.active.Name
	}
	if m := p.Status.Missed; m != nil && newestSlot(o.Policy, f.points, Complete).After(m.Last.Time) {
		p.Status.Missed = nil
	}
	if f.newestSlot.After(lastSlot(p.Status)) { // its point was created, and the operator killed before it wrote this down
		p.Status.LastSlot = timePtr(f.newestSlot)
	}
	if f.calendarErr != nil || o.Policy.Spec.Suspend || o.NamespaceTerminating {
		return
	}
	d := schedule.Decide(f.calendar, highWater(p.Status, f), now, schedule.Params{
		Jitter:           f.jitter,
		StartingDeadline: orNone(o.Policy.Spec.Schedule.StartingDeadline),
		Busy:             f.active != nil,
	})
	p.countMissed(d, now)
	p.Status.NextSlot = timePtr(d.Next)
	p.wakeAt(d.Wake)
	p.wakeAt(f.activeUntil)
	if d.Due.IsZero() {
		return
	}
	p.Take = &Take{Name: names.Point(o.Policy.Name, string(o.Policy.UID), d.Due), Slot: d.Due}
	p.Status.LastSlot = timePtr(d.Due)
	p.Status.ActiveRecoveryPoint = p.Take.Name
	p.Notes = append(p.Notes, Note{Reason: api.ReasonPointCreated,
		Message: fmt.Sprintf("recovery point %s was begun for slot %s", p.Take.Name, d.Due.UTC().Format(time.RFC3339))})
}

func lastSlot(s api.BackupPolicyStatus) time.Time {
	if s.LastSlot == nil {
		return time.Time{}
	}
	return s.LastSlot.Time
}

func (p *PolicyPlan) countMissed(d schedule.Decision, now time.Time) {
	if d.Skipped == 0 {
		return
	}
	if p.Status.Missed == nil {
		p.Status.Missed = &api.MissedRun{First: metav1.NewTime(now.UTC().Truncate(time.Second))}
	}
	p.Status.Missed.Slots += int32(d.Skipped)
	p.Status.Missed.Last = *timePtr(d.SkippedLast)
	p.Status.MissedSlots += int64(d.Skipped)
	p.Status.LastSlot = timePtr(d.SkippedLast)
	p.Notes = append(p.Notes, Note{Warning: true, Reason: api.ReasonSlotMissed,
		Message: fmt.Sprintf("%d slots up to %s passed without a run", d.Skipped, d.SkippedLast.UTC().Format(time.RFC3339))})
}

// highWater is the instant up to which slots are settled: recorded, taken by a point that is there, or before the schedule was in force.
func highWater(s api.BackupPolicyStatus, f facts) time.Time {
	mark := f.newestSlot
	for _, t := range []*metav1.Time{s.LastSlot, s.Applied.ScheduleSince} {
		if t != nil && t.After(mark) {
			mark = t.Time
		}
	}
	return mark
}

// WakeBy has the policy looked at again by then at the latest.
func (p *PolicyPlan) WakeBy(t time.Time) { p.wakeAt(t) }

func (p *PolicyPlan) wakeAt(t time.Time) {
	p.Wake = sooner(p.Wake, t)
}

// sooner is the earlier of two instants, of which either may be missing.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func duration(d *metav1.Duration, absent time.Duration) time.Duration {
	if d == nil {
		return absent
	}
	return d.Duration
}

// orNone is a duration that may be absent, and then is none.
func orNone(d *metav1.Duration) time.Duration { return ptr.Deref(d, metav1.Duration{}).Duration }

func timePtr(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	m := metav1.NewTime(t.UTC())
	return &m
}

func target(p *api.RecoveryPoint) Target { return Target{Name: p.Name, UID: string(p.UID)} }
