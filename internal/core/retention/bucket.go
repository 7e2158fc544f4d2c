// SPDX-License-Identifier: Apache-2.0

package retention

import "time"

// timeRules are the rules with buckets of time.
const timeRules = int(Yearly-Hourly) + 1

// buckets are the numbers of the hour, day, week, month and year of an instant, indexed by rule minus
// Hourly. A number means something only beside others of its rule: the array keeps the year 2020
// from ever meeting the 2020th day.
type buckets [timeRules]int64

const (
	hourSeconds = 60 * 60
	daySeconds  = 24 * hourSeconds
)

// bucketsOf returns the buckets of an instant on the wall clock of a zone.
func bucketsOf(at time.Time, loc *time.Location) buckets {
	local := at.In(loc)
	_, offset := local.Zone()
	year, month, _ := local.Date()
	unix := at.Unix()
	day := floorDiv(unix+int64(offset), daySeconds)

	var b buckets
	// Real hours: only the part of the offset below an hour shifts where they begin.
	b[Hourly-Hourly] = floorDiv(unix+int64(offset%hourSeconds), hourSeconds)
	b[Daily-Hourly] = day
	b[Weekly-Hourly] = floorDiv(day+3, 7) // day 0, 1 January 1970, was a Thursday; weeks begin on Monday
	b[Monthly-Hourly] = int64(year)*12 + int64(month)
	b[Yearly-Hourly] = int64(year)
	return b
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
