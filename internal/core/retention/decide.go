// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"cmp"
	"slices"
	"time"
)

// Tolerance is how far in the future a point may lie before the clock is in doubt: storage systems
// have clocks of their own.
const Tolerance = 5 * time.Minute

// Decide returns a verdict on each point, in the order given. active are the lineages that the policy
// still selects. The answer does not depend on the order of points, and points are not changed.
//
// Incomplete points, points in flight and points without a time are kept, and count for nothing.
func Decide(points []Point, active []string, r Rules, now time.Time) []Verdict {
	clock := NewClock(r.Location)
	j := judgement{points: points, places: make([]places, len(points))}
	j.keepUncounted(now)
	j.dated = newestFirst(points, clock)
	j.today = clock.Buckets(now)
	j.mine = make([]*dated, 0, len(j.dated))
	for _, c := range classesOf(numberSets(points, j.dated), active) {
		j.keepClass(c, r)
	}
	return j.verdicts()
}

// inDoubt tells whether a point lies in the future, which only a wrong clock explains.
func inDoubt(points []Point, now time.Time) bool {
	limit := now.Add(Tolerance)
	for i := range points {
		if points[i].At.After(limit) {
			return true
		}
	}
	return false
}

// dated is a point that counts, with what the rules ask about it again and again.
type dated struct {
	index   int // into points
	set     int // number of its set of lineages
	buckets Buckets
}

// newestFirst returns the points that count, newest first.
func newestFirst(points []Point, clock *Clock) []dated {
	ds := make([]dated, 0, len(points))
	for i := range points {
		if points[i].counts() {
			ds = append(ds, dated{index: i})
		}
	}
	slices.SortFunc(ds, func(a, b dated) int { return newer(&points[a.index], &points[b.index]) })
	for n := len(ds) - 1; n >= 0; n-- { // oldest first, which the clock is quick for
		ds[n].buckets = clock.Buckets(points[ds[n].index].At)
	}
	return ds
}

// newer orders points newest first; the greater ID wins a tie.
func newer(a, b *Point) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	return cmp.Compare(b.ID, a.ID)
}

// judgement collects, for each point and rule, the best place found so far.
type judgement struct {
	points []Point
	places []places
	today  Buckets
	dated  []dated  // newest first
	mine   []*dated // those of one class, newest first; filled again for each
}

// places holds for each rule the place at which it keeps a point, noPlace for a rule without places,
// and zero for one that does not keep it.
type places [ruleCount]int32

const noPlace = -1

func (j *judgement) keep(i int, rule Rule, place int) {
	if best := &j.places[i][rule]; *best == 0 || int32(place) < *best {
		*best = int32(place)
	}
}

// keepUncounted notes the reasons that do not depend on a point's place among others.
func (j *judgement) keepUncounted(now time.Time) {
	doubt := inDoubt(j.points, now)
	for i := range j.points {
		p := &j.points[i]
		if p.Held {
			j.keep(i, Hold, noPlace)
		}
		if doubt {
			j.keep(i, ClockInDoubt, noPlace)
		}
		switch {
		case p.InFlight:
			j.keep(i, Unfinished, noPlace)
		case !p.Complete:
			j.keep(i, Incomplete, noPlace)
		case p.At.IsZero():
			j.keep(i, Undated, noPlace)
		}
	}
}

// keepClass notes what the lineages of one class want to keep.
func (j *judgement) keepClass(c class, r Rules) {
	j.mine = j.mine[:0]
	for n := range j.dated {
		if d := &j.dated[n]; c.holds(d.set) {
			j.mine = append(j.mine, d)
		}
	}
	j.keepLastGood(r.Minimum)

	quotas := [timeRules]int{r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly}
	if c.active || slices.Max(quotas[:]) <= 0 {
		for place := range min(len(j.mine), r.Last) {
			j.keep(j.mine[place].index, Last, place+1)
		}
	}
	for b, quota := range quotas {
		if c.active {
			j.keepNewestBuckets(b, quota)
		} else {
			j.keepBucketsUpToNow(b, quota)
		}
	}
}

// keepLastGood notes what stays whatever the rules say.
func (j *judgement) keepLastGood(minimum int) {
	if len(j.mine) == 1 {
		j.keep(j.mine[0].index, OnlyLineage, noPlace)
	} else {
		for place := range min(len(j.mine), max(1, minimum)) {
			j.keep(j.mine[place].index, Minimum, place+1)
		}
	}
	proven := slices.IndexFunc(j.mine, func(d *dated) bool { return j.points[d.index].Proven })
	if proven >= 0 {
		j.keep(j.mine[proven].index, NewestProven, noPlace)
	}
}

// keepNewestBuckets keeps the newest point of each of the newest buckets that have one.
func (j *judgement) keepNewestBuckets(b, quota int) {
	place := 0
	for n, d := range j.mine {
		if n > 0 && d.buckets[b] == j.mine[n-1].buckets[b] {
			continue
		}
		if place++; place > quota {
			return
		}
		j.keep(d.index, Hourly+Rule(b), place)
	}
}

// keepBucketsUpToNow keeps the newest point of each of the buckets up to now, those without one
// counting too.
func (j *judgement) keepBucketsUpToNow(b, quota int) {
	for n, d := range j.mine {
		place := max(1, j.today[b]-d.buckets[b]+1) // a point within the tolerance may be ahead of now
		if place > int64(quota) {
			return
		}
		if n == 0 || d.buckets[b] != j.mine[n-1].buckets[b] {
			j.keep(d.index, Hourly+Rule(b), int(place))
		}
	}
}

func (j *judgement) verdicts() []Verdict {
	verdicts := make([]Verdict, len(j.points))
	why := make([]Reason, 0, 2*len(j.points)) // of all points, one after the other
	for i := range j.points {
		before := len(why)
		for rule, place := range j.places[i] {
			if place != 0 {
				why = append(why, Reason{Rule: Rule(rule), Index: int(max(0, place))})
			}
		}
		verdicts[i].Point = j.points[i]
		if len(why) > before {
			verdicts[i].Why = why[before:len(why):len(why)]
		}
	}
	return verdicts
}
