// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Type is the type of an entry, in the words of mtree(5).
type Type string

// The types of entries.
const (
	File      Type = "file"
	Directory Type = "dir"
	Symlink   Type = "link"
	FIFO      Type = "fifo"
	Socket    Type = "socket"
	Character Type = "char"
	Block     Type = "block"
)

func typeOf(kind uint8) Type { return Type(typeName(kind)) }

// Item is an entry of a manifest that was read.
type Item struct {
	Path   string // below the root, not escaped; empty for the root
	Type   Type
	Mode   uint32 // permission bits, with setuid, setgid and sticky as in st_mode
	UID    uint32
	GID    uint32
	Size   int64
	Mod    time.Time // zero for the root
	Sum    [sha256.Size]byte
	Target string // of a symbolic link
	Major  uint32 // of a device
	Minor  uint32
	Tag    string // what the names of one file share; empty for a file with one name
	Links  uint32 // how many names that file has
	Xattrs []Xattr
}

// Xattr is an extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Reader reads a manifest, entry by entry. It believes nothing: names that lead elsewhere, names in the wrong order or twice,
// and entries of what is no directory are errors.
type Reader struct {
	reader *reader
	fields fields
	inside []string // the directories that hold the current entry, by their paths
	begun  bool
}

// NewReader reads a manifest.
func NewReader(from io.Reader) *Reader { return &Reader{reader: newReader(from)} }

// Digest of the manifest, once Next has returned io.EOF.
func (r *Reader) Digest() string { return digest(r.reader.hash.Sum(nil)) }

// Next returns the next entry; the root is the first. The end is io.EOF, only behind the end mark.
func (r *Reader) Next() (Item, error) {
	if err := r.reader.next(); err != nil {
		if errors.Is(err, io.EOF) && !r.begun {
			err = errors.New("the manifest has no entry")
		}
		return Item{}, err
	}
	item, err := r.item()
	if err != nil {
		return Item{}, r.reader.wrong(err.Error())
	}
	r.begun = true
	return item, nil
}

func (r *Reader) item() (Item, error) {
	f := &r.fields
	if err := f.parse(r.reader.line); err != nil {
		return Item{}, err
	}
	path := string(r.reader.raw)
	if !bytes.Equal(appendEscaped(nil, path), r.reader.path) {
		return Item{}, fmt.Errorf("%.80q is not written as a path is", r.reader.path)
	}
	if err := r.place(path, f.kind); err != nil {
		return Item{}, err
	}
	item := Item{
		Type: typeOf(f.kind), Mode: f.mode, UID: f.uid, GID: f.gid, Size: int64(f.size), Sum: f.sum, Major: f.major, Minor: f.minor, Tag: string(f.tag), Links: f.links,
	}
	if path != "." {
		item.Path, item.Mod = path[len("./"):], time.Unix(f.modified.sec, int64(f.modified.nsec)).UTC()
	}
	target, err := appendUnescaped(nil, f.target)
	if err != nil {
		return Item{}, err
	}
	if item.Target = string(target); f.kind == unix.DT_LNK && (len(target) == 0 || bytes.IndexByte(target, 0) >= 0) {
		return Item{}, fmt.Errorf("%.80q is no target of a symbolic link", target)
	}
	item.Xattrs, err = f.attributes()
	return item, err
}

// Select writes the part of a manifest that a restore of some paths brings back. It counts nothing, and has another digest.
func Select(from io.Reader, to io.Writer, wanted func(path string) bool) error {
	all := NewReader(from)
	if _, err := io.WriteString(to, header); err != nil {
		return err
	}
	for {
		item, err := all.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.WriteString(to, endMark+"of a part\n")
			return err
		}
		if err != nil {
			return err
		}
		if wanted(item.Path) {
			if _, err := fmt.Fprintf(to, "%s\n", all.reader.line); err != nil {
				return err
			}
		}
	}
}

// place checks that an entry stands in a directory of the manifest, and that its name is one.
func (r *Reader) place(path string, kind uint8) error {
	if path == "." {
		if kind != unix.DT_DIR {
			return errors.New("the root is no directory")
		}
		r.inside = append(r.inside[:0], "./")
		return nil
	}
	for n := len(r.inside); ; n-- {
		if n == 0 {
			return fmt.Errorf("%.80q stands in no directory", path)
		}
		if in := r.inside[n-1]; len(path) > len(in) && path[:len(in)] == in {
			if err := checkName(path[len(in):]); err != nil {
				return err
			}
			r.inside = r.inside[:n]
			break
		}
	}
	if kind == unix.DT_DIR {
		r.inside = append(r.inside, path+"/")
	}
	return nil
}

// checkName refuses what is no single name.
func checkName(name string) error {
	if name == "." || name == ".." || len(name) > 255 || bytes.ContainsAny([]byte(name), "/\x00") {
		return fmt.Errorf("%.80q is no name in a directory", name)
	}
	return nil
}

// fields are what a line says, as it is written.
type fields struct {
	kind      uint8
	uid, gid  uint32
	mode      uint32
	size      uint64
	target    []byte // escaped
	major     uint32
	minor     uint32
	tag       []byte
	links     uint32
	modified  instant
	sum       [sha256.Size]byte
	xattrs    []byte // each with a blank before it, escaped
	remaining []byte // while parsing
}

var kinds = map[string]uint8{
	"file": unix.DT_REG, "dir": unix.DT_DIR, "link": unix.DT_LNK, "fifo": unix.DT_FIFO, "socket": unix.DT_SOCK, "char": unix.DT_CHR, "block": unix.DT_BLK,
}

// parse takes a line apart. It knows what appendLine writes, in its order, and nothing else.
func (f *fields) parse(line []byte) error {
	path, rest, _ := bytes.Cut(line, []byte(" "))
	*f = fields{remaining: rest}
	kind, known := kinds[string(f.word("type="))]
	if f.kind = kind; !known {
		return fmt.Errorf("%.80q has no type that is known", path)
	}
	numbers := []error{f.number("uid=", 10, &f.uid), f.number("gid=", 10, &f.gid), f.number("mode=", 8, &f.mode)}
	var wrong error
	switch kind {
	case unix.DT_REG:
		f.size, wrong = strconv.ParseUint(string(f.word("size=")), 10, 63)
	case unix.DT_LNK:
		f.target = f.word("link=")
	case unix.DT_CHR, unix.DT_BLK:
		wrong = f.device(f.word("device="))
	}
	if kind != unix.DT_DIR && bytes.HasPrefix(f.remaining, []byte("nlink=")) {
		numbers = append(numbers, f.number("nlink=", 10, &f.links))
		f.tag = f.word("tags=")
	}
	if string(path) != "." && wrong == nil {
		f.modified, wrong = parseInstant(f.word("time="))
	}
	if kind == unix.DT_REG && wrong == nil {
		if n, err := hex.Decode(f.sum[:], at64(f.word("sha256digest="))); err != nil || n != len(f.sum) {
			wrong = errors.New("no SHA-256")
		}
	}
	if err := errors.Join(append(numbers, wrong)...); err != nil || f.mode > 0o7777 {
		return fmt.Errorf("what is said of %.80q cannot be understood: %w", path, cmp.Or(err, errors.New("mode")))
	}
	if f.xattrs = f.remaining; len(f.xattrs) > 0 && !bytes.HasPrefix(f.xattrs, []byte("xattr.")) {
		return fmt.Errorf("%.80q is said what is not known: %.80q", path, f.xattrs)
	}
	if len(f.xattrs) > 0 {
		f.xattrs = line[len(line)-len(f.xattrs)-1:]
	}
	return nil
}

// at64 is a hexadecimal SHA-256, or nothing: decoding must not write past its end.
func at64(s []byte) []byte {
	if len(s) != 2*sha256.Size {
		return nil
	}
	return s
}

// word takes the next word when it begins so, and returns the rest of it.
func (f *fields) word(prefix string) []byte {
	word, rest, _ := bytes.Cut(f.remaining, []byte(" "))
	value, found := bytes.CutPrefix(word, []byte(prefix))
	if !found {
		return nil
	}
	f.remaining = rest
	return value
}

func (f *fields) number(prefix string, base int, into *uint32) error {
	n, err := strconv.ParseUint(string(f.word(prefix)), base, 32)
	*into = uint32(n)
	return err
}

func (f *fields) device(word []byte) error {
	_, err := fmt.Sscanf(string(word), "linux,%d,%d", &f.major, &f.minor)
	return err
}

// attributes decodes the extended attributes.
func (f *fields) attributes() ([]Xattr, error) {
	var all []Xattr
	for _, word := range bytes.Fields(f.xattrs) {
		name, value, found := bytes.Cut(bytes.TrimPrefix(word, []byte("xattr.")), []byte("="))
		raw, err := appendUnescaped(nil, name)
		if err != nil {
			return nil, err
		}
		decoded, err := base64.StdEncoding.AppendDecode(nil, value)
		if err != nil || !found || !recorded(string(raw)) || bytes.IndexByte(raw, 0) >= 0 {
			return nil, fmt.Errorf("%.80q is no extended attribute", word)
		}
		all = append(all, Xattr{string(raw), decoded})
	}
	return all, nil
}
