// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// DefaultDrillTimeout is how long a drill may take when the policy does not say.
const DefaultDrillTimeout = time.Hour

// sweepAfter is how long after its time an object that was to be thrown away is swept away without its run.
const sweepAfter = time.Hour

// DrillObserved is everything the decision about a drill may depend on.
type DrillObserved struct {
	Drill                *api.RestoreDrill
	Policy               *api.BackupPolicy    // nil when it does not exist, or is another one of that name
	Points               []*api.RecoveryPoint // of the policy
	Siblings             []*api.RestoreDrill  // other drills of the same policy
	Running              int                  // other drills under way in the cluster
	Storage              []string             // the storage stack, before the drill started
	Sources              []Source             // the volumes of the chosen point, as its snapshots tell
	Vaults               Vaults               // where its copies are
	Classes              []StorageClass       // all there are; read for drills from copies, as the claims are
	Claims               []Claim              // those of the namespace
	Brought              Brought
	Evidence             *api.EvidenceReference // of this drill, when it was recorded
	Envelope             string                 // the signed statement, for the dossiers
	Settings             Settings
	NamespaceTerminating bool
}

// DrillPlan is what is to be done next for a drill.
type DrillPlan struct {
	Finalizer Finalizer
	Isolate   bool      // the NetworkPolicy comes before any pod
	Throw     time.Time // when what is made is swept away at the latest
	Claims    []ClaimOrder
	Mounts    []MountOrder
	Writes    []RepositoryOrder
	Reads     []ReadOrder
	Check     *CheckOrder
	Remove    []Leftover
	Dossiers  []RepositoryOrder
	Record    bool // the evidence of the verdict is to be recorded
	Status    api.RestoreDrillStatus
	Notes     []Note
	Wake      time.Time

	said metav1.Condition // the verdict, when it fell in this pass
}

// CheckOrder asks for the pod of one check.
type CheckOrder struct {
	Name    string
	Check   api.Check
	Volumes []CheckVolume
	Mover   *api.MoverOptions
	Throw   time.Time
}

// CheckVolume is a restored volume that a check gets.
type CheckVolume struct {
	Claim, Throwaway, Mode string
}

// ForDrill decides what is next for a drill.
func ForDrill(o DrillObserved, now time.Time) DrillPlan {
	o.Sources = o.frozenSources()
	p := DrillPlan{Status: *o.Drill.Status.DeepCopy()}
	deleting := !o.Drill.DeletionTimestamp.IsZero()
	held := slices.Contains(o.Drill.Finalizers, api.FinalizerThrowaways)
	switch {
	case deleting && !held:
		return p
	case !held:
		p.Finalizer = FinalizerAdd // the status is written once that is there
		return p
	}
	p.Status.ObservedGeneration = o.Drill.Generation
	switch {
	case p.Status.Verdict == "" && deleting:
		p.conclude(api.VerdictAborted, Problem{api.ReasonDrillAborted, "the drill was deleted before it ended"}, now)
	case p.Status.Verdict == "" && o.NamespaceTerminating:
		p.conclude(api.VerdictAborted, Problem{api.ReasonNamespaceTerminating, "the namespace is being deleted"}, now)
	case p.Status.Verdict == "" && p.Status.Run == nil:
		p.planStart(o, now)
	case p.Status.Verdict == "":
		p.planRun(o, now)
	}
	if p.Status.Verdict != "" && o.Drill.Status.Verdict == p.Status.Verdict { // the verdict is on record
		p.planAfter(o, now)
	}
	p.reportDrill(o, now)
	return p
}

// DrillEnded says whether a drill holds nothing up any more: its verdict fell, and its evidence is recorded.
func DrillEnded(d *api.RestoreDrill) bool {
	return d.Status.Verdict != "" && (d.Status.Evidence != nil || d.Status.Run == nil)
}

// DrillPolicy is the name of the policy that a drill speaks of; empty while a hand-picked point was not looked at.
func DrillPolicy(d *api.RestoreDrill) string {
	switch {
	case d.Status.Run != nil:
		return d.Status.Run.Policy
	case d.Spec.Policy != nil:
		return d.Spec.Policy.Name
	}
	return ""
}

// planStart chooses a point and writes down what is to be done with it, before anything is done.
func (p *DrillPlan) planStart(o DrillObserved, now time.Time) {
	deadline := o.Drill.CreationTimestamp.Add(drillTimeout(o))
	if bad := drillCannotStart(o); bad != nil {
		p.conclude(api.VerdictInconclusive, *bad, now)
		return
	}
	if wait := drillWaits(o); wait != nil {
		if !now.Before(deadline) {
			p.freeze(o, nil, now)
			p.conclude(api.VerdictInconclusive, Problem{api.ReasonDrillTimedOut, "the drill could not start in time: " + wait.Message}, now)
			return
		}
		p.phase(api.PhaseSelecting, api.PhaseRunning, wait.Message, now)
		p.wakeAt(deadline)
		p.wakeAt(now.Add(waitAgain))
		return
	}
	point, selection, bad := drillPoint(o)
	p.Status.Selection = &selection
	if bad != nil {
		p.freeze(o, nil, now)
		p.phase(api.PhaseSelecting, api.PhaseFailed, bad.Message, now)
		p.conclude(noPointVerdict(*bad), *bad, now)
		return
	}
	p.freeze(o, point, now)
	p.Notes = append(p.Notes, Note{Reason: api.ReasonDrillRunning, Message: "rehearsing " + rehearsed(p.Status.Run)})
	p.phase(api.PhaseSelecting, api.PhaseSucceeded, "", now)
	p.phase(api.PhaseRestoring, api.PhaseRunning, "", now)
}

// waitAgain is when a drill that waits for its turn looks again, in case the end of another was not seen.
const waitAgain = 15 * time.Second

func drillCannotStart(o DrillObserved) *Problem {
	name := DrillPolicy(o.Drill)
	switch {
	case o.Drill.Spec.RecoveryPoint != nil && len(o.Points) == 0:
		return &Problem{api.ReasonPointNotFound, fmt.Sprintf("spec.recoveryPoint.name: there is no RecoveryPoint %q in this namespace", o.Drill.Spec.RecoveryPoint.Name)}
	case o.Policy == nil && o.Drill.Spec.RecoveryPoint != nil:
		return &Problem{api.ReasonPolicyNotFound, fmt.Sprintf("spec.recoveryPoint.name: BackupPolicy %q, of which the point is, is not in this namespace any more", o.Points[0].Spec.Policy.Name)}
	case o.Policy == nil:
		return &Problem{api.ReasonPolicyNotFound, fmt.Sprintf("spec.policy.name: there is no BackupPolicy %q in this namespace", name)}
	case o.Drill.Spec.Slot != nil && o.Drill.Name != names.Drill(o.Policy.Name, string(o.Policy.UID), o.Drill.Spec.Slot.Time):
		return &Problem{api.ReasonInvalidSlot, "spec.slot is written by Lifeboat alone; create a drill without it to rehearse now"}
	}
	return nil
}

// drillWaits says what comes first; nil when it is this drill's turn.
func drillWaits(o DrillObserved) *Problem {
	for _, d := range o.Siblings {
		earlier := d.CreationTimestamp.Before(&o.Drill.CreationTimestamp) ||
			(d.CreationTimestamp.Equal(&o.Drill.CreationTimestamp) && d.Name < o.Drill.Name)
		if !DrillEnded(d) && (d.Status.Run != nil || earlier) {
			return &Problem{api.ReasonDrillWaiting, fmt.Sprintf("drill %s of the same policy comes first", d.Name)}
		}
	}
	if why := drillAwaitsCopy(o); why != nil {
		return why
	}
	if o.Running >= o.Settings.Drills {
		return &Problem{api.ReasonDrillWaiting, fmt.Sprintf("%d drills are under way in the cluster, as many as may be", o.Running)}
	}
	return nil
}

// drillPoint is the point to rehearse. A point that a person named is taken as it is, and recorded as such.
func drillPoint(o DrillObserved) (*api.RecoveryPoint, api.DrillSelection, *Problem) {
	required := requiredProof(o.Policy, drillChecks(o))
	if r := o.Drill.Spec.RecoveryPoint; r != nil {
		s := api.DrillSelection{HandPicked: true}
		i := slices.IndexFunc(o.Points, func(q *api.RecoveryPoint) bool { return q.Name == r.Name })
		switch {
		case i < 0:
			return nil, s, &Problem{api.ReasonPointNotFound, fmt.Sprintf("spec.recoveryPoint.name: there is no RecoveryPoint %q in this namespace", r.Name)}
		case drillFrom(o) == api.FromCopy:
			_, bad := o.copyOf(o.Points[i])
			return o.Points[i], s, bad
		case Complete(o.Points[i]) && !BySnapshots(o.Points[i]):
			return nil, s, &Problem{api.ReasonPointNotComplete, fmt.Sprintf("recovery point %s has no snapshots any more, and lives on in its copies; set spec.from to Copy", r.Name)}
		case !Complete(o.Points[i]) || o.Points[i].Status.PointInTime == nil:
			return nil, s, &Problem{api.ReasonPointNotComplete, fmt.Sprintf("recovery point %s is not complete, and cannot be restored whole", r.Name)}
		}
		return o.Points[i], s, nil
	}
	points := slices.DeleteFunc(slices.Clone(o.Points), func(q *api.RecoveryPoint) bool { return PolicyUID(q) != string(o.Policy.UID) })
	eligible, none := drillEligible(o, points, required)
	how := o.Drill.Spec.Select
	if d := o.Policy.Spec.Drill; how == "" && d != nil {
		how = d.Select
	}
	if len(eligible) == 0 {
		return nil, api.DrillSelection{Strategy: how, EligibleDigest: eligibleDigest(nil)}, &none
	}
	point, s := choose(how, drillSeed(o.Drill), eligible)
	return point, s, nil
}

// drillSeed is known before the drill starts to nobody who could choose it: a slot's name, or the UID of a drill made by hand.
func drillSeed(d *api.RestoreDrill) string {
	if d.Spec.Slot != nil {
		return d.Name
	}
	return string(d.UID)
}

// freeze writes down what is to be done. A drill for which there is no point has one too: its evidence says what was asked for.
func (p *DrillPlan) freeze(o DrillObserved, point *api.RecoveryPoint, now time.Time) {
	spec, checks := o.Drill.Spec, drillChecks(o)
	run := &api.DrillRun{
		Policy: o.Policy.Name, PolicyUID: string(o.Policy.UID), Required: requiredProof(o.Policy, checks),
		StartedAt: metav1.NewTime(now.UTC().Truncate(time.Second)), Deadline: metav1.NewTime(now.Add(drillTimeout(o)).UTC().Truncate(time.Second)),
		StorageClassName: spec.StorageClassName, Mover: o.Policy.Spec.Mover.DeepCopy(), Checks: checks, Storage: o.Storage, From: drillFrom(o),
	}
	if point != nil {
		run.RecoveryPoint = api.DrilledPoint{Name: point.Name, UID: string(point.UID), PointInTime: *point.Status.PointInTime}
		p.Status.DataAge = &metav1.Duration{Duration: max(0, now.Sub(point.Status.PointInTime.Time).Truncate(time.Second))}
	}
	d := ptr.Deref(o.Policy.Spec.Drill, api.Drill{})
	if run.StorageClassName == "" {
		run.StorageClassName = d.StorageClassName
	}
	if point != nil && run.From == api.FromCopy {
		o.freezeCopy(run, point)
	}
	switch {
	case spec.Cleanup != nil:
		run.Cleanup = *spec.Cleanup.DeepCopy()
	case d.Cleanup != nil:
		run.Cleanup = *d.Cleanup.DeepCopy()
	}
	p.Status.Run = run
	p.Status.Trigger = api.TriggerManual
	if spec.Slot != nil {
		p.Status.Trigger = api.TriggerSchedule
	}
	if o.Drill.Labels[api.LabelTrigger] == string(api.TriggerStorageStackChanged) {
		p.Status.Trigger = api.TriggerStorageStackChanged
	}
	for _, c := range checks {
		p.Status.Checks = append(p.Status.Checks, api.CheckResult{Name: c.Name, Proves: c.Proves, State: api.CheckSkipped})
	}
}

func drillChecks(o DrillObserved) []api.Check {
	if len(o.Drill.Spec.Checks) > 0 || o.Policy == nil || o.Policy.Spec.Drill == nil {
		return o.Drill.Spec.Checks
	}
	return o.Policy.Spec.Drill.Checks
}

func drillTimeout(o DrillObserved) time.Duration {
	if o.Policy != nil && o.Policy.Spec.Drill != nil {
		return duration(o.Drill.Spec.Timeout, duration(o.Policy.Spec.Drill.Timeout, DefaultDrillTimeout))
	}
	return duration(o.Drill.Spec.Timeout, DefaultDrillTimeout)
}

// requiredProof is the level a drill must reach: what the policy promises, or else the deepest that its means allow.
func requiredProof(b *api.BackupPolicy, checks []api.Check) api.ProofLevel {
	if b.Spec.Objectives != nil && b.Spec.Objectives.RequiredProof != "" {
		return b.Spec.Objectives.RequiredProof
	}
	deepest := api.LevelRestored
	if levels.Fingerprints(b) != api.FingerprintNone {
		deepest = api.LevelIntact
	}
	for _, c := range checks {
		if levels.Depth(c.Proves) > levels.Depth(deepest) {
			deepest = c.Proves
		}
	}
	return deepest
}

func (p *DrillPlan) wakeAt(t time.Time) { p.Wake = sooner(p.Wake, t) }
