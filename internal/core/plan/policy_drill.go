// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// defaultHistory is how many ended drills a policy keeps when it does not say.
const defaultHistory = 10

// Rehearse is a drill to create.
type Rehearse struct {
	Name string
	Slot time.Time // zero for one that a change of the storage stack asks for
}

// drillLine is the drill schedule in force, as one line; empty while there is none, so that resuming looks only ahead.
func drillLine(b *api.BackupPolicy) string {
	if b.Spec.Suspend || b.Spec.Drill == nil {
		return ""
	}
	return b.Spec.Drill.Cron + " " + zoneName(b)
}

// planDrill decides whether a drill is due. As with points, a slot is only ever honoured by creating the drill that bears its name.
func (p *PolicyPlan) planDrill(o PolicyObserved, f facts, now time.Time) {
	p.Status.NextDrill = nil
	b := o.Policy
	if newest := newestDrillSlot(b, f.drills); p.Status.LastDrillSlot == nil || newest.After(p.Status.LastDrillSlot.Time) {
		p.Status.LastDrillSlot = timePtr(newest) // its drill was created, and the operator killed before it wrote this down
	}
	if drillLine(b) == "" || f.drillErr != nil || o.NamespaceTerminating {
		return
	}
	mark := p.Status.Applied.DrillSince.Time
	busy := false
	for _, d := range f.drills {
		busy = busy || !DrillEnded(d)
	}
	if t := p.Status.LastDrillSlot; t != nil && t.After(mark) {
		mark = t.Time
	}
	d := schedule.Decide(f.drillCalendar, mark, now, schedule.Params{
		Jitter: schedule.Jitter("drill "+string(b.UID), orNone(b.Spec.Schedule.Jitter)), Busy: busy,
	})
	p.Status.NextDrill = timePtr(d.Next)
	p.wakeAt(d.Wake)
	if !d.SkippedLast.IsZero() {
		p.Status.LastDrillSlot = timePtr(d.SkippedLast)
	}
	if d.Due.IsZero() {
		p.planFreshDrill(o, f, busy)
		return
	}
	p.Rehearse = &Rehearse{Name: names.Drill(b.Name, string(b.UID), d.Due), Slot: d.Due}
	p.Status.LastDrillSlot = timePtr(d.Due)
	p.Notes = append(p.Notes, Note{Reason: api.ReasonDrillRunning,
		Message: fmt.Sprintf("drill %s was begun for slot %s", p.Rehearse.Name, d.Due.UTC().Format(time.RFC3339))})
}

// planFreshDrill rehearses once more, outside of the schedule, when the storage stack is not the one of the last proof: what was
// proven then says little now. It is asked for once for each stack.
func (p *PolicyPlan) planFreshDrill(o PolicyObserved, f facts, busy bool) {
	last, stack := p.Status.LastProof, f.stack
	if last == nil || busy || o.Unread[drift.FactStack] != "" || len(drift.StackChanged(last.Storage, stack)) == 0 {
		return
	}
	name := names.StackDrill(o.Policy.Name, string(o.Policy.UID), stack)
	for _, d := range f.drills {
		if d.Name == name || (d.Status.Run != nil && slices.Equal(d.Status.Run.Storage, stack)) {
			return
		}
	}
	p.Rehearse = &Rehearse{Name: name}
	p.Notes = append(p.Notes, Note{Reason: api.ReasonDrillRunning,
		Message: fmt.Sprintf("drill %s was begun, because the storage stack changed since the proof of %s", name, last.At.UTC().Format(time.RFC3339))})
}

// newestDrillSlot is the newest slot that has a drill; zero when none has. A slot counts only on the drill that bears its name.
func newestDrillSlot(b *api.BackupPolicy, drills []*api.RestoreDrill) (newest time.Time) {
	for _, d := range drills {
		if s := d.Spec.Slot; s != nil && s.After(newest) && d.Name == names.Drill(b.Name, string(b.UID), s.Time) {
			newest = s.Time
		}
	}
	return newest
}

// planHistory forgets ended drills beyond the policy's history, oldest first. The newest that passed stays, and the newest
// that failed since: what takes a proof back must not be forgotten for drills that could not run. So many of those stay as
// make a finding.
func (p *PolicyPlan) planHistory(o PolicyObserved, f facts) {
	keep := defaultHistory
	if d := o.Policy.Spec.Drill; d != nil && d.History != nil {
		keep = int(*d.History)
	}
	var ended []*api.RestoreDrill
	for _, d := range f.drills {
		if DrillEnded(d) && d.DeletionTimestamp.IsZero() && d.Status.FinishedAt != nil {
			ended = append(ended, d)
		}
	}
	slices.SortFunc(ended, func(a, b *api.RestoreDrill) int {
		return cmp.Or(b.Status.FinishedAt.Compare(a.Status.FinishedAt.Time), cmp.Compare(b.Name, a.Name))
	})
	passed, failed, inconclusive := false, false, 0
	for i, d := range ended {
		newestPassed := !passed && d.Status.Verdict == api.VerdictPassed
		newestFailed := !passed && !failed && d.Status.Verdict == api.VerdictFailed
		oneOfARow := !passed && !failed && d.Status.Verdict == api.VerdictInconclusive && inconclusive < drift.InconclusiveInARow
		if oneOfARow {
			inconclusive++
		}
		passed, failed = passed || newestPassed, failed || newestFailed
		if i >= keep && !newestPassed && !newestFailed && !oneOfARow {
			p.Forget = append(p.Forget, Target{Name: d.Name, UID: string(d.UID)})
		}
	}
}

// drillProblem says why the drill schedule cannot be carried out; nil when it can.
func drillProblem(o PolicyObserved, f facts) *Problem {
	if o.Policy.Spec.Drill == nil {
		return nil
	}
	switch {
	case f.drillErr != nil:
		return &Problem{api.ReasonInvalidSchedule, "spec.drill.cron: " + f.drillErr.Error()}
	case f.drillCalendar.Next(o.Policy.CreationTimestamp.Time).IsZero():
		return &Problem{api.ReasonInvalidSchedule, "spec.drill.cron is never due; check the day of the month against the month"}
	}
	return nil
}

// DrillFailed takes back what the status says of a drill that could not be created, so that its slot stays due.
func (p *PolicyPlan) DrillFailed(before api.BackupPolicyStatus) {
	if p.Rehearse != nil {
		p.Rehearse, p.Status.LastDrillSlot = nil, before.LastDrillSlot
	}
}
