// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// ended says what is wrong with the end of a restore in place that went well; nil when nothing is.
func (w *restoreWorld) ended() error {
	x := w.get()
	if x == nil || !meta.IsStatusConditionTrue(x.Status.Conditions, api.ConditionSucceeded) {
		return fmt.Errorf("it did not succeed: %+v", x)
	}
	if x.Status.Progress != "2/2" || len(x.Finalizers) > 0 {
		return fmt.Errorf("progress %s, finalizers %v", x.Status.Progress, x.Finalizers)
	}
	if n := len(w.claims()); n != 2 {
		return fmt.Errorf("%d claims are there", n)
	}
	if n := len(w.pods()); n != 0 {
		return fmt.Errorf("%d pods are there", n)
	}
	for _, v := range x.Status.Volumes {
		c := w.claim(v.Claim)
		if c == nil || w.holds[c.Spec.VolumeName] != then || c.Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("claim %s does not hold the restored data", v.Claim)
		}
		if c.Labels["app"] != "shop" || c.Annotations["team"] != "red" || len(c.Labels) != 1 {
			return fmt.Errorf("claim %s is not as it was: %v %v", v.Claim, c.Labels, c.Annotations)
		}
		if p := w.volume(c.Spec.VolumeName).Spec.PersistentVolumeReclaimPolicy; p != corev1.PersistentVolumeReclaimDelete {
			return fmt.Errorf("the restored volume of %s has reclaim policy %s", v.Claim, p)
		}
		old := w.volume("pv-" + v.Claim)
		if old.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain || old.Annotations[api.AnnotationKeepUntil] == "" {
			return fmt.Errorf("the old volume of %s is not kept: %+v", v.Claim, old)
		}
		if v.State != api.RestoreRestored || v.Verified != api.LevelIntact || v.Swap.KeepUntil == nil {
			return fmt.Errorf("volume %s: %+v", v.Claim, v)
		}
	}
	return nil
}

// TestSwapSurvivesEveryFault strikes a restore in place of two volumes at each write with each fault, starts the operator
// again where it was killed, and wants the same end. After every single write, in every run, the old or the restored data
// are behind each claim's name, or both are retained and written down. It kills: deleting the claim before its volume is
// retained; writing the swap down after it began; taking a step from memory instead of from what is there.
func TestSwapSurvivesEveryFault(t *testing.T) {
	t.Parallel()
	from := newRestoreWorld(t, "data", "logs")
	from.inPlace()
	calm := from.copy()
	if err := calm.run(200); err != nil {
		t.Fatal(err)
	}
	if err := calm.ended(); err != nil {
		t.Fatal(err)
	}
	if len(calm.found) > 0 {
		t.Fatal(calm.found[0])
	}
	for _, f := range faults() {
		for n := 1; n <= calm.writes; n++ {
			w := from.copy()
			var hit testkit.Call
			w.around = spoiled(f, n, &hit)
			err := w.run(300)
			countRun(InPlace, f.name, struck(hit))
			if err == nil {
				err = w.ended()
			}
			if err == nil && len(w.found) > 0 {
				err = errors.New(w.found[0])
			}
			if err != nil {
				for _, l := range w.log {
					t.Log(l)
				}
				t.Fatalf("%s, at write %d: %v", f.name, n, err)
			}
		}
	}
	t.Logf("%d writes", calm.writes)
}

// spoiled spoils the n-th write, and says which that is.
func spoiled(f fault, n int, hit *testkit.Call) testkit.Around {
	seen, dead := 0, &Operator{}
	return func(c testkit.Call, do func() error) error {
		if dead.Dead {
			return errDead
		}
		if !c.Verb.Writes() {
			return do()
		}
		if seen++; seen != n {
			return do()
		}
		*hit = c
		return f.spoil(dead, do)
	}
}

// TestSwapLawsFindFaults: an operator that did the wrong thing at the wrong time is found out.
func TestSwapLawsFindFaults(t *testing.T) {
	for name, wrong := range map[string]func(*restoreWorld, testkit.Call) bool{
		"the claim is deleted while its volume would go with it": func(w *restoreWorld, c testkit.Call) bool {
			if c.Kind == "PersistentVolume" {
				must(w.user.Delete(context.Background(), w.claim("data")))
				return true
			}
			return false
		},
		"the old volume is deleted": func(w *restoreWorld, c testkit.Call) bool {
			if c.Kind == "PersistentVolumeClaim" && c.Verb == testkit.Delete {
				must(w.user.Delete(context.Background(), w.volume("pv-data")))
				return true
			}
			return false
		},
	} {
		w := newRestoreWorld(t, "data", "logs")
		w.inPlace()
		done := false
		w.around = func(c testkit.Call, do func() error) error {
			if !done && c.Verb.Writes() {
				done = wrong(w, c)
			}
			return do()
		}
		_ = w.run(100) // how it ends does not matter
		if !done || len(w.found) == 0 {
			t.Errorf("%s: done %v, found %v", name, done, w.found)
		}
	}
}

// TestForeignClaimInTheGap: a claim that somebody makes between the old one and its successor is never touched, and both
// volumes are kept. It kills: deleting by name; adopting what bears the name.
func TestForeignClaimInTheGap(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.inPlace()
	w.meanwhile = func(w *restoreWorld) {
		if w.claim("data") == nil {
			must(w.user.Create(context.Background(), &corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "data", Labels: map[string]string{"made": "by a StatefulSet"}}}))
		}
	}
	if err := w.run(200); err != nil {
		t.Fatal(err)
	}
	x := w.get()
	c := meta.FindStatusCondition(x.Status.Conditions, api.ConditionSucceeded)
	if c.Reason != api.ReasonPartiallyRestored {
		t.Errorf("%s: %s", c.Reason, c.Message)
	}
	v := x.Status.Volumes[0]
	if v.State != api.RestoreFailed || v.Reason != api.ReasonClaimExists {
		t.Errorf("volume: %+v", v)
	}
	if got := w.claim("data"); got == nil || got.Labels["made"] == "" || got.DeletionTimestamp != nil {
		t.Errorf("the foreign claim was touched: %+v", got)
	}
	for _, name := range []string{v.Swap.OldVolume, v.Swap.NewVolume} {
		if p := w.volume(name); p == nil || p.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
			t.Errorf("volume %s is not kept", name)
		}
	}
	if w.holds[w.claim("logs").Spec.VolumeName] != then {
		t.Error("the other volume was not restored")
	}
}

// TestMadeClaimDeleted: somebody deletes the claim that was made again before the swap is over. It is made once more, and
// the restored volume, which bears the mark of the deleted claim, is assigned anew.
func TestMadeClaimDeleted(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.inPlace()
	done := false
	w.meanwhile = func(w *restoreWorld) {
		c, s := w.claim("data"), swapOf(w.get(), "data")
		if done || c == nil || s == nil || c.Spec.VolumeName != s.NewVolume || c.Status.Phase != corev1.ClaimBound {
			return
		}
		done = true
		must(w.user.Delete(context.Background(), c))
	}
	if err := w.run(200); err != nil {
		t.Fatal(err)
	}
	if err := w.ended(); err != nil || !done {
		t.Errorf("deleted %v: %v", done, err)
	}
	if len(w.found) > 0 {
		t.Error(w.found[0])
	}
}

// TestRetainIsKeptUp: somebody has the restored volume go with its claim, while no other claim is there. It is spared anew.
func TestRetainIsKeptUp(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.inPlace()
	done := false
	w.meanwhile = func(w *restoreWorld) {
		if s := swapOf(w.get(), "data"); !done && s != nil && w.claim("data") == nil {
			done = true
			v := w.volume(s.NewVolume)
			v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
			must(w.user.Update(context.Background(), v))
		}
	}
	if err := w.run(200); err != nil {
		t.Fatal(err)
	}
	if err := w.ended(); err != nil || !done {
		t.Errorf("done %v: %v", done, err)
	}
}

// TestPodInTheWay: a pod that comes before the claims are deleted holds the swap up, and nothing is touched under it. It
// kills: looking at pods only when the restore starts; leaving the reclaim policy of a volume changed that was not replaced.
func TestPodInTheWay(t *testing.T) {
	recorded := func(w *restoreWorld) bool { return swapOf(w.get(), "data") != nil }
	spared := func(w *restoreWorld) bool {
		return w.volume("pv-data").Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain
	}
	for _, c := range []struct {
		comes  func(*restoreWorld) bool
		leaves bool
	}{{recorded, true}, {recorded, false}, {spared, true}, {spared, false}} {
		w := newRestoreWorld(t, "data", "logs")
		w.inPlace(func(s *api.RestoreSpec) { s.Timeout = &metav1.Duration{Duration: 5 * time.Minute} })
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "late"}}
		pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		uid, came := w.claim("data").UID, false
		w.meanwhile = func(w *restoreWorld) {
			if !came && c.comes(w) {
				came = true
				must(w.user.Create(context.Background(), pod))
			}
		}
		w.runFor(t, 2*time.Minute)
		if w.claim("data").UID != uid || w.claim("data").DeletionTimestamp != nil {
			t.Fatal("the claim was touched while a pod uses it")
		}
		if c.leaves {
			must(w.user.Delete(context.Background(), pod))
			if err := w.run(200); err != nil {
				t.Fatal(err)
			}
			if err := w.ended(); err != nil {
				t.Error(err)
			}
			continue
		}
		w.runFor(t, 10*time.Minute)
		x := w.get()
		if v := x.Status.Volumes[0]; v.State != api.RestoreFailed || v.Reason != api.ReasonClaimInUse {
			t.Errorf("volume: %+v", v)
		}
		if p := w.volume("pv-data").Spec.PersistentVolumeReclaimPolicy; p != corev1.PersistentVolumeReclaimDelete || w.claim("data").UID != uid {
			t.Errorf("what was not replaced is not as it was: reclaim policy %s", p)
		}
	}
}

// runFor lets time pass.
func (w *restoreWorld) runFor(t *testing.T, d time.Duration) {
	t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		_ = w.run(1) // there is no rest yet
	}
}

// TestRestoreDeletedAtAnyTime: somebody deletes the restore after each write. Nothing is lost, every claim is there, what
// was to be thrown away is gone, and so is the restore.
func TestRestoreDeletedAtAnyTime(t *testing.T) {
	t.Parallel()
	from := newRestoreWorld(t, "data", "logs")
	from.inPlace()
	for n := 1; ; n++ {
		w := from.copy()
		seen := 0
		w.around = func(c testkit.Call, do func() error) error {
			err := do()
			if c.Verb.Writes() {
				if seen++; seen == n {
					must(client.IgnoreNotFound(w.user.Delete(context.Background(), w.get())))
				}
			}
			return err
		}
		if err := w.run(300); err != nil {
			t.Fatalf("deleted after write %d: %v", n, err)
		}
		if seen < n {
			return
		}
		if x := w.get(); x != nil {
			t.Fatalf("deleted after write %d: it is there: %+v", n, x)
		}
		for _, name := range []string{"data", "logs"} {
			c := w.claim(name)
			if c == nil || w.holds[c.Spec.VolumeName] == "" || w.holds["pv-"+name] != now {
				t.Fatalf("deleted after write %d: claim %s: %+v", n, name, c)
			}
		}
		if len(w.pods()) > 0 || len(w.claims()) != 2 {
			t.Fatalf("deleted after write %d: %d pods, %d claims are left", n, len(w.pods()), len(w.claims()))
		}
		if len(w.found) > 0 {
			t.Fatalf("deleted after write %d: %s", n, w.found[0])
		}
	}
}

// TestRestoreTornAway: somebody takes the restore away without its finalizer, after each write, and the sweeper comes long
// afterwards. What the volumes held is never lost. It kills: sweeping the claim that holds the restored data while the old
// claim is gone; leaving the old volume to go with its claim.
func TestRestoreTornAway(t *testing.T) {
	t.Parallel()
	from := newRestoreWorld(t, "data", "logs")
	from.inPlace()
	for n := 1; ; n++ {
		w := from.copy()
		seen, gone := 0, false
		w.around = func(c testkit.Call, do func() error) error {
			err := do()
			if c.Verb.Writes() {
				if seen++; seen == n {
					gone = true
				}
			}
			return err
		}
		var uid string
		for range 100 {
			_ = w.run(1) // there is no rest yet
			if x := w.get(); gone && x != nil {
				uid = string(x.UID)
				x.Finalizers = nil
				must(w.user.Update(context.Background(), x))
				must(client.IgnoreNotFound(w.user.Delete(context.Background(), x)))
				break
			}
		}
		if !gone {
			return
		}
		w.clock.SetTime(w.clock.Now().Add(48 * time.Hour))
		for range 10 {
			req := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: testkit.Namespace, Name: "Restore/monday/" + uid}}
			if _, err := w.sweep.Reconcile(context.Background(), req); err != nil {
				t.Fatal(err)
			}
			w.kubernetes()
		}
		for _, name := range []string{"data", "logs"} {
			if w.holds["pv-"+name] != now {
				t.Fatalf("torn away after write %d: what %s held is lost", n, name)
			}
			c := w.claim(name)
			restored := ""
			for v, content := range w.holds {
				if content == then && w.volume(v).Spec.ClaimRef != nil {
					restored = v
				}
			}
			if c == nil && restored == "" {
				t.Fatalf("torn away after write %d: claim %s is gone, and the restored data too", n, name)
			}
		}
	}
}

// TestSafetyPointFails: without a point of the present state nothing is replaced, and what was brought is thrown away.
func TestSafetyPointFails(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.noSafety = true
	w.inPlace()
	if err := w.run(100); err != nil {
		t.Fatal(err)
	}
	c := meta.FindStatusCondition(w.get().Status.Conditions, api.ConditionSucceeded)
	if c.Reason != api.ReasonSafetyPointFailed || len(w.claims()) != 2 || w.claim("data").Spec.VolumeName != "pv-data" {
		t.Errorf("%s: %s; %d claims", c.Reason, c.Message, len(w.claims()))
	}
}

// TestOldVolumeLetGo: a replaced volume goes when its time has come, unless somebody took it or wants it kept.
func TestOldVolumeLetGo(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*corev1.PersistentVolume)
		stays bool
	}{
		"nobody wants it":         {edit: func(*corev1.PersistentVolume) {}},
		"its mark was taken off":  {func(v *corev1.PersistentVolume) { v.Annotations = nil }, true},
		"its mark was put off":    {func(v *corev1.PersistentVolume) { v.Annotations[api.AnnotationKeepUntil] = "2030-01-01T00:00:00Z" }, true},
		"its mark makes no sense": {func(v *corev1.PersistentVolume) { v.Annotations[api.AnnotationKeepUntil] = "always" }, true},
		"a claim has it again":    {func(v *corev1.PersistentVolume) { v.Spec.ClaimRef.UID = "another" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRestoreWorld(t, "data", "logs")
			w.inPlace(func(s *api.RestoreSpec) { s.KeepOldFor = &metav1.Duration{Duration: time.Hour} })
			if err := w.run(200); err != nil {
				t.Fatal(err)
			}
			v := w.volume("pv-data")
			c.edit(v)
			must(w.user.Update(context.Background(), v))
			w.clock.SetTime(w.clock.Now().Add(50 * time.Minute))
			if _ = w.run(20); w.volume("pv-data") == nil || w.volume("pv-logs") == nil {
				t.Fatal("it went before its time")
			}
			w.clock.SetTime(w.clock.Now().Add(time.Hour))
			_ = w.run(20)
			if w.holds["pv-logs"] != "" {
				t.Error("the other old volume is still there")
			}
			if stays := w.volume("pv-data") != nil && w.volume("pv-data").Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain; stays != c.stays {
				t.Errorf("it stays: %v", stays)
			}
		})
	}
}

// TestOldVolumeOfRetainClass: a volume that its class keeps stays, and is told of.
func TestOldVolumeOfRetainClass(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	v := w.volume("pv-data")
	v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	must(w.user.Update(context.Background(), v))
	w.inPlace(func(s *api.RestoreSpec) { s.KeepOldFor = &metav1.Duration{Duration: time.Hour} })
	if err := w.run(200); err != nil {
		t.Fatal(err)
	}
	if p := w.volume(w.claim("data").Spec.VolumeName).Spec.PersistentVolumeReclaimPolicy; p != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("the restored volume got reclaim policy %s", p)
	}
	w.clock.SetTime(w.clock.Now().Add(2 * time.Hour))
	_ = w.run(20)
	if s := swapOf(w.get(), "data"); w.holds["pv-data"] != now || s.ReleasedAt == nil {
		t.Errorf("old volume: %q, %+v", w.holds["pv-data"], s)
	}
}

// TestRestoreIntoNewClaims: the captured claims are left alone, the new ones stay when the restore goes.
func TestRestoreIntoNewClaims(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.inPlace(func(s *api.RestoreSpec) { s.InPlace, s.Labels = false, map[string]string{"tier": "db"} })
	if err := w.run(100); err != nil {
		t.Fatal(err)
	}
	x := w.get()
	if !meta.IsStatusConditionTrue(x.Status.Conditions, api.ConditionSucceeded) || len(x.Finalizers) > 0 || len(w.pods()) > 0 {
		t.Fatalf("%+v", x)
	}
	must(w.user.Delete(context.Background(), x))
	_ = w.run(10)
	for _, name := range []string{"data", "logs"} {
		c := w.claim(name + "-monday")
		if c == nil || w.holds[c.Spec.VolumeName] != then || c.Labels["tier"] != "db" || c.Annotations[api.AnnotationExpires] != "" {
			t.Errorf("claim %s-monday: %+v", name, c)
		}
		if c := w.claim(name); c.Spec.VolumeName != "pv-"+name || w.holds["pv-"+name] != now {
			t.Errorf("claim %s was touched", name)
		}
	}
}

// TestDryRunChangesNothing: not one write but the status of the restore itself.
func TestDryRunChangesNothing(t *testing.T) {
	for _, inPlace := range []bool{true, false} {
		w := newRestoreWorld(t, "data", "logs")
		w.inPlace(func(s *api.RestoreSpec) { s.InPlace, s.DryRun = inPlace, true })
		w.around = func(c testkit.Call, do func() error) error {
			if c.Verb.Writes() && (c.Kind != "Restore" || c.Verb != testkit.Status) {
				t.Errorf("it writes: %s", c)
			}
			return do()
		}
		if err := w.run(20); err != nil {
			t.Fatal(err)
		}
		x := w.get()
		if c := meta.FindStatusCondition(x.Status.Conditions, api.ConditionSucceeded); c.Reason != api.ReasonDryRun || c.Status != metav1.ConditionTrue || len(x.Status.Plan) < 3 {
			t.Errorf("%+v", x.Status)
		}
	}
}

// TestDifferentContentIsNotRestored: what is not what was captured never takes the place of anything.
func TestDifferentContentIsNotRestored(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	var p api.RecoveryPoint
	must(w.user.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: "good"}, &p))
	p.Status.Fingerprint.Volumes[0].Digest = now
	must(w.user.Status().Update(context.Background(), &p))
	w.inPlace()
	if err := w.run(100); err != nil {
		t.Fatal(err)
	}
	c := meta.FindStatusCondition(w.get().Status.Conditions, api.ConditionSucceeded)
	if c.Reason != api.ReasonContentDiffers || w.claim("data").Spec.VolumeName != "pv-data" || w.claim("logs").Spec.VolumeName != "pv-logs" || len(w.claims()) != 2 {
		t.Errorf("%s: %s", c.Reason, c.Message)
	}
}

// TestTerminatingNamespace: a namespace that is deleted is held up by no restore.
func TestTerminatingNamespace(t *testing.T) {
	w := newRestoreWorld(t, "data", "logs")
	w.inPlace()
	for swapOf(w.get(), "data") == nil {
		_ = w.run(1)
	}
	var ns corev1.Namespace
	must(w.user.Get(context.Background(), client.ObjectKey{Name: testkit.Namespace}, &ns))
	must(w.user.Delete(context.Background(), &ns))
	must(w.user.Delete(context.Background(), w.get(), &client.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}))
	_ = w.run(50)
	if x := w.get(); x != nil {
		t.Errorf("it is there: %+v", x)
	}
}
