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
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// RestoreReconciler carries restores out.
type RestoreReconciler struct {
	Read  *Reader
	Write *apply.Writer
	Tell  Teller
	Clock clock.PassiveClock
	Mover objects.Mover
}

// +kubebuilder:rbac:groups=lifeboat.dev,resources=restores,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=restores/status,verbs=patch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=recoverypoints,verbs=get;list;watch;create
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses,verbs=list;watch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=repositories,verbs=get;list;watch

// Reconcile gathers, asks, does, and says.
func (r *RestoreReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var x api.Restore
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &x); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &x)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForRestore(seen, now)
	err = r.apply(ctx, seen, &todo)
	if told := r.report(ctx, &x, todo); told != nil {
		err = errors.Join(err, told)
	}
	if err == nil && todo.Finalizer == plan.FinalizerRelease { // it goes last, and only when all else went well
		err = r.release(ctx, &x)
	}
	return settle(todo.Wake, now, err)
}

func (r *RestoreReconciler) apply(ctx context.Context, seen plan.RestoreObserved, todo *plan.RestorePlan) error {
	x := seen.Restore
	run := restoreRun(x)
	if todo.Finalizer == plan.FinalizerAdd {
		return r.Write.Finalizer(ctx, x.DeepCopy(), api.FinalizerThrowaways, plan.FinalizerAdd)
	}
	if todo.Safety != nil {
		if err := r.Write.SafetyPoint(ctx, run, *todo.Safety); err != nil {
			return err
		}
	}
	if err := r.bring(ctx, seen, todo); err != nil {
		return err
	}
	for _, s := range todo.Swap {
		why, err := r.Write.Swap(ctx, run, s)
		if err != nil {
			return err
		}
		if why != nil {
			todo.SwapRefused(s.Claim, *why, r.Clock.Now())
		}
	}
	return r.Write.Remove(ctx, x.Namespace, todo.Remove)
}

// bring creates what each volume needs next. What is refused ends that volume, and no other.
func (r *RestoreReconciler) bring(ctx context.Context, seen plan.RestoreObserved, todo *plan.RestorePlan) error {
	run := restoreRun(seen.Restore)
	if todo.Isolate {
		why, err := r.Write.Isolate(ctx, objects.Isolation(run, todo.Throw))
		if err != nil {
			return err
		}
		if why != nil {
			for _, o := range todo.Bring {
				todo.Refused(seen, o.Volume, *why, r.Clock.Now())
			}
			return nil
		}
	}
	for _, o := range todo.Bring {
		if plan.RestoreEnded(&api.Restore{Status: todo.Status}) {
			return nil
		}
		var claims []plan.ClaimOrder
		var mounts []plan.MountOrder
		var reads []plan.ReadOrder
		var writes []plan.RepositoryOrder
		if o.Claim != nil {
			claims = append(claims, *o.Claim)
		}
		if o.Mount != nil {
			mounts = append(mounts, *o.Mount)
		}
		if o.Read != nil {
			reads = append(reads, *o.Read)
		}
		if o.Write != nil {
			writes = append(writes, *o.Write)
		}
		why, err := r.Write.Bring(ctx, run, claims, mounts, reads, r.Mover)
		if why == nil && err == nil {
			why, err = r.Write.Writers(ctx, run, writes, r.Mover)
		}
		if err != nil {
			return err
		}
		if why != nil {
			todo.Refused(seen, o.Volume, *why, r.Clock.Now())
		}
	}
	return nil
}

// report writes the status once, when it changed, and only then tells people.
func (r *RestoreReconciler) report(ctx context.Context, x *api.Restore, todo plan.RestorePlan) error {
	if equality.Semantic.DeepEqual(x.Status, todo.Status) {
		return nil
	}
	after := x.DeepCopy()
	after.Status = todo.Status
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(x), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	if x.Status.FinishedAt == nil && after.Status.FinishedAt != nil {
		log.FromContext(ctx).Info("restore ended", "progress", after.Status.Progress)
	}
	r.Tell.All(x, todo.Notes)
	return nil
}

func (r *RestoreReconciler) release(ctx context.Context, x *api.Restore) error {
	var fresh api.Restore // the status was just written, and the finalizer goes only from what is there now
	if err := r.Read.Live.Get(ctx, client.ObjectKeyFromObject(x), &fresh); err != nil {
		return client.IgnoreNotFound(err)
	}
	return r.Write.Finalizer(ctx, &fresh, api.FinalizerThrowaways, plan.FinalizerRelease)
}
