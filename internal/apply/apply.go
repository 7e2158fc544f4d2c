// SPDX-License-Identifier: Apache-2.0

// Package apply is the only writer to the cluster: create-only for what must exist once, patches that name what they
// own, and deletes that follow a live read and carry the UID of what they mean.
package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// FieldOwner is the name under which fields are written.
const FieldOwner = client.FieldOwner("lifeboat")

// Writer carries plans out.
type Writer struct {
	Client client.Client // reads from the cache
	Live   client.Reader // reads from the API server
	Lanes  *Lanes        // bounds what is created side by side
}

// NameTaken says that an object of a derived name exists and is not ours. It is never touched.
type NameTaken struct{ Kind, Name string }

func (e *NameTaken) Error() string {
	return fmt.Sprintf("%s %q exists and was not made for this; delete or rename it", e.Kind, e.Name)
}

// Finalizer adds or releases one finalizer of an object, which must not have changed meanwhile.
func (w *Writer) Finalizer(ctx context.Context, obj client.Object, name string, do plan.Finalizer) error {
	have := obj.GetFinalizers()
	want := slices.DeleteFunc(slices.Clone(have), func(f string) bool { return f == name })
	if do == plan.FinalizerAdd {
		want = append(want, name)
	}
	if do == "" || slices.Equal(have, want) {
		return nil
	}
	patch, err := mergePatch(obj, map[string]any{"finalizers": want, "resourceVersion": obj.GetResourceVersion()}, nil)
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(w.Client.Patch(ctx, obj, patch, FieldOwner))
}

// mergePatch builds a merge patch that holds only for the object's own UID.
func mergePatch(obj client.Object, metadata map[string]any, spec map[string]any) (client.Patch, error) {
	metadata["uid"] = obj.GetUID()
	body := map[string]any{"metadata": metadata}
	if spec != nil {
		body["spec"] = spec
	}
	raw, err := json.Marshal(body)
	return client.RawPatch(types.MergePatchType, raw), err
}

// StatusPatch is a patch of the difference that holds only for the version that was looked at.
func StatusPatch(before client.Object) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}

// Gone says whether an error means that the very object is not there any more.
func Gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// preconditions name one very object; an empty version stands for any.
func preconditions(uid types.UID, version string) client.Preconditions {
	p := client.Preconditions{UID: &uid}
	if version != "" {
		p.ResourceVersion = &version
	}
	return p
}
