// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"math/bits"
	"time"
)

// wall is a reading of a wall clock: seconds since 1970-01-01 00:00 as that clock shows them, as if
// it had never been moved. Readings are plain numbers, so gaps and repetitions cannot hide in them.
type wall int64

const (
	minute = 60
	day    = 24 * 60 * minute

	// monthsAhead bounds a search. The rarest date that exists, 29 February, comes again after at
	// most eight years (around 2100); what is not found by then never happens.
	monthsAhead = 8*12 + 1

	everyHour = 1<<24 - 1
	starBit   = 1 << 63 // the parser's mark for a field that was written as * or ?
)

// pattern is a cron expression as bit sets: bit n of a field means that n matches.
type pattern struct{ minute, hour, dom, month, dow uint64 }

// runsEveryHour tells calendars that say "this often" from those that name times of day.
func (p pattern) runsEveryHour() bool { return p.hour&everyHour == everyHour }

// first returns the first match in [from, limit).
func (p pattern) first(from, limit wall) (wall, bool) {
	from = ceilMinute(from)
	year, month, dayOfMonth, within := split(from)
	if p.days(year, month)>>dayOfMonth&1 == 1 {
		if m, ok := p.minuteFrom(within); ok {
			found := from + wall(m-within)*minute
			return found, found < limit
		}
	}
	earliest, ok := p.minuteFrom(0)
	if !ok {
		return 0, false
	}
	later := ^uint64(0) << (dayOfMonth + 1)
	for range monthsAhead {
		if reading(year, month, 1, 0) >= limit {
			return 0, false
		}
		if days := p.days(year, month) & later; days != 0 {
			found := reading(year, month, bits.TrailingZeros64(days), earliest)
			return found, found < limit
		}
		later = ^uint64(0)
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
	return 0, false
}

// last returns the last match in [floor, upTo].
func (p pattern) last(upTo, floor wall) (wall, bool) {
	year, month, dayOfMonth, within := split(upTo)
	if p.days(year, month)>>dayOfMonth&1 == 1 {
		if m, ok := p.minuteUpTo(within); ok {
			found := reading(year, month, dayOfMonth, m)
			return found, found >= floor
		}
	}
	latest, ok := p.minuteUpTo(24*60 - 1)
	if !ok {
		return 0, false
	}
	earlier := uint64(1)<<dayOfMonth - 1
	for range monthsAhead {
		if days := p.days(year, month) & earlier; days != 0 {
			found := reading(year, month, bits.Len64(days)-1, latest)
			return found, found >= floor
		}
		if reading(year, month, 1, 0) < floor {
			return 0, false
		}
		earlier = ^uint64(0)
		if month--; month < time.January {
			year, month = year-1, time.December
		}
	}
	return 0, false
}

// days returns the days of a month that match, as bits 1 to 31. As in cron, a day matches both day
// fields when one of them is *, and either of them when both are restricted.
func (p pattern) days(year int, month time.Month) uint64 {
	if p.month>>uint(month)&1 == 0 {
		return 0
	}
	firstDay := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday()
	const weekdays = 1<<7 - 1
	week := p.dow & weekdays
	week = (week>>uint(firstDay) | week<<(7-uint(firstDay))) & weekdays // bit 0 is now the 1st of the month
	byWeekday := (week | week<<7 | week<<14 | week<<21 | week<<28) << 1

	inMonth := uint64(1)<<(daysIn(year, month)+1) - 2
	if p.dom&starBit != 0 || p.dow&starBit != 0 {
		return p.dom & byWeekday & inMonth
	}
	return (p.dom | byWeekday) & inMonth
}

// minuteFrom returns the first matching minute of a day at or after m.
func (p pattern) minuteFrom(m int) (int, bool) {
	if h := m / 60; p.hour>>uint(h)&1 == 1 {
		if rest := p.minute & (1<<60 - 1) >> uint(m%60); rest != 0 {
			return m + bits.TrailingZeros64(rest), true
		}
	}
	hours, minutes := p.hour&everyHour&(^uint64(0)<<(m/60+1)), p.minute&(1<<60-1)
	if hours == 0 || minutes == 0 {
		return 0, false
	}
	return bits.TrailingZeros64(hours)*60 + bits.TrailingZeros64(minutes), true
}

// minuteUpTo returns the last matching minute of a day at or before m.
func (p pattern) minuteUpTo(m int) (int, bool) {
	if h := m / 60; p.hour>>uint(h)&1 == 1 {
		if rest := p.minute & (1<<uint(m%60+1) - 1); rest != 0 {
			return h*60 + bits.Len64(rest) - 1, true
		}
	}
	hours, minutes := p.hour&(1<<uint(m/60)-1), p.minute&(1<<60-1)
	if hours == 0 || minutes == 0 {
		return 0, false
	}
	return (bits.Len64(hours)-1)*60 + bits.Len64(minutes) - 1, true
}

// split takes a reading apart; within is the minute of the day.
func split(w wall) (year int, month time.Month, dayOfMonth, within int) {
	t := time.Unix(int64(w), 0).UTC()
	year, month, dayOfMonth = t.Date()
	return year, month, dayOfMonth, t.Hour()*60 + t.Minute()
}

func reading(year int, month time.Month, dayOfMonth, within int) wall {
	return wall(time.Date(year, month, dayOfMonth, 0, within, 0, 0, time.UTC).Unix())
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func ceilMinute(w wall) wall {
	if over := w % minute; over > 0 {
		return w + minute - over
	} else if over < 0 {
		return w - over
	}
	return w
}
