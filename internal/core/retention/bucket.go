// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"math"
	"time"
)

// timeRules are the rules with buckets of time.
const timeRules = int(Yearly-Hourly) + 1

// Buckets are the numbers of the hour, day, week, month and year of an instant, indexed by rule minus
// Hourly. A number means something only beside others of its rule: the array keeps the year 2020
// from ever meeting the 2020th day.
type Buckets [timeRules]int64

// Of is the number of the bucket by one of the rules Hourly to Yearly. Those of neighbours differ by one.
func (b *Buckets) Of(rule Rule) int64 { return b[rule-Hourly] }

const (
	hourSeconds = 60 * 60
	daySeconds  = 24 * hourSeconds
)

// Clock tells the buckets of instants on the wall clock of a zone. It is quick for instants that
// rise: it looks at the zone anew only after the next change of its offset, and at the calendar only
// for another day. Any order gives the same answers.
type Clock struct {
	loc *time.Location

	from, until int64 // Unix seconds from and before which the offset is known
	offset      int64

	day   int64 // the one whose month and year are known; none while month is 0
	month time.Month
	year  int
}

// NewClock is the wall clock of a zone; nil is UTC.
func NewClock(loc *time.Location) *Clock {
	if loc == nil {
		loc = time.UTC
	}
	return &Clock{loc: loc}
}

// Buckets tells in which buckets an instant lies.
func (c *Clock) Buckets(at time.Time) Buckets {
	unix := at.Unix()
	if unix < c.from || unix >= c.until {
		c.lookAt(at)
	}
	local := unix + c.offset
	day := floorDiv(local, daySeconds)
	if day != c.day || c.month == 0 {
		c.day = day
		c.year, c.month, _ = time.Unix(local, 0).UTC().Date()
	}

	var b Buckets
	// Real hours: only the part of the offset below an hour shifts where they begin.
	b[Hourly-Hourly] = floorDiv(unix+c.offset%hourSeconds, hourSeconds)
	b[Daily-Hourly] = day
	b[Weekly-Hourly] = floorDiv(day+3, 7) // day 0, 1 January 1970, was a Thursday; weeks begin on Monday
	b[Monthly-Hourly] = int64(c.year)*12 + int64(c.month)
	b[Yearly-Hourly] = int64(c.year)
	return b
}

// lookAt asks the zone for its offset at an instant, which then holds until it next changes. It is not
// taken to have held before: where tables give way to rules, the library has a segment begin too early.
func (c *Clock) lookAt(at time.Time) {
	local := at.In(c.loc)
	_, offset := local.Zone()
	c.from, c.until, c.offset = at.Unix(), math.MaxInt64, int64(offset)
	if _, end := local.ZoneBounds(); !end.IsZero() {
		c.until = end.Unix()
	}
}

// firstDays are the days on which the buckets of the rules after Hourly begin.
var firstDays = [timeRules]func(bucket int64) (year, month, day int64){
	Daily - Hourly:  func(bucket int64) (year, month, day int64) { return 1970, 1, 1 + bucket },
	Weekly - Hourly: func(bucket int64) (year, month, day int64) { return 1970, 1, 1 + bucket*7 - 3 },
	Monthly - Hourly: func(bucket int64) (year, month, day int64) {
		year = floorDiv(bucket-1, 12)
		return year, bucket - 12*year, 1
	},
	Yearly - Hourly: func(bucket int64) (year, month, day int64) { return bucket, 1, 1 },
}

// Begin is the instant at which a bucket begins. Where the clock reads its beginning twice, it may be the second time.
func (c *Clock) Begin(rule Rule, bucket int64) time.Time {
	var begin time.Time
	if first := firstDays[rule-Hourly]; first != nil {
		year, month, day := first(bucket)
		begin = time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, c.loc)
	} else {
		begin = time.Unix(bucket*hourSeconds, 0)
		_, offset := begin.In(c.loc).Zone()
		begin = begin.Add(-time.Duration(offset%hourSeconds) * time.Second)
	}
	if at := c.Buckets(begin); at.Of(rule) < bucket { // its first reading is one that the clock leaves out
		if _, end := begin.In(c.loc).ZoneBounds(); !end.IsZero() {
			begin = end
		}
	}
	return begin.UTC()
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
