// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kopia/kopia/repo/blob"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// mostSilence is how long nothing may come from a store that was asked for something.
const mostSilence = 5 * time.Minute

// hurried is a store whose library asks for ever while the store is busy or out of reach, as Google's does when it reads. Here it ends
// once nothing came for a while; how often it is asked again, whoever asks decides. Writing and deleting end by themselves.
type hurried struct {
	blob.Storage
	within time.Duration
}

// GetBlob reads.
func (h hurried) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	return unlessSilent(ctx, h.within, func(ctx context.Context, heard func()) error {
		return h.Storage.GetBlob(ctx, id, offset, length, hearing{out, heard})
	})
}

// GetMetadata looks for a blob.
func (h hurried) GetMetadata(ctx context.Context, id blob.ID) (m blob.Metadata, err error) {
	err = unlessSilent(ctx, h.within, func(ctx context.Context, _ func()) (err error) {
		m, err = h.Storage.GetMetadata(ctx, id)
		return err
	})
	return m, err
}

// ListBlobs lists.
func (h hurried) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	return unlessSilent(ctx, h.within, func(ctx context.Context, heard func()) error {
		return h.Storage.ListBlobs(ctx, prefix, func(b blob.Metadata) error {
			heard()
			return each(b)
		})
	})
}

// hearing tells of what is written to it.
type hearing struct {
	blob.OutputBuffer
	heard func()
}

// Write writes.
func (h hearing) Write(p []byte) (int, error) {
	h.heard()
	return h.OutputBuffer.Write(p)
}

var errSilent = errors.New("the store did not answer")

// unlessSilent asks a store for something, and leaves it when nothing was heard for a while.
func unlessSilent(ctx context.Context, within time.Duration, ask func(ctx context.Context, heard func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	came := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			quiet, stop := context.WithTimeout(ctx, within)
			select {
			case <-came:
			case <-quiet.Done():
				cancel(errSilent)
			}
			stop()
		}
	}()
	err := ask(ctx, func() {
		select {
		case came <- struct{}{}:
		default:
		}
	})
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		// It was not whoever asked that ended it, as the library says.
		return &Failure{result.FailureUnreachable, fmt.Errorf("%w within %s: %v", errSilent, within, err)} //nolint:errorlint // see above
	}
	return err
}
