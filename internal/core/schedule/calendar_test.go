// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWallClockJumps lists, for real changes of real clocks, the slots around them in local time.
func TestWallClockJumps(t *testing.T) {
	for _, tc := range []struct {
		why, cron, zone, after string
		want                   []string
	}{
		{"a gap's slot runs at the next valid instant", "30 2 * * *", "Europe/Berlin", "2026-03-28 00:00",
			[]string{"03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"}},
		{"two slots in a gap run once", "0,30 2 * * *", "Europe/Berlin", "2026-03-28 12:00",
			[]string{"03-29 03:00 CEST", "03-30 02:00 CEST"}},
		{"a gap's slot and the one at its end run once", "0 2,3 * * *", "Europe/Berlin", "2026-03-28 12:00",
			[]string{"03-29 03:00 CEST", "03-30 02:00 CEST", "03-30 03:00 CEST"}},
		{"the first reading of a gap is inside it", "0 2 * * *", "Europe/Berlin", "2026-03-28 12:00",
			[]string{"03-29 03:00 CEST", "03-30 02:00 CEST"}},
		{"the slot before a gap is outside it", "59 1 * * *", "Europe/Berlin", "2026-03-28 12:00",
			[]string{"03-29 01:59 CET", "03-30 01:59 CEST"}},
		{"a repeated hour runs once, at its first passing", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00",
			[]string{"10-25 02:30 CEST", "10-26 02:30 CET"}},
		{"the beginning of a repeated hour runs once", "0 2 * * *", "Europe/Berlin", "2026-10-24 12:00",
			[]string{"10-25 02:00 CEST", "10-26 02:00 CET"}},
		{"the end of a repeated hour runs once", "0 3 * * *", "Europe/Berlin", "2026-10-24 12:00",
			[]string{"10-25 03:00 CET", "10-26 03:00 CET"}},
		{"every second hour names hours", "0 */2 * * *", "Europe/Berlin", "2026-10-24 23:00",
			[]string{"10-25 02:00 CEST", "10-25 04:00 CET"}},
		{"every hour runs at both passings", "0 * * * *", "Europe/Berlin", "2026-10-24 23:00",
			[]string{"10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET"}},
		{"every quarter lets no real quarter pass", "*/15 * * * *", "Europe/Berlin", "2026-10-25 00:20",
			[]string{"10-25 02:30 CEST", "10-25 02:45 CEST", "10-25 02:00 CET", "10-25 02:15 CET"}},
		{"every quarter has nothing to make up for in a gap", "*/15 * * * *", "Europe/Berlin", "2026-03-29 00:40",
			[]string{"03-29 01:45 CET", "03-29 03:00 CEST", "03-29 03:15 CEST"}},
		{"every half past has", "30 * * * *", "Europe/Berlin", "2026-03-29 00:00",
			[]string{"03-29 01:30 CET", "03-29 03:00 CEST", "03-29 03:30 CEST"}},
		{"New York springs forward at 2", "15 2 8 3 *", "America/New_York", "2026-01-01 00:00",
			[]string{"03-08 03:00 EDT"}},
		{"Havana has no midnight in spring", "0 0 * * *", "America/Havana", "2026-03-07 12:00",
			[]string{"03-08 01:00 CDT", "03-09 00:00 CDT"}},
		{"Havana has two midnights in autumn", "0 0 * * *", "America/Havana", "2026-10-31 12:00",
			[]string{"11-01 00:00 CDT", "11-02 00:00 CST"}},
		{"Lord Howe jumps by half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00",
			[]string{"10-04 02:30 +11", "10-05 02:15 +11"}},
		{"Lord Howe falls back by half an hour", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04 00:00",
			[]string{"04-05 01:45 +11", "04-06 01:45 +1030"}},
		{"Samoa had no 30 December 2011", "0 12 * * *", "Pacific/Apia", "2011-12-29 20:00",
			[]string{"12-29 12:00 -10", "12-31 00:00 +14", "12-31 12:00 +14"}},
		{"the last day of a leap year far ahead", "0 12 * * *", "Europe/Berlin", "2040-12-30 00:00",
			[]string{"12-30 12:00 CET", "12-31 12:00 CET", "01-01 12:00 CET"}},
		{"the first day after a leap year far ahead", "0 12 1 1 *", "Europe/Berlin", "2040-06-01 00:00",
			[]string{"01-01 12:00 CET"}},
		{"Casablanca changes for Ramadan", "30 2 * * *", "Africa/Casablanca", "2026-02-14 12:00",
			[]string{"02-15 02:30 +01", "02-16 02:30 +00"}},
	} {
		c := calendar(t, tc.cron, tc.zone)
		var got []string
		for at := utc(t, tc.after); len(got) < len(tc.want); {
			at = c.Next(at)
			got = append(got, at.In(c.Location()).Format("01-02 15:04 MST"))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tc.why, c, diff)
		}
	}
}

// TestFarAhead walks over the turns of leap years, where the library's own idea of a zone's segments
// breaks down; see segmentAt.
func TestFarAhead(t *testing.T) {
	for _, zone := range zones {
		c := calendar(t, "0 12 * * *", zone)
		at := c.Next(utc(t, "2039-12-25 00:00"))
		for range 8 * 366 {
			next := c.Next(at)
			if got := next.Sub(at); got < 22*time.Hour || got > 26*time.Hour {
				t.Fatalf("%v: %v follows %v", c, next, at)
			}
			if got := c.Previous(next.Add(-1)); !got.Equal(at) {
				t.Fatalf("%v: %v precedes %v, want %v", c, got, next, at)
			}
			at = next
		}
	}
}

func TestPrevious(t *testing.T) {
	for _, tc := range []struct{ why, cron, zone, at, want string }{
		{"a slot is its own predecessor", "0 3 * * *", "", "2026-01-02 03:00", "2026-01-02 03:00"},
		{"just before it is not", "0 3 * * *", "", "2026-01-02 02:59:59", "2026-01-01 03:00"},
		{"across a year", "0 3 1 6 *", "", "2026-01-02 03:00", "2025-06-01 03:00"},
		{"across eight years", "0 0 29 2 *", "", "2104-02-28 00:00", "2096-02-29 00:00"},
		{"where the zone's table gives way to its rule", "0 12 1 1 *", "Australia/Lord_Howe", "2038-12-01 00:00", "2038-01-01 01:00"},
		{"never", "0 0 31 4 *", "", "2026-01-01 00:00", ""},
		{"at a gap's end", "30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 01:00"},
		{"just before a gap's end", "30 2 * * *", "Europe/Berlin", "2026-03-29 00:59:59", "2026-03-28 01:30"},
		{"the last minute before a gap", "59 1 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 00:59"},
		{"at the second passing", "30 2 * * *", "Europe/Berlin", "2026-10-25 01:30", "2026-10-25 00:30"},
		{"after it", "30 2 * * *", "Europe/Berlin", "2026-10-25 12:00", "2026-10-25 00:30"},
		{"at the second passing of every hour", "30 * * * *", "Europe/Berlin", "2026-10-25 01:30", "2026-10-25 01:30"},
	} {
		want := time.Time{}
		if tc.want != "" {
			want = utc(t, tc.want)
		}
		if got := calendar(t, tc.cron, tc.zone).Previous(utc(t, tc.at)); !got.Equal(want) {
			t.Errorf("%s: the slot before %s of %q in %q = %v, want %v", tc.why, tc.at, tc.cron, tc.zone, got, want)
		}
	}
}

func TestJitter(t *testing.T) {
	const window = 2 * time.Minute
	seen := map[time.Duration]bool{}
	var early int
	for i := range 1000 {
		uid := time.Duration(i).String()
		j := Jitter(uid, window)
		if j != Jitter(uid, window) || j < 0 || j >= window {
			t.Fatalf("Jitter(%q) = %v, then %v", uid, j, Jitter(uid, window))
		}
		seen[j] = true
		if j < window/2 {
			early++
		}
	}
	if len(seen) < 990 || early < 400 || early > 600 {
		t.Errorf("1000 policies share %d delays, %d of them in the first half", len(seen), early)
	}
	if Jitter("a", 0) != 0 || Jitter("a", -1) != 0 {
		t.Error("no window must give no delay")
	}
	// A policy's delay must survive a release: were it to change, every policy of a fleet would
	// start a slot twice or late on the day of the upgrade.
	if got := Jitter("6f1c9f4e-7f0e-4c58-9a3e-1d2f3a4b5c6d", time.Hour); got != 2011949075344 {
		t.Errorf("golden: %d", got)
	}
}
