// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func TestParseAccepts(t *testing.T) {
	for _, tc := range []struct{ cron, zone, first string }{
		{"*/15 * * * *", "", "2026-01-01 00:15"},
		{"0 3 1-5,7 * *", "", "2026-01-01 03:00"},
		{"0 3 * * *", "Europe/Berlin", "2026-01-01 02:00"},
		{"0 3 * * *", "Asia/Kathmandu", "2026-01-01 21:15"},
		{"  0   3 *\t* * ", "UTC", "2026-01-01 03:00"},
		{"0 3 * * MON-FRI", "", "2026-01-01 03:00"},
		{"0 3 * JUN sun", "", "2026-06-07 03:00"},
		{"0 3 ? * 1", "", "2026-01-05 03:00"},
		{"5/20 * * * *", "", "2026-01-01 00:05"},
		{"0 0 13 * 5", "", "2026-01-02 00:00"}, // as in cron: the 13th, and also every Friday
		{"0 0 29 2 *", "", "2028-02-29 00:00"},
		{"0 0 31 * *", "America/Argentina/Buenos_Aires", "2026-01-31 03:00"},
		{"@hourly", "", "2026-01-01 01:00"},
		{"@daily", "", "2026-01-02 00:00"},
		{"@midnight", "Etc/GMT+5", "2026-01-01 05:00"},
		{"@weekly", "", "2026-01-04 00:00"},
		{"@monthly", "", "2026-02-01 00:00"},
		{"@yearly", "", "2027-01-01 00:00"},
		{"@annually", "", "2027-01-01 00:00"},
		{"0 0 30 2 *", "", ""}, // readable, and never
	} {
		c, err := Parse(tc.cron, tc.zone)
		if err != nil {
			t.Errorf("Parse(%q, %q): %v", tc.cron, tc.zone, err)
			continue
		}
		want := time.Time{}
		if tc.first != "" {
			want = utc(t, tc.first)
		}
		if got := c.Next(utc(t, "2026-01-01 00:00")); !got.Equal(want) {
			t.Errorf("first slot of %q in %q = %v, want %v", tc.cron, tc.zone, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ cron, zone, what, remedy string }{
		{"", "", "0 fields", "write five"},
		{"   ", "", "0 fields", "write five"},
		{"99 99 * * *", "", `minute "99"`, "0-59"},
		{"0 24 * * *", "", `hour "24"`, "0-23"},
		{"0 3 32 * *", "", `day of month "32"`, "1-31"},
		{"0 3 0 * *", "", `day of month "0"`, "1-31"},
		{"0 3 * 13 *", "", `month "13"`, "JAN-DEC"},
		{"0 3 * * 7", "", `day of week "7"`, "Sunday is 0"},
		{"garbage 0 3 * * *", "", "6 fields", "write five"},
		{"0 0 3 * * *", "", "6 fields", "write five"}, // seconds
		{"0 3 * *", "", "4 fields", "write five"},
		{"5-1 * * * *", "", `minute "5-1"`, "ranges"},
		{"*/0 * * * *", "", `minute "*/0"`, "steps"},
		{"1,,2 * * * *", "", "empty item", "lists"},
		{", * * * *", "", "empty item", "lists"},
		{"*-5 * * * *", "", "stands alone", "0-59"},
		{"+5 * * * *", "", "unexpected character", "0-59"},
		{"-5 * * * *", "", `minute "-5"`, "0-59"},
		{"1/2/3 * * * *", "", `minute "1/2/3"`, "steps"},
		{"0 3 L * *", "", `day of month "L"`, "1-31"},
		{"H 3 * * *", "", `minute "H"`, "0-59"},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", "", "time zone", "timeZone"},
		{"TZ=Europe/Berlin", "", "time zone", "timeZone"},
		{"@every 5m", "", "no fixed slots", "*/15"},
		{"@every", "", "no fixed slots", "*/15"},
		{"@reboot", "", "not a known descriptor", "@hourly"},
		{"@hourly now", "", "not a known descriptor", "@hourly"},
		{"0 3 * * *", "Local", `timeZone "Local"`, "Europe/Berlin"},
		{"0 3 * * *", "localtime", `timeZone "localtime"`, "Europe/Berlin"},
		{"0 3 * * *", "+05:30", `timeZone "+05:30"`, "Europe/Berlin"},
		{"0 3 * * *", "UTC+2", `timeZone "UTC+2"`, "Europe/Berlin"},
		{"0 3 * * *", "Mars/Olympus_Mons", "unknown", "Europe/Berlin"},
		{"0 3 * * *", "../etc/passwd", "not a zone's name", "Europe/Berlin"},
		{"0 3 * * *", "/etc/localtime", "not a zone's name", "Europe/Berlin"},
		{"0 3 * * *", "right/Europe/Berlin", "place", "Europe/Berlin"},
		{"0 3 * * *", "Europe/", "not a zone's name", "Europe/Berlin"},
	} {
		_, err := Parse(tc.cron, tc.zone)
		if err == nil {
			t.Errorf("Parse(%q, %q) was accepted", tc.cron, tc.zone)
			continue
		}
		for _, part := range []string{tc.what, tc.remedy} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Parse(%q, %q) = %q, which does not say %q", tc.cron, tc.zone, err, part)
			}
		}
	}
}

func TestCalendarSaysWhatItIs(t *testing.T) {
	c := calendar(t, " 0  3 * * *", "Europe/Berlin")
	if got := c.String(); got != "0 3 * * * Europe/Berlin" {
		t.Errorf("String() = %q", got)
	}
	var none Calendar
	if got := none.Next(utc(t, "2026-01-01 00:00")); !got.IsZero() {
		t.Errorf("the zero calendar has a slot: %v", got)
	}
	if got := none.Previous(utc(t, "2026-01-01 00:00")); !got.IsZero() {
		t.Errorf("the zero calendar had a slot: %v", got)
	}
}

// FuzzParse shows that no expression makes Parse panic, and that whatever it accepts obeys the
// calendar's laws at any instant.
func FuzzParse(f *testing.F) {
	for _, cron := range []string{"*/15 * * * *", "0 3 1-5,7 * *", "@daily", "TZ=", "CRON_TZ= ", "@every 1s", "0 0 29 2 *", "1/2/3 ? * * 7"} {
		for _, zone := range []string{"", "Europe/Berlin", "Australia/Lord_Howe", "+05:30", "America/../../x"} {
			f.Add(cron, zone, int64(1774745999))
		}
	}
	f.Fuzz(func(t *testing.T, cron, zone string, unix int64) {
		c, err := Parse(cron, zone)
		if err != nil {
			return
		}
		const span = 200 * 365 * day
		moment := moment{calendar: c, at: time.Unix(unix%span, 0)}
		for _, law := range calendarLaws {
			if err := law.holds(ours, moment); err != nil {
				t.Errorf("%q in %q at %v: %s: %v", cron, zone, moment.at, law.name, err)
			}
		}
	})
}

func calendar(t testing.TB, cron, zone string) Calendar {
	t.Helper()
	c, err := Parse(cron, zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func utc(t testing.TB, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	t.Fatalf("not a time: %q", s)
	return time.Time{}
}
