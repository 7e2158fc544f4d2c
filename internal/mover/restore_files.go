// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// writing is the restore of a volume with a file system. One goroutine goes through the manifest, makes directories and hands
// out everything else to workers.
//
// Nothing of it can lead out of the volume. Each directory is made by its single name in the one that holds it, and opened
// there without following links; files are made in an open directory, by a single name, where nothing of that name is.
// What is reached by a path of several names, hard links alone, goes through os.Root.
type writing struct {
	*Restoring
	repo   repository.Repository
	top    *os.Root
	inside []*place // directories that hold what comes next, the root first
	jobs   chan []job
	batch  []job // those that are handed out next
	links  map[string]*linked
	wanted *choice
	help   help

	cancel context.CancelCauseFunc
}

// place is a directory that is being filled. When nothing in it is under way any more, it gets what would have been in the way
// before, its mode for one, or would have changed, its times.
type place struct {
	item    manifest.Item
	fd      int
	in      *place
	refs    atomic.Int32
	entries map[string]repository.Entry // of the folder in the repository, those that the manifest has not named yet
	whole   bool                        // all of it is restored
}

// job is one thing to make in a directory.
type job struct {
	in    *place
	item  manifest.Item
	from  repository.ObjectID
	first *linked // when it has several names
	again bool    // and this one is not the first
}

// linked is a file with several names.
type linked struct {
	item manifest.Item // as its first name has it
	left uint32        // names to come
	done chan struct{} // it is there, or will not be
	lost bool
}

// Jobs are handed out several at a time, which saves waking others for each, as long as they are small: a large file is no
// reason to let those behind it wait. How many may wait bounds how many directories are open, too: each waits for a job, or leads to
// where the manifest is.
const (
	mostJobs = 8
	mostData = 256 << 10
	waiting  = 24
)

// files restores a volume with a file system.
func (r *Restoring) files(ctx context.Context, repo repository.Repository, text io.ReadSeeker, wanted *choice, o manifest.Options) error {
	if _, err := text.Seek(0, io.SeekStart); err != nil {
		return err
	}
	top, err := os.OpenRoot(r.Path)
	if err != nil {
		return notWritten(err)
	}
	defer top.Close()
	if err := empty(top); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &writing{Restoring: r, repo: repo, top: top, jobs: make(chan []job, waiting), links: map[string]*linked{}, wanted: wanted, help: newHelp(atOnce() - 1), cancel: cancel}
	var group sync.WaitGroup
	workers := o.Workers
	if workers == 0 {
		workers = min(max(4*runtime.GOMAXPROCS(0), 8), 32)
	}
	for range workers {
		group.Go(func() { w.work(ctx) })
	}
	if err = w.plan(ctx, manifest.NewReader(text)); err != nil {
		cancel(err)
	}
	close(w.jobs)
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return w.sync()
}

// empty refuses to mix what is restored with anything else.
func empty(top *os.Root) error {
	d, err := top.Open(".")
	if err != nil {
		return notWritten(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return notWritten(err)
	}
	for _, name := range names {
		if name != "lost+found" {
			return notWritten(errors.New("the volume is not empty: restore into a new one"))
		}
	}
	return nil
}

// sync waits until all of it is on the storage.
func (w *writing) sync() error {
	d, err := w.top.Open(".")
	if err != nil {
		return notWritten(err)
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return notWritten(fmt.Errorf("syncfs: %w", err))
	}
	return nil
}

// plan goes through the manifest.
func (w *writing) plan(ctx context.Context, all *manifest.Reader) error {
	defer func() {
		for _, j := range w.batch { // nobody got to them
			w.release(j.in)
		}
		for _, p := range w.inside { // the root last, when all went well
			w.release(p)
		}
	}()
	for {
		item, err := all.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(w.leave(0), w.flush(ctx))
		}
		if err != nil {
			return damaged(err)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := w.next(ctx, item); err != nil {
			return err
		}
	}
}

// next takes the next entry of the manifest.
func (w *writing) next(ctx context.Context, item manifest.Item) error {
	if len(w.inside) == 0 {
		return w.root(ctx, item)
	}
	depth := len(w.inside)
	for depth > 1 && !strings.HasPrefix(item.Path, w.inside[depth-1].item.Path+"/") {
		depth--
	}
	if err := w.leave(depth); err != nil {
		return err
	}
	in := w.inside[depth-1]
	if path.Dir(item.Path) != cleaned(in.item.Path) {
		return nil // below something that was not chosen
	}
	_, named := w.wanted.paths[item.Path]
	whole := in.whole || named
	if !whole && !w.wanted.within[item.Path] {
		return nil
	}
	e, err := in.take(item)
	if err != nil {
		return err
	}
	if item.Type == manifest.Directory {
		return w.enter(ctx, in, item, e.Object, whole)
	}
	if !whole {
		return damaged(errors.New("a path that was chosen leads through what is no directory"))
	}
	return w.hand(ctx, in, item, e)
}

func cleaned(p string) string {
	if p == "" {
		return "."
	}
	return p
}

// take finds what the repository holds of an entry, which must be of its type. Entries that hold no content are in the manifest
// alone.
func (p *place) take(item manifest.Item) (repository.Entry, error) {
	want, name := repository.EntryType(0), path.Base(item.Path)
	switch item.Type {
	case manifest.File:
		want = repository.TypeFile
	case manifest.Directory:
		want = repository.TypeDirectory
	case manifest.Symlink:
		want = repository.TypeSymlink
	case manifest.FIFO, manifest.Socket, manifest.Character, manifest.Block:
		return repository.Entry{}, nil
	}
	e, there := p.entries[name]
	if !there || e.Type != want {
		return e, damaged(fmt.Errorf("%q is a %s in the manifest, and not in the folder of the copy", item.Path, item.Type))
	}
	delete(p.entries, name)
	return e, nil
}

// root begins with the volume's own directory.
func (w *writing) root(ctx context.Context, item manifest.Item) error {
	id, err := w.repo.Tree(ctx, w.Copy)
	if err != nil {
		return err
	}
	fd, err := unix.Open(w.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return notWritten(err)
	}
	return w.open(ctx, &place{item: item, fd: fd, whole: w.wanted.all()}, id)
}

// enter makes a directory.
func (w *writing) enter(ctx context.Context, in *place, item manifest.Item, id repository.ObjectID, whole bool) error {
	name := path.Base(item.Path)
	if err := unix.Mkdirat(in.fd, name, 0o700); err != nil {
		return notWritten(fmt.Errorf("make the directory %q: %w", item.Path, err))
	}
	fd, err := unix.Openat(in.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return notWritten(fmt.Errorf("open the directory %q: %w", item.Path, err))
	}
	in.refs.Add(1)
	return w.open(ctx, &place{item: item, fd: fd, in: in, whole: whole}, id)
}

// open reads what the repository has in a directory.
func (w *writing) open(ctx context.Context, p *place, id repository.ObjectID) error {
	p.refs.Add(1)
	w.inside = append(w.inside, p)
	entries, err := w.repo.Entries(ctx, id)
	if err != nil {
		return err
	}
	p.entries = make(map[string]repository.Entry, len(entries))
	for _, e := range entries {
		if _, twice := p.entries[e.Name]; twice {
			return damaged(fmt.Errorf("a folder of the copy holds %q twice", e.Name))
		}
		p.entries[e.Name] = e
	}
	return nil
}

// leave leaves all directories but the first so many.
func (w *writing) leave(depth int) error {
	for len(w.inside) > depth {
		p := w.inside[len(w.inside)-1]
		if p.whole && len(p.entries) > 0 {
			return damaged(fmt.Errorf("a folder of the copy holds %d entries that the manifest does not name", len(p.entries)))
		}
		p.entries = nil
		w.inside = w.inside[:len(w.inside)-1]
		w.release(p)
	}
	return nil
}

// release ends one piece of work in a directory. After the last one, the directory is completed.
func (w *writing) release(p *place) {
	for ; p != nil && p.refs.Add(-1) == 0; p = p.in {
		if err := w.complete(p.fd, p.in, &p.item); err != nil {
			w.cancel(notWritten(fmt.Errorf("directory %q: %w", p.item.Path, err)))
		}
		unix.Close(p.fd)
	}
}

// hand gives an entry to a worker, with others.
func (w *writing) hand(ctx context.Context, in *place, item manifest.Item, e repository.Entry) error {
	j := job{in: in, item: item, from: e.Object}
	if item.Tag != "" {
		if err := w.link(&j); err != nil {
			return err
		}
	}
	in.refs.Add(1)
	w.batch = append(w.batch, j)
	if len(w.batch) < mostJobs && item.Size < mostData {
		return nil
	}
	return w.flush(ctx)
}

// flush hands out what was collected.
func (w *writing) flush(ctx context.Context) error {
	select {
	case w.jobs <- w.batch:
		w.batch = nil
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// link finds the other names of a file.
func (w *writing) link(j *job) error {
	first, met := w.links[j.item.Tag]
	if !met {
		first = &linked{item: j.item, left: j.item.Links, done: make(chan struct{})}
		w.links[j.item.Tag] = first
	}
	f, i := &first.item, &j.item
	if f.Type != i.Type || f.Sum != i.Sum || f.Size != i.Size || f.Target != i.Target || f.Mode != i.Mode || f.UID != i.UID || f.GID != i.GID || !f.Mod.Equal(i.Mod) {
		return damaged(fmt.Errorf("%q and %q are names of one file, and not the same", f.Path, i.Path))
	}
	if first.left--; first.left == 0 {
		delete(w.links, j.item.Tag)
	}
	j.first, j.again = first, met
	return nil
}
