// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/coverage"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
)

// StampOwner is the name under which policies made from a template are written.
const StampOwner = client.FieldOwner("lifeboat-cluster-policy")

// Stamp carries out what a plan says about the policies of namespaces. What fails in one namespace keeps no other from its
// policy: it is told by namespace, and in the error what may pass by itself.
func (w *Writer) Stamp(ctx context.Context, from *api.ClusterBackupPolicy, p *coverage.Plan) (refused map[string]string, err error) {
	refused = map[string]string{}
	var stale, failed error
	each := func(stamps []coverage.Stamp, do func(coverage.Stamp) error) {
		for _, s := range stamps {
			if ctx.Err() != nil {
				failed = ctx.Err()
				return
			}
			err := do(s)
			var taken *NameTaken
			switch {
			case err == nil, apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
			case apierrors.IsConflict(err):
				stale = err
			case apierrors.IsForbidden(err), apierrors.IsInvalid(err), errors.As(err, &taken):
				refused[s.Namespace] = err.Error()
			default:
				refused[s.Namespace] = err.Error()
				failed = errors.Join(failed, fmt.Errorf("namespace %s: %w", s.Namespace, err))
			}
		}
	}
	each(p.Create, func(s coverage.Stamp) error { return w.makeStamp(ctx, from, s, p.Spec) })
	each(p.Set, func(s coverage.Stamp) error { return w.setStamp(ctx, from, s, p.Spec) })
	each(p.Remove, func(s coverage.Stamp) error { return w.removeStamp(ctx, from, s) })
	if failed == nil {
		failed = stale
	}
	return refused, failed
}

// makeStamp creates and never changes: a policy of that name which somebody made meanwhile is theirs.
func (w *Writer) makeStamp(ctx context.Context, from *api.ClusterBackupPolicy, s coverage.Stamp, spec api.BackupPolicySpec) error {
	want := objects.Stamped(from, s.Namespace, spec)
	err := w.Client.Create(ctx, want, StampOwner)
	if apierrors.IsNotFound(err) {
		return nil // the namespace is gone
	}
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	var there api.BackupPolicy
	if err := w.Live.Get(ctx, client.ObjectKeyFromObject(want), &there); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !coverage.Made(from, &there) {
		return &NameTaken{"BackupPolicy", want.Name}
	}
	return nil
}

// setStamp sets the whole spec, what somebody added to it too, of the very version that was looked at.
func (w *Writer) setStamp(ctx context.Context, from *api.ClusterBackupPolicy, s coverage.Stamp, spec api.BackupPolicySpec) error {
	after := s.There.DeepCopy()
	after.Spec = spec
	if after.Labels == nil {
		after.Labels = map[string]string{}
	}
	maps.Copy(after.Labels, objects.StampedLabels(from))
	return client.IgnoreNotFound(w.Client.Patch(ctx, after, StatusPatch(s.There), StampOwner))
}

// removeStamp deletes one very policy, after a live look at it. Its points stay, whatever somebody wrote into onDelete.
func (w *Writer) removeStamp(ctx context.Context, from *api.ClusterBackupPolicy, s coverage.Stamp) error {
	var b api.BackupPolicy
	if err := w.Live.Get(ctx, client.ObjectKeyFromObject(s.There), &b); err != nil {
		return client.IgnoreNotFound(err)
	}
	if b.UID != s.There.UID || !coverage.Made(from, &b) || !b.DeletionTimestamp.IsZero() {
		return nil
	}
	if b.Spec.OnDelete == api.OnDeletePrune {
		before := b.DeepCopy()
		b.Spec.OnDelete = api.OnDeleteRetain
		if err := w.Client.Patch(ctx, &b, StatusPatch(before), StampOwner); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return client.IgnoreNotFound(w.Client.Delete(ctx, &b, preconditions(b.UID, b.ResourceVersion), client.PropagationPolicy(metav1.DeletePropagationBackground)))
}
