// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

// Facts are what the next copy wants to know and a manifest must not hold, because they differ from machine to machine:
// for each regular file, in the order of the manifest, a line with its time of change, its inode, the first half of its
// SHA-256, by which the line is known to belong to it, and what its content is called.
const factsHeader = "# Lifeboat facts, version 1, newest "

// FactsHeader is the line that stands before the facts of a copy.
func FactsHeader(c Copied) string { return factsHeader + c.Newest + "\n" }

// instant is a time of change.
type instant struct {
	sec  int64
	nsec uint32
}

func (i instant) before(j instant) bool { return i.sec < j.sec || i.sec == j.sec && i.nsec < j.nsec }

func (i instant) String() string {
	return string(appendNanoseconds(append(strconv.AppendInt(nil, i.sec, 10), '.'), i.nsec))
}

func parseInstant(s []byte) (i instant, err error) {
	sec, nsec, found := bytes.Cut(s, []byte("."))
	i.sec, err = strconv.ParseInt(string(sec), 10, 64)
	n, wrong := strconv.ParseUint(string(nsec), 10, 32)
	if i.nsec = uint32(n); !found || err != nil || wrong != nil || len(nsec) != 9 {
		return instant{}, fmt.Errorf("%.40q is no time", s)
	}
	return i, nil
}

// factsWriter writes the facts of a copy.
type factsWriter struct {
	to     *bufio.Writer
	line   []byte
	newest instant // of the times of change; but the root's, which mounting may move
}

func (w *factsWriter) add(e *entry) error {
	changed := instant{e.stat.Ctime.Sec, e.stat.Ctime.Nsec}
	if e.dir != nil && w.newest.before(changed) {
		w.newest = changed
	}
	if e.kind != unix.DT_REG {
		return nil
	}
	to := appendNanoseconds(append(strconv.AppendInt(w.line[:0], changed.sec, 10), '.'), changed.nsec)
	to = strconv.AppendUint(append(to, ' '), e.stat.Ino, 10)
	to = hex.AppendEncode(append(to, ' '), e.sum[:factSum])
	w.line = append(append(append(to, ' '), e.stored...), '\n')
	_, err := w.to.Write(w.line)
	return err
}

// factSum is how many bytes of a file's hash its facts repeat.
const factSum = sha256.Size / 2

// prior is what the last copy knows of a file.
type prior struct {
	known     bool
	unchanged bool // it is what it was
	sampled   bool // and is read all the same
	size      uint64
	modified  instant
	changed   instant
	inode     uint64
	sum       [sha256.Size]byte
	stored    string
	xattrs    string // as they stand in the manifest
}

// Before is what the last copy of a volume knows. It is read along with a walk, which has the same order.
type Before struct {
	manifest *reader
	facts    *bufio.Scanner
	newest   instant
	fields   fields
	over     bool
	err      error
	path     []byte // of what is looked for, escaped
	raw      []byte // the same, not escaped
}

// NewBefore reads the manifest and the facts of the last copy.
func NewBefore(manifest, facts io.Reader) (*Before, error) {
	b := &Before{manifest: newReader(manifest), facts: bufio.NewScanner(facts)}
	b.facts.Buffer(make([]byte, 64<<10), 1<<20)
	if !b.facts.Scan() {
		return nil, errors.Join(errors.New("there are no facts"), b.facts.Err())
	}
	newest, found := bytes.CutPrefix(b.facts.Bytes(), []byte(factsHeader))
	if !found {
		return nil, fmt.Errorf("the facts begin with %.80q: they are of another version", b.facts.Bytes())
	}
	var err error
	if b.newest, err = parseInstant(newest); err != nil {
		return nil, err
	}
	b.advance()
	return b, nil
}

// Err is why the last copy could not be read to its end; what came later was read from the volume.
func (b *Before) Err() error { return b.err }

// settled is the end of the times that can be trusted.
func (b *Before) settled() instant { return instant{b.newest.sec - 2, b.newest.nsec} }

// advance goes to the next file of the last copy.
func (b *Before) advance() {
	for !b.over {
		err := b.manifest.next()
		if err == nil {
			err = b.fields.parse(b.manifest.line)
		}
		switch {
		case errors.Is(err, io.EOF):
			b.over = true
		case err != nil:
			b.stop(err)
		case b.fields.kind == unix.DT_REG:
			if !b.facts.Scan() {
				b.stop(errors.Join(errors.New("the facts end before the manifest"), b.facts.Err()))
			}
			return
		}
	}
}

func (b *Before) stop(err error) { b.over, b.err = true, err }

// find tells an entry what is known of it.
func (b *Before) find(e *entry) {
	if b.over {
		return
	}
	b.path = e.appendPath(b.path[:0])
	if !bytes.Equal(b.manifest.path, b.path) {
		var err error
		if b.raw, err = appendUnescaped(b.raw[:0], b.path); err != nil {
			b.stop(err)
		}
		for !b.over && comparePaths(b.manifest.raw, b.raw) < 0 {
			b.advance()
		}
		if b.over || !bytes.Equal(b.manifest.path, b.path) {
			return
		}
	}
	if err := b.recall(&e.before); err != nil {
		b.stop(err)
		return
	}
	b.advance()
}

// recall puts together what manifest and facts say of the current file.
func (b *Before) recall(p *prior) error {
	words := bytes.Split(b.facts.Bytes(), []byte(" "))
	f := &b.fields
	if len(words) != 4 {
		return fmt.Errorf("%.120q are no facts", b.facts.Bytes())
	}
	changed, err := parseInstant(words[0])
	if err != nil {
		return err
	}
	inode, err := strconv.ParseUint(string(words[1]), 10, 64)
	if err != nil {
		return err
	}
	if !bytes.Equal(words[2], hex.AppendEncode(nil, f.sum[:factSum])) {
		return errors.New("the facts belong to another manifest")
	}
	*p = prior{
		known: true, size: f.size, modified: f.modified, changed: changed, inode: inode, sum: f.sum,
		stored: string(words[3]), xattrs: string(f.xattrs),
	}
	return nil
}

// unchanged looks whether a file is what the last copy knows, and takes over what it need not find out then.
func (i *inspector) unchanged(e *entry) bool {
	p := &e.before
	if err := status(e.dir.fd, e.name, &e.stat); err != nil {
		return false // opening it will say why
	}
	s := &e.stat
	same := kindOf(s.Mode) == unix.DT_REG && sameMount(i.top, s) && s.Size == p.size && s.Ino == p.inode &&
		instant{s.Mtime.Sec, s.Mtime.Nsec} == p.modified && instant{s.Ctime.Sec, s.Ctime.Nsec} == p.changed
	if p.unchanged = same && p.changed.before(i.settled); !p.unchanged {
		return false
	}
	if p.sampled = i.distrust || i.samples(e); p.sampled {
		return true
	}
	e.sum, e.stored, e.taken = p.sum, p.stored, p.xattrs
	i.progress.Bytes.Add(int64(s.Size))
	return true
}

// sampling is of how many unchanged files one is read.
const sampling = 64

// samples tells whether a file is read though it is unchanged: by a hash of its path.
func (i *inspector) samples(e *entry) bool {
	const offset, prime = 14695981039346656037, 1099511628211 // of FNV-1a
	n := uint64(offset)
	for _, s := range []string{i.salt, e.dir.path, e.name} {
		for j := range len(s) {
			n = (n ^ uint64(s[j])) * prime
		}
	}
	return (n^n>>32)%sampling == 0
}
