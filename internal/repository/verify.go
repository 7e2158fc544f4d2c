// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Check looks whether all that a tree needs is in the store: what the library believes to hold is compared with a list of what
// is there. It reads folders, and no files.
func Check(ctx context.Context, in Repository, tree ObjectID) error {
	r, err := ours(in)
	if err != nil {
		return err
	}
	blobs, err := blob.ReadBlobMap(ctx, r.store)
	if err != nil {
		return classify(err)
	}
	return classify(r.newCensus(blobs, nil).tree(ctx, tree))
}

// census looks for what trees need. What was found once is not looked for again.
type census struct {
	in    *opened
	blobs map[blob.ID]blob.Metadata
	bad   map[content.ID]bool // contents that cannot be read
	seen  map[ObjectID]error
	lost  map[content.ID]bool // contents that are needed and are not there
}

func (r *opened) newCensus(blobs map[blob.ID]blob.Metadata, bad map[content.ID]bool) *census {
	return &census{in: r, blobs: blobs, bad: bad, seen: map[ObjectID]error{}, lost: map[content.ID]bool{}}
}

func (c *census) tree(ctx context.Context, id ObjectID) error {
	if err, is := c.seen[id]; is {
		return err
	}
	err := c.look(ctx, id)
	c.seen[id] = err
	return err
}

func (c *census) look(ctx context.Context, id ObjectID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.object(ctx, id); err != nil {
		return err
	}
	entries, err := c.in.entries(ctx, id)
	if err != nil {
		return err
	}
	var all error
	for _, e := range entries {
		find := c.once
		if e.Type == TypeDirectory {
			find = c.tree
		}
		if err := find(ctx, e.Object); err != nil && all == nil {
			all = err // the others are looked for as well, so that all that is lost is counted
		}
	}
	return all
}

func (c *census) once(ctx context.Context, id ObjectID) error {
	if err, is := c.seen[id]; is {
		return err
	}
	err := c.object(ctx, id)
	c.seen[id] = err
	return err
}

// object looks for all contents of an object.
func (c *census) object(ctx context.Context, id ObjectID) error {
	parsed, err := object.ParseID(string(id))
	if err != nil {
		return fmt.Errorf("%w: an object has an impossible name", errDamaged)
	}
	contents, err := c.in.VerifyObject(ctx, parsed)
	if err != nil {
		if cid, _, is := parsed.ContentID(); is && isDamage(err) {
			c.lost[cid] = true
		}
		return err
	}
	for _, k := range contents {
		if err := c.content(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

func (c *census) content(ctx context.Context, id content.ID) error {
	info, err := c.in.ContentInfo(ctx, id)
	switch {
	case err != nil && !isDamage(err):
		return err
	case err != nil || info.Deleted || c.bad[id]:
		c.lost[id] = true
		return fmt.Errorf("%w: a content is not there, or cannot be read", errDamaged)
	}
	b, is := c.blobs[info.PackBlobID]
	if !is || int64(info.PackOffset)+int64(info.PackedLength) > b.Length {
		c.lost[id] = true
		return fmt.Errorf("%w: a blob is gone, or has lost its end", errDamaged)
	}
	return nil
}

// Verify reads back every content of a repository, and looks whether every copy has all that it needs. With heal, what cannot
// be read is set aside, so that the next copy brings it anew where the source still has it: only what the store itself gave
// back wrong, or does not list, twice in a row; never for want of an answer. Progress is told in bytes read.
func Verify(ctx context.Context, in Repository, heal bool, progress *atomic.Int64) (result.Verify, error) {
	r, err := ours(in)
	if err != nil {
		return result.Verify{}, err
	}
	blobs, err := blob.ReadBlobMap(ctx, r.store)
	if err != nil {
		return result.Verify{}, classify(err)
	}
	bad, err := r.readAll(ctx, blobs, progress)
	if err != nil {
		return result.Verify{}, classify(err)
	}
	v := result.Verify{Bytes: progress.Load()}
	c := r.newCensus(blobs, bad)
	if err := r.verifyCopies(ctx, c, &v); err != nil {
		return v, classify(err)
	}
	for id := range bad {
		c.lost[id] = true
	}
	v.Contents = int64(len(c.lost))
	if heal && len(bad) > 0 {
		v.Healing = true
		err = r.setAside(ctx, bad)
	}
	return v, classify(err)
}

// readAll reads every content, and returns those that cannot be read.
func (r *opened) readAll(ctx context.Context, blobs map[blob.ID]blob.Metadata, progress *atomic.Int64) (map[content.ID]bool, error) {
	var mu sync.Mutex
	bad := map[content.ID]bool{}
	reader := r.ContentReader()
	err := reader.IterateContents(ctx, content.IterateOptions{Parallel: 2 * runtime.GOMAXPROCS(0)}, func(i content.Info) error {
		_, listed := blobs[i.PackBlobID]
		damaged, err := false, error(nil)
		if !listed {
			damaged, err = r.gone(ctx, i.PackBlobID)
		} else {
			damaged, err = twice(func() error {
				_, err := reader.GetContent(ctx, i.ContentID)
				return err
			})
		}
		if err != nil {
			return err
		}
		progress.Add(int64(i.PackedLength))
		if damaged {
			mu.Lock()
			bad[i.ContentID] = true
			mu.Unlock()
		}
		return ctx.Err()
	})
	return bad, err
}

// twice says whether something is damaged, by two looks.
func twice(look func() error) (damaged bool, err error) {
	for range 2 {
		err := look()
		if err == nil {
			return false, nil
		}
		if !isDamage(err) {
			return false, err
		}
	}
	return true, nil
}

// gone asks the store for a blob that it did not list: it may have been written since.
func (r *opened) gone(ctx context.Context, id blob.ID) (bool, error) {
	_, err := r.store.GetMetadata(ctx, id)
	if errors.Is(err, blob.ErrBlobNotFound) {
		return true, nil
	}
	return false, err
}

// verifyCopies counts the copies that have all that they need, and those that do not.
func (r *opened) verifyCopies(ctx context.Context, c *census, v *result.Verify) error {
	records, err := r.FindManifests(ctx, snapshotLabels(sourceRecord, nil))
	if err != nil {
		return err
	}
	for _, m := range records {
		switch err := r.verifyCopy(ctx, c, m.ID); {
		case err == nil:
			v.Copies++
		case !isDamage(err):
			return err
		default:
			v.Damaged++
			if point := m.Labels[tagPoint]; len(v.Points) < result.MostDamaged && !slices.Contains(v.Points, point) {
				v.Points = append(v.Points, point)
			}
		}
	}
	return nil
}

// verifyCopy looks for all that a copy needs, its record first, which says where its data are.
func (r *opened) verifyCopy(ctx context.Context, c *census, record manifest.ID) error {
	if err := c.snapshot(ctx, record); err != nil {
		return err
	}
	s, err := r.stored(ctx, record)
	if err != nil {
		return err
	}
	return c.snapshot(ctx, manifest.ID(s.DataID))
}

func (c *census) snapshot(ctx context.Context, id manifest.ID) error {
	m, err := snapshot.LoadSnapshot(ctx, c.in, id)
	if err != nil {
		return err
	}
	return c.tree(ctx, rootOf(m))
}

// setAside has the library forget contents that cannot be read: it then takes them again when they come.
func (r *opened) setAside(ctx context.Context, bad map[content.ID]bool) error {
	return repo.DirectWriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: "lifeboat: set damage aside"}, func(ctx context.Context, w repo.DirectRepositoryWriter) error {
		for id := range bad {
			if err := w.ContentManager().DeleteContent(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
}
