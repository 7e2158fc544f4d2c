// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/levels"
)

// Orphan is a snapshot of a policy, with the point that it was made for.
type Orphan struct {
	Name, PointUID string
	Created        time.Time
}

// Throwaway is a claim that a run restored to throw it away.
type Throwaway struct {
	Claim, RunUID string
	Expires       time.Time
	Lost          bool // its run is not there any more
}

// planPromise remembers the strongest promise, so that a weaker one is noticed. It is worked out anew only for another spec, or
// when somebody accepts that less is promised: what was not told before cannot be accepted, so that no edit accepts itself.
func (p *PolicyPlan) planPromise(b *api.BackupPolicy, now time.Time) {
	accepted := drift.Accepted(b)
	var was *api.Promise
	if a := b.Status.Applied; a != nil {
		was = a.Promise
	}
	switch told := was != nil && was.Generation == b.Generation; {
	case !told:
		p.Status.Applied.Promise = drift.Strongest(was, drift.PromiseOf(b, required(b)), 0, now)
	case accepted == b.Generation:
		p.Status.Applied.Promise = drift.Strongest(was, drift.PromiseOf(b, required(b)), accepted, now)
	default:
		p.Status.Applied.Promise = was
	}
}

// judge compares what is promised with what is observed.
func (p *PolicyPlan) judge(o PolicyObserved, f facts, copies *drift.Independence, now time.Time) []drift.Finding {
	b := o.Policy
	seen := drift.Observed{
		Policy: b, Status: &p.Status, Unread: o.Unread, Obstacle: obstacle(o, f),
		Calendar: f.calendar, Jitter: f.jitter, Timeout: timeout(b.Spec.Snapshot),
		Volumes: driftVolumes(o, f), Points: f.points, Drills: f.drills,
		Drilled: toProve(b, p.Status), Required: required(b), Within: cmp.Or(levels.ProofWithin(b), levels.DefaultProofWithin),
		Retain: o.Settings.Retain, Classes: classesInUse(f.used), Stack: f.stack,
		Orphans: orphans(o.Orphans, o.Points), Leftovers: leftovers(o, f),
		Independence: copies,
	}
	seen.Away = drift.Away(seen.Volumes, o.Storage.Registered)
	answer := drift.Evaluate(seen, now)
	p.wakeAt(answer.Wake)
	return answer.Findings
}

// reportFindings shows the findings, and tells what became of them.
func (p *PolicyPlan) reportFindings(b *api.BackupPolicy, found []drift.Finding) {
	p.Status.Findings, p.Status.FindingCounts = drift.List(found)
	p.Notes = append(p.Notes, FindingNotes(drift.News(b.Status.Findings, b.Status.FindingCounts.Total, p.Status.Findings, found))...)
}

// FindingNotes tell what became of findings, in one note for each kind: one cause can bring thousands at once.
func FindingNotes(changes []drift.Change) []Note {
	var out []Note
	for len(changes) > 0 {
		first := changes[0]
		var subjects []string
		changes = slices.DeleteFunc(changes, func(c drift.Change) bool {
			same := c.Kind == first.Kind && c.Cleared == first.Cleared
			if same && c.Subject != "" {
				subjects = append(subjects, c.Subject)
			}
			return same
		})
		out = append(out, Note{Warning: !first.Cleared, Reason: first.Kind, Message: newsOf(first, subjects)})
	}
	return out
}

func newsOf(first drift.Change, subjects []string) string {
	switch about := drift.Some(subjects); {
	case first.Cleared && about == "":
		return "cleared: " + first.Message
	case first.Cleared:
		return "cleared: " + about
	case len(subjects) > 1:
		return about + ": of the first: " + first.Message + "; " + first.Remedy
	}
	return first.Message + "; " + first.Remedy
}

func obstacle(o PolicyObserved, f facts) *drift.Obstacle {
	bad := notReady(o, f)
	if bad == nil {
		return nil
	}
	return &drift.Obstacle{Reason: bad.Reason, Message: bad.Message, Selection: f.selection.Problem != nil, Schedule: f.calendarErr != nil}
}

func required(b *api.BackupPolicy) api.ProofLevel {
	if b.Spec.Drill == nil {
		return requiredProof(b, nil)
	}
	return requiredProof(b, b.Spec.Drill.Checks)
}

// driftVolumes are the selected claims, and those that are named and not there.
func driftVolumes(o PolicyObserved, f facts) []drift.Volume {
	problems := make(map[string]*drift.Problem, len(f.problems))
	for i := range f.problems {
		problems[f.problems[i].Claim] = &drift.Problem{Reason: f.problems[i].Reason, Message: f.problems[i].Message}
	}
	out := make([]drift.Volume, 0, len(f.selection.Claims)+len(f.selection.Missing))
	for i, c := range f.selection.Claims { // protections are in the order of the claims
		out = append(out, drift.Volume{
			Claim: c.Name, UID: c.UID, Created: c.Created, Class: c.StorageClass, Driver: c.Driver, Handle: c.Handle, Problem: problems[c.Name],
			ProtectedUntil: f.protection[i].until, CapturedAt: f.protection[i].from, Deletes: c.Deletes, Drops: droppedBy(c.Name, o.StatefulSets),
		})
	}
	for _, m := range f.selection.Missing {
		out = append(out, drift.Volume{Claim: m, Problem: problems[m]})
	}
	return out
}

// droppedBy is the StatefulSet that deletes a claim when it is deleted or scaled down; empty when none does.
func droppedBy(claim string, sets []Workload) string {
	for i := range sets {
		if sets[i].Drops && ofTemplate(claim, &sets[i]) {
			return sets[i].Name
		}
	}
	return ""
}

func classesInUse(used []Class) []drift.Class {
	var out []drift.Class
	for _, c := range used {
		out = append(out, drift.Class{Name: c.Name, Deletes: c.Deletes})
	}
	return out
}

// usedClasses are the snapshot classes by which claims are captured.
func usedClasses(b *api.BackupPolicy, claims []Claim, classes []Class) []Class {
	named := ""
	if b.Spec.Snapshot != nil {
		named = b.Spec.Snapshot.ClassName
	}
	used := map[string]bool{}
	known := map[string]bool{} // drivers that were looked at
	for _, c := range claims {
		if known[c.Driver] {
			continue
		}
		if name, bad := classFor(c, named, classes); bad == nil {
			known[c.Driver], used[name] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(classes), func(c Class) bool { return !used[c.Name] })
}

// mostStack bounds the lines of a storage stack.
const mostStack = 32

// storageStack is what stands between the selected claims and their bytes, one line for each part: KIND/NAME=HASH. A drill's
// own storage class belongs to it.
func storageStack(b *api.BackupPolicy, claims []Claim, used []Class, s Storage) []string {
	classes, drivers := map[string]bool{}, map[string]bool{}
	for _, c := range claims {
		if c.Driver != "" {
			classes[c.StorageClass], drivers[c.Driver] = true, true
		}
	}
	if d := b.Spec.Drill; d != nil && d.StorageClassName != "" {
		classes[d.StorageClassName] = true
	}
	var out []string
	for _, c := range s.Classes {
		if classes[c.Name] {
			out = append(out, "StorageClass/"+c.Name+"="+c.Digest)
		}
	}
	for _, d := range s.Drivers {
		if drivers[d.Name] {
			out = append(out, "CSIDriver/"+d.Name+"="+d.Digest)
		}
	}
	for _, c := range used {
		out = append(out, "VolumeSnapshotClass/"+c.Name+"="+c.Digest)
	}
	slices.SortFunc(out, strings.Compare)
	return out[:min(len(out), mostStack)]
}

// StorageStack is the storage stack of a policy, for a drill that starts.
func StorageStack(b *api.BackupPolicy, claims []Claim, w *Workload, k Cluster, s Storage) []string {
	selected := Select(b.Spec.Volumes, claims, w).Claims
	return storageStack(b, selected, usedClasses(b, selected, k.Classes), s)
}

// orphans are the snapshots whose point is not there.
func orphans(all []Orphan, points []*api.RecoveryPoint) []drift.Leftover {
	if len(all) == 0 {
		return nil
	}
	there := make(map[string]bool, len(points))
	for _, q := range points {
		there[string(q.UID)] = true
	}
	var out []drift.Leftover
	for _, s := range all {
		if !there[s.PointUID] {
			out = append(out, drift.Leftover{Subject: "volumesnapshot/" + s.Name, Since: s.Created})
		}
	}
	return out
}

// cleanupPatience is how long the removal of what a run threw away may take.
const cleanupPatience = 10 * time.Minute

// leftovers are what drills and fingerprints should have removed by now. A claim whose run is not known any more is told of
// with every policy of the namespace.
func leftovers(o PolicyObserved, f facts) []drift.Leftover {
	var out []drift.Leftover
	for _, d := range f.drills {
		s := d.Status
		if s.FinishedAt == nil || s.Run == nil || meta.IsStatusConditionTrue(s.Conditions, api.ConditionCleanedUp) {
			continue
		}
		out = append(out, drift.Leftover{Subject: "drill/" + d.Name, Since: cleanupAt(s).Add(cleanupPatience)})
	}
	for _, t := range o.Throwaways {
		ours := slices.ContainsFunc(f.drills, func(d *api.RestoreDrill) bool { return string(d.UID) == t.RunUID }) ||
			slices.ContainsFunc(f.points, func(q *api.RecoveryPoint) bool { return string(q.UID) == t.RunUID })
		if ours || t.Lost {
			out = append(out, drift.Leftover{Subject: "pvc/" + t.Claim, Since: t.Expires})
		}
	}
	return out
}

// Unevaluable is the status of a policy about which something could not be read that all else depends on: what was true is not
// known to be true any more. What was shown as expiring is kept meanwhile, and shown anew before it goes.
func Unevaluable(b *api.BackupPolicy, why error, now time.Time) PolicyPlan {
	p := PolicyPlan{Status: *b.Status.DeepCopy()}
	p.Status.Expiring = nil
	answer := drift.Unevaluable(b, why.Error(), now)
	var stated []metav1.Condition
	for _, c := range b.Status.Conditions {
		if c.Type != api.ConditionStalled {
			stated = append(stated, drift.Verdict(c.Type, answer.Findings, c.Reason, c.Message))
		}
	}
	p.Status.Conditions = conditions.State(b.Status.Conditions, b.Generation, now, stated...)
	p.reportFindings(b, answer.Findings)
	return p
}
