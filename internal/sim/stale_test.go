// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// TestCacheThatLags lets the cache be behind by up to k writes while things happen. It then catches up, as every cache
// does, and all must be as if it had never been behind.
func TestCacheThatLags(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			from := s.begin(t)
			calm, _, err := s.run(from, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := calm.Dump()
			for _, k := range []int{1, 2, 4, 9, 20} {
				countRun(s.name, Lag, fmt.Sprintf("by up to %d writes", k))
				w, err := s.behind(from, k)
				if err != nil {
					t.Fatalf("behind by %d writes: %v", k, err)
				}
				expectSame(t, w, want, fmt.Sprintf("behind by %d writes", k))
			}
		})
	}
}

// behindFor is for how long the cache is behind: over the slot that is a minute away, and what follows at once.
const behindFor = 80 * time.Second

// behind plays a scenario with a cache that is behind for most of it. When the cache catches up every object is seen
// anew, as the events that a cache sends then would have it.
func (s scenario) behind(from *World, k int) (*World, error) {
	lag := k
	var world *World
	w, _, err := s.playFor(from, behindFor, func(w *World) *Operator {
		world = w
		return w.Start(nil, func() int { return lag })
	})
	if err != nil {
		return w, err
	}
	lag = 0
	world.operators[0].wakeAll()
	if err := w.Run(s.window - behindFor); err != nil {
		return w, err
	}
	w.Checks.AtRest()
	return w, nil
}

// TestWatchesThatBreak has watches broken while things happen, of all kinds or of one, so that the operator only ever
// sees what a list shows every so often: pairs of events in between are lost. All must be as if they had been whole.
func TestWatchesThatBreak(t *testing.T) {
	broken := [][]string{nil, {policyKind}, {pointKind}, {"VolumeSnapshot"}, {"VolumeSnapshotContent"}, {"PersistentVolumeClaim"}}
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			from := s.begin(t)
			calm, _, err := s.run(from, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := calm.Dump()
			all := broken
			if s.copies {
				all = append(slices.Clone(broken), []string{repositoryKind}, []string{"Pod"})
			}
			for _, kinds := range all {
				for _, each := range []time.Duration{300 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
					what := fmt.Sprintf("the watch of %v is broken, and listed every %s", kinds, each)
					countRun(s.name, BrokenWatch, cmp.Or(strings.Join(kinds, ""), "everything")+" listed every "+each.String())
					w, err := s.relisting(from, each, kinds)
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					expectSame(t, w, want, what)
				}
			}
		})
	}
}

// relisting plays a scenario with watches that are broken for most of it. Its operator is there before the act, so that it
// has seen what was there before.
func (s scenario) relisting(from *World, each time.Duration, kinds []string) (*World, error) {
	w := from.Copy()
	if s.prepare != nil {
		s.prepare(w)
	}
	w.API.News()
	o := w.StartRelisting(each, kinds...)
	if err := w.Tick(); err != nil {
		return w, err
	}
	s.act(w)
	if err := w.Run(behindFor); err != nil {
		return w, err
	}
	o.mend()
	if err := w.Run(s.window - behindFor); err != nil {
		return w, err
	}
	w.Checks.AtRest()
	return w, nil
}

func expectSame(t *testing.T, w *World, want, what string) {
	t.Helper()
	for _, f := range w.Checks.Found {
		t.Errorf("%s: %s", what, f)
	}
	if got := w.Dump(); got != want {
		t.Errorf("%s: the end differs:\n%s", what, differences(want, got))
	}
	if _, err := (scenario{}).told(w, fault{}, testkit.Call{}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if n, err := w.Writes(); n > 0 || err != nil {
		t.Errorf("%s: at rest the operator writes %d times (%v)", what, n, err)
	}
}

// TestTwoLeaders runs two operators over one cluster, as happens when a leader is slow to learn that it was replaced. At
// each request a seed says who goes on.
func TestTwoLeaders(t *testing.T) {
	const seeds = 12
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			from := s.begin(t)
			calm, _, err := s.run(from, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := calm.Dump()
			for seed := range uint64(seeds) {
				countRun(s.name, TwoLeaders, "every request")
				w, err := s.contested(from, seed)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				expectSame(t, w, want, fmt.Sprintf("seed %d", seed))
			}
		})
	}
}

// contested plays a scenario with two operators.
func (s scenario) contested(from *World, seed uint64) (*World, error) {
	w := from.Copy()
	if s.prepare != nil {
		s.prepare(w)
	}
	s.act(w)
	d := newDuel(rand.New(rand.NewPCG(seed, 1)))
	one, two := w.Start(d.around(0), nil), w.Join(d.around(1), nil)
	end := w.Clock.Now().Add(s.window)
	for w.Clock.Now().Before(end) {
		if err := d.tick(w, one, two); err != nil {
			return w, err
		}
		next := end
		for _, at := range w.wakes() {
			if !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		w.Clock.SetTime(later(next, w.Clock.Now()))
	}
	w.operators = []*Operator{w.Start(nil, nil)} // one of them is left
	if err := w.Tick(); err != nil {
		return w, err
	}
	w.Checks.AtRest()
	return w, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// duel lets one of two operators go on at a time, from one request to the next.
type duel struct {
	random *rand.Rand
	turn   [2]chan struct{}
	paused chan pause
	active bool
}

// pause is an operator that is about to send a request, or has nothing more to do.
type pause struct {
	who  int
	done bool
	err  error
}

func newDuel(r *rand.Rand) *duel {
	return &duel{random: r, turn: [2]chan struct{}{make(chan struct{}), make(chan struct{})}, paused: make(chan pause)}
}

func (d *duel) around(who int) testkit.Around {
	return func(_ testkit.Call, do func() error) error {
		if d.active {
			d.paused <- pause{who: who}
			<-d.turn[who]
		}
		return do()
	}
}

// tick is World.Tick for two.
func (d *duel) tick(w *World, operators ...*Operator) error {
	for range mostRounds {
		if err := w.stepStorage(); err != nil {
			return err
		}
		news := w.API.News()
		for _, o := range operators {
			o.route(news)
		}
		if len(news) == 0 && !anyDue(w, operators) {
			return nil
		}
		if err := d.round(operators); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: no rest after %d rounds at one instant", w.Clock.Now(), mostRounds)
}

func anyDue(w *World, operators []*Operator) bool {
	for _, o := range operators {
		for _, at := range o.queue {
			if !at.After(w.Clock.Now()) {
				return true
			}
		}
	}
	return false
}

// round lets both do what is due, interleaved at every request.
func (d *duel) round(operators []*Operator) error {
	d.active = true
	for who, o := range operators {
		go func() {
			<-d.turn[who]
			_, err := o.work()
			d.paused <- pause{who, true, err}
		}()
	}
	waiting := []int{0, 1}
	var failed error
	for len(waiting) > 0 {
		i := d.random.IntN(len(waiting))
		d.turn[waiting[i]] <- struct{}{}
		p := <-d.paused
		if p.done {
			waiting = append(waiting[:i:i], waiting[i+1:]...)
			if p.err != nil {
				failed = p.err
			}
		}
	}
	d.active = false
	return failed
}
