// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// errFound ends a walk.
var errFound = errors.New("found")

// Lose makes a snapshot vanish as if the storage had lost it: also out of its group.
func (a *Array) Lose(id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	snapshot, exists := a.findSnapshot(id)
	if !exists {
		return refuse(NotFound, "no snapshot %s", id)
	}
	return a.discard(snapshot)
}

// Flip inverts the middle byte of one regular file in a snapshot: silently, so that neither
// size nor times of the file tell. Without a path it takes the first file that has bytes.
// It gives back what it damaged.
func (a *Array) Flip(id, path string) (damaged string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, exists := a.findSnapshot(id); !exists {
		return "", refuse(NotFound, "no snapshot %s", id)
	}
	dir := a.snapshotPath(id)
	// The links of a snapshot may lead out of it; a root refuses to follow them.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	if path == "" {
		if path, err = firstFile(root.FS()); err != nil {
			return "", fmt.Errorf("snapshot %s: %w", id, err)
		}
	}
	// A snapshot of a full volume is as full as the volume: the changed block needs room.
	if err := errors.Join(a.disk.Limit(dir, Unlimited), a.disk.SetAccess(dir, Writable)); err != nil {
		return "", err
	}
	offset, err := invert(root, path)
	if err := errors.Join(err, a.disk.SetAccess(dir, ReadOnly)); err != nil {
		return "", err
	}
	return fmt.Sprintf("byte %d of %s", offset, path), nil
}

// firstFile is the first regular file with bytes, in the order of paths.
func firstFile(tree fs.FS) (string, error) {
	var first string
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Size() == 0 {
			return err
		}
		first = path
		return errFound
	})
	if errors.Is(err, errFound) {
		return first, nil
	}
	return "", errors.Join(err, errors.New("no regular file has any byte"))
}

// invert inverts the middle byte of a file and gives its times back.
func invert(root *os.Root, path string) (offset int64, err error) {
	file, err := root.OpenFile(filepath.Clean(path), os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return 0, fmt.Errorf("%s is not a regular file with bytes", path)
	}
	offset = info.Size() / 2
	octet := make([]byte, 1)
	if _, err := file.ReadAt(octet, offset); err != nil {
		return 0, err
	}
	octet[0] = ^octet[0]
	if _, err := file.WriteAt(octet, offset); err != nil {
		return 0, err
	}
	// A zero time of access stays as it is.
	return offset, errors.Join(file.Sync(), root.Chtimes(filepath.Clean(path), time.Time{}, info.ModTime()))
}
