// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/kopia/kopia/repo/blob"
)

const (
	// mostWindow is how much of the packs is held in memory.
	mostWindow = 128 << 20
	// firstWhole is how many parts of a pack are asked for one by one before all of it is.
	firstWhole = 4
	// allPacks and folderPacks begin the names of packs: those with contents of files, and those with folders.
	allPacks    = "pq"
	folderPacks = "q"
)

// window is a store whose packs are fetched whole once several parts of them were asked for. A restore asks for all parts of a pack
// shortly after each other, and a store takes longer to answer than to send.
type window struct {
	blob.Storage
	most  int64
	kinds string // with which the names of the packs begin that are held

	mu    sync.Mutex
	held  int64
	turn  int64
	packs map[blob.ID]*pack
}

// pack is what is known of one.
type pack struct {
	asked  int   // parts that were fetched by themselves since it was last held
	enough int   // so many, until all of it is fetched
	used   int64 // when it last was
	served int64 // bytes of it, while it is held

	fetch *sync.Mutex // held by who fetches it
	data  []byte      // nil while it is not held
}

func newWindow(of blob.Storage, most int64, kinds string) *window {
	return &window{Storage: of, most: most, kinds: kinds, packs: map[blob.ID]*pack{}}
}

// forget lets go all that is held.
func (w *window) forget() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packs, w.held = map[blob.ID]*pack{}, 0
}

// GetBlob reads a blob, or a part of it.
func (w *window) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if length <= 0 || offset < 0 || id == "" || !strings.Contains(w.kinds, string(id[:1])) {
		return w.Storage.GetBlob(ctx, id, offset, length, out)
	}
	data, whole := w.look(id, length)
	if whole {
		data = w.fill(ctx, id)
	}
	if offset+length > int64(len(data)) { // not held, could not be fetched, or is shorter than somebody believes: the store shall say
		return w.Storage.GetBlob(ctx, id, offset, length, out)
	}
	out.Reset()
	_, err := out.Write(data[offset : offset+length])
	return err
}

// look returns what is held of a pack, or whether it is time to fetch it.
func (w *window) look(id blob.ID, length int64) (data []byte, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.packs[id]
	if p == nil {
		p = &pack{enough: firstWhole, fetch: &sync.Mutex{}}
		w.packs[id] = p
	}
	w.turn++
	p.used = w.turn
	if p.data != nil {
		p.served += length
		return p.data, false
	}
	p.asked++
	return nil, p.asked > p.enough
}

// fill fetches a pack. Whoever wants it meanwhile waits.
func (w *window) fill(ctx context.Context, id blob.ID) []byte {
	w.mu.Lock()
	p := w.packs[id]
	w.mu.Unlock()
	if p == nil { // it was let go since
		return nil
	}
	p.fetch.Lock()
	defer p.fetch.Unlock()
	w.mu.Lock()
	data := p.data
	w.mu.Unlock()
	if data != nil {
		return data
	}
	var all whole
	if err := w.Storage.GetBlob(ctx, id, 0, -1, &all); err != nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.packs[id] != p { // all was let go meanwhile
		return all.Bytes()
	}
	p.data, p.asked, p.served = all.Bytes(), 0, 0
	w.held += int64(len(p.data))
	w.shrink(p)
	return p.data
}

// shrink lets packs go that were not used for longest, but the one just fetched. One that served little while it was held is not
// fetched so soon again: what is scattered over many packs must not cost a pack for each part.
func (w *window) shrink(but *pack) {
	for w.held > w.most {
		var oldest *pack
		for _, p := range w.packs {
			if p.data != nil && p != but && (oldest == nil || p.used < oldest.used) {
				oldest = p
			}
		}
		if oldest == nil {
			return
		}
		if oldest.served < int64(len(oldest.data))/4 {
			oldest.enough *= 8
		}
		w.held -= int64(len(oldest.data))
		oldest.data = nil
	}
}

// whole is a buffer for a blob.
type whole struct{ bytes.Buffer }

// Length is how much is in it.
func (w *whole) Length() int { return w.Len() }
