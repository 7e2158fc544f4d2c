// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Sweeper removes what was to be thrown away and whose run is not there any more to do it: somebody took its finalizer, or
// it is overdue. It looks at one run at a time, named by its UID, and touches only what bears that UID and an expiry.
type Sweeper struct {
	Read  *Reader
	Write *apply.Writer
	Clock clock.PassiveClock
}

// swept is what a request of the sweeper names, in the place of an object's name: kind, name and UID of a run.
func swept(o client.Object) []reconcile.Request {
	l := o.GetLabels()
	if l[api.LabelRunUID] == "" || o.GetAnnotations()[api.AnnotationExpires] == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: o.GetNamespace(), Name: l[api.LabelRunKind] + "/" + l[api.LabelRun] + "/" + l[api.LabelRunUID]}}}
}

// runDeleted lets pass the end of a run: its objects may be left.
var runDeleted = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
}

// Reconcile removes the objects of a run that is not there any more, and what is overdue.
func (s *Sweeper) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	run, err := sweptRun(req)
	if err != nil {
		return ctrl.Result{}, reconcile.TerminalError(err)
	}
	now := s.Clock.Now()
	all, err := s.Read.expiring(ctx, run)
	if err != nil || len(all) == 0 {
		return ctrl.Result{}, err
	}
	gone, err := s.Read.runGone(ctx, run)
	if err != nil {
		return ctrl.Result{}, err
	}
	due, wake := plan.Sweep(all, gone, now)
	return settle(wake, now, s.Write.Remove(ctx, run.Namespace, due))
}

func sweptRun(req reconcile.Request) (objects.Run, error) {
	parts := strings.Split(req.Name, "/")
	if len(parts) != 3 {
		return objects.Run{}, fmt.Errorf("%q names no run", req.Name)
	}
	return objects.Run{Kind: parts[0], Namespace: req.Namespace, Name: parts[1], UID: parts[2]}, nil
}

// expiring are the objects of a run that bear an expiry, read live.
func (r *Reader) expiring(ctx context.Context, run objects.Run) ([]plan.Expiring, error) {
	all, err := r.leftovers(ctx, run, nil)
	if err != nil {
		return nil, err
	}
	out := make([]plan.Expiring, len(all))
	for i, l := range all {
		out[i] = plan.Expiring{Leftover: l}
		if out[i].At, err = r.expiry(ctx, run.Namespace, l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *Reader) expiry(ctx context.Context, namespace string, l plan.Leftover) (time.Time, error) {
	var o client.Object
	switch l.Kind {
	case "Pod":
		o = &corev1.Pod{}
	case "NetworkPolicy":
		o = &networkingv1.NetworkPolicy{}
	case "PersistentVolumeClaim":
		o = &corev1.PersistentVolumeClaim{}
	default:
		return time.Time{}, nil // a volume goes with its claim
	}
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: l.Name}, o); err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	at, err := time.Parse(time.RFC3339, o.GetAnnotations()[api.AnnotationExpires])
	if err != nil {
		return time.Time{}, nil // without a time it goes only with its run
	}
	return at, nil
}

// runGone says whether the very run is not there any more, or no longer needs what it threw away.
func (r *Reader) runGone(ctx context.Context, run objects.Run) (bool, error) {
	o := blankRun(run.Kind)
	if o == nil {
		return false, nil // not ours to judge
	}
	return gone(ctx, r.Live, run, o)
}

// blankRun is an object of a kind of runs, to be read into; nil for what is none.
func blankRun(kind string) client.Object {
	switch kind {
	case "RestoreDrill":
		return &api.RestoreDrill{}
	case "Restore":
		return &api.Restore{}
	case "RecoveryPoint", copyKind:
		return &api.RecoveryPoint{}
	case "Repository":
		return &api.Repository{}
	}
	return nil
}

// gone says whether a very object is not there any more.
func gone(ctx context.Context, from client.Reader, run objects.Run, o client.Object) (bool, error) {
	if err := from.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: run.Name}, o); err != nil {
		return client.IgnoreNotFound(err) == nil, client.IgnoreNotFound(err)
	}
	return !isRun(o, run), nil
}

// isRun says whether an object is the very run. A copy is a run of its point's, for as long as the point has it on record.
func isRun(o client.Object, run objects.Run) bool {
	if p, is := o.(*api.RecoveryPoint); is && run.Kind == copyKind {
		return plan.CopyRunOf(p, run.UID)
	}
	return string(o.GetUID()) == run.UID
}

// runsOf are the runs that an object stands for: itself, and the copies of a point.
func runsOf(o client.Object) []string {
	out := []string{string(o.GetUID())}
	if p, is := o.(*api.RecoveryPoint); is {
		for i := range p.Status.Copies {
			out = append(out, names.CopyRun(string(p.UID), p.Status.Copies[i].Name))
		}
	}
	return out
}
