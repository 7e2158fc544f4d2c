// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"fmt"
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

// TestWallClockTurnsWithItsZone: at the very second at which a zone changes a clock that was asked before answers as one that was not.
func TestWallClockTurnsWithItsZone(t *testing.T) {
	for _, zone := range []string{"America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "Europe/Berlin"} { // in the first two at midnight
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		turns := 0
		for at := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2020; turns++ {
			_, turn := at.In(loc).ZoneBounds()
			if turn.IsZero() {
				break
			}
			c := NewClock(loc)
			for _, s := range []time.Duration{-2 * time.Second, -time.Second, 0, time.Second, 0, -time.Second} {
				if asked := turn.Add(s); !agrees(c, asked) {
					t.Errorf("in %s at %s the clock says %v", loc, asked.In(loc), c.Buckets(asked))
				}
			}
			at = turn
		}
		if turns < 10 {
			t.Errorf("%s turned %d times", loc, turns)
		}
	}
}

// begins says whether a bucket of an instant begins where a clock says: it is in it, and a second earlier is not.
func begins(c *Clock, begin func(Rule, int64) time.Time, rule Rule, at time.Time) error {
	own := c.Buckets(at)
	is := begin(rule, own.Of(rule))
	first, before := c.Buckets(is), c.Buckets(is.Add(-time.Second))
	if is.After(at) || is.Nanosecond() != 0 || first.Of(rule) != own.Of(rule) || before.Of(rule) != own.Of(rule)-1 {
		return fmt.Errorf("the %s bucket of %s is said to begin at %s", rule, at.In(c.loc), is.In(c.loc))
	}
	return nil
}

// TestBucketsBegin: the instant at which a bucket begins is the first in it, also in zones in which days begin at one o'clock
// now and then, and in one that changes by half an hour.
func TestBucketsBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewClock(someZone(t))
		if c.loc.String() == "Pacific/Apia" {
			t.Skip("it left out a day, so that the number before is of no instant")
		}
		for _, at := range instants(t) {
			for rule := Hourly; rule <= Yearly; rule++ {
				if err := begins(c, c.Begin, rule, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestBucketsBeginFaults plants faults: a beginning by UTC, one by the offset at hand, one that the clock leaves out.
func TestBucketsBeginFaults(t *testing.T) {
	loc, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2017, 10, 15, 12, 0, 0, 0, loc) // this day began at one o'clock
	c := NewClock(loc)
	if err := begins(c, c.Begin, Daily, at); err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]func(Rule, int64) time.Time{
		"by UTC":    func(_ Rule, day int64) time.Time { return time.Unix(day*daySeconds, 0) },
		"left out":  func(_ Rule, day int64) time.Time { return time.Unix(day*daySeconds+3*hourSeconds, 0).Add(-time.Hour) },
		"by offset": func(_ Rule, day int64) time.Time { return time.Unix(day*daySeconds+2*hourSeconds, 0) },
	} {
		if begins(c, begin, Daily, at) == nil {
			t.Errorf("a beginning %s is not found out", name)
		}
	}
}

// TestTimeBegins: on and before the first day of 1970 the numbers of buckets go on as they do after it.
func TestTimeBegins(t *testing.T) {
	for at, want := range map[string]Buckets{
		"1969-12-21T23:59:59Z": {-241, -11, -2, 1969*12 + 12, 1969},
		"1969-12-31T22:59:59Z": {-2, -1, 0, 1969*12 + 12, 1969},
		"1969-12-31T23:59:59Z": {-1, -1, 0, 1969*12 + 12, 1969},
		"1970-01-01T00:00:00Z": {0, 0, 0, 1970*12 + 1, 1970},
		"1970-01-05T00:00:00Z": {96, 4, 1, 1970*12 + 1, 1970},
	} {
		instant, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := NewClock(nil).Buckets(instant); got != want {
			t.Errorf("%s is in %v, want %v", at, got, want)
		}
	}
}
