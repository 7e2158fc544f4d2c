// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// tool is what the laws judge: this package, or a faulty one that a law must convict.
type tool struct {
	manifest func(root string, workers int) (string, Summary, error)
	verify   func(root, manifest string, workers int) (Report, error)
}

var ours = tool{
	manifest: func(root string, workers int) (string, Summary, error) {
		var text strings.Builder
		s, err := Make(context.Background(), root, &text, Options{Workers: workers})
		return text.String(), s, err
	},
	verify: func(root, manifest string, workers int) (Report, error) {
		return Verify(context.Background(), root, strings.NewReader(manifest), VerifyOptions{Options: Options{Workers: workers}})
	},
}

// question is what the laws are asked about: a tree, and a change to one of its nodes.
type question struct {
	tree   []node
	node   node
	change change // without a name when nothing in the tree can change
}

type law struct {
	name  string
	holds func(d tool, q question, folder string) error
}

var laws = []law{
	{"it is the plain reading of the tree", func(d tool, q question, folder string) error {
		root := filepath.Join(folder, "tree")
		if err := plant(root, q.tree); err != nil {
			return err
		}
		want, sum, err := plainly(root, fault{})
		if err != nil {
			return err
		}
		got, s, err := d.manifest(root, 3)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
			return errors.New("(-want +got):\n" + diff)
		}
		if diff := cmp.Diff(sum, s); diff != "" {
			return errors.New("summary (-want +got):\n" + diff)
		}
		return nil
	}},
	{"neither the number of workers nor the place nor the order of creation matters", func(d tool, q question, folder string) error {
		var texts []string
		for n, workers := range []int{1, 2, 7} {
			root := filepath.Join(folder, fmt.Sprint("tree", n))
			if err := plant(root, inOtherOrder(q.tree, n)); err != nil {
				return err
			}
			text, _, err := d.manifest(root, workers)
			if err != nil {
				return err
			}
			texts = append(texts, text)
		}
		if diff := cmp.Diff([]string{texts[0], texts[0]}, texts[1:]); diff != "" {
			return errors.New("(-one worker +more):\n" + diff)
		}
		return nil
	}},
	{"a tree agrees with its own manifest", func(d tool, q question, folder string) error {
		root := filepath.Join(folder, "tree")
		if err := plant(root, q.tree); err != nil {
			return err
		}
		text, s, err := d.manifest(root, 2)
		if err != nil {
			return err
		}
		r, err := d.verify(root, text, 3)
		if err != nil {
			return err
		}
		if !r.Same() || len(r.First) > 0 || r.Manifest != s.Digest || r.Found != s {
			return fmt.Errorf("%+v, of %+v", r, s)
		}
		return nil
	}},
	{"a change changes the digest, and Verify names it and nothing else", func(d tool, q question, folder string) error {
		if q.change.name == "" {
			return nil
		}
		root := filepath.Join(folder, "tree")
		if err := plant(root, q.tree); err != nil {
			return err
		}
		before, s, err := d.manifest(root, 2)
		if err != nil {
			return err
		}
		if err := q.change.applyTo(root, q.node, q.tree); err != nil {
			return err
		}
		_, now, err := d.manifest(root, 2)
		if err != nil {
			return err
		}
		if now.Digest == s.Digest {
			return fmt.Errorf("%s of %q: the digest is the same", q.change.name, q.node.path)
		}
		r, err := d.verify(root, before, 2)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(q.change.said(q.node), r.First); diff != "" {
			return fmt.Errorf("%s of %q (-want +got):\n%s", q.change.name, q.node.path, diff)
		}
		want := [3]int64{int64(min(len(q.change.missing), 1)), int64(min(len(q.change.extra), 1)), int64(min(len(q.change.keywords), 1))}
		if got := [3]int64{r.Missing, r.Extra, r.Changed}; got != want || r.Manifest != s.Digest || r.Found != now {
			return fmt.Errorf("%s of %q: %+v, want counts %v, from %s to %+v", q.change.name, q.node.path, r, want, s.Digest, now)
		}
		return nil
	}},
}

// inOtherOrder is the same tree, made in another order as far as directories and hard links allow.
func inOtherOrder(tree []node, n int) []node {
	if n == 0 {
		return tree
	}
	var dirs, files, links []node
	for _, x := range tree {
		switch {
		case x.kind == unix.DT_DIR:
			dirs = append(dirs, x)
		case x.linked != "":
			links = append(links, x)
		default:
			files = append(files, x)
		}
	}
	slices.Reverse(files)
	return slices.Concat(dirs, files, links)
}

func genQuestion() *rapid.Generator[question] {
	return rapid.Custom(func(t *rapid.T) question {
		q := question{tree: genTree().Draw(t, "tree")}
		shared := map[string]bool{}
		for _, n := range q.tree {
			if n.linked != "" {
				shared[n.linked], shared[n.path] = true, true
			}
		}
		var alone []node
		for _, n := range q.tree {
			if !shared[n.path] {
				alone = append(alone, n)
			}
		}
		if len(alone) == 0 {
			return q
		}
		q.node = rapid.SampledFrom(alone).Draw(t, "node")
		var possible []change
		for _, c := range changes {
			if c.applies(q.node) && len(filepath.Base(q.node.path)) < 250 {
				possible = append(possible, c)
			}
		}
		if len(possible) > 0 {
			names := rapid.IntRange(0, len(possible)-1).Draw(t, "change")
			q.change = possible[names]
		}
		return q
	})
}

// fault is a mistake that plainly can make on purpose.
type fault struct {
	followsLinks, wholeString, dirSizes, rootTime, noHardlinks, inodeTags bool
}

// plainly makes a manifest slowly, with nothing but the standard library. It shares with Make only the types.
func plainly(root string, f fault) (string, Summary, error) {
	var s Summary
	lines := map[string]string{}
	var order []string
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if f.followsLinks && info.Mode().Type() == os.ModeSymlink {
			if to, err := os.Stat(path); err == nil {
				info = to
			}
		}
		name := "."
		if rel != "." {
			name = "./" + visPlainly(rel)
		}
		st := info.Sys().(*syscall.Stat_t)
		if _, met := first[st.Ino]; !met {
			first[st.Ino] = name
		}
		group := first[st.Ino]
		if f.inodeTags {
			group = fmt.Sprint(st.Ino)
		}
		line, err := linePlainly(path, rel, info, st, group, &s, f)
		order = append(order, rel)
		lines[rel] = name + line
		return err
	})
	if err != nil {
		return "", s, err
	}
	if f.wholeString {
		slices.Sort(order)
	}
	var text strings.Builder
	text.WriteString("#mtree v2.0\n# Lifeboat manifest, version 1\n")
	for _, rel := range order {
		text.WriteString(lines[rel] + "\n")
	}
	fmt.Fprintf(&text, "#end files=%d directories=%d others=%d bytes=%d\n", s.Files, s.Directories, s.Others, s.Bytes)
	s.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text.String())))
	return text.String(), s, nil
}

func linePlainly(path, rel string, info fs.FileInfo, st *syscall.Stat_t, group string, s *Summary, f fault) (string, error) {
	mode := st.Mode & 0o7777
	kind := map[fs.FileMode]string{0: "file", fs.ModeDir: "dir", fs.ModeSymlink: "link", fs.ModeNamedPipe: "fifo", fs.ModeSocket: "socket", fs.ModeDevice | fs.ModeCharDevice: "char"}[info.Mode().Type()]
	line := fmt.Sprintf(" type=%s uid=%d gid=%d mode=%#o", kind, st.Uid, st.Gid, mode)
	digest := ""
	switch {
	case kind == "file":
		s.Files++
		s.Bytes += info.Size()
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" size=%d", info.Size())
		digest = fmt.Sprintf(" sha256digest=%x", sha256.Sum256(content))
	case kind != "dir":
		s.Others++
		if target, err := os.Readlink(path); err == nil {
			line += " link=" + visPlainly(target)
		}
		if kind == "char" {
			line += " device=linux,1,3"
		}
	default:
		if rel != "." {
			s.Directories++
		}
		if f.dirSizes {
			line += fmt.Sprintf(" size=%d", info.Size())
		}
	}
	if kind != "dir" && st.Nlink > 1 && !f.noHardlinks {
		sum := sha256.Sum256([]byte(group))
		line += fmt.Sprintf(" nlink=%d tags=hardlink-%x", st.Nlink, sum[:8])
	}
	if rel != "." || f.rootTime {
		line += fmt.Sprintf(" time=%d.%09d", info.ModTime().Unix(), info.ModTime().Nanosecond())
	}
	return line + digest + xattrsPlainly(path), nil
}

func xattrsPlainly(path string) string {
	list := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, list)
	if err != nil || n == 0 {
		return ""
	}
	var all []string
	for _, name := range strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		value := make([]byte, 1<<16)
		n, err := unix.Lgetxattr(path, name, value)
		if err == nil && strings.HasPrefix(name, "user.") {
			all = append(all, name+"\x00"+base64.StdEncoding.EncodeToString(value[:n]))
		}
	}
	slices.Sort(all)
	line := ""
	for _, x := range all {
		name, value, _ := strings.Cut(x, "\x00")
		line += " xattr." + strings.ReplaceAll(visPlainly(name), "=", `\075`) + "=" + value
	}
	return line
}

func visPlainly(s string) string {
	out := ""
	for _, b := range []byte(s) {
		switch {
		case b == '\\':
			out += `\\`
		case strings.IndexByte("*?[#", b) >= 0 || b <= 32 || b >= 127:
			out += fmt.Sprintf(`\%03o`, b)
		default:
			out += string(rune(b))
		}
	}
	return out
}

// inTemporary gives the work a folder of its own.
func inTemporary(work func(folder string) error) error {
	folder, err := os.MkdirTemp("", "manifest-law-")
	if err != nil {
		return err
	}
	return errors.Join(work(folder), os.RemoveAll(folder))
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := genQuestion().Draw(t, "question")
				if err := inTemporary(func(folder string) error { return law.holds(ours, q, folder) }); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// faults are tools with one mistake each.
func faults() map[string]tool {
	text := func(spoil func(text, root string, workers int) string) tool {
		d := ours
		d.manifest = func(root string, workers int) (string, Summary, error) {
			text, s, err := ours.manifest(root, workers)
			text = spoil(text, root, workers)
			s.Digest = digest(sumOf(text))
			return text, s, err
		}
		return d
	}
	without := func(keyword string) tool {
		pattern := regexp.MustCompile(` ` + keyword + `[^ \n]*`)
		return text(func(text, _ string, _ int) string { return pattern.ReplaceAllString(text, "") })
	}
	plain := func(f fault) tool {
		d := ours
		d.manifest = func(root string, _ int) (string, Summary, error) { return plainly(root, f) }
		return d
	}
	verify := func(spoil func(r *Report)) tool {
		d := ours
		d.verify = func(root, manifest string, workers int) (Report, error) {
			r, err := ours.verify(root, manifest, workers)
			spoil(&r)
			return r, err
		}
		return d
	}
	blind := func(keyword string) tool {
		d := ours
		d.verify = func(root, manifest string, workers int) (Report, error) {
			return Verify(context.Background(), root, strings.NewReader(manifest), VerifyOptions{Ignore: []string{keyword}})
		}
		return d
	}
	all := map[string]tool{
		"links are followed":                   plain(fault{followsLinks: true}),
		"paths are sorted as whole strings":    plain(fault{wholeString: true}),
		"sizes of directories are in":          plain(fault{dirSizes: true}),
		"the root has a time":                  plain(fault{rootTime: true}),
		"hard links are not told":              plain(fault{noHardlinks: true}),
		"hard links are told by inode numbers": plain(fault{inodeTags: true}),
		"the number of workers shows":          text(func(text, _ string, workers int) string { return text + strconv.Itoa(workers) }),
		"the place shows":                      text(func(text, root string, _ int) string { return text + root }),
		"white space is left as it is":         text(func(text, _ string, _ int) string { return strings.ReplaceAll(text, `\040`, " ") }),
		"times are whole seconds": text(func(text, _ string, _ int) string {
			return regexp.MustCompile(`(time=-?\d+\.)\d+`).ReplaceAllString(text, "${1}000000000")
		}),
		"values of attributes are left out": text(func(text, _ string, _ int) string {
			return regexp.MustCompile(`(xattr[^=]*=)[^ \n]*`).ReplaceAllString(text, "$1")
		}),
		"Verify does not count what is missing":  verify(func(r *Report) { r.Missing = 0 }),
		"Verify does not count what is more":     verify(func(r *Report) { r.Extra = 0 }),
		"Verify does not count what has changed": verify(func(r *Report) { r.Changed = 0 }),
		"Verify names nothing":                   verify(func(r *Report) { r.First = nil }),
		"Verify always finds something":          verify(func(r *Report) { r.Extra++ }),
		"Verify believes the manifest":           verify(func(r *Report) { r.Found.Digest = r.Manifest }),
	}
	written := []string{"type", "mode", "uid", "gid", "size", "link", "time", "sha256digest", "xattr", "nlink", "tags"}
	if os.Geteuid() == 0 { // who alone can plant devices
		written = append(written, "device")
	}
	for _, keyword := range written {
		all["the manifest lacks "+keyword] = without(keyword)
	}
	for _, keyword := range []string{"type", "mode", "size", "link", "time", "sha256digest", "xattr"} {
		all["Verify is blind for "+keyword] = blind(keyword)
	}
	return all
}

func sumOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// TestLawsKillFaults plants faults one by one. A fault that lives means that the laws have lost their teeth, and so does
// a law that convicts nobody.
func TestLawsKillFaults(t *testing.T) {
	convicts := map[string]bool{}
	all := faults()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		noticed := false
		for seed := 0; seed < 300 && !noticed; seed++ {
			q := genQuestion().Example(seed)
			for _, law := range laws {
				if err := inTemporary(func(folder string) error { return law.holds(all[name], q, folder) }); err != nil {
					convicts[law.name], noticed = true, true
				}
			}
		}
		if !noticed {
			t.Errorf("no law notices that %s", name)
		}
	}
	for _, law := range laws {
		if !convicts[law.name] {
			t.Errorf("the law %q convicts nobody", law.name)
		}
	}
}
