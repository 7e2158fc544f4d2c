// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// TestRetention expires what nothing keeps, with its bytes, and not what is on hold.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Retention = api.Retention{Last: 1} })
	held := w.now("sync", "held")
	w.ok(w.admin.Patch(t.Context(), held, client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"hold": true}}`))))
	w.await(held, api.ConditionComplete, metav1.ConditionTrue, "")
	time.Sleep(time.Second) // the moments that storage systems tell have whole seconds, and the order must be plain
	first := w.complete("sync", "first")
	time.Sleep(time.Second)
	w.complete("sync", "second")
	w.gone(first)
	eventually(t, soon, func() error {
		if s, c := len(w.snapshots()), len(w.contents()); s != 2 || c != 2 {
			return fmt.Errorf("%d snapshots and %d contents are there; want those of two points", s, c)
		}
		return nil
	})
	w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(held), held))
	w.ok(w.admin.Delete(t.Context(), held))
	w.await(held, api.ConditionComplete, metav1.ConditionTrue, "")
	w.ok(w.admin.Patch(t.Context(), held, client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"hold": false}}`))))
	w.gone(held)
}

// TestPruneOnDelete deletes a policy that asked for its points to go with it.
func TestPruneOnDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	b := w.policy("sync", func(b *api.BackupPolicy) { b.Spec.OnDelete = api.OnDeletePrune })
	p := w.complete("sync", "now")
	w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	w.ok(w.admin.Delete(t.Context(), b))
	w.gone(b)
	w.gone(p)
	eventually(t, soon, func() error {
		if s, c := len(w.snapshots()), len(w.contents()); s+c > 0 {
			return fmt.Errorf("%d snapshots and %d contents are left", s, c)
		}
		return nil
	})
}

// TestLostSnapshot takes a VolumeSnapshot away: its bytes stay, the point says so, and deleting the point frees them.
func TestLostSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Retention.Minimum = 1 })
	p := w.complete("sync", "lost")
	w.ok(w.admin.Delete(t.Context(), &w.snapshots()[0]))
	w.await(p, api.ConditionComplete, metav1.ConditionFalse, api.ReasonRecoveryPointVanished)
	if n := len(w.contents()); n != 1 {
		t.Fatalf("%d contents; want the one to stay", n)
	}
	w.complete("sync", "next")
	w.ok(w.admin.Delete(t.Context(), p))
	w.gone(p)
	if n := len(w.contents()); n != 1 {
		t.Errorf("%d contents; want that of the next point alone", n)
	}
}
