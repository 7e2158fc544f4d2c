// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// memory is a store that forgets: contents by their hash, folders, data and records.
type memory struct {
	mu      sync.Mutex
	objects map[repository.ObjectID][]byte
	folders map[repository.ObjectID][]repository.Entry
	data    map[string]repository.ObjectID
	records map[string]kept
	created int // objects that were written, known or not
	opened  int
	flushed int
	parts   func([]repository.Part) []repository.Part // changes what objects are put together from
	fails   func(what string) error                   // called before each kind of write
}

type kept struct {
	repository.Stored
	manifest, facts []byte
}

func newMemory() *memory {
	return &memory{
		objects: map[repository.ObjectID][]byte{}, folders: map[repository.ObjectID][]repository.Entry{}, data: map[string]repository.ObjectID{},
		records: map[string]kept{}, fails: func(string) error { return nil },
		parts: func(all []repository.Part) []repository.Part { return all },
	}
}

func (m *memory) open(context.Context) (repository.Repository, error) {
	m.opened++
	return m, m.fails("open")
}

// check is what a repository does for itself: all that a folder needs is there.
func (m *memory) check(ctx context.Context, _ repository.Repository, folder repository.ObjectID) error {
	if err := m.fails("check"); err != nil {
		return err
	}
	entries, err := m.Entries(ctx, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type == repository.TypeDirectory {
			if err := m.check(ctx, m, e.Object); err != nil {
				return err
			}
		} else if _, err := m.Object(ctx, e.Object); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) UniqueID() string { return "memory" }

func (m *memory) Copies(_ context.Context, of order.Volume) ([]repository.Stored, error) {
	if err := m.fails("copies"); err != nil {
		return nil, err
	}
	var all []repository.Stored
	for _, id := range slices.Sorted(maps.Keys(m.records)) {
		s := m.records[id].Stored
		if (of.PointUID == "" || of.PointUID == s.PointUID) && (of.ClaimUID == "" || of.ClaimUID == s.ClaimUID) {
			all = append(all, s)
		}
	}
	return all, nil
}

func (m *memory) Manifest(_ context.Context, c repository.Stored) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.records[c.RecordID].manifest)), nil
}

func (m *memory) Facts(_ context.Context, c repository.Stored) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.records[c.RecordID].facts)), nil
}

func (m *memory) Tree(_ context.Context, c repository.Stored) (repository.ObjectID, error) {
	return m.data[c.DataID], nil
}

func (m *memory) Beside(_ context.Context, c repository.Stored) (repository.ObjectID, error) {
	id := repository.ObjectID("beside-" + c.RecordID)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, is := m.records[c.RecordID]; is {
		m.folders[id] = nil
	}
	return id, nil
}

func (m *memory) Entries(_ context.Context, folder repository.ObjectID) ([]repository.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries, is := m.folders[folder]
	if !is {
		return nil, &repository.Failure{Reason: result.FailureDamaged, Err: fmt.Errorf("there is no folder %q", folder)}
	}
	return entries, nil
}

type object struct {
	*bytes.Reader
}

func (object) Close() error    { return nil }
func (o object) Length() int64 { return o.Size() }

func (m *memory) Object(_ context.Context, id repository.ObjectID) (repository.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, is := m.objects[id]
	if !is {
		return nil, &repository.Failure{Reason: result.FailureDamaged, Err: fmt.Errorf("there is no object %q", id)}
	}
	return object{bytes.NewReader(content)}, nil
}

// Parts are of many lengths, none of them round.
func (m *memory) Parts(_ context.Context, id repository.ObjectID) (all []repository.Part, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	whole := m.objects[id]
	for at, length := 0, 1; at < len(whole); at += length {
		length = min(2*length+4095, 1<<22, len(whole)-at)
		part := repository.ObjectID(fmt.Sprintf("%s from %d", id, at))
		m.objects[part] = whole[at : at+length]
		all = append(all, repository.Part{Object: part, At: int64(at), Length: int64(length)})
	}
	return m.parts(all), m.fails("parts")
}

func (m *memory) Write(ctx context.Context, _ string, f func(context.Context, repository.Writer) error) error {
	return f(ctx, m)
}

func (m *memory) Afresh(ctx context.Context) (repository.Repository, error) { return m.open(ctx) }

func (m *memory) Close(context.Context) error { return nil }

type objectWriter struct {
	bytes.Buffer
	in *memory
}

func (w *objectWriter) Write(p []byte) (int, error) {
	if err := w.in.fails("object"); err != nil {
		return 0, err
	}
	return w.Buffer.Write(p)
}

func (w *objectWriter) Result() (repository.ObjectID, error) {
	w.in.mu.Lock()
	defer w.in.mu.Unlock()
	id := repository.ObjectID(fmt.Sprintf("%x", sha256.Sum256(w.Bytes())))
	w.in.created++
	w.in.objects[id] = bytes.Clone(w.Bytes())
	return id, nil
}

func (w *objectWriter) Close() error { return nil }

func (m *memory) NewObject(context.Context, bool, int) repository.ObjectWriter {
	return &objectWriter{in: m}
}

func (m *memory) Folder(_ context.Context, entries []repository.Entry, _ repository.Summary) (repository.ObjectID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := repository.ObjectID(fmt.Sprintf("k%x", sha256.Sum256(fmt.Append(nil, entries))))
	m.folders[id] = slices.Clone(entries)
	return id, m.fails("folder")
}

func (m *memory) Flush(context.Context) error {
	m.flushed++
	return m.fails("flush")
}

func (m *memory) SaveData(_ context.Context, _ order.Volume, _ string, root repository.ObjectID, _ repository.Summary, _ time.Time) (string, error) {
	id := fmt.Sprintf("data-%d", len(m.data))
	m.data[id] = root
	return id, m.fails("data")
}

func (m *memory) SaveRecord(_ context.Context, data string, r order.Record, manifest, facts io.Reader) (repository.Stored, error) {
	k := kept{Stored: repository.Stored{Record: r, DataID: data, RecordID: "record-" + data}}
	var failed [2]error
	k.manifest, failed[0] = io.ReadAll(manifest)
	k.facts, failed[1] = io.ReadAll(facts)
	if err := errors.Join(failed[0], failed[1], m.fails("record")); err != nil {
		return repository.Stored{}, err
	}
	if m.fails("swallowed") == nil { // otherwise it says that it took it, and did not
		maps.DeleteFunc(m.records, func(_ string, was kept) bool { return was.PointUID == r.PointUID && was.ClaimUID == r.ClaimUID })
		m.records[k.RecordID] = k
	}
	return k.Stored, nil
}

func (m *memory) Forget(context.Context, string) (int, error) { return 0, nil }
func (m *memory) Note(context.Context, string, string) error  { return nil }
func (m *memory) Written() int64                              { return int64(len(m.objects)) }
