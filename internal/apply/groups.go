// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"

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

// DeleteGroup deletes a group snapshot with the bytes of its members, which go with it and not one by one.
func (w *Writer) DeleteGroup(ctx context.Context, namespace string, g plan.Group, members []plan.DeleteOrder, version string) error {
	err := w.all(len(members), func(i int) error { return w.freeContent(ctx, members[i]) })
	if err != nil {
		return err
	}
	if g.Content.Name != "" {
		if err := w.freeGroupContent(ctx, g, version); err != nil {
			return err
		}
	}
	if g.Deleting {
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

func (w *Writer) freeGroupContent(ctx context.Context, g plan.Group, version string) error {
	c := groupObject("VolumeGroupSnapshotContent", version)
	err := w.Live.Get(ctx, client.ObjectKey{Name: g.Content.Name}, c)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	ref, _, _ := unstructured.NestedString(c.Object, "spec", "volumeGroupSnapshotRef", "uid")
	policy, _, _ := unstructured.NestedString(c.Object, "spec", "deletionPolicy")
	if ref != g.UID || policy == "Delete" {
		return nil
	}
	patch, err := mergePatch(c, map[string]any{}, map[string]any{"deletionPolicy": "Delete"})
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(w.Client.Patch(ctx, c, patch, FieldOwner))
}
