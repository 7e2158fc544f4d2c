// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kopia/kopia/repo/blob"
)

// counted is a store that counts what it is asked for.
type counted struct {
	blob.Storage
	mu     sync.Mutex
	blobs  map[blob.ID][]byte
	parts  int
	wholes int
}

func (c *counted) GetBlob(_ context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, is := c.blobs[id]
	if !is {
		return blob.ErrBlobNotFound
	}
	if length < 0 {
		c.wholes++
	} else {
		c.parts++
		if offset+length > int64(len(data)) {
			return blob.ErrInvalidRange
		}
		data = data[offset : offset+length]
	}
	out.Reset()
	_, err := out.Write(data)
	return err
}

func newCounted(packs, size int) *counted {
	c := &counted{blobs: map[blob.ID][]byte{}}
	random := rand.New(rand.NewPCG(1, 1))
	for n := range packs {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		c.blobs[blob.ID(fmt.Sprint("p", n))] = data
	}
	return c
}

func TestPacksAreFetchedWhole(t *testing.T) {
	const size, part = 1 << 16, 1 << 10
	store := newCounted(8, size)
	w := newWindow(store, 3*size, "p")
	var group sync.WaitGroup
	for n := range 8 {
		id := blob.ID(fmt.Sprint("p", n))
		for at := int64(0); at < size; at += part {
			group.Go(func() {
				var out whole
				if err := w.GetBlob(context.Background(), id, at, part, &out); err != nil || !bytes.Equal(out.Bytes(), store.blobs[id][at:at+part]) {
					t.Errorf("%s at %d: %v", id, at, err)
				}
			})
		}
		group.Wait()
		if w.held > w.most {
			t.Errorf("%d bytes are held, and %d are allowed", w.held, w.most)
		}
	}
	if store.wholes != 8 || store.parts != 8*firstWhole {
		t.Errorf("%d packs were fetched whole, and %d parts", store.wholes, store.parts)
	}
}

// A few parts of many packs are not worth fetching all of each of them again and again.
func TestScatteredPartsAreFetchedAsParts(t *testing.T) {
	const size, packs, rounds = 1 << 16, 40, 100
	store := newCounted(packs, size)
	w := newWindow(store, 3*size, "p")
	for range rounds {
		for n := range packs {
			var out whole
			if err := w.GetBlob(context.Background(), blob.ID(fmt.Sprint("p", n)), 0, 64, &out); err != nil {
				t.Fatal(err)
			}
		}
	}
	if store.wholes > 2*packs+packs/2 {
		t.Errorf("%d packs were fetched for %d parts", store.wholes, packs*rounds)
	}
}

func TestAWindowHidesNoError(t *testing.T) {
	store := newCounted(1, 100)
	w := newWindow(store, 1000, "p")
	for range 10 {
		if err := w.GetBlob(context.Background(), "p0", 90, 20, &whole{}); !errors.Is(err, blob.ErrInvalidRange) {
			t.Errorf("beyond the end: %v", err)
		}
		if err := w.GetBlob(context.Background(), "p1", 0, 20, &whole{}); !errors.Is(err, blob.ErrBlobNotFound) {
			t.Errorf("a pack that is gone: %v", err)
		}
	}
	var out whole
	if err := w.GetBlob(context.Background(), "p0", 0, -1, &out); err != nil || out.Length() != 100 {
		t.Errorf("%d bytes, %v", out.Length(), err)
	}
}
