// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// decider is what the laws judge: Decide, or a faulty one that a law must convict.
type decider func(points []Point, active []string, r Rules, now time.Time) []Verdict

// question is what the laws are asked about.
type question struct {
	points []Point
	active []string
	rules  Rules
	now    time.Time
	extra  Point         // one more point, of a lineage of its own
	later  time.Duration // some time after now
}

type law struct {
	name  string
	holds func(decider, question) error
}

var laws = []law{
	{"it is the plain reading of the rules", func(d decider, q question) error {
		want := plainly(q.points, q.active, q.rules, q.now, fault{})
		if diff := difference(want, d(q.points, q.active, q.rules, q.now)); diff != "" {
			return errors.New("(-want +got):\n" + diff)
		}
		return nil
	}},
	{"verdicts come in the order of the points, which stay as they are", func(d decider, q question) error {
		given := slices.Clone(q.points)
		verdicts := d(given, q.active, q.rules, q.now)
		if diff := difference(q.points, given); diff != "" {
			return errors.New("changed its input:\n" + diff)
		}
		for n, v := range verdicts {
			if v.ID != q.points[n].ID {
				return fmt.Errorf("verdict %d is on %s, point %d is %s", n, v.ID, n, q.points[n].ID)
			}
		}
		return nil
	}},
	{"the order of points means nothing", func(d decider, q question) error {
		shuffled := slices.Clone(q.points)
		rand.New(rand.NewPCG(1, uint64(len(shuffled)))).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		want := byID(d(q.points, q.active, q.rules, q.now))
		if diff := difference(want, byID(d(shuffled, q.active, q.rules, q.now))); diff != "" {
			return errors.New("(-in order +shuffled):\n" + diff)
		}
		return nil
	}},
	{"each lineage keeps its last good points", func(d decider, q question) error {
		kept := keptSet(d(q.points, q.active, q.rules, q.now))
		for lineage := range lineagesOf(q.points) {
			mine := holders(q.points, lineage, fault{})
			for n, p := range mine {
				if n < max(1, q.rules.Minimum) && !kept[p.ID] {
					return fmt.Errorf("%s, number %d of lineage %q, expires", p.ID, n+1, lineage)
				}
			}
			if n := slices.IndexFunc(mine, func(p Point) bool { return p.Proven }); n >= 0 && !kept[mine[n].ID] {
				return fmt.Errorf("%s, the newest proven one of lineage %q, expires", mine[n].ID, lineage)
			}
		}
		return nil
	}},
	{"a policy never has fewer than its minimum, nor loses its newest proven point", func(d decider, q question) error {
		kept := keptSet(d(q.points, q.active, q.rules, q.now))
		complete, left, proven := 0, 0, ""
		for _, p := range holders(q.points, "", fault{oneLineage: true}) {
			complete++
			if kept[p.ID] {
				left++
			}
			if p.Proven && proven == "" {
				proven = p.ID
			}
		}
		if least := min(complete, max(1, q.rules.Minimum)); left < least {
			return fmt.Errorf("%d of %d complete points stay, least is %d", left, complete, least)
		}
		if proven != "" && !kept[proven] {
			return fmt.Errorf("%s, the newest proven point, expires", proven)
		}
		return nil
	}},
	{"held and incomplete points do not expire", func(d decider, q question) error {
		for _, v := range d(q.points, q.active, q.rules, q.now) {
			if v.Held && !slices.Contains(v.Why, Reason{Rule: Hold}) {
				return fmt.Errorf("%s is held, but that is no reason", v.ID)
			}
			if !v.counts() && !v.Keep() {
				return fmt.Errorf("%s does not count, but expires", v.ID)
			}
		}
		return nil
	}},
	{"what does not count or is foreign changes nothing", func(d decider, q question) error {
		want := byID(d(q.points, q.active, q.rules, q.now))
		for _, stranger := range []Point{
			{ID: "x", At: q.extra.At, Complete: true, Proven: q.extra.Proven, Lineages: []string{"foreign"}},
			{ID: "x", At: q.extra.At, Proven: true, Lineages: q.extra.Lineages},
			{ID: "x", At: q.extra.At, Complete: true, InFlight: true, Proven: true, Lineages: q.extra.Lineages},
			{ID: "x", Complete: true, Proven: true, Lineages: q.extra.Lineages},
		} {
			got := byID(d(append(slices.Clone(q.points), stranger), append(slices.Clone(q.active), "foreign"), q.rules, q.now))
			delete(got, "x")
			if diff := difference(want, got); diff != "" {
				return fmt.Errorf("with %+v (-without +with):\n%s", stranger, diff)
			}
		}
		return nil
	}},
	{"a newer complete point resurrects nothing", func(d decider, q question) error {
		before := keptSet(d(q.points, q.active, q.rules, q.now))
		newest := q.extra
		newest.ID, newest.At, newest.Complete, newest.InFlight = "z", q.now, true, false
		for _, p := range q.points {
			if p.At.After(newest.At) {
				newest.At = p.At
			}
		}
		for _, v := range d(append(slices.Clone(q.points), newest), q.active, q.rules, q.now) {
			if v.Keep() && !before[v.ID] && v.ID != newest.ID {
				return fmt.Errorf("%s expired, and is kept since %s exists: %v", v.ID, newest.ID, v.Why)
			}
			if v.ID == newest.ID && !v.Keep() {
				return fmt.Errorf("the newest point expires")
			}
		}
		return nil
	}},
	{"time resurrects nothing", func(d decider, q question) error {
		before := keptSet(d(q.points, q.active, q.rules, q.now))
		for _, v := range d(q.points, q.active, q.rules, q.now.Add(q.later)) {
			if v.Keep() && !before[v.ID] {
				return fmt.Errorf("%s expired, and is kept %v later: %v", v.ID, q.later, v.Why)
			}
		}
		return nil
	}},
	{"what was kept is kept again", func(d decider, q question) error {
		var kept []Point
		for _, v := range d(q.points, q.active, q.rules, q.now) {
			if v.Keep() {
				kept = append(kept, v.Point)
			}
		}
		for _, v := range d(kept, q.active, q.rules, q.now) {
			if !v.Keep() {
				return fmt.Errorf("%s expires once the others are gone", v.ID)
			}
		}
		return nil
	}},
	{"nothing expires while the clock is in doubt", func(d decider, q question) error {
		for _, v := range d(q.points, q.active, q.rules, q.now.Add(-10*365*24*time.Hour)) {
			if !v.Keep() {
				return fmt.Errorf("%s expires", v.ID)
			}
		}
		return nil
	}},
}

// difference is cmp.Diff for values that are mostly equal: comparing them first is much faster.
func difference[T any](want, got T) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func byID(verdicts []Verdict) map[string]Verdict {
	m := map[string]Verdict{}
	for _, v := range verdicts {
		m[v.ID] = v
	}
	return m
}

func keptSet(verdicts []Verdict) map[string]bool {
	m := map[string]bool{}
	for _, v := range verdicts {
		m[v.ID] = v.Keep()
	}
	return m
}

// fault is a mistake that plainly can make on purpose.
type fault struct {
	oldestFirst, oldestOfBucket, tiesByPlace, stringKeys, weeksByYear, inUTC          bool
	incompleteCounts, oneLineage, activeOnly, alwaysActive, neverActive, lastAlways   bool
	noMinimum, minimumIsZero, ignoresProven, anyProven, ignoresHold, incompleteExpire bool
	ignoresFuture, noTolerance, oneTooMany, emptyBucketsCount                         bool
}

// plainly decides slowly, rule by rule and lineage by lineage, with buckets that are told apart by how
// the calendar prints them. It shares with Decide only the types.
func plainly(points []Point, active []string, r Rules, now time.Time, f fault) []Verdict {
	why := map[string]map[Rule]int{}
	note := func(id string, rule Rule, place int) {
		if best, ok := why[id][rule]; !ok || place < best {
			why[id][rule] = place
		}
	}
	doubt := false
	for _, p := range points {
		why[p.ID] = map[Rule]int{}
		doubt = doubt || p.At.After(now.Add(5*time.Minute)) || f.noTolerance && p.At.After(now)
	}
	for lineage := range lineagesOf(points) {
		if !f.activeOnly || slices.Contains(active, lineage) {
			isActive := (slices.Contains(active, lineage) || lineage == "" || f.alwaysActive) && !f.neverActive
			lineagePlainly(holders(points, lineage, f), isActive, r, now, f, note)
		}
	}
	verdicts := []Verdict{}
	for _, p := range points {
		if p.Held && !f.ignoresHold {
			note(p.ID, Hold, 0)
		}
		if doubt && !f.ignoresFuture {
			note(p.ID, ClockInDoubt, 0)
		}
		switch {
		case p.InFlight:
			note(p.ID, Unfinished, 0)
		case !p.Complete && !f.incompleteExpire:
			note(p.ID, Incomplete, 0)
		case p.Complete && p.At.IsZero():
			note(p.ID, Undated, 0)
		}
		v := Verdict{Point: p}
		for _, rule := range slices.Sorted(maps.Keys(why[p.ID])) {
			v.Why = append(v.Why, Reason{Rule: rule, Index: why[p.ID][rule]})
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// lineagePlainly notes what one lineage wants to keep of its points, given newest first.
func lineagePlainly(mine []Point, active bool, r Rules, now time.Time, f fault, note func(string, Rule, int)) {
	proven := false
	for n, p := range mine {
		least := max(1, r.Minimum)
		if f.minimumIsZero {
			least = r.Minimum
		}
		switch {
		case f.noMinimum:
		case len(mine) == 1:
			note(p.ID, OnlyLineage, 0)
		case n < least:
			note(p.ID, Minimum, n+1)
		}
		if p.Proven && (!proven || f.anyProven) && !f.ignoresProven {
			note(p.ID, NewestProven, 0)
			proven = true
		}
	}
	timeless := r.Hourly <= 0 && r.Daily <= 0 && r.Weekly <= 0 && r.Monthly <= 0 && r.Yearly <= 0
	for n, p := range mine {
		if n < r.Last && (active || timeless || f.lastAlways) {
			note(p.ID, Last, n+1)
		}
	}
	loc := r.Location
	if loc == nil || f.inUTC {
		loc = time.UTC
	}
	all := map[string]bool{} // for the fault of keys without types
	for rule, quota := range map[Rule]int{Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly} {
		if f.oneTooMany {
			quota++
		}
		seen := map[string]int{} // the place of each bucket
		if f.stringKeys {
			for key := range all {
				seen[key] = 1
			}
		}
		for back := 0; (!active || f.emptyBucketsCount) && back < quota; back++ {
			seen[bucketName(rule, back, now.In(loc), f)] = -(back + 1) // allowed, not yet met
		}
		for _, p := range mine {
			name := bucketName(rule, 0, p.At.In(loc), f)
			place, met := seen[name]
			switch {
			case active && !f.emptyBucketsCount && !met:
				seen[name] = len(seen) + 1
				place = -len(seen)
			case !active && p.At.After(now) && !met:
				place = -1 // ahead of now, within the tolerance
			}
			if place < 0 && -place <= quota {
				note(p.ID, rule, -place)
			}
			if place < 0 {
				seen[name] = -place
			}
			if f.oldestOfBucket {
				seen[name] = -seen[name]
			}
			all[name] = true
		}
	}
}

// bucketName prints the bucket of an instant, or of one some buckets back.
func bucketName(rule Rule, back int, at time.Time, f fault) string {
	year, month, day := at.Date()
	switch rule {
	case Hourly:
		return at.Add(-time.Duration(back) * time.Hour).Format("2006-01-02T15 -0700")
	case Daily:
		return time.Date(year, month, day-back, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case Weekly:
		at := time.Date(year, month, day-7*back, 12, 0, 0, 0, time.UTC)
		week := 0
		if year, week = at.ISOWeek(); f.weeksByYear {
			year, week = at.Year(), at.YearDay()/7
		}
		return fmt.Sprintf("%d-W%d", year, week)
	case Monthly:
		return time.Date(year, month-time.Month(back), 1, 12, 0, 0, 0, time.UTC).Format("2006-01")
	default:
		return fmt.Sprint(year - back)
	}
}

// lineagesOf returns all lineages; points without any form the one without a name.
func lineagesOf(points []Point) map[string]bool {
	all := map[string]bool{}
	for _, p := range points {
		for _, lineage := range p.Lineages {
			all[lineage] = true
		}
		if len(p.Lineages) == 0 {
			all[""] = true
		}
	}
	return all
}

// holders returns the points of a lineage that count, newest first.
func holders(points []Point, lineage string, f fault) []Point {
	var mine []Point
	for _, p := range points {
		holds := slices.Contains(p.Lineages, lineage) || len(p.Lineages) == 0 && lineage == "" || f.oneLineage
		counts := (p.Complete || f.incompleteCounts) && !p.InFlight && !p.At.IsZero()
		if holds && counts {
			mine = append(mine, p)
		}
	}
	slices.SortStableFunc(mine, func(a, b Point) int {
		c := b.At.Compare(a.At)
		if f.oldestFirst {
			c = -c
		}
		if c == 0 && !f.tiesByPlace && b.ID > a.ID {
			return 1
		} else if c == 0 && !f.tiesByPlace && b.ID < a.ID {
			return -1
		}
		return c
	})
	return mine
}

var testZones = []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"}

// genPoint aims: many points lie within one bucket, at its edges, or at the same instant.
func genPoint(now time.Time) *rapid.Generator[Point] {
	return rapid.Custom(func(t *rapid.T) Point {
		unit := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 31 * 24 * time.Hour, 365 * 24 * time.Hour}).Draw(t, "unit")
		at := now.Add(-unit * time.Duration(rapid.IntRange(0, 5).Draw(t, "units")))
		year, month, day := at.Date()
		switch rapid.IntRange(0, 5).Draw(t, "edge") {
		case 0:
			at = time.Date(year, month, day, at.Hour(), 0, 0, 0, at.Location())
		case 1:
			at = time.Date(year, month, day, 0, 0, 0, 0, at.Location())
		case 2:
			at = time.Date(year, month, day, 0, 0, -1, 0, at.Location())
		case 3:
			at = time.Date(year, month, 1, 0, 0, 0, 0, at.Location())
		}
		if at.After(now) {
			at = now
		}
		return Point{
			At:       at.UTC(),
			Complete: rapid.IntRange(0, 4).Draw(t, "complete") > 0,
			Proven:   rapid.IntRange(0, 3).Draw(t, "proven") == 0,
			Held:     rapid.IntRange(0, 6).Draw(t, "held") == 0,
			InFlight: rapid.IntRange(0, 9).Draw(t, "in flight") == 0,
			Lineages: rapid.SampledFrom([][]string{{"a"}, {"a"}, {"a", "b"}, {"b"}, {"a", "b", "c"}, {"c"}, nil}).Draw(t, "lineages"),
		}
	})
}

// genQuestion aims at changes of the clock, turns of the year and small rules.
func genQuestion() *rapid.Generator[question] {
	return rapid.Custom(func(t *rapid.T) question {
		loc, err := time.LoadLocation(rapid.SampledFrom(testZones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		q := question{now: rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 29, 3, 30, 0, 0, loc), time.Date(2026, 10, 25, 3, 30, 0, 0, loc), time.Date(2027, 1, 1, 0, 30, 0, 0, loc),
			time.Date(2026, 12, 31, 12, 0, 0, 0, loc), time.Date(2024, 2, 29, 23, 59, 59, 0, loc), time.Date(2026, 7, 15, 12, 0, 0, 0, loc),
		}).Draw(t, "now")}
		for n := range rapid.IntRange(0, 12).Draw(t, "points") {
			p := genPoint(q.now).Draw(t, "point")
			p.ID = fmt.Sprintf("p%02d", n)
			q.points = append(q.points, p)
		}
		if rapid.IntRange(0, 9).Draw(t, "ahead") == 0 && len(q.points) > 0 {
			q.points[0].At = q.now.Add(rapid.SampledFrom([]time.Duration{1, 5 * time.Minute, 5*time.Minute + 1, time.Hour}).Draw(t, "by")).UTC()
		}
		few := rapid.SampledFrom([]int{0, 0, 1, 2, 3})
		q.rules = Rules{
			Last: few.Draw(t, "last"), Hourly: few.Draw(t, "hourly"), Daily: few.Draw(t, "daily"), Weekly: few.Draw(t, "weekly"),
			Monthly: few.Draw(t, "monthly"), Yearly: few.Draw(t, "yearly"), Minimum: few.Draw(t, "minimum"), Location: loc,
		}
		q.active = rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}, {"a", "b", "c"}, {"c"}}).Draw(t, "active")
		q.extra = genPoint(q.now).Draw(t, "extra")
		q.extra.ID = "extra"
		q.later = rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 25 * time.Hour, 40 * 24 * time.Hour}).Draw(t, "later")
		return q
	})
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := genQuestion().Draw(t, "question")
				if err := law.holds(Decide, q); err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
			})
		})
	}
}

// TestSmallScope asks every law about every set of six points within one day and the days before it, each
// incomplete, complete, proven or held, under rules that differ in kind.
func TestSmallScope(t *testing.T) {
	now := time.Date(2026, 3, 12, 11, 0, 0, 0, time.UTC)
	ages := []time.Duration{time.Minute, 2 * time.Hour, 2*time.Hour + time.Minute, 30 * time.Hour, 31 * time.Hour, 800 * time.Hour}
	kinds := []Point{{}, {Complete: true}, {Complete: true, Proven: true}, {Complete: true, Held: true}}
	for _, rules := range []Rules{{}, {Last: 2}, {Hourly: 1, Daily: 2}, {Monthly: 1, Minimum: 2}} {
		for _, active := range [][]string{nil, {"a"}} {
			for code := range 1 << (2 * len(ages)) {
				q := question{active: active, rules: rules, now: now, later: 20 * time.Hour, extra: Point{ID: "extra", At: now, Lineages: []string{"a"}}}
				for n, age := range ages {
					p := kinds[code>>(2*n)&3]
					p.ID, p.At, p.Lineages = fmt.Sprint(n), now.Add(-age), []string{"a"}
					q.points = append(q.points, p)
				}
				for _, law := range laws[1:] { // the first one is slow, and has TestLaws to itself
					if err := law.holds(Decide, q); err != nil {
						t.Fatalf("%s: %+v: %v", law.name, q, err)
					}
				}
			}
		}
	}
}

// TestLawsKillFaults plants faults one by one. A fault that lives means that the laws have lost their
// teeth, and so does a law that convicts nobody.
func TestLawsKillFaults(t *testing.T) {
	faulty := func(f fault) decider {
		return func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			return plainly(points, active, r, now, f)
		}
	}
	convicts := map[string]bool{}
	for name, d := range map[string]decider{
		"the oldest points are taken for the newest": faulty(fault{oldestFirst: true}),
		"the oldest point stands for its bucket":     faulty(fault{oldestOfBucket: true}),
		"equal times are ordered by chance":          faulty(fault{tiesByPlace: true}),
		"buckets of all rules share their keys":      faulty(fault{stringKeys: true}),
		"weeks are counted within the year":          faulty(fault{weeksByYear: true}),
		"days begin at midnight UTC":                 faulty(fault{inUTC: true}),
		"incomplete points count":                    faulty(fault{incompleteCounts: true}),
		"lineages are thrown together":               faulty(fault{oneLineage: true}),
		"lineages that are over are forgotten":       faulty(fault{activeOnly: true}),
		"lineages that are over keep their buckets":  faulty(fault{alwaysActive: true}),
		"all lineages count from now":                faulty(fault{neverActive: true}),
		"last counts for lineages that are over":     faulty(fault{lastAlways: true}),
		"nothing is the least":                       faulty(fault{noMinimum: true}),
		"a minimum of zero is zero":                  faulty(fault{minimumIsZero: true}),
		"proof means nothing":                        faulty(fault{ignoresProven: true}),
		"every proven point stays":                   faulty(fault{anyProven: true}),
		"hold means nothing":                         faulty(fault{ignoresHold: true}),
		"incomplete points expire here":              faulty(fault{incompleteExpire: true}),
		"the future means nothing":                   faulty(fault{ignoresFuture: true}),
		"clocks may not differ at all":               faulty(fault{noTolerance: true}),
		"each rule keeps one too many":               faulty(fault{oneTooMany: true}),
		"buckets without a point take a place":       faulty(fault{emptyBucketsCount: true}),
		"the input is sorted in place": func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			slices.SortFunc(points, func(a, b Point) int { return a.At.Compare(b.At) })
			return Decide(points, active, r, now)
		},
		"verdicts are sorted": func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			verdicts := Decide(points, active, r, now)
			slices.SortFunc(verdicts, func(a, b Verdict) int { return a.At.Compare(b.At) })
			return verdicts
		},
		"one point in three is dropped": func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			verdicts := Decide(points, active, r, now)
			for n := range verdicts {
				if n%3 == 2 {
					verdicts[n].Why = nil
				}
			}
			return verdicts
		},
		"what is kept is thinned out, half at a time": func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			verdicts, n := Decide(points, active, r, now), 0
			for i := range verdicts {
				if verdicts[i].Keep() {
					if n++; n > 1 && n > len(points)/2 {
						verdicts[i].Why = nil
					}
				}
			}
			return verdicts
		},
		"what is old comes back": func(points []Point, active []string, r Rules, now time.Time) []Verdict {
			verdicts := Decide(points, active, r, now)
			for i := range verdicts {
				if now.Sub(verdicts[i].At) > 50*time.Hour && !verdicts[i].Keep() {
					verdicts[i].Why = []Reason{{Rule: Yearly, Index: 1}}
				}
			}
			return verdicts
		},
	} {
		noticed := false
		for seed := range 400 {
			q := genQuestion().Example(seed)
			for _, law := range laws {
				if !convicts[law.name] || !noticed {
					if law.holds(d, question{slices.Clone(q.points), q.active, q.rules, q.now, q.extra, q.later}) != nil {
						noticed, convicts[law.name] = true, true
					}
				}
			}
		}
		if !noticed {
			t.Errorf("no law notices: %s", name)
		}
	}
	for _, law := range laws {
		if !convicts[law.name] {
			t.Errorf("no planted fault breaks the law %q", law.name)
		}
	}
}
