// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/compression"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/snapshotfs"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

const (
	compressor = compression.Name("zstd-fastest")
	folderMode = 0o700
	fileMode   = 0o600
	streamType = "kopia:directory"
)

// writing writes to an opened repository.
type writing struct {
	repo.RepositoryWriter
	in *opened
}

var _ Writer = (*writing)(nil)

// Write runs f with a writer. What f wrote is durable once it returns nil; what of it was flushed before stays.
func (r *opened) Write(ctx context.Context, purpose string, f func(context.Context, Writer) error) error {
	ctx, stop := r.bound(ctx)
	defer stop()
	return r.classify(repo.WriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{Purpose: purpose}, func(ctx context.Context, w repo.RepositoryWriter) error {
		return f(ctx, &writing{w, r})
	}))
}

type objectWriter struct {
	object.Writer
	in *opened
}

// Write writes a part of an object.
func (w objectWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, w.in.classify(err)
}

// Result ends the object and names it.
func (w objectWriter) Result() (ObjectID, error) {
	id, err := w.Writer.Result()
	if err != nil {
		return "", w.in.classify(err)
	}
	return ObjectID(id.String()), nil
}

// NewObject begins an object of content.
func (w *writing) NewObject(ctx context.Context, compress bool, ahead int) ObjectWriter {
	o := object.WriterOptions{MetadataCompressor: compressor, AsyncWrites: ahead}
	if compress {
		o.Compressor = compressor
	}
	return objectWriter{w.NewObjectWriter(ctx, o), w.in}
}

// Folder writes a folder.
func (w *writing) Folder(ctx context.Context, entries []Entry, s Summary) (ObjectID, error) {
	d := &snapshot.DirManifest{StreamType: streamType, Summary: s.library(), Entries: make([]*snapshot.DirEntry, 0, len(entries))}
	for _, e := range entries {
		k, err := e.library()
		if err != nil {
			return "", err
		}
		d.Entries = append(d.Entries, k)
	}
	slices.SortFunc(d.Entries, func(a, b *snapshot.DirEntry) int { return strings.Compare(a.Name, b.Name) })
	id, err := snapshotfs.WriteDirManifest(ctx, w.RepositoryWriter, "", d, compressor)
	if err != nil {
		return "", w.in.classify(err)
	}
	return ObjectID(id.String()), nil
}

func (e Entry) library() (*snapshot.DirEntry, error) {
	id, err := object.ParseID(string(e.Object))
	if err != nil {
		return nil, fmt.Errorf("an entry names no object: %w", err)
	}
	return &snapshot.DirEntry{
		Name: encodeName(e.Name), Type: snapshot.EntryType(rune(e.Type)), Permissions: snapshot.Permissions(e.Mode), FileSize: e.Size,
		ModTime: fs.UTCTimestampFromTime(e.Mod), UserID: e.UID, GroupID: e.GID, ObjectID: id,
	}, nil
}

func (s Summary) library() *fs.DirectorySummary {
	return &fs.DirectorySummary{
		TotalFileSize: s.Bytes, TotalFileCount: s.Files, TotalSymlinkCount: s.Symlinks, TotalDirCount: s.Directories,
		MaxModTime: fs.UTCTimestampFromTime(s.Newest),
	}
}

// Flush makes what was written so far durable.
func (w *writing) Flush(ctx context.Context) error {
	return w.in.classify(w.RepositoryWriter.Flush(ctx))
}

// Written is how many bytes the store had to take so far.
func (w *writing) Written() int64 { return w.in.written.Load() }

// SaveData records the data of a volume.
func (w *writing) SaveData(ctx context.Context, v order.Volume, claim string, root ObjectID, s Summary, begun time.Time) (string, error) {
	return w.save(ctx, sourceData, v.ClaimUID, claim, root, s, begun, volumeTags(v))
}

// save records a tree as a snapshot of the library.
func (w *writing) save(ctx context.Context, source, path, name string, root ObjectID, s Summary, begun time.Time, tags map[string]string) (string, error) {
	id, err := object.ParseID(string(root))
	if err != nil {
		return "", fmt.Errorf("the tree names no object: %w", err)
	}
	m := &snapshot.Manifest{
		Source:    snapshot.SourceInfo{Host: host, UserName: source, Path: "/" + path},
		StartTime: fs.UTCTimestampFromTime(begun), EndTime: fs.UTCTimestampFromTime(w.Time()), Tags: tags,
		RootEntry: &snapshot.DirEntry{Name: name, Type: snapshot.EntryTypeDirectory, Permissions: folderMode, ModTime: fs.UTCTimestampFromTime(begun), ObjectID: id, DirSummary: s.library()},
		Stats:     snapshot.Stats{TotalFileSize: s.Bytes, TotalFileCount: int32(min(s.Files, 1<<31-1)), TotalDirectoryCount: int32(min(s.Directories, 1<<31-1))},
	}
	saved, err := snapshot.SaveSnapshot(ctx, w.RepositoryWriter, m)
	return string(saved), w.in.classify(err)
}

// SaveRecord records that a copy is complete.
func (w *writing) SaveRecord(ctx context.Context, data string, rec order.Record, text, facts io.Reader) (Stored, error) {
	rec.Version = order.Version
	raw, err := json.Marshal(kept{rec, data})
	if err != nil {
		return Stored{}, fmt.Errorf("write the record: %w", err)
	}
	root, s, err := w.files(ctx, map[string]io.Reader{recordFile: strings.NewReader(string(raw)), manifestFile: text, factsFile: facts})
	if err != nil {
		return Stored{}, err
	}
	v := order.Volume{PointUID: rec.PointUID, ClaimUID: rec.ClaimUID}
	id, err := w.save(ctx, sourceRecord, rec.ClaimUID, rec.Claim, root, s, rec.CopiedAt, volumeTags(v))
	if err != nil {
		return Stored{}, err
	}
	return Stored{Record: rec, DataID: data, RecordID: id}, w.supersede(ctx, v, data, id)
}

// supersede removes what earlier attempts left of the same copy, so that there is one, and a damaged one is gone once it was
// made anew. It becomes durable together with the new one.
func (w *writing) supersede(ctx context.Context, v order.Volume, keep ...string) error {
	for _, source := range []string{sourceRecord, sourceData} {
		found, err := w.FindManifests(ctx, snapshotLabels(source, volumeTags(v)))
		if err != nil {
			return w.in.classify(err)
		}
		for _, m := range found {
			if slices.Contains(keep, string(m.ID)) {
				continue
			}
			if err := w.DeleteManifest(ctx, m.ID); err != nil {
				return w.in.classify(err)
			}
		}
	}
	return nil
}

// files writes a folder with the given files.
func (w *writing) files(ctx context.Context, all map[string]io.Reader) (ObjectID, Summary, error) {
	var s Summary
	var entries []Entry
	for name, from := range all {
		o := w.NewObject(ctx, true, 0)
		n, err := io.Copy(o, from)
		if err != nil {
			return "", s, fmt.Errorf("write %s: %w", name, err)
		}
		id, err := o.Result()
		if err != nil {
			return "", s, fmt.Errorf("write %s: %w", name, err)
		}
		if err := o.Close(); err != nil {
			return "", s, fmt.Errorf("write %s: %w", name, err)
		}
		s.Files, s.Bytes = s.Files+1, s.Bytes+n
		entries = append(entries, Entry{Name: name, Type: TypeFile, Object: id, Size: n, Mode: fileMode})
	}
	root, err := w.Folder(ctx, entries, s)
	return root, s, err
}

// Forget removes the copies of a point, complete or not, and says how many were complete. The record goes first: without it
// the data are no copy.
func (w *writing) Forget(ctx context.Context, pointUID string) (int, error) {
	if pointUID == "" {
		return 0, fmt.Errorf("no point is named")
	}
	complete := 0
	for _, source := range []string{sourceRecord, sourceData} {
		found, err := w.FindManifests(ctx, snapshotLabels(source, map[string]string{tagPoint: pointUID}))
		if err != nil {
			return complete, w.in.classify(err)
		}
		for _, m := range found {
			if err := w.DeleteManifest(ctx, m.ID); err != nil {
				return complete, w.in.classify(err)
			}
			if source == sourceRecord {
				complete++
			}
		}
	}
	return complete, nil
}

// Note keeps a text by name, in place of what it was before.
func (w *writing) Note(ctx context.Context, name, text string) error {
	label := map[string]string{snapshot.PathLabel: "/" + name}
	before, err := w.FindManifests(ctx, snapshotLabels(sourceNote, label))
	if err != nil {
		return w.in.classify(err)
	}
	file := name[strings.LastIndex(name, "/")+1:]
	root, s, err := w.files(ctx, map[string]io.Reader{file: strings.NewReader(text)})
	if err != nil {
		return err
	}
	if _, err := w.save(ctx, sourceNote, name, file, root, s, w.Time(), nil); err != nil {
		return err
	}
	for _, m := range before {
		if err := w.DeleteManifest(ctx, m.ID); err != nil {
			return w.in.classify(err)
		}
	}
	return nil
}
