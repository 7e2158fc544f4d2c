// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// tree writes folders from the entries of a walk: each once the walk has left it, several at a time, and what it contains
// before itself.
type tree struct {
	ctx    context.Context
	to     repository.Writer
	open   []*folder // those that the walk is in, the root first
	root   *written  // once the walk has left it
	slots  chan struct{}
	group  sync.WaitGroup
	failed atomic.Pointer[error]
}

// folder is being filled.
type folder struct {
	entry   repository.Entry
	entries []repository.Entry
	folders []*written // those of the entries that are folders
	below   repository.Summary
}

// written is a folder that is being written.
type written struct {
	at    int // its place among the entries that it is one of
	done  chan struct{}
	id    repository.ObjectID
	below repository.Summary
}

func newTree(ctx context.Context, to repository.Writer) *tree {
	return &tree{ctx: ctx, to: to, slots: make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))}
}

// add takes the next entry of the walk.
func (t *tree) add(n *manifest.Node) error {
	for len(t.open) > n.Depth {
		t.leave()
	}
	if err := t.failed.Load(); err != nil {
		return *err
	}
	e := repository.Entry{Name: n.Name, Object: repository.ObjectID(n.Stored), Size: n.Size, Mode: n.Mode, UID: n.UID, GID: n.GID, Mod: n.Mod}
	if n.Type == manifest.Directory {
		e.Type, e.Size = repository.TypeDirectory, 0
		t.open = append(t.open, &folder{entry: e})
		return nil
	}
	if len(t.open) == 0 {
		return errors.New("an entry stands outside of the root")
	}
	in := t.open[len(t.open)-1]
	switch n.Type {
	case manifest.File:
		e.Type = repository.TypeFile
		in.below.Files++
		in.below.Bytes += n.Size
	case manifest.Symlink:
		e.Type = repository.TypeSymlink
		in.below.Symlinks++
	case manifest.FIFO, manifest.Socket, manifest.Character, manifest.Block, manifest.Directory:
		return nil // in the manifest alone
	}
	in.below.Newest = latest(in.below.Newest, n.Mod)
	in.entries = append(in.entries, e)
	return nil
}

// leave has the innermost folder written.
func (t *tree) leave() {
	f := t.open[len(t.open)-1]
	t.open = t.open[:len(t.open)-1]
	w := &written{done: make(chan struct{})}
	if len(t.open) > 0 {
		in := t.open[len(t.open)-1]
		w.at = len(in.entries)
		in.entries, in.folders = append(in.entries, f.entry), append(in.folders, w)
	} else {
		t.root = w
	}
	// Folders inside have taken their places before, so that waiting for them ends.
	t.slots <- struct{}{}
	t.group.Go(func() {
		defer func() { <-t.slots }()
		defer close(w.done)
		if err := f.write(t.ctx, t.to, w); err != nil {
			err = fmt.Errorf("write a folder: %w", err)
			t.failed.CompareAndSwap(nil, &err)
		}
	})
}

func (f *folder) write(ctx context.Context, to repository.Writer, w *written) (err error) {
	w.below = f.below
	for _, inside := range f.folders {
		<-inside.done
		if inside.id == "" {
			return nil // whose failure is known
		}
		e := &f.entries[inside.at]
		e.Object, e.Size = inside.id, inside.below.Bytes
		w.below.Files += inside.below.Files
		w.below.Bytes += inside.below.Bytes
		w.below.Symlinks += inside.below.Symlinks
		w.below.Directories += inside.below.Directories + 1
		w.below.Newest = latest(w.below.Newest, latest(inside.below.Newest, e.Mod))
	}
	w.id, err = to.Folder(ctx, f.entries, w.below)
	return err
}

// end waits for all folders, and returns the root.
func (t *tree) end() (repository.ObjectID, repository.Summary, error) {
	for len(t.open) > 0 {
		t.leave()
	}
	t.group.Wait()
	if err := t.failed.Load(); err != nil {
		return "", repository.Summary{}, *err
	}
	if t.root == nil {
		return "", repository.Summary{}, errors.New("the walk met no root")
	}
	return t.root.id, t.root.below, nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
