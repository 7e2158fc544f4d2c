// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// DrillFrom is what a drill restores: as it was frozen, else as it says, else as its policy says.
func DrillFrom(d *api.RestoreDrill, b *api.BackupPolicy) api.RestoreSource {
	if d.Status.Run != nil {
		return cmp.Or(d.Status.Run.From, api.FromSnapshot)
	}
	from := d.Spec.From
	if from == "" && b != nil && b.Spec.Drill != nil {
		from = b.Spec.Drill.From
	}
	return cmp.Or(from, api.FromSnapshot)
}

func drillFrom(o DrillObserved) api.RestoreSource { return DrillFrom(o.Drill, o.Policy) }

// frozenSources are the volumes of a drill under way, from what it was begun with. From a copy no snapshot is looked at.
func (o DrillObserved) frozenSources() []Source {
	run := o.Drill.Status.Run
	if run == nil || run.From != api.FromCopy {
		return o.Sources
	}
	point := pointOf(o.Points, run.RecoveryPoint.UID)
	if point == nil {
		return nil
	}
	return CopySources(point, run.Copy, o.Vaults)
}

// ToFind is what the volumes of a drill should have, and what was not seen.
func (o DrillObserved) ToFind() (out ToFind) {
	writing := map[string]*api.VolumeWriting{}
	for _, v := range o.Drill.Status.Volumes {
		writing[v.Claim] = v.Writing
	}
	for _, s := range o.frozenSources() {
		out.add(o.Brought, s, names.Throwaway(s.Claim, string(o.Drill.UID), s.ClaimUID), writing[s.Claim])
	}
	return out
}

// copyOf is the copy of a point that would be rehearsed.
func (o DrillObserved) copyOf(p *api.RecoveryPoint) (*api.CopyRecord, *Problem) {
	_, copies := Restorable(p)
	if len(copies) == 0 {
		return nil, &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("recovery point %s has no complete copy", p.Name)}
	}
	return o.Vaults.pick(copies)
}

// drillEligible are the points that can be rehearsed, oldest first; where there is none, the problem says why.
func drillEligible(o DrillObserved, points []*api.RecoveryPoint, required api.ProofLevel) (out []*api.RecoveryPoint, none Problem) {
	switch drillFrom(o) {
	case api.FromCopy:
		return copiesEligible(o, points)
	case api.FromSnapshot:
		if out = restorable(points, required); len(out) == 0 {
			none = noEligible(points, required)
		}
		return out, none
	case api.FromAny:
	}
	return nil, Problem{api.ReasonInvalidSpec, fmt.Sprintf("spec.from: a drill is from Snapshot or Copy, and not from %q", drillFrom(o))}
}

// copiesEligible are the points with a complete copy that can be had. What a copy holds was recorded with it, so that each can be
// compared.
func copiesEligible(o DrillObserved, points []*api.RecoveryPoint) (out []*api.RecoveryPoint, none Problem) {
	none = Problem{api.ReasonNoCompleteCopy, "the drill is from: Copy, and no recovery point of the policy has a complete copy"}
	for _, p := range oldestFirst(points) {
		if !p.DeletionTimestamp.IsZero() {
			continue
		}
		switch _, bad := o.copyOf(p); {
		case bad == nil:
			out = append(out, p)
		case bad.Reason != api.ReasonNoCompleteCopy:
			none = *bad
		}
	}
	return out, none
}

// drillAwaitsCopy says what is not known yet of the repositories; nil when the drill can start, or has failed.
func drillAwaitsCopy(o DrillObserved) *Problem {
	if drillFrom(o) != api.FromCopy {
		return nil
	}
	if _, _, bad := drillPoint(o); bad != nil && bad.Reason == api.ReasonRepositoryProbing {
		return bad
	}
	return nil
}

// noPointVerdict is what it says that there was nothing to rehearse: that the promise is not kept, or that a repository could not
// be asked, which says nothing of what is in it.
func noPointVerdict(why Problem) api.Verdict {
	switch why.Reason {
	case api.ReasonNoEligiblePoint, api.ReasonPointNotFound, api.ReasonPointNotComplete, api.ReasonNoCompleteCopy:
		return api.VerdictFailed
	}
	return api.VerdictInconclusive
}

// freezeCopy writes down which copy is rehearsed, and whether that is done without the failure domain of the captured volumes.
func (o DrillObserved) freezeCopy(run *api.DrillRun, point *api.RecoveryPoint) {
	c, _ := o.copyOf(point) // the point was chosen because there is one
	repository := o.Vaults.Repositories[c.Repository]
	run.Copy, run.Repository, run.RepositoryID = c.Name, c.Repository, cmp.Or(c.RepositoryID, repository.Status.UniqueID)
	run.Independent = o.independent(point, repository, run.StorageClassName)
}

// writing is how a volume was written, as it is on record; nil when nothing is.
func (p *DrillPlan) writing(claim string) *api.VolumeWriting {
	for _, v := range p.Status.Volumes {
		if v.Claim == claim {
			return v.Writing
		}
	}
	return nil
}

// rehearsed names in a sentence what a drill restores.
func rehearsed(run *api.DrillRun) string {
	if run.From == api.FromCopy {
		return fmt.Sprintf("copy %s of recovery point %s", run.Copy, run.RecoveryPoint.Name)
	}
	return "recovery point " + run.RecoveryPoint.Name
}
