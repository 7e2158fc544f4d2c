// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
)

// every is how often progress is told.
const every = 10 * time.Second

// show tells every ten seconds on the standard error how far a walk is, until the function that it returns is called.
func show(p *manifest.Progress) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		begun, tick := time.Now(), time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				fmt.Fprintf(os.Stderr, "%s: %d entries, %.1f MiB read\n", now.Sub(begun).Round(time.Second), p.Entries.Load(), float64(p.Bytes.Load())/(1<<20))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
