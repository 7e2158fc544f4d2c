// SPDX-License-Identifier: Apache-2.0

//go:build linux

package recovery

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// show shows how far the work is, until the function that it returns is called: as a bar on a terminal, as lines elsewhere.
func (t Tool) show(ctx context.Context, what string, done, total *atomic.Int64) (stop func()) {
	if t.Terminal {
		return t.every(ctx, 200*time.Millisecond, t.bar(what, done, total))
	}
	return t.every(ctx, 10*time.Second, func(last bool) {
		if !last {
			fmt.Fprintf(t.Err, "%s: %s of %s\n", what, inBytes(done.Load()), inBytes(total.Load()))
		}
	})
}

// bar draws; its errors are those of a terminal that went away, which is no reason to stop.
func (t Tool) bar(what string, done, total *atomic.Int64) func(last bool) {
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(t.Err), progressbar.OptionSetDescription(what), progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true), progressbar.OptionShowElapsedTimeOnFinish())
	known := false
	return func(last bool) {
		if n := total.Load(); n > 0 && !known {
			known = true
			bar.ChangeMax64(n)
		}
		_ = bar.Set64(done.Load())
		if last {
			_ = bar.Exit()
			fmt.Fprintln(t.Err)
		}
	}
}

func (t Tool) every(ctx context.Context, interval time.Duration, do func(last bool)) (stop func()) {
	done := make(chan struct{})
	ticker := t.Clock.NewTicker(interval)
	var group sync.WaitGroup
	group.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-done:
				do(true)
				return
			case <-ctx.Done():
				<-done
				do(true)
				return
			case <-ticker.C():
				do(false)
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		group.Wait()
	})
}
