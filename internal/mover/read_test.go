// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// volume is a mounted volume with one file.
func volume(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "data")
	if err := errors.Join(os.Mkdir(root, 0o755), os.WriteFile(filepath.Join(root, "hello"), []byte("hello"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return root
}

// ticking is a clock that goes on by 1.5 seconds whenever it is asked.
func ticking() func() time.Time {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(1500 * time.Millisecond)
		return now
	}
}

func TestRead(t *testing.T) {
	root, manifests := volume(t), t.TempDir()
	device := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(device, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := mover.Read(context.Background(), []mover.Volume{{Name: "data", Path: root}, {Name: "raw", Path: device, Block: true}},
		mover.ReadOptions{Folder: manifests, Now: ticking()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(manifests, "data.mtree"))
	if err != nil {
		t.Fatal(err)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	want := result.Result{Volumes: []result.Volume{
		{Name: "data", Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Files: 1, Bytes: 5, Seconds: 1.5},
		{Name: "raw", Digest: "sha256:" + hello, Bytes: 5, Seconds: 1.5},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if line, err := os.ReadFile(filepath.Join(manifests, "raw.sha256")); err != nil || string(line) != hello+"  -\n" {
		t.Errorf("%q, %v", line, err)
	}
	if !strings.Contains(string(text), "\n./hello type=file") {
		t.Errorf("%s", text)
	}
}

// The result never names a file, and one volume that cannot be read does not hide the others.
func TestReadGoesOn(t *testing.T) {
	root, manifests := volume(t), t.TempDir()
	for _, bad := range []mover.Volume{
		{Name: "bad", Path: filepath.Join(root, "hello")},
		{Name: "bad", Path: filepath.Join(root, "missing")},
		{Name: "bad", Path: "/proc/sys/kernel/random"}, // its files have content and no size
		{Name: "bad", Path: filepath.Join(root, "missing"), Block: true},
	} {
		r, err := mover.Read(context.Background(), []mover.Volume{bad, {Name: "good", Path: root}}, mover.ReadOptions{Folder: manifests, Now: time.Now})
		if err == nil || len(r.Volumes) != 2 || r.Volumes[0].Digest != "" || r.Volumes[1].Digest == "" {
			t.Errorf("%s: %+v, %v", bad.Path, r, err)
		}
		raw, encoding := result.Encode(r)
		if encoding != nil {
			t.Fatal(encoding)
		}
		for _, secret := range []string{"hello", "missing", "boot_id", root, "random"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s: %q is told: %s", bad.Path, secret, raw)
			}
		}
		if !strings.HasPrefix(r.Error, "volume bad: ") {
			t.Errorf("%s: %q", bad.Path, r.Error)
		}
	}
	if left, err := filepath.Glob(filepath.Join(manifests, "*bad*")); err != nil || len(left) > 0 {
		t.Errorf("parts of manifests stayed: %v, %v", left, err)
	}
}

func TestReadIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("terminated"))
	r, err := mover.Read(ctx, []mover.Volume{{Name: "data", Path: volume(t)}}, mover.ReadOptions{Now: time.Now})
	if err == nil || r.Error != "volume data: interrupted" || r.Volumes[0].Digest != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWriteWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	say := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, _ = io.WriteString(w, s)
			return err
		}
	}
	failed := errors.New("failed")
	for _, tc := range []struct {
		say  string
		err  error
		want string
	}{{"half", failed, ""}, {"one", nil, "one"}, {"half", failed, "one"}, {"two", nil, "two"}} {
		if err := mover.WriteWhole(path, say(tc.say, tc.err)); !errors.Is(err, tc.err) {
			t.Error(err)
		}
		if got, _ := os.ReadFile(path); string(got) != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestProgressIsCounted(t *testing.T) {
	p := &manifest.Progress{}
	if _, err := mover.Read(context.Background(), []mover.Volume{{Name: "data", Path: volume(t)}},
		mover.ReadOptions{Options: manifest.Options{Progress: p}, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if p.Entries.Load() != 2 || p.Bytes.Load() != 5 {
		t.Errorf("%d entries, %d bytes", p.Entries.Load(), p.Bytes.Load())
	}
}
