// SPDX-License-Identifier: Apache-2.0

package schedule

import "time"

// MaxSkipped is where counting skipped slots stops: whoever reads "1000 slots were missed" learns
// nothing from the exact number, and a long outage must not make a decision slow.
const MaxSkipped = 1000

// Params are the parts of a policy, and of its state, that shape a decision.
type Params struct {
	// Jitter delays every slot of this policy; see the function Jitter.
	Jitter time.Duration
	// StartingDeadline is how long after its delayed time a slot may still start.
	// Zero means: until the next slot replaces it.
	StartingDeadline time.Duration
	// Busy says that a run is in flight: a due slot waits for it to end.
	Busy bool
}

// Decision is the whole answer at one instant.
type Decision struct {
	// Due is the slot to run now; zero when there is none.
	Due time.Time
	// Skipped counts the slots above the high-water mark that were passed over on purpose, being
	// replaced by a newer one or beyond their deadline. It stops counting at MaxSkipped.
	Skipped int
	// SkippedLast is the newest of these, for the caller to raise the high-water mark to, so that
	// they are reported once; zero when none was skipped.
	SkippedLast time.Time
	// Next is the next slot whose time, with jitter, has not come yet; zero when the calendar never
	// happens again.
	Next time.Time
	// Wake is the next instant at which the answer can differ, always after now; zero when never.
	// The end of the run in flight is an event of its own and not included.
	Wake time.Time
}

// Decide tells which slot to run at now. highWater is the newest slot that was honoured or skipped,
// and at least the instant at which the policy was created, last edited, or resumed, because none
// of these may fire a run by itself. A zero highWater is an unknown one: nothing is due.
//
// Only the latest slot can be due, so an outage ends with one catch-up run. A clock that was set
// back below highWater makes nothing due until it has passed the mark again.
func Decide(c Calendar, highWater, now time.Time, p Params) Decision {
	if highWater.IsZero() {
		highWater = now
	}
	jitter := max(p.Jitter, 0)
	d := Decision{Next: c.Next(latest(now.Add(-jitter), highWater))}
	d.Wake = start(d.Next, jitter)

	slot := c.Previous(now.Add(-jitter)) // the newest whose time has come
	if slot.IsZero() || !slot.After(highWater) {
		return d
	}
	over := slot // the newest that is over
	deadline := start(slot, jitter).Add(p.StartingDeadline)
	if p.StartingDeadline <= 0 || !now.After(deadline) {
		over = c.Previous(slot.Add(-1))
		if !p.Busy {
			d.Due = slot
		}
		if p.StartingDeadline > 0 {
			d.Wake = earliest(d.Wake, deadline.Add(1)) // at the deadline itself it may still start
		}
	}
	if d.Skipped = c.count(highWater, over); d.Skipped > 0 {
		d.SkippedLast = over
	}
	return d
}

// count returns the number of slots after one instant and up to a slot, at most MaxSkipped.
func (c Calendar) count(after, slot time.Time) int {
	n := 0
	for ; n < MaxSkipped && slot.After(after); n++ { // the zero time is after nothing
		slot = c.Previous(slot.Add(-1))
	}
	return n
}

// start returns when a slot begins; a slot that never comes never begins.
func start(slot time.Time, jitter time.Duration) time.Time {
	if slot.IsZero() {
		return slot
	}
	return slot.Add(jitter)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// earliest returns the earlier instant; the zero time stands for never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
