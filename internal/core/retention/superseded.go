// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"slices"
	"time"
)

// incompletesKept is how many incomplete points that hold a claim stay while nothing complete
// replaces them: enough to compare failures, few enough not to fill the storage.
const incompletesKept = 3

// Superseded returns the IDs of the incomplete points that can go, in the order given; complete points
// only serve for comparison. An incomplete point goes once keepFor has passed since its time, and
// either a newer complete point holds all of its lineages, or each of its lineages is held by a newer
// complete point or by three newer incomplete ones. Hence the newest incomplete point never goes
// before something complete is newer, and no claim loses the newest data there is of it.
//
// What a point holds here is what was captured; lineages that were only meant to be must be left out.
func Superseded(points []Point, now time.Time, keepFor time.Duration) []string {
	var ids []string
	for _, v := range judgeIncomplete(points, now, keepFor) {
		if !v.Keep() {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// judgeIncomplete returns a verdict on each point that is not complete, in the order given.
func judgeIncomplete(points []Point, now time.Time, keepFor time.Duration) []Verdict {
	doubt := inDoubt(points, now)
	rest := newRest(points)
	var verdicts []Verdict
	for i := range points {
		p := &points[i]
		if p.Complete && !p.InFlight {
			continue
		}
		v := Verdict{Point: *p}
		for _, reason := range []struct {
			rule  Rule
			holds bool
		}{
			{Hold, p.Held},
			{ClockInDoubt, doubt},
			{Undated, p.At.IsZero()},
			{Unfinished, p.InFlight},
			{Recent, now.Sub(p.At) < keepFor},
			{Unsuperseded, !p.InFlight && !rest.supersedes(i)},
		} {
			if reason.holds {
				v.Why = append(v.Why, Reason{Rule: reason.rule})
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// rest is what an incomplete point is compared with.
type rest struct {
	points   []Point
	complete []int                // newest first
	covered  map[string]time.Time // by lineage: its newest complete point
	crowded  map[int]bool         // those beyond the newest few incomplete points of all their lineages
}

func newRest(points []Point) rest {
	r := rest{points: points, covered: map[string]time.Time{}, crowded: map[int]bool{}}
	var incomplete []int
	for i := range points {
		if p := &points[i]; !p.Complete && !p.InFlight {
			incomplete = append(incomplete, i)
		}
	}
	if len(incomplete) == 0 {
		return r // nothing to compare with, which is how it should be
	}
	for i := range points {
		if points[i].counts() {
			r.complete = append(r.complete, i)
		}
	}
	order := func(a, b int) int { return newer(&points[a], &points[b]) }
	slices.SortFunc(r.complete, order)
	slices.SortFunc(incomplete, order)
	for n, i := range r.complete {
		if n > 0 && same(points[i].Lineages, points[r.complete[n-1]].Lineages) {
			continue // the newer one covers as much
		}
		for _, lineage := range points[i].Lineages {
			if _, ok := r.covered[lineage]; !ok {
				r.covered[lineage] = points[i].At
			}
		}
	}
	holders := map[string]int{} // by lineage: incomplete points newer than the one at hand
	for n, i := range incomplete {
		r.crowded[i] = n >= incompletesKept && !slices.ContainsFunc(points[i].Lineages, func(lineage string) bool {
			return holders[lineage] < incompletesKept && !r.covered[lineage].After(points[i].At)
		})
		for _, lineage := range points[i].Lineages {
			holders[lineage]++
		}
	}
	return r
}

// supersedes tells whether the incomplete point i can go.
func (r rest) supersedes(i int) bool {
	p := r.points[i]
	if r.crowded[i] {
		return true
	}
	for _, lineage := range p.Lineages {
		if !r.covered[lineage].After(p.At) {
			return false // spares the search below, which is slower
		}
	}
	for _, c := range r.complete {
		if !r.points[c].At.After(p.At) {
			return false
		}
		if holdsAll(r.points[c].Lineages, p.Lineages) {
			return true
		}
	}
	return false
}

// holdsAll tells whether one sorted set has all members of another. Sets that are not sorted may
// give false, which keeps a point.
func holdsAll(set, members []string) bool {
	n := 0
	for _, member := range members {
		for n < len(set) && set[n] < member {
			n++
		}
		if n == len(set) || set[n] != member {
			return false
		}
	}
	return true
}
