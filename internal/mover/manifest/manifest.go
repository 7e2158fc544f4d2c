// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// Summary is what is kept of a manifest: the fingerprint of a volume.
type Summary struct {
	// Digest is "sha256:" and the SHA-256 of the manifest's text, so that sha256sum of a stored manifest shows the same; of a
	// block volume, that of its content. Empty when something could not be read: part of a volume has no fingerprint.
	Digest      string `json:"digest,omitempty"`
	Files       int64  `json:"files"`
	Directories int64  `json:"directories"` // without the root
	Others      int64  `json:"others"`      // symbolic links, FIFOs, sockets, devices
	Bytes       int64  `json:"bytes"`       // of content: holes count, and a file counts once for each of its names
	Unreadable  int64  `json:"unreadable"`
}

// Incomplete is the error of a walk that could not read everything.
type Incomplete struct {
	Unreadable int64
	First      []error // some of the reasons, with paths: for a log, not for a status
}

// mostNamed is how many paths an error or a report names, of possibly millions.
const mostNamed = 20

func (e *Incomplete) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d could not be read, so that there is no fingerprint:", e.Unreadable)
	for _, err := range e.First {
		b.WriteString("\n  " + err.Error())
	}
	if more := e.Unreadable - int64(len(e.First)); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// Unwrap lets errors.Is find the reasons.
func (e *Incomplete) Unwrap() []error { return e.First }

// Make walks a mounted volume and writes its manifest to out, which may be nil. When something cannot be read, the walk
// goes on and the error is an *Incomplete; the summary has no digest then, and the text no end mark.
func Make(ctx context.Context, root string, out io.Writer, o Options) (Summary, error) {
	if out == nil {
		out = io.Discard
	}
	buffered := bufio.NewWriterSize(out, 256<<10)
	r := newRecorder(buffered)
	if err := walk(ctx, root, o, func(e *entry) error {
		_, err := r.record(e)
		return err
	}); err != nil {
		return Summary{}, err
	}
	s, err := r.finish()
	if flushed := buffered.Flush(); flushed != nil {
		return Summary{}, fmt.Errorf("write the manifest: %w", flushed)
	}
	return s, err
}

// recorder makes the text of a manifest, and its summary.
type recorder struct {
	to      io.Writer // the text and its hash
	hash    hash.Hash
	line    []byte
	names   hardlinks
	summary Summary
	failed  Incomplete
	begun   bool
}

func newRecorder(out io.Writer) *recorder {
	h := sha256.New()
	return &recorder{to: io.MultiWriter(out, h), hash: h, names: hardlinks{}}
}

// record writes an entry, and returns its line.
func (r *recorder) record(e *entry) ([]byte, error) {
	if !r.begun {
		r.begun = true
		if _, err := io.WriteString(r.to, header); err != nil {
			return nil, err
		}
	}
	if e.err != nil {
		return nil, r.unreadable(e)
	}
	r.count(e)
	r.line = e.appendLine(r.line[:0], r.names.group(e))
	_, err := r.to.Write(r.line)
	return r.line, err
}

func (r *recorder) unreadable(e *entry) error {
	// Without a root there is nothing at all, and the reason is the user's.
	if e.dir == nil {
		return e.err
	}
	r.summary.Unreadable++
	path := string(e.appendPath(nil))
	if len(r.failed.First) < mostNamed {
		r.failed.First = append(r.failed.First, fmt.Errorf("%s: %w", path, e.err))
	}
	_, err := io.WriteString(r.to, "#unreadable "+path+"\n")
	return err
}

func (r *recorder) count(e *entry) {
	switch {
	case e.kind == unix.DT_REG:
		r.summary.Files++
		r.summary.Bytes += int64(e.stat.Size)
	case e.kind != unix.DT_DIR:
		r.summary.Others++
	case e.dir != nil:
		r.summary.Directories++
	}
}

// finish writes the last line.
func (r *recorder) finish() (Summary, error) {
	s := &r.summary
	mark := endMark
	if s.Unreadable > 0 {
		mark = incompleteMark
	}
	_, err := fmt.Fprintf(r.to, "%sfiles=%d directories=%d others=%d bytes=%d\n", mark, s.Files, s.Directories, s.Others, s.Bytes)
	if err != nil {
		return *s, err
	}
	if s.Unreadable > 0 {
		r.failed.Unreadable = s.Unreadable
		return *s, &r.failed
	}
	s.Digest = digest(r.hash.Sum(nil))
	return *s, nil
}

func digest(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// hardlinks tells which entries are names of one file. A file is forgotten when all of its names were met, so that what
// is held is about 60 bytes for each file with names still to come.
type hardlinks map[fileID]*linked

type fileID struct {
	major, minor uint32
	inode        uint64
}

type linked struct {
	group uint64
	left  uint32
}

// group returns what the names of a file share, 0 for a file with one name: a hash of the first of its names, which unlike
// an inode number is the same in each copy.
func (h hardlinks) group(e *entry) uint64 {
	if e.kind == unix.DT_DIR || e.stat.Nlink < 2 {
		return 0
	}
	id := fileID{e.stat.Dev_major, e.stat.Dev_minor, e.stat.Ino}
	l, met := h[id]
	if !met {
		l = &linked{group: hashOf(e.appendPath(nil)), left: e.stat.Nlink}
		h[id] = l
	}
	if l.left--; l.left == 0 {
		delete(h, id)
	}
	return l.group
}

// hashOf is never 0.
func hashOf(path []byte) uint64 {
	sum := sha256.Sum256(path)
	var n uint64
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	return max(n, 1)
}

// MakeBlock reads a block device, or a file, as one stream, and writes to out, which may be nil, a line that
// `sha256sum --check` understands: the device is to be given as its standard input.
func MakeBlock(ctx context.Context, path string, out io.Writer, o Options) (Summary, error) {
	s, _, err := block(ctx, path, out, nil, o)
	return s, err
}
