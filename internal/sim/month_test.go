// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden logs anew")

// TestThirtyDays lets thirty days of an hourly policy pass and compares the story with the one on record: what was taken
// each day, what went and why, and what was there at midnight and why.
func TestThirtyDays(t *testing.T) {
	t.Parallel()
	w := New(monday.Add(-time.Minute), "data", "logs")
	w.Apply(testkit.Policy(func(b *api.BackupPolicy) {
		b.Spec.Schedule.TimeZone = "Europe/Berlin"
		b.Spec.Retention = api.Retention{Last: 2, Hourly: 24, Daily: 7, Weekly: 4, Monthly: 12, Minimum: 2}
	}))
	w.Start(nil, nil)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := story{World: w, zone: berlin}
	for day := range 30 {
		midnight := time.Date(2026, 3, 2+day+1, 0, 0, 0, 0, berlin).Add(-time.Second)
		if err := w.RunUntil(midnight); err != nil {
			t.Fatal(err)
		}
		s.tellDay(midnight)
	}
	expectRest(t, w)
	w.Checks.AtRest()
	for _, f := range w.Checks.Found {
		t.Error(f)
	}
	compare(t, "thirty-days.txt", s.String())
}

// story tells what happened, a day at a time.
type story struct {
	strings.Builder
	*World
	zone *time.Location
	told int
}

func (s *story) tellDay(end time.Time) {
	day := end.In(s.zone)
	fmt.Fprintf(s, "%s\n", day.Format("Mon 2006-01-02"))
	taken, complete := 0, 0
	var gone []string
	for _, e := range s.Told[s.told:] {
		switch e.Reason {
		case api.ReasonPointCreated:
			taken++
		case api.ReasonAllCaptured:
			complete++
		case api.ReasonExpired:
			gone = append(gone, strings.Fields(e.Sentence)[2])
		default:
			fmt.Fprintf(s, "  %s %s: %s\n", e.At.In(s.zone).Format("15:04"), e.Reason, e.Sentence)
		}
	}
	s.told = len(s.Told)
	fmt.Fprintf(s, "  taken: %d points, %d of them complete\n", taken, complete)
	fmt.Fprintf(s, "  expired, because no rule kept them any more: %s\n", s.moments(gone))
	fmt.Fprintf(s, "  kept at midnight:\n")
	var why string
	var names []string
	flush := func() {
		if len(names) > 0 {
			fmt.Fprintf(s, "    %-32s %s\n", why, s.moments(names))
		}
		names = nil
	}
	for _, p := range s.Points() {
		reasons := strings.Join(p.Status.Keep, " ")
		if reasons != why {
			flush()
		}
		why = reasons
		names = append(names, p.Name)
	}
	flush()
	if n := s.Policy("web").Status.MissedSlots; n > 0 {
		fmt.Fprintf(s, "  slots missed so far: %d\n", n)
	}
}

// moments writes the slots in the names of points, in the zone of the policy; runs of hours are drawn together.
func (s *story) moments(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var at []time.Time
	for _, n := range names {
		stamp, err := time.Parse("20060102-150405", strings.Join(strings.Split(n, "-")[1:3], "-"))
		must(err)
		at = append(at, stamp.In(s.zone))
	}
	slices.SortFunc(at, time.Time.Compare)
	var out []string
	for i := 0; i < len(at); {
		j := i
		for j+1 < len(at) && at[j+1].Sub(at[j]) == time.Hour {
			j++
		}
		text := at[i].Format("2 Jan 15:04")
		if j > i {
			text += " to " + at[j].Format("2 Jan 15:04") + fmt.Sprintf(" (%d)", j-i+1)
		}
		out = append(out, text)
		i = j + 1
	}
	return strings.Join(out, ", ")
}

// compare holds a text against the one on record.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s differs from line %d on; run with -update if that is meant\n on record: %s\n now:       %s", path, i+1, w[i], g[i])
		}
	}
	t.Fatalf("%s has %d lines, and now there are %d; run with -update if that is meant", path, len(w), len(g))
}
