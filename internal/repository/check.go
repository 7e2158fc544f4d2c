// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"fmt"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
)

// Check looks whether all that a tree needs is in the store: what the library believes to hold is compared with a list of what
// is there. It reads folders, and no files.
func Check(ctx context.Context, in Repository, tree ObjectID) error {
	r, err := ours(in)
	if err != nil {
		return err
	}
	ctx, stop := r.bound(ctx)
	defer stop()
	blobs, err := blob.ReadBlobMap(ctx, r.store)
	if err != nil {
		return r.classify(err)
	}
	return r.classify(r.newCensus(blobs, nil).folder(ctx, tree))
}

// census looks for what trees need. A folder that was looked at once is not looked at again: copies share most of theirs.
type census struct {
	in      *opened
	blobs   map[blob.ID]blob.Metadata
	bad     map[content.ID]bool // contents that cannot be read
	folders map[ObjectID]error
	lost    map[content.ID]bool // contents that are needed and cannot be had
}

func (r *opened) newCensus(blobs map[blob.ID]blob.Metadata, bad map[content.ID]bool) *census {
	return &census{in: r, blobs: blobs, bad: bad, folders: map[ObjectID]error{}, lost: map[content.ID]bool{}}
}

func (c *census) snapshot(ctx context.Context, id manifest.ID) error {
	m, err := snapshot.LoadSnapshot(ctx, c.in, id)
	if err != nil {
		return err
	}
	return c.folder(ctx, rootOf(m))
}

// folder looks for a folder and all below it.
func (c *census) folder(ctx context.Context, id ObjectID) error {
	if err, is := c.folders[id]; is {
		return err
	}
	err := c.look(ctx, id)
	c.folders[id] = err
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
	var first error
	for _, e := range entries {
		find := c.object
		if e.Type == TypeDirectory {
			find = c.folder
		}
		if err := find(ctx, e.Object); err != nil && !isDamage(err) {
			return err
		} else if first == nil {
			first = err // the others are looked for as well, so that all that is lost is counted
		}
	}
	return first
}

// object looks for all contents of an object.
func (c *census) object(ctx context.Context, id ObjectID) error {
	parsed, err := object.ParseID(string(id))
	if err != nil {
		return fmt.Errorf("%w: an object has an impossible name", errDamaged)
	}
	contents, err := believable(func() ([]content.ID, error) { return c.in.VerifyObject(ctx, parsed) })
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
	whole, err := c.whole(ctx, id)
	if err != nil || whole {
		return err
	}
	c.lost[id] = true
	return fmt.Errorf("%w: a content is not there, or cannot be read", errDamaged)
}

// whole says whether a content is there.
func (c *census) whole(ctx context.Context, id content.ID) (bool, error) {
	info, err := c.in.ContentInfo(ctx, id)
	switch {
	case isDamage(err):
		return false, nil
	case err != nil || c.bad[id]:
		return false, err
	case info.Deleted:
		// It was set aside, or maintenance took it for unused in the moment in which it was needed again, which it mends by itself.
		_, err := c.in.ContentReader().GetContent(ctx, id)
		if isDamage(err) {
			return false, nil
		}
		return err == nil, err
	}
	b, is := c.blobs[info.PackBlobID]
	if !is { // what is written while this goes on is not in the list
		b, err = c.in.store.GetMetadata(ctx, info.PackBlobID)
		if isDamage(err) {
			return false, nil
		}
	}
	return int64(info.PackOffset)+int64(info.PackedLength) <= b.Length, err
}
