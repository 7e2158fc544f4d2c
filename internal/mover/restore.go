// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// Lost counts what could not be brought back, by what it was.
type Lost struct {
	Owners     atomic.Int64 // entries that belong to who restored them
	Modes      atomic.Int64 // of these, those whose mode is another, without setuid or setgid, which must not be somebody else's
	Attributes atomic.Int64 // entries without some of their extended attributes
	Devices    atomic.Int64 // names of devices that were not made
}

// Total is how much was lost.
func (l *Lost) Total() int64 { return l.Owners.Load() + l.Attributes.Load() + l.Devices.Load() }

// Restoring is what to write, and where.
type Restoring struct {
	Copy  repository.Stored
	Path  string   // an empty directory, or a device
	Paths []string // only these; empty for all
	// Digest is the fingerprint that the copy must have.
	Digest string
	// Files and Bytes are counted up while it goes on, and Total is what Bytes will be, once that is known.
	Files, Bytes, Total atomic.Int64
	Lost                Lost
}

// RestoreVolume does what an order says.
func RestoreVolume(ctx context.Context, o order.Restore, path string, p Parts) (result.Restore, error) {
	r := &Restoring{Path: path, Paths: o.Paths, Digest: o.Digest}
	err := r.fromOrder(ctx, o, p)
	return result.Restore{Files: r.Files.Load(), Bytes: r.Bytes.Load(), Lost: r.Lost.Total()}, classified(ctx, err)
}

func (r *Restoring) fromOrder(ctx context.Context, o order.Restore, p Parts) (err error) {
	repo, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close(context.WithoutCancel(ctx))) }()
	copies, err := repo.Copies(ctx, o.Volume)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(copies, func(s repository.Stored) bool { return s.PointUID == o.PointUID && s.ClaimUID == o.ClaimUID })
	if at < 0 {
		return fail(result.FailureNotCopied, "the repository holds no complete copy of this volume", errors.New("no record of the volume was found"))
	}
	r.Copy = copies[at]
	if o.Block != isBlock(r.Copy) {
		return fail(result.FailureDamaged, "the copy and the volume are not of one mode", fmt.Errorf("the copy is of mode %s", r.Copy.Mode))
	}
	m := &meter{out: p.Out, clock: p.Clock, gauge: func() (int64, int64) { return r.Bytes.Load(), r.Files.Load() }, total: r.Copy.Bytes}
	defer m.run(ctx)()
	return r.Run(ctx, repo, p)
}

func isBlock(s repository.Stored) bool { return s.Mode == "Block" }

// Run restores.
func (r *Restoring) Run(ctx context.Context, repo repository.Repository, p Parts) error {
	if r.Copy.Digest != r.Digest {
		return damaged(fmt.Errorf("the copy has the fingerprint %s, and %s was asked for", r.Copy.Digest, r.Digest))
	}
	if isBlock(r.Copy) {
		return classified(ctx, r.block(ctx, repo))
	}
	text, err := scratch(p.Scratch)
	if err != nil {
		return err
	}
	defer text.Close()
	wanted, err := chosen(r.Paths)
	if err != nil {
		return err
	}
	if err := r.check(ctx, repo, text, wanted); err != nil {
		return classified(ctx, err)
	}
	return classified(ctx, r.files(ctx, repo, text, wanted, manifest.Options{Workers: p.Workers}))
}

// damaged is the failure of a copy that is not what it should be.
func damaged(err error) error {
	return fail(result.FailureDamaged, "the copy is not what it should be; see the log of the pod", err)
}

// check reads the whole manifest, before anything is written.
func (r *Restoring) check(ctx context.Context, repo repository.Repository, text *os.File, wanted *choice) error {
	from, err := repo.Manifest(ctx, r.Copy)
	if err != nil {
		return err
	}
	defer from.Close()
	all := manifest.NewReader(io.TeeReader(from, text))
	total := int64(0)
	for {
		item, err := all.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if wanted.meets(item.Path) && item.Type == manifest.File {
			total += item.Size
		}
	}
	if got := all.Digest(); got != r.Digest {
		return damaged(fmt.Errorf("the manifest has the digest %s, and not %s", got, r.Digest))
	}
	r.Total.Store(total)
	if missing := wanted.missing(); len(missing) > 0 {
		words := fmt.Sprintf("the path %q is not in the copy", missing[0])
		if more := len(missing) - 1; more > 0 {
			words = fmt.Sprintf("%d of the %d paths are not in the copy, such as %q; the log of the pod names them", len(missing), len(wanted.paths), missing[0])
		}
		return fail(result.FailurePath, words, fmt.Errorf("the copy does not hold %q", missing))
	}
	return nil
}

// choice is which paths are restored.
type choice struct {
	paths  map[string]bool // whether it was met
	within map[string]bool // directories that hold some of them
}

// chosen cleans paths. Those that lead out of the volume are refused. Whoever may read a status may read which paths were asked for:
// so failures may name these.
func chosen(paths []string) (*choice, error) {
	c := &choice{paths: map[string]bool{}, within: map[string]bool{}}
	for _, p := range paths {
		if slices.Contains(strings.Split(p, "/"), "..") || strings.Contains(p, "\x00") {
			return nil, fail(result.FailurePath, fmt.Sprintf("the path %q has '..' in it: give paths below the top of the volume", p), fmt.Errorf("the path %q leads out of the volume", p))
		}
		clean := strings.TrimPrefix(path.Clean("/"+p), "/")
		if clean == "" {
			return &choice{}, nil // all of it
		}
		c.paths[clean] = false
		for in := path.Dir(clean); in != "."; in = path.Dir(in) {
			c.within[in] = true
		}
	}
	return c, nil
}

// Wanted tells which paths of a volume are restored, and which directories above them come with them. The paths are as in Restoring.
func Wanted(paths []string) (func(path string) bool, error) {
	c, err := chosen(paths)
	if err != nil {
		return nil, err
	}
	return func(p string) bool { return p == "" || c.within[p] || c.meets(p) }, nil
}

// all tells whether nothing is left out.
func (c *choice) all() bool { return len(c.paths) == 0 }

// meets tells whether a path is chosen, by itself or with a directory that holds it, and notes it.
func (c *choice) meets(p string) bool {
	if c.all() {
		return true
	}
	for at := p; at != "." && at != ""; at = path.Dir(at) {
		if _, is := c.paths[at]; is {
			c.paths[at] = true
			return true
		}
	}
	return false
}

func (c *choice) missing() (all []string) {
	for p, met := range c.paths {
		if !met {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// block writes a block volume.
func (r *Restoring) block(ctx context.Context, repo repository.Repository) error {
	id, size, err := blockOf(ctx, repo, r.Copy)
	if err != nil {
		return err
	}
	r.Total.Store(size)
	f, err := os.OpenFile(r.Path, os.O_RDWR, 0)
	if err != nil {
		return notWritten(err)
	}
	defer f.Close()
	room, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return notWritten(err)
	}
	info, err := f.Stat()
	if err != nil {
		return notWritten(err)
	}
	if room < size && !info.Mode().IsRegular() {
		return notWritten(fmt.Errorf("the device has %d bytes, and the copy %d: %w", room, size, unix.ENOSPC))
	}
	if room < size {
		if err := f.Truncate(size); err != nil {
			return notWritten(err)
		}
	}
	all, err := parts(ctx, repo, id, size)
	if err != nil {
		return err
	}
	if len(all) == 0 && size > 0 {
		all = []repository.Part{{Object: id, Length: size}}
	}
	sum, err := r.inParts(ctx, repo, all, min(atOnce(), len(all)), func() put { return thin(f) })
	if err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != r.Digest {
		return damaged(fmt.Errorf("the content has the digest %s, and not %s", got, r.Digest))
	}
	if err := f.Sync(); err != nil {
		return notWritten(err)
	}
	return nil
}

// blockOf finds the one file of a copied block volume.
func blockOf(ctx context.Context, repo repository.Repository, s repository.Stored) (repository.ObjectID, int64, error) {
	root, err := repo.Tree(ctx, s)
	if err != nil {
		return "", 0, err
	}
	entries, err := repo.Entries(ctx, root)
	if err != nil {
		return "", 0, err
	}
	if len(entries) != 1 || entries[0].Name != repository.BlockName || entries[0].Type != repository.TypeFile {
		return "", 0, damaged(errors.New("the copy of a block volume is not one file"))
	}
	o, err := repo.Object(ctx, entries[0].Object)
	if err != nil {
		return "", 0, err
	}
	return entries[0].Object, o.Length(), o.Close()
}

// thin writes to a device. Zeros are not written where there are zeros already, as on a new volume, which so stays thin: that is
// looked at, not supposed.
func thin(f *os.File) put {
	there := make([]byte, 4*holeSize)
	return func(chunk []byte, at int64) error {
		if isZero(chunk) {
			there := there[:len(chunk)]
			if _, err := f.ReadAt(there, at); err != nil {
				return notWritten(err)
			}
			if isZero(there) {
				return nil
			}
		}
		if _, err := f.WriteAt(chunk, at); err != nil {
			return notWritten(err)
		}
		return nil
	}
}

var noughts [holeSize]byte

func isZero(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(noughts))
		if !bytes.Equal(b[:n], noughts[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

// notWritten is the failure of a volume that could not be written.
func notWritten(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fail(result.FailureInsufficient, "the volume is full", err)
	}
	words := "the volume could not be written; see the log of the pod"
	var number unix.Errno
	if errors.As(err, &number) {
		words = "the volume could not be written: " + number.Error()
	}
	return fail(result.FailureWrite, words, err)
}
