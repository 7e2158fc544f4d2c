// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// node is something in a tree that a test plants.
type node struct {
	path   string // below the root
	kind   uint8
	mode   uint32
	size   int64 // of a file
	seed   byte  // of its content
	hole   bool  // only the middle third is data
	target string
	linked string // another name for this file
	time   unix.Timespec
	xattrs map[string]string
}

// content is what a file holds: not the same at any two places that are likely to be mixed up.
func (n node) content() []byte {
	all := make([]byte, n.size)
	for i := range all {
		if !n.hole || int64(i) >= n.size/3 && int64(i) < n.size*2/3 {
			all[i] = n.seed + byte(i) + byte(i>>8) + byte(i>>16)
		}
	}
	return all
}

// names are odd, or stand in an odd order: "a!" sorts before "a/b" as a string, but not in a walk.
var names = []string{
	"a", "a!", "a.b", "A", "with space", "new\nline", "tab\t", "\xff\xfe", "st*r", "q?[x]", `back\`, `\134`, "#hash", "-dash", "ünï", "=eq", "..x",
	"lost+found", "del\x7f", "\"quoted'", strings.Repeat("long", 63),
}

// genTree makes small trees of all that a file system can hold.
func genTree() *rapid.Generator[[]node] {
	return rapid.Custom(func(t *rapid.T) []node {
		dirs, files, taken := []string{"."}, []node{}, map[string]bool{"lost+found": true}
		var tree []node
		for range rapid.IntRange(0, 12).Draw(t, "nodes") {
			n := genNode(t)
			n.path = filepath.Join(rapid.SampledFrom(dirs).Draw(t, "in"), rapid.SampledFrom(names).Draw(t, "name"))
			if taken[n.path] {
				continue
			}
			taken[n.path] = true
			if n.kind == unix.DT_REG && len(files) > 0 && rapid.IntRange(0, 4).Draw(t, "hard link") == 0 {
				of := rapid.SampledFrom(files).Draw(t, "of")
				path := n.path
				n = of
				n.path, n.linked = path, of.path
			} else if n.kind == unix.DT_REG {
				files = append(files, n)
			}
			if n.kind == unix.DT_DIR {
				dirs = append(dirs, n.path)
			}
			tree = append(tree, n)
		}
		return tree
	})
}

func genNode(t *rapid.T) node {
	kinds := []uint8{unix.DT_REG, unix.DT_REG, unix.DT_REG, unix.DT_DIR, unix.DT_DIR, unix.DT_LNK, unix.DT_FIFO, unix.DT_SOCK}
	if os.Geteuid() == 0 {
		kinds = append(kinds, unix.DT_CHR)
	}
	n := node{
		kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		mode: rapid.SampledFrom([]uint32{0o700, 0o644, 0o755, 0o4711, 0o1777, 0o2775}).Draw(t, "mode"),
		seed: rapid.Byte().Draw(t, "seed"),
		time: unix.NsecToTimespec(rapid.SampledFrom([]int64{0, 1, 999_999_999, 1_700_000_000_123_456_789, -1_500_000_001}).Draw(t, "time")),
	}
	switch n.kind {
	case unix.DT_REG:
		n.size = rapid.SampledFrom([]int64{0, 0, 1, 2, 60, 4096, chunkSize, chunkSize + 1}).Draw(t, "size")
		switch rapid.IntRange(0, 20).Draw(t, "large") {
		case 0:
			n.size = large + 1
		case 1:
			n.size, n.hole = large+sparse, true
		}
	case unix.DT_DIR:
		n.mode |= 0o700
	case unix.DT_LNK:
		n.target = rapid.SampledFrom([]string{"a", "/etc/passwd", "..", "to space", `ends in\`, "\xff", "gl*b"}).Draw(t, "target")
	}
	if n.kind == unix.DT_REG || n.kind == unix.DT_DIR {
		n.xattrs = rapid.MapOfN(rapid.SampledFrom([]string{"user.a", "user.b c", "user.ü", "user.eq="}), rapid.SampledFrom([]string{"", "v", "\x00\xff", "long value that needs padding"}), 0, 2).Draw(t, "xattrs")
	}
	return n
}

// plant makes the tree below root, which it creates.
func plant(root string, tree []node) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for _, n := range tree {
		if err := plantNode(root, n); err != nil {
			return fmt.Errorf("plant %q: %w", n.path, err)
		}
	}
	// Times last: what is made in a directory changes its own.
	for _, n := range slices.Backward(tree) {
		if err := setTime(root, n.path, n.time); err != nil {
			return err
		}
	}
	return nil
}

func plantNode(root string, n node) error {
	path := filepath.Join(root, n.path)
	if n.linked != "" {
		return os.Link(filepath.Join(root, n.linked), path)
	}
	var err error
	switch n.kind {
	case unix.DT_REG:
		err = writeContent(path, n)
	case unix.DT_DIR:
		err = os.Mkdir(path, 0o700)
	case unix.DT_LNK:
		return os.Symlink(n.target, path)
	case unix.DT_FIFO:
		err = unix.Mknod(path, unix.S_IFIFO|0o600, 0)
	case unix.DT_SOCK:
		err = unix.Mknod(path, unix.S_IFSOCK|0o600, 0)
	case unix.DT_CHR:
		err = unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	}
	if err != nil {
		return err
	}
	for k, v := range n.xattrs {
		if err := unix.Setxattr(path, k, []byte(v), 0); err != nil {
			return fmt.Errorf("set an extended attribute; set TMPDIR to a file system that has them: %w", err)
		}
	}
	return unix.Chmod(path, n.mode)
}

func writeContent(path string, n node) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content := n.content()
	if !n.hole {
		_, err = f.Write(content)
		return err
	}
	if err := f.Truncate(n.size); err != nil {
		return err
	}
	_, err = f.WriteAt(content[n.size/3:n.size*2/3], n.size/3)
	return err
}

func setTime(root, path string, to unix.Timespec) error {
	return unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, path), []unix.Timespec{to, to}, unix.AT_SYMLINK_NOFOLLOW)
}

// change is one thing that becomes different in a tree.
type change struct {
	name string
	// applies says to which nodes.
	applies func(n node) bool
	// apply changes it; times are put back by the caller.
	apply func(path string, n node) error
	// what Verify is to say: missing, extra, or the keywords that changed.
	missing, extra string // path, with NAME for the node's own
	keywords       string
	time           bool // the time is what is changed
}

func isFile(n node) bool { return n.kind == unix.DT_REG }

// Hard links share what they are; their changes show at every name, and have a test of their own.
var changes = []change{
	{name: "a byte", applies: func(n node) bool { return isFile(n) && n.size > 0 }, keywords: "sha256digest", apply: func(path string, n node) error {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		at := n.size - 1
		_, err = f.WriteAt([]byte{n.content()[at] ^ 1}, at)
		return err
	}},
	{name: "a longer file", applies: isFile, keywords: "sha256digest, size", apply: func(path string, n node) error { return unix.Truncate(path, n.size+1) }},
	{name: "a shorter file", applies: func(n node) bool { return isFile(n) && n.size > 0 }, keywords: "sha256digest, size", apply: func(path string, n node) error { return unix.Truncate(path, n.size-1) }},
	{name: "a mode", applies: func(n node) bool { return n.kind != unix.DT_LNK }, keywords: "mode", apply: func(path string, n node) error { return unix.Chmod(path, n.mode^0o010) }},
	{name: "a time", applies: func(node) bool { return true }, keywords: "time", time: true, apply: func(path string, n node) error {
		later := unix.NsecToTimespec(unix.TimespecToNsec(n.time) + 1)
		return setTime("", path, later)
	}},
	{name: "a new attribute", applies: func(n node) bool { return isFile(n) || n.kind == unix.DT_DIR }, keywords: "xattr", apply: func(path string, _ node) error {
		return unix.Setxattr(path, "user.new", nil, 0)
	}},
	{name: "an attribute's value", applies: func(n node) bool { return len(n.xattrs) > 0 }, keywords: "xattr", apply: func(path string, n node) error {
		for k, v := range n.xattrs {
			return unix.Setxattr(path, k, []byte(v+"x"), 0)
		}
		return nil
	}},
	{name: "a lost attribute", applies: func(n node) bool { return len(n.xattrs) > 0 }, keywords: "xattr", apply: func(path string, n node) error {
		for k := range n.xattrs {
			return unix.Removexattr(path, k)
		}
		return nil
	}},
	{name: "a target", applies: func(n node) bool { return n.kind == unix.DT_LNK }, keywords: "link", apply: func(path string, n node) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Symlink(n.target+"x", path)
	}},
	{name: "a type", applies: func(n node) bool { return n.kind == unix.DT_FIFO }, keywords: "type", apply: func(path string, n node) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := unix.Mknod(path, unix.S_IFSOCK|0o600, 0); err != nil {
			return err
		}
		return unix.Chmod(path, n.mode)
	}},
	{name: "a name", applies: func(n node) bool { return n.kind != unix.DT_DIR }, missing: "NAME", extra: "NAME.new", apply: func(path string, _ node) error {
		return os.Rename(path, path+".new")
	}},
	{name: "less", applies: func(n node) bool { return n.kind != unix.DT_DIR }, missing: "NAME", apply: func(path string, _ node) error { return os.Remove(path) }},
	{name: "more", applies: func(n node) bool { return n.kind == unix.DT_DIR }, extra: "NAME/more", apply: func(path string, _ node) error {
		return os.WriteFile(filepath.Join(path, "more"), nil, 0o644)
	}},
}

// applyTo applies the change to a node of a planted tree, and puts back what else this touched.
func (c change) applyTo(root string, n node, tree []node) error {
	path := filepath.Join(root, n.path)
	if err := c.apply(path, n); err != nil {
		return fmt.Errorf("change %s of %q: %w", c.name, n.path, err)
	}
	if c.time {
		return nil
	}
	if strings.HasPrefix(c.keywords, "sha256digest") { // writing takes set-user-ID away, unless root does it
		if err := unix.Chmod(path, n.mode); err != nil {
			return err
		}
	}
	for _, other := range slices.Backward(tree) {
		if err := setTime(root, other.path, other.time); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if c.extra == "NAME.new" {
		return setTime(root, n.path+".new", n.time)
	}
	return nil
}

// said is what Verify is to say of the change.
func (c change) said(n node) []string {
	at := func(path string) string {
		return "./" + string(appendEscaped(nil, strings.ReplaceAll(path, "NAME", n.path)))
	}
	var all []string
	if c.missing != "" {
		all = append(all, "missing "+at(c.missing))
	}
	if c.extra != "" {
		all = append(all, "extra "+at(c.extra))
	}
	if c.keywords != "" {
		all = append(all, "changed "+at("NAME")+": "+c.keywords)
	}
	return all
}
