// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// hostile is a copy that somebody has made by hand.
type hostile struct {
	manifest []string // lines
	entries  map[string][]repository.Entry
}

const (
	headOf    = "#mtree v2.0\n# Lifeboat manifest, version 1\n"
	ofRoot    = ". type=dir uid=0 gid=0 mode=0755"
	ofFile    = " type=file uid=0 gid=0 mode=0644 size=5 time=1.000000000 sha256digest=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	ofDir     = " type=dir uid=0 gid=0 mode=0755 time=1.000000000"
	ofLink    = " type=link uid=0 gid=0 mode=0777 link=/tmp time=1.000000000"
	endOf     = "#end files=1 directories=0 others=0 bytes=5\n"
	helloName = "hello"
)

func file(name string) repository.Entry {
	return repository.Entry{Name: name, Type: repository.TypeFile, Object: helloName, Size: 5}
}

func folder(name string) repository.Entry {
	return repository.Entry{Name: name, Type: repository.TypeDirectory, Object: repository.ObjectID(name)}
}

func link(name string) repository.Entry {
	return repository.Entry{Name: name, Type: repository.TypeSymlink, Object: helloName}
}

// put places the copy in a store.
func (h hostile) put(m *memory) (digest string) {
	text := headOf + strings.Join(h.manifest, "\n") + "\n" + endOf
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
	m.objects[helloName] = []byte("hello")
	for id, entries := range h.entries {
		m.folders[repository.ObjectID(id)] = entries
	}
	m.data["data"] = "root"
	m.records["record"] = kept{
		Stored:   repository.Stored{Record: order.Record{PointUID: "point", ClaimUID: "claim", Digest: digest, Mode: "Filesystem"}, DataID: "data", RecordID: "record"},
		manifest: []byte(text),
	}
	return digest
}

func in(entries ...repository.Entry) map[string][]repository.Entry {
	return map[string][]repository.Entry{"root": entries}
}

func TestHostileCopiesAreRefused(t *testing.T) {
	cases := map[string]hostile{
		"leads out":                          {[]string{ofRoot, "./.." + ofFile}, in(file(".."))},
		"leads out below":                    {[]string{ofRoot, "./../evil" + ofFile}, in(file("../evil"))},
		"leads out, escaped":                 {[]string{ofRoot, `./..\057evil` + ofFile}, in(file("../evil"))},
		"is itself":                          {[]string{ofRoot, "./." + ofFile}, in(file("."))},
		"absolute":                           {[]string{ofRoot, ".//evil" + ofFile}, in(file("/evil"))},
		"no path below the root":             {[]string{ofRoot, "/evil" + ofFile}, in(file("/evil"))},
		"a zero byte":                        {[]string{ofRoot, `./a\000b` + ofFile}, in(file("a\x00b"))},
		"below a link":                       {[]string{ofRoot, "./a" + ofLink, "./a/evil" + ofFile}, in(link("a"))},
		"below a file":                       {[]string{ofRoot, "./a" + ofFile, "./a/evil" + ofFile}, in(file("a"))},
		"below nothing":                      {[]string{ofRoot, "./a/evil" + ofFile}, in()},
		"twice":                              {[]string{ofRoot, "./a" + ofFile, "./a" + ofFile}, in(file("a"))},
		"twice, first a link":                {[]string{ofRoot, "./a" + ofLink, "./a" + ofFile}, in(link("a"), file("a"))},
		"twice, spelled otherwise":           {[]string{ofRoot, "./a" + ofFile, `./\141` + ofFile}, in(file("a"))},
		"spelled otherwise":                  {[]string{ofRoot, `./\141` + ofFile}, in(file("a"))},
		"in the wrong order":                 {[]string{ofRoot, "./b" + ofFile, "./a" + ofFile}, in(file("a"), file("b"))},
		"no root":                            {[]string{"./a" + ofFile}, in(file("a"))},
		"a root that is a link":              {[]string{". type=link uid=0 gid=0 mode=0777 link=/tmp"}, in()},
		"nothing":                            {nil, in()},
		"a folder's entry that is not named": {[]string{ofRoot, "./a" + ofFile}, in(file("a"), file("b"))},
		"an entry that the folder lacks":     {[]string{ofRoot, "./a" + ofFile, "./b" + ofFile}, in(file("a"))},
		"a file that is a folder":            {[]string{ofRoot, "./a" + ofFile}, map[string][]repository.Entry{"root": {folder("a")}, "a": {}}},
		"a directory that is a link":         {[]string{ofRoot, "./a" + ofDir}, in(link("a"))},
		"a folder with a name twice":         {[]string{ofRoot, "./a" + ofFile}, in(file("a"), file("a"))},
		"a folder that is not there":         {[]string{ofRoot, "./a" + ofDir}, in(folder("a"))},
		"another content":                    {[]string{ofRoot, "./a" + strings.Replace(ofFile, "2cf24", "00000", 1)}, in(file("a"))},
		"another size":                       {[]string{ofRoot, "./a" + strings.Replace(ofFile, "size=5", "size=4", 1)}, in(file("a"))},
		"a content that is not there":        {[]string{ofRoot, "./a" + ofFile}, in(repository.Entry{Name: "a", Type: repository.TypeFile, Object: "gone"})},
		"one name a file, one a link":        {[]string{ofRoot, "./a" + ofLink + "", "./b" + ofFile}, in(file("a"), link("b"))},
		"names of one file that differ": {[]string{
			ofRoot, "./a" + strings.Replace(ofFile, " time", " nlink=2 tags=hardlink-1 time", 1), "./b" + strings.Replace(strings.Replace(ofFile, " time", " nlink=2 tags=hardlink-1 time", 1), "mode=0644", "mode=04755", 1),
		}, in(file("a"), file("b"))},
		"a mode that is none":       {[]string{ofRoot, "./a" + strings.Replace(ofFile, "mode=0644", "mode=0100644", 1)}, in(file("a"))},
		"a size that is none":       {[]string{ofRoot, "./a" + strings.Replace(ofFile, "size=5", "size=-5", 1)}, in(file("a"))},
		"a word that is not known":  {[]string{ofRoot, "./a" + ofFile + " flags=uchg"}, in(file("a"))},
		"a type that is not known":  {[]string{ofRoot, "./a" + strings.Replace(ofFile, "type=file", "type=door", 1)}, in(file("a"))},
		"an attribute for root":     {[]string{ofRoot, "./a" + ofFile + " xattr.trusted.x=AA=="}, in(file("a"))},
		"an attribute that is none": {[]string{ofRoot, "./a" + ofFile + " xattr.user.x=%%"}, in(file("a"))},
		"a name that is too long":   {[]string{ofRoot, "./" + strings.Repeat("x", 256) + ofFile}, in(file(strings.Repeat("x", 256)))},
	}
	for name, h := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			digest := h.put(b.store)
			around := t.TempDir()
			to := filepath.Join(around, "volume")
			if err := os.Mkdir(to, 0o755); err != nil {
				t.Fatal(err)
			}
			o := order.Restore{Volume: order.Volume{PointUID: "point", ClaimUID: "claim"}, Digest: digest}
			_, err := mover.RestoreVolume(context.Background(), o, to, b.parts)
			if repository.Reason(err) != result.FailureDamaged {
				t.Errorf("%v", err)
			}
			if words := mover.Brief(context.Background(), err); strings.Contains(words, "evil") {
				t.Errorf("a status would say %s", words)
			}
			all, err := os.ReadDir(around)
			if _, evil := os.Lstat("/tmp/evil"); err != nil || len(all) != 1 || !errors.Is(evil, os.ErrNotExist) {
				t.Errorf("something was written outside of the volume: %v, %v", all, err)
			}
		})
	}
	// The same by hand, and nothing wrong with it: the refusals above have their reasons.
	b := newBench(t)
	digest := hostile{[]string{ofRoot, "./a" + ofFile, "./b" + ofDir, "./b/c" + ofFile, "./d" + ofLink}, map[string][]repository.Entry{"root": {file("a"), folder("b"), link("d")}, "b": {file("c")}}}.put(b.store)
	o := order.Restore{Volume: order.Volume{PointUID: "point", ClaimUID: "claim"}, Digest: digest}
	if r, err := mover.RestoreVolume(context.Background(), o, t.TempDir(), b.parts); err != nil || r.Files != 2 || r.Bytes != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	o.Digest = "sha256:another"
	if _, err := mover.RestoreVolume(context.Background(), o, t.TempDir(), b.parts); repository.Reason(err) != result.FailureDamaged {
		t.Errorf("another fingerprint than the one that was asked for: %v", err)
	}
	k := b.store.records["record"]
	k.manifest = bytes.Replace(k.manifest, []byte("0755"), []byte("0777"), 1)
	b.store.records["record"] = k
	o.Digest = digest
	to := t.TempDir()
	if _, err := mover.RestoreVolume(context.Background(), o, to, b.parts); repository.Reason(err) != result.FailureDamaged || len(listed(t, to)) > 0 {
		t.Errorf("a manifest that was changed: %v", err)
	}
	o.PointUID = "none"
	if _, err := mover.RestoreVolume(context.Background(), o, t.TempDir(), b.parts); repository.Reason(err) != result.FailureNotCopied {
		t.Errorf("%v", err)
	}
}

func listed(t *testing.T, root string) (all []string) {
	t.Helper()
	if err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if path != root {
			all = append(all, strings.TrimPrefix(path, root+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestOnlyEmptyVolumesAreWritten(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	b.copy("point")
	to := t.TempDir()
	o := order.Restore{Volume: order.Volume{PointUID: "point", ClaimUID: "claim"}, Digest: b.store.records["record-data-0"].Digest}
	restore := func() error {
		_, err := mover.RestoreVolume(context.Background(), o, to, b.parts)
		return err
	}
	write(t, filepath.Join(to, "lost+found/1"), "")
	if err := restore(); err != nil {
		t.Error(err)
	}
	if err := restore(); repository.Reason(err) != result.FailureWrite {
		t.Errorf("a volume with a file: %v", err)
	}
}

func TestSomePathsAlone(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"a/b/1", "a/b/2", "a/c/1", "a/1", "ab/1", "d/secret"} {
		write(t, filepath.Join(b.root, name), name)
	}
	if err := errors.Join(os.Link(filepath.Join(b.root, "a/1"), filepath.Join(b.root, "d/linked")), os.Symlink("x", filepath.Join(b.root, "d/link")),
		unix.Mkfifo(filepath.Join(b.root, "a/fifo"), 0o600), os.Chmod(filepath.Join(b.root, "a"), 0o500)); err != nil {
		t.Fatal(err)
	}
	b.copy("point")
	for _, c := range []struct{ paths, want []string }{
		{[]string{"a/b"}, []string{"a", "a/b", "a/b/1", "a/b/2"}},
		{[]string{"/a/b/", "./a/b/1", "a/b"}, []string{"a", "a/b", "a/b/1", "a/b/2"}},
		{[]string{"d/linked", "d/link"}, []string{"d", "d/link", "d/linked"}},
		{[]string{"a/c/1", "ab"}, []string{"a", "a/c", "a/c/1", "ab", "ab/1"}},
		{[]string{"a/fifo"}, []string{"a", "a/fifo"}},
		{[]string{"a/b/2", "a/b/2", "."}, listed(t, b.root)},
	} {
		to, r, err := b.restore("point", c.paths...)
		if got := listed(t, to); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q, %v", c.paths, got, c.want, err)
		}
		if info, err := os.Stat(filepath.Join(to, "a")); err == nil && info.Mode().Perm() != 0o500 {
			t.Errorf("%q: the directory above has the mode %v", c.paths, info.Mode())
		}
		if r.Files == 0 && len(c.want) > 2 {
			t.Errorf("%q: %+v", c.paths, r)
		}
	}
	for _, paths := range [][]string{{"a/none"}, {"a/1", "secrets"}, {"a/1/below"}, {"../a"}, {"a/../../b"}} {
		to, _, err := b.restore("point", paths...)
		if err == nil || len(listed(t, to)) > 0 {
			t.Errorf("%q: %v, %q", paths, err, listed(t, to))
		}
		// The status names the path that was asked for, and nothing else of the volume.
		if words := mover.Brief(context.Background(), err); repository.Reason(err) != result.FailurePath || !strings.Contains(words, fmt.Sprintf("%q", paths[len(paths)-1])) {
			t.Errorf("a status would say %s: %s", repository.Reason(err), words)
		}
	}
}

func TestAFullVolume(t *testing.T) {
	needsRoot(t)
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), strings.Repeat("full", 1<<20))
	b.copy("point")
	to := t.TempDir()
	if err := unix.Mount("tmpfs", to, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("needs the right to mount:", err)
	}
	defer func() {
		if err := unix.Unmount(to, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	o := order.Restore{Volume: order.Volume{PointUID: "point", ClaimUID: "claim"}, Digest: b.store.records["record-data-0"].Digest}
	_, err := mover.RestoreVolume(context.Background(), o, to, b.parts)
	if repository.Reason(err) != result.FailureInsufficient || mover.Brief(context.Background(), err) != "the volume is full" {
		t.Errorf("%v", err)
	}
}

// A pod without rights restores what it can, and says what not.
func TestWithoutTheRightToGiveAway(t *testing.T) {
	needsRoot(t)
	b := newBench(t)
	others := filepath.Join(b.root, "dir/others")
	write(t, filepath.Join(b.root, "mine"), "content")
	write(t, others, "content")
	if err := errors.Join(os.Chown(filepath.Join(b.root, "mine"), 65532, 65532), os.Chown(filepath.Join(b.root, "dir"), 65532, 65532), os.Chown(others, 1000, 1000),
		unix.Chmod(others, 0o4755), unix.Setxattr(others, "security.capability", capability, 0), unix.Setxattr(others, "user.kept", []byte("x"), 0),
		unix.Mknod(filepath.Join(b.root, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))), os.Link(filepath.Join(b.root, "null"), filepath.Join(b.root, "other-null"))); err != nil {
		t.Fatal(err)
	}
	b.copy("point")
	open, err := os.MkdirTemp("", "lifeboat-unprivileged-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(open)
	to := filepath.Join(open, "volume")
	// A volume belongs to root, and lets a group write.
	if err := errors.Join(os.Chmod(open, 0o777), os.Mkdir(to, 0o700), os.Chown(to, 0, 65532), os.Chmod(to, 0o775)); err != nil {
		t.Fatal(err)
	}
	b.parts.Scratch = open
	var r result.Restore
	if err := as(65532, func() error {
		o := order.Restore{Volume: order.Volume{PointUID: "point", ClaimUID: "claim"}, Digest: b.store.records["record-data-0"].Digest}
		r, err = mover.RestoreVolume(context.Background(), o, to, b.parts)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// The root's and the file's owner, its capability, and the device with both of its names.
	if r.Lost != 5 || r.Files != 2 {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(filepath.Join(to, "dir/others"))
	if err != nil || info.Mode() != 0o755 || info.Sys().(*syscall.Stat_t).Uid != 65532 {
		t.Errorf("%v, %v: setuid is for its owner alone", info.Mode(), err)
	}
	if n, err := unix.Getxattr(filepath.Join(to, "dir/others"), "user.kept", nil); err != nil || n != 1 {
		t.Errorf("an attribute that may be set was not: %v", err)
	}
}

// as does something with the rights of another user.
func as(id int, do func() error) error {
	if err := errors.Join(syscall.Setresgid(-1, id, -1), syscall.Setresuid(-1, id, -1)); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1))
}

func TestBlockVolumes(t *testing.T) {
	b := newBench(t)
	content := make([]byte, 5<<20+4096)
	copy(content[3<<20:], bytes.Repeat([]byte("data"), 1<<18))
	write(t, b.root, string(content))
	o := b.order("point")
	o.Block = true
	o.Record, _ = json.Marshal(order.Record{PointUID: "point", ClaimUID: "claim", Mode: "Block"})
	c, err := mover.Copy(context.Background(), o, b.root, b.parts)
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(content)); err != nil || c.Digest != want || c.Bytes != int64(len(content)) {
		t.Fatalf("%+v, %v, want %s", c, err, want)
	}
	restore := func(device string) (result.Restore, error) {
		return mover.RestoreVolume(context.Background(), order.Restore{Volume: o.Volume, Block: true, Digest: c.Digest}, device, b.parts)
	}
	for name, before := range map[string][]byte{"empty": nil, "zeros": make([]byte, len(content)), "used": bytes.Repeat([]byte("used"), len(content)/4), "larger": make([]byte, len(content)+4096)} {
		device := filepath.Join(t.TempDir(), name)
		write(t, device, string(before))
		r, err := restore(device)
		got, reading := os.ReadFile(device)
		if err := errors.Join(err, reading); err != nil || !bytes.Equal(got[:len(content)], content) || r.Bytes != int64(len(content)) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		info, err := os.Stat(device)
		if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; err != nil || name == "empty" && taken > 2<<20 {
			t.Errorf("%s: zeros were written to what was zero: %d bytes, %v", name, taken, err)
		}
	}
	for id, object := range b.store.objects {
		if len(object) == len(content) {
			b.store.objects[id] = append(bytes.Clone(object[:len(object)-1]), 1)
		}
	}
	if _, err := restore(filepath.Join(t.TempDir(), "none")); repository.Reason(err) != result.FailureWrite {
		t.Errorf("no device: %v", err)
	}
	device := filepath.Join(t.TempDir(), "device")
	write(t, device, "")
	if _, err := restore(device); repository.Reason(err) != result.FailureDamaged {
		t.Errorf("another content: %v", err)
	}
	if _, err := mover.RestoreVolume(context.Background(), order.Restore{Volume: o.Volume, Digest: c.Digest}, t.TempDir(), b.parts); repository.Reason(err) != result.FailureDamaged {
		t.Errorf("a block volume as files: %v", err)
	}
}

// Of a copy that is damaged, what does not need what is damaged comes back by its paths.
func TestPartsOfADamagedCopyComeBack(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "good/file"), "all there")
	write(t, filepath.Join(b.root, "bad/file"), "gone")
	b.copy("point")
	for id, content := range b.store.objects {
		if string(content) == "gone" {
			delete(b.store.objects, id)
		}
	}
	if _, _, err := b.restore("point"); repository.Reason(err) != result.FailureDamaged {
		t.Errorf("all of it: %v", err)
	}
	to, r, err := b.restore("point", "good")
	if err != nil || r.Files != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := os.ReadFile(filepath.Join(to, "good/file")); err != nil || string(got) != "all there" {
		t.Errorf("%q, %v", got, err)
	}
}
