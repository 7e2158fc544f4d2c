// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	chunkSize = 256 << 10
	ahead     = 4       // chunks that may be read before they are hashed
	large     = 4 << 20 // bytes from which on reading ahead is worth a goroutine
	sparse    = 1 << 20 // bytes from which on holes are looked for
)

// zeros is what a hole reads as.
var zeros [chunkSize]byte

// hasher computes the SHA-256 of files.
type hasher struct {
	hash   hash.Hash
	buffer []byte
	spare  chan []byte // more buffers, made for the first large file
	done   *Progress
	to     io.Writer // takes what is hashed, too; nil when nobody does
}

func newHasher(p *Progress) hasher {
	return hasher{hash: sha256.New(), buffer: make([]byte, chunkSize), done: p}
}

// content hashes a file of so many bytes, of which so many are allocated. That there are more or fewer is an error.
func (h *hasher) content(ctx context.Context, fd int, size, allocated int64, sum *[sha256.Size]byte) error {
	s := &stream{fd: fd, size: size, holes: size >= sparse && allocated < size}
	h.hash.Reset()
	read := h.inTurns
	if size >= large {
		read = h.overlapping
	}
	if err := read(ctx, s); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	// A file that shrank looks like one that ends in a hole.
	if s.at != size || s.holes && !endsAt(fd, size) {
		return errChanged
	}
	h.hash.Sum(sum[:0])
	return nil
}

func endsAt(fd int, size int64) bool {
	end, err := unix.Seek(fd, 0, unix.SEEK_END)
	return err == nil && end == size
}

// inTurns reads, hashes, reads.
func (h *hasher) inTurns(ctx context.Context, s *stream) error {
	for {
		chunk, err := s.next(h.buffer)
		if err != nil {
			return err
		}
		h.hash.Write(chunk)
		if err := h.pass(chunk); err != nil {
			return err
		}
		if s.over(len(chunk)) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// overlapping reads while it hashes, or reads and hashes while it passes on, which takes longer.
func (h *hasher) overlapping(ctx context.Context, s *stream) error {
	if h.spare == nil {
		h.spare = make(chan []byte, ahead)
		for range ahead {
			h.spare <- make([]byte, chunkSize)
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type filled struct{ buffer, chunk []byte }
	chunks := make(chan filled, ahead)
	var failed error
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(chunks)
		for failed == nil {
			buffer := <-h.spare
			chunk, err := s.next(buffer)
			if h.to != nil {
				h.hash.Write(chunk)
			}
			chunks <- filled{buffer, chunk}
			if err != nil {
				failed = err
			} else if s.over(len(chunk)) {
				return
			} else {
				failed = context.Cause(ctx)
			}
		}
	})
	for f := range chunks {
		if h.to == nil {
			h.hash.Write(f.chunk)
		}
		if ctx.Err() == nil { // else the reader is about to stop
			if err := h.pass(f.chunk); err != nil {
				stop(err)
			}
		}
		h.spare <- f.buffer
	}
	reader.Wait()
	if failed == nil { // the last chunk may be the one that was not taken
		failed = context.Cause(ctx)
	}
	return failed
}

// pass hands on what was hashed.
func (h *hasher) pass(chunk []byte) error {
	h.done.Bytes.Add(int64(len(chunk)))
	if h.to == nil {
		return nil
	}
	if _, err := h.to.Write(chunk); err != nil {
		return &StoreError{err}
	}
	return nil
}

// stream reads a file from its start. Holes come as zeros, without being read.
type stream struct {
	fd      int
	size    int64
	at      int64 // how far it is read
	holes   bool  // whether to look for holes
	data    int64 // where data begin that at has not reached yet, or the last that it has
	dataEnd int64 // where these data end
	short   bool  // the last read returned less than there was room for
}

// over tells whether a chunk of n bytes was the last. A full buffer at the expected end is no proof: the file may have
// grown.
func (s *stream) over(n int) bool { return n == 0 || s.at > s.size || s.at == s.size && s.short }

// next returns what follows, empty at the end. The chunk may lie in the buffer.
func (s *stream) next(buffer []byte) ([]byte, error) {
	if s.holes && s.at >= s.dataEnd && s.at < s.size {
		if err := s.seek(); err != nil {
			return nil, err
		}
	}
	if s.holes && s.at < s.size {
		if s.at < s.data {
			n := min(s.data-s.at, chunkSize)
			s.at += n
			s.short = false
			return zeros[:n], nil
		}
		buffer = buffer[:min(int64(len(buffer)), s.dataEnd-s.at)]
	}
	for {
		n, err := unix.Pread(s.fd, buffer, s.at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.at += int64(n)
		s.short = n < len(buffer)
		return buffer[:n], nil
	}
}

// seek finds the next data. A file system that knows nothing of holes says so, or says that all is data.
func (s *stream) seek() error {
	data, err := unix.Seek(s.fd, s.at, unix.SEEK_DATA)
	switch {
	case err == nil:
	case errors.Is(err, unix.ENXIO): // no data any more
		s.data, s.dataEnd = s.size, s.size
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		s.holes = false
		return nil
	default:
		return err
	}
	end, err := unix.Seek(s.fd, data, unix.SEEK_HOLE)
	if err != nil {
		return err
	}
	s.data, s.dataEnd = min(data, s.size), min(end, s.size)
	return nil
}
