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
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
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
	number   int // among those that were started
	around   testkit.Around
	cache    *testkit.Client // what it sees, past its checks and faults
	relist   *testkit.Relist // nil while its watches are whole
	listNext time.Time       // when the kinds whose watch is broken are listed again
	listEach time.Duration
	policies *controllers.PolicyReconciler
	points   *controllers.PointReconciler
	drills   *controllers.DrillReconciler
	prints   *controllers.FingerprintReconciler
	sweeper  *controllers.Sweeper
	clusters *controllers.ClusterPolicyReconciler
	vaults   *controllers.RepositoryReconciler
	copies   *controllers.CopyReconciler
	restores *controllers.RestoreReconciler
	queue    map[request]time.Time
	fails    map[request]int
}

type request struct{ kind, namespace, name string }

const (
	policyKind = "BackupPolicy"
	pointKind  = "RecoveryPoint"
	drillKind  = "RestoreDrill"
	printKind  = "Fingerprint"
	sweepKind  = "Sweep"

	clusterKind = "ClusterBackupPolicy"

	repositoryKind = "Repository"
	copyKind       = "Copy"
	restoreKind    = "Restore"
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
	o.cache = w.API.Client(nil)
	if lag != nil {
		cached, o.cache = live.Lagging(lag), o.cache.Lagging(lag)
	}
	o.build(live, cached)
	return o
}

// StartRelisting starts an operator whose watches of some kinds are broken: it lists them each so often instead.
func (w *World) StartRelisting(each time.Duration, kinds ...string) *Operator {
	w.operators = nil
	o := &Operator{world: w, queue: map[request]time.Time{}, fails: map[request]int{}, listEach: each, listNext: w.Clock.Now().Add(each)}
	o.relist = w.API.Relist(kinds...)
	live := w.API.Client(o.call)
	o.cache = w.API.Client(nil).Relisting(o.relist)
	o.build(live, live.Relisting(o.relist))
	return o
}

// build makes the reconcilers, and has everything looked at.
func (o *Operator) build(live, cached *testkit.Client) {
	w := o.world
	w.started++
	o.number = w.started
	read := &controllers.Reader{Cache: cached, Live: live, API: controllers.ServedSnapshotAPI(testkit.GroupVersion)}
	write := &apply.Writer{Client: cached, Live: live, Lanes: apply.NewLanes(1)}
	tell := controllers.Teller{Recorder: o}
	o.policies = &controllers.PolicyReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Settings: w.Settings}
	o.points = &controllers.PointReconciler{Read: read, Write: write, Hooks: o, Tell: tell, Clock: w.Clock, Settings: w.Settings}
	mover := objects.Mover{Image: "mover"}
	o.drills = &controllers.DrillReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Settings: w.Settings, Mover: mover,
		Evidence: &controllers.EvidenceRecorder{Read: read, Write: write, Namespace: systemNamespace, Version: "v1"}}
	o.prints = &controllers.FingerprintReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Settings: w.Settings, Mover: mover}
	o.sweeper = &controllers.Sweeper{Read: read, Write: write, Clock: w.Clock}
	o.clusters = &controllers.ClusterPolicyReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Hooks: w.Settings.HooksEnabled}
	o.vaults = &controllers.RepositoryReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Mover: mover, Logs: logs{o}}
	o.copies = &controllers.CopyReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Settings: w.Settings, Mover: mover, Logs: logs{o}}
	o.restores = &controllers.RestoreReconciler{Read: read, Write: write, Tell: tell, Clock: w.Clock, Mover: mover}
	w.operators = append(w.operators, o)
	o.wakeAll()
}

// hear takes the news that reach it: all at once, but for the kinds whose watch is broken.
func (o *Operator) hear(news []testkit.Change) {
	if o.relist == nil {
		o.route(news)
		return
	}
	o.route(slices.DeleteFunc(slices.Clone(news), func(c testkit.Change) bool { return o.relist.Covers(c.Kind) }))
	if now := o.world.Clock.Now(); !now.Before(o.listNext) {
		o.listNext = now.Add(o.listEach)
		o.route(o.relist.Now())
	}
}

// mend ends the time of broken watches.
func (o *Operator) mend() {
	o.route(o.relist.Mend())
	o.relist = nil
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
		if until := o.world.Unreadable[c.Kind]; c.Verb == testkit.List && o.world.Clock.Now().Before(until) {
			return apierrors.NewForbidden(schema.GroupResource{Resource: c.Kind}, "", errors.New("the operator may not list them"))
		}
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

// What failed is tried again after retryFirst, and after twice as long each time, but never later than retryLast.
const (
	retryFirst = 50 * time.Millisecond
	retryLast  = 30 * time.Second
)

// reconcile runs one reconciler, which may panic: that is reported with the request.
func (o *Operator) reconcile(r request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s: panic: %v", r.kind, r.name, p)
		}
	}()
	o.world.Passes++
	req := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: r.namespace, Name: r.name}}
	run := map[string]reconcile.Func{policyKind: o.policies.Reconcile, pointKind: o.points.Reconcile,
		drillKind: o.drills.Reconcile, printKind: o.prints.Reconcile, sweepKind: o.sweeper.Reconcile, clusterKind: o.clusters.Reconcile,
		repositoryKind: o.vaults.Reconcile, copyKind: o.copies.Reconcile, restoreKind: o.restores.Reconcile}[r.kind]
	result, failed := run(context.Background(), req)
	now := o.world.Clock.Now()
	switch {
	case failed != nil:
		o.fails[r]++
		o.add(r, now.Add(min(retryFirst<<min(o.fails[r]-1, 14), retryLast)))
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
	must(o.world.User.List(context.Background(), &b, client.UnsafeDisableDeepCopy))
	for i := range b.Items {
		o.add(request{policyKind, b.Items[i].Namespace, b.Items[i].Name}, now)
	}
	for _, p := range o.world.Points() {
		o.add(request{pointKind, p.Namespace, p.Name}, now)
	}
	o.wakeRuns(now)
	o.wakeCopies(now)
	for _, c := range o.world.baselines() {
		o.add(request{clusterKind, "", c.Name}, now)
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
		o.routeRuns(c, obj, now)
		o.routeCluster(c, obj, now)
		o.routeCopies(c, obj, now)
		switch obj := obj.(type) {
		case *api.BackupPolicy:
			o.routePolicy(c, obj, now)
		case *api.RecoveryPoint:
			if gotOn(c) {
				continue
			}
			o.add(request{pointKind, obj.Namespace, obj.Name}, now)
			o.add(request{policyKind, obj.Namespace, obj.Spec.Policy.Name}, now)
			if c.Now == nil || (c.Then != nil && captureEnded(c.Then.(*api.RecoveryPoint), obj)) {
				o.wakeOpen(obj.Namespace, obj.Spec.Policy.Name, now)
			}
		case *snapshotv1.VolumeSnapshot:
			o.routeSnapshot(obj, now)
		case *snapshotv1.VolumeSnapshotContent:
			o.routeContent(obj, now)
		case *corev1.PersistentVolumeClaim, *snapshotv1.VolumeSnapshotClass, *storagev1.StorageClass, *storagev1.CSIDriver, *storagev1.CSINode:
			o.wakePolicies(now)
		}
	}
}

func (o *Operator) routePolicy(c testkit.Change, b *api.BackupPolicy, now time.Time) {
	if c.Then != nil && c.Now != nil {
		before := c.Then.(*api.BackupPolicy)
		edited := before.UID != b.UID || before.Generation != b.Generation || before.DeletionTimestamp.IsZero() != b.DeletionTimestamp.IsZero()
		accepted := before.Annotations[api.AnnotationAcceptWeakening] != b.Annotations[api.AnnotationAcceptWeakening]
		if !edited && !accepted && len(before.Status.Expiring) == len(b.Status.Expiring) {
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
	if point := c.Labels[api.LabelPoint]; point != "" {
		o.add(request{pointKind, ref.Namespace, point}, now.Add(snapshotDelay))
		return
	}
	var s snapshotv1.VolumeSnapshot
	if o.cache.Get(context.Background(), client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &s) == nil {
		o.routeSnapshot(&s, now)
	}
}

// routeSnapshot finds the point by our label, or by the group snapshot that brought the snapshot.
func (o *Operator) routeSnapshot(s *snapshotv1.VolumeSnapshot, now time.Time) {
	if point := s.Labels[api.LabelPoint]; point != "" {
		o.add(request{pointKind, s.Namespace, point}, now.Add(snapshotDelay))
		return
	}
	for _, r := range s.OwnerReferences {
		for _, p := range o.seenPoints() {
			if p.Namespace == s.Namespace && p.Status.GroupSnapshot == r.Name {
				o.add(request{pointKind, p.Namespace, p.Name}, now.Add(snapshotDelay))
			}
		}
	}
}

// seenPoints are those that the operator sees, read past its checks and faults.
func (o *Operator) seenPoints() []api.RecoveryPoint {
	var l api.RecoveryPointList
	must(o.cache.List(context.Background(), &l, client.UnsafeDisableDeepCopy)) // they are only read
	return l.Items
}

func captureEnded(before, after *api.RecoveryPoint) bool {
	return before.UID != after.UID || plan.Finished(before) != plan.Finished(after) || plan.Complete(before) != plan.Complete(after) ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
}

func (o *Operator) wakeOpen(namespace, policy string, now time.Time) {
	for _, p := range o.seenPoints() {
		if p.Namespace == namespace && p.Spec.Policy.Name == policy && (p.Status.Capture == nil || !p.DeletionTimestamp.IsZero()) {
			o.add(request{pointKind, p.Namespace, p.Name}, now)
		}
	}
}

func (o *Operator) wakePolicies(now time.Time) {
	var l api.BackupPolicyList
	must(o.cache.List(context.Background(), &l, client.UnsafeDisableDeepCopy)) // they are only read
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
