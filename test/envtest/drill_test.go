// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// TestDrills has a fingerprint recorded, a drill made by hand pass, and one on schedule after it, which pushes the first out of
// the history. Each leaves evidence.
func TestDrills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts")
	w.kubernetes()
	b := w.policy("sync", func(b *api.BackupPolicy) {
		b.Spec.Drill = &api.Drill{Cron: "* * * * *", History: ptr.To[int32](1)}
	})
	w.complete("sync", "now")
	eventually(t, soon, func() error {
		var p api.RecoveryPoint
		w.ok(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "now"}, &p))
		if f := p.Status.Fingerprint; f == nil || f.State != api.FingerprintRecorded || !f.CleanedUp {
			return fmt.Errorf("fingerprint %+v", f)
		}
		return nil
	})
	d := &api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "by-hand"},
		Spec: api.RestoreDrillSpec{Policy: &api.PolicyReference{Name: "sync"}}}
	w.ok(w.admin.Create(t.Context(), d))
	w.await(d, api.ConditionCleanedUp, metav1.ConditionTrue, api.ReasonCleanedUp)
	if d.Status.Verdict != api.VerdictPassed || d.Status.Level != api.LevelIntact || d.Status.Evidence == nil {
		t.Fatalf("status %+v", d.Status)
	}
	w.await(b, api.ConditionProven, metav1.ConditionTrue, api.ReasonProven)
	eventually(t, 2*time.Minute, func() error {
		var drills api.RestoreDrillList
		w.ok(w.admin.List(t.Context(), &drills, client.InNamespace(w.namespace)))
		names := []string{}
		for _, d := range drills.Items {
			names = append(names, d.Name)
		}
		if slices.Contains(names, "by-hand") || len(names) == 0 {
			return fmt.Errorf("drills %v", names)
		}
		return nil
	})
}
