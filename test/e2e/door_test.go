// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"io"
	"net"
	"sync"
	"testing"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// door is a way of one test's own to the object store, which it can shut: what is taken away from it is there for all others.
type door struct {
	address, behind string

	mu     sync.Mutex
	closed bool
	listen net.Listener
	calls  map[net.Conn]bool
}

// newDoor is open, and goes with the test.
func newDoor(t *testing.T) *door {
	t.Helper()
	behind := storeKeys(t)["STORE_ENDPOINT"]
	host, _, err := net.SplitHostPort(behind)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{address: net.JoinHostPort(host, "0"), behind: behind, calls: map[net.Conn]bool{}}
	d.open(t)
	t.Cleanup(d.shut)
	return d
}

// open lets callers in, at the same address as ever.
func (d *door) open(t *testing.T) {
	t.Helper()
	listen, err := net.Listen("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.closed, d.listen, d.address = false, listen, listen.Addr().String()
	d.mu.Unlock()
	go func() {
		for {
			caller, err := listen.Accept()
			if err != nil {
				return // it was shut
			}
			go d.lead(caller)
		}
	}()
}

// shut lets nobody in any more, and throws out who is.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	_ = d.listen.Close()
	for c := range d.calls {
		_ = c.Close()
	}
}

// lead carries bytes both ways until either side is through.
func (d *door) lead(caller net.Conn) {
	defer d.leave(caller)
	store, err := net.Dial("tcp", d.behind)
	if err != nil || !d.enter(caller) {
		return
	}
	defer d.leave(store)
	if !d.enter(store) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{caller: store, store: caller} {
		both.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

func (d *door) enter(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[c] = true
	return !d.closed
}

func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.calls, c)
	_ = c.Close()
}

// through leads a repository through a door.
func through(d *door) func(*api.RepositorySpec) {
	return func(r *api.RepositorySpec) { r.S3.Endpoint = d.address }
}
