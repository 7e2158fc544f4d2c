// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import "runtime"

const (
	// manyParts is from which size on content is written or read in several parts at once.
	manyParts = 16 << 20
	// mostAtOnce is how many parts are under way at once. Each is in memory, and takes some twenty MiB.
	mostAtOnce = 6
)

// atOnce is how many parts are worth having under way: a store takes its time, so that it is more than there are processors.
func atOnce() int { return min(2*runtime.GOMAXPROCS(0), mostAtOnce) }

// help is what large files share, so that memory is bounded: one alone gets all, and of many none gets much.
type help chan struct{}

func newHelp(n int) help {
	h := make(help, n)
	h.giveBack(n)
	return h
}

// take takes as many as there are, up to n.
func (h help) take(n int) (taken int) {
	for taken < n {
		select {
		case <-h:
			taken++
		default:
			return taken
		}
	}
	return taken
}

func (h help) giveBack(n int) {
	for range n {
		h <- struct{}{}
	}
}
