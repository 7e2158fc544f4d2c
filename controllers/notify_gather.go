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
	var policies api.BackupPolicyList
	if err := r.Cache.List(ctx, &policies, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil, fmt.Errorf("list policies: %w", err)
	}
	var wide api.ClusterBackupPolicyList
	if err := r.Cache.List(ctx, &wide, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ClusterBackupPolicies: %w", err)
	}
	out := make([]tell.Object, 0, len(policies.Items)+len(wide.Items))
	for i := range policies.Items {
		if policies.Items[i].DeletionTimestamp.IsZero() {
			out = append(out, tellableOf(&policies.Items[i]))
		}
	}
	for i := range wide.Items {
		if wide.Items[i].DeletionTimestamp.IsZero() {
			out = append(out, tellableOf(&wide.Items[i]))
		}
	}
	return out, nil
}

// tellableOf is what there may be to tell of an object.
func tellableOf(o client.Object) tell.Object {
	out := tell.Object{Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())}
	switch b := o.(type) {
	case *api.BackupPolicy:
		out.Kind, out.Findings, out.Total, out.Marks = tell.KindPolicy, b.Status.Findings, int(b.Status.FindingCounts.Total), b.Status.Told
	case *api.ClusterBackupPolicy:
		out.Kind, out.Findings, out.Total, out.Marks = tell.KindClusterPolicy, b.Status.Findings, int(b.Status.FindingCounts.Total), b.Status.Told
	}
	return out
}

// refresh reads live those objects of which something is about to be told: what was written of them last may not be in the cache yet.
func (r *Reader) refresh(ctx context.Context, marks []tell.Mark) error {
	for _, m := range marks {
		there, err := r.live(ctx, m.Object)
		switch {
		case err != nil:
			return fmt.Errorf("read %s %s: %w", m.Object.Kind, m.Object.Name, err)
		case there == nil || string(there.GetUID()) != m.Object.UID:
			m.Object.Findings, m.Object.Total, m.Object.Marks = nil, 0, nil
		default:
			*m.Object = tellableOf(there)
		}
	}
	return nil
}

// live reads an object; nil when it is not there. Those of the whole cluster are few, and may be listed and not asked for by name.
func (r *Reader) live(ctx context.Context, o *tell.Object) (client.Object, error) {
	if o.Kind != tell.KindClusterPolicy {
		b := &api.BackupPolicy{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.Name}, b)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return b, err
	}
	var wide api.ClusterBackupPolicyList
	if err := r.Live.List(ctx, &wide); err != nil {
		return nil, err
	}
	for i := range wide.Items {
		if wide.Items[i].Name == o.Name {
			return &wide.Items[i], nil
		}
	}
	return nil, nil
}
