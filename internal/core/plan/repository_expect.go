// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

const (
	// mostExpected bounds how many points an order names: the annotations of a pod take 256 KiB.
	mostExpected = 2000
	// longestUID is how long the UIDs are that clusters give.
	longestUID = 36
)

// Verifies says whether a verification of a repository is under way, which asks what copies there must be.
func Verifies(r *api.Repository) bool { return underWay(r.Status.Verification) }

// expectedIn is of how many volumes a repository must hold copies, by the UIDs that the points had when they were captured. Where there are
// more points than can be told, those with the newest data are.
func expectedIn(r *api.Repository, points []*api.RecoveryPoint) map[string]int {
	out := map[string]int{}
	for _, p := range slices.Backward(oldestFirst(slices.Clone(points))) {
		for _, c := range p.Status.Copies {
			uid := copiedAs(p, c)
			if len(out) < mostExpected && len(uid) <= longestUID && mustHold(r, p, c) {
				out[uid] = max(out[uid], len(c.Volumes))
			}
		}
	}
	return out
}

// mustHold says whether a repository must hold a copy: one that is complete, and that nobody lets go.
func mustHold(r *api.Repository, p *api.RecoveryPoint, c api.CopyRecord) bool {
	return c.State == api.CopyComplete && c.Repository == r.Name && c.RepositoryID == r.Status.UniqueID &&
		p.DeletionTimestamp.IsZero() && !copyGoes(p, c.Name)
}

// known leaves out of what a verification missed what is not expected any more, for copies are removed while it runs, and gives the
// others the names that their points have.
func (v VerifyDone) known(r *api.Repository, points []*api.RecoveryPoint) VerifyDone {
	if len(v.Missing) == 0 {
		return v
	}
	var named []api.DamagedPoint
	for _, d := range v.Points {
		missing := v.Missing[d.UID]
		if missing == 0 {
			named = append(named, d)
			continue
		}
		i := slices.IndexFunc(points, func(p *api.RecoveryPoint) bool {
			return slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool { return copiedAs(p, c) == d.UID && mustHold(r, p, c) })
		})
		if i < 0 {
			v.Damaged, v.DamagedPoints = v.Damaged-missing, v.DamagedPoints-1
			continue
		}
		d.Namespace, d.Policy, d.Name = points[i].Namespace, points[i].Spec.Policy.Name, points[i].Name
		named = append(named, d)
	}
	v.Points = named
	return v
}
