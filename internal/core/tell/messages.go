// SPDX-License-Identifier: Apache-2.0

package tell

import (
	"cmp"
	"slices"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// what became of a finding since a notifier was told of its object.
type what int

const (
	appeared what = iota
	worsened
	eased // it is there and less loud: nothing to tell, but from now on it can worsen again
	cleared
	forgotten // it is not for this notifier any more
)

// change is one difference between what a notifier was told and what is.
type change struct {
	object  *Object
	key     key
	what    what
	was     api.Severity // what it was told; empty when it appeared
	is      api.Severity // empty when the finding is not there any more
	finding *api.Finding // nil when the finding is not there any more
}

// Waiting is since when changes wait to be told.
type Waiting map[waiting]time.Time

// Memory is what only the running process knows of a notifier.
type Memory struct {
	Waiting Waiting
	Last    time.Time // when it accepted a message; what is written may not be seen yet
}

type waiting struct {
	object string // its UID
	key    key
	what   what
}

func (c *change) id() waiting { return waiting{c.object.UID, c.key, c.what} }

// Answer is what to do for a notifier now.
type Answer struct {
	Intent  []Mark    // to be written before the message is sent: who is killed then does not know whether it was
	Message *Message  // to be sent; nil when there is nothing to tell now
	Marks   []Mark    // to be written once the message was accepted, or at once without one
	Waiting Waiting   // to be remembered
	Wake    time.Time // the next instant at which the answer can differ; zero when only an event can change it
}

// Messages decides what a notifier is told that keeps nothing by itself: what changed, once.
func Messages(r Route, objects []Object, before Memory, now time.Time) Answer {
	a := Answer{Waiting: Waiting{}}
	var loud, quiet []change // changes of both sorts, with those that still wait
	last := before.Last
	for i := range objects {
		o := &objects[i]
		was, at := toldOf(o, r.Name)
		if at.After(last) {
			last = at
		}
		for _, c := range changes(r, o, was) {
			since, known := before.Waiting[c.id()]
			if !known || since.After(now) {
				since = now
			}
			a.Waiting[c.id()] = since
			if r.tells(c) {
				loud = append(loud, c)
			} else {
				quiet = append(quiet, c)
			}
		}
	}
	ripe := func(c change) bool { return !a.Waiting[c.id()].Add(r.GroupWait).After(now) }
	batch := slices.DeleteFunc(slices.Clone(loud), func(c change) bool { return !ripe(c) })
	send := len(batch) > 0 && !r.due(loud, a.Waiting, last, now).After(now)
	silent := slices.DeleteFunc(slices.Clone(quiet), func(c change) bool { return !ripe(c) })
	if send {
		a.Intent = intents(r, batch)
		a.Message = compose(batch)
		last = secondsUp(now)
	} else {
		batch = nil
	}
	a.Marks = marks(r, append(slices.Clone(batch), silent...), now, send)
	rest := slices.DeleteFunc(loud, func(c change) bool { return send && ripe(c) })
	a.Wake = r.due(rest, a.Waiting, last, now)
	for _, c := range quiet {
		if due := a.Waiting[c.id()].Add(r.GroupWait); due.After(now) {
			a.Wake = soonest(a.Wake, due)
		}
	}
	return a
}

// changes are the differences between what a notifier was told of an object and what is, in the order in which people read them.
func changes(r Route, o *Object, was map[key]api.Severity) []change {
	var out []change
	covered := r.covers(o)
	open := r.open(o)
	for k, f := range open {
		c := change{object: o, key: k, was: was[k], is: f.Severity, finding: f}
		switch d := drift.Rank(f.Severity) - drift.Rank(c.was); {
		case c.was == "" || c.was == sending:
			c.what = appeared
		case d < 0:
			c.what = worsened
		case d > 0:
			c.what = eased
		default:
			continue
		}
		out = append(out, c)
	}
	for k, s := range was {
		c := change{object: o, key: k, what: cleared, was: s}
		switch {
		case open[k] != nil:
			continue
		case !covered:
			c.what = forgotten
		default:
			c.finding = o.find(k)
			if c.finding == nil && o.hides(k.kind) {
				continue
			}
			if c.finding != nil {
				c.is = c.finding.Severity
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, compare)
	return out
}

// find is a finding, however loud; nil when it is not listed.
func (o *Object) find(k key) *api.Finding {
	for i := range o.Findings {
		if o.Findings[i].Kind == k.kind && o.Findings[i].Subject == k.subject {
			return &o.Findings[i]
		}
	}
	return nil
}

// compare orders changes: what is there before what cleared, the worst first, each kind together.
func compare(a, b change) int {
	gone := func(c change) int {
		if c.what == cleared || c.what == forgotten {
			return 1
		}
		return 0
	}
	loud := func(c change) int { return drift.Rank(cmp.Or(c.is, c.was)) }
	return cmp.Or(gone(a)-gone(b), loud(a)-loud(b), strings.Compare(a.key.kind, b.key.kind),
		strings.Compare(a.object.where(), b.object.where()), strings.Compare(a.key.subject, b.key.subject), cmp.Compare(a.what, b.what))
}

// tells says whether a change is told, or only remembered.
func (r *Route) tells(c change) bool {
	switch c.what {
	case appeared, worsened:
		return true
	case cleared:
		return r.Resolved
	case eased, forgotten:
	}
	return false
}

// due is when the next message is due: once no more came for the group wait, or two of them after the first; and not before
// the interval has passed since the last. What has become Critical waits for neither. Zero when nothing waits.
func (r *Route) due(loud []change, since Waiting, last, now time.Time) time.Time {
	var first, newest, critical time.Time
	for _, c := range loud {
		at := since[c.id()]
		first, newest = soonest(first, at), latest(newest, at)
		if c.what != cleared && c.is == api.SeverityCritical {
			critical = soonest(critical, at)
		}
	}
	if first.IsZero() {
		return time.Time{}
	}
	due := soonest(newest.Add(r.GroupWait), first.Add(2*r.GroupWait))
	if !last.IsZero() && !last.After(now.Add(r.MinInterval)) { // a mark from the future is another clock's
		due = latest(due, last.Add(r.MinInterval))
	}
	if !critical.IsZero() {
		due = soonest(due, critical.Add(r.GroupWait))
	}
	return due
}

// soonest and latest are of instants that are set.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// intents are marks that say of changes that a message is on its way.
func intents(r Route, of []change) []Mark {
	var out []Mark
	for _, mine := range byObject(of) {
		o := mine[0].object
		was, at := toldOf(o, r.Name)
		for _, c := range mine {
			was[c.key] = sending
		}
		out = append(out, mark(o, r.Name, was, at))
	}
	return out
}

// marks are what a notifier knows of each object once it was told of changes.
func marks(r Route, of []change, now time.Time, sent bool) []Mark {
	var out []Mark
	for _, mine := range byObject(of) {
		o := mine[0].object
		was, at := toldOf(o, r.Name)
		for _, c := range mine {
			if sent && r.tells(c) {
				at = secondsUp(now)
			}
			if c.what == cleared || c.what == forgotten {
				delete(was, c.key)
			} else {
				was[c.key] = c.is
			}
		}
		m := mark(o, r.Name, was, at)
		m.Remove = !r.covers(o)
		out = append(out, m)
	}
	return out
}

// byObject keeps together what befell each object.
func byObject(of []change) [][]change {
	var out [][]change
	at := map[*Object]int{}
	for _, c := range of {
		n, known := at[c.object]
		if !known {
			n = len(out)
			at[c.object] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], c)
	}
	return out
}
