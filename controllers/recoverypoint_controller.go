// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"sync"
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
)

// PointReconciler carries recovery points out.
type PointReconciler struct {
	Read     *Reader
	Write    *apply.Writer
	Hooks    HookRunner
	Tell     Teller
	Clock    clock.PassiveClock
	Settings plan.Settings

	retries  sync.Map // point UID → when what was refused may be tried again
	asked    sync.Map // point UID → snapshot name → when it was asked for
	switched sync.Map // point UID → content UID → the version that was switched to Retain
}

// HookRunner runs a hook in the pods it selects.
type HookRunner interface {
	Run(ctx context.Context, namespace string, hook api.Hook) api.HookRecord
}

// +kubebuilder:rbac:groups=snapshot.storage.k8s.io,resources=volumesnapshots,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=snapshot.storage.k8s.io,resources=volumesnapshotcontents,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=groupsnapshot.storage.k8s.io,resources=volumegroupsnapshots,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=groupsnapshot.storage.k8s.io,resources=volumegroupsnapshotcontents,verbs=get;list;patch;delete
// +kubebuilder:rbac:groups=groupsnapshot.storage.k8s.io,resources=volumegroupsnapshotclasses,verbs=get;list

// Reconcile gathers, asks, does, and says.
func (r *PointReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var p api.RecoveryPoint
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &p)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForPoint(seen, now)
	done, err := r.apply(ctx, &p, &todo, now)
	r.putOff(&p, done.Refused, &todo, now)
	if told := r.report(ctx, &p, todo.Status(seen, done, r.Clock.Now()), todo.Notes); told != nil {
		err = errors.Join(err, told)
	}
	if err == nil { // the finalizer goes last, and only when all else went well
		err = r.release(ctx, &p, todo)
	}
	return settle(todo.Wake, now, err)
}

func (r *PointReconciler) apply(ctx context.Context, p *api.RecoveryPoint, todo *plan.PointPlan, now time.Time) (plan.Done, error) {
	var done plan.Done
	if todo.Finalizer == plan.FinalizerAdd {
		return done, r.Write.Finalizer(ctx, p.DeepCopy(), api.FinalizerSnapshots, plan.FinalizerAdd)
	}
	for _, h := range todo.Hooks {
		done.Hooks = append(done.Hooks, r.Hooks.Run(ctx, p.Namespace, h))
	}
	var errs [6]error
	done.Refused, errs[0] = r.ask(ctx, p, todo, now)
	if todo.CreateGroup != nil {
		done.Refused, errs[1] = r.Write.Group(ctx, p, *todo.CreateGroup, r.Read.API.Groups(), todo.Waiting())
	}
	errs[2] = r.Write.Adopt(ctx, p, todo.Adopt)
	errs[3] = r.retain(ctx, p, todo.Retain)
	if todo.RetainGroup != nil {
		errs[3] = errors.Join(errs[3], r.Write.RetainGroup(ctx, p, *todo.RetainGroup, r.Read.API.Groups()))
	}
	if todo.DeleteGroup != nil {
		errs[4] = r.Write.DeleteGroup(ctx, p.Namespace, *todo.DeleteGroup, todo.Delete, r.Read.API.Groups())
	} else {
		errs[5] = r.Write.DeleteSnapshots(ctx, p.Namespace, todo.Delete)
	}
	return done, errors.Join(errs[:]...)
}

// askAgain is when a snapshot that was created and is still not seen is asked for again.
const askAgain = 5 * time.Second

// ask creates snapshots. One that was created is not created again while the cache merely lags behind.
func (r *PointReconciler) ask(ctx context.Context, p *api.RecoveryPoint, todo *plan.PointPlan, now time.Time) (plan.Refusals, error) {
	if len(todo.Create) == 0 {
		r.asked.Delete(p.UID)
		return nil, nil
	}
	known, _ := r.asked.Load(p.UID)
	before, _ := known.(map[string]time.Time)
	after := make(map[string]time.Time, len(todo.Create))
	var due []plan.SnapshotOrder
	for _, o := range todo.Create {
		if at, is := before[o.Name]; is && now.Before(at.Add(askAgain)) {
			after[o.Name] = at
			todo.WakeBy(at.Add(askAgain))
			continue
		}
		due = append(due, o)
	}
	refused, err := r.Write.Snapshots(ctx, p, due)
	for _, o := range due {
		if _, is := refused[o.Claim.UID]; !is && err == nil {
			after[o.Name] = now
		}
	}
	r.asked.Store(p.UID, after)
	return refused, err
}

// retain switches contents. One that was switched is not switched again while the cache still shows it as it was: of a
// thousand contents, the next pass sees the last ones late.
func (r *PointReconciler) retain(ctx context.Context, p *api.RecoveryPoint, orders []plan.RetainOrder) error {
	if len(orders) == 0 {
		r.switched.Delete(p.UID)
		return nil
	}
	known, _ := r.switched.Load(p.UID)
	before, _ := known.(map[string]string)
	after := make(map[string]string, len(orders))
	var due []plan.RetainOrder
	for _, o := range orders {
		if before[o.UID] == "" || before[o.UID] != o.Version {
			due = append(due, o)
		}
		after[o.UID] = o.Version
	}
	if err := r.Write.Retain(ctx, p, due); err != nil {
		r.switched.Delete(p.UID)
		return err
	}
	r.switched.Store(p.UID, after)
	return nil
}

// report writes the status once, when it changed, and only then tells what became true.
func (r *PointReconciler) report(ctx context.Context, p *api.RecoveryPoint, status api.RecoveryPointStatus, notes []plan.Note) error {
	if equality.Semantic.DeepEqual(p.Status, status) {
		return nil
	}
	after := p.DeepCopy()
	after.Status = status
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(p), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !plan.Finished(p) && plan.Finished(after) {
		log.FromContext(ctx).Info("capture ended", "complete", plan.Complete(after), "progress", status.Progress)
	}
	r.Tell.All(p, notes)
	return nil
}

func (r *PointReconciler) release(ctx context.Context, p *api.RecoveryPoint, todo plan.PointPlan) error {
	if todo.Finalizer != plan.FinalizerRelease {
		return nil
	}
	if err := r.Write.Finalizer(ctx, p.DeepCopy(), api.FinalizerSnapshots, plan.FinalizerRelease); err != nil {
		return err
	}
	r.retries.Delete(p.UID)
	r.asked.Delete(p.UID)
	r.switched.Delete(p.UID)
	return nil
}

// putOff waits longer the longer a capture is refused: a quota is not asked ten times a second.
func (r *PointReconciler) putOff(p *api.RecoveryPoint, refused plan.Refusals, todo *plan.PointPlan, now time.Time) {
	if len(refused) == 0 || p.Status.Capture == nil {
		return
	}
	wait := min(max(now.Sub(p.Status.Capture.StartedAt.Time)/2, time.Second), time.Minute)
	r.retries.Store(p.UID, now.Add(wait))
	todo.WakeBy(now.Add(wait))
}
