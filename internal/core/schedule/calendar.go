// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"math"
	"time"
)

// Calendar is a parsed cron expression in a time zone. The zero Calendar has no slots.
type Calendar struct {
	pattern pattern
	loc     *time.Location
	text    string
}

// String returns the expression and its zone, for people.
func (c Calendar) String() string { return c.text + " " + c.Location().String() }

// Location is the zone whose wall clock the calendar follows.
func (c Calendar) Location() *time.Location {
	if c.loc == nil {
		return time.UTC
	}
	return c.loc
}

// searchSpan bounds how far Next and Previous look, see monthsAhead.
const searchSpan = (monthsAhead + 1) * 31 * day

// Next returns the first slot strictly after the given instant, in UTC, or the zero time when the
// calendar never happens again.
func (c Calendar) Next(after time.Time) time.Time {
	at := after.Unix() + 1 // slots are whole seconds
	for end := at + searchSpan; at < end; {
		seg := segmentAt(c.Location(), at)
		if slot, ok := c.firstIn(seg, at); ok {
			return time.Unix(slot, 0).UTC()
		}
		at = seg.end
	}
	return time.Time{}
}

// Previous returns the latest slot at or before the given instant, in UTC, or the zero time when
// there was none in the eight years before.
func (c Calendar) Previous(at time.Time) time.Time {
	upTo := at.Unix()
	for end := upTo - searchSpan; upTo > end; {
		seg := segmentAt(c.Location(), upTo)
		if slot, ok := c.lastIn(seg, upTo); ok {
			return time.Unix(slot, 0).UTC()
		}
		upTo = seg.start - 1
	}
	return time.Time{}
}

// firstIn returns the first slot of a segment at or after the instant at, which lies inside it.
func (c Calendar) firstIn(seg segment, at int64) (int64, bool) {
	from := wall(at + seg.offset)
	if at-seg.start < settled {
		reached := seg.reached(c.Location())
		if at == seg.start && c.inGap(seg, reached) {
			return seg.start, true
		}
		from = max(from, c.floor(seg, reached))
	}
	w, ok := c.pattern.first(from, seg.wallEnd())
	return int64(w) - seg.offset, ok
}

// lastIn returns the last slot of a segment at or before the instant upTo, which lies inside it.
func (c Calendar) lastIn(seg segment, upTo int64) (int64, bool) {
	w, ok := c.pattern.last(wall(upTo+seg.offset), seg.wallStart())
	if ok && int64(w)-seg.offset-seg.start >= settled {
		return int64(w) - seg.offset, true
	}
	reached := seg.reached(c.Location())
	if ok && w >= c.floor(seg, reached) {
		return int64(w) - seg.offset, true
	}
	return seg.start, c.inGap(seg, reached)
}

// floor is the first reading in a segment whose slots are not behind us already.
func (c Calendar) floor(seg segment, reached wall) wall {
	if c.pattern.runsEveryHour() {
		return seg.wallStart()
	}
	return max(seg.wallStart(), reached)
}

// inGap tells whether the jump into seg passed over a slot.
func (c Calendar) inGap(seg segment, reached wall) bool {
	if reached >= seg.wallStart() {
		return false
	}
	_, ok := c.pattern.first(reached, seg.wallStart())
	return ok
}

// segment is a stretch of time during which a zone keeps one offset from UTC, so that inside it
// instants and readings of the wall clock differ by a constant. Neighbours may share their offset.
type segment struct{ start, end, offset int64 } // Unix seconds; end is exclusive

const (
	// settled is how long after a change of the wall clock readings may still meet those from before
	// it. Offsets lie within ±14 hours, and the largest changes on record are one day.
	settled = 2 * day

	// forever stands for the open ends of the first and the last segment; far from overflow.
	forever = math.MaxInt64 / 4
)

func segmentAt(loc *time.Location, at int64) segment {
	t := time.Unix(at, 0).In(loc)
	_, offset := t.Zone()
	seg := segment{start: -forever, end: forever, offset: int64(offset)}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		seg.start = start.Unix()
	}
	if !end.IsZero() {
		seg.end = end.Unix()
	}
	// Where rules go on for ever (in most zones after 2037), the library cuts segments at the turn of
	// the year and takes each to have 365 days: on 31 December of a leap year the end it returns has
	// passed. Without this, a search would stand still there. The true end is the next one's start.
	if seg.end <= at {
		start, _ := t.Add(day * time.Second).ZoneBounds()
		seg.end = max(start.Unix(), at+1)
	}
	return seg
}

func (s segment) wallStart() wall { return wall(s.start + s.offset) }
func (s segment) wallEnd() wall   { return wall(s.end + s.offset) }

// reached returns the latest reading that the wall clock came to before the segment began. Normally
// the previous segment tells; a zone that changes twice within two days needs a longer look. It asks
// for offsets at instants only: the library's segments may overlap where tables give way to rules.
func (s segment) reached(loc *time.Location) wall {
	if s.start == -forever {
		return s.wallStart()
	}
	latest := wall(-2 * forever)
	for boundary := s.start; boundary > s.start-settled; {
		before := segmentAt(loc, boundary-1)
		latest = max(latest, wall(boundary+before.offset))
		boundary = before.start
	}
	return latest
}
