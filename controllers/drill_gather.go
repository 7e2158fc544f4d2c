// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

func drillRun(d *api.RestoreDrill) objects.Run {
	return objects.Run{Kind: "RestoreDrill", Namespace: d.Namespace, Name: d.Name, UID: string(d.UID)}
}

// gather reads everything the decision about a drill may depend on, once. What leads to a deletion is read live.
func (r *DrillReconciler) gather(ctx context.Context, d *api.RestoreDrill) (o plan.DrillObserved, err error) {
	o = plan.DrillObserved{Drill: d, Settings: r.Settings}
	if o.NamespaceTerminating, err = r.Read.terminating(ctx, r.Read.Cache, d.Namespace); err != nil {
		return o, err
	}
	if d.Status.Verdict != "" || !d.DeletionTimestamp.IsZero() {
		return r.gatherAfter(ctx, o)
	}
	if o.Points, err = r.drillPoints(ctx, d); err != nil {
		return o, err
	}
	policy := plan.DrillPolicy(d)
	if policy == "" && len(o.Points) > 0 {
		policy = o.Points[0].Spec.Policy.Name
	}
	if o.Policy, err = r.Read.policy(ctx, r.Read.Cache, d.Namespace, policy); err != nil {
		return o, err
	}
	if plan.DrillFrom(d, o.Policy) == api.FromCopy {
		if o.Vaults, err = r.Read.vaults(ctx, d.Namespace); err != nil {
			return o, err
		}
		if o.Classes, err = r.Read.classes(ctx); err != nil {
			return o, err
		}
		if o.Claims, _, err = r.Read.claims(ctx, d.Namespace); err != nil {
			return o, err
		}
	}
	if d.Status.Run == nil {
		if o.Siblings, o.Running, err = r.others(ctx, d, policy, o.Points); err != nil || o.Policy == nil {
			return o, err
		}
		o.Storage, err = r.stack(ctx, o.Policy)
		return o, err
	}
	if plan.DrillFrom(d, o.Policy) == api.FromSnapshot {
		if o.Sources, err = r.snapshots(ctx, d, o.Points); err != nil {
			return o, err
		}
	}
	if o.Brought, err = r.Read.brought(ctx, drillRun(d)); err != nil {
		return o, err
	}
	return o, r.Read.find(ctx, drillRun(d), o.Brought, o.ToFind())
}

// snapshots are the volumes of the point that is rehearsed, with the snapshots that hold them.
func (r *DrillReconciler) snapshots(ctx context.Context, d *api.RestoreDrill, points []*api.RecoveryPoint) ([]plan.Source, error) {
	for _, p := range points {
		if string(p.UID) == d.Status.Run.RecoveryPoint.UID {
			return r.Read.sources(ctx, p)
		}
	}
	return nil, nil
}

// gatherAfter reads what is left to be done once the verdict has fallen.
func (r *DrillReconciler) gatherAfter(ctx context.Context, o plan.DrillObserved) (_ plan.DrillObserved, err error) {
	d := o.Drill
	if f := d.Status.Phases; d.DeletionTimestamp.IsZero() && d.Status.Evidence != nil && len(f) > 0 &&
		f[len(f)-1].Name == api.PhaseCleaningUp && f[len(f)-1].State == api.PhaseSucceeded {
		return o, nil // there is nothing left to be done
	}
	if d.Status.Run != nil && d.Status.Evidence == nil {
		if o.Evidence, err = r.Evidence.find(ctx, d); err != nil {
			return o, err
		}
	}
	var volumes []string
	for _, v := range d.Status.Volumes {
		if v.Volume != "" {
			volumes = append(volumes, v.Volume)
		}
	}
	if plan.WantsDossiers(d) {
		if o, err = r.gatherDossiers(ctx, o); err != nil {
			return o, err
		}
	}
	o.Brought.RunUID = string(d.UID)
	o.Brought.Leftovers, err = r.Read.leftovers(ctx, drillRun(d), volumes)
	return o, err
}

// gatherDossiers reads what is written beside the copies of a point once it was proven, and how far that is.
func (r *DrillReconciler) gatherDossiers(ctx context.Context, o plan.DrillObserved) (_ plan.DrillObserved, err error) {
	d := o.Drill
	if o.Vaults, err = r.Read.vaults(ctx, d.Namespace); err != nil || len(o.Vaults.Repositories) == 0 {
		return o, err
	}
	if o.Points, err = r.Read.points(ctx, d.Namespace, d.Status.Run.Policy); err != nil {
		return o, err
	}
	if o.Envelope, err = r.Evidence.envelope(ctx, d); err != nil {
		return o, err
	}
	o.Brought, err = r.Read.brought(ctx, drillRun(d))
	return o, err
}

// stack is the storage stack under which a drill starts.
func (r *DrillReconciler) stack(ctx context.Context, b *api.BackupPolicy) ([]string, error) {
	claims, _, err := r.Read.claims(ctx, b.Namespace)
	if err != nil {
		return nil, err
	}
	workload, err := r.Read.workload(ctx, b.Namespace, b.Spec.Volumes.Workload)
	if err != nil {
		return nil, err
	}
	cluster, err := r.Read.cluster(ctx)
	if err != nil {
		return nil, err
	}
	storage, err := r.Read.storage(ctx)
	if err != nil {
		return nil, err
	}
	return plan.StorageStack(b, claims, workload, cluster, storage), nil
}

// drillPoints are the points to choose from: those of the policy, or of the policy of the point that is named.
func (r *DrillReconciler) drillPoints(ctx context.Context, d *api.RestoreDrill) ([]*api.RecoveryPoint, error) {
	policy := plan.DrillPolicy(d)
	if policy == "" {
		var p api.RecoveryPoint
		err := r.Read.Cache.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.RecoveryPoint.Name}, &p)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("get recovery point: %w", err)
		}
		policy = p.Spec.Policy.Name
	}
	return r.Read.points(ctx, d.Namespace, policy)
}

// others are the other drills of the policy, and how many are under way in the cluster. One of a point that a person
// named, and that has not started, is known by the point alone.
func (r *DrillReconciler) others(ctx context.Context, d *api.RestoreDrill, policy string, points []*api.RecoveryPoint) (siblings []*api.RestoreDrill, running int, err error) {
	drills, err := r.Read.drills(ctx, d.Namespace, policy)
	if err != nil {
		return nil, 0, err
	}
	named, err := r.Read.drills(ctx, d.Namespace, "")
	if err != nil {
		return nil, 0, err
	}
	for _, q := range named {
		if n := q.Spec.RecoveryPoint; n != nil && slices.ContainsFunc(points, func(p *api.RecoveryPoint) bool { return p.Name == n.Name }) {
			drills = append(drills, q)
		}
	}
	for _, q := range drills {
		if q.UID != d.UID {
			siblings = append(siblings, q)
		}
	}
	var all api.RestoreDrillList
	if err := r.Read.Cache.List(ctx, &all, client.MatchingFields{indexDrillRunning: yes}); err != nil {
		return nil, 0, fmt.Errorf("list drills under way: %w", err)
	}
	return siblings, len(all.Items), nil
}

// drills are those that speak of a policy.
func (r *Reader) drills(ctx context.Context, namespace, policy string) ([]*api.RestoreDrill, error) {
	var list api.RestoreDrillList
	if err := r.Cache.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{indexDrillPolicy: policy}); err != nil {
		return nil, fmt.Errorf("list drills: %w", err)
	}
	return pointers(list.Items), nil
}

// policy is a policy by name; nil when there is none.
func (r *Reader) policy(ctx context.Context, from client.Reader, namespace, name string) (*api.BackupPolicy, error) {
	if name == "" {
		return nil, nil
	}
	var b api.BackupPolicy
	err := from.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &b)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get policy %s: %w", name, err)
	}
	return &b, nil
}
