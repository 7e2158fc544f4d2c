// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// Restorable says what a point can be brought back from: its snapshots, and those of its copies that hold all of it. A point that
// was imported, or whose snapshots were let go or lost, lives on in its copies.
func Restorable(p *api.RecoveryPoint) (snapshots bool, copies []api.CopyRecord) {
	if p.Status.PointInTime == nil {
		return false, nil
	}
	for _, c := range p.Status.Copies {
		if c.State == api.CopyComplete && wholeCopy(p, c) {
			copies = append(copies, c)
		}
	}
	return Complete(p) && p.Status.SnapshotsReleasedAt == nil && p.Status.Origin == nil, copies
}

// wholeCopy says whether a copy lists every volume of its point.
func wholeCopy(p *api.RecoveryPoint, c api.CopyRecord) bool {
	return len(c.Volumes) > 0 && len(c.Volumes) >= volumesOf(p) &&
		!slices.ContainsFunc(p.Status.Volumes, func(v api.VolumeRecord) bool { return copiedVolume(c, v.Claim) == nil })
}

func copiedVolume(c api.CopyRecord, claim string) *api.CopiedVolume {
	for i := range c.Volumes {
		if c.Volumes[i].Claim == claim {
			return &c.Volumes[i]
		}
	}
	return nil
}

// volumesOf is how many volumes a point has. One that was imported was captured elsewhere, and lists them all.
func volumesOf(p *api.RecoveryPoint) int {
	if c := p.Status.Capture; c != nil {
		return int(c.Volumes)
	}
	if p.Status.Origin != nil {
		return len(p.Status.Volumes)
	}
	return 0
}

// Vaults are the repositories of a namespace, and what its admin allows them.
type Vaults struct {
	Repositories map[string]*api.Repository // by name
	Allowed      Allowed
}

// ByName has the repositories of a namespace by their names.
func ByName(all []api.Repository) map[string]*api.Repository {
	out := make(map[string]*api.Repository, len(all))
	for i := range all {
		out[all[i].Name] = &all[i]
	}
	return out
}

// reach says why a copy cannot be had now; nil when its repository can be reached, and is the one that was written to.
func (v Vaults) reach(c api.CopyRecord) *Problem {
	r := v.Repositories[c.Repository]
	if r == nil {
		return &Problem{api.ReasonRepositoryNotFound, fmt.Sprintf("copy %s: there is no Repository %q in this namespace; create it, with uniqueID %s", c.Name, c.Repository, c.RepositoryID)}
	}
	if bad := v.refused(r, c); bad != nil {
		return bad
	}
	switch reachable := findCondition(r.Status.Conditions, api.ConditionReachable); {
	case reachable == nil || reachable.Status == metav1.ConditionUnknown || r.Status.UniqueID == "":
		return &Problem{api.ReasonRepositoryProbing, fmt.Sprintf("copy %s: it is not known yet whether Repository %s can be reached", c.Name, r.Name)}
	case reachable.Status == metav1.ConditionTrue:
		return nil
	default:
		return &Problem{api.ReasonRepositoryUnreachable, fmt.Sprintf("copy %s: Repository %s cannot be reached: %s", c.Name, r.Name, reachable.Message)}
	}
}

// refused says why a repository is not used for a copy, whether it can be reached or not; nil when it is.
func (v Vaults) refused(r *api.Repository, c api.CopyRecord) *Problem {
	if _, _, bad := AccessTo(r, v.Allowed); bad != nil {
		return &Problem{bad.Reason, fmt.Sprintf("copy %s: Repository %s: %s", c.Name, r.Name, bad.Message)}
	}
	if id := r.Status.UniqueID; id != "" && c.RepositoryID != "" && id != c.RepositoryID {
		return &Problem{api.ReasonRepositoryIDMismatch, fmt.Sprintf("copy %s is in the repository with ID %s, and Repository %s is another one", c.Name, c.RepositoryID, r.Name)}
	}
	return nil
}

// away says why the repository of a run under way cannot be reached now; nil when it can, or that is not known.
func (v Vaults) away(c api.CopyRecord) *Problem {
	if bad := v.reach(c); bad != nil && bad.Reason == api.ReasonRepositoryUnreachable {
		return bad
	}
	return nil
}

// pick is the first of some copies that can be had; the problem is that of the first that may come to be had, or else of the first.
func (v Vaults) pick(copies []api.CopyRecord) (*api.CopyRecord, *Problem) {
	var why *Problem
	for i := range copies {
		bad := v.reach(copies[i])
		if bad == nil {
			return &copies[i], nil
		}
		if why == nil || (passes(*bad) && !passes(*why)) {
			why = bad
		}
	}
	return nil, why
}

// passes says whether a repository may come to be reached without anybody changing anything here.
func passes(why Problem) bool {
	return why.Reason == api.ReasonRepositoryProbing || why.Reason == api.ReasonRepositoryUnreachable
}

// CopySources are the volumes of a point, each with a copy of it.
func CopySources(p *api.RecoveryPoint, name string, v Vaults) []Source {
	i := slices.IndexFunc(p.Status.Copies, func(c api.CopyRecord) bool { return c.Name == name })
	c := api.CopyRecord{Name: name}
	bad := &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("recovery point %s has no complete copy %s any more", p.Name, name)}
	if i >= 0 && p.Status.Copies[i].State == api.CopyComplete {
		c = p.Status.Copies[i]
		bad = nil
	}
	return sourcesIn(p, c, v, bad)
}

func sourcesIn(p *api.RecoveryPoint, c api.CopyRecord, v Vaults, bad *Problem) []Source {
	var out []Source
	for _, r := range p.Status.Volumes {
		out = append(out, copySource(p, c, r, v, bad))
	}
	return out
}

func copySource(p *api.RecoveryPoint, c api.CopyRecord, r api.VolumeRecord, v Vaults, bad *Problem) Source {
	s := Source{Claim: r.Claim, ClaimUID: r.ClaimUID, Driver: r.Driver, StorageClass: r.StorageClass, Copy: &CopySource{}}
	if r.Size != nil {
		s.Size = *r.Size
	}
	held, repository := copiedVolume(c, r.Claim), v.Repositories[c.Repository]
	if held != nil {
		s.Copy.Held = held.Fingerprint
	}
	switch {
	case bad != nil:
	case held == nil:
		bad = &Problem{api.ReasonNoCompleteCopy, fmt.Sprintf("copy %s does not hold the volume of claim %s", c.Name, r.Claim)}
	case repository == nil:
		bad = v.reach(c)
	default:
		bad = v.refused(repository, c)
	}
	if s.Problem = bad; bad != nil {
		return s
	}
	to, access, _ := AccessTo(repository, v.Allowed)
	if c.RepositoryID != "" {
		to.UniqueID = c.RepositoryID
	}
	s.Mode, s.AccessModes = modeOf(held.Mode), held.AccessModes
	s.Size = larger(s.Size, *resource.NewQuantity(held.Bytes, resource.BinarySI))
	s.Copy = &CopySource{Repository: to, Access: access, Held: held.Fingerprint, Away: v.away(c),
		Volume: order.Volume{PointUID: copiedAs(p, c), ClaimUID: r.ClaimUID}}
	return s
}

// copiedAs is the UID of the point that a copy bears: of one that was imported, that which it had.
func copiedAs(p *api.RecoveryPoint, c api.CopyRecord) string {
	if o := p.Status.Origin; o != nil && o.RepositoryID == c.RepositoryID {
		return o.PointUID
	}
	return string(p.UID)
}

func copyNames(copies []api.CopyRecord) string {
	if len(copies) == 0 {
		return "none"
	}
	out := make([]string, len(copies))
	for i, c := range copies {
		out[i] = c.Name
	}
	return strings.Join(out, ", ")
}
