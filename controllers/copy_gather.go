// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// gather reads everything the decision about a point's copies may depend on, once. Of a point that nobody promises copies of, and
// that has none, there is nothing to read.
func (r *CopyReconciler) gather(ctx context.Context, p *api.RecoveryPoint, now time.Time) (o plan.CopyObserved, err error) {
	o = plan.CopyObserved{Point: p, Settings: r.Settings, Brought: map[string]plan.Brought{}, RunningInto: map[string]int{}}
	if o.Policy, err = r.Read.pointPolicy(ctx, r.Read.Cache, p); err != nil {
		return o, err
	}
	if promised := o.Policy != nil && len(o.Policy.Spec.Copies) > 0; !promised && !plan.HasCopies(p) {
		return o, nil
	}
	ns, err := r.Read.namespace(ctx, r.Read.Cache, p.Namespace)
	if err != nil {
		return o, err
	}
	if o.NamespaceTerminating = ns == nil || !ns.DeletionTimestamp.IsZero(); ns != nil {
		o.NamespaceUID = string(ns.UID)
	}
	if !p.DeletionTimestamp.IsZero() {
		if o.Withdrawn, err = r.Read.withdrawn(ctx, "recoverypoints"); err != nil {
			return o, err
		}
	}
	if o.Vaults, err = r.Read.vaults(ctx, p.Namespace); err != nil {
		return o, err
	}
	if o.Siblings, err = r.siblings(ctx, p); err != nil {
		return o, err
	}
	if err := r.count(ctx, &o, now); err != nil {
		return o, err
	}
	return r.gatherRuns(ctx, o, now)
}

// siblings are the points of the same policy. There may be hundreds, and they are only read.
func (r *CopyReconciler) siblings(ctx context.Context, p *api.RecoveryPoint) ([]*api.RecoveryPoint, error) {
	var list api.RecoveryPointList
	of := client.MatchingFields{indexPointPolicy: p.Spec.Policy.Name}
	if err := r.Read.Cache.List(ctx, &list, client.InNamespace(p.Namespace), of, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list recovery points: %w", err)
	}
	return pointers(list.Items), nil
}

// count counts the copies of other points that are under way: those on record, and those that were begun since.
func (r *CopyReconciler) count(ctx context.Context, o *plan.CopyObserved, now time.Time) error {
	var list api.RecoveryPointList
	if err := r.Read.Cache.List(ctx, &list, client.MatchingFields{indexPointCopying: yes}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list copies under way: %w", err)
	}
	add := func(point types.UID, into client.ObjectKey) {
		if point == o.Point.UID {
			return
		}
		if o.Running++; into.Namespace == o.Point.Namespace {
			o.RunningInto[into.Name]++
		}
	}
	if err := r.forgetSeen(ctx, now); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		for _, c := range p.Status.Copies {
			if _, counted := r.begun[copyRun(p, c.Name).UID]; c.State == api.CopyCopying && !counted {
				add(p.UID, client.ObjectKey{Namespace: p.Namespace, Name: c.Repository})
			}
		}
	}
	for _, b := range r.begun {
		add(b.uid, b.into)
	}
	return nil
}

// unseenFor is for how long a copy counts that was begun and that the cache does not show: its record may not have been written.
const unseenFor = time.Minute

// forgetSeen forgets the copies that the cache shows to have begun, or never will.
func (r *CopyReconciler) forgetSeen(ctx context.Context, now time.Time) error {
	for run, b := range r.begun {
		var p api.RecoveryPoint
		err := r.Read.Cache.Get(ctx, b.point, &p, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		seen := err != nil || p.UID != b.uid || now.After(b.at.Add(unseenFor))
		for _, c := range p.Status.Copies {
			seen = seen || (c.Name == b.target && c.Attempt >= b.attempt)
		}
		if seen {
			delete(r.begun, run)
		}
	}
	return nil
}

// gatherRuns reads how far each copy is that is not at rest.
func (r *CopyReconciler) gatherRuns(ctx context.Context, o plan.CopyObserved, now time.Time) (_ plan.CopyObserved, err error) {
	for i := range o.Point.Status.Copies {
		c := &o.Point.Status.Copies[i]
		var b plan.Brought
		run := copyRun(o.Point, c.Name)
		if c.State == api.CopyCopying || c.State == api.CopyRemoving {
			if b, err = r.Read.brought(ctx, run); err != nil {
				return o, err
			}
		}
		if c.State != api.CopyCopying && !c.CleanedUp {
			if b.Leftovers, err = r.leftovers(ctx, o.Point, run); err != nil {
				return o, err
			}
		}
		if c.State == api.CopyCopying && o.Sources == nil {
			if o.Sources, err = r.Read.sources(ctx, o.Point); err != nil {
				return o, err
			}
		}
		o.Brought[c.Name] = b
	}
	o.Reports = r.reports(ctx, o, now)
	return o, nil
}

// leftovers are what a copy is to throw away. A volume may have come to a claim in the moment in which that was deleted: it is
// known by the claim that it is still bound to.
func (r *CopyReconciler) leftovers(ctx context.Context, p *api.RecoveryPoint, run objects.Run) ([]plan.Leftover, error) {
	claims := map[string]bool{}
	for _, v := range p.Status.Volumes {
		claims[names.Throwaway(v.Claim, run.UID, v.ClaimUID)] = true
	}
	var list corev1.PersistentVolumeList
	if err := r.Read.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var volumes []string
	for i := range list.Items {
		if ref := list.Items[i].Spec.ClaimRef; ref != nil && ref.Namespace == run.Namespace && claims[ref.Name] {
			volumes = append(volumes, list.Items[i].Name)
		}
	}
	return r.Read.leftovers(ctx, run, volumes)
}

// Logs are asked for a few lines, for a moment: what cannot be had now is looked at again later.
const (
	reportLines  = 20
	reportWithin = 5 * time.Second
)

// reports are what the copiers of a point printed last; none when that was looked at a moment ago.
func (r *CopyReconciler) reports(ctx context.Context, o plan.CopyObserved, now time.Time) map[string]plan.CopyReport {
	if now.Before(r.looked[o.Point.UID].Add(plan.CopyReportEvery)) {
		return nil
	}
	delete(r.looked, o.Point.UID)
	copiers := o.Copiers()
	if len(copiers) == 0 {
		return nil
	}
	if r.looked == nil {
		r.looked = map[types.UID]time.Time{}
	}
	r.looked[o.Point.UID] = now
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	out := make(map[string]plan.CopyReport, len(copiers))
	for _, pod := range copiers {
		printed, err := r.Logs.Tail(ctx, o.Point.Namespace, pod, reportLines)
		if err != nil {
			continue // how far it is is nice to know, and no more
		}
		p := result.LastProgress(printed)
		out[pod] = plan.CopyReport{Bytes: p.Bytes, Files: p.Files, BytesPerSecond: p.BytesPerSecond, TotalBytes: p.TotalBytes}
	}
	return out
}
