// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// behind is a writer whose cache has not seen the last write.
func behind(c *testkit.Client) *apply.Writer {
	return &apply.Writer{Client: c.Lagging(func() int { return 1 }), Live: c, Lanes: apply.NewLanes(4)}
}

// TestExpireReadsLive: a point stays though the cache still shows a newer one.
func TestExpireReadsLive(t *testing.T) {
	policy := testkit.Policy()
	old, newest := testkit.Point(noon, []string{"data"}), testkit.Point(noon.Add(time.Hour), []string{"data"})
	newest.Finalizers = nil
	c, _ := server(t, policy, old, newest)
	if err := c.Delete(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	var refused *apply.Refused
	if err := behind(c).Expire(t.Context(), policy, plan.Target{Name: old.Name, UID: string(old.UID)}); !errors.As(err, &refused) {
		t.Errorf("the last point expires: %v", err)
	}
}

// TestExpireReadsAll: a list that fails is no empty one.
func TestExpireReadsAll(t *testing.T) {
	policy := testkit.Policy()
	old, newest := testkit.Point(noon, []string{"data"}), testkit.Point(noon.Add(time.Hour), []string{"data"})
	c, w := server(t, policy, old, newest)
	down := errors.New("the API server is down")
	w.Live = listless{c, down}
	if err := w.Expire(t.Context(), policy, plan.Target{Name: old.Name, UID: string(old.UID)}); !errors.Is(err, down) {
		t.Errorf("it ends with %v", err)
	}
	if !there(t, c, old) || !old.DeletionTimestamp.IsZero() {
		t.Error("the point is gone")
	}
}

// listless is a reader that cannot list.
type listless struct {
	client.Reader
	err error
}

func (f listless) List(context.Context, client.ObjectList, ...client.ListOption) error { return f.err }

// TestExpireMeansWhatItLookedAt: a point that is put on hold between the look and the deletion stays.
func TestExpireMeansWhatItLookedAt(t *testing.T) {
	policy := testkit.Policy()
	old, newest := testkit.Point(noon, []string{"data"}), testkit.Point(noon.Add(time.Hour), []string{"data"})
	a := testkit.NewAPI(scheme(t), clocktesting.NewFakePassiveClock(noon))
	if err := a.Seed(policy, old, newest, testkit.NamespaceObject()); err != nil {
		t.Fatal(err)
	}
	somebody := a.Client(nil)
	c := a.Client(func(call testkit.Call, do func() error) error {
		if call.Verb == testkit.Delete {
			p := old.DeepCopy()
			there(t, somebody, p)
			p.Spec.Hold = true
			if err := somebody.Update(t.Context(), p); err != nil {
				return err
			}
		}
		return do()
	})
	w := &apply.Writer{Client: c, Live: c}
	if err := w.Expire(t.Context(), policy, plan.Target{Name: old.Name, UID: string(old.UID)}); !apierrors.IsConflict(err) {
		t.Errorf("it ends with %v", err)
	}
	if p := old.DeepCopy(); !there(t, somebody, p) || !p.DeletionTimestamp.IsZero() {
		t.Error("a point on hold is gone")
	}
}

// TestDeletionReadsLive: a content is freed by what is there, and not by what the cache shows of it or of its snapshot.
func TestDeletionReadsLive(t *testing.T) {
	for name, write := range map[string]func(*snapshotv1.VolumeSnapshot, *snapshotv1.VolumeSnapshotContent) client.Object{
		"the content is somebody else's now": func(_ *snapshotv1.VolumeSnapshot, k *snapshotv1.VolumeSnapshotContent) client.Object {
			k.Spec.VolumeSnapshotRef.UID = "somebody"
			return k
		},
		"the snapshot became ready": func(s *snapshotv1.VolumeSnapshot, _ *snapshotv1.VolumeSnapshotContent) client.Object {
			s.Annotations = map[string]string{"ready": "now"}
			return s
		},
	} {
		s, k := pair(snapshotv1.VolumeSnapshotContentRetain, "")
		c, _ := server(t, s, k)
		there(t, c, s)
		there(t, c, k)
		order := plan.DeleteOrder{Snapshot: plan.Target{Name: "s", UID: "s-1"}, Version: s.ResourceVersion, Content: plan.Target{Name: "c", UID: "c-1"}}
		if err := c.Update(t.Context(), write(s, k)); err != nil {
			t.Fatal(err)
		}
		if err := behind(c).DeleteSnapshots(t.Context(), testkit.Namespace, []plan.DeleteOrder{order}); err != nil && !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		if there(t, c, k); k.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain {
			t.Errorf("%s, and its bytes may go", name)
		}
	}
}

// TestRetain: the very content that is meant outlives its snapshot, and no other of its name is touched.
func TestRetain(t *testing.T) {
	for uid, want := range map[string]snapshotv1.DeletionPolicy{"c-1": snapshotv1.VolumeSnapshotContentRetain, "c-0": snapshotv1.VolumeSnapshotContentDelete} {
		_, k := pair(snapshotv1.VolumeSnapshotContentDelete, "")
		c, w := server(t, k)
		order := plan.RetainOrder{Target: plan.Target{Name: "c", UID: uid}, Claim: plan.Claim{Name: "data", UID: "uid"}}
		if err := w.Retain(t.Context(), testkit.Point(noon, []string{"data"}), []plan.RetainOrder{order}); err != nil && !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		if there(t, c, k); k.Spec.DeletionPolicy != want || (k.Labels[api.LabelPointUID] != "") != (uid == "c-1") {
			t.Errorf("of content %s: the policy is %s, the labels are %v", uid, k.Spec.DeletionPolicy, k.Labels)
		}
	}
}

// TestFinalizersOfOthersStay: a list of finalizers is written only over the version that it was made from.
func TestFinalizersOfOthersStay(t *testing.T) {
	p := testkit.Point(noon, []string{"data"}, func(p *api.RecoveryPoint) { p.Finalizers = nil })
	c, w := server(t, p)
	there(t, c, p)
	seen := p.DeepCopy()
	p.Finalizers = []string{"somebody/else"}
	if err := c.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := w.Finalizer(t.Context(), seen, api.FinalizerSnapshots, plan.FinalizerAdd); !apierrors.IsConflict(err) {
		t.Errorf("it ends with %v", err)
	}
	if there(t, c, p); !slices.Equal(p.Finalizers, []string{"somebody/else"}) {
		t.Errorf("the finalizers are %v", p.Finalizers)
	}
}

// TestRunsKeepToTheirOwn: an object that bears the name of a run's is that run's only with its UID.
func TestRunsKeepToTheirOwn(t *testing.T) {
	isolation := func(run string) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "isolation", Labels: map[string]string{api.LabelRunUID: run}}}
	}
	_, w := server(t, isolation("mine"))
	if why, err := w.Isolate(t.Context(), isolation("mine")); why != nil || err != nil {
		t.Errorf("its own is refused: %v, %v", why, err)
	}
	for _, run := range []string{"another", ""} {
		_, w := server(t, isolation(run))
		if why, err := w.Isolate(t.Context(), isolation("mine")); err != nil || why == nil || why.Reason != api.ReasonNameTaken {
			t.Errorf("that of run %q is adopted: %v, %v", run, why, err)
		}
	}
}
