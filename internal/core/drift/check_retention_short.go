// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

const (
	gapsAllowed = 1    // so many of a rule's points may be missing before it is told
	mostKept    = 1000 // a rule's number is no greater; it bounds the work, whatever is in an object
)

// checkRetentionShort finds rules of the retention by which fewer points are there than there should be by now: of the slots
// since the promise came into force each stands for its hour, day and so on, up to the rule's number.
var checkRetentionShort = check{
	kinds: []string{api.ReasonRetentionShort},
	needs: []Fact{FactPoints},
	judge: func(p *pass) {
		if p.Policy.Spec.Suspend {
			return
		}
		t := p.tally()
		r := &p.Policy.Spec.Retention
		var short []string
		for _, rule := range []struct {
			rule   retention.Rule
			number int32
		}{
			{retention.Last, r.Last}, {retention.Hourly, r.Hourly}, {retention.Daily, r.Daily}, {retention.Weekly, r.Weekly},
			{retention.Monthly, r.Monthly}, {retention.Yearly, r.Yearly}, {retention.Minimum, max(1, r.Minimum)},
		} {
			if what := p.short(t, rule.rule, int(min(rule.number, mostKept))); what != "" {
				short = append(short, what)
			}
		}
		if len(short) == 0 {
			return
		}
		p.find(Finding{Finding: api.Finding{
			Kind: api.ReasonRetentionShort, Severity: api.SeverityHigh, Since: p.since(api.ReasonRetentionShort, ""),
			Message: "there are fewer complete recovery points than spec.retention and the schedule promise: " + strings.Join(short, ", "),
			Remedy:  "find out whether captures failed or somebody deleted points: kubectl get rp, and the audit log. What is gone does not come back; it clears as new points fill the rules",
		}})
	},
}

// short judges one rule; empty when all is there. It also says when that can next change by time alone.
func (p *pass) short(t *tally, rule retention.Rule, number int) string {
	have := t.have(rule)
	needed := have + gapsAllowed + 1 // with so many expected, it is short
	if rule == retention.Minimum {
		needed = have + 1
	}
	if needed > number {
		return ""
	}
	if !byPoint(rule) {
		if lacking := needed - t.spanned(rule); lacking > 0 { // whatever the calendar says, it cannot be so many yet
			at := t.clock.Buckets(t.upTo)
			p.wakeAt(t.clock.Begin(rule, at.Of(rule)+int64(lacking)).Add(p.Jitter + p.Timeout))
			return ""
		}
	}
	expected, newest := t.expected(rule, number)
	short := expected >= needed
	switch {
	case !short && needed-expected > 1:
		p.wakeAt(t.ends(rule, newest, 2)) // two more at the least; which is looked at again then
	case !short || expected < number:
		p.wakeAt(t.ends(rule, newest, 1))
	}
	if !short {
		return ""
	}
	return fmt.Sprintf("%s %d of %d", rule, have, expected)
}

// tally counts complete points, and the slots that should have led to one.
type tally struct {
	*pass
	clock       *retention.Clock
	after, upTo time.Time         // slots after the one and up to the other count
	points      int               // complete ones
	buckets     retention.Buckets // how many of each rule have a complete point
	slots       []time.Time       // those that count and have led to a complete point, oldest first; nil until somebody asks
}

func (p *pass) tally() *tally {
	t := &tally{pass: p, clock: retention.NewClock(p.Calendar.Location()), after: p.Policy.CreationTimestamp.Time, upTo: p.now.Add(-p.Jitter - p.Timeout)}
	if a := p.Status.Applied; a != nil {
		for _, since := range []*metav1.Time{a.RetentionSince, a.ScheduleSince} {
			if since != nil && since.After(t.after) {
				t.after = since.Time
			}
		}
	}
	var last retention.Buckets
	for _, q := range p.Points {
		if !standing(q) {
			continue
		}
		is := t.clock.Buckets(q.Status.PointInTime.Time)
		for i := range is {
			if t.points == 0 || is[i] != last[i] {
				t.buckets[i]++
			}
		}
		t.points++
		last = is
	}
	return t
}

// led are the slots that count and have led to a complete point. Of a policy that has all it promises nobody asks.
func (t *tally) led() []time.Time {
	if t.slots != nil {
		return t.slots
	}
	t.slots = make([]time.Time, 0, t.points)
	for _, q := range t.Points {
		if s := q.Spec.Slot; s != nil && s.After(t.after) && !s.After(t.upTo) && standing(q) {
			t.slots = append(t.slots, s.Time)
		}
	}
	return t.slots
}

// standing says whether a point counts towards what is promised.
func standing(q *api.RecoveryPoint) bool {
	return q.Status.PointInTime != nil && q.DeletionTimestamp.IsZero() && complete(q)
}

// byPoint says whether a rule counts points, and not the buckets of time that have one.
func byPoint(rule retention.Rule) bool { return rule == retention.Last || rule == retention.Minimum }

// have is how many points, or buckets with one, there are by a rule.
func (t *tally) have(rule retention.Rule) int {
	if byPoint(rule) {
		return t.points
	}
	return int(t.buckets.Of(rule))
}

// spanned is in how many buckets of a rule there is any of the time in which slots count.
func (t *tally) spanned(rule retention.Rule) int {
	from, to := t.clock.Buckets(t.after), t.clock.Buckets(t.upTo)
	return int(to.Of(rule)-from.Of(rule)) + 1
}

// expected is how many there should be by a rule, up to a number, and the newest slot that counts; zero when none does. It
// asks the calendar only where no point tells that there was a slot, as asking is what takes time.
func (t *tally) expected(rule retention.Rule, number int) (int, time.Time) {
	newest := t.Calendar.Previous(t.upTo)
	if newest.IsZero() || !newest.After(t.after) {
		return 0, time.Time{}
	}
	known := len(t.led())
	count := 1
	for slot := newest; count < number; count++ {
		if byPoint(rule) {
			slot = t.Calendar.Previous(slot.Add(-1))
		} else {
			slot, known = t.before(rule, slot, known)
		}
		if !slot.After(t.after) {
			break
		}
	}
	return count, newest
}

// before is the newest slot in an earlier bucket than a slot's own; known is how many of the slots with a point are still ahead.
func (t *tally) before(rule retention.Rule, slot time.Time, known int) (time.Time, int) {
	at := t.clock.Buckets(slot)
	own := at.Of(rule)
	for ; known > 0; known-- {
		if at := t.clock.Buckets(t.slots[known-1]); at.Of(rule) < own {
			if at.Of(rule) == own-1 {
				return t.slots[known-1], known - 1
			}
			break
		}
	}
	begin := t.clock.Begin(rule, own)
	for slot = t.Calendar.Previous(begin.Add(-1)); !slot.IsZero(); slot = t.Calendar.Previous(slot.Add(-1)) {
		if at := t.clock.Buckets(slot); at.Of(rule) < own {
			break
		}
	}
	return slot, known
}

// ends is when so many more will be expected by a rule; zero when never.
func (t *tally) ends(rule retention.Rule, newest time.Time, more int) time.Time {
	slot := newest
	for ; more > 0; more-- {
		switch {
		case slot.IsZero():
			from := t.upTo
			if t.after.After(from) {
				from = t.after
			}
			slot = t.Calendar.Next(from)
		case byPoint(rule):
			slot = t.Calendar.Next(slot)
		default:
			at := t.clock.Buckets(slot)
			slot = t.Calendar.Next(t.clock.Begin(rule, at.Of(rule)+1).Add(-1))
		}
		if slot.IsZero() {
			return slot
		}
	}
	return slot.Add(t.Jitter + t.Timeout)
}
