// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Options of a walk.
type Options struct {
	// Workers is how many files are read at a time. 0 means twice as many as there are processors, from 4 to 16: while
	// some wait for storage, others hash.
	Workers int
	// Progress is counted up while the walk goes on; nil if nobody looks.
	Progress *Progress
}

// Progress of a walk, to be read while it goes on.
type Progress struct {
	Entries atomic.Int64 // done, of whatever type
	Bytes   atomic.Int64 // of content, hashed
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return min(max(2*runtime.GOMAXPROCS(0), 4), 16)
}

func (o Options) progress() *Progress {
	if o.Progress != nil {
		return o.Progress
	}
	return &Progress{}
}

// walker goes through the tree and hands out entries, in order, in batches.
type walker struct {
	free    chan *batch // that nobody uses
	work    chan *batch // for the workers
	ordered chan *batch // the same, for who consumes them
	current *batch
	buffer  []byte // for listings
	open    *crowd
	before  *Before      // what the last copy knows; nil when there is none
	depth   int          // of the directory where the walk is; the root's is 1
	top     unix.Statx_t // of the root; known before any entry is handed out
}

// walk calls consume for each entry, in the order of the manifest and never at the same time, once a worker has read it.
// It returns the first error of consume, or why ctx ended.
func walk(ctx context.Context, root string, o Options, consume func(*entry) error) error {
	return walkWith(ctx, root, Copying{Options: o}, consume)
}

// walkWith is walk, which also stores contents and spares those that the last copy has.
func walkWith(ctx context.Context, root string, c Copying, consume func(*entry) error) error {
	fd, err := openRoot(root)
	if err != nil {
		return err
	}
	w := &walker{
		free: make(chan *batch, window), work: make(chan *batch, window), ordered: make(chan *batch, window),
		buffer: make([]byte, 64<<10), open: newCrowd(), before: c.Before,
	}
	for range window {
		w.free <- &batch{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	group.Go(func() { w.run(ctx, fd) })
	q := &queue{batches: w.work}
	var noAtime atomic.Bool
	noAtime.Store(true)
	progress := c.progress()
	for range c.workers() {
		i := newInspector(progress, &w.top, &noAtime)
		i.store, i.salt, i.distrust = c.Store, c.Salt, c.Distrust
		if c.Before != nil {
			i.settled = c.Before.settled()
		}
		group.Go(func() { i.run(ctx, q) })
	}
	for b := range w.ordered {
		b.pending.Wait()
		for i := range b.entries[:b.n] {
			e := &b.entries[i]
			if ctx.Err() == nil {
				if err := consume(e); err != nil {
					cancel(err)
				}
			}
			*e = entry{}
		}
		w.free <- b // also after an error: the walk must come to its end
	}
	group.Wait()
	return context.Cause(ctx)
}

// openRoot opens the volume's root. It alone may be named by a symbolic link.
func openRoot(root string) (int, error) {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: root, Err: err}
	}
	return fd, nil
}

func (w *walker) run(ctx context.Context, fd int) {
	defer close(w.ordered)
	defer close(w.work)
	w.open.enter(0)
	w.directory(ctx, entry{kind: unix.DT_DIR, self: &dir{fd: fd, path: "./", depth: 1, open: w.open}})
	w.flush()
}

// add hands out an entry.
func (w *walker) add(e entry) {
	if w.current == nil {
		w.current = <-w.free
		w.current.n = 0
	}
	for _, d := range []*dir{e.dir, e.self} {
		if d != nil {
			d.hold()
		}
	}
	w.current.entries[w.current.n] = e
	if w.current.n++; w.current.n == batchSize {
		w.flush()
	}
}

func (w *walker) flush() {
	if w.current == nil {
		return
	}
	w.current.pending.Add(w.current.n)
	w.work <- w.current
	w.ordered <- w.current
	w.current = nil
}

// directory hands out a directory and all that it contains.
func (w *walker) directory(ctx context.Context, e entry) {
	l, err := w.enter(&e)
	if err != nil {
		e.err = err
		w.add(e)
		return
	}
	self := e.self
	self.hold()
	w.depth++
	defer func() {
		w.depth--
		self.release()
	}()
	w.add(e)
	for _, i := range l.items {
		if ctx.Err() != nil {
			return
		}
		child := entry{dir: self, name: string(l.name(i)), kind: i.kind}
		if child.kind == unix.DT_UNKNOWN {
			if err := status(self.fd, child.name, &child.stat); err == nil {
				child.kind = kindOf(child.stat.Mode)
			}
		}
		switch {
		case child.kind != unix.DT_DIR:
			if w.before != nil && child.kind == unix.DT_REG {
				w.before.find(&child)
			}
			w.add(child)
		case e.dir != nil || child.name != "lost+found":
			w.directory(ctx, child)
		}
	}
}

// enter opens a directory and reads what it contains.
func (w *walker) enter(e *entry) (*listing, error) {
	if e.self == nil {
		if err := w.openDir(e); err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
	}
	err := status(e.self.fd, "", &e.stat)
	switch {
	case err != nil:
		return nil, fmt.Errorf("stat: %w", err)
	case e.dir == nil:
		w.top = e.stat
	case !sameMount(&w.top, &e.stat):
		return nil, errForeign
	}
	l, err := list(e.self.fd, w.buffer)
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	return l, nil
}

// openDir opens a directory, once there are not too many open.
func (w *walker) openDir(e *entry) error {
	if w.open.full(w.depth) {
		w.flush() // what keeps directories open must get to the workers
	}
	w.open.enter(w.depth)
	fd, err := unix.Openat(e.dir.fd, e.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		w.open.leave()
		return err
	}
	path := append(appendEscaped([]byte(e.dir.path), e.name), '/')
	e.self = &dir{fd: fd, path: string(path), depth: e.dir.depth + 1, open: w.open}
	return nil
}

// sameMount compares mounts, or devices where the kernel (before 5.8) does not tell mounts.
func sameMount(a, b *unix.Statx_t) bool {
	if a.Mask&b.Mask&unix.STATX_MNT_ID != 0 {
		return a.Mnt_id == b.Mnt_id
	}
	return a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}
