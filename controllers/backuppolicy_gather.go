// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// readAgain is when what could not be read is asked for again: no event tells that it can be read now.
const readAgain = 15 * time.Second

// policySeen is what was observed, and why some of it was not.
type policySeen struct {
	plan.PolicyObserved
	failed error
}

// gather reads everything the decision about a policy may depend on, once.
func (r *PolicyReconciler) gather(ctx context.Context, b *api.BackupPolicy) (o policySeen, err error) {
	o.Policy, o.Settings = b, r.Settings
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
	o.failed = r.gatherDrift(ctx, &o.PolicyObserved)
	return o, ctx.Err()
}

// gatherDrift reads what only some findings depend on. What cannot be read leaves the others as they are.
func (r *PolicyReconciler) gatherDrift(ctx context.Context, o *plan.PolicyObserved) (failed error) {
	o.Unread = r.Read.Health.unread() // whoever watches over the watches has this looked at again
	missing := func(f drift.Fact, err error) {
		if err != nil {
			o.Unread[f] = err.Error()
			failed = errors.Join(failed, err)
		}
	}
	var err error
	o.Storage, err = r.Read.storage(ctx)
	missing(drift.FactStack, err)
	o.StatefulSets, err = r.Read.dropping(ctx, o.Policy.Namespace)
	missing(drift.FactVolumes, err)
	o.Orphans, err = r.Read.made(ctx, o.Policy)
	missing(drift.FactOrphans, err)
	o.Repositories, err = r.Read.repositories(ctx, o.Policy, o.Points)
	missing(drift.FactCopies, err)
	if err == nil && o.Repositories == nil {
		delete(o.Unread, drift.FactCopies) // nothing depends on it
	}
	return failed
}

// repositories are those of a policy's namespace, by name; read only where copies are promised or there are some.
func (r *Reader) repositories(ctx context.Context, b *api.BackupPolicy, points []*api.RecoveryPoint) (map[string]*api.Repository, error) {
	if len(b.Spec.Copies) == 0 && !slices.ContainsFunc(points, func(p *api.RecoveryPoint) bool { return len(p.Status.Copies) > 0 }) {
		return nil, nil
	}
	v, err := r.vaults(ctx, b.Namespace)
	return v.Repositories, err
}
