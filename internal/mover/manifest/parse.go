// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// longestLine bounds what a damaged manifest can make us hold. Attributes are what makes a line long: 64 KiB each.
const longestLine = 16 << 20

// reader reads a manifest, entry by entry.
type reader struct {
	lines  *bufio.Scanner
	number int
	hash   hash.Hash
	ended  bool

	path []byte // of the current entry, escaped
	line []byte // all of it, without the end of the line
	raw  []byte // the path, not escaped
	last []byte // the path before, not escaped
}

func newReader(from io.Reader) *reader {
	h := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(from, h))
	lines.Buffer(make([]byte, 64<<10), longestLine)
	return &reader{lines: lines, hash: h}
}

// next moves to the next entry. The end is io.EOF only behind the end mark: a manifest that was cut off is an error.
func (r *reader) next() error {
	for r.lines.Scan() {
		r.number++
		line := r.lines.Bytes()
		switch {
		case r.ended:
			return r.wrong("something follows the end mark")
		case r.number <= 2:
			if want := bytes.Split([]byte(header), []byte("\n"))[r.number-1]; !bytes.Equal(line, want) {
				return r.wrong(fmt.Sprintf("is %.80q; a manifest of this version has %q", line, want))
			}
		case bytes.HasPrefix(line, []byte(endMark)):
			r.ended = true
		case bytes.HasPrefix(line, []byte("#")):
			return r.wrong(fmt.Sprintf("is %.80q: the manifest is incomplete; nothing can be compared with it", line))
		default:
			return r.entry(line)
		}
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	if !r.ended {
		return errors.New("the manifest has no end mark: it was cut off, or is none")
	}
	return io.EOF
}

func (r *reader) wrong(what string) error {
	return fmt.Errorf("line %d of the manifest: %s", r.number, what)
}

func (r *reader) entry(line []byte) error {
	first := r.path == nil
	path, _, found := bytes.Cut(line, []byte(" "))
	fits := string(path) == "."
	if !first {
		fits = len(path) > len("./") && bytes.HasPrefix(path, []byte("./"))
	}
	if !found || !fits {
		return r.wrong(fmt.Sprintf("%.80q is no entry at this place", line))
	}
	r.line, r.path = line, path
	r.last, r.raw = r.raw, r.last
	raw, err := appendUnescaped(r.raw[:0], path)
	if err != nil {
		return r.wrong(err.Error())
	}
	r.raw = raw
	if !first && comparePaths(r.last, r.raw) >= 0 {
		return r.wrong("entries are not in order")
	}
	return nil
}

// comparePaths orders paths as a walk does: name by name, so that a directory is followed by what it contains.
func comparePaths(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		// No name holds a zero, so that the slash can stand for the lowest.
		if x == '/' {
			x = 0
		}
		if y == '/' {
			y = 0
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}
