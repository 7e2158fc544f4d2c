// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
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
	if o.Claims, err = r.Read.claims(ctx, b.Namespace); err != nil {
		return o, err
	}
	if o.Workload, err = r.Read.workload(ctx, b.Namespace, b.Spec.Volumes.Workload); err != nil {
		return o, err
	}
	o.Cluster, err = r.Read.cluster(ctx)
	return o, err
}
