// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	applyv1alpha1 "github.com/lifeboat-dev/lifeboat/api/applyconfiguration/api/v1alpha1"
	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Bring creates the claims of a run, has their volumes mounted as they must be, and creates the readers. What is refused is told as a problem, of which the first counts; what may pass is an error.
func (w *Writer) Bring(ctx context.Context, r objects.Run, claims []plan.ClaimOrder, mounts []plan.MountOrder, reads []plan.ReadOrder, m objects.Mover) (*plan.Problem, error) {
	for _, o := range claims {
		if why, err := w.forRun(ctx, objects.Claim(r, o), &corev1.PersistentVolumeClaim{}); why != nil || err != nil {
			return why, err
		}
	}
	for _, o := range mounts {
		if err := w.mountWith(ctx, o); err != nil {
			return nil, err
		}
	}
	for _, o := range reads {
		if why, err := w.forRun(ctx, objects.Reader(r, o, m), &corev1.Pod{}); why != nil || err != nil {
			return why, err
		}
	}
	return nil, nil
}

// mountWith sets the mount options of a volume. One that is gone, or another of its name, is left alone.
func (w *Writer) mountWith(ctx context.Context, o plan.MountOrder) error {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: o.Volume.Name, UID: types.UID(o.Volume.UID)}}
	patch, err := mergePatch(v, map[string]any{}, map[string]any{"mountOptions": o.Options})
	if err != nil {
		return err
	}
	if err := w.Client.Patch(ctx, v, patch, FieldOwner); err != nil && !Gone(err) {
		return fmt.Errorf("set mount options of volume %s: %w", o.Volume.Name, err)
	}
	return nil
}

// Check creates the pod of a check.
func (w *Writer) Check(ctx context.Context, r objects.Run, o plan.CheckOrder) (*plan.Problem, error) {
	return w.forRun(ctx, objects.CheckPod(r, o), &corev1.Pod{})
}

// Isolate creates the NetworkPolicy of a run.
func (w *Writer) Isolate(ctx context.Context, p *networkingv1.NetworkPolicy) (*plan.Problem, error) {
	return w.forRun(ctx, p, &networkingv1.NetworkPolicy{})
}

// forRun creates an object of a run. One of that name is adopted when it was made for the same run.
func (w *Writer) forRun(ctx context.Context, want, there client.Object) (*plan.Problem, error) {
	err := w.Client.Create(ctx, want, FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		if err := w.Live.Get(ctx, client.ObjectKeyFromObject(want), there); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		if there.GetLabels()[api.LabelRunUID] == want.GetLabels()[api.LabelRunUID] {
			return nil, sameAttempt(want, there)
		}
		return &plan.Problem{Reason: api.ReasonNameTaken, Message: (&NameTaken{kindOf(want), want.GetName()}).Error()}, nil
	}
	if r := refusal(err); r != nil {
		return &plan.Problem{Reason: r.Reason, Message: fmt.Sprintf("%s %s was refused: %s", kindOf(want), want.GetName(), r.Message)}, nil
	}
	return nil, err
}

// sameAttempt refuses what was made for another attempt of the same run: nothing that is made for one may get to the other.
func sameAttempt(want, there client.Object) error {
	if a, b := want.GetLabels()[api.LabelAttempt], there.GetLabels()[api.LabelAttempt]; a != b {
		return fmt.Errorf("%s %s is of attempt %q, and not of %q", kindOf(want), want.GetName(), b, a)
	}
	return nil
}

// Writers creates the pods that write copies into claims. The claims come first, so that whoever has the wrong one makes no pod.
func (w *Writer) Writers(ctx context.Context, r objects.Run, all []plan.RepositoryOrder, m objects.Mover) (*plan.Problem, error) {
	for _, o := range all {
		if why, err := w.AtRepository(ctx, r, o, m); why != nil || err != nil {
			return why, err
		}
	}
	return nil, nil
}

func kindOf(o client.Object) string {
	switch o.(type) {
	case *corev1.PersistentVolumeClaim:
		return "PersistentVolumeClaim"
	case *corev1.Pod:
		return "Pod"
	}
	return "NetworkPolicy"
}

// Remove deletes what was to be thrown away. Each was read live and is named by its UID.
func (w *Writer) Remove(ctx context.Context, namespace string, all []plan.Leftover) error {
	var errs []error
	for _, l := range all {
		if err := w.remove(ctx, namespace, l); err != nil {
			errs = append(errs, err)
		}
	}
	return joined(errs)
}

func (w *Writer) remove(ctx context.Context, namespace string, l plan.Leftover) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: l.Name, UID: types.UID(l.UID)}
	var o client.Object
	switch l.Kind {
	case "PersistentVolumeClaim":
		o = &corev1.PersistentVolumeClaim{ObjectMeta: meta}
	case "Pod":
		o = &corev1.Pod{ObjectMeta: meta}
	case "NetworkPolicy":
		o = &networkingv1.NetworkPolicy{ObjectMeta: meta}
	case "PersistentVolume":
		return w.freeVolume(ctx, l)
	default:
		return fmt.Errorf("cannot remove a %s", l.Kind)
	}
	err := w.Client.Delete(ctx, o, preconditions(meta.UID, ""), client.PropagationPolicy(metav1.DeletePropagationBackground))
	if Gone(err) {
		return nil
	}
	return err
}

// freeVolume has a volume go with its claim where its class would keep it. Whoever provisioned it deletes it.
func (w *Writer) freeVolume(ctx context.Context, l plan.Leftover) error {
	if !l.Retain {
		return nil
	}
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: l.Name, UID: types.UID(l.UID)}}
	patch, err := mergePatch(v, map[string]any{}, map[string]any{"persistentVolumeReclaimPolicy": "Delete"})
	if err != nil {
		return err
	}
	if err := w.Client.Patch(ctx, v, patch, FieldOwner); !Gone(err) {
		return err
	}
	return nil
}

// Rehearse creates a drill. A drill of that name is adopted when it was made for the same policy and slot.
func (w *Writer) Rehearse(ctx context.Context, policy *api.BackupPolicy, d plan.Rehearse) error {
	drill := objects.Drill(policy, d)
	err := w.Client.Create(ctx, drill, FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var there api.RestoreDrill
	if err := w.Live.Get(ctx, client.ObjectKeyFromObject(drill), &there); err != nil {
		return err
	}
	if there.Labels[api.LabelPolicyUID] != string(policy.UID) || !there.Spec.Slot.Equal(drill.Spec.Slot) {
		return &NameTaken{"RestoreDrill", drill.Name}
	}
	return nil
}

// Forget deletes drills that the history no longer keeps.
func (w *Writer) Forget(ctx context.Context, namespace string, all []plan.Target) error {
	var errs []error
	for _, t := range all {
		d := &api.RestoreDrill{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: t.Name}}
		errs = append(errs, client.IgnoreNotFound(w.Client.Delete(ctx, d, preconditions(types.UID(t.UID), ""))))
	}
	return errors.Join(errs...)
}

// Prove writes the proofs of a point. The field is owned apart from the rest of the status, so that it cannot get in the
// way of the capture.
func (w *Writer) Prove(ctx context.Context, namespace string, t plan.Target, proofs []api.ProofSummary) error {
	status := applyv1alpha1.RecoveryPointStatus()
	for _, p := range proofs {
		one := applyv1alpha1.ProofSummary().WithDrill(p.Drill).WithRecoveryPoint(p.RecoveryPoint).WithLevel(p.Level).WithAt(p.At).WithIndependent(p.Independent)
		if p.From != "" { // it was recorded by a release that knew snapshots alone
			one = one.WithFrom(p.From)
		}
		if p.RecoveryTime != nil {
			one = one.WithRecoveryTime(*p.RecoveryTime)
		}
		status = status.WithProofs(one)
	}
	point := applyv1alpha1.RecoveryPoint(t.Name, namespace).WithUID(types.UID(t.UID)).WithStatus(status)
	err := w.Client.Status().Apply(ctx, point, client.FieldOwner("lifeboat-proofs"), client.ForceOwnership)
	return client.IgnoreNotFound(err)
}

// ForgetEvidence deletes a statement that the history no longer keeps.
func (w *Writer) ForgetEvidence(ctx context.Context, namespace string, t plan.Target) error {
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: t.Name}}
	if err := w.Client.Delete(ctx, c, preconditions(types.UID(t.UID), "")); !Gone(err) {
		return err
	}
	return nil
}

// KeepManifest keeps the list of files behind a fingerprint. One of that name is of the same volume of the same point.
func (w *Writer) KeepManifest(ctx context.Context, point *api.RecoveryPoint, k plan.KeepManifest, compressed []byte) error {
	err := w.Client.Create(ctx, objects.Manifest(point, k, compressed), FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
