// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/format"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// begunCopy is a repository into which data were written by who has it open still.
func begunCopy(t *testing.T, m *memory, o Options) (*opened, data) {
	t.Helper()
	r, err := openIn(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(context.WithoutCancel(t.Context())) })
	var d data
	err = r.Write(t.Context(), "data", func(ctx context.Context, w Writer) (err error) {
		d, err = putData(ctx, w, firstVolume, someFiles)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, d
}

// Whatever the store lost since, who wrote it does not know, and who opens the repository afresh does.
func TestAfreshKnowsOnlyWhatIsThere(t *testing.T) {
	pristine, made := inMemory(t)
	secrets := made.Secrets
	for _, lost := range []string{"p", "q", "x"} {
		for held, o := range map[string]Options{
			"nowhere":   {uncached: true},
			"in memory": {},
			"on disk":   {index: 1},
			"in bulk":   {Bulk: true},
		} {
			m := pristine.clone()
			o.Secrets, o.ConfigDir, o.CacheDir = secrets, t.TempDir(), t.TempDir()
			before := m.named("")
			r, d := begunCopy(t, m, o)
			for range 2 * firstWhole {
				if err := Check(t.Context(), r, d.root); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range m.named(blob.ID(lost)) {
				if !slices.Contains(before, id) {
					_ = m.DeleteBlob(t.Context(), id)
				}
			}
			a, err := r.Afresh(t.Context())
			if err == nil {
				err = Check(t.Context(), a, d.root)
				if _, reading := a.Entries(t.Context(), d.root); lost == "q" && Reason(reading) != result.FailureDamaged {
					t.Errorf("a folder that is gone is read, held %s: %v", held, reading)
				}
				_ = a.Close(t.Context())
			}
			if Reason(err) != result.FailureDamaged {
				t.Errorf("blobs of kind %s are gone, held %s, and it says %v", lost, held, err)
			}
		}
	}
}

// The key is derived anew when what it is derived from is not what it was.
func TestAfreshOpensNoOtherRepository(t *testing.T) {
	other, _ := inMemory(t)
	m, o := inMemory(t)
	r, _ := begunCopy(t, m, o)
	here := m.clone().blobs
	for want, change := range map[string]func(){
		result.FailureOther:   func() { m.blobs = other.clone().blobs },
		result.FailureMissing: func() { delete(m.blobs, format.KopiaRepositoryBlobID) },
		result.FailurePassword: func() {
			m.blobs[format.KopiaRepositoryBlobID] = bytes.Replace(here[format.KopiaRepositoryBlobID], []byte(`"uniqueID": "`), []byte(`"uniqueID": "AAAA`), 1)
		},
	} {
		m.blobs = maps.Clone(here)
		change()
		if a, err := r.Afresh(t.Context()); err == nil || Reason(err) != want {
			t.Errorf("opened: %t, %v, want %s", a != nil, err, want)
		}
	}
	m.blobs = here
	a, err := r.Afresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A record that is written afresh is there for all, and is locked as all else: it goes by way of the library's own view of the store.
func TestAfreshWritesAsTheLibraryDoes(t *testing.T) {
	m, o := newMemory(), Options{Location: order.Repository{LockMode: "Compliance", LockPeriod: 48 * time.Hour}, Secrets: Secrets{Password: "secret-password"}, ConfigDir: t.TempDir(), uncached: true}
	made, _, err := createIn(t.Context(), m, o, "user-1")
	if err := errors.Join(err, made.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	r, d := begunCopy(t, m, o)
	before := m.named("")
	if err := recordAfresh(t.Context(), r, firstVolume, d); err != nil {
		t.Fatal(err)
	}
	locked := 0
	for _, id := range m.named("") {
		if !slices.Contains(before, id) && strings.Contains("pqx", string(id[0])) {
			if locked++; m.put[id] != blob.Compliance {
				t.Errorf("%s is not locked", id)
			}
		}
	}
	if locked < 3 {
		t.Errorf("%d blobs were written", locked)
	}
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if got, err := get(ctx, r, firstVolume); err != nil || len(got) != len(someFiles) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
