// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/tell"
)

// tellable are all objects with findings. One that is on its way out takes its findings with it.
func (r *Reader) tellable(ctx context.Context) ([]tell.Object, error) {
	var list api.BackupPolicyList
	if err := r.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil, fmt.Errorf("list policies: %w", err)
	}
	out := make([]tell.Object, 0, len(list.Items))
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			out = append(out, tellableOf(&list.Items[i]))
		}
	}
	return out, nil
}

func tellableOf(b *api.BackupPolicy) tell.Object {
	return tell.Object{
		Kind: "BackupPolicy", Namespace: b.Namespace, Name: b.Name, UID: string(b.UID),
		Findings: b.Status.Findings, Total: int(b.Status.FindingCounts.Total), Marks: b.Status.Told,
	}
}

// refresh reads live those objects of which something is about to be told: what was written of them last may not be in the cache yet.
func (r *Reader) refresh(ctx context.Context, marks []tell.Mark) error {
	for _, m := range marks {
		var b api.BackupPolicy
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: m.Object.Namespace, Name: m.Object.Name}, &b)
		switch {
		case apierrors.IsNotFound(err) || err == nil && string(b.UID) != m.Object.UID:
			m.Object.Findings, m.Object.Marks = nil, nil
		case err != nil:
			return fmt.Errorf("get policy %s: %w", m.Object.Name, err)
		default:
			*m.Object = tellableOf(&b)
		}
	}
	return nil
}
