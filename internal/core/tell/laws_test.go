// SPDX-License-Identifier: Apache-2.0

package tell

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// decider is what the laws judge: Messages, or a faulty one that a law must convict.
type decider func(Route, []Object, Memory, time.Time) Answer

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// finding tells findings of a world apart.
type finding struct {
	object, kind, subject string
}

// seen is a finding as somebody saw it, and since when it is like that.
type seen struct {
	severity api.Severity // empty: not there, or not loud enough to be told
	since    time.Time
}

// story is one run of a notifier in a world of findings that come and go, messages that are refused, and crashes after any step.
type story struct {
	decide    decider
	markFirst bool // the fault of writing the mark before the message was accepted
	random    *rand.Rand
	route     Route

	now     time.Time
	world   map[finding]seen            // what is there
	marks   map[string]api.NotifierMark // what is written, by object
	waiting Waiting                     // what only the running process knows
	heard   map[finding]api.Severity    // what the people at the other end believe
	unsure  map[finding]bool            // those of which an earlier attempt may have told them
	last    time.Time                   // of the last message, if all its marks were written
	retry   time.Time                   // when it is tried again after it failed
	calm    bool                        // nothing fails any more
}

var kinds, subjects, names = []string{"A", "B"}, []string{"", "pvc/x y"}, []string{"one", "two"}

func newStory(seed uint64, d decider) *story {
	s := &story{
		decide: d, random: rand.New(rand.NewPCG(seed, 7)), now: noon,
		world: map[finding]seen{}, marks: map[string]api.NotifierMark{}, heard: map[finding]api.Severity{}, unsure: map[finding]bool{},
	}
	s.route = Route{Name: "chat", Severity: api.SeverityMedium, Resolved: true, GroupWait: 30 * time.Second, MinInterval: time.Minute}
	if s.random.IntN(4) == 0 {
		s.route.MinInterval = 0
	}
	return s
}

// run lets the world change, and then lets it be: what is believed must then be what is.
func (s *story) run() error {
	for range 40 {
		s.change()
		if err := s.pass(); err != nil {
			return err
		}
		// Until the next change, the notifier comes back when it said that it would.
		until := s.now.Add(time.Duration(s.random.IntN(90)) * time.Second)
		if err := s.wait(until); err != nil {
			return err
		}
	}
	s.calm = true
	if err := s.wait(s.now.Add(2*s.route.GroupWait + 2*s.route.MinInterval + time.Second)); err != nil {
		return err
	}
	return s.settled()
}

func (s *story) wait(until time.Time) error {
	for {
		a := s.decide(s.route, s.objects(), Memory{Waiting: maps.Clone(s.waiting)}, s.now)
		wake := soonest(a.Wake, s.retry)
		if wake.IsZero() || wake.After(until) {
			s.now = until
			return nil
		}
		if !wake.After(s.now) {
			return fmt.Errorf("at %s it wants to be asked again at %s", s.now, wake)
		}
		s.now = wake
		if err := s.pass(); err != nil {
			return err
		}
	}
}

// change lets one finding come, go, or become more or less loud.
func (s *story) change() {
	f := finding{pick(s, names), pick(s, kinds), pick(s, subjects)}
	severity := pick(s, []api.Severity{"", api.SeverityPending, api.SeverityLow, api.SeverityMedium, api.SeverityHigh, api.SeverityCritical})
	before := s.world[f]
	since := s.now
	if told(severity) == told(before.severity) { // as far as anybody is told, it is as it was
		since = before.since
	}
	s.world[f] = seen{severity, since}
}

func told(severity api.Severity) bool {
	return severity != "" && drift.Rank(severity) <= drift.Rank(api.SeverityMedium)
}

func pick[T any](s *story, from []T) T { return from[s.random.IntN(len(from))] }

func (s *story) objects() []Object {
	var out []Object
	for _, name := range names {
		o := Object{Kind: "BackupPolicy", Namespace: "shop", Name: name, UID: "uid-" + name}
		for f, is := range s.world {
			if f.object == name && is.severity != "" {
				o.Findings = append(o.Findings, api.Finding{Kind: f.kind, Subject: f.subject, Severity: is.severity,
					Since: metav1.NewTime(is.since), Message: "m", Remedy: "r"})
			}
		}
		o.Total = len(o.Findings)
		if m, ok := s.marks[name]; ok {
			o.Marks = []api.NotifierMark{m}
		}
		out = append(out, o)
	}
	return out
}

// pass is one pass of the controller, which may be struck after every step.
func (s *story) pass() error {
	strike := func() bool {
		if s.calm || s.random.IntN(6) > 0 {
			return false
		}
		s.retry = s.now.Add(Backoff(1))
		return true
	}
	s.retry = time.Time{}
	a := s.decide(s.route, s.objects(), Memory{Waiting: maps.Clone(s.waiting)}, s.now)
	s.waiting = a.Waiting
	// What an earlier attempt may or may not have told may be told again.
	s.unsure = map[finding]bool{}
	for name := range s.marks {
		o := Object{Marks: []api.NotifierMark{s.marks[name]}}
		was, _ := toldOf(&o, s.route.Name)
		for k, severity := range was {
			s.unsure[finding{name, k.kind, k.subject}] = severity == sending
		}
	}
	die := func() error { // another process takes over
		s.waiting, s.last = nil, time.Time{}
		return nil
	}
	steps := [][]Mark{a.Intent, nil, a.Marks}
	if s.markFirst {
		steps = [][]Mark{a.Marks, nil, nil}
	}
	for _, marks := range steps {
		if marks == nil && a.Message != nil {
			if strike() { // it is refused
				return nil
			}
			if err := s.hear(a.Message.Text); err != nil {
				return err
			}
			s.last, a.Message = s.now, nil
		}
		for _, m := range marks {
			if strike() {
				return die()
			}
			s.marks[m.Object.Name] = m.Mark
		}
		if strike() {
			return die()
		}
	}
	return nil
}

// hear reads a message as people do, and judges it.
func (s *story) hear(text string) error {
	head, urgent, items := "", false, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		item, is := strings.CutPrefix(line, "- shop/")
		if !is {
			if word, kind, ok := strings.Cut(line, " "); ok && slices.Contains(kinds, kind) {
				head = line
				urgent = urgent || word == string(api.SeverityCritical)
			}
			continue
		}
		severity, kind, _ := strings.Cut(head, " ")
		f := finding{kind: kind}
		items++
		if severity == "cleared" {
			severity = ""
			item, _, _ = strings.Cut(item, ": it was ")
		} else {
			item, _, _ = strings.Cut(item, ", since ")
			item, _, _ = strings.Cut(item, ", was ")
		}
		f.object, f.subject, _ = strings.Cut(item, ", ")
		if err := s.judge(f, api.Severity(severity)); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
	if items == 0 {
		return errors.New("an empty message: " + text)
	}
	if !urgent && !s.last.IsZero() && s.now.Sub(s.last) < s.route.MinInterval {
		return fmt.Errorf("a message %s after the last, and nothing critical in it:\n%s", s.now.Sub(s.last), text)
	}
	return nil
}

func (s *story) judge(f finding, severity api.Severity) error {
	is := s.world[f]
	if told(severity) != told(is.severity) || told(severity) && severity != is.severity {
		return fmt.Errorf("%v is told as %q, and is %q", f, severity, is.severity)
	}
	if lasted := s.now.Sub(is.since); lasted < s.route.GroupWait {
		return fmt.Errorf("%v is told as %q after %s", f, severity, lasted)
	}
	believed := s.heard[f]
	news := severity == "" && believed != "" || severity != "" && (believed == "" || drift.Rank(severity) < drift.Rank(believed))
	if !news && !s.unsure[f] && (severity == "" || !s.eased(f, severity)) {
		return fmt.Errorf("%v is told as %q again", f, severity)
	}
	s.heard[f] = severity
	if severity == "" {
		delete(s.heard, f)
	}
	return nil
}

// eased says whether the mark remembers a finding as less loud than it is told now: what eased is not told, and may worsen again.
func (s *story) eased(f finding, severity api.Severity) bool {
	o := Object{Marks: []api.NotifierMark{s.marks[f.object]}}
	was, _ := toldOf(&o, s.route.Name)
	old := was[key{f.kind, f.subject}]
	return old != "" && drift.Rank(old) > drift.Rank(severity)
}

// settled compares what is believed with what is.
func (s *story) settled() error {
	for _, name := range names {
		for _, kind := range kinds {
			for _, subject := range subjects {
				f := finding{name, kind, subject}
				is, believed := s.world[f].severity, s.heard[f]
				switch {
				case told(is) && believed == "":
					return fmt.Errorf("%v is %s, and nobody was told", f, is)
				case told(is) && drift.Rank(believed) > drift.Rank(is):
					return fmt.Errorf("%v is %s, and is believed to be %s", f, is, believed)
				case !told(is) && believed != "":
					return fmt.Errorf("%v has cleared, and is believed to be %s", f, believed)
				}
			}
		}
	}
	return nil
}

const stories = 400

func TestLaws(t *testing.T) {
	for seed := range uint64(stories) {
		if err := newStory(seed, Messages).run(); err != nil {
			t.Fatalf("story %d: %v", seed, err)
		}
	}
}

// TestLawsKillFaults plants faults one by one. One that lives means that the laws have lost their teeth.
func TestLawsKillFaults(t *testing.T) {
	louder := func(change func(*api.Finding)) decider {
		return func(r Route, objects []Object, w Memory, now time.Time) Answer {
			for i := range objects {
				for j := range objects[i].Findings {
					change(&objects[i].Findings[j])
				}
			}
			return Messages(r, objects, w, now)
		}
	}
	routed := func(change func(*Route)) decider {
		return func(r Route, objects []Object, w Memory, now time.Time) Answer {
			change(&r)
			return Messages(r, objects, w, now)
		}
	}
	for name, f := range map[string]struct {
		decide    decider
		markFirst bool
		want      string
	}{
		"the mark is written before the message was sent": {Messages, true, "nobody was told"},
		"nothing is waited for":                           {routed(func(r *Route) { r.GroupWait = 0 }), false, "after "},
		"no intent is written": {func(r Route, objects []Object, w Memory, now time.Time) Answer {
			a := Messages(r, objects, w, now)
			a.Intent = nil
			return a
		}, false, " again\n"},
		"the interval is not kept":  {routed(func(r *Route) { r.MinInterval = 0 }), false, "nothing critical in it"},
		"what cleared is not told":  {routed(func(r *Route) { r.Resolved = false }), false, "has cleared"},
		"what is pending is told":   {louder(func(f *api.Finding) { f.Severity = strongest(f.Severity, api.SeverityMedium) }), false, "is told as"},
		"only what is High is told": {routed(func(r *Route) { r.Severity = api.SeverityHigh }), false, "nobody was told"},
		"what worsens is not told": {func(r Route, objects []Object, w Memory, now time.Time) Answer {
			for i := range objects {
				was, _ := toldOf(&objects[i], r.Name)
				for j := range objects[i].Findings {
					f := &objects[i].Findings[j]
					if old := was[key{f.Kind, f.Subject}]; old != "" && old != sending && drift.Rank(f.Severity) < drift.Rank(old) {
						f.Severity = old
					}
				}
			}
			return Messages(r, objects, w, now)
		}, false, "is believed to be"},
		"no mark is written": {func(r Route, objects []Object, w Memory, now time.Time) Answer {
			a := Messages(r, objects, w, now)
			a.Intent, a.Marks = nil, nil
			return a
		}, false, " again\n"},
		"the wait of what has passed is remembered": {func(r Route, objects []Object, w Memory, now time.Time) Answer {
			a := Messages(r, objects, w, now)
			for k, since := range w.Waiting {
				if _, still := a.Waiting[k]; !still {
					a.Waiting[k] = since
				}
			}
			return a
		}, false, "after "},
		"it sleeps through": {func(r Route, objects []Object, w Memory, now time.Time) Answer {
			a := Messages(r, objects, w, now)
			a.Wake = time.Time{}
			return a
		}, false, "nobody was told"},
	} {
		found := ""
		for seed := uint64(0); seed < stories && !strings.Contains(found, f.want); seed++ {
			s := newStory(seed, f.decide)
			s.markFirst = f.markFirst
			if err := s.run(); err != nil {
				found = err.Error()
			}
		}
		if !strings.Contains(found, f.want) {
			t.Errorf("no law convicts the fault %q; the last complaint is %q, want %q", name, found, f.want)
		}
	}
}

func strongest(a, b api.Severity) api.Severity {
	if drift.Rank(a) < drift.Rank(b) {
		return a
	}
	return b
}
