// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// SafetyPoint creates the recovery point of the state before a restore in place. One of that name is judged by who reads it.
func (w *Writer) SafetyPoint(ctx context.Context, r objects.Run, o plan.SafetyOrder) error {
	err := w.Client.Create(ctx, objects.SafetyPoint(r, o), FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Swap carries one step out. It holds only for the version that was looked at; a conflict says that something changed.
// What is refused, and not merely in the way, is told as a problem.
func (w *Writer) Swap(ctx context.Context, r objects.Run, s plan.SwapStep) (*plan.Problem, error) {
	err := w.swap(ctx, r, s)
	if why := refusal(err); why != nil && !apierrors.IsNotFound(err) {
		return &plan.Problem{Reason: why.Reason, Message: fmt.Sprintf("%s %s was refused, and is tried again: %s", s.Do, s.Object.Name, why.Message)}, nil
	}
	return nil, client.IgnoreNotFound(err)
}

func (w *Writer) swap(ctx context.Context, r objects.Run, s plan.SwapStep) error {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: s.Object.Name, UID: types.UID(s.Object.UID)}}
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: s.Object.Name, UID: types.UID(s.Object.UID)}}
	meta := map[string]any{"resourceVersion": s.Version}
	switch s.Do {
	case plan.SwapSpareClaim:
		meta["annotations"] = map[string]any{api.AnnotationExpires: nil}
		return w.mergeInto(ctx, claim, meta, nil)
	case plan.SwapReclaim:
		if s.Mark {
			meta["labels"] = map[string]any{api.LabelRunKind: r.Kind, api.LabelRun: r.Name, api.LabelRunUID: r.UID}
		}
		return w.mergeInto(ctx, volume, meta, map[string]any{"persistentVolumeReclaimPolicy": s.Reclaim})
	case plan.SwapDeleteClaim:
		return w.Client.Delete(ctx, claim, preconditions(claim.UID, s.Version), client.PropagationPolicy(metav1.DeletePropagationBackground))
	case plan.SwapAssignVolume:
		return w.mergeInto(ctx, volume, meta, map[string]any{"claimRef": map[string]any{
			"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": r.Namespace, "name": s.Claim, "uid": nil, "resourceVersion": nil,
		}})
	case plan.SwapKeepVolume:
		meta["annotations"] = map[string]any{api.AnnotationKeepUntil: s.Until.UTC().Format(time.RFC3339)}
		return w.mergeInto(ctx, volume, meta, nil)
	case plan.SwapMakeClaim:
		again, err := objects.ClaimAgain(r.Namespace, s.Claim, s.Record, s.Volume)
		if err != nil {
			return err
		}
		if err = w.Client.Create(ctx, again, FieldOwner); apierrors.IsAlreadyExists(err) {
			return nil // whose it is shows in the volume it names
		}
		return err
	}
	return fmt.Errorf("cannot %s", s.Do)
}

func (w *Writer) mergeInto(ctx context.Context, obj client.Object, meta, spec map[string]any) error {
	patch, err := mergePatch(obj, meta, spec)
	if err != nil {
		return err
	}
	return w.Client.Patch(ctx, obj, patch, FieldOwner)
}
