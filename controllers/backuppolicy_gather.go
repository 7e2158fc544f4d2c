// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// gather reads everything the decision about a policy may depend on, once.
func (r *PolicyReconciler) gather(ctx context.Context, b *api.BackupPolicy) (o plan.PolicyObserved, err error) {
	o = plan.PolicyObserved{Policy: b, Settings: r.Settings}
	if o.NamespaceTerminating, err = r.Read.terminating(ctx, r.Read.Cache, b.Namespace); err != nil {
		return o, err
	}
	if !b.DeletionTimestamp.IsZero() {
		if o.Withdrawn, err = r.Read.withdrawn(ctx, "backuppolicies"); err != nil {
			return o, err
		}
	}
	if o.Points, err = r.Read.points(ctx, b.Namespace, b.Name); err != nil {
		return o, err
	}
	if o.Drills, err = r.Read.drills(ctx, b.Namespace, b.Name); err != nil {
		return o, err
	}
	if o.Restores, err = r.Read.restores(ctx, b.Namespace); err != nil {
		return o, err
	}
	if o.Claims, o.Throwaways, err = r.Read.claims(ctx, b.Namespace); err != nil {
		return o, err
	}
	if o.Workload, err = r.Read.workload(ctx, b.Namespace, b.Spec.Volumes.Workload); err != nil {
		return o, err
	}
	if o.Cluster, err = r.Read.cluster(ctx); err != nil {
		return o, err
	}
	r.gatherDrift(ctx, &o)
	return o, ctx.Err()
}

// gatherDrift reads what only some findings depend on. What cannot be read leaves the others as they are.
func (r *PolicyReconciler) gatherDrift(ctx context.Context, o *plan.PolicyObserved) {
	o.Unread = r.Read.Health.unread()
	missing := func(f drift.Fact, err error) {
		if err != nil {
			o.Unread[f] = err.Error()
		}
	}
	var err error
	o.Storage, err = r.Read.storage(ctx)
	missing(drift.FactStack, err)
	o.StatefulSets, err = r.Read.dropping(ctx, o.Policy.Namespace)
	missing(drift.FactVolumes, err)
	o.Orphans, err = r.Read.made(ctx, o.Policy)
	missing(drift.FactOrphans, err)
}
