// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// PointToRestore is the point that a restore asks for, of those given. It never guesses: what is not found, not complete or
// not one point alone is a problem.
func PointToRestore(r *api.Restore, points []*api.RecoveryPoint) (*api.RecoveryPoint, *Problem) {
	if run := r.Status.Run; run != nil {
		return pointOf(points, run.RecoveryPoint.UID), nil
	}
	if ref := r.Spec.RecoveryPoint; ref != nil {
		return namedPoint(ref.Name, r.Spec, points)
	}
	return newestPoint(r.Spec, points)
}

func namedPoint(name string, spec api.RestoreSpec, points []*api.RecoveryPoint) (*api.RecoveryPoint, *Problem) {
	i := slices.IndexFunc(points, func(p *api.RecoveryPoint) bool { return p.Name == name })
	switch {
	case i < 0:
		return nil, &Problem{api.ReasonPointNotFound, fmt.Sprintf("spec.recoveryPoint.name: there is no RecoveryPoint %q in this namespace", name)}
	case !points[i].DeletionTimestamp.IsZero():
		return nil, &Problem{api.ReasonPointNotFound, fmt.Sprintf("recovery point %s is being deleted; choose another", name)}
	case !counts(points[i]) && len(inParts(points[i], spec)) == 0:
		return nil, &Problem{api.ReasonPointNotComplete, fmt.Sprintf("recovery point %s is not complete, and has no complete copy; choose another, or restore its captured volumes by hand", name)}
	}
	return points[i], nil
}

// newestPoint is the newest point of a policy that counts.
func newestPoint(spec api.RestoreSpec, points []*api.RecoveryPoint) (*api.RecoveryPoint, *Problem) {
	named, complete, eligible := 0, 0, []*api.RecoveryPoint{}
	for _, p := range points {
		if p.Spec.Policy.Name != spec.Policy.Name {
			continue
		}
		named++
		if !countsFor(p, spec) || !p.DeletionTimestamp.IsZero() || (spec.Latest == api.StandingProven && !provenPoint(p)) {
			continue
		}
		complete++
		if spec.AsOf == nil || !p.Status.PointInTime.After(spec.AsOf.Time) {
			eligible = append(eligible, p)
		}
	}
	slices.SortFunc(eligible, func(a, b *api.RecoveryPoint) int { return b.Status.PointInTime.Compare(a.Status.PointInTime.Time) })
	switch {
	case len(eligible) == 0:
		return nil, noPoint(spec, named, complete)
	case len(eligible) > 1 && eligible[0].Status.PointInTime.Equal(eligible[1].Status.PointInTime):
		return nil, &Problem{api.ReasonNoEligiblePoint, fmt.Sprintf("recovery points %s and %s are from the same moment; name one with spec.recoveryPoint", eligible[0].Name, eligible[1].Name)}
	}
	return eligible[0], nil
}

// counts says whether a point can be brought back at all.
func counts(p *api.RecoveryPoint) bool {
	snapshots, copies := Restorable(p)
	return snapshots || len(copies) > 0
}

// countsFor says whether a point can be brought back from what a restore names.
func countsFor(p *api.RecoveryPoint, spec api.RestoreSpec) bool {
	snapshots, copies := Restorable(p)
	switch {
	case spec.From == api.FromSnapshot:
		return snapshots
	case copyAlone(spec):
		return len(copiesNamed(copies, spec.Copy)) > 0
	}
	return snapshots || len(copies) > 0
}

func provenPoint(p *api.RecoveryPoint) bool {
	return len(p.Status.Proofs) > 0 || meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionProven)
}

// asksForCopy is the field by which a restore says that only a copy will do.
func asksForCopy(spec api.RestoreSpec) string {
	switch {
	case spec.Copy != "":
		return "spec.copy"
	case len(spec.Paths) > 0:
		return "spec.paths"
	}
	return "spec.from"
}

func ofName(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" of the name %q", name)
}

func noPoint(spec api.RestoreSpec, named, counting int) *Problem {
	standing, asked := "complete", ""
	if spec.Latest == api.StandingProven {
		standing, asked = "proven", "spec.latest asks for a proven point, and "
	}
	switch {
	case copyAlone(spec) && counting == 0 && named > 0:
		return &Problem{api.ReasonNoEligiblePoint, fmt.Sprintf("%s asks for a copy, and none of the %d recovery points of policy %s is %s and has a complete one%s",
			asksForCopy(spec), named, spec.Policy.Name, standing, ofName(spec.Copy))}
	case named == 0:
		return &Problem{api.ReasonNoEligiblePoint, fmt.Sprintf("spec.policy.name: no recovery point in this namespace is of a policy %q", spec.Policy.Name)}
	case counting == 0:
		return &Problem{api.ReasonNoEligiblePoint, fmt.Sprintf("%snone of the %d recovery points of policy %s is %s", asked, named, spec.Policy.Name, standing)}
	}
	return &Problem{api.ReasonNoEligiblePoint, fmt.Sprintf("none of the %d %s recovery points of policy %s is from %s or before",
		counting, standing, spec.Policy.Name, spec.AsOf.UTC().Format(time.RFC3339))}
}

// aim is one volume to bring back, and into what.
type aim struct {
	source  Source
	as      string // the claim that holds the data in the end
	into    landing
	problem *Problem // why it cannot be done
}

// aimed is what a restore brings back, of which point, and from what.
type aimed struct {
	point *api.RecoveryPoint // nil when none was found
	from  api.RestoreSource
	copy  string // the copy; empty from snapshots
	all   []aim
}

// aims are all volumes to bring back; the problem is the first of those that keep the restore from being begun.
func aims(o RestoreObserved) (x aimed, bad *Problem) {
	if x.point, bad = PointToRestore(o.Restore, o.Points); bad != nil {
		return x, bad
	}
	if x.from, x.copy, bad = o.chooseFrom(x.point); bad != nil {
		return x, bad
	}
	if x.from == api.FromCopy {
		o.Sources = o.copySources(x.point, x.copy)
	}
	x.all, bad = aimAll(o, x.point)
	return x, bad
}

// aimAll are the volumes that are asked for, each with what becomes of it.
func aimAll(o RestoreObserved, point *api.RecoveryPoint) ([]aim, *Problem) {
	sources, bad := wanted(o, point)
	if bad != nil {
		return nil, bad
	}
	out := make([]aim, len(sources))
	taken := map[string]string{}
	for i, s := range sources {
		out[i] = aimAt(o, s)
		if other, is := taken[out[i].as]; is && out[i].problem == nil {
			out[i].problem = &Problem{api.ReasonInvalidName, fmt.Sprintf("the new claim would be named %q, as that of claim %s; set volumes[].as", out[i].as, other)}
		}
		taken[out[i].as] = s.Claim
		if p := out[i].problem; p != nil && bad == nil {
			bad = &Problem{p.Reason, fmt.Sprintf("volume %s: %s", s.Claim, p.Message)}
		}
	}
	if bad == nil && o.Restore.Spec.InPlace {
		bad = policyForSafety(o, point)
	}
	return out, bad
}

// wanted are the volumes that are asked for: those that are named, or all of the point.
func wanted(o RestoreObserved, point *api.RecoveryPoint) ([]Source, *Problem) {
	if len(o.Restore.Spec.Volumes) == 0 {
		if bad := tooMany(point); bad != nil {
			return nil, &Problem{bad.Reason, fmt.Sprintf("the point has more volumes than the %d that one run brings back at most; name some with spec.volumes", MostBrought)}
		}
		if len(o.Sources) == 0 {
			return nil, &Problem{api.ReasonVolumeNotInPoint, fmt.Sprintf("recovery point %s holds no volume", point.Name)}
		}
		return o.Sources, nil
	}
	var out []Source
	for _, v := range o.Restore.Spec.Volumes {
		i := slices.IndexFunc(o.Sources, func(s Source) bool { return s.Claim == v.Claim })
		if i < 0 {
			return nil, &Problem{api.ReasonVolumeNotInPoint, fmt.Sprintf("spec.volumes: recovery point %s lists no volume of claim %q; it lists %s", point.Name, v.Claim, sourceNames(o.Sources))}
		}
		out = append(out, o.Sources[i])
	}
	return out, nil
}

func sourceNames(all []Source) string {
	if len(all) == 0 {
		return "none"
	}
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.Claim
	}
	return claimNames(out)
}

// aimAt is what becomes of one volume.
func aimAt(o RestoreObserved, s Source) aim {
	a := aim{source: s, as: restoredName(o.Restore, s.Claim)}
	var bad *Problem
	switch {
	case s.Problem != nil:
		bad = s.Problem
	case o.Restore.Spec.InPlace:
		bad = placeProblem(s, o.Places[s.Claim])
	default:
		bad = nameProblem(o, a.as)
	}
	if bad == nil {
		a.into, bad = landingOf(o, s, a.as, &api.RestoreRun{})
	}
	if bad == nil {
		bad = cmp.Or(sizeProblem(o.Restore, s), classProblem(o.Brought.Classes, cmp.Or(a.into.class, s.StorageClass), s))
	}
	a.problem = bad
	return a
}

// restoredName is the name of the claim that holds a volume in the end.
func restoredName(r *api.Restore, claim string) string {
	if r.Spec.InPlace {
		return claim
	}
	if v := volumeSpec(r, claim); v.As != "" {
		return v.As
	}
	return strings.NewReplacer("{claim}", claim, "{restore}", r.Name).Replace(cmp.Or(r.Spec.NamePattern, "{claim}-{restore}"))
}

func volumeSpec(r *api.Restore, claim string) api.RestoreVolume {
	for _, v := range r.Spec.Volumes {
		if v.Claim == claim {
			return v
		}
	}
	return api.RestoreVolume{Claim: claim}
}

func nameProblem(o RestoreObserved, name string) *Problem {
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return &Problem{api.ReasonInvalidName, fmt.Sprintf("the new claim cannot be named %q: %s; set namePattern or volumes[].as", name, wrong[0])}
	}
	if c, is := o.Brought.Claims[name]; is && c.RunUID != o.Brought.RunUID {
		return &Problem{api.ReasonClaimExists, fmt.Sprintf("claim %q exists, and is not touched; delete it, or name the new claim otherwise with volumes[].as or namePattern", name)}
	}
	return nil
}

func sizeProblem(r *api.Restore, s Source) *Problem {
	size := volumeSpec(r, s.Claim).Size
	if size == nil || size.Cmp(s.Size) >= 0 {
		return nil
	}
	return &Problem{api.ReasonSizeTooSmall, fmt.Sprintf("spec.volumes: size %s is less than the %s that were captured; leave it out, or set it to as much at least", size.String(), s.Size.String())}
}

// landingOf says into what a volume is brought back: a new claim, or one that waits to take the place of the old one and
// therefore is like it.
func landingOf(o RestoreObserved, s Source, as string, run *api.RestoreRun) (landing, *Problem) {
	r := o.Restore
	into := landing{name: as, class: r.Spec.StorageClassName, labels: r.Spec.Labels, access: s.AccessModes, mover: run.Mover, throw: restoreThrowAt(run),
		stays: true, paths: r.Spec.Paths}
	if size := volumeSpec(r, s.Claim).Size; size != nil {
		into.size = *size
	}
	if !r.Spec.InPlace {
		return into, nil
	}
	c := o.Places[s.Claim].Claim
	if c == nil {
		return into, &Problem{api.ReasonClaimMissing, fmt.Sprintf("claim %s went during the restore", s.Claim)}
	}
	into.name, into.stays = names.Throwaway(s.Claim, string(r.UID), s.ClaimUID), false
	into.class, into.access, into.size = c.Class, c.AccessModes, larger(into.size, larger(c.Size, c.Request))
	return into, nil
}
