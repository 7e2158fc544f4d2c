// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
)

// Refused ends a drill for which something could not be created: it could not run, which says nothing about the point.
func (p *DrillPlan) Refused(o DrillObserved, why Problem, now time.Time) {
	p.conclude(api.VerdictInconclusive, why, now)
	p.reportDrill(o, now)
}

// conclude states the verdict, and how long the recovery took to the level that was reached.
func (p *DrillPlan) conclude(v api.Verdict, why Problem, now time.Time) {
	p.Status.Verdict, p.Status.FinishedAt = v, timePtr(now.Truncate(time.Second))
	p.Claims, p.Writes, p.Reads, p.Remove, p.Check, p.Isolate = nil, nil, nil, nil, nil, false
	for i := range p.Status.Phases {
		if f := &p.Status.Phases[i]; f.State == api.PhaseRunning {
			p.closePhase(f.Name, api.PhaseFailed, why.Message, now)
		}
	}
	for _, name := range []api.PhaseName{api.PhaseSelecting, api.PhaseRestoring, api.PhaseReading, api.PhaseChecking} {
		if p.phaseOf(name) == nil {
			p.Status.Phases = append(p.Status.Phases, api.DrillPhase{Name: name, State: api.PhaseSkipped})
		}
	}
	for i := range p.Status.Checks {
		if r := &p.Status.Checks[i]; r.State == api.CheckRunning {
			r.State, r.FinishedAt = api.CheckSkipped, microTime(now)
		}
	}
	p.Status.RecoveryTime = p.recoveryTime()
	p.said = succeeded(v, why)
	p.Notes = append(p.Notes, Note{Warning: v != api.VerdictPassed, Reason: why.Reason, Message: fmt.Sprintf("%s: %s", v, why.Message)})
}

func succeeded(v api.Verdict, why Problem) metav1.Condition {
	status := metav1.ConditionFalse
	switch v {
	case api.VerdictPassed:
		status = metav1.ConditionTrue
	case api.VerdictFailed, api.VerdictInconclusive, api.VerdictAborted:
	}
	return conditions.Is(api.ConditionSucceeded, status, why.Reason, why.Message)
}

// recoveryTime is from the beginning of the restore until the level was reached; nil when none was.
func (p *DrillPlan) recoveryTime() *metav1.Duration {
	restoring, reading := p.phaseOf(api.PhaseRestoring), p.phaseOf(api.PhaseReading)
	if p.Status.Level == "" || restoring == nil || restoring.StartedAt == nil || reading == nil || reading.FinishedAt == nil {
		return nil
	}
	end := reading.FinishedAt
	for _, r := range p.Status.Checks {
		if r.State == api.CheckPassed && levels.Depth(r.Proves) <= levels.Depth(p.Status.Level) && r.FinishedAt != nil && end.Before(r.FinishedAt) {
			end = r.FinishedAt
		}
	}
	return &metav1.Duration{Duration: end.Sub(restoring.StartedAt.Time).Round(time.Millisecond)}
}

// planAfter records the evidence of a verdict, and then removes what the drill created once its time has come.
func (p *DrillPlan) planAfter(o DrillObserved, now time.Time) {
	if o.Evidence != nil {
		p.Status.Evidence = o.Evidence
	}
	p.Record = p.Status.Run != nil && p.Status.Evidence == nil && !o.NamespaceTerminating
	p.planDossiers(o, now)
	if due := p.cleanupDue(o); now.Before(due) {
		p.wakeAt(due)
		return
	}
	p.phase(api.PhaseCleaningUp, api.PhaseRunning, "", now)
	p.nameVolumes(o.Brought.Leftovers)
	p.Remove = p.spareDossiers(stillToRemove(o.Brought.Leftovers), string(o.Drill.UID))
	if len(o.Brought.Leftovers) > 0 || p.dossiersOpen() {
		p.wakeAt(now.Add(lookAgain(now.Sub(p.phaseOf(api.PhaseCleaningUp).StartedAt.Time))))
		return
	}
	p.closePhase(api.PhaseCleaningUp, api.PhaseSucceeded, "", now)
	if !o.Drill.DeletionTimestamp.IsZero() && !p.Record {
		p.Finalizer = FinalizerRelease
	}
}

// nameVolumes writes down the volumes of claims that were never seen bound, so that it is they whose end is waited for.
func (p *DrillPlan) nameVolumes(all []Leftover) {
	for _, l := range all {
		for i := range p.Status.Volumes {
			if v := &p.Status.Volumes[i]; l.Kind == "PersistentVolume" && v.Volume == "" && v.Throwaway == l.Claim {
				v.Volume = l.Name
			}
		}
	}
}

// lookAgain is when to look again at what is going: soon at first, then ever more rarely.
func lookAgain(since time.Duration) time.Duration {
	return min(max(500*time.Millisecond, since/2), time.Minute)
}

// cleanupDue is when what a drill created is to go. A drill that somebody deletes cleans up at once.
func (p *DrillPlan) cleanupDue(o DrillObserved) time.Time {
	if p.Status.Run == nil || !o.Drill.DeletionTimestamp.IsZero() || o.NamespaceTerminating {
		return time.Time{}
	}
	return cleanupAt(p.Status)
}

// cleanupAt is when what a drill that ended created is to go, as it was asked for.
func cleanupAt(s api.RestoreDrillStatus) time.Time {
	stay := s.Run.Cleanup.OnFailure
	if s.Verdict == api.VerdictPassed {
		stay = s.Run.Cleanup.OnSuccess
	}
	return s.FinishedAt.Add(orNone(stay))
}

// reportDrill states every condition.
func (p *DrillPlan) reportDrill(o DrillObserved, now time.Time) {
	var stated []metav1.Condition
	if p.Status.Verdict == "" {
		reason, message := p.underWay()
		stated = append(stated, conditions.Is(api.ConditionSucceeded, metav1.ConditionUnknown, reason, message),
			conditions.Is(api.ConditionCleanedUp, metav1.ConditionFalse, reason, "the drill is under way"),
			conditions.Reconciling(reason, message))
	} else {
		verdict := p.said
		if was := findCondition(o.Drill.Status.Conditions, api.ConditionSucceeded); was != nil && verdict.Type == "" {
			verdict = *was
		}
		cleaned := p.cleanedUp(o, now)
		stated = append(stated, verdict, cleaned)
		switch {
		case cleaned.Reason == api.ReasonCleaningUp:
			stated = append(stated, conditions.Reconciling(cleaned.Reason, cleaned.Message))
		case verdict.Status != metav1.ConditionTrue:
			stated = append(stated, conditions.Stalled(verdict.Reason, verdict.Message))
		}
	}
	p.Status.Conditions = conditions.State(o.Drill.Status.Conditions, o.Drill.Generation, now, stated...)
}

func (p *DrillPlan) underWay() (reason, message string) {
	if p.Status.Run == nil {
		if f := p.phaseOf(api.PhaseSelecting); f != nil && f.Message != "" {
			return api.ReasonDrillWaiting, f.Message
		}
		return api.ReasonDrillWaiting, "the drill has not started yet"
	}
	message = "under way"
	for _, f := range p.Status.Phases {
		if f.State == api.PhaseRunning {
			message = string(f.Name)
		}
	}
	for _, v := range p.Status.Volumes {
		if v.Reason != "" && v.Reason != api.ReasonFingerprintMissing {
			message += fmt.Sprintf("; volume %s: %s", v.Claim, v.Message)
			break
		}
	}
	return api.ReasonDrillRunning, message
}

func (p *DrillPlan) cleanedUp(o DrillObserved, now time.Time) metav1.Condition {
	f := p.phaseOf(api.PhaseCleaningUp)
	switch {
	case f != nil && f.State == api.PhaseSucceeded:
		return conditions.Is(api.ConditionCleanedUp, metav1.ConditionTrue, api.ReasonCleanedUp, "all that the drill created is gone")
	case now.Before(p.cleanupDue(o)):
		return conditions.Is(api.ConditionCleanedUp, metav1.ConditionFalse, api.ReasonCleanupDelayed,
			"the throw-away volumes stay until "+p.cleanupDue(o).UTC().Format(time.RFC3339))
	}
	if len(o.Brought.Leftovers) == 0 {
		return conditions.Is(api.ConditionCleanedUp, metav1.ConditionFalse, api.ReasonCleaningUp, "what the drill created is being removed")
	}
	var left []string
	for _, l := range o.Brought.Leftovers {
		left = append(left, l.Kind+" "+l.Name)
	}
	return conditions.Is(api.ConditionCleanedUp, metav1.ConditionFalse, api.ReasonCleaningUp, "being removed: "+claimNames(left))
}

func (p *DrillPlan) phaseOf(name api.PhaseName) *api.DrillPhase {
	for i := range p.Status.Phases {
		if p.Status.Phases[i].Name == name {
			return &p.Status.Phases[i]
		}
	}
	return nil
}

// phase brings a phase into a state. One that has ended stays as it ended.
func (p *DrillPlan) phase(name api.PhaseName, state api.PhaseState, message string, now time.Time) {
	f := p.phaseOf(name)
	if f == nil {
		p.Status.Phases = append(p.Status.Phases, api.DrillPhase{Name: name, State: api.PhaseRunning, StartedAt: microTime(now)})
		f = &p.Status.Phases[len(p.Status.Phases)-1]
	}
	if f.State != api.PhaseRunning {
		return
	}
	f.State, f.Message = state, clipMessage(message)
	if state != api.PhaseRunning {
		f.FinishedAt = microTime(now)
	}
}

// closePhase ends a phase that is under way.
func (p *DrillPlan) closePhase(name api.PhaseName, state api.PhaseState, message string, now time.Time) {
	if p.phaseOf(name) != nil {
		p.phase(name, state, message, now)
	}
}
