// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

func TestProgressIsPrintedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var done atomic.Int64
		m := &meter{out: &out, clock: clock.RealClock{}, total: 1000, gauge: func() (int64, int64) { return done.Load(), done.Load() / 10 }}
		stop := m.run(context.Background())
		done.Store(100)
		time.Sleep(11 * time.Second)
		done.Store(400)
		time.Sleep(10 * time.Second)
		stop()
		stop() // once more does nothing
		time.Sleep(time.Minute)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := []result.Progress{{Bytes: 100, Files: 10, BytesPerSecond: 10, TotalBytes: 1000}, {Bytes: 400, Files: 40, BytesPerSecond: 30, TotalBytes: 1000}}
		if len(lines) != len(want) {
			t.Fatalf("%q", lines)
		}
		for n, line := range lines {
			var p result.Progress
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, result.ProgressMark)), &p); err != nil || p != want[n] {
				t.Errorf("%q: %+v, want %+v, %v", line, p, want[n], err)
			}
		}
	})
}

// tally is a writer of which only what it has written and how often it was flushed matters.
type tally struct {
	repository.Writer
	written int64
	flushed int
	fails   error
}

func (t *tally) Written() int64 { return t.written }

func (t *tally) Flush(context.Context) error {
	t.flushed++
	return t.fails
}

func TestCheckpoints(t *testing.T) {
	begun := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	w := &tally{}
	p := checkpoints{to: w, last: begun}
	for n, c := range []struct {
		after   time.Duration
		written int64
		flushed int
	}{
		{time.Minute, 1 << 29, 0},
		{4 * time.Minute, 1<<30 - 1, 0},
		{4*time.Minute + time.Second, 1 << 30, 1}, // a gibibyte
		{9 * time.Minute, 1<<30 + 1, 1},
		{9*time.Minute + time.Second, 1<<30 + 1, 2}, // five minutes
		{10 * time.Minute, 2 << 30, 2},
		{10 * time.Minute, 3 << 30, 3},
	} {
		w.written = c.written
		if err := p.pass(context.Background(), begun.Add(c.after)); err != nil || w.flushed != c.flushed {
			t.Errorf("step %d: flushed %d times, want %d, %v", n, w.flushed, c.flushed, err)
		}
	}
	w.fails = errors.New("full")
	if err := p.pass(context.Background(), begun.Add(time.Hour)); !errors.Is(err, w.fails) {
		t.Errorf("%v", err)
	}
}
