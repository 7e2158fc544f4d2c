// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"sync"
)

// Lanes bounds what is created side by side, in all and for each CSI driver, and takes turns among policies: a policy
// with a thousand volumes does not keep one with a single volume waiting, and a slow driver does not hold up another.
type Lanes struct {
	mu      sync.Mutex
	width   int
	each    int
	busy    int
	drivers map[string]int
	queues  map[string][]*waiter // by policy, in order of arrival
	turns   []string             // policies with a queue, next first
}

type waiter struct {
	driver  string
	granted chan struct{}
}

// NewLanes gives width lanes in all, of which one driver may take three quarters, and at least one.
func NewLanes(width int) *Lanes {
	return &Lanes{width: width, each: max(1, width*3/4), drivers: map[string]int{}, queues: map[string][]*waiter{}}
}

// Width is how many lanes there are in all.
func (l *Lanes) Width() int { return l.width }

// Enter waits for a lane. The lane must be released.
func (l *Lanes) Enter(ctx context.Context, policy, driver string) (release func(), err error) {
	w := &waiter{driver: driver, granted: make(chan struct{})}
	l.mu.Lock()
	if len(l.queues[policy]) == 0 {
		l.turns = append(l.turns, policy)
	}
	l.queues[policy] = append(l.queues[policy], w)
	l.grant()
	l.mu.Unlock()
	select {
	case <-w.granted:
		return func() { l.leave(driver) }, nil
	case <-ctx.Done():
		l.giveUp(policy, w)
		return nil, ctx.Err()
	}
}

func (l *Lanes) leave(driver string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
	if l.drivers[driver]--; l.drivers[driver] == 0 {
		delete(l.drivers, driver)
	}
	l.grant()
}

// giveUp takes a waiter out, or passes its lane on when it was granted in the same moment.
func (l *Lanes) giveUp(policy string, w *waiter) {
	l.mu.Lock()
	for i, q := range l.queues[policy] {
		if q == w {
			l.remove(policy, i)
			l.mu.Unlock()
			return
		}
	}
	l.mu.Unlock()
	l.leave(w.driver)
}

// grant hands out free lanes, one policy after the other.
func (l *Lanes) grant() {
	for passed := 0; l.busy < l.width && passed < len(l.turns); {
		policy := l.turns[0]
		l.turns = append(l.turns[1:], policy)
		i := l.first(policy)
		if i < 0 {
			passed++
			continue
		}
		passed = 0
		w := l.queues[policy][i]
		l.busy++
		l.drivers[w.driver]++
		l.remove(policy, i)
		close(w.granted)
	}
}

// first is the place of the policy's first waiter whose driver has a lane left; -1 when there is none.
func (l *Lanes) first(policy string) int {
	for i, w := range l.queues[policy] {
		if l.drivers[w.driver] < l.each {
			return i
		}
	}
	return -1
}

func (l *Lanes) remove(policy string, i int) {
	q := l.queues[policy]
	q = append(q[:i:i], q[i+1:]...)
	if len(q) > 0 {
		l.queues[policy] = q
		return
	}
	delete(l.queues, policy)
	for t, p := range l.turns {
		if p == policy {
			l.turns = append(l.turns[:t:t], l.turns[t+1:]...)
			return
		}
	}
}
