// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
)

// row is a point and what is expected of it: its reasons, or "" for a point that expires. The field
// note says why a point that expires does.
type row struct {
	at, point string // point: lineages, then any of: incomplete inflight proven held
	want      string
	note      string
}

func (r row) parse(t *testing.T, n int, loc *time.Location) Point {
	t.Helper()
	p := Point{ID: fmt.Sprintf("p%02d", n), Complete: true}
	if r.at != "" {
		at, err := time.ParseInLocation("2006-01-02 15:04", r.at, loc)
		if err != nil {
			t.Fatal(err)
		}
		p.At = at.UTC()
	}
	for _, word := range strings.Fields(r.point) {
		switch word {
		case "incomplete":
			p.Complete = false
		case "inflight":
			p.Complete, p.InFlight = false, true
		case "proven":
			p.Proven = true
		case "held":
			p.Held = true
		default:
			p.Lineages = append(p.Lineages, word)
		}
	}
	return p
}

// TestDecide is what a reader should look at to see which end is new: laws are symmetric, tables are not.
func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		name   string
		rules  Rules
		zone   string
		active string
		now    string
		rows   []row
	}{
		{"each rule has its places", Rules{Last: 2, Hourly: 2, Daily: 3, Weekly: 2, Monthly: 2, Yearly: 2}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:45", "a", "last-1 hourly-1 daily-1 weekly-1 monthly-1 yearly-1 minimum-1", ""},
			{"2026-03-12 10:30", "a", "last-2", ""},
			{"2026-03-12 10:15", "a", "", "third newest; its hour has a newer one"},
			{"2026-03-12 09:45", "a", "hourly-2", ""},
			{"2026-03-12 09:30", "a", "", "its hour has a newer one"},
			{"2026-03-12 08:45", "a", "", "third hour back"},
			{"2026-03-11 23:59", "a", "daily-2", ""},
			{"2026-03-11 00:00", "a", "", "its day has a newer one"},
			{"2026-03-09 12:00", "a", "daily-3", ""},
			{"2026-03-08 12:00", "a", "weekly-2", "a Sunday, so last week"},
			{"2026-03-01 12:00", "a", "", "third week back; its month has a newer one"},
			{"2026-02-28 12:00", "a", "monthly-2", ""},
			{"2026-01-31 12:00", "a", "", "third month back; its year has a newer one"},
			{"2025-12-31 12:00", "a", "yearly-2", ""},
			{"2024-12-31 12:00", "a", "", "third year back"},
		}},
		{"buckets without a point take no place", Rules{Daily: 2}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-01 10:00", "a", "daily-1 minimum-1", ""},
			{"2026-02-01 10:00", "a", "daily-2", ""},
			{"2026-01-01 10:00", "a", "", "third day with a point"},
		}},
		{"no rules", Rules{}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a", "minimum-1", ""},
			{"2026-03-12 09:00", "a", "", "one is the least that stays, and the newest is that one"},
		}},
		{"minimum", Rules{Minimum: 2}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a", "minimum-1", ""},
			{"2026-03-12 09:00", "a", "minimum-2", ""},
			{"2026-03-12 08:00", "a", "", "beyond the minimum"},
		}},
		{"weeks are those of ISO 8601", Rules{Weekly: 3}, "UTC", "a", "2027-01-08 11:00", []row{
			{"2027-01-04 00:00", "a", "weekly-1 minimum-1", "a Monday"},
			{"2027-01-03 23:59", "a", "weekly-2", "the Sunday before"},
			{"2026-12-28 00:00", "a", "", "Monday of the week that spans the years, which has a newer one"},
			{"2026-12-27 23:59", "a", "weekly-3", ""},
		}},
		{"days begin at the zone's midnight", Rules{Daily: 2}, "America/New_York", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 00:00", "a", "daily-1 minimum-1", "still the 12th at 04:00 UTC"},
			{"2026-03-11 23:59", "a", "daily-2", "although it is the 12th in UTC"},
			{"2026-03-11 12:00", "a", "", "its day has a newer one"},
		}},
		{"months and years begin at the zone's midnight", Rules{Monthly: 2, Yearly: 2}, "Asia/Tokyo", "a", "2026-01-02 11:00", []row{
			{"2026-01-01 00:30", "a", "monthly-1 yearly-1 minimum-1", "still 2025 in UTC"},
			{"2025-12-31 23:30", "a", "monthly-2 yearly-2", ""},
			{"2025-12-31 22:30", "a", "", "its month has a newer one"},
		}},
		{"hours of a zone that is off by 45 minutes", Rules{Hourly: 2}, "Asia/Kathmandu", "a", "2026-01-02 11:00", []row{
			{"2026-01-02 10:59", "a", "hourly-1 minimum-1", ""},
			{"2026-01-02 10:00", "a", "", "its hour has a newer one"},
			{"2026-01-02 09:59", "a", "hourly-2", ""},
		}},
		{"incomplete points neither count nor push out", Rules{Last: 2}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:59", "a inflight", "unfinished", ""},
			{"2026-03-12 10:30", "a incomplete", "incomplete", ""},
			{"2026-03-12 10:00", "a", "last-1 minimum-1", ""},
			{"2026-03-12 09:30", "a incomplete proven", "incomplete", ""},
			{"2026-03-12 09:00", "a", "last-2", ""},
			{"2026-03-12 08:00", "a", "", "third complete one"},
		}},
		{"the newest proven point outlives its rules", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a", "last-1 minimum-1", ""},
			{"2026-03-01 10:00", "a proven", "newest-proven", ""},
			{"2026-02-01 10:00", "a proven", "", "a newer one is proven"},
		}},
		{"held points say so and still count", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a held", "last-1 minimum-1 hold", ""},
			{"2026-03-12 09:00", "a", "", "second newest"},
			{"2026-03-12 08:00", "a held", "hold", ""},
			{"2026-03-12 07:00", "a held incomplete", "hold incomplete", ""},
		}},
		{"a claim that is created again is a new lineage", Rules{Last: 2, Daily: 2}, "UTC", "b", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "b", "last-1 daily-1 minimum-1", ""},
			{"2026-03-12 09:00", "b", "last-2", ""},
			{"2026-03-12 08:00", "b", "", "third newest of its lineage, and its day has a newer one"},
			{"2026-03-12 07:00", "a", "daily-1 minimum-1", "the old lineage's newest"},
			{"2026-03-12 06:00", "a", "", "last does not count for a lineage that is over when days do"},
			{"2026-03-11 06:00", "a", "daily-2", ""},
			{"2026-03-10 06:00", "a", "", "third day back from now"},
		}},
		{"the time of a lineage that is over runs from now", Rules{Hourly: 24, Daily: 7, Minimum: 2}, "UTC", "", "2026-03-12 11:00", []row{
			{"2026-03-11 13:30", "a", "hourly-23 daily-2 minimum-1", ""},
			{"2026-03-11 12:30", "a", "hourly-24 minimum-2", ""},
			{"2026-03-11 11:30", "a", "", "25th hour back from now"},
			{"2026-03-06 12:30", "a", "daily-7", ""},
			{"2026-03-05 12:30", "a", "", "eighth day back from now"},
		}},
		{"a lineage that is over, without rules of time", Rules{Last: 2}, "UTC", "", "2026-03-12 11:00", []row{
			{"2020-03-12 10:00", "a", "last-1 minimum-1", ""},
			{"2020-03-12 09:00", "a", "last-2", ""},
			{"2020-03-12 08:00", "a", "", "third newest"},
		}},
		{"one lineage's wish keeps a point of many", Rules{Last: 1}, "UTC", "a b c", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a b", "last-1 minimum-1", ""},
			{"2026-03-12 09:00", "b c", "last-1 minimum-1", "the newest of c"},
			{"2026-03-12 08:00", "a b c", "", "each of its lineages has a newer one"},
			{"2026-03-12 07:00", "a d", "last-1 only-lineage", "nothing else holds d"},
		}},
		{"the newest proven point of each lineage", Rules{Last: 1}, "UTC", "a b", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a b", "last-1 minimum-1", ""},
			{"2026-03-12 09:00", "a proven", "newest-proven", ""},
			{"2026-03-12 08:00", "a b proven", "newest-proven", "for b"},
			{"2026-03-12 07:00", "a b proven", "", "both have newer proven ones"},
		}},
		{"the same letters, cut at two places, are other claims", Rules{Last: 1}, "UTC", "ab c a bc", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "ab c", "last-1 only-lineage", ""},
			{"2026-03-12 09:00", "a bc", "last-1 only-lineage", ""},
		}},
		{"points without claims live by the same rules", Rules{Last: 2}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "", "last-1 minimum-1", ""},
			{"2026-03-12 09:00", "a", "last-1 only-lineage", ""},
			{"2026-03-12 08:00", "", "last-2", ""},
			{"2026-03-12 07:00", "", "", "third newest of those without"},
		}},
		{"equal times are ordered by ID", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 10:00", "a", "", "p00 yields to p01"},
			{"2026-03-12 10:00", "a", "last-1 minimum-1", ""},
		}},
		{"a point in the future stops everything", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 11:06", "a", "last-1 minimum-1 clock-in-doubt", ""},
			{"2026-03-12 10:00", "a", "clock-in-doubt", ""},
			{"2026-03-12 09:00", "a incomplete", "clock-in-doubt incomplete", ""},
		}},
		{"clocks may differ a little", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"2026-03-12 11:05", "a", "last-1 minimum-1", ""},
			{"2026-03-12 10:00", "a", "", "second newest"},
		}},
		{"a point without a time stays and does not count", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", []row{
			{"", "a", "undated", ""},
			{"2026-03-12 10:00", "a", "last-1 only-lineage", ""},
		}},
		{"nothing", Rules{Last: 1}, "UTC", "a", "2026-03-12 11:00", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			loc, err := time.LoadLocation(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			tc.rules.Location = loc
			var points []Point
			want := []string{}
			for n, row := range tc.rows {
				points = append(points, row.parse(t, n, loc))
				want = append(want, row.at+" "+row.want)
			}
			got := []string{}
			now := row{at: tc.now}.parse(t, 0, loc).At
			for n, v := range Decide(points, strings.Fields(tc.active), tc.rules, now) {
				got = append(got, tc.rows[n].at+" "+reasons(v))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func reasons(v Verdict) string {
	var words []string
	for _, reason := range v.Why {
		words = append(words, reason.String())
	}
	return strings.Join(words, " ")
}

func TestARepeatedHourCountsTwice(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var points []Point
	for n := range 4 { // 01:30, 02:30 summer time, 02:30 winter time, 03:30
		points = append(points, Point{ID: fmt.Sprint(n), Complete: true, At: time.Date(2026, 10, 24, 23+n, 30, 0, 0, time.UTC)})
	}
	want := []string{"", "hourly-3", "hourly-2", "hourly-1 minimum-1"}
	for n, v := range Decide(points, nil, Rules{Hourly: 3, Location: loc}, points[3].At) {
		if got := reasons(v); got != want[n] {
			t.Errorf("%v is kept by %q, want %q", v.At.In(loc), got, want[n])
		}
	}
}

func TestReasonsAreReadable(t *testing.T) {
	seen := map[string]bool{}
	for rule := Rule(0); rule < ruleCount; rule++ {
		if s := rule.String(); s == "" || seen[s] {
			t.Errorf("rule %d is called %q", rule, s)
		}
		seen[rule.String()] = true
	}
	for reason, want := range map[Reason]string{
		{Daily, 3}: "daily-3", {Hold, 0}: "hold", {NewestProven, 0}: "newest-proven", {OnlyLineage, 0}: "only-lineage",
		{Unsuperseded, 0}: "unsuperseded", {Rule(99), 0}: "rule(99)",
		{Rule(-1), 0}: "rule(-1)", {ruleCount, 0}: fmt.Sprintf("rule(%d)", ruleCount),
	} {
		if got := reason.String(); got != want {
			t.Errorf("%#v reads %q, want %q", reason, got, want)
		}
	}
}

func TestSuperseded(t *testing.T) {
	for _, tc := range []struct {
		name string
		rows []row // want: "stays" or "goes"
	}{
		{"a newer complete point with the same claims", []row{
			{"2026-03-10 10:00", "a b incomplete", "goes", ""},
			{"2026-03-10 11:00", "a b", "", ""},
		}},
		{"a newer complete point with more", []row{
			{"2026-03-10 10:00", "b incomplete", "goes", ""},
			{"2026-03-10 10:05", "incomplete", "goes", ""},
			{"2026-03-10 11:00", "a b", "", ""},
		}},
		{"a newer complete point with less", []row{
			{"2026-03-10 10:00", "a b incomplete", "stays", "it has the only data of b"},
			{"2026-03-10 11:00", "a c", "", ""},
		}},
		{"two newer complete points with a part each", []row{
			{"2026-03-10 10:00", "a b incomplete", "stays", "only it has both of one moment"},
			{"2026-03-10 11:00", "a c", "", ""},
			{"2026-03-10 12:00", "b", "", ""},
		}},
		{"four newer complete points with a part each", []row{
			{"2026-03-10 10:00", "a b incomplete", "stays", "only it has both of one moment, and no other incomplete one is newer"},
			{"2026-03-10 11:00", "a", "", ""},
			{"2026-03-10 12:00", "b", "", ""},
			{"2026-03-10 13:00", "a", "", ""},
			{"2026-03-10 14:00", "b", "", ""},
		}},
		{"two newer ones with a part each, and an older one with all", []row{
			{"2026-03-10 09:00", "a b", "", ""},
			{"2026-03-10 10:00", "a b incomplete", "stays", "what the older one holds is older"},
			{"2026-03-10 11:00", "a c", "", ""},
			{"2026-03-10 12:00", "b", "", ""},
		}},
		{"an older complete point", []row{
			{"2026-03-10 09:00", "a", "", ""},
			{"2026-03-10 10:00", "a incomplete", "stays", ""},
		}},
		{"points in flight and points without a time supersede nothing", []row{
			{"2026-03-10 10:00", "a incomplete", "stays", ""},
			{"2026-03-10 11:00", "a inflight", "stays", ""},
			{"", "a", "", ""},
		}},
		{"hold", []row{
			{"2026-03-10 10:00", "a incomplete held", "stays", ""},
			{"2026-03-10 11:00", "a", "", ""},
		}},
		{"too young to go", []row{
			{"2026-03-12 10:00", "a incomplete", "goes", ""},
			{"2026-03-12 10:01", "a incomplete", "stays", "its hour is not over"},
			{"2026-03-12 10:30", "a", "", ""},
		}},
		{"nothing complete: the newest three stay", []row{
			{"2026-03-10 10:00", "a incomplete", "goes", ""},
			{"2026-03-10 11:00", "a incomplete", "goes", ""},
			{"2026-03-10 12:00", "a incomplete", "stays", ""},
			{"2026-03-10 13:00", "a incomplete", "stays", ""},
			{"2026-03-10 14:00", "a incomplete", "stays", ""},
		}},
		{"those that captured nothing make room too", []row{
			{"2026-03-10 10:00", "incomplete", "goes", ""},
			{"2026-03-10 11:00", "incomplete", "stays", ""},
			{"2026-03-10 12:00", "incomplete", "stays", ""},
			{"2026-03-10 13:00", "incomplete", "stays", ""},
		}},
		{"the only data of a claim stays", []row{
			{"2026-03-10 10:00", "a b incomplete", "stays", "only b"},
			{"2026-03-10 11:00", "a incomplete", "goes", ""},
			{"2026-03-10 12:00", "a incomplete", "stays", ""},
			{"2026-03-10 13:00", "a incomplete", "stays", ""},
			{"2026-03-10 14:00", "a incomplete", "stays", ""},
		}},
		{"different claims fail in turn: each claim pins three points", []row{
			{"2026-03-10 10:00", "a b incomplete", "goes", ""},
			{"2026-03-10 11:00", "b c incomplete", "goes", ""},
			{"2026-03-10 12:00", "a c incomplete", "stays", "third newest of a"},
			{"2026-03-10 13:00", "a b incomplete", "stays", ""},
			{"2026-03-10 14:00", "b c incomplete", "stays", ""},
			{"2026-03-10 15:00", "a b c incomplete", "stays", ""},
		}},
		{"the clock is in doubt", []row{
			{"2026-03-10 10:00", "a incomplete", "stays", ""},
			{"2026-03-12 11:06", "a", "", ""},
		}},
		{"a point without a time", []row{
			{"", "a incomplete", "stays", ""},
			{"2026-03-12 10:00", "a", "", ""},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var points []Point
			var want []string
			for n, row := range tc.rows {
				points = append(points, row.parse(t, n, time.UTC))
				if row.want == "goes" {
					want = append(want, points[n].ID)
				}
			}
			now := row{at: "2026-03-12 11:00"}.parse(t, 0, time.UTC).At
			if diff := cmp.Diff(want, Superseded(points, now, time.Hour)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSetKeys: no two sets of lineages have the same key, wherever their letters are cut.
func TestSetKeys(t *testing.T) {
	sets := [][]string{nil, {""}, {"", ""}, {"a"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a\x00b"}, {"a", "\x00b"}, {"a\x00", "b"}, {"\x01a"}, {"\x01", "a"}, {"a\x01b"}}
	seen := map[string][]string{}
	for _, set := range sets {
		key := setKey(set)
		if other, is := seen[key]; is {
			t.Errorf("%q and %q share a key", set, other)
		}
		seen[key] = set
	}
}

// TestManySets: however many sets of lineages there are, each point is judged among those that share a lineage with it.
func TestManySets(t *testing.T) {
	now := time.Date(2026, 3, 12, 11, 0, 0, 0, time.UTC)
	for n := 1; n <= 70; n++ {
		points := make([]Point, n)
		for i := range points {
			points[i] = Point{ID: fmt.Sprintf("p%02d", i), At: now.Add(-time.Duration(i) * time.Hour), Complete: true, Lineages: []string{fmt.Sprintf("l%02d", i)}}
		}
		for i, v := range Decide(points, nil, Rules{}, now) {
			if len(v.Why) != 1 || v.Why[0].Rule != OnlyLineage {
				t.Fatalf("of %d, number %d is kept for %v", n, i, v.Why)
			}
		}
	}
}
