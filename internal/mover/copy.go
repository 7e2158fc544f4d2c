// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// Parts are what copying and restoring work with.
type Parts struct {
	// Open opens the repository.
	Open func(context.Context) (repository.Repository, error)
	// Check looks whether a repository, just opened, holds everything that a folder needs.
	Check func(context.Context, repository.Repository, repository.ObjectID) error
	// Scratch is a folder for what may be lost; empty: the system's.
	Scratch string
	// Out is where progress is printed, and Log where people look when something went wrong.
	Out, Log io.Writer
	Clock    clock.WithTicker
	Workers  int // as of a walk
}

func (p Parts) log(format string, args ...any) { fmt.Fprintf(p.Log, format+"\n", args...) }

// copying is one copy of one volume.
type copying struct {
	Parts
	order  order.Copy
	record order.Record
	path   string
	begun  time.Time
	result result.Copy
}

// Copy copies a volume into a repository. There is a record of it, and so a copy, only once all data were found in the
// repository, opened afresh; and it is told to be there only once its record was found there, in the same way: a store may say
// that it took what it did not. A copy that exists is left as it is, and told of again, unless the order wants a full one.
func Copy(ctx context.Context, o order.Copy, path string, p Parts) (result.Copy, error) {
	c := &copying{Parts: p, order: o, path: path, begun: p.Clock.Now()}
	if err := json.Unmarshal(o.Record, &c.record); err != nil {
		return result.Copy{}, fmt.Errorf("the record in the order cannot be read: %w", err)
	}
	if c.record.PointUID != o.PointUID || c.record.ClaimUID != o.ClaimUID {
		return result.Copy{}, errors.New("the record in the order is of another volume than the order")
	}
	c.result.Volume = result.Volume{Name: o.Claim}
	err := c.run(ctx)
	c.result.Seconds = p.Clock.Since(c.begun).Seconds()
	return c.result, classified(ctx, err)
}

// run saves the data, and the record once they are there. When what is known from the last copy turns out to be wrong, or what
// it left in the repository is not there any more, all of the volume is read once more.
func (c *copying) run(ctx context.Context) error {
	for _, distrust := range []bool{false, true} {
		trusted, err := c.attempt(ctx, distrust)
		switch {
		case err == nil:
			return nil
		case distrust:
			return err
		case errors.Is(err, manifest.ErrUnannounced):
			c.log("a file changed while its size, its inode and its times stayed; the volume is read in full, and nothing of the last copy is trusted")
		case trusted && repository.Reason(err) == result.FailureDamaged:
			c.log("the repository lacks what the last copy left in it (%v); the volume is read in full", err)
		default:
			return err
		}
	}
	return nil
}

// attempt saves the data, and the record once they are there; it says whether something was taken over from the last copy.
func (c *copying) attempt(ctx context.Context, distrust bool) (trusted bool, err error) {
	repo, err := c.Open(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, repo.Close(context.WithoutCancel(ctx))) }()
	s, err := c.save(ctx, repo, distrust)
	if err != nil || s == nil {
		return false, err // or it was copied before
	}
	defer s.close()
	if err := c.complete(ctx, repo, s); err != nil {
		return s.trusted, err
	}
	return false, c.listed(ctx, repo, s)
}

// saved are the data of a copy that has no record yet.
type saved struct {
	data            string
	root            repository.ObjectID
	manifest, facts *os.File
	header          string // of the facts
	trusted         bool   // something was taken over from the last copy
	record          string // once that is written
}

func (s *saved) close() {
	s.manifest.Close()
	s.facts.Close()
}

// save reads the volume and saves its data; it returns nothing when there is a copy already.
func (c *copying) save(ctx context.Context, repo repository.Repository, distrust bool) (*saved, error) {
	copies, err := repo.Copies(ctx, order.Volume{ClaimUID: c.order.ClaimUID})
	if repository.Reason(err) == result.FailureDamaged { // a new copy is what helps then
		c.log("what the repository knows of earlier copies cannot be read, and all of the volume is: %v", err)
		copies, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	last, done := c.among(copies)
	if c.order.Full {
		c.log("a full copy is wanted: nothing of what the repository holds is relied on")
		last, done = nil, nil
	}
	if done != nil {
		c.log("the volume was copied before, at %s", done.CopiedAt)
		c.tell(done.Record)
		return nil, nil
	}
	s := &saved{}
	if s.manifest, err = scratch(c.Scratch); err != nil {
		return nil, err
	}
	if s.facts, err = scratch(c.Scratch); err != nil {
		return nil, err
	}
	err = repo.Write(ctx, "copy", func(ctx context.Context, w repository.Writer) error { return c.write(ctx, repo, w, last, distrust, s) })
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// among finds the newest copy of the volume's other moments, and the one of this moment.
func (c *copying) among(copies []repository.Stored) (last, done *repository.Stored) {
	for i := range copies {
		s := &copies[i]
		switch {
		case s.ClaimUID != c.order.ClaimUID:
		case s.PointUID == c.order.PointUID:
			done = s
		case last == nil || last.PointInTime.Before(s.PointInTime):
			last = s
		}
	}
	return last, done
}

// write reads the volume, and saves its data.
func (c *copying) write(ctx context.Context, repo repository.Repository, w repository.Writer, last *repository.Stored, distrust bool, s *saved) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	walked := manifest.Options{Workers: c.Workers, Progress: &manifest.Progress{}}
	m := &meter{out: c.Out, clock: c.Clock, gauge: func() (int64, int64) { return walked.Progress.Bytes.Load(), walked.Progress.Entries.Load() }}
	if last != nil {
		m.total = last.Bytes
	}
	defer m.run(ctx)()
	points := checkpoints{to: w, last: c.Clock.Now()}
	stop := repeat(ctx, c.Clock, time.Second, func(now time.Time) error {
		err := points.pass(ctx, now)
		if err != nil {
			cancel(err)
		}
		return err
	})
	defer stop()
	var below repository.Summary
	var err error
	if c.order.Block {
		s.root, below, err = c.block(ctx, w, walked, s)
	} else {
		s.root, below, err = c.files(ctx, repo, w, last, distrust, walked, s)
	}
	if stop(); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		c.salvage(ctx, w)
		return err
	}
	if s.data, err = w.SaveData(ctx, c.order.Volume, c.order.Claim, s.root, below, c.begun); err != nil {
		return err
	}
	if err = w.Flush(ctx); err == nil {
		c.result.NewBytes = w.Written()
	}
	return err
}

// salvage makes durable what an attempt that ends too early has sent, so that the next one need not send it again. A pod that is
// told to stop has little time left.
func (c *copying) salvage(ctx context.Context, w repository.Writer) {
	const atMost = 20 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atMost)
	defer cancel()
	if err := w.Flush(ctx); err != nil {
		c.log("what was sent so far could not be made durable: %v", err)
	}
}

// files copies a volume with a file system.
func (c *copying) files(ctx context.Context, repo repository.Repository, w repository.Writer, last *repository.Stored, distrust bool,
	walked manifest.Options, s *saved,
) (repository.ObjectID, repository.Summary, error) {
	t := newTree(ctx, w)
	defer t.group.Wait()
	lost, devices := int64(0), 0
	how := manifest.Copying{Options: walked, Store: newStore(w), Distrust: distrust, Salt: c.order.PointUID, Facts: noting{s.facts}}
	how.Visit = func(n *manifest.Node) error {
		switch n.Type {
		case manifest.Socket:
			if lost++; c.order.Strict {
				return fail(result.FailureFidelity, "the volume holds a socket, which cannot be carried, and fidelity is Strict", fmt.Errorf("%q is a socket, which cannot be carried", n.Name))
			}
		case manifest.Character, manifest.Block:
			devices++
		case manifest.File, manifest.Directory, manifest.Symlink, manifest.FIFO:
		}
		if err := t.add(n); err != nil {
			return &manifest.StoreError{Err: err}
		}
		return nil
	}
	if last != nil {
		var close func()
		how.Before, close = c.before(ctx, repo, *last)
		defer close()
	}
	found, err := manifest.Copy(ctx, c.path, noting{s.manifest}, how)
	c.result.Files, c.result.Directories, c.result.Others, c.result.Bytes = found.Files, found.Directories, found.Others, found.Bytes
	c.result.Digest, c.result.Unreadable, c.result.Lost, c.result.Unannounced = found.Digest, found.Unreadable, lost, found.Unannounced
	if err != nil {
		return "", repository.Summary{}, unreadable(ctx, err)
	}
	if how.Before != nil && how.Before.Err() != nil {
		c.log("what the last copy knows could not be read to its end, the rest was read from the volume: %v", how.Before.Err())
	}
	if devices > 0 {
		c.log("the volume holds %d devices, which come back only where the restore may make them", devices)
	}
	c.log("%d files were unchanged, %d of them were read all the same; %d of these had changed", found.Unchanged+found.Sampled, found.Sampled, found.Unannounced)
	s.trusted, s.header = found.Unchanged > 0, manifest.FactsHeader(found)
	return t.end()
}

// before opens what the last copy knows. Without it, everything is read.
func (c *copying) before(ctx context.Context, repo repository.Repository, last repository.Stored) (*manifest.Before, func()) {
	text, err := repo.Manifest(ctx, last)
	if err != nil {
		c.log("the manifest of the last copy cannot be read, so that all of the volume is: %v", err)
		return nil, func() {}
	}
	facts, err := repo.Facts(ctx, last)
	if err != nil {
		c.log("the facts of the last copy cannot be read, so that all of the volume is: %v", err)
		return nil, func() { text.Close() }
	}
	b, err := manifest.NewBefore(text, facts)
	if err != nil {
		c.log("the last copy cannot be built upon, so that all of the volume is read: %v", err)
	}
	return b, func() {
		text.Close()
		facts.Close()
	}
}

// block copies a volume without a file system, as a folder with one file.
func (c *copying) block(ctx context.Context, w repository.Writer, walked manifest.Options, s *saved) (repository.ObjectID, repository.Summary, error) {
	found, stored, err := manifest.CopyBlock(ctx, c.path, noting{s.manifest}, newStore(w), walked)
	if err != nil {
		return "", repository.Summary{}, unreadable(ctx, err)
	}
	c.result.Digest, c.result.Bytes = found.Digest, found.Bytes
	below := repository.Summary{Files: 1, Bytes: found.Bytes, Newest: c.record.PointInTime}
	root, err := w.Folder(ctx, []repository.Entry{{
		Name: repository.BlockName, Type: repository.TypeFile, Object: repository.ObjectID(stored), Size: found.Bytes, Mode: 0o600, Mod: c.record.PointInTime,
	}}, below)
	return root, below, err
}

// complete writes the record of data that a repository, opened afresh, was found to hold.
func (c *copying) complete(ctx context.Context, repo repository.Repository, s *saved) (err error) {
	afresh, err := repo.Afresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, afresh.Close(context.WithoutCancel(ctx))) }()
	if err := c.Check(ctx, afresh, s.root); err != nil {
		return err
	}
	for _, f := range []*os.File{s.manifest, s.facts} {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	r := c.record
	r.Version = order.Version
	r.Digest, r.Files, r.Dirs, r.Others, r.Bytes = c.result.Digest, c.result.Files, c.result.Directories, c.result.Others, c.result.Bytes
	r.NewBytes, r.Lost, r.CopiedAt = c.result.NewBytes, c.result.Lost, c.Clock.Now().UTC()
	return afresh.Write(ctx, "record", func(ctx context.Context, w repository.Writer) error {
		saved, err := w.SaveRecord(ctx, s.data, r, s.manifest, io.MultiReader(strings.NewReader(s.header), s.facts))
		s.record = saved.RecordID
		return err
	})
}

// listed finds the record that was written, with all that belongs to it, in a repository that is opened afresh.
func (c *copying) listed(ctx context.Context, repo repository.Repository, s *saved) (err error) {
	afresh, err := repo.Afresh(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, afresh.Close(context.WithoutCancel(ctx))) }()
	copies, err := afresh.Copies(ctx, c.order.Volume)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(copies, func(k repository.Stored) bool { return k.RecordID == s.record })
	if i < 0 {
		return fail(result.FailureDamaged, "the store said that it took the record of the copy, and does not have it; look after the store", errors.New("the record is not there"))
	}
	beside, err := afresh.Beside(ctx, copies[i])
	if err != nil {
		return err
	}
	return c.Check(ctx, afresh, beside)
}

// tell takes the result from the record of a copy that exists.
func (c *copying) tell(r order.Record) {
	v := &c.result
	v.Digest, v.Files, v.Directories, v.Others, v.Bytes, v.NewBytes, v.Lost = r.Digest, r.Files, r.Dirs, r.Others, r.Bytes, r.NewBytes, r.Lost
}

// checkpoints make durable what was written, so that who is killed need not send it again.
type checkpoints struct {
	to      repository.Writer
	last    time.Time
	written int64
}

// The most that is lost with a pod.
const (
	mostTime  = 5 * time.Minute
	mostBytes = 1 << 30
)

func (p *checkpoints) pass(ctx context.Context, now time.Time) error {
	if now.Sub(p.last) < mostTime && p.to.Written()-p.written < mostBytes {
		return nil
	}
	err := p.to.Flush(ctx)
	p.last, p.written = now, p.to.Written()
	return err
}

// store keeps contents in a repository. Parts of a large one are on their way to it while more is read.
type store struct {
	to   repository.Writer
	help help
}

func newStore(to repository.Writer) store { return store{to, newHelp(atOnce())} }

func (s store) Create(ctx context.Context, name string, size int64) (manifest.Content, error) {
	ahead := 0
	if size >= manyParts {
		ahead = s.help.take(atOnce())
	}
	return content{s.to.NewObject(ctx, !packed[strings.ToLower(path.Ext(name))], ahead), s.help, ahead}, nil
}

type content struct {
	repository.ObjectWriter
	help  help
	ahead int
}

func (c content) Close() error {
	defer c.help.giveBack(c.ahead)
	return c.ObjectWriter.Close()
}

func (c content) Result() (string, error) {
	id, err := c.ObjectWriter.Result()
	return string(id), err
}

// packed are the endings of names of files that are compressed already.
var packed = func() map[string]bool {
	all := map[string]bool{}
	for _, e := range strings.Fields(".7z .avif .br .bz2 .docx .flac .gif .gz .heic .jar .jpeg .jpg .lz4 .lzma .m4a .m4v .mkv .mov .mp3 .mp4 .ogg .opus .png .pptx .rar .tgz .txz .webm .webp .xlsx .xz .zip .zst") {
		all[e] = true
	}
	return all
}()

// noting tells errors of scratch files from those of the volume.
type noting struct{ to io.Writer }

func (n noting) Write(p []byte) (int, error) {
	written, err := n.to.Write(p)
	if err != nil {
		err = &manifest.StoreError{Err: err}
	}
	return written, err
}

// scratch is a file without a name: it is gone once it is closed.
func scratch(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "mover-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
