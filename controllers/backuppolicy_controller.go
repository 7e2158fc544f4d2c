// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/metrics"
)

// PolicyReconciler carries backup policies out.
type PolicyReconciler struct {
	Read     *Reader
	Write    *apply.Writer
	Tell     Teller
	Clock    clock.PassiveClock
	Settings plan.Settings

	written written
}

// +kubebuilder:rbac:groups=lifeboat.dev,resources=backuppolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=backuppolicies/status,verbs=patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=recoverypoints,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=lifeboat.dev,resources=recoverypoints/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims;persistentvolumes,verbs=list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get,resourceNames=backuppolicies.lifeboat.dev;recoverypoints.lifeboat.dev
// +kubebuilder:rbac:groups=apps,resources=statefulsets;deployments;daemonsets,verbs=list;watch
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses;csidrivers;csinodes,verbs=list;watch
// +kubebuilder:rbac:groups=snapshot.storage.k8s.io,resources=volumesnapshotclasses,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile gathers, asks, does, and says.
func (r *PolicyReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	if req == heartbeat {
		metrics.Evaluated(r.Clock.Now())
		return ctrl.Result{}, nil
	}
	var b api.BackupPolicy
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &b); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.written.over(&b) {
		if err := r.Read.Live.Get(ctx, req.NamespacedName, &b); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &b)
	if err != nil {
		return settle(time.Time{}, now, r.unevaluable(ctx, &b, now, err))
	}
	if !b.DeletionTimestamp.IsZero() {
		return settle(time.Time{}, now, errors.Join(r.conclude(ctx, &b, plan.ForDeletedPolicy(seen.PolicyObserved)), seen.failed))
	}
	todo := plan.ForPolicy(seen.PolicyObserved, now)
	if seen.failed != nil {
		log.FromContext(ctx).Error(seen.failed, "some promises cannot be judged")
		todo.WakeBy(now.Add(readAgain))
	}
	err = r.apply(ctx, &b, &todo)
	if told := r.report(ctx, &b, todo); told != nil {
		err = errors.Join(err, told)
	}
	metrics.Evaluated(now)
	return settle(todo.Wake, now, err)
}

// unevaluable states that the policy cannot be judged: what was true before is not known to be true any more.
func (r *PolicyReconciler) unevaluable(ctx context.Context, b *api.BackupPolicy, now time.Time, why error) error {
	if ctx.Err() != nil || !b.DeletionTimestamp.IsZero() {
		return why
	}
	return errors.Join(why, r.report(ctx, b, plan.Unevaluable(b, why, now)))
}

// apply creates before it deletes.
func (r *PolicyReconciler) apply(ctx context.Context, b *api.BackupPolicy, todo *plan.PolicyPlan) error {
	if err := r.Write.Finalizer(ctx, b.DeepCopy(), api.FinalizerPoints, todo.Finalizer); err != nil {
		return err
	}
	if todo.Take != nil {
		if err := r.Write.Take(ctx, b, *todo.Take); err != nil {
			todo.TakeFailed(b.Status)
			return err
		}
	}
	if todo.Rehearse != nil {
		if err := r.Write.Rehearse(ctx, b, *todo.Rehearse); err != nil {
			todo.DrillFailed(b.Status)
			return err
		}
	}
	for _, k := range todo.Keep {
		if err := r.Write.Keep(ctx, b.Namespace, k); err != nil {
			return err
		}
	}
	if err := r.Write.Forget(ctx, b.Namespace, todo.Forget); err != nil {
		return err
	}
	if err := r.letGo(ctx, b, todo.Release); err != nil {
		return err
	}
	return r.expire(ctx, b, todo.Expire)
}

// letGo lets parts of points go whose other parts are kept.
func (r *PolicyReconciler) letGo(ctx context.Context, b *api.BackupPolicy, orders []plan.ReleaseOrder) error {
	for _, o := range orders {
		err := r.Write.Release(ctx, b, o)
		var refused *apply.Refused
		if errors.As(err, &refused) {
			metrics.PruneRefused(api.ReasonDeletionHeld)
			continue
		}
		if err != nil {
			return err
		}
		log.FromContext(ctx).Info("let a part of a recovery point go", "recoveryPoint", o.Name, "part", o.Part)
		r.Tell.Tell(b, plan.Note{Reason: api.ReasonExpired, Message: "of recovery point " + o.Name + " " + o.Part + " was let go"})
	}
	return nil
}

func (r *PolicyReconciler) expire(ctx context.Context, b *api.BackupPolicy, targets []plan.Target) error {
	for _, t := range targets {
		err := r.Write.Expire(ctx, b, t)
		var refused *apply.Refused
		if errors.As(err, &refused) {
			metrics.PruneRefused(api.ReasonDeletionHeld)
			continue
		}
		if err != nil {
			return err
		}
		log.FromContext(ctx).Info("expired a recovery point", "recoveryPoint", t.Name)
		r.Tell.Tell(b, plan.Note{Reason: api.ReasonExpired, Message: "recovery point " + t.Name + " was expired"})
	}
	return nil
}

// report writes the status once, when it changed, and only then tells what became true.
func (r *PolicyReconciler) report(ctx context.Context, b *api.BackupPolicy, todo plan.PolicyPlan) error {
	if equality.Semantic.DeepEqual(b.Status, todo.Status) {
		return nil
	}
	after := b.DeepCopy()
	after.Status = todo.Status
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(b), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.written.note(b)
	r.Tell.All(b, todo.Notes)
	return nil
}

// conclude carries out what the deletion of a policy asks for. The deleted policy with its finalizer is the durable intent.
func (r *PolicyReconciler) conclude(ctx context.Context, b *api.BackupPolicy, todo plan.PolicyPlan) error {
	if err := r.expire(ctx, b, todo.Expire); err != nil {
		return err
	}
	r.Tell.All(b, todo.Notes)
	return r.Write.Finalizer(ctx, b.DeepCopy(), api.FinalizerPoints, todo.Finalizer)
}
