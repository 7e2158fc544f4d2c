// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Store keeps contents. Its methods are called side by side.
type Store interface {
	// Create begins to keep the content of a file, or the target of a symbolic link, of about so many bytes.
	Create(ctx context.Context, name string, size int64) (Content, error)
}

// Content is being kept.
type Content interface {
	io.Writer
	// Result ends it, and says what it is called from now on.
	Result() (string, error)
	Close() error
}

// StoreError is an error of the store: the volume is not to blame.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return "keep what was read: " + e.Err.Error() }

// Unwrap lets errors.Is find the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// ErrUnannounced ends a copy that meets a file whose content has changed while its times, its size and its inode are as they
// were. What the last copy knows of this volume must not be trusted.
var ErrUnannounced = errors.New("a file changed though its status says that it did not")

// Copying says how a volume is copied.
type Copying struct {
	Options
	// Store takes the contents.
	Store Store
	// Before is what the last copy knows; nil: everything is read.
	Before *Before
	// Distrust has each file read, and those counted that belie what the last copy knows.
	Distrust bool
	// Salt chooses which of the unchanged files are read all the same: others for another salt.
	Salt string
	// Facts takes what the next copy will want to know.
	Facts io.Writer
	// Visit is told of each entry, in the order of the manifest, once its content is kept. What it is given is used again.
	Visit func(*Node) error
}

// Node is an entry of a volume.
type Node struct {
	Name   string // as it is, not escaped; empty for the root
	Depth  int    // how many directories hold it; 0 for the root
	Type   Type
	Mode   uint32 // permission bits, with setuid, setgid and sticky as in st_mode
	UID    uint32
	GID    uint32
	Size   int64
	Mod    time.Time
	Stored string // what the content of a file, or the target of a symbolic link, is called
}

// Copied is what a copy has found.
type Copied struct {
	Summary
	Unchanged   int64  // files that were not read
	Sampled     int64  // files that were read though they were unchanged
	Unannounced int64  // of these, files that had changed after all
	Newest      string // begins the facts; see FactsHeader
}

// Copy walks a mounted volume as Make does, writes the same manifest to out, and keeps the contents in the same pass. A file that
// the last copy knows is not read again when its path, size, inode, time of modification and time of change are what they
// were, unless it is one of a small sample.
//
// Trusting that is safe because nobody but the kernel sets a time of change: whatever touches content, owner, mode or
// attributes moves it, and a storage system that copies files instead of blocks gives each a new one, so that all are read.
// Two changes within one tick of the clock can share a time. So the times of the last two seconds before the newest one in
// the last copy are not trusted: they may lie in the tick in which the snapshot was taken. The sample is there for storage
// that breaks these rules; one lie in it ends the copy with ErrUnannounced.
func Copy(ctx context.Context, root string, out io.Writer, c Copying) (Copied, error) {
	buffered, facts := bufio.NewWriterSize(out, 256<<10), factsWriter{to: bufio.NewWriterSize(c.Facts, 256<<10)}
	r := newRecorder(buffered)
	var found Copied
	var node Node
	err := walkWith(ctx, root, c, func(e *entry) error {
		if failed := (*StoreError)(nil); errors.As(e.err, &failed) {
			return failed
		}
		if e.lied && !c.Distrust {
			return ErrUnannounced
		}
		if _, err := r.record(e); err != nil || e.err != nil {
			return err
		}
		if err := facts.add(e); err != nil {
			return err
		}
		found.note(e)
		node.set(e)
		return c.Visit(&node)
	})
	if err != nil {
		return Copied{}, err
	}
	found.Summary, err = r.finish()
	found.Newest = facts.newest.String()
	if flushed := errors.Join(buffered.Flush(), facts.to.Flush()); flushed != nil {
		return Copied{}, fmt.Errorf("write the manifest: %w", flushed)
	}
	return found, err
}

func (c *Copied) note(e *entry) {
	if e.lied {
		c.Unannounced++
	}
	switch {
	case e.kind != unix.DT_REG || !e.before.unchanged:
	case e.before.sampled:
		c.Sampled++
	default:
		c.Unchanged++
	}
}

func (n *Node) set(e *entry) {
	*n = Node{
		Name: e.name, Type: typeOf(e.kind), Mode: uint32(e.stat.Mode) & 0o7777, UID: e.stat.Uid, GID: e.stat.Gid,
		Size: int64(e.stat.Size), Mod: time.Unix(e.stat.Mtime.Sec, int64(e.stat.Mtime.Nsec)).UTC(), Stored: e.stored,
	}
	if e.dir != nil {
		n.Depth = e.dir.depth
	}
}

// storing has a content kept that write passes on.
func (h *hasher) storing(ctx context.Context, store Store, name string, size int64, write func() error) (string, error) {
	content, err := store.Create(ctx, name, size)
	if err != nil {
		return "", &StoreError{err}
	}
	h.to = content
	err = write()
	h.to = nil
	called := ""
	if err == nil {
		if called, err = content.Result(); err != nil {
			err = &StoreError{err}
		}
	}
	if closed := content.Close(); closed != nil && err == nil {
		err = &StoreError{closed}
	}
	return called, err
}

// CopyBlock reads a block device, or a file, as one stream, keeps it, and writes the same to out as MakeBlock. It returns what
// the content is called. Zeros are not looked for: a store that keeps equal parts once has next to nothing to do with them.
func CopyBlock(ctx context.Context, path string, out io.Writer, store Store, o Options) (Summary, string, error) {
	return block(ctx, path, out, store, o)
}

// block reads a block device, and keeps it if there is a store.
func block(ctx context.Context, path string, out io.Writer, store Store, o Options) (Summary, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return Summary{}, "", err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Summary{}, "", &os.PathError{Op: "size of", Path: path, Err: errors.Unwrap(err)}
	}
	var sum [sha256.Size]byte
	h, stored := newHasher(o.progress()), ""
	// That all of it is allocated is not known, but then holes are read, which is right as well.
	read := func() error { return h.content(ctx, int(f.Fd()), size, size, &sum) }
	if store == nil {
		err = read()
	} else {
		stored, err = h.storing(ctx, store, "", size, read)
	}
	if err != nil {
		return Summary{}, "", fmt.Errorf("%s: %w", path, err)
	}
	if out != nil {
		if _, err := fmt.Fprintf(out, "%x  -\n", sum); err != nil {
			return Summary{}, "", fmt.Errorf("write the manifest: %w", err)
		}
	}
	return Summary{Digest: digest(sum[:]), Bytes: size}, stored, nil
}
