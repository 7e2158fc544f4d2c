// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
)

// holeSize is from how many zeros on, at a multiple of it, a hole is left.
const holeSize = 64 << 10

// worker makes entries, one after the other, with buffers of its own.
type worker struct {
	*writing
	hash   hash.Hash
	buffer []byte
}

func (w *writing) work(ctx context.Context) {
	k := worker{writing: w, hash: sha256.New(), buffer: make([]byte, 4*holeSize)}
	for batch := range w.jobs {
		for i := range batch {
			k.do(ctx, &batch[i])
		}
	}
}

func (k *worker) do(ctx context.Context, j *job) {
	if ctx.Err() == nil {
		if err := k.make(ctx, j); err != nil {
			k.cancel(err)
		}
	}
	if j.first != nil && !j.again {
		close(j.first.done)
	}
	k.release(j.in)
}

// make makes an entry.
func (k *worker) make(ctx context.Context, j *job) error {
	if j.again {
		// The first name was handed out before this one, so that a worker has it.
		<-j.first.done
		if ctx.Err() != nil {
			return nil
		}
		if j.first.lost {
			k.Lost.Devices.Add(1)
			return nil
		}
		if err := k.top.Link(j.first.item.Path, j.item.Path); err != nil {
			return notWritten(err)
		}
		k.count(&j.item)
		return nil
	}
	if j.item.Type == manifest.File {
		if err := k.file(ctx, j); err != nil {
			return err
		}
		k.count(&j.item)
		return nil
	}
	lost, err := k.other(j)
	if err != nil {
		return notWritten(fmt.Errorf("%s %q: %w", j.item.Type, j.item.Path, err))
	}
	if lost && j.first != nil {
		j.first.lost = true
	}
	return nil
}

func (k *worker) count(i *manifest.Item) {
	if i.Type == manifest.File {
		k.Files.Add(1)
	}
}

// file writes a file, and verifies what it writes.
func (k *worker) file(ctx context.Context, j *job) (err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(j.in.fd, path.Base(j.item.Path), flags, 0o600)
	if err != nil {
		return notWritten(fmt.Errorf("make %q: %w", j.item.Path, err))
	}
	defer func() {
		if closed := unix.Close(fd); closed != nil && err == nil {
			err = notWritten(fmt.Errorf("close %q: %w", j.item.Path, closed))
		}
	}()
	sum, err := k.content(ctx, fd, j)
	if err != nil {
		return err
	}
	if sum != j.item.Sum {
		return damaged(fmt.Errorf("the content of %q is not what the manifest says", j.item.Path))
	}
	if err := k.complete(fd, j.in, &j.item); err != nil {
		return notWritten(fmt.Errorf("%q: %w", j.item.Path, err))
	}
	return nil
}

// content writes what is no hole, and returns the hash of it all.
func (k *worker) content(ctx context.Context, fd int, j *job) (sum [sha256.Size]byte, err error) {
	all, err := parts(ctx, k.repo, j.from, j.item.Size)
	if err != nil {
		return sum, fmt.Errorf("%q: %w", j.item.Path, err)
	}
	if len(all) > 0 {
		return k.largeFile(ctx, fd, &j.item, all)
	}
	k.hash.Reset()
	if j.item.Size > 0 {
		err = k.stream(ctx, fd, j)
	}
	k.hash.Sum(sum[:0])
	return sum, err
}

// stream writes a file from its start.
func (k *worker) stream(ctx context.Context, fd int, j *job) error {
	from, err := k.repo.Object(ctx, j.from)
	if err != nil {
		return fmt.Errorf("%q: %w", j.item.Path, err)
	}
	defer from.Close()
	if from.Length() != j.item.Size {
		return damaged(fmt.Errorf("%q has %d bytes, and the manifest says %d", j.item.Path, from.Length(), j.item.Size))
	}
	hole := false
	for at := int64(0); at < j.item.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := k.buffer[:min(int64(len(k.buffer)), j.item.Size-at)]
		if _, err := io.ReadFull(from, chunk); err != nil {
			return fmt.Errorf("%q: %w", j.item.Path, cutOff(err))
		}
		k.hash.Write(chunk)
		if hole, err = writeData(fd, chunk, at); err != nil {
			return notWritten(fmt.Errorf("write %q: %w", j.item.Path, err))
		}
		at += int64(len(chunk))
		k.Bytes.Add(int64(len(chunk)))
	}
	if hole {
		return k.truncate(fd, &j.item)
	}
	return nil
}

// truncate gives a file its size that may end in a hole.
func (k *worker) truncate(fd int, i *manifest.Item) error {
	if err := unix.Ftruncate(fd, i.Size); err != nil {
		return notWritten(fmt.Errorf("write %q: %w", i.Path, err))
	}
	return nil
}

// cutOff tells a content that ends too early from a repository that cannot be read.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged(err)
	}
	return err
}

// writeData writes a chunk but for its holes, and tells whether it ends in one.
func writeData(fd int, chunk []byte, at int64) (hole bool, err error) {
	for len(chunk) > 0 {
		n, zero := run(chunk)
		if !zero {
			if err := writeAll(fd, chunk[:n], at); err != nil {
				return false, err
			}
		}
		chunk, at, hole = chunk[n:], at+int64(n), zero
	}
	return hole, nil
}

// run is how long a chunk begins with data, or with whole blocks of zeros.
func run(chunk []byte) (n int, zero bool) {
	for first := true; n < len(chunk); first = false {
		block := chunk[n:min(n+holeSize, len(chunk))]
		is := len(block) == holeSize && isZero(block)
		if first {
			zero = is
		}
		if is != zero {
			return n, zero
		}
		n += len(block)
	}
	return n, zero
}

func writeAll(fd int, data []byte, at int64) error {
	for len(data) > 0 {
		n, err := unix.Pwrite(fd, data, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data, at = data[n:], at+int64(n)
	}
	return nil
}

// complete gives what was opened its owner, attributes, mode and times. Setting the owner takes setuid and capabilities away, so it
// comes first; a mode may forbid setting the user's attributes; a list of who may do what is beyond the mode, and comes behind it.
func (w *writing) complete(fd int, in *place, i *manifest.Item) error {
	mode, err := w.own(i, func() error { return unix.Fchown(fd, int(i.UID), int(i.GID)) })
	if err != nil {
		return err
	}
	set := func(x manifest.Xattr) error { return unix.Fsetxattr(fd, x.Name, x.Value, 0) }
	lost, err := attributes(i, set, true)
	if err != nil {
		return err
	}
	switch err := unix.Fchmod(fd, mode); {
	case in == nil && errors.Is(err, unix.EPERM): // the volume's own directory may belong to somebody else
		w.Lost.Modes.Add(1)
	case err != nil:
		return fmt.Errorf("chmod: %w", err)
	}
	more, err := attributes(i, set, false)
	if err != nil {
		return err
	}
	if lost || more {
		w.Lost.Attributes.Add(1)
	}
	if in == nil {
		return nil // the root has no time
	}
	return unix.UtimesNanoAt(in.fd, path.Base(i.Path), times(i), unix.AT_SYMLINK_NOFOLLOW)
}

// own sets the owner, and returns the mode that may be set then: not everybody may give files away, and setuid is for the owner
// that was meant.
func (w *writing) own(i *manifest.Item, chown func() error) (mode uint32, err error) {
	switch err := chown(); {
	case err == nil:
		return i.Mode, nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL): // an owner that this user namespace does not have
		w.Lost.Owners.Add(1)
		if i.Mode&0o6000 != 0 {
			w.Lost.Modes.Add(1)
		}
		return i.Mode &^ 0o6000, nil
	default:
		return 0, fmt.Errorf("chown: %w", err)
	}
}

// attributes sets the extended attributes that are the user's, or all others, and tells whether some could not be set.
func attributes(i *manifest.Item, set func(manifest.Xattr) error, users bool) (lost bool, err error) {
	for _, x := range i.Xattrs {
		if strings.HasPrefix(x.Name, "user.") != users {
			continue
		}
		switch err := set(x); {
		case err == nil:
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.E2BIG):
			lost = true
		default:
			return lost, fmt.Errorf("set extended attribute %q: %w", x.Name, err)
		}
	}
	return lost, nil
}

func times(i *manifest.Item) []unix.Timespec {
	t := unix.Timespec{Sec: i.Mod.Unix(), Nsec: int64(i.Mod.Nanosecond())}
	return []unix.Timespec{t, t}
}

// other makes what has no content. lost says that it is a device, and that this process may not make one.
func (k *worker) other(j *job) (lost bool, err error) {
	name, i := path.Base(j.item.Path), &j.item
	if i.Type == manifest.Symlink {
		err = unix.Symlinkat(i.Target, j.in.fd, name)
	} else {
		kind := map[manifest.Type]uint32{manifest.FIFO: unix.S_IFIFO, manifest.Socket: unix.S_IFSOCK, manifest.Character: unix.S_IFCHR, manifest.Block: unix.S_IFBLK}[i.Type]
		err = unix.Mknodat(j.in.fd, name, kind|0o600, int(unix.Mkdev(i.Major, i.Minor)))
	}
	device := i.Type == manifest.Character || i.Type == manifest.Block
	if device && errors.Is(err, unix.EPERM) {
		k.Lost.Devices.Add(1)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	mode, err := k.own(i, func() error { return unix.Fchownat(j.in.fd, name, int(i.UID), int(i.GID), unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return false, err
	}
	if i.Type != manifest.Symlink { // which has no mode of its own; what was just made is no link
		if err := unix.Fchmodat(j.in.fd, name, mode, 0); err != nil {
			return false, fmt.Errorf("chmod: %w", err)
		}
	}
	at := "/proc/self/fd/" + strconv.Itoa(j.in.fd) + "/" + name
	for _, users := range []bool{true, false} {
		missed, err := attributes(i, func(x manifest.Xattr) error { return unix.Lsetxattr(at, x.Name, x.Value, 0) }, users)
		if err != nil {
			return false, err
		}
		if missed {
			k.Lost.Attributes.Add(1)
		}
	}
	return false, unix.UtimesNanoAt(j.in.fd, name, times(i), unix.AT_SYMLINK_NOFOLLOW)
}
