// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// FingerprintReconciler records what the volumes of complete points hold.
type FingerprintReconciler struct {
	Read     *Reader
	Write    *apply.Writer
	Tell     Teller
	Clock    clock.PassiveClock
	Settings plan.Settings
	Mover    objects.Mover
	Logs     PodLogs
}

// PodLogs reads what a pod of ours printed.
type PodLogs interface {
	Read(ctx context.Context, namespace, pod string, most int64) ([]byte, error)
}

// mostPrinted is how much of what a reader printed is looked at: a compressed list of files, written in letters, and progress.
const mostPrinted = 2 << 20

// +kubebuilder:rbac:groups="",resources=pods/log,verbs=get

func fingerprintRun(p *api.RecoveryPoint) objects.Run {
	return objects.Run{Kind: "RecoveryPoint", Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
}

// Reconcile gathers, asks, does, and says.
func (r *FingerprintReconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var p api.RecoveryPoint
	if err := r.Read.Cache.Get(ctx, req.NamespacedName, &p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !plan.WantsFingerprint(&p) {
		return ctrl.Result{}, nil
	}
	now := r.Clock.Now()
	seen, err := r.gather(ctx, &p)
	if err != nil {
		return settle(time.Time{}, now, err)
	}
	todo := plan.ForFingerprint(seen, now)
	refused, err := r.Write.Bring(ctx, fingerprintRun(&p), todo.Claims, todo.Mounts, todo.Reads, r.Mover)
	if refused != nil {
		todo.Refused(*refused, r.Clock.Now())
	}
	r.keep(ctx, &p, &todo)
	err = errors.Join(err, r.Write.Remove(ctx, p.Namespace, todo.Remove), r.report(ctx, seen, todo))
	return settle(todo.Wake, now, err)
}

// keep keeps the lists of files that are wanted. What cannot be kept is told, and not tried again: the fingerprint is as good without.
func (r *FingerprintReconciler) keep(ctx context.Context, p *api.RecoveryPoint, todo *plan.FingerprintPlan) {
	for _, k := range todo.Keep {
		err := r.keepOne(ctx, p, k)
		if err == nil {
			todo.Kept(k, nil)
			continue
		}
		todo.Kept(k, &plan.Problem{Reason: api.ReasonManifestNotKept, Message: "the list of files is not kept: " + err.Error()})
	}
}

func (r *FingerprintReconciler) keepOne(ctx context.Context, p *api.RecoveryPoint, k plan.KeepManifest) error {
	printed, err := r.Logs.Read(ctx, p.Namespace, k.Pod, mostPrinted)
	if err != nil {
		return err
	}
	compressed, err := result.FindManifest(printed, k.Digest)
	if err != nil {
		return err
	}
	return r.Write.KeepManifest(ctx, p, k, compressed)
}

// gather reads everything the decision may depend on, once.
func (r *FingerprintReconciler) gather(ctx context.Context, p *api.RecoveryPoint) (o plan.FingerprintObserved, err error) {
	o = plan.FingerprintObserved{Point: p, Settings: r.Settings}
	switch f := p.Status.Fingerprint; {
	case f == nil:
		return r.gatherBegin(ctx, o)
	case f.State == api.FingerprintRecording:
		if o.Sources, err = r.Read.sources(ctx, p); err != nil {
			return o, err
		}
		o.Brought, err = r.Read.brought(ctx, fingerprintRun(p))
		return o, err
	}
	o.Brought.Leftovers, err = r.Read.leftovers(ctx, fingerprintRun(p), nil)
	return o, err
}

func (r *FingerprintReconciler) gatherBegin(ctx context.Context, o plan.FingerprintObserved) (_ plan.FingerprintObserved, err error) {
	p := o.Point
	if o.Policy, err = r.Read.pointPolicy(ctx, r.Read.Cache, p); err != nil {
		return o, err
	}
	if o.Points, err = r.Read.points(ctx, p.Namespace, p.Spec.Policy.Name); err != nil {
		return o, err
	}
	var recording api.RecoveryPointList
	if err := r.Read.Cache.List(ctx, &recording, client.MatchingFields{indexPointRecording: yes}); err != nil {
		return o, fmt.Errorf("list fingerprints under way: %w", err)
	}
	o.Running = len(recording.Items)
	return o, nil
}

func (r *FingerprintReconciler) report(ctx context.Context, o plan.FingerprintObserved, todo plan.FingerprintPlan) error {
	if !todo.Changed(o) {
		return nil
	}
	after := o.Point.DeepCopy()
	after.Status.Fingerprint = todo.Fingerprint
	if err := r.Write.Client.Status().Patch(ctx, after, apply.StatusPatch(o.Point), apply.FieldOwner); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.Tell.All(o.Point, todo.Notes)
	return nil
}
