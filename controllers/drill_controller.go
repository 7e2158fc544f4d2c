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

// DrillReconciler carries drills out.
type DrillReconciler struct {
	Read     *Reader
	Write    *apply.Writer
	Evidence *EvidenceRecorder
	Tell     Teller
	Clock    clock.PassiveClock
	Settings plan.Settings
	Mover    objects.Mover
}

// +kubebuilder:rbac:groups=lifeboat.dev,resources=restoredrills,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=lifeboat.dev,resources=restoredrills/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;create;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses,verbs=list;watch
// +kubebuilder:rbac:groups=lifeboat.dev,resources=repositories,verbs=get;list;watch

// Reconcile gathers, asks, does, and says.
func (r *DrillReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var d api.RestoreDrill
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &d); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &d)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForDrill(seen, now)
	refused, err := r.apply(ctx, &d, &todo)
	if refused != nil {
		todo.Refused(seen, *refused, r.Clock.Now())
	}
	if told := r.report(ctx, &d, todo); told != nil {
		err = errors.Join(err, told)
	}
	if err == nil { // the finalizer goes last, and only when all else went well
		err = r.release(ctx, &d, todo)
	}
	return settle(todo.Wake, now, err)
}

func (r *DrillReconciler) apply(ctx context.Context, d *api.RestoreDrill, todo *plan.DrillPlan) (*plan.Problem, error) {
	if todo.Finalizer == plan.FinalizerAdd {
		return nil, r.Write.Finalizer(ctx, d.DeepCopy(), api.FinalizerThrowaways, plan.FinalizerAdd)
	}
	run := drillRun(d)
	if todo.Isolate {
		if why, err := r.Write.Isolate(ctx, objects.Isolation(run, todo.Throw)); why != nil || err != nil {
			return why, err
		}
	}
	if why, err := r.Write.Bring(ctx, run, todo.Claims, todo.Mounts, todo.Reads, r.Mover); why != nil || err != nil {
		return why, err
	}
	if why, err := r.Write.Writers(ctx, run, todo.Writes, r.Mover); why != nil || err != nil {
		return why, err
	}
	if todo.Check != nil {
		if why, err := r.Write.Check(ctx, run, *todo.Check); why != nil || err != nil {
			return why, err
		}
	}
	for _, o := range todo.Dossiers {
		why, err := r.Write.AtRepository(ctx, run, o, r.Mover)
		if err != nil {
			return nil, err
		}
		if why != nil {
			todo.DossierFailed(o.Access.Repository, *why, r.Clock.Now())
		}
	}
	if todo.Record {
		ref, err := r.Evidence.record(ctx, d)
		if err != nil {
			return nil, err
		}
		todo.Status.Evidence = ref
	}
	return nil, r.Write.Remove(ctx, d.Namespace, todo.Remove)
}

// report writes the status once, when it changed, and only then tells what became true: to people, and to the point as a proof.
func (r *DrillReconciler) report(ctx context.Context, d *api.RestoreDrill, todo plan.DrillPlan) error {
	after := d.DeepCopy()
	after.Status = todo.Status
	if !equality.Semantic.DeepEqual(d.Status, todo.Status) {
		if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(d), apply.FieldOwner); err != nil {
			return client.IgnoreNotFound(err)
		}
		if d.Status.Verdict == "" && after.Status.Verdict != "" {
			log.FromContext(ctx).Info("drill ended", "verdict", after.Status.Verdict, "level", after.Status.Level)
		}
		r.Tell.All(d, todo.Notes)
	}
	return r.prove(ctx, after)
}

// prove writes the proof that a drill gave on its point.
func (r *DrillReconciler) prove(ctx context.Context, d *api.RestoreDrill) error {
	proof := plan.ProofOf(d)
	if proof == nil {
		return nil
	}
	var p api.RecoveryPoint
	if err := r.Read.Cache.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: proof.RecoveryPoint}, &p); err != nil {
		return client.IgnoreNotFound(err)
	}
	if string(p.UID) != d.Status.Run.RecoveryPoint.UID {
		return nil
	}
	proofs := plan.Proofs(&p, *proof)
	if proofs == nil {
		return nil
	}
	return r.Write.Prove(ctx, p.Namespace, plan.Target{Name: p.Name, UID: string(p.UID)}, proofs)
}

func (r *DrillReconciler) release(ctx context.Context, d *api.RestoreDrill, todo plan.DrillPlan) error {
	if todo.Finalizer != plan.FinalizerRelease {
		return nil
	}
	var fresh api.RestoreDrill // the status was just written, and the finalizer goes only from what is there now
	if err := r.Read.Live.Get(ctx, client.ObjectKeyFromObject(d), &fresh); err != nil {
		return client.IgnoreNotFound(err)
	}
	return r.Write.Finalizer(ctx, &fresh, api.FinalizerThrowaways, plan.FinalizerRelease)
}
