// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	applyv1alpha1 "github.com/lifeboat-dev/lifeboat/api/applyconfiguration/api/v1alpha1"
	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Take creates the point of a slot. A point of that name is adopted when it was made for the same policy and slot.
func (w *Writer) Take(ctx context.Context, policy *api.BackupPolicy, t plan.Take) error {
	point := objects.Point(policy, t)
	err := w.Client.Create(ctx, point, FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var there api.RecoveryPoint
	if err := w.Live.Get(ctx, client.ObjectKeyFromObject(point), &there); err != nil {
		return err
	}
	same := there.Labels[api.LabelPolicyUID] == string(policy.UID) && there.Spec.Slot != nil && there.Spec.Slot.Time.Equal(t.Slot)
	if !same {
		return &NameTaken{"RecoveryPoint", point.Name}
	}
	return nil
}

// Expire deletes one very point, after a live look at it and its siblings: the last good ones are refused.
func (w *Writer) Expire(ctx context.Context, policy *api.BackupPolicy, t plan.Target) error {
	point, siblings, err := w.look(ctx, policy, t)
	if err != nil || point == nil {
		return err
	}
	if err := w.refuse(ctx, policy, point, siblings, plan.Held(point, policy, siblings)); err != nil {
		return err
	}
	err = w.Client.Delete(ctx, point, preconditions(point.UID, point.ResourceVersion), client.PropagationPolicy(metav1.DeletePropagationBackground))
	return client.IgnoreNotFound(err)
}

// look reads one very point and its siblings live; the point is nil when it is gone, or going.
func (w *Writer) look(ctx context.Context, policy *api.BackupPolicy, t plan.Target) (point *api.RecoveryPoint, siblings []*api.RecoveryPoint, err error) {
	var all api.RecoveryPointList
	if err := w.Live.List(ctx, &all, client.InNamespace(policy.Namespace)); err != nil {
		return nil, nil, fmt.Errorf("look at %s: %w", t.Name, err)
	}
	for i := range all.Items {
		p := &all.Items[i]
		if p.Spec.Policy.Name == policy.Name {
			siblings = append(siblings, p)
		}
		if string(p.UID) == t.UID && p.DeletionTimestamp.IsZero() {
			point = p
		}
	}
	return point, siblings, nil
}

// refuse refuses to let a point go, or a part of it, for the reason that is given, or because a repository is damaged, on a live look:
// the policy may have been judged by an older view of its repositories.
func (w *Writer) refuse(ctx context.Context, policy *api.BackupPolicy, point *api.RecoveryPoint, siblings []*api.RecoveryPoint, why string) error {
	if why == "" && (len(policy.Spec.Copies) > 0 || len(point.Status.Copies) > 0) {
		var list api.RepositoryList
		if err := w.Live.List(ctx, &list, client.InNamespace(point.Namespace)); err != nil {
			return fmt.Errorf("look at the repositories of %s: %w", point.Name, err)
		}
		why = plan.HeldByDamage(policy, siblings, plan.ByName(list.Items))
	}
	if why == "" {
		return nil
	}
	return &Refused{Point: point.Name, Why: why}
}

// Refused says that a deletion was refused on a fresh look.
type Refused struct{ Point, Why string }

func (e *Refused) Error() string {
	return fmt.Sprintf("recovery point %s is not expired: %s", e.Point, e.Why)
}

// retentionOwner is the name under which is written what retention says of a point. Those fields are owned apart from the rest of
// the status, so that they cannot get in the way of the capture.
const retentionOwner = client.FieldOwner("lifeboat-retention")

// Keep writes the reasons for which retention keeps a point. What was let go of it stays so, but for what is kept again.
func (w *Writer) Keep(ctx context.Context, namespace string, k plan.KeepChange) error {
	if !k.Parted {
		return w.retention(ctx, namespace, k.Target, k.Reasons, nil)
	}
	var there api.RecoveryPoint
	if err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: k.Name}, &there); err != nil {
		return client.IgnoreNotFound(err)
	}
	if string(there.UID) != k.UID {
		return nil
	}
	stays := slices.DeleteFunc(there.Status.Release, func(r api.ReleasedPart) bool {
		return slices.Contains(k.Again, r.Part) && (r.Part != plan.PartSnapshots || plan.BySnapshots(&there))
	})
	return w.retention(ctx, namespace, k.Target, k.Reasons, stays)
}

// Release lets a part of one very point go, after a live look at it and its siblings: the only part that is left is refused.
func (w *Writer) Release(ctx context.Context, policy *api.BackupPolicy, r plan.ReleaseOrder) error {
	point, siblings, err := w.look(ctx, policy, r.Target)
	if err != nil || point == nil {
		return err
	}
	if slices.ContainsFunc(point.Status.Release, func(p api.ReleasedPart) bool { return p.Part == r.Part }) {
		return nil
	}
	if err := w.refuse(ctx, policy, point, siblings, plan.HeldPart(point, r.Part, policy, siblings)); err != nil {
		return err
	}
	parts := append(point.Status.Release, api.ReleasedPart{Part: r.Part, At: metav1.NewTime(r.At)})
	return w.retention(ctx, policy.Namespace, r.Target, point.Status.Keep, parts)
}

func (w *Writer) retention(ctx context.Context, namespace string, t plan.Target, reasons []string, parts []api.ReleasedPart) error {
	status := applyv1alpha1.RecoveryPointStatus()
	if len(reasons) > 0 {
		status = status.WithKeep(reasons...)
	}
	for _, p := range parts {
		status = status.WithRelease(applyv1alpha1.ReleasedPart().WithPart(p.Part).WithAt(p.At))
	}
	point := applyv1alpha1.RecoveryPoint(t.Name, namespace).WithUID(types.UID(t.UID)).WithStatus(status)
	return client.IgnoreNotFound(w.Client.Status().Apply(ctx, point, retentionOwner, client.ForceOwnership))
}
