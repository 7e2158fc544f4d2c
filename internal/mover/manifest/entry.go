// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"crypto/sha256"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// entry is one thing in the tree. The walk fills in where it is, a worker what it is.
type entry struct {
	dir  *dir   // the directory that holds it; nil for the root
	self *dir   // itself, opened, when it is a directory
	name string // as it is, not escaped
	kind uint8  // unix.DT_REG and so on

	stat   unix.Statx_t
	sum    [sha256.Size]byte // of the content of a regular file
	target string            // of a symbolic link
	xattrs []xattr           // sorted by name
	err    error             // why it could not be read

	// Of a walk that copies.
	before prior  // what the last copy knows of it
	stored string // what its content is called where it is kept
	taken  string // the text of its attributes as the last copy has it; instead of xattrs
	lied   bool   // its content changed, and its status did not
}

// xattr is an extended attribute.
type xattr struct {
	name  string
	value []byte
}

// dir is an open directory. It is closed once the walk has left it and no entry in it is under way.
type dir struct {
	fd    int
	path  string // escaped, ending in a slash
	depth int    // of what it contains; the root's is 1
	refs  atomic.Int32
	open  *crowd
}

func (d *dir) hold() { d.refs.Add(1) }

func (d *dir) release() {
	if d != nil && d.refs.Add(-1) == 0 {
		unix.Close(d.fd)
		d.open.leave()
	}
}

// crowd counts open directories. The walk may be thousands of small ones ahead of the workers, but a process may have
// only so many open files; 1024 is a common limit.
type crowd struct {
	mu      sync.Mutex
	fewer   sync.Cond
	present int
}

// mostAhead is how many directories may be open besides those that lead to where the walk is.
const mostAhead = 256

func newCrowd() *crowd {
	c := &crowd{}
	c.fewer.L = &c.mu
	return c
}

// enter waits until there is room beside so many that stay.
func (c *crowd) enter(stay int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.present >= stay+mostAhead {
		c.fewer.Wait()
	}
	c.present++
}

// full tells whether enter would wait.
func (c *crowd) full(stay int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present >= stay+mostAhead
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present--
	c.fewer.Signal()
}

// The most that is under way at a time: entries a worker may be ahead of a slow one. It bounds the memory of a walk.
const (
	batchSize = 128
	window    = 64 // batches
)

// batch is a run of entries, in the order of the walk. Batches save work at the queues, and are used again.
type batch struct {
	entries [batchSize]entry
	n       int
	pending sync.WaitGroup // of the workers
}

// queue hands out entries one by one, so that several workers share a batch with several large files.
type queue struct {
	batches <-chan *batch
	mu      sync.Mutex
	current *batch
	next    int
}

// take returns an entry and its batch, or nil when there is no more.
func (q *queue) take() (*batch, *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current == nil {
		b, ok := <-q.batches
		if !ok {
			return nil, nil
		}
		q.current, q.next = b, 0
	}
	b, e := q.current, &q.current.entries[q.next]
	if q.next++; q.next == b.n {
		q.current = nil // it may be in use again as soon as its entries are done
	}
	return b, e
}

var (
	errChanged = errors.New("it changed while it was read")
	errForeign = errors.New("another file system is mounted here; it is no part of the volume: unmount it, or give its own path")
)

// status asks for what a manifest records. An empty name stands for the opened thing itself.
func status(fd int, name string, into *unix.Statx_t) error {
	const flags = unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	for {
		err := unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, into)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// kindOf is the kind that a mode tells.
func kindOf(mode uint16) uint8 { return uint8(mode & unix.S_IFMT >> 12) }
