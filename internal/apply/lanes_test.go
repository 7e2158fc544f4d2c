// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// enter asks for a lane in the background and tells whether it was granted by the time all is quiet.
func enter(t *testing.T, l *Lanes, policy, driver string) (granted func() bool, leave func()) {
	t.Helper()
	var release func()
	done := make(chan struct{})
	go func() {
		r, err := l.Enter(t.Context(), policy, driver)
		if err == nil {
			release = r
		}
		close(done)
	}()
	granted = func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	granted()
	return granted, func() { release() }
}

func TestLanesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLanes(4)
		var leave []func()
		for i := range 3 {
			ok, out := enter(t, l, "p", "a")
			if !ok() {
				t.Fatalf("lane %d of 3 for one driver is not granted", i+1)
			}
			leave = append(leave, out)
		}
		fourth, leaveFourth := enter(t, l, "p", "a")
		if fourth() {
			t.Fatal("one driver takes all lanes")
		}
		other, leaveOther := enter(t, l, "p", "b")
		if !other() {
			t.Fatal("another driver waits behind the first, though it has a lane")
		}
		fifth, leaveFifth := enter(t, l, "q", "b")
		if fifth() {
			t.Fatal("more lanes are granted than there are")
		}
		leaveOther()
		if !fifth() {
			t.Fatal("a free lane is not passed on")
		}
		leave[0]()
		if !fourth() {
			t.Fatal("a free lane of the driver is not passed on")
		}
		for _, out := range append(leave[1:], leaveFourth, leaveFifth) {
			out()
		}
		if l.busy != 0 || len(l.drivers) != 0 || len(l.queues) != 0 || len(l.turns) != 0 {
			t.Errorf("when all have left there remains %+v", l)
		}
	})
}

// TestPoliciesTakeTurns: one with a single volume is served next, not behind a thousand. Who still waits gives up at the end.
func TestPoliciesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLanes(1)
		_, leave := enter(t, l, "large", "a")
		var outs []func()
		for range 20 {
			_, out := enter(t, l, "large", "a")
			outs = append(outs, out)
		}
		small, leaveSmall := enter(t, l, "small", "a")
		leave()
		for n := 0; !small(); n++ {
			if n > 1 {
				t.Fatalf("the small policy waits behind %d of the large one", n)
			}
			outs[n]()
		}
		leaveSmall()
	})
}

func TestGivingUpFreesThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLanes(1)
		_, leave := enter(t, l, "p", "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := l.Enter(ctx, "p", "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("waiting ended with %v", err)
		}
		leave()
		next, out := enter(t, l, "q", "a")
		if !next() {
			t.Fatal("who gave up still holds the place")
		}
		out()
	})
}

// TestLanesUnderLoad: many at once, some of whom give up: never more than the limits, and in the end nothing remains.
func TestLanesUnderLoad(t *testing.T) {
	const width = 8
	l := NewLanes(width)
	var busy atomic.Int64
	perDriver := map[string]*atomic.Int64{"a": {}, "b": {}}
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			driver := []string{"a", "b"}[r.IntN(2)]
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(3000))*time.Microsecond)
			defer cancel()
			release, err := l.Enter(ctx, fmt.Sprintf("policy-%d", i%7), driver)
			if err != nil {
				return
			}
			if n := busy.Add(1); n > width {
				t.Errorf("%d lanes are taken of %d", n, width)
			}
			if n := perDriver[driver].Add(1); n > width*3/4 {
				t.Errorf("one driver takes %d lanes of %d", n, width)
			}
			time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
			perDriver[driver].Add(-1)
			busy.Add(-1)
			release()
		})
	}
	wg.Wait()
	if l.busy != 0 || len(l.drivers) != 0 || len(l.queues) != 0 || len(l.turns) != 0 {
		t.Errorf("when all have left there remain %d busy, %v, %v, %v", l.busy, l.drivers, l.queues, l.turns)
	}
}
