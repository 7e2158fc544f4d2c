// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// put writes a chunk where it belongs. A chunk ends at a multiple of holeSize, or with its part.
type put func(chunk []byte, at int64) error

// parts are the parts of an object when it is worth reading several at once; else none.
func parts(ctx context.Context, repo repository.Repository, id repository.ObjectID, size int64) ([]repository.Part, error) {
	if size < manyParts {
		return nil, nil
	}
	all, err := repo.Parts(ctx, id)
	if err != nil || len(all) < 2 {
		return nil, err
	}
	total := int64(0)
	for _, p := range all {
		if p.At != total || p.Length <= 0 || p.Length > size-total {
			return nil, damaged(errors.New("the parts of an object are not what it is put together from"))
		}
		total += p.Length
	}
	return all, nil // that none is missing, their hash will say
}

// piece is a part that is read.
type piece struct {
	repository.Part
	before <-chan struct{} // closed once all before it is hashed
	done   chan struct{}
}

// inParts reads parts, several at once, and returns the SHA-256 of them all. Each reader asks once for how to write. Parts are
// written as they come and hashed in their order: of a part that has to wait for its turn its reader holds the content.
func (r *Restoring) inParts(ctx context.Context, repo repository.Repository, all []repository.Part, readers int, writer func() put) (sum [sha256.Size]byte, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h, pieces := sha256.New(), make(chan piece)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			write, buffer := writer(), make([]byte, 4*holeSize)
			for p := range pieces {
				if err := r.part(ctx, repo, p, write, h, buffer); err != nil {
					cancel(err)
				}
				close(p.done)
			}
		})
	}
	done := make(chan struct{})
	close(done)
	for _, part := range all {
		p := piece{part, done, make(chan struct{})}
		select {
		case pieces <- p:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		done = p.done
	}
	close(pieces)
	group.Wait()
	h.Sum(sum[:0])
	return sum, context.Cause(ctx)
}

// part writes a part, and hashes it when it is its turn.
func (r *Restoring) part(ctx context.Context, repo repository.Repository, p piece, write put, to io.Writer, buffer []byte) error {
	if ctx.Err() != nil {
		return nil // why is known
	}
	from, err := repo.Object(ctx, p.Object)
	if err != nil {
		return err
	}
	defer from.Close()
	if from.Length() != p.Length {
		return damaged(fmt.Errorf("a part has %d bytes, and not %d", from.Length(), p.Length))
	}
	if err := chunks(ctx, from, p.Part, buffer, write); err != nil {
		return err
	}
	<-p.before // it was handed out earlier, so that somebody has it
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return chunks(ctx, from, p.Part, buffer, func(chunk []byte, _ int64) error {
		r.Bytes.Add(int64(len(chunk)))
		_, err := to.Write(chunk)
		return err
	})
}

// chunks reads a part, and hands it on.
func chunks(ctx context.Context, from io.Reader, p repository.Part, buffer []byte, to put) error {
	for at, end := p.At, p.At+p.Length; at < end; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n := min(int64(len(buffer)), end-at)
		if off := at % holeSize; off != 0 {
			n = min(holeSize-off, n) // up to where a hole may begin
		} else if n > holeSize {
			n -= n % holeSize
		}
		if _, err := io.ReadFull(from, buffer[:n]); err != nil {
			return cutOff(err)
		}
		if err := to(buffer[:n], at); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// largeFile writes a file from its parts. A part that begins or ends in the middle of what may be a hole leaves its piece of it when
// that is nothing but zeros.
func (k *worker) largeFile(ctx context.Context, fd int, i *manifest.Item, all []repository.Part) (sum [sha256.Size]byte, err error) {
	helpers := k.help.take(atOnce() - 1)
	defer k.help.giveBack(helpers)
	sum, err = k.inParts(ctx, k.repo, all, 1+helpers, func() put {
		return func(chunk []byte, at int64) error {
			if len(chunk) < holeSize && isZero(chunk) {
				return nil
			}
			if _, err := writeData(fd, chunk, at); err != nil {
				return notWritten(fmt.Errorf("write %q: %w", i.Path, err))
			}
			return nil
		}
	})
	if err != nil {
		return sum, fmt.Errorf("%q: %w", i.Path, err)
	}
	return sum, k.truncate(fd, i)
}
