// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"
)

// Expiring is a leftover and when it is overdue; a zero time stands for never.
type Expiring struct {
	Leftover
	At time.Time
}

// Sweep is what is to be removed without its run, and when to look again: all of it once the run is gone, and what is overdue.
func Sweep(all []Expiring, runGone bool, now time.Time) (due []Leftover, wake time.Time) {
	for _, e := range all {
		overdue := !e.At.IsZero() && !now.Before(e.At)
		switch {
		case e.going():
		case runGone || overdue:
			due = append(due, e.Leftover)
		case !e.At.IsZero():
			wake = sooner(wake, e.At)
		}
	}
	return due, wake
}

// going says whether a leftover is on its way, and nothing more is to be asked for.
func (l Leftover) going() bool { return l.Deleting && !l.Retain }

// stillToRemove are the leftovers that are not on their way yet.
func stillToRemove(all []Leftover) []Leftover {
	return slices.DeleteFunc(slices.Clone(all), Leftover.going)
}
