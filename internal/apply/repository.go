// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Password creates the Secret with the password of a repository, and says whether it did. One that is there stays as it is:
// it cannot be looked at, and is never replaced.
func (w *Writer) Password(ctx context.Context, r *api.Repository, name string) (made bool, why *plan.Problem, err error) {
	err = w.Client.Create(ctx, objects.Password(r, name, rand.Text()+rand.Text()), FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		return false, nil, nil
	}
	if refused := refusal(err); refused != nil {
		return false, &plan.Problem{Reason: refused.Reason, Message: fmt.Sprintf("Secret %s was refused: %s", name, refused.Message)}, nil
	}
	return err == nil, nil, err
}

// AtRepository creates a pod that does something with a repository.
func (w *Writer) AtRepository(ctx context.Context, r objects.Run, o plan.RepositoryOrder, m objects.Mover) (*plan.Problem, error) {
	return w.forRun(ctx, objects.RepositoryPod(r, o, m), &corev1.Pod{})
}

// Import makes a recovery point of copies, and says whether it did. One that is there and has its status is left alone; one whose import was
// interrupted is taken up again. Its status is written last: with it the point counts.
func (w *Writer) Import(ctx context.Context, r *api.Repository, i plan.ImportedPoint, now time.Time) (*api.RecoveryPoint, error) {
	p := objects.ImportedPoint(r, i)
	err := w.Client.Create(ctx, p, FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		from := p.Annotations[api.AnnotationImportedFrom]
		if err := w.Live.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return nil, err
		}
		switch {
		case p.Annotations[api.AnnotationImportedFrom] != from:
			return nil, &NameTaken{"RecoveryPoint", p.Name}
		case p.Status.Origin != nil:
			return nil, nil
		}
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("import recovery point %s: %w", i.Name, err)
	}
	raw, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.UID}, "status": objects.ImportedStatus(r, p, i, now)})
	if err != nil {
		return nil, err
	}
	return p, w.Client.Status().Patch(ctx, p, client.RawPatch(types.MergePatchType, raw), FieldOwner)
}
