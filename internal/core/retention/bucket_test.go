// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// agrees says whether a clock that was asked before answers as one that was not.
func agrees(c *Clock, at time.Time) bool {
	fresh := Clock{loc: c.loc}
	return c.Buckets(at) == fresh.Buckets(at)
}

// instants are some from 1990 to 2050, close together or years apart, in no order.
func instants(t *rapid.T) []time.Time {
	base := rapid.Int64Range(631152000, 2524608000).Draw(t, "base")
	spread := rapid.SampledFrom([]int64{3 * hourSeconds, 400 * daySeconds, 20 * 365 * daySeconds}).Draw(t, "spread")
	var out []time.Time
	for _, s := range rapid.SliceOfN(rapid.Int64Range(0, spread), 2, 30).Draw(t, "seconds") {
		out = append(out, time.Unix(base+s, 0))
	}
	return out
}

func someZone(t *rapid.T) *time.Location {
	name := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe",
		"Africa/Casablanca", "Pacific/Apia", "America/Mexico_City"}).Draw(t, "zone")
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestWallClockRemembersNothingWrong: in any order of instants, what a clock remembers does not show.
func TestWallClockRemembersNothingWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Clock{loc: someZone(t)}
		for _, at := range instants(t) {
			if !agrees(&c, at) {
				t.Fatalf("in %s at %s the clock says %v", c.loc, at.In(c.loc), c.Buckets(at))
			}
		}
	})
}

// TestWallClockThatRemembersTooMuch: a clock that takes an offset to hold for ever, or a month for every day, is found out.
func TestWallClockThatRemembersTooMuch(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	before := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the clock goes forward in the night that follows
	for name, fault := range map[string]struct {
		spoil func(*Clock)
		at    time.Time
	}{
		"offset": {func(c *Clock) { c.until = math.MaxInt64 }, time.Date(2026, 3, 29, 22, 30, 0, 0, time.UTC)},
		"month":  {func(c *Clock) { c.day += 5 }, before.AddDate(0, 0, 5)},
	} {
		c := Clock{loc: loc}
		c.Buckets(before)
		fault.spoil(&c)
		if agrees(&c, fault.at) {
			t.Errorf("a clock with the wrong %s is not found out", name)
		}
	}
}
