// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"
)

// scheduler is what the laws judge: our functions, or faulty ones that a law must convict.
type scheduler struct {
	next, previous func(Calendar, time.Time) time.Time
	decide         func(c Calendar, highWater, now time.Time, p Params) Decision
}

var ours = scheduler{next: Calendar.Next, previous: Calendar.Previous, decide: Decide}

// moment is what the laws of calendars are asked about.
type moment struct {
	calendar Calendar
	at       time.Time
}

// situation is what the laws of decisions are asked about.
type situation struct {
	calendar       Calendar
	highWater, now time.Time
	p              Params
}

func (s situation) String() string {
	return fmt.Sprintf("%v, high water %v, now %v, %+v", s.calendar, s.highWater, s.now, s.p)
}

type law[T any] struct {
	name  string
	holds func(scheduler, T) error
}

var calendarLaws = []law[moment]{
	{"slots strictly increase", func(s scheduler, m moment) error {
		for at, n := m.at, 0; n < 5; n++ {
			slot := s.next(m.calendar, at)
			if slot.IsZero() {
				return nil
			}
			if !slot.After(at) {
				return fmt.Errorf("the slot after %v is %v", at, slot)
			}
			at = slot
		}
		return nil
	}},
	{"previous inverts next", func(s scheduler, m moment) error {
		slot := s.next(m.calendar, m.at)
		if slot.IsZero() {
			return nil
		}
		if got := s.previous(m.calendar, slot); !got.Equal(slot) {
			return fmt.Errorf("the slot at %v is %v", slot, got)
		}
		if got := s.previous(m.calendar, slot.Add(-1)); got.After(m.at) {
			return fmt.Errorf("next after %v is %v, but %v lies between", m.at, slot, got)
		}
		return nil
	}},
	{"slots are where the wall clock passes", func(s scheduler, m moment) error {
		const span = 3 * 24 * time.Hour
		want := firstOf(walk(m.calendar, m.at, m.at.Add(span), faults{}))
		got := s.next(m.calendar, m.at)
		if got.After(m.at.Add(span)) {
			got = time.Time{}
		}
		if !got.Equal(want) {
			return fmt.Errorf("the slot after %v is %v, but the wall clock says %v", m.at, got, want)
		}
		return nil
	}},
}

// faults are mistakes that walk can make on purpose.
type faults struct {
	gapIsLost, repeatsTwice, neverRepeats bool
}

// walk yields the slots in (after, until] the slow way: minute by minute, looking at the wall clock.
// It shares no arithmetic with the code under test.
func walk(c Calendar, after, until time.Time, f faults) iter.Seq[time.Time] {
	shown := func(t time.Time) time.Time { // the reading, as a time in UTC
		_, offset := t.In(c.Location()).Zone()
		return t.Add(time.Duration(offset) * time.Second).UTC()
	}
	return func(yield func(time.Time) bool) {
		start := after.Add(-48 * time.Hour).Truncate(time.Minute)
		before := shown(start)
		reached := before
		for t := start.Add(time.Minute); !t.After(until); t = t.Add(time.Minute) {
			reading := shown(t)
			passes := reading.After(reached) || f.repeatsTwice || c.pattern.runsEveryHour() && !f.neverRepeats
			hit := passes && matches(c.pattern, reading)
			for r := reached.Add(time.Minute); r.Before(reading) && !f.gapIsLost; r = r.Add(time.Minute) {
				hit = hit || matches(c.pattern, r) // passed over by a jump
			}
			if reading.After(reached) {
				reached = reading
			}
			if hit && t.After(after) && !yield(t.UTC()) {
				return
			}
		}
	}
}

// firstOf returns the first slot of a walk, or the zero time.
func firstOf(slots iter.Seq[time.Time]) time.Time {
	for slot := range slots {
		return slot
	}
	return time.Time{}
}

func matches(p pattern, reading time.Time) bool {
	dom, dow := p.dom>>reading.Day()&1 == 1, p.dow>>reading.Weekday()&1 == 1
	dayMatches := dom || dow
	if p.dom&starBit != 0 || p.dow&starBit != 0 {
		dayMatches = dom && dow
	}
	return p.minute>>reading.Minute()&1 == 1 && p.hour>>reading.Hour()&1 == 1 && p.month>>reading.Month()&1 == 1 && dayMatches
}

var decisionLaws = []law[situation]{
	{"a due slot's time has come, and not gone", func(s scheduler, q situation) error {
		d := s.decide(q.calendar, q.highWater, q.now, q.p)
		if d.Due.IsZero() {
			return nil
		}
		begins := d.Due.Add(q.p.Jitter)
		switch {
		case q.highWater.IsZero():
			return fmt.Errorf("%v is due, but no mark is known", d.Due)
		case q.p.Busy:
			return fmt.Errorf("%v is due while a run is in flight", d.Due)
		case !d.Due.After(q.highWater):
			return fmt.Errorf("%v is due at or below the mark", d.Due)
		case begins.After(q.now):
			return fmt.Errorf("%v is due before %v", d.Due, begins)
		case q.p.StartingDeadline > 0 && q.now.After(begins.Add(q.p.StartingDeadline)):
			return fmt.Errorf("%v is due beyond its deadline", d.Due)
		case !q.calendar.Previous(d.Due).Equal(d.Due):
			return fmt.Errorf("%v is due and no slot", d.Due)
		}
		return nil
	}},
	{"only the latest slot is due", func(s scheduler, q situation) error {
		d := s.decide(q.calendar, q.highWater, q.now, q.p)
		newer := q.calendar.Next(d.Due)
		if !d.Due.IsZero() && !newer.IsZero() && !newer.Add(q.p.Jitter).After(q.now) {
			return fmt.Errorf("%v is due although %v has come", d.Due, newer)
		}
		return nil
	}},
	{"once recorded, nothing is due", func(s scheduler, q situation) error {
		d := s.decide(q.calendar, q.highWater, q.now, q.p)
		if d.Due.IsZero() {
			return nil
		}
		again := s.decide(q.calendar, d.Due, q.now, q.p)
		if !again.Due.IsZero() || again.Skipped != 0 {
			return fmt.Errorf("after %v there is %v, %d skipped", d.Due, again.Due, again.Skipped)
		}
		return nil
	}},
	{"every slot above the mark is due, waiting or skipped", func(s scheduler, q situation) error {
		if q.highWater.IsZero() {
			return nil
		}
		d := s.decide(q.calendar, q.highWater, q.now, q.p)
		var come []time.Time
		for at := q.calendar.Next(q.highWater); !at.IsZero() && !at.Add(q.p.Jitter).After(q.now) && len(come) < 2*MaxSkipped; at = q.calendar.Next(at) {
			come = append(come, at)
		}
		if len(come) == 2*MaxSkipped {
			return nil // a table shows that counting stops
		}
		wantSkipped := len(come)
		if len(come) > 0 {
			begins := come[len(come)-1].Add(q.p.Jitter)
			if q.p.StartingDeadline == 0 || !q.now.After(begins.Add(q.p.StartingDeadline)) {
				wantSkipped--
				if d.Due.IsZero() != q.p.Busy {
					return fmt.Errorf("the slot %v: due %v", come[len(come)-1], d.Due)
				}
			}
		}
		var wantLast time.Time
		if wantSkipped > 0 {
			wantLast = come[wantSkipped-1]
		}
		if d.Skipped != min(wantSkipped, MaxSkipped) || !d.SkippedLast.Equal(wantLast) {
			return fmt.Errorf("skipped %d up to %v, want %d up to %v", d.Skipped, d.SkippedLast, wantSkipped, wantLast)
		}
		return nil
	}},
	{"the wake-up is in the future, and neither late nor idle", func(s scheduler, q situation) error {
		d := s.decide(q.calendar, q.highWater, q.now, q.p)
		if d.Wake.IsZero() {
			if q.calendar.Next(latest(q.now.Add(-q.p.Jitter), q.highWater)).IsZero() {
				return nil
			}
			return fmt.Errorf("never wakes")
		}
		if !d.Wake.After(q.now) {
			return fmt.Errorf("wakes at %v", d.Wake)
		}
		mark := q.highWater
		if mark.IsZero() {
			mark = q.now
		}
		for _, at := range []time.Time{q.now.Add(1), q.now.Add(d.Wake.Sub(q.now) / 2), d.Wake.Add(-1)} {
			if at.Before(d.Wake) && s.decide(q.calendar, mark, at, q.p) != d {
				return fmt.Errorf("wakes at %v, but the answer differs at %v", d.Wake, at)
			}
		}
		if s.decide(q.calendar, mark, d.Wake, q.p) == d {
			return fmt.Errorf("wakes at %v for nothing", d.Wake)
		}
		return nil
	}},
	{"a clock set back waits for the mark", func(s scheduler, q situation) error {
		back := s.decide(q.calendar, q.now, q.now.Add(-6*time.Hour), q.p)
		if !back.Due.IsZero() || back.Skipped != 0 {
			return fmt.Errorf("due %v, %d skipped", back.Due, back.Skipped)
		}
		if next := q.calendar.Next(q.now); !next.IsZero() && !back.Wake.Equal(next.Add(q.p.Jitter)) {
			return fmt.Errorf("wakes at %v, the next slot is %v", back.Wake, next)
		}
		return nil
	}},
}

// crons are expressions with an edge each: hours inside gaps and repetitions, midnight, the last day
// of a month, both day fields, rare and impossible dates.
var crons = []string{
	"* * * * *", "*/15 * * * *", "0 * * * *", "30 * * * *", "0 */2 * * *", "30 2 * * *", "0 2 * * *", "0,30 1-3 * * *",
	"0 3 * * *", "0 0 * * *", "59 23 * * *", "15 0 * * 0", "30 2 * * 6,0", "0 0 1 * *", "0 2 31 * *", "30 2 28-31 3,10 0",
	"0 0 13 * 5", "*/7 1,2,3 * * 1-5", "0 0 29 2 *", "0 0 30 2 *", "0 12 1 1 *",
}

// zones are those whose clocks do something of their own.
var zones = []string{
	"", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
	"America/St_Johns", "Asia/Kathmandu", "Antarctica/Troll", "America/Sao_Paulo", "Asia/Gaza", "Pacific/Kwajalein", "Europe/Dublin",
}

// genMoment aims: two of three instants lie within hours of a change of the clock.
func genMoment() *rapid.Generator[moment] {
	return rapid.Custom(func(t *rapid.T) moment {
		c, err := Parse(rapid.SampledFrom(crons).Draw(t, "cron"), rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		const from, to = 500000000, 2900000000 // 1985 to 2061
		at := time.Unix(rapid.Int64Range(from, to).Draw(t, "at"), 0)
		if rapid.IntRange(0, 2).Draw(t, "aim") > 0 {
			if _, change := at.In(c.Location()).ZoneBounds(); !change.IsZero() {
				at = change.Add(time.Duration(rapid.IntRange(-200, 200).Draw(t, "minutes")) * time.Minute)
				at = at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "nanoseconds")))
			}
		}
		return moment{calendar: c, at: at}
	})
}

// genSituation aims: now lies near the start or the deadline of a slot, the mark near a slot.
func genSituation() *rapid.Generator[situation] {
	return rapid.Custom(func(t *rapid.T) situation {
		m := genMoment().Draw(t, "moment")
		q := situation{calendar: m.calendar, highWater: m.at, p: Params{
			Jitter:           time.Duration(rapid.SampledFrom([]int{0, 0, 1, 90, 7200, 100000}).Draw(t, "jitter")) * time.Second,
			StartingDeadline: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 600, 4000, 200000}).Draw(t, "deadline")) * time.Second,
			Busy:             rapid.Bool().Draw(t, "busy"),
		}}
		slot := m.calendar.Next(m.at)
		if rapid.Bool().Draw(t, "at a slot") && !slot.IsZero() {
			q.highWater = slot
		}
		passed := rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3, 20, 300}).Draw(t, "slots passed")
		for range passed {
			if following := m.calendar.Next(slot); !following.IsZero() {
				slot = following
			}
		}
		if slot.IsZero() {
			slot = m.at
		}
		q.now = slot.Add(rapid.SampledFrom([]time.Duration{0, q.p.Jitter, q.p.Jitter + q.p.StartingDeadline, time.Minute}).Draw(t, "delay"))
		q.now = q.now.Add(rapid.SampledFrom([]time.Duration{-time.Hour, -1, 0, 1, time.Second}).Draw(t, "off"))
		if rapid.IntRange(0, 19).Draw(t, "no mark") == 0 {
			q.highWater = time.Time{}
		}
		return q
	})
}

func TestCalendarLaws(t *testing.T) {
	for _, law := range calendarLaws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if err := law.holds(ours, genMoment().Draw(t, "moment")); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestDecisionLaws(t *testing.T) {
	for _, law := range decisionLaws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if q := genSituation().Draw(t, "situation"); law.holds(ours, q) != nil {
					t.Fatalf("%v: %v", q, law.holds(ours, q))
				}
			})
		})
	}
}

// TestDecisionsLoseNoSlot follows the wake-ups for a while, records what it is told, and finds every
// slot of the calendar either run or skipped, in order, none twice.
func TestDecisionsLoseNoSlot(t *testing.T) {
	if err := lossless(ours); err != nil {
		t.Error(err)
	}
}

func lossless(s scheduler) error {
	for _, zone := range zones {
		for _, cron := range []string{"*/15 * * * *", "0 * * * *", "30 2 * * *", "0,30 1-3 * * *"} {
			c, err := Parse(cron, zone)
			if err != nil {
				return err
			}
			now := time.Date(2026, 3, 26, 23, 59, 0, 0, time.UTC)
			mark, p := now, Params{Jitter: 90 * time.Second, StartingDeadline: 3 * time.Minute}
			var passed []time.Time
			for range 300 {
				d := s.decide(c, mark, now, p)
				for slot := c.Next(mark); d.Skipped > 0 && !slot.After(d.SkippedLast); slot = c.Next(slot) {
					passed = append(passed, slot)
				}
				if !d.Due.IsZero() {
					passed, mark = append(passed, d.Due), d.Due
				} else if d.Skipped > 0 {
					mark = d.SkippedLast
				}
				if d = s.decide(c, mark, now, p); !d.Wake.After(now) {
					return fmt.Errorf("%v: stuck at %v", c, now)
				}
				if now = d.Wake; len(passed)%7 == 3 {
					now = now.Add(p.StartingDeadline + time.Second) // an outage now and then
				}
			}
			slot := c.Next(time.Date(2026, 3, 26, 23, 59, 0, 0, time.UTC))
			for i := range passed {
				if !passed[i].Equal(slot) {
					return fmt.Errorf("%v: slot %d is %v, want %v", c, i, passed[i], slot)
				}
				slot = c.Next(slot)
			}
			if len(passed) < 100 {
				return fmt.Errorf("%v: only %d slots passed in 300 steps", c, len(passed))
			}
		}
	}
	return nil
}

//go:embed testdata/zones.txt
var allZones string

// TestAllZones compares every zone of the IANA database, for two years, with the slow walk: around
// each change of its clock every slot, and between them that a daily slot comes once a day.
func TestAllZones(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	changes := 0
	for zone := range strings.FieldsSeq(allZones) {
		daily := calendar(t, "30 2 * * *", zone)
		slots := 0
		for at := daily.Next(from); at.Before(to); at = daily.Next(at) {
			slots++
			if got := daily.Previous(at.Add(-1)); slots > 1 && at.Sub(got) > 26*time.Hour { // Troll moves by two hours
				t.Fatalf("%s: %v follows %v", zone, at, got)
			}
		}
		if slots < 729 || slots > 731 {
			t.Errorf("%s: %d daily slots in two years", zone, slots)
		}
		for change := from; ; changes++ {
			if _, change = change.In(daily.Location()).ZoneBounds(); change.IsZero() || change.After(to) {
				break
			}
			for _, cron := range []string{"*/15 * * * *", "30 2 * * *", "0,30 0-3 * * *"} {
				c, at := calendar(t, cron, zone), change.Add(-3*time.Hour)
				for want := range walk(c, at, change.Add(5*time.Hour), faults{}) {
					if at = c.Next(at); !at.Equal(want) || !c.Previous(at).Equal(at) {
						t.Fatalf("%v: got the slot %v (and back %v), want %v", c, at, c.Previous(at), want)
					}
				}
				if again := c.Next(at); !again.After(change.Add(5 * time.Hour)) {
					t.Fatalf("%v: %v is a slot too many", c, again)
				}
			}
		}
	}
	if changes < 300 {
		t.Errorf("only %d changes of clocks seen; is the zone database there?", changes)
	}
}

// The faults below were planted one by one; each must break a law. A fault that lives means that a
// law has lost its teeth.

func TestCalendarLawsKillFaults(t *testing.T) {
	bench := newCourt(calendarLaws, genMoment())
	const span = 10 * 24 * time.Hour
	slow := func(f faults) func(Calendar, time.Time) time.Time {
		return func(c Calendar, after time.Time) time.Time { return firstOf(walk(c, after, after.Add(span), f)) }
	}
	for name, faulty := range map[string]scheduler{
		"a slot in a gap is lost":                {next: slow(faults{gapIsLost: true}), previous: Calendar.Previous},
		"a repeated hour runs twice":             {next: slow(faults{repeatsTwice: true}), previous: Calendar.Previous},
		"every-hour calendars pause for an hour": {next: slow(faults{neverRepeats: true}), previous: Calendar.Previous},
		"the zone is ignored": {previous: Calendar.Previous, next: func(c Calendar, after time.Time) time.Time {
			return Calendar{pattern: c.pattern}.Next(after)
		}},
		"next includes now": {previous: Calendar.Previous, next: func(c Calendar, after time.Time) time.Time {
			return c.Next(after.Add(-time.Second))
		}},
		"next leaves a slot out": {previous: Calendar.Previous, next: func(c Calendar, after time.Time) time.Time {
			return c.Next(c.Next(after))
		}},
		"previous excludes now": {next: Calendar.Next, previous: func(c Calendar, at time.Time) time.Time {
			return c.Previous(at.Add(-1))
		}},
		"previous forgets the repetition": {next: Calendar.Next, previous: func(c Calendar, at time.Time) time.Time {
			seg := segmentAt(c.Location(), at.Unix())
			w, ok := c.pattern.last(wall(at.Unix()+seg.offset), seg.wallStart())
			if !ok {
				return c.Previous(at)
			}
			return time.Unix(int64(w)-seg.offset, 0)
		}},
	} {
		bench.try(t, name, faulty)
	}
	bench.adjourn(t)
}

// TestWhyNotTheLibrary keeps the reason why the parser's own Next is not used: it breaks the laws at
// ordinary changes of the clock (and never returns where a zone leaves out a day).
func TestWhyNotTheLibrary(t *testing.T) {
	library := scheduler{previous: Calendar.Previous, next: func(c Calendar, after time.Time) time.Time {
		p := c.pattern
		spec := cron.SpecSchedule{Second: 1, Minute: p.minute, Hour: p.hour, Dom: p.dom, Month: p.month, Dow: p.dow, Location: c.Location()}
		return spec.Next(after)
	}}
	for why, m := range map[string]moment{
		"gap":        {calendar(t, "30 2 * * *", "Europe/Berlin"), utc(t, "2026-03-29 00:00")},
		"repetition": {calendar(t, "30 2 * * *", "Europe/Berlin"), utc(t, "2026-10-25 00:45")},
	} {
		if law := calendarLaws[2]; law.holds(library, m) == nil {
			t.Errorf("%s: the library obeys %q; ours may be needless", why, law.name)
		}
	}
}

func TestDecisionLawsKillFaults(t *testing.T) {
	bench := newCourt(decisionLaws, genSituation())
	decide := func(change func(situation) situation, after func(situation, *Decision)) scheduler {
		return scheduler{decide: func(c Calendar, highWater, now time.Time, p Params) Decision {
			q := situation{c, highWater, now, p}
			if change != nil {
				q = change(q)
			}
			d := Decide(q.calendar, q.highWater, q.now, q.p)
			if after != nil {
				after(situation{c, highWater, now, p}, &d)
			}
			return d
		}}
	}
	for name, faulty := range map[string]scheduler{
		"the mark is ignored": decide(func(q situation) situation { q.highWater = q.highWater.AddDate(-1, 0, 0); return q }, nil),
		"the mark is exclusive": decide(func(q situation) situation {
			if !q.highWater.IsZero() {
				q.highWater = q.highWater.Add(-1)
			}
			return q
		}, nil),
		"an unknown mark is the beginning of time": decide(func(q situation) situation {
			if q.highWater.IsZero() {
				q.highWater = time.Unix(0, 0)
			}
			return q
		}, nil),
		"jitter is ignored":       decide(func(q situation) situation { q.p.Jitter = 0; return q }, nil),
		"the deadline is ignored": decide(func(q situation) situation { q.p.StartingDeadline = 0; return q }, nil),
		"the deadline counts from the slot": decide(func(q situation) situation {
			if q.p.StartingDeadline > 0 {
				q.p.StartingDeadline = max(1, q.p.StartingDeadline-q.p.Jitter)
			}
			return q
		}, nil),
		"busy is ignored": decide(func(q situation) situation { q.p.Busy = false; return q }, nil),
		"busy skips": decide(nil, func(q situation, d *Decision) {
			free := q.p
			free.Busy = false
			if idle := Decide(q.calendar, q.highWater, q.now, free); q.p.Busy && !idle.Due.IsZero() {
				d.Skipped, d.SkippedLast = d.Skipped+1, idle.Due
			}
		}),
		"the oldest slot is caught up first": decide(nil, func(q situation, d *Decision) {
			if !d.Due.IsZero() {
				d.Due = q.calendar.Next(q.highWater)
			}
		}),
		"the next slot runs early": decide(nil, func(q situation, d *Decision) {
			if d.Due.IsZero() && !q.p.Busy {
				d.Due = d.Next
			}
		}),
		"skipped slots are not counted": decide(nil, func(_ situation, d *Decision) { d.Skipped, d.SkippedLast = 0, time.Time{} }),
		"the due slot counts as skipped": decide(nil, func(_ situation, d *Decision) {
			if !d.Due.IsZero() {
				d.Skipped, d.SkippedLast = d.Skipped+1, d.Due
			}
		}),
		"wakes at once":             decide(nil, func(q situation, d *Decision) { d.Wake = q.now }),
		"polls":                     decide(nil, func(q situation, d *Decision) { d.Wake = q.now.Add(time.Second) }),
		"sleeps over a slot":        decide(nil, func(q situation, d *Decision) { d.Wake = q.calendar.Next(d.Next).Add(q.p.Jitter) }),
		"never wakes":               decide(nil, func(_ situation, d *Decision) { d.Wake = time.Time{} }),
		"wakes before the jitter":   decide(nil, func(q situation, d *Decision) { d.Wake = d.Wake.Add(-q.p.Jitter) }),
		"sleeps over the deadline":  decide(nil, func(q situation, d *Decision) { d.Wake = start(d.Next, q.p.Jitter) }),
		"a clock set back is fresh": decide(func(q situation) situation { q.highWater = earliest(q.highWater, q.now.Add(-24*time.Hour)); return q }, nil),
	} {
		bench.try(t, name, faulty)
	}
	bench.adjourn(t)
	forgetful := decide(nil, func(_ situation, d *Decision) { d.Skipped, d.SkippedLast = 0, time.Time{} })
	if lossless(forgetful) == nil {
		t.Error("slots that were skipped in silence go unnoticed")
	}
}

// court runs faulty schedulers past the laws and remembers which laws did any work.
type court[T any] struct {
	laws     []law[T]
	examples []T
	convicts map[string]bool // by name of the law
}

func newCourt[T any](laws []law[T], examples *rapid.Generator[T]) *court[T] {
	c := &court[T]{laws: laws, convicts: map[string]bool{}}
	for seed := range 250 {
		c.examples = append(c.examples, examples.Example(seed))
	}
	return c
}

// try fails the test unless some law rejects the faulty scheduler within a fixed set of examples.
func (c *court[T]) try(t *testing.T, fault string, faulty scheduler) {
	t.Helper()
	noticed := false
	for _, law := range c.laws {
		for _, example := range c.examples {
			if law.holds(faulty, example) != nil {
				noticed, c.convicts[law.name] = true, true
				break
			}
		}
	}
	if !noticed {
		t.Errorf("no law notices: %s", fault)
	}
}

// adjourn fails the test when a law convicted nobody: such a law shows nothing.
func (c *court[T]) adjourn(t *testing.T) {
	t.Helper()
	for _, law := range c.laws {
		if !c.convicts[law.name] {
			t.Errorf("no planted fault breaks the law %q", law.name)
		}
	}
}
