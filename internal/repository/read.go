// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// The users of the library under which snapshots are kept: they say what a snapshot is.
const (
	sourceData   = "data"
	sourceRecord = "record"
	sourceNote   = "note"
)

// Tags of snapshots. The library's command shows and finds those that begin with tag: as tags.
const (
	tagPoint = "tag:point"
	tagClaim = "tag:claim"
)

// The files of a record.
const (
	recordFile   = "record.json"
	manifestFile = "manifest.mtree"
	factsFile    = "facts"
)

const (
	// mostRecord bounds a record, which has a policy in it.
	mostRecord = 4 << 20
	// mostFolder bounds the description of one folder.
	mostFolder = 2 << 30
)

// kept is a record as it is written.
type kept struct {
	order.Record
	Data string `json:"data"`
}

// snapshotLabels find snapshots: all of one source, or of any for an empty one.
func snapshotLabels(source string, tags map[string]string) map[string]string {
	labels := map[string]string{manifest.TypeLabelKey: snapshot.ManifestType, snapshot.HostnameLabel: host}
	if source != "" {
		labels[snapshot.UsernameLabel] = source
	}
	maps.Copy(labels, tags)
	return labels
}

func volumeTags(v order.Volume) map[string]string {
	tags := map[string]string{}
	if v.PointUID != "" {
		tags[tagPoint] = v.PointUID
	}
	if v.ClaimUID != "" {
		tags[tagClaim] = v.ClaimUID
	}
	return tags
}

// Copies are the complete copies, oldest first.
func (r *opened) Copies(ctx context.Context, of order.Volume) ([]Stored, error) {
	ctx, stop := r.bound(ctx)
	defer stop()
	found, err := r.FindManifests(ctx, snapshotLabels(sourceRecord, volumeTags(of)))
	if err != nil {
		return nil, r.classify(err)
	}
	out, damage := make([]Stored, 0, len(found)), error(nil)
	for _, m := range found {
		s, err := r.filed(ctx, m)
		switch {
		case err == nil:
			out = append(out, s)
		case isDamage(err):
			damage = err // whoever copies, or restores another one, must not be kept from it
		default:
			return nil, r.classify(err)
		}
	}
	if len(out) == 0 && of.PointUID != "" && of.ClaimUID != "" && damage != nil {
		return nil, r.classify(damage)
	}
	slices.SortStableFunc(out, func(a, b Stored) int {
		if c := a.PointInTime.Compare(b.PointInTime); c != 0 {
			return c
		}
		return strings.Compare(a.RecordID, b.RecordID)
	})
	return out, nil
}

// filed reads a record, and holds it against the volume that it is filed under.
func (r *opened) filed(ctx context.Context, m *manifest.EntryMetadata) (Stored, error) {
	s, err := r.stored(ctx, m.ID)
	if err == nil && (s.PointUID != m.Labels[tagPoint] || s.ClaimUID != m.Labels[tagClaim]) {
		err = fmt.Errorf("%w: a record is not of the volume that it is filed under", errDamaged)
	}
	return s, err
}

func (r *opened) stored(ctx context.Context, id manifest.ID) (Stored, error) {
	file, err := r.recordPart(ctx, string(id), recordFile)
	if err != nil {
		return Stored{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(file, mostRecord))
	if err = errors.Join(err, file.Close()); err != nil {
		return Stored{}, err
	}
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return Stored{}, fmt.Errorf("%w: a record cannot be read: %w", errDamaged, err)
	}
	return Stored{Record: k.Record, DataID: k.Data, RecordID: string(id)}, nil
}

// recordPart opens a file of a record.
func (r *opened) recordPart(ctx context.Context, id, name string) (io.ReadCloser, error) {
	m, err := snapshot.LoadSnapshot(ctx, r, manifest.ID(id))
	if err != nil {
		return nil, err
	}
	entries, err := r.Entries(ctx, rootOf(m))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name == name && e.Type == TypeFile {
			return r.Object(ctx, e.Object)
		}
	}
	return nil, fmt.Errorf("%w: a record lacks its file %s", errDamaged, name)
}

func rootOf(m *snapshot.Manifest) ObjectID {
	if m.RootEntry == nil {
		return ""
	}
	return ObjectID(m.RootEntry.ObjectID.String())
}

// Manifest opens the manifest of a copy.
func (r *opened) Manifest(ctx context.Context, c Stored) (io.ReadCloser, error) {
	f, err := r.recordPart(ctx, c.RecordID, manifestFile)
	return f, r.classify(err)
}

// Facts opens what the copy left for the next one to know.
func (r *opened) Facts(ctx context.Context, c Stored) (io.ReadCloser, error) {
	f, err := r.recordPart(ctx, c.RecordID, factsFile)
	return f, r.classify(err)
}

// Tree is the folder with the data of a copy.
func (r *opened) Tree(ctx context.Context, c Stored) (ObjectID, error) {
	return r.root(ctx, c.DataID)
}

// Beside is the folder with what is kept beside the data.
func (r *opened) Beside(ctx context.Context, c Stored) (ObjectID, error) {
	return r.root(ctx, c.RecordID)
}

func (r *opened) root(ctx context.Context, id string) (ObjectID, error) {
	ctx, stop := r.bound(ctx)
	defer stop()
	m, err := snapshot.LoadSnapshot(ctx, r, manifest.ID(id))
	if err != nil {
		return "", r.classify(err)
	}
	return rootOf(m), nil
}

// Entries are the entries of a folder, by their names as they were.
func (r *opened) Entries(ctx context.Context, folder ObjectID) ([]Entry, error) {
	ctx, stop := r.bound(ctx)
	defer stop()
	entries, err := r.entries(ctx, folder)
	return entries, r.classify(err)
}

func (r *opened) entries(ctx context.Context, folder ObjectID) ([]Entry, error) {
	o, err := r.Object(ctx, folder)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(o, mostFolder))
	if err = errors.Join(err, o.Close()); err != nil {
		return nil, fmt.Errorf("read a folder: %w", err)
	}
	var d snapshot.DirManifest
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("%w: a folder cannot be understood: %w", errDamaged, err)
	}
	out := make([]Entry, 0, len(d.Entries))
	seen := make(map[string]bool, len(d.Entries))
	for _, e := range d.Entries {
		if e == nil {
			return nil, fmt.Errorf("%w: a folder has an empty entry", errDamaged)
		}
		name, err := decodeName(e.Name)
		if err != nil {
			return nil, err
		}
		if len(e.Type) != 1 || !strings.Contains("fds", string(e.Type)) || seen[name] {
			return nil, fmt.Errorf("%w: a folder has an entry twice, or of an unknown type", errDamaged)
		}
		seen[name] = true
		out = append(out, Entry{
			Name: name, Type: EntryType(e.Type[0]), Object: ObjectID(e.ObjectID.String()), Size: e.FileSize,
			Mode: uint32(e.Permissions), UID: e.UserID, GID: e.GroupID, Mod: e.ModTime.ToTime(),
		})
	}
	return out, nil
}

// believable has the library read something. It trusts the lists of parts that it once wrote, and panics over one that makes no sense,
// which whoever holds the password may have put there: such a one is damage like any other.
func believable[T any](read func() (T, error)) (_ T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: an object is put together in an impossible way: %v", errDamaged, p)
		}
	}()
	return read()
}

// Object opens what was written.
func (r *opened) Object(ctx context.Context, id ObjectID) (Object, error) {
	parsed, err := object.ParseID(string(id))
	if err != nil {
		return nil, classify(fmt.Errorf("%w: an object has an impossible name", errDamaged))
	}
	ctx, stop := r.bound(ctx)
	o, err := believable(func() (object.Reader, error) { return r.OpenObject(ctx, parsed) })
	if err != nil {
		stop()
		return nil, r.classify(err)
	}
	return &reader{o, r, stop}, nil
}

// Parts are the objects that a large one is put together from.
func (r *opened) Parts(ctx context.Context, id ObjectID) ([]Part, error) {
	parsed, err := object.ParseID(string(id))
	if err != nil {
		return nil, classify(fmt.Errorf("%w: an object has an impossible name", errDamaged))
	}
	index, is := parsed.IndexObjectID()
	if !is {
		return nil, nil
	}
	ctx, stop := r.bound(ctx)
	defer stop()
	entries, err := believable(func() ([]object.IndirectObjectEntry, error) {
		return object.LoadIndexObject(ctx, contents{r.ContentReader()}, index)
	})
	if err != nil {
		return nil, r.classify(err)
	}
	all := make([]Part, 0, len(entries))
	for _, e := range entries {
		all = append(all, Part{ObjectID(e.Object.String()), e.Start, e.Length})
	}
	return all, nil
}

// contents reads contents, and brings none nearer before.
type contents struct{ content.Reader }

// PrefetchContents does nothing.
func (contents) PrefetchContents(context.Context, []content.ID, string) []content.ID { return nil }

// reader reads an object.
type reader struct {
	object.Reader
	of   *opened
	stop func()
}

// Read reads a part of an object.
func (o *reader) Read(p []byte) (int, error) {
	n, err := believable(func() (int, error) { return o.Reader.Read(p) })
	if err != nil && err != io.EOF { //nolint:errorlint // as readers must return it
		err = o.of.classify(err)
	}
	return n, err
}

// Close ends reading.
func (o *reader) Close() error {
	defer o.stop()
	return o.Reader.Close()
}
