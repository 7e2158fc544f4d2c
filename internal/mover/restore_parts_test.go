// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// pieces writes a file of a size with data at some places, and returns how much of it is data.
func pieces(t *testing.T, path string, size int64, p *rand.Rand) (data int64) {
	t.Helper()
	write(t, path, "")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 12 {
		piece := make([]byte, 1+p.IntN(400<<10))
		for i := range piece {
			piece[i] = byte(p.Uint32())
		}
		if _, err := f.WriteAt(piece, p.Int64N(size-int64(len(piece)))); err != nil {
			t.Fatal(err)
		}
		data += int64(len(piece)) + 2*64<<10 // at either end a block that is not all zeros
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return data
}

// More large files than there are readers for come back from their parts, whose ends lie anywhere, with their holes.
func TestLargeFilesComeBackFromTheirParts(t *testing.T) {
	b := newBench(t)
	p := rand.New(rand.NewPCG(20091001, 2))
	most := map[string]int64{}
	for n := range 6 {
		name := fmt.Sprint("large-", n)
		most[name] = pieces(t, filepath.Join(b.root, name), 17<<20+p.Int64N(30<<20), p)
	}
	b.copy("point")
	to, r, err := b.restore("point")
	if err != nil || r.Files != 6 {
		t.Fatalf("%+v, %v", r, err)
	}
	if digestOf(t, to) != digestOf(t, b.root) {
		t.Error("another content came back")
	}
	for name, data := range most {
		info, err := os.Stat(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken > data {
			t.Errorf("%s takes %d bytes, and %d are data", name, taken, data)
		}
	}
}

// What a repository says of parts is not believed.
func TestPartsThatAreWrong(t *testing.T) {
	for what, change := range map[string]func([]repository.Part) []repository.Part{
		"the last is missing": func(all []repository.Part) []repository.Part { return all[:len(all)-1] },
		"one is missing":      func(all []repository.Part) []repository.Part { return slices.Delete(all, 2, 3) },
		"one is empty": func(all []repository.Part) []repository.Part {
			return slices.Insert(all, 2, repository.Part{Object: all[1].Object, At: all[2].At})
		},
		"one is there twice": func(all []repository.Part) []repository.Part { return slices.Insert(all, 2, all[1]) },
		"one is of no end":   func(all []repository.Part) []repository.Part { all[1].Length = 1 << 62; return all },
		"one lies elsewhere": func(all []repository.Part) []repository.Part { all[4].At += 4096; return all },
		"one is nowhere":     func(all []repository.Part) []repository.Part { all[3].Object = "nowhere"; return all },
		"one is another":     func(all []repository.Part) []repository.Part { all[1].Object = all[2].Object; return all },
		"two are the other way": func(all []repository.Part) []repository.Part {
			n := len(all)
			all[n-2].Object, all[n-3].Object = all[n-3].Object, all[n-2].Object
			return all
		},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			pieces(t, filepath.Join(b.root, "large"), 40<<20, rand.New(rand.NewPCG(1, 2)))
			b.copy("point")
			b.store.parts = change
			if _, _, err := b.restore("point"); repository.Reason(err) != result.FailureDamaged {
				t.Errorf("%v", err)
			}
		})
	}
	b := newBench(t)
	pieces(t, filepath.Join(b.root, "large"), 40<<20, rand.New(rand.NewPCG(1, 2)))
	b.copy("point")
	gone := errors.New("the store is gone")
	b.store.fails = func(what string) error {
		if what == "parts" {
			return gone
		}
		return nil
	}
	if _, _, err := b.restore("point"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
