// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// odd are names that somebody has certainly given to a file.
var odd = []string{
	"a", "a!", "a.b", "with space", "new\nline", "\xff\xfe", "\xff\xfd", "st*r", `back\`, `\134`, "#hash", "-dash", "ünï", "..x", "...", ".kopiaignore", "CACHEDIR.TAG",
	"lost+found", "\x01", "block", "\ufffd", strings.Repeat("long", 63),
}

// planting makes a tree that holds all that a file system can hold, the same for the same seed.
type planting struct {
	*rand.Rand
	files []string
	dirs  []string
}

func plant(t *testing.T, root string, seed uint64, entries int) {
	t.Helper()
	p := &planting{Rand: rand.New(rand.NewPCG(seed, 1)), dirs: []string{root}}
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for range entries {
		in := p.dirs[p.IntN(len(p.dirs))]
		path := filepath.Join(in, odd[p.IntN(len(odd))])
		if _, err := os.Lstat(path); err == nil || path == filepath.Join(root, "lost+found") {
			continue
		}
		if err := p.node(path); err != nil {
			t.Fatalf("plant %q: %v", path, err)
		}
	}
	for i := len(p.dirs) - 1; i >= 0; i-- {
		if err := errors.Join(unix.Chmod(p.dirs[i], p.mode()), p.time(p.dirs[i])); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *planting) mode() uint32 {
	return []uint32{0o700, 0o644, 0o755, 0o4711, 0o1777, 0o2775, 0o000, 0o6755}[p.IntN(8)]
}

func (p *planting) time(path string) error {
	at := unix.NsecToTimespec([]int64{0, 1, 999_999_999, 1_700_000_000_123_456_789, -1_500_000_001}[p.IntN(5)])
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

func (p *planting) node(path string) (err error) {
	kind := p.IntN(20)
	switch {
	case kind < 5:
		p.dirs = append(p.dirs, path)
		err = os.Mkdir(path, 0o700)
	case kind < 7 && len(p.files) > 0:
		return os.Link(p.files[p.IntN(len(p.files))], path)
	case kind == 8:
		err = os.Symlink([]string{"a", "/etc/passwd", "..", "to space", `ends in\`, "\xff"}[p.IntN(6)], path)
		return errors.Join(err, unix.Lchown(path, p.IntN(3)*1000, p.IntN(3)*1000), p.time(path))
	case kind == 9:
		err = unix.Mknod(path, unix.S_IFIFO|0o600, 0)
	case kind == 10:
		err = unix.Mknod(path, unix.S_IFSOCK|0o600, 0)
	case kind == 11:
		err = unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	default:
		p.files = append(p.files, path)
		err = p.file(path)
	}
	if err == nil && (kind < 5 || kind > 11) && p.IntN(3) == 0 {
		err = unix.Setxattr(path, []string{"user.a", "user.ü", "user.eq=", "security.capability"}[p.IntN(4)], capability, 0)
	}
	return errors.Join(err, unix.Chown(path, p.IntN(3)*1000, p.IntN(3)*1000), unix.Chmod(path, p.mode()), p.time(path))
}

// capability is one that the kernel takes for a file's; other attributes may hold anything.
var capability = []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

func (p *planting) file(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size := []int64{0, 1, 60, 4096, 64 << 10, 64<<10 + 1, 300 << 10, 5 << 20}[p.IntN(8)]
	if err := f.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; at += 32 << 10 {
		if p.IntN(3) == 0 && size > 64<<10 {
			at += p.Int64N(200 << 10) // a hole
		}
		if at >= size {
			break
		}
		data := make([]byte, min(32<<10, size-at))
		for i := range data {
			data[i] = byte(p.Uint32())
		}
		if _, err := f.WriteAt(data, at); err != nil {
			return err
		}
	}
	return nil
}

// needsRoot skips a test of what only root may do.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, who alone may give files away and make devices")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func seeds(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

func named(seed uint64) string { return fmt.Sprint("seed ", seed) }
