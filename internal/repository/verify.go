// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Verify reads back every content of a repository, and looks whether every copy has all that it needs, and is there that must be. To
// heal, what cannot be read is set aside, so that the next copy brings it anew where the source still has it: only what the store itself gave
// back wrong, or does not have, twice in a row; never for want of an answer. Progress is told in bytes read.
func Verify(ctx context.Context, in Repository, o order.Verify, progress *atomic.Int64) (result.Verify, error) {
	r, err := ours(in)
	if err != nil {
		return result.Verify{}, err
	}
	ctx, stop := r.bound(ctx)
	defer stop()
	blobs, err := blob.ReadBlobMap(ctx, r.store)
	if err != nil {
		return result.Verify{}, r.classify(err)
	}
	bad, err := r.readAll(ctx, blobs, progress)
	v := result.Verify{Bytes: progress.Load(), Contents: int64(len(bad))}
	if err != nil {
		return v, r.classify(err)
	}
	c := r.newCensus(blobs, bad)
	found, err := r.verifyCopies(ctx, c, &v)
	if err != nil {
		return v, r.classify(err)
	}
	v.Miss(o.Expect, found)
	for id := range bad {
		c.lost[id] = true
	}
	v.Contents = int64(len(c.lost))
	if o.Heal && v.Contents+v.Damaged > 0 {
		v.Healing, err = r.setAside(ctx, bad)
	}
	return v, r.classify(err)
}

// verifyCopies counts the copies that have all that they need, and those that do not. The newest are named first: they are what
// a recovery would use. How many there are is told by the UIDs of points.
func (r *opened) verifyCopies(ctx context.Context, c *census, v *result.Verify) (found map[string]int, err error) {
	records, err := r.FindManifests(ctx, snapshotLabels(sourceRecord, nil))
	if err != nil {
		return nil, err
	}
	found = map[string]int{}
	slices.SortStableFunc(records, func(a, b *manifest.EntryMetadata) int { return b.ModTime.Compare(a.ModTime) })
	known := map[string]bool{}
	for _, m := range records {
		found[m.Labels[tagPoint]]++
		of, err := r.verifyCopy(ctx, c, m)
		switch {
		case err == nil:
			v.Copies++
			continue
		case !isDamage(err):
			return nil, err
		}
		v.Damaged++
		if uid := m.Labels[tagPoint]; uid != "" && !known[uid] && len(uid) <= longestUID {
			known[uid] = true
			if v.DamagedPoints++; len(v.Points) < result.MostDamaged {
				v.Points = append(v.Points, named(uid, of.Record))
			}
		}
	}
	return found, nil
}

// longestUID and longestName are what fits where the operator writes it: a repository may hold what somebody else put there.
const (
	longestUID  = 64
	longestName = 253
)

// named says which point a copy is of, by the names in its record where they can be had.
func named(uid string, r order.Record) result.Damaged {
	d := result.Damaged{UID: uid}
	if max(len(r.Namespace), len(r.Policy), len(r.Point)) <= longestName {
		d.Namespace, d.Policy, d.Point = r.Namespace, r.Policy, r.Point
	}
	return d
}

// verifyCopy looks for all that a copy needs, and reads its record, which says where its data are, and of what.
func (r *opened) verifyCopy(ctx context.Context, c *census, record *manifest.EntryMetadata) (Stored, error) {
	s, unread := r.filed(ctx, record)
	if err := c.snapshot(ctx, record.ID); err != nil { // all of the record, not just what was needed here
		return s, err
	}
	if unread != nil {
		return s, unread
	}
	return s, c.snapshot(ctx, manifest.ID(s.DataID))
}

const (
	// readers is how many packs are read side by side. Each is in memory, and takes some twenty MiB.
	readers = 4
	// mostAtOnce bounds how many contents are in memory. A repository with more is gone through several times, a part of its packs
	// at a time.
	mostAtOnce = 500_000
)

// reading reads all contents of a repository, pack by pack.
type reading struct {
	of       *opened // its limits hold for packs
	plain    *opened // the same repository without any memory, which finds its packs in ahead
	ahead    *ahead
	blobs    map[blob.ID]blob.Metadata
	progress *atomic.Int64

	sync.Mutex
	bad map[content.ID]bool
}

// readAll reads every content, and returns those that cannot be read.
func (r *opened) readAll(ctx context.Context, blobs map[blob.ID]blob.Metadata, progress *atomic.Int64) (_ map[content.ID]bool, err error) {
	g := &reading{of: r, ahead: &ahead{Storage: r.store, packs: map[blob.ID][]byte{}}, blobs: blobs, progress: progress, bad: map[content.ID]bool{}}
	if g.plain, err = r.again(ctx, g.ahead); err != nil {
		return nil, err
	}
	defer g.plain.Close(context.WithoutCancel(ctx))
	ctx, stop := g.plain.bound(ctx)
	defer stop()
	parts, err := g.parts(ctx)
	for n := 0; n < parts && err == nil; n++ {
		err = g.part(ctx, n, parts)
	}
	return g.bad, g.plain.classify(err)
}

// parts is in how many parts the packs are read.
func (g *reading) parts(ctx context.Context) (int, error) {
	contents := 0
	err := g.plain.ContentReader().IterateContents(ctx, content.IterateOptions{}, func(content.Info) error {
		contents++
		return nil
	})
	return contents/mostAtOnce + 1, err
}

// part reads the packs of one part.
func (g *reading) part(ctx context.Context, n, of int) error {
	packs := map[blob.ID][]content.Info{}
	err := g.plain.ContentReader().IterateContents(ctx, content.IterateOptions{}, func(i content.Info) error {
		if partOf(i.PackBlobID, of) == n {
			packs[i.PackBlobID] = append(packs[i.PackBlobID], i)
		}
		return nil
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, readers)
	var group sync.WaitGroup
	for id, contents := range packs {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-places }()
			if err := g.pack(ctx, id, contents); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

func partOf(id blob.ID, of int) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % uint32(of))
}

// pack reads the contents of one pack. What cannot be read is asked for once more, by itself, and of the store.
func (g *reading) pack(ctx context.Context, id blob.ID, contents []content.Info) error {
	if err := g.ahead.fetch(ctx, g.of.BlobReader(), id); err != nil && !isDamage(err) {
		return err
	}
	defer g.ahead.drop(id)
	var again []content.Info
	for _, i := range contents {
		g.progress.Add(int64(i.PackedLength))
		if _, err := g.plain.ContentReader().GetContent(ctx, i.ContentID); isDamage(err) {
			again = append(again, i)
		} else if err != nil {
			return err
		}
	}
	g.ahead.drop(id)
	for _, i := range again {
		if _, err := g.plain.ContentReader().GetContent(ctx, i.ContentID); isDamage(err) {
			g.Lock()
			g.bad[i.ContentID] = true
			g.Unlock()
		} else if err != nil {
			return err
		}
	}
	return nil
}

// ahead is a store of which some packs were read ahead: it is asked once for a pack, and not once for each content in it.
type ahead struct {
	blob.Storage
	mutex sync.RWMutex
	packs map[blob.ID][]byte
}

func (a *ahead) fetch(ctx context.Context, from blob.Reader, id blob.ID) error {
	var b buffer
	if err := from.GetBlob(ctx, id, 0, -1, &b); err != nil {
		return err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.packs[id] = b.Bytes()
	return nil
}

func (a *ahead) drop(id blob.ID) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.packs, id)
}

// GetBlob finds what was read ahead, or asks the store.
func (a *ahead) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	a.mutex.RLock()
	pack, is := a.packs[id]
	a.mutex.RUnlock()
	switch {
	case !is:
		return a.Storage.GetBlob(ctx, id, offset, length, out)
	case offset < 0 || length < 0 || offset > int64(len(pack)) || length > int64(len(pack))-offset:
		return blob.ErrInvalidRange
	}
	out.Reset()
	_, err := out.Write(pack[offset : offset+length])
	return err
}

// buffer takes what a store gives.
type buffer struct{ bytes.Buffer }

// Length is how much it took.
func (b *buffer) Length() int { return b.Len() }

// setAside has the library forget contents that cannot be read: it then takes them again when they come. It says whether none is
// left in the way. The lists of what is in the repository are never set aside, for that would hide that anything was there.
func (r *opened) setAside(ctx context.Context, bad map[content.ID]bool) (all bool, err error) {
	all = true
	err = repo.DirectWriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: "lifeboat: set damage aside"}, func(ctx context.Context, w repo.DirectRepositoryWriter) error {
		for id := range bad {
			if id.Prefix() == manifest.ContentPrefix {
				all = false
				continue
			}
			if err := w.ContentManager().DeleteContent(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return all && err == nil, err
}
