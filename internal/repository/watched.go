// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo/blob"
)

// counter counts what a store had to take.
type counter struct{ atomic.Int64 }

// patience is how many operations in a row may fail, each of which was tried several times, until a store is given up. The
// library asks for ever for the lists that it cannot do without, whatever the answer is.
const patience = 3

// watched is a store of which it is known how much it took, and whether it still answers.
type watched struct {
	blob.Storage
	written *counter
	giveUp  context.CancelCauseFunc

	mutex  sync.Mutex
	failed int
}

// note takes notice of how an operation ended.
func (w *watched) note(err error) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	switch {
	case err == nil, errors.Is(err, blob.ErrBlobNotFound), errors.Is(err, blob.ErrInvalidRange), errors.Is(err, blob.ErrBlobAlreadyExists), errors.Is(err, errEnough):
		w.failed = 0
	case errors.Is(err, context.Canceled):
	default:
		if w.failed++; w.failed == patience {
			w.giveUp(classify(err))
		}
	}
	return err
}

// PutBlob writes, and counts what was written.
func (w *watched) PutBlob(ctx context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	err := w.note(w.Storage.PutBlob(ctx, id, data, o))
	if err == nil {
		w.written.Add(int64(data.Length()))
	}
	return err
}

// GetBlob reads.
func (w *watched) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	return w.note(w.Storage.GetBlob(ctx, id, offset, length, out))
}

// GetMetadata looks for a blob.
func (w *watched) GetMetadata(ctx context.Context, id blob.ID) (blob.Metadata, error) {
	m, err := w.Storage.GetMetadata(ctx, id)
	return m, w.note(err)
}

// ListBlobs lists.
func (w *watched) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	var ended error // by who asked
	err := w.Storage.ListBlobs(ctx, prefix, func(b blob.Metadata) error {
		ended = each(b)
		return ended
	})
	if ended != nil {
		return err
	}
	return w.note(err)
}

// DeleteBlob deletes.
func (w *watched) DeleteBlob(ctx context.Context, id blob.ID) error {
	return w.note(w.Storage.DeleteBlob(ctx, id))
}

// bound is a context that ends when the store is given up. It is let go by the function that is returned.
func (r *opened) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.life, func() { cancel(context.Cause(r.life)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// classify gives an error its kind: that for which the store was given up, if it was.
func (r *opened) classify(err error) error {
	if why := context.Cause(r.life); err != nil && why != nil {
		return why
	}
	return classify(err)
}
