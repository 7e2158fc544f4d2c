// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

func groupObject(kind, version string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "groupsnapshot.storage.k8s.io", Version: version, Kind: kind})
	return u
}

// Group creates the group snapshot of a point. A refusal is a refusal of every claim that waits for it.
func (w *Writer) Group(ctx context.Context, point *api.RecoveryPoint, o plan.GroupOrder, version string, waiting []plan.Claim) (plan.Refusals, error) {
	u := groupObject("VolumeGroupSnapshot", version)
	for k, v := range objects.GroupSnapshot(point, o) {
		u.Object[k] = v
	}
	err := w.Client.Create(ctx, u, FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		there := groupObject("VolumeGroupSnapshot", version)
		if err = w.Live.Get(ctx, client.ObjectKeyFromObject(u), there); err == nil && there.GetLabels()[api.LabelPointUID] != string(point.UID) {
			err = &NameTaken{"VolumeGroupSnapshot", o.Name}
		}
	}
	r := refusal(err)
	if r == nil {
		return nil, err
	}
	refused := plan.Refusals{}
	for _, c := range waiting {
		refused[c.UID] = *r
	}
	return refused, nil
}

// RetainGroup switches the content of a group snapshot to Retain, and writes on it whose it is.
func (w *Writer) RetainGroup(ctx context.Context, point *api.RecoveryPoint, g plan.Group, version string) error {
	c := groupObject("VolumeGroupSnapshotContent", version)
	c.SetName(g.Content.Name)
	c.SetUID(types.UID(g.Content.UID))
	labels, annotations := objects.GroupContentMarks(point)
	patch, err := mergePatch(c, map[string]any{"labels": labels, "annotations": annotations}, map[string]any{"deletionPolicy": "Retain"})
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(w.Client.Patch(ctx, c, patch, FieldOwner))
}

// DeleteGroup deletes a group snapshot with the bytes of its members, which go with it and not one by one.
func (w *Writer) DeleteGroup(ctx context.Context, namespace string, g plan.Group, members []plan.DeleteOrder, version string) error {
	err := w.all(len(members), func(i int) error { return w.freeContent(ctx, members[i]) })
	if err != nil {
		return err
	}
	if g.Content.Name != "" {
		if err := w.freeGroupContent(ctx, g, version, g.At); err != nil {
			return err
		}
	}
	if g.Deleting || g.Name == "" {
		return nil
	}
	u := groupObject("VolumeGroupSnapshot", version)
	u.SetNamespace(namespace)
	u.SetName(g.Name)
	if err := w.Client.Delete(ctx, u, preconditions(types.UID(g.UID), "")); !Gone(err) {
		return err
	}
	return nil
}

func (w *Writer) freeGroupContent(ctx context.Context, g plan.Group, version string, now time.Time) error {
	c := groupObject("VolumeGroupSnapshotContent", version)
	err := w.Live.Get(ctx, client.ObjectKey{Name: g.Content.Name}, c)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if string(c.GetUID()) != g.Content.UID {
		return nil
	}
	if policy, _, _ := unstructured.NestedString(c.Object, "spec", "deletionPolicy"); policy != "Delete" {
		patch, err := mergePatch(c, map[string]any{}, map[string]any{"deletionPolicy": "Delete"})
		if err != nil {
			return err
		}
		if err := w.Client.Patch(ctx, c, patch, FieldOwner); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	if c.GetDeletionTimestamp() != nil {
		return w.nudge(ctx, c, now)
	}
	if g.Name != "" {
		return nil
	}
	if err := w.Client.Delete(ctx, c, preconditions(c.GetUID(), "")); !Gone(err) {
		return err
	}
	return nil
}
