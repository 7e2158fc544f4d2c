// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

const (
	partSnapshots = "snapshots"
	partCopy      = "copy/"
)

// byCopies says whether a point has no snapshots, and is complete for its copies alone.
func byCopies(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == api.ConditionComplete && c.Status == metav1.ConditionTrue && c.Reason == api.ReasonCopiesOnly
	})
}

// wholeCopies are the names of the copies of a point that hold all of it, but for those that were let go.
func wholeCopies(p *api.RecoveryPoint) []string {
	var out []string
	for i := range p.Status.Copies {
		if c := &p.Status.Copies[i]; c.State == api.CopyComplete && lacking(p, c) == 0 && !wasLetGo(p, partCopy+c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// lacking is how many volumes of its point a copy does not hold.
func lacking(p *api.RecoveryPoint, c *api.CopyRecord) int {
	volumes := len(p.Status.Volumes)
	if p.Status.Capture != nil {
		volumes = int(p.Status.Capture.Volumes)
	}
	return volumes - len(c.Volumes)
}

func wasLetGo(p *api.RecoveryPoint, part string) bool {
	return slices.ContainsFunc(p.Status.Release, func(r api.ReleasedPart) bool { return r.Part == part })
}

// livesOn says whether a point needs its snapshots no more, because they were let go and a copy holds all of it.
func livesOn(p *api.RecoveryPoint) bool {
	return byCopies(p) || (wasLetGo(p, partSnapshots) && len(wholeCopies(p)) > 0)
}

func isCopied(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool { return c.State == api.CopyCopying })
}

// copiesWhole is invariant 2 for copies: one that is complete holds every volume, and so does one of a point that has nothing else.
func (k *Checker) copiesWhole(p *api.RecoveryPoint) {
	for i := range p.Status.Copies {
		if c := &p.Status.Copies[i]; c.State == api.CopyComplete && lacking(p, c) != 0 {
			k.broken(2, "copy %s of point %s is complete with %d of its volumes", c.Name, p.Name, len(c.Volumes))
		}
	}
	if emptied(p) && !k.anyDamaged(p) { // else it says so next, and nothing is pruned until then
		k.broken(2, "point %s is complete, without snapshots and without a complete copy", p.Name)
	}
	if k.Stores == nil {
		return
	}
	for i := range p.Status.Copies {
		if c := &p.Status.Copies[i]; c.State == api.CopyComplete && !k.inStore(p, c) {
			k.broken(2, "copy %s of point %s is complete, and its repository does not hold it", c.Name, p.Name)
		}
	}
}

// emptied says whether a point is complete by its copies, and none of them is.
func emptied(p *api.RecoveryPoint) bool {
	return byCopies(p) && len(wholeCopies(p)) == 0 && p.DeletionTimestamp.IsZero()
}

// inStore says whether the repository that a copy was written to holds a record of every volume, with what was read for it, or did
// before the store lost it. Whether that can still be read back is another matter, and found by verification.
func (k *Checker) inStore(p *api.RecoveryPoint, c *api.CopyRecord) bool {
	s := k.storeOf(c.RepositoryID)
	return s != nil && !slices.ContainsFunc(c.Volumes, func(v api.CopiedVolume) bool {
		return !slices.ContainsFunc(slices.Concat(s.volumes(), slices.Collect(maps.Keys(s.Lost))), func(at order.Volume) bool {
			r, is := s.Records[at]
			if !is {
				r = s.Lost[at]
			}
			return at.PointUID == capturedAs(p) && r.Claim == v.Claim && r.Digest == v.Digest
		})
	})
}

// capturedAs is the UID by which repositories know a point: that of the time when it was captured.
func capturedAs(p *api.RecoveryPoint) string {
	if p.Status.Origin != nil {
		return p.Status.Origin.PointUID
	}
	return string(p.UID)
}

// storeOf is the store with the repository of an ID; nil when there is none.
func (k *Checker) storeOf(id string) *Store {
	for _, s := range k.Stores {
		if s.ID == id && id != "" {
			return s
		}
	}
	return nil
}

// letsGo checks what is about to be written of the parts of a point that retention lets go: each was shown before, and without it
// the point can still be restored.
func (k *Checker) letsGo(f facts, c Call) {
	i := slices.IndexFunc(f.points, func(p *api.RecoveryPoint) bool { return p.Name == c.Key.Name && p.Namespace == c.Key.Namespace })
	if i < 0 {
		return
	}
	p := f.points[i]
	for _, part := range writtenParts(c.Body) {
		if !wasLetGo(p, part) {
			k.partShown(f, c, p, part)
			k.partSpare(c, p, part)
			k.prunesDamaged(c, p)
		}
	}
}

// writtenParts are the parts that a write of a status names as let go.
func writtenParts(body map[string]any) (out []string) {
	status, _ := body["status"].(map[string]any)
	list, _ := status["release"].([]any)
	for _, entry := range list {
		fields, _ := entry.(map[string]any)
		if part, _ := fields["part"].(string); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// partShown is invariant 5: what goes stood in the status of its policy.
func (k *Checker) partShown(f facts, c Call, p *api.RecoveryPoint, part string) {
	for _, b := range f.policies {
		if string(b.UID) != policyOf(p) || b.Spec.Suspend {
			continue
		}
		if slices.ContainsFunc(b.Status.Expiring, func(e api.ExpiringPoint) bool {
			return e.UID == string(p.UID) && e.Part == part && !e.At.After(k.clock.Now())
		}) {
			return
		}
	}
	k.broken(5, "%s: %s of point %s is let go, and was not shown", c, part, p.Name)
}

// partSpare is invariants 1 and 6: what goes is not all that the point can be restored from, and no copy is being read from it.
func (k *Checker) partSpare(c Call, p *api.RecoveryPoint, part string) {
	others := slices.DeleteFunc(wholeCopies(p), func(name string) bool { return partCopy+name == part })
	snapshots := part != partSnapshots && complete(p) && !byCopies(p) && !wasLetGo(p, partSnapshots)
	switch {
	case p.Spec.Hold:
		k.broken(5, "%s: point %s is on hold", c, p.Name)
	case !snapshots && len(others) == 0:
		k.broken(1, "%s: without %s point %s cannot be restored", c, part, p.Name)
	case part == partSnapshots && isCopied(p):
		k.broken(6, "%s: point %s is being copied", c, p.Name)
	}
}

// letsBytesGo is invariant 6 where the bytes of a point go that stays: retention let them go, a copy holds all of them, and it was on
// record before. A hold that came after that comes too late.
func (k *Checker) letsBytesGo(c Call, p *api.RecoveryPoint) {
	switch {
	case p.Spec.Hold && !byCopies(p):
		k.broken(5, "%s: the point is on hold", c)
	case len(wholeCopies(p)) == 0:
		k.broken(6, "%s: no complete copy holds them", c)
	case isCopied(p):
		k.broken(6, "%s: the point is being copied", c)
	case !byCopies(p):
		k.broken(6, "%s: the point does not say that it lives on in its copies", c)
	case k.Stores != nil && !slices.ContainsFunc(p.Status.Copies, func(r api.CopyRecord) bool { return k.readable(p, &r) }):
		k.broken(6, "%s: no repository holds a copy of them that is known to be readable", c)
	}
}

// readable says whether a complete copy is in its repository, and nobody was told that the repository is damaged.
func (k *Checker) readable(p *api.RecoveryPoint, c *api.CopyRecord) bool {
	return slices.Contains(wholeCopies(p), c.Name) && k.inStore(p, c) && k.damaged(p.Namespace, c.Repository) == nil
}

// damaged is what is on record of the damage of a repository.
func (k *Checker) damaged(namespace, name string) (d *api.RepositoryDamage) {
	k.each(func(o client.Object) {
		if r, is := o.(*api.Repository); is && r.Namespace == namespace && r.Name == name {
			d = r.Status.Damage
		}
	})
	return d
}

// prunesDamaged is invariant 6 while damage is on record: nothing that has a copy in the repository is pruned.
func (k *Checker) prunesDamaged(c Call, p *api.RecoveryPoint) {
	if k.anyDamaged(p) {
		k.broken(6, "%s: a repository with a copy of it is damaged", c)
	}
}

// anyDamaged says whether damage is on record of a repository that a point was copied into.
func (k *Checker) anyDamaged(p *api.RecoveryPoint) bool {
	return slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool { return k.damaged(p.Namespace, c.Repository) != nil })
}
