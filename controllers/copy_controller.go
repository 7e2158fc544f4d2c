// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// CopyReconciler copies recovery points into repositories, and removes what is not to be kept there. It looks at one point at a
// time, so that copies are counted before another begins.
type CopyReconciler struct {
	Read     *Reader
	Write    *apply.Writer
	Tell     Teller
	Clock    clock.PassiveClock
	Settings plan.Settings
	Mover    objects.Mover
	Logs     PodTails

	looked map[types.UID]time.Time // of each point, when its copiers were last asked how far they are
	begun  map[string]begunCopy    // by run: copies that the cache may not show yet
}

// PodTails reads what a pod of ours printed last.
type PodTails interface {
	Tail(ctx context.Context, namespace, pod string, lines int64) ([]byte, error)
}

// begunCopy is a copy that was written down as begun.
type begunCopy struct {
	point   client.ObjectKey
	uid     types.UID
	target  string
	into    client.ObjectKey
	attempt int32
	at      time.Time
}

// copyKind is the kind of run that a copy is. Its name is that of its point.
const copyKind = "Copy"

func copyRun(p *api.RecoveryPoint, target string) objects.Run {
	return objects.Run{Kind: copyKind, Namespace: p.Namespace, Name: p.Name, UID: names.CopyRun(string(p.UID), target)}
}

// +kubebuilder:rbac:groups=lifeboat.dev,resources=repositories,verbs=get;list;watch

// Reconcile gathers, asks, does, and says. A point of which something is under way is read live: what has ended must not be
// forgotten by a cache that lags, or its pods would be made a second time.
func (r *CopyReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var p api.RecoveryPoint
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if plan.CopiesUnderWay(&p) {
		if err := r.Read.Live.Get(ctx, req.NamespacedName, &p); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &p, now)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForCopy(seen, now)
	err = r.apply(ctx, seen, &todo)
	if told := r.report(ctx, seen, &todo); told != nil {
		return settle(time.Time{}, now, errors.Join(err, told))
	}
	if err == nil { // the finalizer goes last, and only when all else went well
		err = r.Write.Finalizer(ctx, p.DeepCopy(), api.FinalizerCopies, todo.Finalizer)
	}
	return settle(todo.Wake, now, err)
}

func (r *CopyReconciler) apply(ctx context.Context, seen plan.CopyObserved, todo *plan.CopyPlan) error {
	refused := map[string]plan.Problem{}
	var errs []error
	for _, w := range todo.Work {
		run := copyRun(seen.Point, w.Target)
		why, err := r.Write.Bring(ctx, run, w.Claims, w.Mounts, nil, r.Mover)
		if why == nil && err == nil {
			why, err = r.Write.Writers(ctx, run, w.Pods, r.Mover)
		}
		if why != nil {
			refused[w.Target] = *why
		}
		errs = append(errs, err, r.Write.Remove(ctx, seen.Point.Namespace, w.Remove))
	}
	todo.Refused(refused, r.Clock.Now())
	return errors.Join(errs...)
}

// report writes down how far the copies are, when that changed, and only then tells what became true.
func (r *CopyReconciler) report(ctx context.Context, seen plan.CopyObserved, todo *plan.CopyPlan) error {
	now := r.Clock.Now()
	if !todo.Changed(seen, now) {
		return nil
	}
	before := seen.Point
	after := before.DeepCopy()
	after.Status.Copies, after.Status.Conditions = todo.Copies, todo.Conditions(seen, now)
	r.remember(before, todo.Copies, now)
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(before), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.Tell.All(before, todo.Notes)
	return nil
}

// remember notes which copies are begun by what is written now. They count although the cache may not show them yet, and although
// it may not be known whether the writing succeeded.
func (r *CopyReconciler) remember(p *api.RecoveryPoint, copies []api.CopyRecord, now time.Time) {
	if r.begun == nil {
		r.begun = map[string]begunCopy{}
	}
	for _, c := range copies {
		was := slices.IndexFunc(p.Status.Copies, func(q api.CopyRecord) bool { return q.Name == c.Name && q.State == c.State && q.Attempt == c.Attempt })
		if c.State == api.CopyCopying && was < 0 {
			r.begun[names.CopyRun(string(p.UID), c.Name)] = begunCopy{
				point: client.ObjectKeyFromObject(p), uid: p.UID, target: c.Name, attempt: c.Attempt, at: now, into: client.ObjectKey{Namespace: p.Namespace, Name: c.Repository}}
		}
	}
}
