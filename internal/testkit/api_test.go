// SPDX-License-Identifier: Apache-2.0

package testkit_test

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 987654321, time.UTC)

func server(t *testing.T) (*testkit.API, *testkit.Client) {
	t.Helper()
	a := testkit.NewAPI(controllers.Scheme(), clocktesting.NewFakePassiveClock(noon))
	if err := a.Seed(testkit.NamespaceObject()); err != nil {
		t.Fatal(err)
	}
	return a, a.Client(nil)
}

// TestPromisesOfTheAPIServer are those that the operator relies on, and that a server in memory would be tempted to forget.
func TestPromisesOfTheAPIServer(t *testing.T) {
	ctx := t.Context()
	_, c := server(t)
	p := testkit.Point(noon, []string{"data"})
	p.UID = ""
	if err := c.Create(ctx, p); err != nil {
		t.Fatal(err)
	}
	if p.UID == "" || p.Generation != 1 || p.CreationTimestamp.Nanosecond() != 0 || p.Status.Capture != nil {
		t.Errorf("what was created is %+v with status %+v", p.ObjectMeta, p.Status)
	}
	if err := c.Create(ctx, p.DeepCopy()); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second of that name: %v", err)
	}
	stale := p.DeepCopy()

	status := p.DeepCopy()
	status.Status.Progress, status.Spec.Hold = "1/1", true
	if err := c.Status().Patch(ctx, status, client.MergeFrom(p)); err != nil {
		t.Fatal(err)
	}
	if status.Spec.Hold || status.Status.Progress != "1/1" || status.Generation != 1 {
		t.Errorf("a patch of the status made %+v, %+v", status.Spec, status.Status)
	}
	if err := c.Patch(ctx, status, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}},"status":{"progress":"9/9"}}`))); err != nil {
		t.Fatal(err)
	}
	if status.Status.Progress != "1/1" {
		t.Error("a patch of the object changed the status")
	}
	held := status.DeepCopy()
	held.Spec.Hold = true
	if err := c.Patch(ctx, held, client.MergeFrom(status)); err != nil || held.Generation != 2 {
		t.Errorf("a patch of the spec made generation %d: %v", held.Generation, err)
	}
	again := held.DeepCopy()
	version := held.ResourceVersion
	if err := c.Patch(ctx, again, client.MergeFrom(held)); err != nil || again.ResourceVersion != version {
		t.Errorf("a patch that changes nothing made version %s of %s: %v", again.ResourceVersion, version, err)
	}

	lock := client.MergeFromWithOptions(stale.DeepCopy(), client.MergeFromWithOptimisticLock{})
	stale.Spec.Hold = true
	if err := c.Patch(ctx, stale, lock); !apierrors.IsConflict(err) {
		t.Errorf("a patch of an old version: %v", err)
	}
	other := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"uid":"another"},"spec":{"hold":true}}`))
	if err := c.Patch(ctx, held.DeepCopy(), other); !apierrors.IsConflict(err) {
		t.Errorf("a patch for another UID: %v", err)
	}
}

func TestPromisesOfDeletion(t *testing.T) {
	ctx := t.Context()
	_, c := server(t)
	p := testkit.Point(noon, []string{"data"})
	if err := c.Create(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, p, client.Preconditions{UID: ptr.To(types.UID("another"))}); !apierrors.IsConflict(err) {
		t.Errorf("a deletion for another UID: %v", err)
	}
	if err := c.Delete(ctx, p, client.Preconditions{ResourceVersion: ptr.To("0")}); !apierrors.IsConflict(err) {
		t.Errorf("a deletion of another version: %v", err)
	}
	if err := c.Delete(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil || p.DeletionTimestamp == nil || p.Generation != 2 {
		t.Fatalf("what has a finalizer is %+v: %v", p.ObjectMeta, err)
	}
	more := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["lifeboat.dev/snapshots","x/y"]}}`))
	if err := c.Patch(ctx, p.DeepCopy(), more); !apierrors.IsForbidden(err) {
		t.Errorf("a new finalizer on what is being deleted: %v", err)
	}
	if err := c.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":[]}}`))); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(p), p); !apierrors.IsNotFound(err) {
		t.Errorf("without finalizers it stays: %v", err)
	}
	uid := p.UID
	p.ResourceVersion, p.Finalizers, p.DeletionTimestamp = "", nil, nil
	if err := c.Create(ctx, p); err != nil || p.UID == uid {
		t.Errorf("one made anew has UID %s as the one before: %v", p.UID, err)
	}
	if err := c.Delete(ctx, testkit.NamespaceObject()); err != nil {
		t.Fatal(err)
	}
	late := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "late"}}
	if err := c.Create(ctx, late); !apierrors.IsForbidden(err) || !apierrors.HasStatusCause(err, "NamespaceTerminating") {
		t.Errorf("a creation in a namespace that goes: %v", err)
	}
}

// TestLagging: a reader that is behind sees the past, and what it writes is written now.
func TestLagging(t *testing.T) {
	ctx := t.Context()
	_, c := server(t)
	lag := 0
	old := c.Lagging(func() int { return lag })
	for _, n := range []string{"a", "b", "c"} {
		if err := c.Create(ctx, &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: n}}); err != nil {
			t.Fatal(err)
		}
	}
	for behind, want := range []int{3, 2, 1, 0} {
		lag = behind
		var l snapshotv1.VolumeSnapshotList
		if err := old.List(ctx, &l); err != nil || len(l.Items) != want {
			t.Errorf("behind by %d it sees %d, want %d: %v", behind, len(l.Items), want, err)
		}
	}
	if err := old.Create(ctx, &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "a"}}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("behind by %d it creates again: %v", lag, err)
	}
}
