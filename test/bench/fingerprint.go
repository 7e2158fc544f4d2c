// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
)

// fingerprint measures how fast volumes are fingerprinted, of many small files and of a few large ones, both in the page
// cache. The floor reads and hashes the same files with as many workers, and neither looks at anything else nor keeps
// what it finds.
func (b *bench) fingerprint(ctx context.Context, dir string) error {
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	progress("writing %d files of 4 KiB and %d of %d MiB", b.files, largeFiles, b.large)
	if err := errors.Join(writeFiles(small, b.files, 4<<10), writeFiles(large, largeFiles, int64(b.large)<<20)); err != nil {
		return err
	}
	syscall.Sync()
	if err := b.fingerprintOf(ctx, fmt.Sprintf("%d files of 4 KiB", b.files), small); err != nil {
		return err
	}
	return b.fingerprintOf(ctx, fmt.Sprintf("%d files of %d MiB", largeFiles, b.large), large)
}

const largeFiles = 4

// writeFiles writes so many files, a thousand in each folder.
func writeFiles(root string, count int, size int64) error {
	content := make([]byte, min(size, 1<<20))
	for n := range count {
		folder := filepath.Join(root, fmt.Sprintf("%03d", n/1000))
		if n%1000 == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("file-%06d", n)))
		if err != nil {
			return err
		}
		for i := range content {
			content[i] = byte(i*7 + i>>8 + n)
		}
		for written := int64(0); written < size && err == nil; written += int64(len(content)) {
			_, err = f.Write(content)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// fingerprintOf measures both in turns, after a round that warms up.
func (b *bench) fingerprintOf(ctx context.Context, what, root string) error {
	workers := 2 * runtime.NumCPU()
	ours := func() error {
		_, err := manifest.Make(ctx, root, nil, manifest.Options{Workers: workers})
		return err
	}
	floor := func() error { return readAndHash(root, workers) }
	var times, processor [2][]float64
	for round := range b.walks + 1 {
		for turn := range 2 {
			which := (round + turn) % 2
			runtime.GC()
			begun, spent := time.Now(), processorTime()
			if err := []func() error{floor, ours}[which](); err != nil {
				return err
			}
			if round > 0 {
				times[which] = append(times[which], time.Since(begun).Seconds())
				processor[which] = append(processor[which], (processorTime() - spent).Seconds())
			}
		}
		if round > 0 {
			progress("%s: %.2f s, floor %.2f s", what, times[1][round-1], times[0][round-1])
		}
	}
	b.report.add(row{ID: "P7", What: "fingerprint, " + what, Value: median(times[1]), Floor: median(times[0]), Unit: "s", Goal: 1.15})
	b.report.add(row{ID: "P7", What: "processor time of it", Value: median(processor[1]), Floor: median(processor[0]), Unit: "s"})
	return nil
}

// readAndHash is the floor.
func readAndHash(root string, workers int) error {
	paths := make(chan string, 1024)
	failed := make(chan error, 1) // the first
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			buffer, h := make([]byte, 256<<10), sha256.New()
			var sum [sha256.Size]byte
			for path := range paths {
				f, err := os.Open(path)
				h.Reset()
				for n := 0; err == nil; {
					n, err = f.Read(buffer)
					h.Write(buffer[:n])
				}
				h.Sum(sum[:0])
				f.Close()
				if err != io.EOF {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths <- path
		}
		return err
	})
	close(paths)
	group.Wait()
	close(failed)
	return errors.Join(err, <-failed)
}
