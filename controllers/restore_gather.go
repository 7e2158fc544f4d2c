// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

func restoreRun(r *api.Restore) objects.Run {
	return objects.Run{Kind: "Restore", Namespace: r.Namespace, Name: r.Name, UID: string(r.UID)}
}

// gather reads everything the decision about a restore may depend on, once. Points, and all that is to be replaced, are
// read live: a restore is rare, and is refused or carried out on what is there now.
func (r *RestoreReconciler) gather(ctx context.Context, x *api.Restore) (o plan.RestoreObserved, err error) {
	o = plan.RestoreObserved{Restore: x, Snapshots: r.Read.API.Snapshots()}
	if plan.RestoreEnded(x) {
		return r.gatherAfter(ctx, o)
	}
	if o.NamespaceTerminating, err = r.Read.terminating(ctx, r.Read.Cache, x.Namespace); err != nil {
		return o, err
	}
	if o.Points, err = r.points(ctx, x); err != nil {
		return o, err
	}
	if o.Vaults, err = r.Read.vaults(ctx, x.Namespace); err != nil {
		return o, err
	}
	if point, _ := plan.PointToRestore(x, o.Points); point != nil {
		if o.Sources, err = r.snapshots(ctx, x, point); err != nil {
			return o, err
		}
		if o.Policy, err = r.Read.policy(ctx, r.Read.Cache, x.Namespace, point.Spec.Policy.Name); err != nil {
			return o, err
		}
	}
	if o.Brought, err = r.Read.brought(ctx, restoreRun(x)); err != nil {
		return o, err
	}
	if err = r.Read.find(ctx, restoreRun(x), o.Brought, o.ToFind()); err != nil {
		return o, err
	}
	if x.Spec.InPlace {
		return r.gatherInPlace(ctx, o)
	}
	return o, nil
}

// snapshots are the volumes of a point with the snapshots that hold them. Before a restore begins, a cluster that does not serve
// snapshots is one in which none can be restored; a restore that began with them waits until they can be read again.
func (r *RestoreReconciler) snapshots(ctx context.Context, x *api.Restore, point *api.RecoveryPoint) ([]plan.Source, error) {
	run := x.Status.Run
	if (run == nil && !r.Read.API.Snapshots()) || (run != nil && run.From == api.FromCopy) {
		return nil, nil
	}
	return r.Read.sources(ctx, point)
}

// points are those to choose from; of a restore under way, the chosen one.
func (r *RestoreReconciler) points(ctx context.Context, x *api.Restore) ([]*api.RecoveryPoint, error) {
	name := ""
	switch {
	case x.Status.Run != nil:
		name = x.Status.Run.RecoveryPoint.Name
	case x.Spec.RecoveryPoint != nil:
		name = x.Spec.RecoveryPoint.Name
	default:
		return r.Read.allPoints(ctx, x.Namespace)
	}
	p, err := r.point(ctx, x.Namespace, name)
	if p == nil || err != nil {
		return nil, err
	}
	return []*api.RecoveryPoint{p}, nil
}

// point is one point, read live; nil when there is none.
func (r *RestoreReconciler) point(ctx context.Context, namespace, name string) (*api.RecoveryPoint, error) {
	var p api.RecoveryPoint
	err := r.Read.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get recovery point %s: %w", name, err)
	}
	return &p, nil
}

// gatherInPlace reads the claims that are to be replaced, their volumes and users, and the point of the state before.
func (r *RestoreReconciler) gatherInPlace(ctx context.Context, o plan.RestoreObserved) (_ plan.RestoreObserved, err error) {
	x := o.Restore
	if s := x.Status.SafetyPoint; s != "" {
		if o.Safety, err = r.point(ctx, x.Namespace, s); err != nil {
			return o, err
		}
	}
	if x.Status.Run != nil { // the readers go before anything is swapped
		if o.Brought.Leftovers, err = r.Read.leftovers(ctx, restoreRun(x), nil); err != nil {
			return o, err
		}
	}
	users, err := r.Read.users(ctx, x.Namespace)
	if err != nil {
		return o, err
	}
	o.Places = map[string]plan.Place{}
	point, _ := plan.PointToRestore(x, o.Points)
	for _, s := range volumesOf(point) {
		if len(x.Spec.Volumes) > 0 && !slices.ContainsFunc(x.Spec.Volumes, func(v api.RestoreVolume) bool { return v.Claim == s.Claim }) {
			continue
		}
		temporary := names.Throwaway(s.Claim, string(x.UID), s.ClaimUID)
		if o.Places[s.Claim], err = r.Read.place(ctx, x.Namespace, s.Claim, temporary, nil, users); err != nil {
			return o, err
		}
	}
	return r.swapPlaces(ctx, o, users)
}

func volumesOf(p *api.RecoveryPoint) []api.VolumeRecord {
	if p == nil {
		return nil
	}
	return p.Status.Volumes
}

// swapPlaces reads the places of volumes that are on record as being replaced, or as having been: the point may be gone meanwhile.
func (r *RestoreReconciler) swapPlaces(ctx context.Context, o plan.RestoreObserved, users map[string][]string) (_ plan.RestoreObserved, err error) {
	if o.Places == nil {
		o.Places = map[string]plan.Place{}
	}
	for _, v := range o.Restore.Status.Volumes {
		if v.Swap == nil || v.Swap.ReleasedAt != nil {
			continue
		}
		if o.Places[v.Claim], err = r.Read.place(ctx, o.Restore.Namespace, v.Claim, v.Swap.Temporary, v.Swap, users); err != nil {
			return o, err
		}
	}
	return o, nil
}

// gatherAfter reads what is left to be done once a restore has ended.
func (r *RestoreReconciler) gatherAfter(ctx context.Context, o plan.RestoreObserved) (_ plan.RestoreObserved, err error) {
	x := o.Restore
	if slices.Contains(x.Finalizers, api.FinalizerThrowaways) {
		if o.Brought.Leftovers, err = r.Read.leftovers(ctx, restoreRun(x), nil); err != nil {
			return o, err
		}
	}
	return r.swapPlaces(ctx, o, nil)
}

// restores are those of a namespace.
func (r *Reader) restores(ctx context.Context, namespace string) ([]*api.Restore, error) {
	var list api.RestoreList
	if err := r.Cache.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list restores: %w", err)
	}
	return pointers(list.Items), nil
}

// users are the pods of a namespace that use each claim, read live. One that has ended uses nothing, and yet Kubernetes lets
// no claim go that it names.
func (r *Reader) users(ctx context.Context, namespace string) (map[string][]string, error) {
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	out := map[string][]string{}
	for i := range pods.Items {
		p := &pods.Items[i]
		who := "pod " + p.Name
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			who += " (which has ended, and is to be deleted)"
		}
		for _, v := range p.Spec.Volumes {
			switch {
			case v.PersistentVolumeClaim != nil:
				out[v.PersistentVolumeClaim.ClaimName] = append(out[v.PersistentVolumeClaim.ClaimName], who)
			case v.Ephemeral != nil:
				out[p.Name+"-"+v.Name] = append(out[p.Name+"-"+v.Name], who)
			}
		}
	}
	return out, nil
}

// place is where a volume is restored in place. A swap that is given names the volumes; otherwise the claims do.
func (r *Reader) place(ctx context.Context, namespace, claim, temporary string, swap *api.VolumeSwap, users map[string][]string) (at plan.Place, err error) {
	at.Users = users[claim]
	if at.Claim, err = r.liveClaim(ctx, namespace, claim); err != nil {
		return at, err
	}
	if at.Temporary, err = r.liveClaim(ctx, namespace, temporary); err != nil {
		return at, err
	}
	old, restored := "", ""
	switch {
	case swap != nil:
		old, restored = swap.OldVolume, swap.NewVolume
	default:
		if at.Claim != nil {
			old = at.Claim.Volume
		}
		if at.Temporary != nil {
			restored = at.Temporary.Volume
		}
	}
	if at.Old, err = r.liveVolume(ctx, old); err != nil {
		return at, err
	}
	at.New, err = r.liveVolume(ctx, restored)
	return at, err
}

func (r *Reader) liveClaim(ctx context.Context, namespace, name string) (*plan.LiveClaim, error) {
	var c corev1.PersistentVolumeClaim
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &c)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get claim %s: %w", name, err)
	}
	record, err := objects.RecordClaim(&c)
	return &plan.LiveClaim{
		Target: plan.Target{Name: c.Name, UID: string(c.UID)}, Version: c.ResourceVersion, RunUID: c.Labels[api.LabelRunUID],
		Class: ptr.Deref(c.Spec.StorageClassName, ""), Mode: string(ptr.Deref(c.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)),
		AccessModes: objects.AccessModes(c.Spec.AccessModes),
		Size:        c.Status.Capacity[corev1.ResourceStorage], Request: c.Spec.Resources.Requests[corev1.ResourceStorage],
		Bound:    c.Status.Phase == corev1.ClaimBound && c.Spec.VolumeName != "",
		Deleting: !c.DeletionTimestamp.IsZero(), Expires: c.Annotations[api.AnnotationExpires] != "", Volume: c.Spec.VolumeName, Record: record,
	}, err
}

func (r *Reader) liveVolume(ctx context.Context, name string) (*plan.LiveVolume, error) {
	if name == "" {
		return nil, nil
	}
	var v corev1.PersistentVolume
	err := r.Live.Get(ctx, client.ObjectKey{Name: name}, &v)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get volume %s: %w", name, err)
	}
	out := &plan.LiveVolume{
		Target: plan.Target{Name: v.Name, UID: string(v.UID)}, Version: v.ResourceVersion, Reclaim: string(v.Spec.PersistentVolumeReclaimPolicy),
		Released: v.Status.Phase == corev1.VolumeReleased, Size: v.Spec.Capacity[corev1.ResourceStorage], RunUID: v.Labels[api.LabelRunUID],
	}
	if ref := v.Spec.ClaimRef; ref != nil {
		out.RefNamespace, out.RefName, out.RefUID = ref.Namespace, ref.Name, string(ref.UID)
	}
	if until, is := v.Annotations[api.AnnotationKeepUntil]; is {
		out.Kept = true
		if out.KeepUntil, err = time.Parse(time.RFC3339, until); err != nil {
			out.KeepUntil = time.Time{} // whoever wrote that wants it kept
		}
	}
	return out, nil
}
