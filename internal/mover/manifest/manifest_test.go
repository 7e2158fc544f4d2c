// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// make1 plants a tree and returns its root and its manifest.
func make1(t *testing.T, tree ...node) (root, text string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "root")
	if err := plant(root, tree); err != nil {
		t.Fatal(err)
	}
	text, _, err := ours.manifest(root, 2)
	if err != nil {
		t.Fatal(err)
	}
	return root, text
}

func file(path string, size int64) node {
	return node{path: path, kind: unix.DT_REG, mode: 0o644, size: size}
}

func folder(path string) node { return node{path: path, kind: unix.DT_DIR, mode: 0o755} }

func TestText(t *testing.T) {
	x := file("dir/a b", 3)
	x.xattrs = map[string]string{"user.k": "v"}
	_, text := make1(t, folder("dir"), x, node{path: "l", kind: unix.DT_LNK, target: `to\`})
	who := fmt.Sprintf("uid=%d gid=%d", os.Geteuid(), os.Getegid())
	want := "#mtree v2.0\n# Lifeboat manifest, version 1\n" +
		". type=dir " + who + " mode=0755\n" +
		"./dir type=dir " + who + " mode=0755 time=0.000000000\n" +
		`./dir/a\040b type=file ` + who + " mode=0644 size=3 time=0.000000000 " +
		"sha256digest=ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc xattr.user.k=dg==\n" +
		"./l type=link " + who + ` mode=0777 link=to\\ time=0.000000000` + "\n" +
		"#end files=1 directories=1 others=1 bytes=3\n"
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestLostAndFoundIsLeftOutAtTheTopOnly(t *testing.T) {
	_, text := make1(t, folder("lost+found"), file("lost+found/a", 1), folder("d"), folder("d/lost+found"), file("d/lost+found/b", 1))
	if strings.Contains(text, "\n./lost+found") || !strings.Contains(text, "\n./d/lost+found/b ") {
		t.Error(text)
	}
	_, text = make1(t, file("lost+found", 1))
	if !strings.Contains(text, "\n./lost+found type=file") {
		t.Errorf("a file of that name is data:\n%s", text)
	}
}

// Names of one file that becomes two files have the same content, and are not the same any more.
func TestHardLinksAreTold(t *testing.T) {
	a, b, c, d := file("a", 1), file("b", 1), file("c", 1), file("d", 1)
	b.linked, d.linked = "a", "c"
	root, text := make1(t, a, b, c, d)
	b.linked, c.linked, d.linked = "", "a", "b"
	_, crossed := make1(t, a, b, c, d)
	if text == crossed {
		t.Error("a=b, c=d looks like a=c, b=d")
	}
	if err := os.Remove(filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	b.linked = ""
	if err := errors.Join(plantNode(root, b), setTime(root, "b", b.time)); err != nil {
		t.Fatal(err)
	}
	r, err := ours.verify(root, text, 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := "changed ./a: nlink, tags|changed ./b: nlink, tags"; strings.Join(r.First, "|") != want || r.Keywords["tags"] != 2 {
		t.Errorf("%+v", r)
	}
}

func TestHardLinksAreForgottenOnceAllNamesWereMet(t *testing.T) {
	h := hardlinks{}
	d := &dir{path: "./"}
	for i := range 1000 {
		var groups [2]uint64
		for n := range groups {
			e := &entry{dir: d, name: fmt.Sprint(i, n), kind: unix.DT_REG}
			e.stat.Ino, e.stat.Nlink = uint64(i), 2
			groups[n] = h.group(e)
		}
		if groups[0] != groups[1] || groups[0] == 0 {
			t.Fatal(groups)
		}
	}
	if len(h) > 0 {
		t.Errorf("%d are still held", len(h))
	}
}

// Holes of all sorts read as what os.ReadFile reads.
func TestSparseFiles(t *testing.T) {
	folder := t.TempDir()
	for n, data := range [][][2]int64{
		{}, {{0, 1}}, {{5<<20 - 1, 1}}, {{1 << 20, 4096}, {3<<20 + 5, 70000}}, {{0, 5 << 20}}, {{2<<20 - 10, chunkSize + 20}},
	} {
		for _, size := range []int64{sparse - 1, sparse, large - 1, 5 << 20} {
			path := filepath.Join(folder, fmt.Sprint(n, "-", size))
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range data {
				if _, err := f.WriteAt(bytes.Repeat([]byte{7}, int(part[1])), part[0]); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, text, err := firstLine(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%x", sha256.Sum256(content)); text != want {
				t.Errorf("%v of %d: %s, want %s", data, size, text, want)
			}
		}
	}
}

// firstLine hashes one file as a walk does.
func firstLine(path string) (size int64, sum string, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return 0, "", err
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if err := status(fd, "", &st); err != nil {
		return 0, "", err
	}
	h := newHasher(&Progress{})
	var s [sha256.Size]byte
	err = h.content(context.Background(), fd, int64(st.Size), int64(st.Blocks)*512, &s)
	return int64(st.Size), fmt.Sprintf("%x", s), err
}

// A file that is not as long as was said has changed meanwhile; with holes as without.
func TestChangedWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, size := range []int64{0, 1, chunkSize, 2 * chunkSize, large, large + 1} {
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []int64{size - 1, size + 1, size + chunkSize, size + large} {
			for _, allocated := range []int64{0, wrong} {
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				h := newHasher(&Progress{})
				var s [sha256.Size]byte
				if err := h.content(context.Background(), int(f.Fd()), wrong, allocated, &s); wrong >= 0 && !errors.Is(err, errChanged) {
					t.Errorf("%d bytes taken for %d, %d of them allocated: %v", size, wrong, allocated, err)
				}
				f.Close()
			}
		}
	}
}

// The kernel's files have content but no size, which a walk takes for a change.
func TestUnreadableFilesMakeItIncomplete(t *testing.T) {
	var text strings.Builder
	s, err := Make(context.Background(), "/proc/sys/kernel/random", &text, Options{})
	var incomplete *Incomplete
	if !errors.As(err, &incomplete) || !errors.Is(err, errChanged) {
		t.Fatal(err)
	}
	if s.Digest != "" || s.Unreadable == 0 || s.Unreadable != incomplete.Unreadable || !strings.Contains(err.Error(), "./boot_id: ") {
		t.Errorf("%+v, %v", s, err)
	}
	if strings.Contains(text.String(), endMark) || !strings.Contains(text.String(), "\n#unreadable ./boot_id\n") {
		t.Error(text.String())
	}
	_, err = Verify(context.Background(), t.TempDir(), strings.NewReader(text.String()), VerifyOptions{})
	if err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Errorf("an incomplete manifest was compared: %v", err)
	}
}

// hide makes a directory that the test cannot look into: root may read all, but a walk does not enter other mounts.
func hide(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) // or the folder cannot be removed
		return
	}
	if err := unix.Mount("none", path, "tmpfs", 0, ""); err != nil {
		t.Fatalf("this test, when root runs it, must be able to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestUnreadableDirectories(t *testing.T) {
	root, before := make1(t, folder("a"), file("a/x", 1), folder("b"), file("b/x", 1), file("b/y", 1), file("b!", 1), file("c", 1))
	hide(t, filepath.Join(root, "b"))
	text, s, err := ours.manifest(root, 2)
	if want := (Summary{Files: 3, Directories: 1, Bytes: 3, Unreadable: 1}); s != want || err == nil {
		t.Errorf("%+v, %v\n%s", s, err, text)
	}
	r, err := ours.verify(root, before, 2)
	var incomplete *Incomplete
	if !errors.As(err, &incomplete) {
		t.Error(err)
	}
	if r.Missing+r.Extra+r.Changed > 0 || r.Unreadable != 3 || r.Same() || len(r.First) != 1 || r.First[0] != "unreadable ./b" {
		t.Errorf("%+v", r)
	}
}

func TestRootThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{path, path + "x"} {
		if s, err := Make(context.Background(), root, nil, Options{}); err == nil || s != (Summary{}) {
			t.Errorf("%s: %+v, %v", root, s, err)
		}
	}
}

// A symbolic link out of the tree is a line, and nothing behind it is read.
func TestLinksAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, text := make1(t, node{path: "l", kind: unix.DT_LNK, target: outside})
	if strings.Contains(text, "secret") || !strings.Contains(text, "files=0 directories=0 others=1 bytes=0") {
		t.Error(text)
	}
}

func TestBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	for _, size := range []int{0, 1, chunkSize, large + 17} {
		content := bytes.Repeat([]byte{3, 1, 4, 1, 5}, size/5+1)[:size]
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		var line strings.Builder
		s, err := MakeBlock(context.Background(), path, &line, Options{})
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		if err != nil || s != (Summary{Digest: "sha256:" + sum, Bytes: int64(size)}) || line.String() != sum+"  -\n" {
			t.Errorf("%+v, %v, %q", s, err, line.String())
		}
	}
	if _, err := MakeBlock(context.Background(), t.TempDir(), nil, Options{}); err == nil {
		t.Error("a directory is no stream")
	}
}

func TestVerifyIgnores(t *testing.T) {
	root, text := make1(t, folder("d"), file("d/f", 5))
	if err := errors.Join(os.Chmod(filepath.Join(root, "d"), 0o700), os.Chmod(filepath.Join(root, "d/f"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		ignore  []string
		changed int64
	}{{nil, 2}, {[]string{"mode"}, 0}, {[]string{"uid", "mode"}, 0}, {[]string{"uid"}, 2}} {
		r, err := Verify(context.Background(), root, strings.NewReader(text), VerifyOptions{Ignore: tc.ignore})
		if err != nil || r.Changed != tc.changed || r.Keywords["mode"] != tc.changed {
			t.Errorf("%v: %+v, %v", tc.ignore, r, err)
		}
	}
}

func TestVerifyRefusesDamagedManifests(t *testing.T) {
	root, text := make1(t, file("a", 1), file("b", 2))
	lines := strings.SplitAfter(text, "\n")
	damaged := map[string]string{
		"empty": "", "not one at all": "hello\n", "another version": strings.Replace(text, "version 1", "version 2", 1),
		"cut off": strings.Join(lines[:4], ""), "cut within a line": text[:len(text)-200], "no end mark": strings.Join(lines[:5], ""),
		"more behind the end": text + lines[3], "two in the wrong order": lines[0] + lines[1] + lines[2] + lines[4] + lines[3] + lines[5],
		"one twice": lines[0] + lines[1] + lines[2] + lines[3] + lines[3] + lines[5], "no root": lines[0] + lines[1] + lines[3] + lines[5],
		"a bad escape": strings.Replace(text, "./a", `./\9a`, 1), "a path outside": strings.Replace(text, "./a", "/a", 1),
		"a comment": strings.Replace(text, "./a", "#./a", 1), "an empty line": strings.Replace(text, "./a", "\n./a", 1),
	}
	for name, d := range damaged {
		if r, err := Verify(context.Background(), root, strings.NewReader(d), VerifyOptions{}); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r, err := Verify(context.Background(), root, strings.NewReader(text), VerifyOptions{}); err != nil || !r.Same() {
		t.Errorf("the whole one: %+v, %v", r, err)
	}
}

// openFiles counts what this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// failing stands for a disk that is full, or for whoever stops the walk.
type failing struct {
	after int
	then  func() error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, f.then()
	}
	return len(p), nil
}

// TestStopping ends walks early, in many places. Nothing may hang or stay open.
func TestStopping(t *testing.T) {
	var tree []node
	for n := range 40 {
		tree = append(tree, folder(fmt.Sprint("d", n)))
		for m := range 40 {
			tree = append(tree, file(fmt.Sprintf("d%d/f%d", n, m), int64(n*m)))
		}
	}
	tree = append(tree, file("large", 40<<20))
	root, _ := make1(t, tree...)
	before, goroutines := openFiles(t), runtime.NumGoroutine()
	full := errors.New("no space left")
	for n := range 40 {
		ctx, cancel := context.WithCancel(context.Background())
		r := newRecorder(&failing{n * 5000, func() error { return full }})
		err := walk(ctx, root, Options{Workers: 1 + n%5}, func(e *entry) error { _, err := r.record(e); return err })
		if !errors.Is(err, full) {
			t.Errorf("%d: a full disk: %v", n, err)
		}
		r = newRecorder(&failing{n * 5000, func() error { cancel(); return nil }})
		err = walk(ctx, root, Options{Workers: 1 + n%5}, func(e *entry) error { _, _ = r.record(e); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d: a cancelled walk: %v", n, err)
		}
		if _, err := Make(ctx, root, io.Discard, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%d: a walk that was cancelled before: %v", n, err)
		}
	}
	if now := openFiles(t); now > before {
		t.Errorf("%d files are open, %d were", now, before)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines run, %d did", now, goroutines)
	}
}

// TestDeepTree goes where whole paths are longer than the kernel allows.
func TestDeepTree(t *testing.T) {
	root := t.TempDir()
	fd, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("deep", 50)
	const depth = 100
	for range depth {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(fd)
		if fd = next; err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(fd)
	before := openFiles(t)
	text, s, err := ours.manifest(root, 2)
	if err != nil || s.Directories != depth {
		t.Fatalf("%+v, %v", s, err)
	}
	if r, err := ours.verify(root, text, 2); err != nil || !r.Same() {
		t.Errorf("%+v, %v", r, err)
	}
	if now := openFiles(t); now > before {
		t.Errorf("%d files are open, %d were", now, before)
	}
}

// TestManyDirectories walks more directories than the process may open, with a worker that cannot keep up.
func TestManyDirectories(t *testing.T) {
	root := t.TempDir()
	const count = 2000
	for n := range count {
		dir := filepath.Join(root, fmt.Sprint("d", n))
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "f"), make([]byte, 4096), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 512
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	s, err := Make(context.Background(), root, nil, Options{Workers: 1})
	if err != nil || s.Files != count || s.Directories != count {
		t.Errorf("%+v, %v", s, err)
	}
}

// watched is where a manifest goes whose making is watched for memory.
type watched struct {
	written, most uint64
}

func (w *watched) Write(p []byte) (int, error) {
	if w.written/(1<<18) != (w.written+uint64(len(p)))/(1<<18) {
		w.most = max(w.most, live())
	}
	w.written += uint64(len(p))
	return len(p), nil
}

// live is how much memory is in use once garbage is collected.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryIsBounded walks and verifies a tree of fifty thousand. All that may be held is what is under way, and
// names of the directories that lead there: 12 MiB stand against about 20 that the entries alone would take.
func TestMemoryIsBounded(t *testing.T) {
	root := t.TempDir()
	for n := range 5 {
		dir := filepath.Join(root, fmt.Sprint("d", n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for m := range 10_000 {
			if err := unix.Mknod(filepath.Join(dir, fmt.Sprintf("a rather ordinary name of a file %d", m)), unix.S_IFIFO|0o644, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	const most = 12 << 20
	before := live()
	path := filepath.Join(t.TempDir(), "manifest")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var w watched
	if _, err := Make(context.Background(), root, io.MultiWriter(out, &w), Options{Workers: 4}); err != nil {
		t.Fatal(err)
	}
	if w.most > before+most || w.most == 0 {
		t.Errorf("making it held up to %d KiB", (w.most-before)>>10)
	}
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	w = watched{}
	r, err := Verify(context.Background(), root, io.TeeReader(in, &w), VerifyOptions{})
	if err != nil || !r.Same() || r.Found.Others != 50_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if w.most > before+most || w.most == 0 {
		t.Errorf("verifying it held up to %d KiB", (w.most-before)>>10)
	}
	t.Logf("at most %d KiB", (w.most-before)>>10)
}

func FuzzManifest(f *testing.F) {
	for _, text := range []string{
		"", header, header + ". type=dir\n#end \n", header + ". type=dir\n./a type=file\n./a/b x\n./a! \n#end x\n", header + ". a\n./\\134\\\\ b\n#end ",
		header + ". \n ", // once a panic
	} {
		f.Add(text)
	}
	empty := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader(strings.NewReader(text))
		var last string
		n := int64(0)
		err := r.next()
		for ; err == nil; err = r.next() {
			path := string(r.raw)
			if n > 0 && (strings.ReplaceAll(path, "/", "\x00") <= strings.ReplaceAll(last, "/", "\x00") && !strings.Contains(path+last, "\x00")) {
				t.Fatalf("%q after %q", path, last)
			}
			last = path
			n++
		}
		report, verr := Verify(context.Background(), empty, strings.NewReader(text), VerifyOptions{})
		if (err == io.EOF) != (verr == nil) {
			t.Fatalf("the reader says %v, Verify %v", err, verr)
		}
		if verr == nil && (report.Missing != max(n-1, 0) || report.Manifest != digest(sumOf(text))) {
			t.Fatalf("%d entries: %+v", n, report)
		}
	})
}

func FuzzEscapes(f *testing.F) {
	f.Add("a b\\\n\xff*")
	f.Fuzz(func(t *testing.T, s string) {
		escaped := appendEscaped(nil, s)
		if bytes.ContainsAny(escaped, " \n\t*?[#") {
			t.Fatalf("%q", escaped)
		}
		back, err := appendUnescaped(nil, escaped)
		if err != nil || string(back) != s {
			t.Fatalf("%q became %q became %q: %v", s, escaped, back, err)
		}
	})
}
