// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// afterOrder checks what holds of a pod that was just told to do something with a repository, and of what is said of one.
func (k *Checker) afterOrder(c Call) {
	switch o := k.keyed(c).(type) {
	case *corev1.Pod:
		if does, is := orderOf(o); is && c.Verb == Create {
			k.followsOrder(c, o, does)
		}
	case *api.Repository:
		k.repositoryTrue(o)
	}
}

// movers are the other pods that were told to do something with the repository of a store, and have not ended.
func (k *Checker) movers(than *corev1.Pod, into order.Repository) (out []order.Order) {
	k.each(func(o client.Object) {
		p, is := o.(*corev1.Pod)
		if !is || p.UID == than.UID || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			return
		}
		if does, is := orderOf(p); is && placeOf(does.Repository) == placeOf(into) {
			out = append(out, does)
		}
	})
	return out
}

func (k *Checker) repository(p *corev1.Pod) (found *api.Repository) {
	k.each(func(o client.Object) {
		if r, is := o.(*api.Repository); is && r.Namespace == p.Namespace && r.Name == p.Labels[api.LabelRepository] {
			found = r
		}
	})
	return found
}

func (k *Checker) followsOrder(c Call, p *corev1.Pod, does order.Order) {
	r := k.repository(p)
	if r == nil {
		k.broken(5, "%s: there is no such repository", c)
		return
	}
	if id := r.Status.UniqueID; id != "" && does.Repository.UniqueID != id && does.Probe == nil {
		k.broken(2, "%s: it may come to another repository than the one that is pinned", c)
	}
	others := k.movers(p, does.Repository)
	switch {
	case does.Copy != nil:
		k.copiesOnce(c, p, does, others)
	case does.Forget != nil:
		k.forgetsOnRecord(c, does, others)
	case does.Restore != nil:
		k.writesAlone(c, p)
	case does.Verify != nil, does.Maintain != nil:
		if slices.ContainsFunc(others, func(o order.Order) bool { return o.Verify != nil || o.Maintain != nil }) {
			k.broken(3, "%s: another pod tidies up, or sets aside what is damaged", c)
		}
	}
}

// recordsOf is the point of a UID, and its copies in a repository.
func (k *Checker) recordsOf(pointUID, id string) (p *api.RecoveryPoint, copies []api.CopyRecord) {
	p, _ = k.byUID(types.UID(pointUID)).(*api.RecoveryPoint)
	k.each(func(o client.Object) {
		if q, is := o.(*api.RecoveryPoint); is && q.Status.Origin != nil && q.Status.Origin.PointUID == pointUID {
			p = q
		}
	})
	if p == nil {
		return nil, nil
	}
	for _, c := range p.Status.Copies {
		if c.RepositoryID == id {
			copies = append(copies, c)
		}
	}
	return p, copies
}

// copiesOnce is invariant 3 for copies: what a pod was told to copy is on record, nobody else copies it, and nobody told that it is there,
// unless all of it is to be sent again, because some of it may be damaged.
func (k *Checker) copiesOnce(c Call, p *corev1.Pod, does order.Order, others []order.Order) {
	_, copies := k.recordsOf(does.Copy.PointUID, does.Repository.UniqueID)
	if !slices.ContainsFunc(copies, func(r api.CopyRecord) bool { return r.State == api.CopyCopying }) {
		k.broken(3, "%s: it is not on record that it is copied", c)
	}
	if slices.ContainsFunc(others, func(o order.Order) bool { return o.Copy != nil && o.Copy.Volume == does.Copy.Volume }) {
		k.broken(3, "%s: another pod copies it", c)
	}
	if s := k.Stores[placeOf(does.Repository)]; s != nil && s.Told[does.Copy.Volume] && !does.Copy.Full {
		k.broken(3, "%s: it is copied again, and the copy was told to be there", c)
	}
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && !v.PersistentVolumeClaim.ReadOnly {
			k.broken(14, "%s: what is copied can be written to", c)
		}
	}
}

// forgetsOnRecord is invariant 5 for copies: that it goes is on record, nothing counts on it, and nobody writes it.
func (k *Checker) forgetsOnRecord(c Call, does order.Order, others []order.Order) {
	p, copies := k.recordsOf(does.Forget.PointUID, does.Repository.UniqueID)
	switch {
	case p == nil || !slices.ContainsFunc(copies, func(r api.CopyRecord) bool { return r.State == api.CopyRemoving }):
		k.broken(5, "%s: it is not on record that the copy goes", c)
	case p.Spec.Hold:
		k.broken(5, "%s: the point is on hold", c)
	case slices.ContainsFunc(copies, func(r api.CopyRecord) bool {
		return r.State == api.CopyCopying || (r.State == api.CopyComplete && !wasLetGo(p, partCopy+r.Name))
	}):
		k.broken(6, "%s: another target counts on it", c)
	case slices.ContainsFunc(others, func(o order.Order) bool { return o.Copy != nil && o.Copy.PointUID == does.Forget.PointUID }):
		k.broken(3, "%s: another pod is writing it", c)
	}
}

// writesAlone has no volume written by two: one whose node does not answer may still be writing.
func (k *Checker) writesAlone(c Call, p *corev1.Pod) {
	k.each(func(o client.Object) {
		q, is := o.(*corev1.Pod)
		if !is || q.UID == p.UID || q.Namespace != p.Namespace {
			return
		}
		if does, is := orderOf(q); is && does.Restore != nil && volumeOf(q) == volumeOf(p) {
			k.broken(3, "%s: pod %s writes into the same volume", c, q.Name)
		}
	})
}

func volumeOf(p *corev1.Pod) string {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

// repositoryTrue is invariant 2 for repositories: one that is ready is the one that lies there, and damage is on record until all was read back.
func (k *Checker) repositoryTrue(r *api.Repository) {
	s := k.storeOf(r.Status.UniqueID)
	if id := r.Status.UniqueID; id != "" && (s == nil || s.Made > 1) {
		k.broken(2, "repository %s is said to be %s, and another one lies there, or one was made anew in its place", r.Name, id)
	}
	if before, is := k.damage[r.UID]; is && before && r.Status.Damage == nil && (s == nil || s.Reported) {
		k.broken(2, "the damage of repository %s is forgotten before all was read back", r.Name)
	}
	if r.Status.Damage != nil && s != nil && !s.Harmed {
		k.broken(2, "repository %s is said to be damaged, and nothing of it ever was: %+v", r.Name, r.Status.Damage)
	}
	k.damage[r.UID] = r.Status.Damage != nil
}

// taskUnderWay says whether a pod is that of a run which is on record and has not ended.
func (k *Checker) taskUnderWay(r *api.Repository, pod string) bool {
	if !r.DeletionTimestamp.IsZero() {
		return false
	}
	for task, run := range map[string]*api.RepositoryRun{"probe": r.Status.Probe, "import": r.Status.Import, "maintain": r.Status.Maintenance, "verify": r.Status.Verification} {
		if run != nil && run.FinishedAt == nil && names.RepositoryPod(r.Name, string(r.UID), task, run.StartedAt.Time) == pod {
			return true
		}
	}
	return false
}

// beingCopied says whether an object belongs to a copy that is being made.
func (k *Checker) beingCopied(o client.Object) (is bool) {
	run := o.GetLabels()[api.LabelRunUID]
	k.each(func(o client.Object) {
		if p, ok := o.(*api.RecoveryPoint); ok {
			is = is || slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool {
				return c.State == api.CopyCopying && names.CopyRun(string(p.UID), c.Name) == run
			})
		}
	})
	return is
}

// attemptOver says whether an object belongs to an attempt at writing a volume that is over: the run goes on with another.
func (k *Checker) attemptOver(o client.Object) bool {
	attempt, _ := strconv.Atoi(o.GetLabels()[api.LabelAttempt])
	after := func(w *api.VolumeWriting) bool { return w != nil && int(w.Attempt) > attempt }
	switch r := k.byUID(types.UID(o.GetLabels()[api.LabelRunUID])).(type) {
	case *api.RestoreDrill:
		return slices.ContainsFunc(r.Status.Volumes, func(v api.DrillVolume) bool { return after(v.Writing) })
	case *api.Restore:
		return slices.ContainsFunc(r.Status.Volumes, func(v api.RestoredVolume) bool { return after(v.Writing) })
	}
	return false
}

// copiesAtRest is invariants 2, 4 and 9 for copies: points count by what they have, what lies in repositories is on record, and nothing is
// under way beyond its deadline.
func (k *Checker) copiesAtRest(f facts) {
	late := func(deadline time.Time) bool { return k.clock.Now().After(deadline.Add(time.Minute)) }
	for _, p := range f.points {
		if emptied(p) {
			k.broken(2, "point %s is still complete, without snapshots and without a complete copy", p.Name)
		}
		for _, c := range p.Status.Copies {
			if (c.State == api.CopyCopying || c.State == api.CopyRemoving) && c.FinishedAt == nil && late(c.Deadline.Time) {
				k.broken(9, "copy %s of point %s has no end, a minute after its deadline", c.Name, p.Name)
			}
		}
	}
	k.each(func(o client.Object) {
		r, is := o.(*api.Repository)
		if !is {
			return
		}
		for _, run := range []*api.RepositoryRun{r.Status.Probe, r.Status.Import, r.Status.Maintenance, r.Status.Verification} {
			if run != nil && run.FinishedAt == nil && late(run.Deadline.Time) {
				k.broken(9, "a run of repository %s has no end, a minute after its deadline", r.Name)
			}
		}
	})
	for bucket, s := range k.Stores {
		for v, r := range s.Records {
			if _, copies := k.recordsOf(v.PointUID, s.ID); len(copies) == 0 && !k.Released {
				k.broken(4, "store %s holds %s of point %s, and no point speaks of it", bucket, r.Claim, r.Point)
			}
		}
	}
}
