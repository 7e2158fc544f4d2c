// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// shelf is a policy with some of the points it should have, at an instant.
type shelf struct {
	cron, zone      string
	since, now      time.Time
	jitter, timeout time.Duration
	retention       api.Retention
	points          []*api.RecoveryPoint
	suspended       bool
}

func (s shelf) observed() Observed {
	o := healthy()
	o.Calendar, _ = schedule.Parse(s.cron, s.zone)
	o.Jitter, o.Timeout, o.Points = s.jitter, s.timeout, s.points
	o.Policy.CreationTimestamp, o.Policy.Spec.Retention, o.Policy.Spec.Suspend = at(s.since), s.retention, s.suspended
	return o
}

// drawnShelf is around the days on which the clocks change, where they do so at midnight too.
func drawnShelf(t *rapid.T) shelf {
	number := func(what string, most int) int32 { return int32(rapid.IntRange(0, most).Draw(t, what)) }
	s := shelf{
		cron:    rapid.SampledFrom([]string{"0 * * * *", "*/20 * * * *", "30 2 * * *", "15 0,23 * * *", "0 9-17/4 * * 1-5", "0 5 * * 0", "0 0 1 * *"}).Draw(t, "cron"),
		zone:    rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo"}).Draw(t, "zone"),
		now:     time.Date(2018, rapid.SampledFrom([]time.Month{2, 3, 7, 11}).Draw(t, "month"), 19, 0, 0, 0, 0, time.UTC),
		jitter:  time.Duration(rapid.Int64Range(0, int64(hour)).Draw(t, "jitter")),
		timeout: rapid.SampledFrom([]time.Duration{0, 10 * time.Minute, 5 * hour}).Draw(t, "timeout"),
		retention: api.Retention{Last: number("last", 5), Hourly: number("hourly", 30), Daily: number("daily", 9), Weekly: number("weekly", 5),
			Monthly: number("monthly", 3), Yearly: number("yearly", 3), Minimum: number("minimum", 5)},
		suspended: rapid.IntRange(0, 20).Draw(t, "suspended") == 0,
	}
	s.now = s.now.Add(time.Duration(rapid.Int64Range(0, int64(10*day)).Draw(t, "now")))
	span := rapid.SampledFrom([]time.Duration{6 * hour, 3 * day, 40 * day, 400 * day}).Draw(t, "span")
	s.since = s.now.Add(-time.Duration(rapid.Int64Range(0, int64(span)).Draw(t, "since"))).Truncate(time.Second)
	c, _ := schedule.Parse(s.cron, s.zone)
	from := s.since.Add(-time.Duration(rapid.Int64Range(0, int64(2*day)).Draw(t, "older")))
	most := rapid.IntRange(0, 60).Draw(t, "points")
	gaps := rapid.IntRange(0, 5).Draw(t, "gaps")
	for slot := c.Previous(s.now); !slot.IsZero() && slot.After(from) && len(s.points) < most; slot = c.Previous(slot.Add(-1)) {
		var mods []testkit.Mod[api.RecoveryPoint]
		if gaps > 0 {
			switch rapid.IntRange(0, 40/gaps).Draw(t, "what became of it") {
			case 0, 1:
				continue
			case 2:
				mods = append(mods, testkit.Incomplete)
			case 3:
				mods = append(mods, testkit.Going)
			case 4:
				mods = append(mods, func(q *api.RecoveryPoint) { q.Spec.Slot = nil })
			}
		}
		s.points = append(s.points, testkit.Point(slot, threeClaims, mods...))
	}
	slices.Reverse(s.points)
	return s
}

// counted is a faithful and slow count, but for a fault.
type counted struct {
	noTolerance, always, hasty, inUTC, ageless, allPoints, looseMinimum, suspendedToo bool
}

// short says which rules are short: it goes through every slot, and names each bucket as people do.
func (f counted) short(s shelf) string {
	if s.suspended && !f.suspendedToo {
		return ""
	}
	c, _ := schedule.Parse(s.cron, s.zone)
	loc := c.Location()
	if f.inUTC {
		loc = time.UTC
	}
	names := func(t time.Time) []string {
		l := t.In(loc)
		year, week := l.ISOWeek()
		return []string{t.String(), l.Format("2006-01-02T15 -0700"), l.Format("2006-01-02"), fmt.Sprint(year, week), l.Format("2006-01"), l.Format("2006"), t.String()}
	}
	due, have := [7]map[string]bool{}, [7]map[string]bool{}
	for i := range due {
		due[i], have[i] = map[string]bool{}, map[string]bool{}
	}
	grace := s.jitter + s.timeout
	if f.hasty {
		grace = 0
	}
	from := s.since
	if f.ageless {
		from = from.Add(-day)
	}
	for slot := c.Next(from); !slot.IsZero() && !slot.Add(grace).After(s.now); slot = c.Next(slot) {
		for i, name := range names(slot) {
			due[i][name] = true
		}
	}
	for _, q := range s.points {
		if f.allPoints || complete(q) && q.DeletionTimestamp.IsZero() {
			for i, name := range names(q.CreationTimestamp.Time) {
				have[i][name] = true
			}
		}
	}
	var out []string
	r := s.retention
	for i, number := range []int32{r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly, max(1, r.Minimum)} {
		allowed := 1
		if f.noTolerance || i == 6 && !f.looseMinimum {
			allowed = 0
		}
		if want := min(int(number), len(due[i])); len(have[i])+allowed < want || f.always && want > 0 && len(have[i]) <= want {
			out = append(out, fmt.Sprintf("%s %d of %d", []string{"last", "hourly", "daily", "weekly", "monthly", "yearly", "minimum"}[i], len(have[i]), want))
		}
	}
	return strings.Join(out, ", ")
}

// found is what the check says of it.
func (s shelf) found() string {
	for _, f := range Evaluate(s.observed(), s.now).Findings {
		if f.Kind == api.ReasonRetentionShort {
			return f.Message[strings.LastIndex(f.Message, "promise: ")+len("promise: "):]
		}
	}
	return ""
}

// TestLawRetentionShort: the check, which asks the calendar as little as it can, finds what a count of every slot finds; and
// nothing changes before it looks again.
func TestLawRetentionShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawnShelf(t)
		if got, want := s.found(), (counted{}).short(s); got != want {
			t.Fatalf("it finds %q, and there is %q to be found", got, want)
		}
		wake := Evaluate(s.observed(), s.now).Wake
		if wake.IsZero() || wake.After(s.now.Add(40*day)) {
			wake = s.now.Add(40 * day)
		}
		later := s
		if later.now = wake.Add(-1); later.found() != s.found() {
			t.Fatalf("a moment before %s it finds %q, and did %q", wake, later.found(), s.found())
		}
	})
	for name, faulty := range map[string]counted{
		"no point may be missing":            {noTolerance: true},
		"what is whole is short":             {always: true},
		"slots count at once":                {hasty: true},
		"days are those of UTC":              {inUTC: true},
		"slots before the promise count":     {ageless: true},
		"points that are not complete count": {allPoints: true},
		"one of the least may be missing":    {looseMinimum: true},
		"suspended policies are judged":      {suspendedToo: true},
	} {
		convicted(t, name, drawnShelf, func(s shelf) error {
			if s.found() != faulty.short(s) {
				return fmt.Errorf("differs")
			}
			return nil
		})
	}
}

// TestRetentionShortSince: slots count from the youngest of the policy, its schedule and its retention.
func TestRetentionShortSince(t *testing.T) {
	for name, mod := range map[string]func(*Observed){
		"the policy":    func(o *Observed) { o.Policy.CreationTimestamp = after(-90 * time.Minute) },
		"the schedule":  func(o *Observed) { t := after(-90 * time.Minute); o.Status.Applied.ScheduleSince = &t },
		"the retention": func(o *Observed) { t := after(-90 * time.Minute); o.Status.Applied.RetentionSince = &t },
	} {
		o := healthy()
		o.Points = o.Points[3:]
		long := after(-9 * hour)
		o.Policy.CreationTimestamp = long
		o.Status.Applied = &api.AppliedSpec{ScheduleSince: &long, RetentionSince: &long}
		at := noon.Add(10 * time.Minute)
		if got := kindsOf(Evaluate(o, at).Findings); !equal(got, []string{api.ReasonRetentionShort}) {
			t.Fatalf("before, found %v", got)
		}
		if mod(&o); len(Evaluate(o, at).Findings) > 0 {
			t.Errorf("%s is young, and yet: %s", name, describe(Evaluate(o, at).Findings))
		}
	}
}

// TestOnePointIsTheLeast: without a minimum, and without a rule that keeps anything, one point is promised all the same.
func TestOnePointIsTheLeast(t *testing.T) {
	s := shelf{cron: "0 * * * *", zone: "UTC", since: time.Date(2018, 2, 19, 0, 30, 0, 0, time.UTC)}
	s.now = s.since.Add(5 * hour)
	short := func() bool {
		return slices.ContainsFunc(Evaluate(s.observed(), s.now).Findings, func(f Finding) bool { return f.Kind == api.ReasonRetentionShort })
	}
	if !short() {
		t.Error("there is no point, and that is not found")
	}
	s.points = []*api.RecoveryPoint{testkit.Point(s.since.Add(hour/2), threeClaims)}
	if short() {
		t.Error("there is one, and it is said to be too few")
	}
}
