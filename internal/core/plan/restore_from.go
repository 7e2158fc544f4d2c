// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// frozenSources are the volumes of a restore under way, from what it was begun with. Before, they are those of the snapshots.
func (o RestoreObserved) frozenSources() []Source {
	run := o.Restore.Status.Run
	if run == nil || run.From != api.FromCopy {
		return o.Sources
	}
	point := pointOf(o.Points, run.RecoveryPoint.UID)
	if point == nil {
		return nil
	}
	return o.copySources(point, run.Copy)
}

// inParts is the copy that was found damaged and that a restore names together with paths: what of it can be read comes back.
func inParts(p *api.RecoveryPoint, spec api.RestoreSpec) []api.CopyRecord {
	if spec.Copy == "" || len(spec.Paths) == 0 {
		return nil
	}
	return slices.DeleteFunc(copiesNamed(p.Status.Copies, spec.Copy), func(c api.CopyRecord) bool { return !corrupted(&c) || !wholeCopy(p, c) })
}

// copySources are the volumes of a point as a copy of it holds them.
func (o RestoreObserved) copySources(p *api.RecoveryPoint, name string) []Source {
	if parts := inParts(p, o.Restore.Spec); len(parts) > 0 {
		return sourcesIn(p, parts[0], o.Vaults, nil)
	}
	return CopySources(p, name, o.Vaults)
}

// ToFind is what the volumes of a restore should have, and what was not seen.
func (o RestoreObserved) ToFind() (out ToFind) {
	sources := o.frozenSources()
	for _, v := range o.Restore.Status.Volumes {
		i := slices.IndexFunc(sources, func(s Source) bool { return s.Claim == v.Claim })
		if i < 0 {
			continue
		}
		as := v.As
		if o.Restore.Spec.InPlace {
			as = names.Throwaway(v.Claim, string(o.Restore.UID), sources[i].ClaimUID)
		}
		out.add(o.Brought, sources[i], as, v.Writing)
	}
	return out
}

// copyAlone says whether a restore can only be from a copy.
func copyAlone(spec api.RestoreSpec) bool {
	return spec.From == api.FromCopy || spec.Copy != "" || len(spec.Paths) > 0
}

// copiesNamed are the copies of a name; all when none is named.
func copiesNamed(copies []api.CopyRecord, name string) []api.CopyRecord {
	return slices.DeleteFunc(slices.Clone(copies), func(c api.CopyRecord) bool { return name != "" && c.Name != name })
}

func copyNamed(p *api.RecoveryPoint, name string) api.CopyRecord {
	for _, c := range p.Status.Copies {
		if c.Name == name {
			return c
		}
	}
	return api.CopyRecord{Name: name}
}

// chooseFrom says what a point is restored from: the snapshots where they can be, and else a copy, unless one of them is named.
func (o RestoreObserved) chooseFrom(point *api.RecoveryPoint) (api.RestoreSource, string, *Problem) {
	spec := o.Restore.Spec
	if bad := fromProblem(spec); bad != nil {
		return "", "", bad
	}
	snapshots, copies := Restorable(point)
	unfit := o.snapshotsUnfit(point, snapshots)
	if spec.From == api.FromSnapshot || (!copyAlone(spec) && unfit == nil) {
		return api.FromSnapshot, "", unlessSeen(unfit)
	}
	named := append(copiesNamed(copies, spec.Copy), inParts(point, spec)...)
	switch {
	case len(named) > 0:
	case spec.Copy != "":
		return "", "", &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("spec.copy: recovery point %s has no complete copy %q; it has %s", point.Name, spec.Copy, copyNames(copies))}
	case copyAlone(spec):
		return "", "", &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("%s asks for a copy, and recovery point %s has no complete copy; choose another, or restore its snapshots", asksForCopy(spec), point.Name)}
	default:
		return api.FromSnapshot, "", unlessSeen(unfit)
	}
	c, bad := o.Vaults.pick(named)
	if bad != nil {
		return "", "", bad
	}
	return api.FromCopy, c.Name, nil
}

// fromProblem refuses what cannot be restored from what.
func fromProblem(spec api.RestoreSpec) *Problem {
	switch spec.From {
	case "", api.FromAny, api.FromCopy, api.FromSnapshot:
	default:
		return &Problem{api.ReasonInvalidSpec, fmt.Sprintf("spec.from: %q is not known to this release", spec.From)}
	}
	switch {
	case spec.From == api.FromSnapshot && len(spec.Paths) > 0:
		return &Problem{api.ReasonInvalidSpec, "spec.paths: paths are restored from a copy, and a snapshot is restored whole; set spec.from to Copy, or leave paths out"}
	case spec.From == api.FromSnapshot && spec.Copy != "":
		return &Problem{api.ReasonInvalidSpec, "spec.copy: a copy is named, and spec.from says Snapshot; set it to Copy, or leave copy out"}
	case spec.InPlace && len(spec.Paths) > 0:
		return &Problem{api.ReasonInvalidSpec, "spec.paths: a part would take the place of the whole volume; leave inPlace out, or leave paths out"}
	}
	return nil
}

// snapshotsUnfit says why the volumes that are asked for do not come back from their snapshots; nil when they do, as far as can be seen.
func (o RestoreObserved) snapshotsUnfit(point *api.RecoveryPoint, complete bool) *Problem {
	switch {
	case !complete && Complete(point):
		return &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("recovery point %s has no snapshots any more, and lives on in its copies", point.Name)}
	case !complete:
		return &Problem{api.ReasonPointNotComplete, fmt.Sprintf("recovery point %s is not complete; choose another, or restore from a copy of it", point.Name)}
	case !o.Snapshots:
		return &Problem{api.ReasonSnapshotAPIMissing, "the cluster does not serve the VolumeSnapshot API"}
	}
	for _, s := range o.Sources {
		if len(o.Restore.Spec.Volumes) > 0 && !slices.ContainsFunc(o.Restore.Spec.Volumes, func(v api.RestoreVolume) bool { return v.Claim == s.Claim }) {
			continue
		}
		if s.Problem != nil {
			return s.Problem
		}
		into, _ := landingOf(o, s, "", &api.RestoreRun{})
		if bad := classProblem(o.Brought.Classes, cmp.Or(into.class, s.StorageClass), s); bad != nil && bad.Reason == api.ReasonDriverMismatch {
			return bad
		}
	}
	return nil
}

// unlessSeen leaves to the look at each volume what is wrong with one of them: it says more, and of all of them.
func unlessSeen(unfit *Problem) *Problem {
	if unfit != nil && (unfit.Reason == api.ReasonSnapshotUnusable || unfit.Reason == api.ReasonDriverMismatch) {
		return nil
	}
	return unfit
}

// whence names in a sentence what a run restores.
func whence(run *api.RestoreRun) string {
	if run.From == api.FromCopy {
		return fmt.Sprintf("copy %s of recovery point %s", run.Copy, run.RecoveryPoint.Name)
	}
	return "recovery point " + run.RecoveryPoint.Name
}
