// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"
)

// memory is a store in memory: disks that must write what they say they wrote are slow.
type memory struct {
	blob.DefaultProviderImplementation

	mutex sync.Mutex
	blobs map[blob.ID][]byte
	times map[blob.ID]time.Time
	// locked is for how long locks were renewed.
	locked map[blob.ID]time.Duration
	ahead  time.Duration // of the store's clock
	// put is how blobs were locked when they were written.
	put map[blob.ID]blob.RetentionMode
}

func newMemory() *memory {
	return &memory{blobs: map[blob.ID][]byte{}, times: map[blob.ID]time.Time{}, locked: map[blob.ID]time.Duration{}, put: map[blob.ID]blob.RetentionMode{}}
}

// clone is a store of its own with the same blobs.
func (m *memory) clone() *memory {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return &memory{blobs: maps.Clone(m.blobs), times: maps.Clone(m.times), locked: maps.Clone(m.locked), put: maps.Clone(m.put)}
}

// named are the blobs whose name begins so, sorted.
func (m *memory) named(prefix blob.ID) []blob.ID {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var out []blob.ID
	for id := range m.blobs {
		if strings.HasPrefix(string(id), string(prefix)) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (m *memory) GetBlob(_ context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	m.mutex.Lock()
	data, is := m.blobs[id]
	m.mutex.Unlock()
	out.Reset()
	switch {
	case !is:
		return blob.ErrBlobNotFound
	case length < 0:
	case offset < 0 || offset+length > int64(len(data)):
		return blob.ErrInvalidRange
	default:
		data = data[offset : offset+length]
	}
	_, err := out.Write(data)
	return err
}

func (m *memory) GetMetadata(_ context.Context, id blob.ID) (blob.Metadata, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	data, is := m.blobs[id]
	if !is {
		return blob.Metadata{}, blob.ErrBlobNotFound
	}
	return blob.Metadata{BlobID: id, Length: int64(len(data)), Timestamp: m.times[id]}, nil
}

func (m *memory) ListBlobs(ctx context.Context, prefix blob.ID, each func(blob.Metadata) error) error {
	for _, id := range m.named(prefix) {
		found, err := m.GetMetadata(ctx, id)
		if err != nil {
			continue // it was deleted in between
		}
		if err := each(found); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) PutBlob(_ context.Context, id blob.ID, data blob.Bytes, o blob.PutOptions) error {
	var whole bytes.Buffer
	if _, err := data.WriteTo(&whole); err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.blobs[id], m.times[id], m.put[id] = whole.Bytes(), time.Now().Add(m.ahead), o.RetentionMode
	if o.GetModTime != nil {
		*o.GetModTime = m.times[id]
	}
	return nil
}

func (m *memory) DeleteBlob(_ context.Context, id blob.ID) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.blobs, id)
	return nil
}

func (m *memory) ExtendBlobRetention(_ context.Context, id blob.ID, o blob.ExtendOptions) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.locked[id] = o.RetentionPeriod
	return nil
}

func (m *memory) ConnectionInfo() blob.ConnectionInfo { return blob.ConnectionInfo{Type: "memory"} }

func (m *memory) DisplayName() string { return "memory" }

// locked has what is written be locked for two days.
func locked(o *Options) { o.Location.LockMode, o.Location.LockPeriod = "Governance", 48*time.Hour }

// inMemory is a new repository in memory, and how to open it.
func inMemory(t *testing.T, mods ...func(*Options)) (*memory, Options) {
	t.Helper()
	m, o := newMemory(), Options{Secrets: Secrets{Password: "secret-password"}, ConfigDir: t.TempDir(), uncached: true}
	for _, mod := range mods {
		mod(&o)
	}
	r, _, err := createIn(t.Context(), m, o, "user-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, o
}

// withMemory does something with a repository in memory.
func withMemory(t *testing.T, m blob.Storage, o Options, f func(ctx context.Context, r *opened)) {
	t.Helper()
	r, err := openIn(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	f(t.Context(), r)
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
