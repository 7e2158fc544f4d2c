// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// inspector is a worker: it finds out what entries are. Its buffers serve one entry after the other.
type inspector struct {
	hasher
	progress *Progress
	top      *unix.Statx_t // of the root, whose mount the walk must not leave
	noAtime  *atomic.Bool  // whether reading may try to leave no trace
	names    []byte        // of extended attributes; the kernel limits a list to 64 KiB
	value    []byte        // of one of them; the same

	// Of a walk that copies.
	store    Store   // nil when contents are not kept
	settled  instant // times of change before this one are trusted
	salt     string  // chooses which files are read though they are unchanged
	distrust bool    // reads them all
}

func newInspector(p *Progress, top *unix.Statx_t, noAtime *atomic.Bool) *inspector {
	return &inspector{hasher: newHasher(p), progress: p, top: top, noAtime: noAtime, names: make([]byte, 64<<10), value: make([]byte, 64<<10)}
}

func (i *inspector) run(ctx context.Context, q *queue) {
	for {
		b, e := q.take()
		if e == nil {
			return
		}
		if e.err == nil && ctx.Err() == nil {
			e.err = i.inspect(ctx, e)
		}
		e.dir.release()
		e.self.release()
		i.progress.Entries.Add(1)
		b.pending.Done()
	}
}

func (i *inspector) inspect(ctx context.Context, e *entry) (err error) {
	switch e.kind {
	case unix.DT_DIR:
		e.xattrs, err = i.attributes(e.self.fd, "")
		return err
	case unix.DT_REG:
		return i.file(ctx, e)
	default:
		return i.other(ctx, e)
	}
}

func (i *inspector) file(ctx context.Context, e *entry) error {
	if e.before.known && i.unchanged(e) && !e.before.sampled {
		return nil
	}
	fd, err := i.open(e)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	if err := i.status(fd, e); err != nil {
		return err
	}
	if kindOf(e.stat.Mode) != unix.DT_REG {
		return errChanged
	}
	if err := i.keep(ctx, fd, e); err != nil {
		return err
	}
	e.lied = e.before.sampled && e.sum != e.before.sum
	e.xattrs, err = i.attributes(fd, "")
	return err
}

// keep hashes a file, and stores it when that is wanted.
func (i *inspector) keep(ctx context.Context, fd int, e *entry) (err error) {
	size, allocated := int64(e.stat.Size), int64(e.stat.Blocks)*512
	if i.store == nil {
		return i.content(ctx, fd, size, allocated, &e.sum)
	}
	e.stored, err = i.storing(ctx, i.store, e.name, size, func() error { return i.content(ctx, fd, size, allocated, &e.sum) })
	return err
}

// status of what was opened. Whatever is mounted over a file hides what the volume holds.
func (i *inspector) status(fd int, e *entry) error {
	if err := status(fd, "", &e.stat); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if !sameMount(i.top, &e.stat) {
		return errForeign
	}
	return nil
}

// open opens a file for reading. Non-blocking, because it may have become a FIFO since the directory was listed. Only
// the owner of a file, and root, may read it without touching its time of access; that stops for good where it failed.
func (i *inspector) open(e *entry) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	for {
		extra := 0
		if i.noAtime.Load() {
			extra = unix.O_NOATIME
		}
		fd, err := unix.Openat(e.dir.fd, e.name, flags|extra, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EPERM) && extra != 0:
			i.noAtime.Store(false)
		default:
			return fd, err
		}
	}
}

// other looks at symbolic links, FIFOs, sockets and devices without opening them: a device may act on being opened.
func (i *inspector) other(ctx context.Context, e *entry) error {
	fd, err := unix.Openat(e.dir.fd, e.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	if err := i.status(fd, e); err != nil {
		return err
	}
	switch kindOf(e.stat.Mode) {
	case unix.DT_REG, unix.DT_DIR:
		return errChanged
	case unix.DT_LNK:
		n, err := unix.Readlinkat(fd, "", i.value)
		if err != nil {
			return fmt.Errorf("readlink: %w", err)
		}
		e.target = string(i.value[:n])
		if i.store != nil {
			if e.stored, err = i.storing(ctx, i.store, e.name, int64(n), func() error { return i.pass(i.value[:n]) }); err != nil {
				return err
			}
		}
	}
	e.kind = kindOf(e.stat.Mode)
	e.xattrs, err = i.attributes(fd, "/proc/self/fd/"+strconv.Itoa(fd))
	return err
}

// attributes reads extended attributes, of what fd has opened or, if that is for its path only, through path.
func (i *inspector) attributes(fd int, path string) ([]xattr, error) {
	n, err := listAttributes(fd, path, i.names)
	if errors.Is(err, unix.ENOTSUP) || err == nil && n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extended attributes: %w", err)
	}
	var found []xattr
	for raw := range bytes.SplitSeq(bytes.TrimSuffix(i.names[:n], []byte{0}), []byte{0}) {
		name := string(raw)
		if !recorded(name) {
			continue
		}
		n, err := getAttribute(fd, path, name, i.value)
		if err != nil {
			return nil, fmt.Errorf("read extended attribute %q: %w", name, err)
		}
		found = append(found, xattr{name, bytes.Clone(i.value[:n])})
	}
	slices.SortFunc(found, func(a, b xattr) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// recorded tells whether an attribute belongs to the data, rather than to the node or to who reads.
func recorded(name string) bool {
	return name != "" && name != "security.selinux" && !strings.HasPrefix(name, "trusted.")
}

func listAttributes(fd int, path string, into []byte) (int, error) {
	if path == "" {
		return unix.Flistxattr(fd, into)
	}
	return unix.Listxattr(path, into)
}

func getAttribute(fd int, path, name string, into []byte) (int, error) {
	if path == "" {
		return unix.Fgetxattr(fd, name, into)
	}
	return unix.Getxattr(path, name, into)
}
