// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// What becomes of copies while a repository is damaged. The copies that a verification names do not count any more, and are made
// anew while their snapshots are there. Whatever else there is stays, in the repository and on the storage systems: what is damaged
// is mended by what is the same elsewhere, and nobody knows yet what that is. It ends with a verification that reads every byte and
// finds no damage.

// damagedFor is a repository in which damage is known, of those that points of a policy are, or are to be, copied to; nil when
// there is none. The policy may be gone.
func damagedFor(b *api.BackupPolicy, points []*api.RecoveryPoint, repositories map[string]*api.Repository) *api.Repository {
	var found []string
	look := func(name string) {
		if r := repositories[name]; r != nil && r.Status.Damage != nil {
			found = append(found, name)
		}
	}
	if b != nil {
		for i := range b.Spec.Copies {
			look(b.Spec.Copies[i].Repository.Name)
		}
	}
	for _, p := range points {
		for i := range p.Status.Copies {
			look(p.Status.Copies[i].Repository)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return repositories[slices.Min(found)]
}

// HeldByDamage says why nothing is pruned while a repository is damaged; empty when it may be. Whoever deletes asks on fresh reads.
func HeldByDamage(b *api.BackupPolicy, points []*api.RecoveryPoint, repositories map[string]*api.Repository) string {
	if r := damagedFor(b, points, repositories); r != nil {
		return fmt.Sprintf("repository %s is damaged; nothing is pruned until a verification has read all of it back and found no damage", r.Name)
	}
	return ""
}

// staysByDamage says why a copy is not removed while a repository is damaged; nil when it may be. One that is itself damaged may go:
// that is how somebody gives up what cannot be brought back.
func (o CopyObserved) staysByDamage(r *api.CopyRecord) *Problem {
	why := HeldByDamage(o.Policy, o.Siblings, o.Vaults.Repositories)
	if in := o.Vaults.Repositories[r.Repository]; why == "" || corrupted(r) || (in != nil && includes(in.Status.Damage, copiedAs(o.Point, *r))) {
		return nil
	}
	return &Problem{api.ReasonCopyCorrupt, why}
}

// includes says whether a point is among those whose copies were found damaged.
func includes(d *api.RepositoryDamage, uid string) bool {
	return d != nil && slices.ContainsFunc(d.Points, func(q api.DamagedPoint) bool { return q.UID == uid })
}

// corrupted says whether a copy was complete, and was found damaged since. Its volumes are still on record: what of it can be read can
// be restored by path, and all of it once what it needs is there again.
func corrupted(r *api.CopyRecord) bool {
	return r.State == api.CopyFailed && r.Reason == api.ReasonCopyCorrupt && len(r.Volumes) > 0
}

// toMakeAnew says whether a copy that failed is to be made anew, because it was found damaged, whenever its target would copy.
func toMakeAnew(r *api.CopyRecord) bool {
	return r.State == api.CopyFailed && (r.Full || r.Reason == api.ReasonCopyCorrupt)
}

// foundDamaged says whether the last verification named a copy. One that was begun since is not meant.
func foundDamaged(in *api.Repository, p *api.RecoveryPoint, r *api.CopyRecord) bool {
	d := in.Status.Damage
	return includes(d, copiedAs(p, *r)) && !d.Found.Before(&r.StartedAt)
}

// foundWhole says whether a verification that came later did not name a copy that was found damaged, and named all that are.
func foundWhole(in *api.Repository, p *api.RecoveryPoint, r *api.CopyRecord) bool {
	if d := in.Status.Damage; d != nil {
		return r.FinishedAt.Before(&d.Found) && d.Contents+d.Copies > 0 && int64(len(d.Points)) == d.PointCount && !includes(d, copiedAs(p, *r))
	}
	return r.StartedAt.Before(in.Status.LastVerified)
}

// judgeByVerification has a copy not count any more that was found damaged, and count again once it was found whole: what it needs may
// have come back with the copy of another point.
func (p *CopyPlan) judgeByVerification(o CopyObserved, r *api.CopyRecord, now time.Time) {
	in := o.Vaults.Repositories[r.Repository]
	if in == nil || in.Status.UniqueID == "" || in.Status.UniqueID != r.RepositoryID {
		return
	}
	switch {
	case r.State == api.CopyComplete && foundDamaged(in, o.Point, r):
		r.State, r.Reason, r.Message = api.CopyFailed, api.ReasonCopyCorrupt, clipMessage(damagedCopy(o.Point, r))
		r.FinishedAt, r.VerifiedAt = timePtr(now.Truncate(time.Second)), nil
		p.Notes = append(p.Notes, Note{Warning: true, Reason: r.Reason, Message: fmt.Sprintf("the copy in repository %s does not count any more: %s", r.Repository, r.Message)})
	case corrupted(r) && foundWhole(in, o.Point, r):
		r.State, r.Reason, r.Message = api.CopyComplete, "", ""
		r.FinishedAt = timePtr(now.Truncate(time.Second))
		r.VerifiedAt = r.FinishedAt
		p.Notes = append(p.Notes, Note{Reason: api.ReasonCopied, Message: fmt.Sprintf("the copy in repository %s was read back in full, and counts again", r.Repository)})
	}
}

// damagedCopy says of a copy that was found damaged what is lost, and what remains.
func damagedCopy(p *api.RecoveryPoint, r *api.CopyRecord) string {
	const found = "a verification found that the repository cannot give all of it back"
	if BySnapshots(p) {
		return found + "; it is made anew from the snapshots of the point, which are there"
	}
	parts := fmt.Sprintf("; what of it can be read comes back by a Restore with copy: %s and paths", r.Name)
	others := slices.DeleteFunc(completeCopies(p), func(target string) bool { return target == r.Name })
	if len(others) > 0 {
		return found + ", and the point has no snapshots any more to make it anew from; it is restored from " + strings.Join(others, ", ") + parts
	}
	return found + ", and the point has no snapshots any more: it cannot be restored whole" + parts + "; it counts again if a later copy brings back what it lacks, and to give it up, delete the point"
}

// full says whether a copy is to rely on nothing that the repository holds: when it is made in place of one that may be damaged, and
// until one such copy of the policy is complete since damage was found. It is what another repository would be begun with, and leaves
// what can still be read of the others where it is.
func (o CopyObserved) full(in *api.Repository, was *api.CopyRecord) bool {
	switch d := in.Status.Damage; {
	case was != nil && toMakeAnew(was):
		return true
	case d == nil:
		return false
	default:
		return !slices.ContainsFunc(o.Siblings, func(q *api.RecoveryPoint) bool {
			return slices.ContainsFunc(q.Status.Copies, func(c api.CopyRecord) bool {
				return c.State == api.CopyComplete && c.Full && c.RepositoryID == in.Status.UniqueID && d.Since.Before(&c.StartedAt)
			})
		})
	}
}

// inTheWay says why a copy is not made anew yet: the library would take what is damaged for stored. And one that is begun within the
// second in which damage was found would be taken for one that was there before.
func (p *CopyPlan) inTheWay(in *api.Repository, was *api.CopyRecord, now time.Time) *Problem {
	d := in.Status.Damage
	if d == nil || was == nil || !toMakeAnew(was) {
		return nil
	}
	if !d.Healing {
		return &Problem{api.ReasonCopyCorrupt, fmt.Sprintf("what is damaged in repository %s could not be set aside yet, so that a copy made now would need it too", in.Name)}
	}
	if from := d.Found.Add(time.Second); now.Before(from) && from.Sub(now) <= clockDoubt {
		p.wakeAt(from)
		return &Problem{api.ReasonCopyCorrupt, "it is made anew in a moment"}
	}
	return nil
}

// mend makes the damaged copies anew of a point that somebody deleted. It stays until there is no damage, and were these not mended
// there might always be some.
func (p *CopyPlan) mend(o CopyObserved, now time.Time) {
	for _, t := range o.Policy.Spec.Copies {
		r, in := p.record(t.Name), o.Vaults.Repositories[t.Repository.Name]
		if r != nil && toMakeAnew(r) && in != nil && includes(in.Status.Damage, copiedAs(o.Point, *r)) {
			p.due = append(p.due, t.Name)
			p.beginOne(o, t, now)
		}
	}
}

// anewInto are the points whose copy in a target is to be made anew, and can be.
func anewInto(target string, points []*api.RecoveryPoint) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for _, p := range points {
		if BySnapshots(p) && slices.ContainsFunc(p.Status.Copies, func(r api.CopyRecord) bool { return r.Name == target && toMakeAnew(&r) }) {
			out = append(out, p)
		}
	}
	return out
}

// damagedNames are the points with damaged copies, as people know them.
func damagedNames(d *api.RepositoryDamage) []string {
	var out []string
	for _, q := range d.Points {
		out = append(out, strings.TrimPrefix(q.Namespace+"/"+cmp.Or(q.Name, q.UID), "/"))
	}
	return out
}
