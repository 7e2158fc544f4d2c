// SPDX-License-Identifier: Apache-2.0

package envtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/test/storage"
)

// kubernetes plays, in the world's namespace, the controllers that an API server alone lacks: it makes volumes of claims,
// binds, protects and reclaims them, and runs the pods that read.
func (w *world) kubernetes() {
	w.Helper()
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: storage.Class}, Provisioner: storage.Driver}
	w.ok(client.IgnoreAlreadyExists(w.admin.Create(w.Context(), class)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			w.step(ctx)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	w.Cleanup(func() {
		cancel()
		<-done
	})
}

// step looks at everything once. What fails is tried again: others write at the same time.
func (w *world) step(ctx context.Context) {
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	var pods corev1.PodList
	for _, l := range []client.ObjectList{&claims, &volumes, &pods} {
		if w.admin.List(ctx, l) != nil {
			return
		}
	}
	there := map[string]bool{}
	for i := range claims.Items {
		c := &claims.Items[i]
		there[string(c.UID)] = true
		if c.Namespace == w.namespace {
			w.stepClaim(ctx, c, pods.Items)
		}
	}
	for i := range volumes.Items {
		v := &volumes.Items[i]
		if r := v.Spec.ClaimRef; r != nil && r.Namespace == w.namespace && r.UID != "" && !there[string(r.UID)] {
			w.stepVolume(ctx, v)
		}
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Namespace == w.namespace && p.Labels[api.LabelRunUID] != "" && p.Labels[api.LabelReachesRepository] == "" && p.Status.Phase == corev1.PodPending {
			w.stepReader(ctx, p)
		}
	}
}

func (w *world) stepClaim(ctx context.Context, c *corev1.PersistentVolumeClaim, pods []corev1.Pod) {
	switch {
	case c.DeletionTimestamp != nil:
		for _, p := range pods {
			uses := func(v corev1.Volume) bool {
				return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name
			}
			if p.Namespace == c.Namespace && slices.ContainsFunc(p.Spec.Volumes, uses) {
				return
			}
		}
		c.Finalizers = nil
		_ = w.admin.Update(ctx, c)
	case c.Status.Phase == corev1.ClaimBound:
	case c.Spec.VolumeName == "" && c.Labels[api.LabelRunUID] != "":
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(c.UID)}, Spec: corev1.PersistentVolumeSpec{
			Capacity: c.Spec.Resources.Requests, AccessModes: c.Spec.AccessModes, StorageClassName: *c.Spec.StorageClassName,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef:                      &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: c.Name, UID: c.UID},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: storage.Driver, VolumeHandle: string(c.UID)}},
		}}
		if err := w.admin.Create(ctx, v); err != nil && !apierrors.IsAlreadyExists(err) {
			return
		}
		c.Spec.VolumeName = v.Name
		_ = w.admin.Update(ctx, c)
	case c.Spec.VolumeName != "":
		w.bind(ctx, c)
	}
}

// bind binds a claim to the volume it names, if that is free or meant for it.
func (w *world) bind(ctx context.Context, c *corev1.PersistentVolumeClaim) {
	var v corev1.PersistentVolume
	if w.admin.Get(ctx, client.ObjectKey{Name: c.Spec.VolumeName}, &v) != nil {
		return
	}
	r := v.Spec.ClaimRef
	if r == nil || r.Namespace != c.Namespace || r.Name != c.Name || (r.UID != "" && r.UID != c.UID) {
		return
	}
	r.UID = c.UID
	if w.admin.Update(ctx, &v) != nil {
		return
	}
	v.Status.Phase = corev1.VolumeBound
	_ = w.admin.Status().Update(ctx, &v)
	c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: v.Spec.Capacity, AccessModes: c.Spec.AccessModes}
	_ = w.admin.Status().Update(ctx, c)
}

// stepVolume reclaims a volume whose claim is gone.
func (w *world) stepVolume(ctx context.Context, v *corev1.PersistentVolume) {
	switch {
	case v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete:
		_ = w.admin.Delete(ctx, v)
		v.Finalizers = nil
		_ = w.admin.Update(ctx, v)
	case v.Status.Phase != corev1.VolumeReleased:
		v.Status.Phase = corev1.VolumeReleased
		_ = w.admin.Status().Update(ctx, v)
	}
}

// stepReader has a reader end well, once its claim is bound.
func (w *world) stepReader(ctx context.Context, p *corev1.Pod) {
	var c corev1.PersistentVolumeClaim
	key := client.ObjectKey{Namespace: p.Namespace, Name: p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName}
	if w.admin.Get(ctx, key, &c) != nil || c.Status.Phase != corev1.ClaimBound {
		return
	}
	told, err := result.Encode(result.Result{Volumes: []result.Volume{{Name: "volume", Digest: "sha256:" + strings.Repeat("7", 64), Files: 3, Bytes: 30}}})
	if err != nil {
		panic(err)
	}
	p.Status.Phase = corev1.PodSucceeded
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "reader", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: string(told)}}}}
	_ = w.admin.Status().Update(ctx, p)
}

func (w *world) restore(name string, spec api.RestoreSpec) *api.Restore {
	w.Helper()
	r := &api.Restore{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Spec: spec}
	w.ok(w.admin.Create(w.Context(), r))
	return r
}

func (w *world) get(name string) *corev1.PersistentVolumeClaim {
	w.Helper()
	var c corev1.PersistentVolumeClaim
	w.ok(w.admin.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &c))
	return &c
}

// leftovers waits until a restore has removed what it was to throw away.
func (w *world) leftovers(r *api.Restore) {
	w.Helper()
	eventually(w.T, soon, func() error {
		if err := w.admin.Get(w.Context(), client.ObjectKeyFromObject(r), r); err != nil {
			return err
		}
		if len(r.Finalizers) > 0 {
			return fmt.Errorf("finalizers %v", r.Finalizers)
		}
		return nil
	})
	var pods corev1.PodList
	w.ok(w.admin.List(w.Context(), &pods, client.InNamespace(w.namespace)))
	if len(pods.Items) > 0 {
		w.Errorf("%d pods are left", len(pods.Items))
	}
}

func point(name string, change func(*api.RestoreSpec)) api.RestoreSpec {
	s := api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: name}}
	if change != nil {
		change(&s)
	}
	return s
}

// TestRestoreInPlace replaces the volumes of two claims, with a real API server's idea of patches, preconditions and statuses.
func TestRestoreInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts", "photos")
	w.kubernetes()
	w.policy("sync", nil)
	w.complete("sync", "good")
	before := w.get("contacts")
	var old corev1.PersistentVolume
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Name: before.Spec.VolumeName}, &old))

	r := w.restore("back", point("good", func(s *api.RestoreSpec) {
		s.InPlace, s.KeepOldFor = true, &metav1.Duration{Duration: 5 * time.Second}
	}))
	w.await(r, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonRestored)
	w.leftovers(r)
	after := w.get("contacts")
	if after.UID == before.UID || after.Spec.VolumeName == before.Spec.VolumeName || after.Status.Phase != corev1.ClaimBound || after.Labels["app"] != "sync" || len(after.Labels) != 1 {
		t.Errorf("the claim is now %+v", after)
	}
	if r.Status.Progress != "2/2" || r.Status.Volumes[0].Verified != api.LevelRestored || len(r.Status.Plan) < 4 {
		t.Errorf("status %+v", r.Status)
	}
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Name: old.Name}, &old))
	if old.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain || old.Annotations[api.AnnotationKeepUntil] == "" || old.Labels[api.LabelRunUID] != string(r.UID) {
		t.Errorf("the old volume is not kept: %+v", old)
	}
	var safety api.RecoveryPoint
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: r.Status.SafetyPoint}, &safety))
	if !safety.Spec.Hold || !meta.IsStatusConditionTrue(safety.Status.Conditions, api.ConditionComplete) {
		t.Errorf("the point of the state before: %+v", safety)
	}
	eventually(t, soon, func() error { // its class says Retain, as one made by hand does
		w.ok(w.admin.Get(t.Context(), client.ObjectKeyFromObject(r), r))
		if s := r.Status.Volumes[0].Swap; s == nil || s.ReleasedAt == nil {
			return fmt.Errorf("swap %+v", s)
		}
		return nil
	})
	w.ok(w.admin.Get(t.Context(), client.ObjectKey{Name: old.Name}, &old))
}

// TestRestoreIntoNewClaims: the new claims are there when the restore says so, and stay when it goes; what is refused says why.
func TestRestoreIntoNewClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "contacts", "photos")
	w.kubernetes()
	w.policy("sync", nil)
	w.complete("sync", "good")
	r := w.restore("preview", point("good", func(s *api.RestoreSpec) { s.DryRun = true }))
	w.await(r, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonDryRun)
	r = w.restore("beside", point("good", func(s *api.RestoreSpec) { s.Labels = map[string]string{"rescued": "yes"} }))
	w.await(r, api.ConditionSucceeded, metav1.ConditionTrue, api.ReasonRestored)
	w.leftovers(r)
	w.ok(w.admin.Delete(t.Context(), r))
	w.gone(r)
	for _, name := range []string{"contacts-beside", "photos-beside"} {
		if c := w.get(name); c.Labels["rescued"] != "yes" || c.Status.Phase != corev1.ClaimBound || c.Annotations[api.AnnotationExpires] != "" || c.DeletionTimestamp != nil {
			t.Errorf("claim %s: %+v", name, c)
		}
	}
	for name, c := range map[string]struct {
		spec   api.RestoreSpec
		reason string
	}{
		"again":     {point("good", func(s *api.RestoreSpec) { s.NamePattern = "{claim}-beside" }), api.ReasonClaimExists},
		"not-there": {point("none", nil), api.ReasonPointNotFound},
		"no-policy": {api.RestoreSpec{Policy: &api.PolicyReference{Name: "none"}}, api.ReasonNoEligiblePoint},
		"in-use":    {point("good", func(s *api.RestoreSpec) { s.InPlace = true }), api.ReasonClaimInUse},
	} {
		if name == "in-use" {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "user"}, Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "c", Image: "image.test/c"}},
				Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "contacts"}}}}}}
			w.ok(w.admin.Create(t.Context(), pod))
		}
		r := w.restore(name, c.spec)
		w.await(r, api.ConditionSucceeded, metav1.ConditionFalse, c.reason)
	}
}
