// SPDX-License-Identifier: Apache-2.0

// Package retention answers which recovery points are kept, and why. The answer is reasons, not a boolean: a point
// without a reason expires.
//
// Invariants: only complete points count, and only complete points push another out; of each lineage at least
// max(1, Minimum) complete points stay; the newest proven point stays; a held point stays; the order of the input
// means nothing; while a point lies in the future the clock is in doubt, and everything stays.
package retention

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Rule is a kind of reason to keep a point.
type Rule string

// The rules. Last to Yearly are the policy's; the others protect against it.
const (
	Last         Rule = "last"
	Hourly       Rule = "hourly"
	Daily        Rule = "daily"
	Weekly       Rule = "weekly"
	Monthly      Rule = "monthly"
	Yearly       Rule = "yearly"
	Minimum      Rule = "minimum"
	NewestProven Rule = "newest-proven"
	Hold         Rule = "hold"
	ClockInDoubt Rule = "clock-in-doubt"
)

func (r Rule) String() string { return string(r) }

// Reason is why a point is kept: a rule, and the place the point has under it, counted from the newest.
type Reason struct {
	Rule  Rule
	Index int // 1 is the newest; 0 where places mean nothing
}

func (r Reason) String() string {
	if r.Index == 0 {
		return string(r.Rule)
	}
	return fmt.Sprintf("%s-%d", r.Rule, r.Index)
}

// Rules say how many points each rule keeps. Hours, days, ISO weeks, months and years are those of Location.
type Rules struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly, Minimum int
	Location                                              *time.Location
}

// Point is a recovery point as far as retention is concerned.
type Point struct {
	ID       string
	At       time.Time // the moment its data are from
	Complete bool
	Proven   bool
	Held     bool
	Lineages []string // the claims it holds; a claim that was made anew is a new lineage
}

// Verdict is a point with the reasons to keep it.
type Verdict struct {
	Point
	Why []Reason // empty means expire
}

// Keep says whether anything keeps the point.
func (v Verdict) Keep() bool { return len(v.Why) > 0 }

// clockTolerance is how far ahead of the clock a point may lie before the clock is in doubt.
const clockTolerance = 5 * time.Minute

// Decide gives the verdict on each point, in the order of the input. Active are the lineages that the policy still
// selects; of the others nothing new arrives, so their hours and days are counted from now, and they fade to the minimum.
func Decide(points []Point, active []string, r Rules, now time.Time) []Verdict {
	reasons := make([]map[Rule]int, len(points))
	for i, p := range points {
		reasons[i] = map[Rule]int{}
		if p.Held {
			reasons[i][Hold] = 0
		}
	}
	if inDoubt(points, now) {
		for i := range reasons {
			reasons[i][ClockInDoubt] = 0
		}
	}
	order := newestFirst(points)
	keepProven(points, order, reasons)
	for _, l := range groups(points, order, active) {
		l.keep(points, r, now, reasons)
	}
	return verdicts(points, reasons)
}

func inDoubt(points []Point, now time.Time) bool {
	for _, p := range points {
		if p.At.After(now.Add(clockTolerance)) {
			return true
		}
	}
	return false
}

// newestFirst are the places of the complete points.
func newestFirst(points []Point) []int {
	var order []int
	for i, p := range points {
		if p.Complete {
			order = append(order, i)
		}
	}
	sort.Slice(order, func(a, b int) bool { return newer(points[order[a]], points[order[b]]) })
	return order
}

func newer(a, b Point) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	return a.ID > b.ID
}

func keepProven(points []Point, order []int, reasons []map[Rule]int) {
	for _, i := range order {
		if points[i].Proven {
			reasons[i][NewestProven] = 0
			return
		}
	}
}

// lineage is the history of one claim, or of several that share it: the places of its points, newest first.
type lineage struct {
	places []int
	active bool
}

// groups finds the histories that differ. A thousand claims that were always captured together make one.
func groups(points []Point, order []int, active []string) []lineage {
	selected := make(map[string]bool, len(active))
	for _, l := range active {
		selected[l] = true
	}
	sets := classes(points, order)
	var out []lineage
	seen := map[string]bool{}
	for _, l := range sets.lineages() {
		places := sets.places[l]
		key := fmt.Sprint(selected[l], places)
		if !seen[key] {
			seen[key] = true
			out = append(out, lineage{sets.expand(places), selected[l]})
		}
	}
	if bare := without(points, order); len(bare) > 0 {
		out = append(out, lineage{bare, true})
	}
	return out
}

// classSet groups points that hold the same claims, so that each set of claims is walked once.
type classSet struct {
	members [][]int          // class → places, newest first
	places  map[string][]int // lineage → classes
}

func classes(points []Point, order []int) classSet {
	s := classSet{places: map[string][]int{}}
	byKey := map[string]int{}
	for _, i := range order {
		if len(points[i].Lineages) == 0 {
			continue
		}
		key := strings.Join(points[i].Lineages, "\x00")
		c, known := byKey[key]
		if !known {
			c = len(s.members)
			byKey[key] = c
			s.members = append(s.members, nil)
			for _, l := range points[i].Lineages {
				if at := s.places[l]; len(at) == 0 || at[len(at)-1] != c {
					s.places[l] = append(at, c)
				}
			}
		}
		s.members[c] = append(s.members[c], i)
	}
	return s
}

func (s classSet) lineages() []string {
	out := make([]string, 0, len(s.places))
	for l := range s.places {
		out = append(out, l)
	}
	sort.Strings(out)
	return out
}

// expand are the places of all points of some classes, in no order yet.
func (s classSet) expand(classes []int) []int {
	var out []int
	for _, c := range classes {
		out = append(out, s.members[c]...)
	}
	return out
}

// without are the places of points that hold nothing: they form a history of their own.
func without(points []Point, order []int) []int {
	var out []int
	for _, i := range order {
		if len(points[i].Lineages) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// bucket is one hour, day, week, month or year. Its fields are typed: a year never meets a place in a list.
type bucket struct{ year, part, hour, offset int }

// period cuts time into buckets.
type period struct {
	rule  Rule
	count func(Rules) int
	of    func(time.Time) bucket
	back  func(time.Time, int) time.Time // the instant n buckets ago
}

var periods = []period{
	{Hourly, func(r Rules) int { return r.Hourly }, hourOf, func(t time.Time, n int) time.Time { return t.Add(-time.Duration(n) * time.Hour) }},
	{Daily, func(r Rules) int { return r.Daily }, dayOf, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, -n) }},
	{Weekly, func(r Rules) int { return r.Weekly }, weekOf, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, -7*n) }},
	{Monthly, func(r Rules) int { return r.Monthly }, monthOf, func(t time.Time, n int) time.Time { return firstOfMonth(t).AddDate(0, -n, 0) }},
	{Yearly, func(r Rules) int { return r.Yearly }, yearOf, func(t time.Time, n int) time.Time { return firstOfMonth(t).AddDate(-n, 0, 0) }},
}

// hourOf tells the two equal hours of a night in autumn apart by their offset from UTC.
func hourOf(t time.Time) bucket {
	_, offset := t.Zone()
	return bucket{t.Year(), t.YearDay(), t.Hour(), offset}
}
func dayOf(t time.Time) bucket { return bucket{year: t.Year(), part: t.YearDay()} }
func weekOf(t time.Time) bucket {
	year, week := t.ISOWeek()
	return bucket{year: year, part: week}
}
func monthOf(t time.Time) bucket { return bucket{year: t.Year(), part: int(t.Month())} }
func yearOf(t time.Time) bucket  { return bucket{year: t.Year()} }

func firstOfMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
}

// keep writes down why the points of one history are kept.
func (l lineage) keep(points []Point, r Rules, now time.Time, reasons []map[Rule]int) {
	if r.Location == nil {
		r.Location = time.UTC
	}
	sort.Slice(l.places, func(a, b int) bool { return newer(points[l.places[a]], points[l.places[b]]) })
	l.keepFirst(Minimum, max(1, r.Minimum), reasons)
	timed := r.Hourly+r.Daily+r.Weekly+r.Monthly+r.Yearly > 0
	if l.active || !timed {
		l.keepFirst(Last, r.Last, reasons)
	}
	for _, p := range periods {
		l.keepPeriod(p, points, r, now, reasons)
	}
}

func (l lineage) keepFirst(rule Rule, n int, reasons []map[Rule]int) {
	for place, i := range l.places[:min(n, len(l.places))] {
		note(reasons[i], rule, place+1)
	}
}

// note keeps the best place a point has under a rule, over all its lineages.
func note(why map[Rule]int, rule Rule, place int) {
	if was, known := why[rule]; !known || place < was {
		why[rule] = place
	}
}

// keepPeriod keeps the newest point of each of the newest n buckets that hold one; for a lineage of which nothing new
// arrives, of the n buckets up to now.
func (l lineage) keepPeriod(p period, points []Point, r Rules, now time.Time, reasons []map[Rule]int) {
	n := p.count(r)
	if n == 0 {
		return
	}
	oldest := oldestBucketStart(p, now.In(r.Location), n)
	place := 0
	var last bucket
	for _, i := range l.places {
		at := points[i].At.In(r.Location)
		b := p.of(at)
		if place > 0 && b == last {
			continue
		}
		if place++; place > n {
			return
		}
		last = b
		if l.active || !at.Before(oldest) || b == p.of(oldest) {
			note(reasons[i], p.rule, place)
		}
	}
}

// oldestBucketStart is an instant within the oldest of the n buckets up to now.
func oldestBucketStart(p period, now time.Time, n int) time.Time { return p.back(now, n-1) }

// rank is the order in which reasons are shown.
var rank = map[Rule]int{Hold: 0, NewestProven: 1, Last: 2, Hourly: 3, Daily: 4, Weekly: 5, Monthly: 6, Yearly: 7, Minimum: 8, ClockInDoubt: 9}

func verdicts(points []Point, reasons []map[Rule]int) []Verdict {
	out := make([]Verdict, len(points))
	for i, p := range points {
		out[i].Point = p
		for rule, place := range reasons[i] {
			out[i].Why = append(out[i].Why, Reason{rule, place})
		}
		why := out[i].Why
		sort.Slice(why, func(a, b int) bool { return rank[why[a].Rule] < rank[why[b].Rule] })
	}
	return out
}

// keepFailed is how many of the newest points that did not become complete are left while nothing complete is newer.
const keepFailed = 3

// Superseded names, by ID, the points that did not become complete and are of no more use: after keepFor, once a newer
// complete point holds all they hold, or once there are three newer ones like them. What is on hold stays.
func Superseded(points []Point, now time.Time, keepFor time.Duration) []string {
	if inDoubt(points, now) {
		return nil
	}
	var failed []Point
	for _, p := range points {
		if !p.Complete {
			failed = append(failed, p)
		}
	}
	sort.Slice(failed, func(a, b int) bool { return newer(failed[a], failed[b]) })
	var out []string
	for i, p := range failed {
		old := !p.At.Add(keepFor).After(now)
		if !p.Held && old && (i >= keepFailed || replaced(p, points)) {
			out = append(out, p.ID)
		}
	}
	return out
}

func replaced(p Point, points []Point) bool {
	for _, q := range points {
		if q.Complete && newer(q, p) && holds(q, p.Lineages) {
			return true
		}
	}
	return false
}

func holds(q Point, lineages []string) bool {
	have := make(map[string]bool, len(q.Lineages))
	for _, l := range q.Lineages {
		have[l] = true
	}
	for _, l := range lineages {
		if !have[l] {
			return false
		}
	}
	return true
}
