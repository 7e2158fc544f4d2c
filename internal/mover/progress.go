// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// every is how often progress is printed.
const every = 10 * time.Second

// Gauge is asked how far the work is.
type Gauge func() (bytes, files int64)

// meter prints progress now and then.
type meter struct {
	out   io.Writer
	clock clock.WithTicker
	gauge Gauge
	total int64

	last  time.Time
	bytes int64
}

// Tell prints how far something is until the function that it returns is called.
func (p Parts) Tell(ctx context.Context, gauge Gauge) (stop func()) {
	return (&meter{out: p.Out, clock: p.Clock, gauge: gauge}).run(ctx)
}

// run prints until the function that it returns is called.
func (m *meter) run(ctx context.Context) (stop func()) {
	m.last = m.clock.Now()
	return repeat(ctx, m.clock, every, m.print)
}

func (m *meter) print(now time.Time) error {
	bytes, files := m.gauge()
	p := result.Progress{Bytes: bytes, Files: files, TotalBytes: m.total}
	if seconds := now.Sub(m.last).Seconds(); seconds > 0 {
		p.BytesPerSecond = int64(float64(bytes-m.bytes) / seconds)
	}
	m.last, m.bytes = now, bytes
	raw, err := json.Marshal(p)
	if err == nil {
		_, err = fmt.Fprintf(m.out, "%s%s\n", result.ProgressMark, raw)
	}
	return err
}

// repeat does something at intervals, until it fails, or the function that repeat returns is called, which waits for it.
func repeat(ctx context.Context, c clock.WithTicker, interval time.Duration, do func(time.Time) error) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	ticker := c.NewTicker(interval)
	group.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case now := <-ticker.C():
				if do(now) != nil {
					return
				}
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		group.Wait()
	})
}
