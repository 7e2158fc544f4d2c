// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"os"
	"testing"
	"time"
)

// folders is a disk of plain directories: what btrfs does, without root and without sharing.
type folders struct {
	limits map[string]int64
	// The change with this number goes wrong, in this way. Zero: none does.
	bad int
	how mishap
}

// mishap is a way in which a change can go wrong.
type mishap string

const (
	fails        mishap = "fails"
	killedBefore mishap = "process killed before it"
	killedAfter  mishap = "process killed after it"
)

// killed is what a change panics with in place of a SIGKILL: nothing after it is run.
type killed struct{}

var errBroken = errors.New("broken on purpose")

func newFolders() *folders { return &folders{limits: map[string]int64{}} }

func (f *folders) change(act func() error) error {
	f.bad--
	if f.bad != 0 {
		return act()
	}
	if f.how == fails {
		return errBroken
	}
	if f.how == killedAfter {
		_ = act()
	}
	panic(killed{})
}

func (f *folders) Create(path string) error {
	return f.change(func() error { return os.Mkdir(path, 0o755) })
}

func (f *folders) Snapshot(src, dst string, _ Access) error {
	return f.change(func() error {
		// A snapshot never merges into what is there.
		if err := os.Mkdir(dst, 0o755); err != nil {
			return err
		}
		return os.CopyFS(dst, os.DirFS(src))
	})
}

func (f *folders) Delete(path string) error {
	return f.change(func() error { return os.RemoveAll(path) })
}

func (f *folders) Limit(path string, bytes int64) error {
	return f.change(func() error { f.limits[path] = bytes; return nil })
}

func (f *folders) SetAccess(string, Access) error {
	return f.change(func() error { return nil })
}

func (f *folders) Used(string) (int64, error) { return 0, nil }

func (f *folders) Space() (total, free int64, err error) { return 100 << 30, 50 << 30, nil }

// ticking is a clock that moves on by a second each time it is read.
func ticking() func() time.Time {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func open(t *testing.T, root string, disk Disk) *Array {
	t.Helper()
	array, err := Open(root, disk, ticking())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = array.Close() })
	return array
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func wantRefusal(t *testing.T, err error, reason Reason) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Reason != reason {
		t.Fatalf("error %v, want a refusal with reason %s", err, reason)
	}
}
