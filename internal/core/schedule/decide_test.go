// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	type want struct {
		due         string
		skipped     int
		skippedLast string
		next, wake  string
	}
	const quarterly, hourly = "*/15 * * * *", "0 * * * *"
	for _, tc := range []struct {
		why, cron, highWater, now string
		p                         Params
		want                      want
	}{
		{"nothing yet", quarterly, "2026-01-01 10:00", "2026-01-01 10:14:59", Params{},
			want{next: "2026-01-01 10:15", wake: "2026-01-01 10:15"}},
		{"on the dot", quarterly, "2026-01-01 10:00", "2026-01-01 10:15", Params{},
			want{due: "2026-01-01 10:15", next: "2026-01-01 10:30", wake: "2026-01-01 10:30"}},
		{"a slot at the mark never runs", quarterly, "2026-01-01 10:15", "2026-01-01 10:15", Params{},
			want{next: "2026-01-01 10:30", wake: "2026-01-01 10:30"}},
		{"creating a policy fires nothing", quarterly, "2026-01-01 10:15:01", "2026-01-01 10:15:01", Params{},
			want{next: "2026-01-01 10:30", wake: "2026-01-01 10:30"}},
		{"an unknown mark fires nothing", quarterly, "", "2026-01-01 10:15", Params{},
			want{next: "2026-01-01 10:30", wake: "2026-01-01 10:30"}},
		{"jitter delays", quarterly, "2026-01-01 10:00", "2026-01-01 10:15", Params{Jitter: time.Minute},
			want{next: "2026-01-01 10:15", wake: "2026-01-01 10:16"}},
		{"jitter has passed", quarterly, "2026-01-01 10:00", "2026-01-01 10:16", Params{Jitter: time.Minute},
			want{due: "2026-01-01 10:15", next: "2026-01-01 10:30", wake: "2026-01-01 10:31"}},
		{"creating a policy inside the jitter of a slot fires nothing", quarterly, "2026-01-01 10:15:30", "2026-01-01 10:16", Params{Jitter: time.Minute},
			want{next: "2026-01-01 10:30", wake: "2026-01-01 10:31"}},
		{"an outage ends with one catch-up, of the latest slot", hourly, "2026-01-01 10:00", "2026-01-01 15:20", Params{},
			want{due: "2026-01-01 15:00", skipped: 4, skippedLast: "2026-01-01 14:00", next: "2026-01-01 16:00", wake: "2026-01-01 16:00"}},
		{"at the deadline it may start", hourly, "2026-01-01 10:00", "2026-01-01 11:10", Params{StartingDeadline: 10 * time.Minute},
			want{due: "2026-01-01 11:00", next: "2026-01-01 12:00", wake: "2026-01-01 11:10:00.000000001"}},
		{"beyond it, it is missed", hourly, "2026-01-01 10:00", "2026-01-01 11:10:01", Params{StartingDeadline: 10 * time.Minute},
			want{skipped: 1, skippedLast: "2026-01-01 11:00", next: "2026-01-01 12:00", wake: "2026-01-01 12:00"}},
		{"the deadline counts from the delayed start", hourly, "2026-01-01 10:00", "2026-01-01 11:10", Params{StartingDeadline: 10 * time.Minute, Jitter: 5 * time.Minute},
			want{due: "2026-01-01 11:00", next: "2026-01-01 12:00", wake: "2026-01-01 11:15:00.000000001"}},
		{"an outage beyond the deadline runs nothing", hourly, "2026-01-01 10:00", "2026-01-01 15:20", Params{StartingDeadline: 10 * time.Minute},
			want{skipped: 5, skippedLast: "2026-01-01 15:00", next: "2026-01-01 16:00", wake: "2026-01-01 16:00"}},
		{"a deadline longer than the interval does not outlive the next slot", hourly, "2026-01-01 10:00", "2026-01-01 12:00", Params{StartingDeadline: 3 * time.Hour},
			want{due: "2026-01-01 12:00", skipped: 1, skippedLast: "2026-01-01 11:00", next: "2026-01-01 13:00", wake: "2026-01-01 13:00"}},
		{"busy: the slot waits", hourly, "2026-01-01 10:00", "2026-01-01 11:10", Params{Busy: true},
			want{next: "2026-01-01 12:00", wake: "2026-01-01 12:00"}},
		{"busy: it waits until its deadline", hourly, "2026-01-01 10:00", "2026-01-01 11:05", Params{Busy: true, StartingDeadline: 10 * time.Minute},
			want{next: "2026-01-01 12:00", wake: "2026-01-01 11:10:00.000000001"}},
		{"busy: beyond its deadline it is missed", hourly, "2026-01-01 10:00", "2026-01-01 11:11", Params{Busy: true, StartingDeadline: 10 * time.Minute},
			want{skipped: 1, skippedLast: "2026-01-01 11:00", next: "2026-01-01 12:00", wake: "2026-01-01 12:00"}},
		{"busy: a newer slot replaces it", hourly, "2026-01-01 10:00", "2026-01-01 12:10", Params{Busy: true},
			want{skipped: 1, skippedLast: "2026-01-01 11:00", next: "2026-01-01 13:00", wake: "2026-01-01 13:00"}},
		{"the clock was set back", hourly, "2026-01-01 10:00", "2026-01-01 07:30", Params{},
			want{next: "2026-01-01 11:00", wake: "2026-01-01 11:00"}},
		{"never", "0 0 30 2 *", "2026-01-01 10:00", "2026-01-01 10:01", Params{}, want{}},
		{"ten years of minutes", "* * * * *", "2016-01-01 00:00", "2026-01-01 00:00", Params{},
			want{due: "2026-01-01 00:00", skipped: MaxSkipped, skippedLast: "2025-12-31 23:59", next: "2026-01-01 00:01", wake: "2026-01-01 00:01"}},
	} {
		at := func(s string) time.Time {
			if s == "" {
				return time.Time{}
			}
			return utc(t, s)
		}
		got := Decide(calendar(t, tc.cron, ""), at(tc.highWater), at(tc.now), tc.p)
		w := Decision{Due: at(tc.want.due), Skipped: tc.want.skipped, SkippedLast: at(tc.want.skippedLast), Next: at(tc.want.next), Wake: at(tc.want.wake)}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.why, diff)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, bb := range []struct {
		name, cron, zone string
		outage           time.Duration
	}{
		{"quarter-hourly", "*/15 * * * *", "Europe/Berlin", 20 * time.Minute},
		{"yearly", "0 3 29 2 *", "Europe/Berlin", time.Hour},
		{"never", "0 3 30 2 *", "Europe/Berlin", time.Hour},
		{"ten-years-of-minutes", "* * * * *", "Europe/Berlin", 10 * 365 * 24 * time.Hour},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c, now := calendar(b, bb.cron, bb.zone), utc(b, "2026-06-01 12:01")
			b.ReportAllocs()
			for b.Loop() {
				Decide(c, now.Add(-bb.outage), now, Params{Jitter: time.Second})
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("*/15 * * * *", "Europe/Berlin"); err != nil {
			b.Fatal(err)
		}
	}
}
