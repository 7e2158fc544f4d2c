// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// World is a cluster with an operator in it.
type World struct {
	Clock    *clocktesting.FakePassiveClock
	API      *testkit.API
	User     *testkit.Client
	Storage  *testkit.Storage
	Machine  *testkit.Machine
	Settings plan.Settings
	Told     []Told
	Hooks    []HookRun
	Checks   *testkit.Checker
	Passes   int // reconciliations so far

	// Later is what happens to the cluster by itself, or by its users, at its time; soonest first.
	Later []Later
	// Unreadable are kinds that the operator cannot list, and until when.
	Unreadable map[string]time.Time

	// Rehearses has drills, fingerprints and what they leave looked at. A policy that asks for neither is spared the reads.
	Rehearses bool
	// Copies has repositories, copies and restores looked at besides.
	Copies bool

	operators   []*Operator
	started     int // operators so far
	storageNext time.Time
	machineNext time.Time
	storageSeen int64 // version up to which the storage system and the machine have seen all
}

// Told is an event.
type Told struct {
	At                      time.Time
	By                      int // which process told it, counted from one
	Kind                    string
	About, Reason, Sentence string
}

// Later is something that happens at its time.
type Later struct {
	At time.Time
	Do func(*World)
}

// In has something happen after a time, and after all that was planned so far.
func (w *World) In(d time.Duration, do func(*World)) {
	w.Later = append(w.Later, Later{w.Clock.Now().Add(d), do})
}

// HookRun is one run of a hook.
type HookRun struct {
	At   time.Time
	Name string
}

// Settings are those of the operator as it is shipped, with hooks.
var Settings = plan.Settings{Grace: time.Hour, HooksEnabled: true, Retain: true, Drills: 4, Copies: 4}

// systemNamespace is the operator's own.
const systemNamespace = "lifeboat-system"

// scheme is made once: it is costly, and never changes.
var scheme = controllers.Scheme()

// New is a cluster with a namespace, a snapshot class and claims, and no operator yet.
func New(at time.Time, claims ...string) *World {
	w := &World{Clock: clocktesting.NewFakePassiveClock(at), Settings: Settings}
	w.API = testkit.NewAPI(scheme, w.Clock)
	must(controllers.Index(context.Background(), w.API))
	w.User = w.API.Client(nil)
	w.Storage = testkit.NewStorage(w.API.Client(nil), w.Clock)
	w.Machine = testkit.NewMachine(w.API.Client(nil), w.Clock)
	w.Checks = testkit.NewChecker(w.API, w.Storage, w.Clock)
	w.Checks.Stores = w.Machine.Stores
	must(w.API.Seed(testkit.NamespaceObject(), testkit.SnapshotClass(), testkit.GroupClass(), testkit.StorageClass(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}}))
	for _, c := range claims {
		w.AddClaim(c)
	}
	return w
}

// Copy is the same cluster at the same instant, without an operator. It goes its own way from here.
func (w *World) Copy() *World {
	c := &World{Clock: clocktesting.NewFakePassiveClock(w.Clock.Now()), Settings: w.Settings, Hooks: slices.Clone(w.Hooks), Rehearses: w.Rehearses, Copies: w.Copies,
		Later: slices.Clone(w.Later), Unreadable: maps.Clone(w.Unreadable)}
	c.API = w.API.Copy(c.Clock)
	c.User = c.API.Client(nil)
	c.Storage = w.Storage.Copy(c.API.Client(nil), c.Clock)
	c.Machine = w.Machine.Copy(c.API.Client(nil), c.Clock)
	c.Checks = w.Checks.Copy(c.API, c.Storage, c.Clock)
	c.Checks.Stores = c.Machine.Stores
	return c
}

// must is for what cannot fail in a world of our own making.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// AddClaim adds a claim with its volume.
func (w *World) AddClaim(name string) {
	o := testkit.Claim(name)
	must(w.API.Seed(o[0]))
	var c corev1.PersistentVolumeClaim
	must(w.User.Get(context.Background(), client.ObjectKeyFromObject(o[0]), &c))
	o[1].(*corev1.PersistentVolume).Spec.ClaimRef.UID = c.UID
	must(w.API.Seed(o[1]))
}

// Apply creates an object as a user does.
func (w *World) Apply(o client.Object) { must(w.User.Create(context.Background(), o)) }

// Policy reads a policy; nil when there is none.
func (w *World) Policy(name string) *api.BackupPolicy {
	var b api.BackupPolicy
	if err := w.User.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: name}, &b); err != nil {
		return nil
	}
	return &b
}

// Edit changes a policy as a user does.
func (w *World) Edit(name string, edit func(*api.BackupPolicy)) {
	b := w.Policy(name)
	edit(b)
	must(w.User.Update(context.Background(), b))
}

// Points are all recovery points, by name.
func (w *World) Points() []api.RecoveryPoint {
	var l api.RecoveryPointList
	must(w.User.List(context.Background(), &l))
	return l.Items
}

// Snapshots are all VolumeSnapshots, by name.
func (w *World) Snapshots() []snapshotv1.VolumeSnapshot {
	var l snapshotv1.VolumeSnapshotList
	must(w.User.List(context.Background(), &l))
	return l.Items
}

// Contents are all VolumeSnapshotContents, by name.
func (w *World) Contents() []snapshotv1.VolumeSnapshotContent {
	var l snapshotv1.VolumeSnapshotContentList
	must(w.User.List(context.Background(), &l))
	return l.Items
}

func groupList(kind string) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(testkit.GroupKind(kind))
	return l
}

// Groups are all VolumeGroupSnapshots, by name.
func (w *World) Groups() []unstructured.Unstructured {
	l := groupList("VolumeGroupSnapshotList")
	must(w.User.List(context.Background(), l))
	return l.Items
}

// Delete deletes an object as a user does.
func (w *World) Delete(o client.Object) { must(w.User.Delete(context.Background(), o)) }

// DeleteNamespace does what the namespace controller does: it marks the namespace and deletes all that is in it.
func (w *World) DeleteNamespace() {
	ctx := context.Background()
	w.Delete(testkit.NamespaceObject())
	for _, l := range []client.ObjectList{&api.BackupPolicyList{}, &api.RecoveryPointList{}, &api.RepositoryList{}, &snapshotv1.VolumeSnapshotList{}, groupList("VolumeGroupSnapshotList"),
		&corev1.PodList{}, &corev1.PersistentVolumeClaimList{}} {
		must(w.User.List(ctx, l, client.InNamespace(testkit.Namespace)))
		for _, o := range items(l) {
			must(client.IgnoreNotFound(w.User.Delete(ctx, o)))
		}
	}
}

// Tick lets everything that is due at this instant happen, until nothing is.
func (w *World) Tick() error {
	for round := 0; ; round++ {
		if round > mostRounds {
			return fmt.Errorf("%s: no rest after %d rounds at one instant", w.Clock.Now().UTC().Format(time.RFC3339Nano), round)
		}
		if err := w.stepStorage(); err != nil {
			return fmt.Errorf("storage: %w", err)
		}
		news := w.API.News()
		busy := len(news) > 0
		for _, o := range w.operators {
			o.hear(news)
			ran, err := o.work()
			if err != nil {
				return err
			}
			busy = busy || ran
		}
		if !busy {
			return nil
		}
	}
}

// stepStorage lets the storage system work, when something was written or its time has come, and what was planned happen.
func (w *World) stepStorage() (err error) {
	for len(w.Later) > 0 && !w.Later[0].At.After(w.Clock.Now()) {
		do := w.Later[0].Do
		w.Later = w.Later[1:]
		do(w)
	}
	came := func(t time.Time) bool { return !t.IsZero() && !t.After(w.Clock.Now()) }
	if version := w.API.Moved(); version != w.storageSeen || came(w.storageNext) || came(w.machineNext) {
		w.storageSeen = version
		if w.storageNext, err = w.Storage.Step(context.Background()); err == nil && w.Rehearses {
			w.machineNext, err = w.Machine.Step(context.Background())
		}
	}
	return err
}

// mostRounds at one instant are more than any of it needs: every write may cause a round.
const mostRounds = 500

// RunUntil lets time pass, from one instant at which something is due to the next.
func (w *World) RunUntil(end time.Time) error {
	for {
		if err := w.Tick(); err != nil {
			return err
		}
		next := end
		for _, t := range w.wakes() {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		if !next.After(w.Clock.Now()) {
			return nil
		}
		w.Clock.SetTime(next)
	}
}

// Run lets time pass.
func (w *World) Run(d time.Duration) error { return w.RunUntil(w.Clock.Now().Add(d)) }

func (w *World) wakes() []time.Time {
	out := []time.Time{w.storageNext, w.machineNext}
	if len(w.Later) > 0 {
		out = append(out, w.Later[0].At)
	}
	for _, o := range w.operators {
		for _, at := range o.queue {
			out = append(out, at)
		}
		if o.relist != nil && o.relist.Behind() {
			out = append(out, later(o.listNext, w.Clock.Now()))
		}
	}
	return out
}

// Writes looks at everything once more and counts the requests to change something: none, when all is at rest.
func (w *World) Writes() (int, error) {
	o := w.operators[0]
	before := o.Changes
	o.wakeAll()
	_, err := o.work()
	return o.Changes - before, err
}

// Eventf is events.EventRecorder.
func (o *Operator) Eventf(about runtime.Object, _ runtime.Object, _, reason, _, note string, args ...any) {
	name := ""
	if m, ok := about.(metav1.Object); ok {
		name = m.GetName()
	}
	w := o.world
	w.Told = append(w.Told, Told{At: w.Clock.Now(), By: o.number, Kind: fmt.Sprintf("%T", about), About: name, Reason: reason, Sentence: fmt.Sprintf(note, args...)})
}
