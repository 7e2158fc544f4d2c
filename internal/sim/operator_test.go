// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// errDead is what a killed operator gets to hear.
var errDead = errors.New("the operator was killed")

// Operator is one process of the operator, with its queues.
type Operator struct {
	Dead    bool
	Changes int // requests to change something so far
	Calls   int // requests so far, hooks included
	Log     []string

	world    *World
	around   testkit.Around
	policies *controllers.PolicyReconciler
	points   *controllers.PointReconciler
	queue    map[request]time.Time
	fails    map[request]int
}

type request struct{ kind, namespace, name string }

const (
	policyKind = "BackupPolicy"
	pointKind  = "RecoveryPoint"
)

// Start starts an operator in place of the one before. Around may be nil; lag is by how many writes its cache is behind.
func (w *World) Start(around testkit.Around, lag func() int) *Operator {
	w.operators = nil
	return w.Join(around, lag)
}

// Join starts one more operator.
func (w *World) Join(around testkit.Around, lag func() int) *Operator {
	o := &Operator{world: w, around: around, queue: map[request]time.Time{}, fails: map[request]int{}}
	live := w.API.Client(o.call)
	cached := live
	if lag != nil {
		cached = live.Lagging(lag)
	}
	read := &controllers.Reader{Cache: cached, Live: live, API: controllers.ServedSnapshotAPI("")}
	write := &apply.Writer{Client: cached, Live: live, Lanes: apply.NewLanes(1)}
	tell := controllers.Teller{Recorder: w}
	o.policies = &controllers.PolicyReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Settings: w.Settings}
	o.points = &controllers.PointReconciler{Read: read, Write: write, Hooks: o, Tell: tell, Clock: w.Clock, Settings: w.Settings}
	w.operators = append(w.operators, o)
	o.wakeAll()
	return o
}

// call is every request of the operator: counted, checked, and spoiled as asked.
func (o *Operator) call(c testkit.Call, do func() error) error {
	if o.Dead {
		return errDead
	}
	o.Calls++
	if c.Verb.Writes() {
		o.Changes++
		o.Log = append(o.Log, c.String())
	}
	checked := func() error {
		o.world.Checks.Before(c)
		err := do()
		o.world.Checks.After(c, err)
		return err
	}
	if o.around == nil {
		return checked()
	}
	return o.around(c, checked)
}

// hookVerb stands for a hook among the calls, so that it can be cut short as any other.
const hookVerb testkit.Verb = "run hook"

// Run is controllers.HookRunner.
func (o *Operator) Run(_ context.Context, namespace string, h api.Hook) api.HookRecord {
	done := metav1.NewTime(o.world.Clock.Now().UTC().Truncate(time.Second))
	r := api.HookRecord{Name: h.Name, State: api.HookSucceeded, Pods: 1, FinishedAt: &done}
	err := o.call(testkit.Call{Verb: hookVerb, Kind: "Hook", Key: client.ObjectKey{Namespace: namespace, Name: h.Name}}, func() error {
		o.world.Hooks = append(o.world.Hooks, HookRun{o.world.Clock.Now(), h.Name})
		return nil
	})
	if err != nil || h.Command[0] == "false" {
		r.State, r.Message = api.HookFailed, "the command ended with exit code 1"
	}
	return r
}

// work does what is due. It tells whether anything was.
func (o *Operator) work() (bool, error) {
	now := o.world.Clock.Now()
	var due []request
	for r, at := range o.queue {
		if !at.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b request) int { return strings.Compare(a.kind+a.name, b.kind+b.name) })
	for _, r := range due {
		delete(o.queue, r)
		if err := o.reconcile(r); err != nil {
			return true, err
		}
		if o.Dead {
			o.world.Start(nil, nil)
			return true, nil
		}
	}
	return len(due) > 0, nil
}

// reconcile runs one reconciler, which may panic: that is reported with the request.
func (o *Operator) reconcile(r request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s: panic: %v", r.kind, r.name, p)
		}
	}()
	o.world.Passes++
	req := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: r.namespace, Name: r.name}}
	run := o.points.Reconcile
	if r.kind == policyKind {
		run = o.policies.Reconcile
	}
	result, failed := run(context.Background(), req)
	now := o.world.Clock.Now()
	switch {
	case failed != nil:
		o.fails[r]++
		o.add(r, now.Add(min(100*time.Millisecond<<min(o.fails[r], 14), 1000*time.Second)))
	case result.RequeueAfter > 0:
		delete(o.fails, r)
		o.add(r, now.Add(result.RequeueAfter))
	default:
		delete(o.fails, r)
	}
	return nil
}

// add keeps the earliest time at which something is due, as the work queue does.
func (o *Operator) add(r request, at time.Time) {
	if was, ok := o.queue[r]; !ok || at.Before(was) {
		o.queue[r] = at
	}
}

// wakeAll looks at every object, as a start does.
func (o *Operator) wakeAll() {
	now := o.world.Clock.Now()
	var b api.BackupPolicyList
	must(o.world.User.List(context.Background(), &b))
	for i := range b.Items {
		o.add(request{policyKind, b.Items[i].Namespace, b.Items[i].Name}, now)
	}
	for _, p := range o.world.Points() {
		o.add(request{pointKind, p.Namespace, p.Name}, now)
	}
}

// snapshotDelay is for how long events of snapshots are gathered.
const snapshotDelay = 200 * time.Millisecond

// route turns changes into requests, by the same rules as the watches of the operator. They are written down once more
// here on purpose: a watch that is lost there is found by the tests against a real API server.
func (o *Operator) route(news []testkit.Change) {
	now := o.world.Clock.Now()
	for _, c := range news {
		obj := c.Now
		if obj == nil {
			obj = c.Then
		}
		switch obj := obj.(type) {
		case *api.BackupPolicy:
			o.routePolicy(c, obj, now)
		case *api.RecoveryPoint:
			o.add(request{pointKind, obj.Namespace, obj.Name}, now)
			o.add(request{policyKind, obj.Namespace, obj.Spec.Policy.Name}, now)
			if c.Now == nil || (c.Then != nil && captureEnded(c.Then.(*api.RecoveryPoint), obj)) {
				o.wakeOpen(obj.Namespace, obj.Spec.Policy.Name, now)
			}
		case *snapshotv1.VolumeSnapshot:
			o.add(request{pointKind, obj.Namespace, obj.Labels[api.LabelPoint]}, now.Add(snapshotDelay))
		case *snapshotv1.VolumeSnapshotContent:
			o.routeContent(obj, now)
		case *corev1.PersistentVolumeClaim, *snapshotv1.VolumeSnapshotClass:
			o.wakePolicies(now)
		}
	}
}

func (o *Operator) routePolicy(c testkit.Change, b *api.BackupPolicy, now time.Time) {
	if c.Then != nil && c.Now != nil {
		before := c.Then.(*api.BackupPolicy)
		edited := before.Generation != b.Generation || before.DeletionTimestamp.IsZero() != b.DeletionTimestamp.IsZero()
		if !edited && len(before.Status.Expiring) == len(b.Status.Expiring) {
			return
		}
		if edited {
			o.wakeOpen(b.Namespace, b.Name, now)
		}
	} else {
		o.wakeOpen(b.Namespace, b.Name, now)
	}
	o.add(request{policyKind, b.Namespace, b.Name}, now)
}

func (o *Operator) routeContent(c *snapshotv1.VolumeSnapshotContent, now time.Time) {
	ref := c.Spec.VolumeSnapshotRef
	point := c.Labels[api.LabelPoint]
	if point == "" {
		var s snapshotv1.VolumeSnapshot
		if o.world.User.Get(context.Background(), client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &s) != nil {
			return
		}
		point = s.Labels[api.LabelPoint]
	}
	o.add(request{pointKind, ref.Namespace, point}, now.Add(snapshotDelay))
}

func captureEnded(before, after *api.RecoveryPoint) bool {
	return plan.Finished(before) != plan.Finished(after) || plan.Complete(before) != plan.Complete(after) ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
}

func (o *Operator) wakeOpen(namespace, policy string, now time.Time) {
	for _, p := range o.world.Points() {
		if p.Namespace == namespace && p.Spec.Policy.Name == policy && (p.Status.Capture == nil || !p.DeletionTimestamp.IsZero()) {
			o.add(request{pointKind, p.Namespace, p.Name}, now)
		}
	}
}

func (o *Operator) wakePolicies(now time.Time) {
	var l api.BackupPolicyList
	must(o.world.User.List(context.Background(), &l))
	for i := range l.Items {
		o.add(request{policyKind, l.Items[i].Namespace, l.Items[i].Name}, now)
	}
}

func items(l client.ObjectList) []client.Object {
	var out []client.Object
	list, err := meta.ExtractList(l)
	must(err)
	for _, o := range list {
		out = append(out, o.(client.Object))
	}
	return out
}
