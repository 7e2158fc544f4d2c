// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// reasons awaits that a volume of a point has a reason: it is written once the capture has lasted a while.
func (w *world) reasons(p *api.RecoveryPoint, reason string) {
	w.Helper()
	eventually(w.T, soon, func() error {
		w.ok(w.admin.Get(w.Context(), client.ObjectKeyFromObject(p), p))
		for _, v := range p.Status.Volumes {
			if v.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("no volume says %s: %+v", reason, p.Status)
	})
}

// TestQuota has a quota refuse the snapshot, and then no more.
func TestQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	const counted = "count/volumesnapshots.snapshot.storage.k8s.io"
	none := corev1.ResourceList{counted: resource.MustParse("0")}
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none}}
	w.ok(w.admin.Create(t.Context(), q))
	q.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
	w.ok(w.admin.Status().Update(t.Context(), q))
	time.Sleep(time.Second) // admission control reads quotas from a cache
	w.policy("sync", nil)
	p := w.now("sync", "now")
	w.reasons(p, api.ReasonQuotaExceeded)
	if got := kstatus(p); got != "InProgress" {
		t.Errorf("kstatus of the point is %s", got)
	}
	w.ok(w.admin.Delete(t.Context(), q))
	w.await(p, api.ConditionComplete, metav1.ConditionTrue, api.ReasonAllCaptured)
}

// TestNamespaceTerminating deletes a namespace; no controller empties it, as none does while it is emptied. The
// bytes of the snapshots stay, and nothing new is asked for.
func TestNamespaceTerminating(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	b := w.policy("sync", nil)
	p := w.complete("sync", "now")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	w.ok(w.admin.Delete(t.Context(), ns))
	eventually(t, soon, func() error {
		fresh := &api.BackupPolicy{}
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(b), fresh))
		fresh.Spec.Schedule.Cron = "0 0 2 1 *"
		return w.admin.Update(t.Context(), fresh)
	})
	w.await(b, api.ConditionReady, metav1.ConditionFalse, api.ReasonNamespaceTerminating)
	eventually(t, soon, func() error {
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(b), b))
		if got := kstatus(b); got != "Failed" {
			return fmt.Errorf("kstatus of the policy is %s", got)
		}
		return nil
	})
	before := w.contents()
	w.ok(w.admin.DeleteAllOf(t.Context(), &api.RecoveryPoint{}, client.InNamespace(w.namespace)))
	w.gone(p)
	after := w.contents()
	if len(before) != 1 || len(after) != 1 || after[0].Spec.DeletionPolicy != "Retain" {
		t.Errorf("contents before %v, after %v; want the one, on Retain", before, after)
	}
}

// TestNothingToCapture shows the typed reasons of policies that cannot be carried out.
func TestNothingToCapture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name, reason string
		change       func(*api.BackupPolicy)
	}{
		{"nothing", api.ReasonPolicySelectsNothing, nil},
		{"workload", api.ReasonWorkloadNotFound, func(b *api.BackupPolicy) {
			b.Spec.Volumes = api.VolumeSelection{Workload: &api.WorkloadReference{Kind: "Deployment", Name: "none"}}
		}},
		{"claims", api.ReasonUnsnapshotableVolume, func(b *api.BackupPolicy) {
			b.Spec.Volumes = api.VolumeSelection{Claims: []string{"none"}}
		}},
		{"hooks", api.ReasonHooksDisabled, func(b *api.BackupPolicy) {
			b.Spec.Volumes = api.VolumeSelection{Claims: []string{"none"}}
			b.Spec.Snapshot = &api.SnapshotOptions{Hooks: []api.Hook{{Name: "sync", When: api.HookBefore, Command: []string{"sync"}}}}
		}},
	} {
		b := w.policy(c.name, c.change)
		w.await(b, api.ConditionReady, metav1.ConditionFalse, c.reason)
		if got := kstatus(b); got != "Failed" {
			t.Errorf("%s: kstatus is %s", c.name, got)
		}
	}
}

// TestPartialPoint captures what it can, says what it cannot, and is not complete.
func TestPartialPoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.policy("sync", func(b *api.BackupPolicy) { b.Spec.Volumes = api.VolumeSelection{Claims: []string{"contacts", "none"}} })
	p := w.now("sync", "now")
	w.await(p, api.ConditionComplete, metav1.ConditionFalse, api.ReasonPartialPoint)
	if p.Status.Progress != "1/2" || kstatus(p) != "Failed" {
		t.Errorf("progress %s, kstatus %s", p.Status.Progress, kstatus(p))
	}
}

// TestSnapshotTimesOut has a snapshot never become ready: the point fails in time and the snapshot is cleaned up.
func TestSnapshotTimesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	suite.array.Stop(w.namespace)
	w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Snapshot = &api.SnapshotOptions{Timeout: &metav1.Duration{Duration: 10 * time.Second}}
	})
	p := w.now("sync", "now")
	w.await(p, api.ConditionComplete, metav1.ConditionFalse, api.ReasonSnapshotTimedOut)
	eventually(t, soon, func() error {
		if n := len(w.snapshots()); n > 0 {
			return fmt.Errorf("%d snapshots are left", n)
		}
		return nil
	})
}
