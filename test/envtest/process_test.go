// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/test/apiserver"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// TestSnapshotAPIComesLater starts the operator on a cluster without VolumeSnapshots: it stays up and says so, and
// captures once they are there, without a restart.
func TestSnapshotAPIComesLater(t *testing.T) {
	t.Parallel()
	server, err := apiserver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := server.Client(controllers.Scheme())
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := asInstalled(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := startOperator(kubeconfig, "--leader-elect=false")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := operator.Stop(); err != nil {
			t.Errorf("the operator ended: %v: %s", err, operator.Log())
		}
	})
	w := newWorldOn(t, admin, "contacts")
	b := w.policy("sync", nil)
	w.await(b, api.ConditionReady, metav1.ConditionFalse, api.ReasonSnapshotAPIMissing)
	p := w.now("sync", "now")
	w.await(p, api.ConditionComplete, metav1.ConditionFalse, api.ReasonCapturing)
	time.Sleep(2 * time.Second)
	w.ok(admin.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	if p.Status.FinishedAt != nil {
		t.Errorf("the capture has ended without a look at the storage: %+v", p.Status)
	}
	if err := server.InstallSnapshotAPI(); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Run(t.Context(), server.Config); err != nil {
		t.Fatal(err)
	}
	w.await(p, api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured)
	w.await(b, api.ConditionReady, metav1.ConditionTrue, api.ReasonReady)
	w.await(b, api.ConditionProtected, metav1.ConditionTrue, api.ReasonObjectiveMet)
	if !operator.Running() {
		t.Errorf("the operator did not stay up: %s", operator.Log())
	}
}

// TestLeaderElection runs a second operator beside the first: it waits until the first ends, and acts at once, because
// the first gave its lease back.
func TestLeaderElection(t *testing.T) {
	second, err := startOperator(suite.kubeconfig, "--leader-election-namespace="+systemNamespace)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "contacts")
	w.policy("sync", nil)
	w.complete("sync", "with-two")
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "lifeboat-manager"}}
	w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(lease), lease))
	first := ptr.Deref(lease.Spec.HolderIdentity, "")
	if strings.Contains(second.Log(), "Starting Controller") {
		t.Errorf("the second operator acts beside the first: %s", second.Log())
	}
	asked := time.Now()
	if err := suite.operator.Stop(); err != nil {
		t.Errorf("the first operator ended: %v", err)
	}
	suite.operator = second
	w.complete("sync", "after-the-first")
	w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(lease), lease))
	if holder := ptr.Deref(lease.Spec.HolderIdentity, ""); holder == first || holder == "" {
		t.Errorf("the lease is held by %q; before by %q", holder, first)
	}
	// A lease that was not given back would be waited for until it runs out, 15 s after its last renewal.
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("the second operator took over after %s", took)
	}
}

// TestNothingIsWrittenAtRest counts what the operator asks for while nothing is due.
func TestNothingIsWrittenAtRest(t *testing.T) {
	w := newWorld(t, "contacts")
	w.policy("sync", nil)
	w.complete("sync", "now")
	quiet := func(span time.Duration) []request {
		from := time.Now()
		time.Sleep(span)
		var out []request
		for _, r := range requests(t, from) {
			if r.Verb != "get" && r.Verb != "list" && r.Verb != "watch" && r.Ref.Resource != "leases" {
				out = append(out, r)
			}
		}
		return out
	}
	for len(quiet(2*time.Second)) > 0 { // the last test's end, and this one's beginning
	}
	if got := quiet(20 * time.Second); len(got) > 0 {
		t.Errorf("%d writes in 20 s while nothing is due: %+v", len(got), got[:min(len(got), 5)])
	}
}
