// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Array is the storage system. One lock orders all its acts: they are short, and a
// group snapshot must see no other act between its members.
type Array struct {
	root string
	disk Disk
	now  func() time.Time
	held *os.File

	mu        sync.Mutex
	volumes   map[string]Volume
	snapshots map[string]Snapshot // those outside of groups
	groups    map[string]Group
}

// Open takes possession of root, reads its records and sweeps what a killed predecessor left.
func Open(root string, disk Disk, now func() time.Time) (*Array, error) {
	a := &Array{root: root, disk: disk, now: now}
	for _, dir := range []string{a.volumeRecords(), a.snapshotRecords(), a.groupRecords(), a.volumeDir(), a.snapshotDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if a.held, err = possess(filepath.Join(root, "lock")); err != nil {
		return nil, err
	}
	if err := errors.Join(a.load(), a.sweep()); err != nil {
		return nil, errors.Join(err, a.held.Close())
	}
	return a, nil
}

// Close gives root free for another process.
func (a *Array) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held.Close()
}

// Two processes on one root would overwrite each other's records; the kernel drops the lock of a killed one.
func possess(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is held by another driver: stop it first: %w", path, err), file.Close())
	}
	return file, nil
}

func (a *Array) load() error {
	var volumes, snapshots, groups error
	a.volumes, volumes = load[Volume](a.volumeRecords())
	a.snapshots, snapshots = load[Snapshot](a.snapshotRecords())
	a.groups, groups = load[Group](a.groupRecords())
	return errors.Join(volumes, snapshots, groups)
}

// sweep deletes the subvolumes that no record knows.
func (a *Array) sweep() error {
	return errors.Join(
		a.sweepDir(a.volumeDir(), func(id string) bool { _, known := a.volumes[id]; return known }),
		a.sweepDir(a.snapshotDir(), func(id string) bool { _, known := a.findSnapshot(id); return known }),
	)
}

func (a *Array) sweepDir(dir string, known func(id string) bool) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if !known(entry.Name()) {
			err = errors.Join(err, a.disk.Delete(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}

// clear makes place for a new subvolume: an attempt that failed half-way may have left one.
func (a *Array) clear(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return a.disk.Delete(path)
}

// Space is what the whole system can hold and what is still free, in bytes.
func (a *Array) Space() (total, free int64, err error) { return a.disk.Space() }

func (a *Array) volumeDir() string       { return filepath.Join(a.root, "volumes") }
func (a *Array) snapshotDir() string     { return filepath.Join(a.root, "snapshots") }
func (a *Array) volumeRecords() string   { return filepath.Join(a.root, "records", "volumes") }
func (a *Array) snapshotRecords() string { return filepath.Join(a.root, "records", "snapshots") }
func (a *Array) groupRecords() string    { return filepath.Join(a.root, "records", "groups") }

func (a *Array) volumePath(id string) string   { return filepath.Join(a.volumeDir(), id) }
func (a *Array) snapshotPath(id string) string { return filepath.Join(a.snapshotDir(), id) }
