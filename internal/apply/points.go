// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

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
	var all api.RecoveryPointList
	if err := w.Live.List(ctx, &all, client.InNamespace(policy.Namespace)); err != nil {
		return fmt.Errorf("expire %s: %w", t.Name, err)
	}
	var siblings []*api.RecoveryPoint
	var point *api.RecoveryPoint
	for i := range all.Items {
		p := &all.Items[i]
		if p.Spec.Policy.Name == policy.Name {
			siblings = append(siblings, p)
		}
		if string(p.UID) == t.UID {
			point = p
		}
	}
	if point == nil || !point.DeletionTimestamp.IsZero() {
		return nil
	}
	if why := plan.Held(point, policy, siblings); why != "" {
		return &Refused{Point: t.Name, Why: why}
	}
	err := w.Client.Delete(ctx, point, preconditions(point.UID, point.ResourceVersion), client.PropagationPolicy(metav1.DeletePropagationBackground))
	return client.IgnoreNotFound(err)
}

// Refused says that a deletion was refused on a fresh look.
type Refused struct{ Point, Why string }

func (e *Refused) Error() string {
	return fmt.Sprintf("recovery point %s is not expired: %s", e.Point, e.Why)
}

// Keep writes the reasons for which retention keeps a point. The field is owned apart from the rest of the status,
// so that it cannot get in the way of the capture.
func (w *Writer) Keep(ctx context.Context, namespace string, k plan.KeepChange) error {
	status := applyv1alpha1.RecoveryPointStatus()
	if len(k.Reasons) > 0 {
		status = status.WithKeep(k.Reasons...)
	}
	point := applyv1alpha1.RecoveryPoint(k.Name, namespace).WithUID(types.UID(k.UID)).WithStatus(status)
	err := w.Client.Status().Apply(ctx, point, client.FieldOwner("lifeboat-retention"), client.ForceOwnership)
	return client.IgnoreNotFound(err)
}
