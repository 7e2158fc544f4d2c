// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// MostListed bounds the findings in a status.
const MostListed = 20

// mostBytes bounds what more than one finding of a kind may take in a status, so that it stays below 32 KiB.
const mostBytes = 11 << 10

// MostText is the longest message or remedy, in bytes.
const MostText = 512

// Finding is a difference, with the conditions that it speaks against.
type Finding struct {
	api.Finding
	Breaks []string // conditions that are False while it is there
	Blurs  []string // conditions that cannot be judged while it is there
}

// Answer is what an evaluation brought.
type Answer struct {
	Findings []Finding // worst first
	Wake     time.Time // the next instant at which the answer can differ; zero when only an event can change it
}

// check is one rule.
type check struct {
	kinds []string // what it may find
	needs []Fact   // what must have been read
	of    []string // the conditions that it speaks of
	judge func(p *pass)
}

// pass is one evaluation: what is observed, and what was found so far.
type pass struct {
	Observed
	now   time.Time
	found []Finding
	wake  time.Time
}

// Evaluate runs every check. What a check cannot judge is a finding too, never silence.
func Evaluate(o Observed, now time.Time) Answer {
	p := &pass{Observed: o, now: now}
	for i := range checks {
		c := &checks[i]
		if fact, why := p.unread(c.needs); why != "" {
			p.cannot(c, fact, why)
			continue
		}
		c.judge(p)
	}
	sortFindings(p.found)
	return Answer{Findings: p.found, Wake: p.wake}
}

// Kinds are all kinds of findings on a policy.
func Kinds() []string {
	out := []string{api.ReasonEvaluationError}
	for i := range checks {
		out = append(out, checks[i].kinds...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Needs are the facts without which nobody knows whether there are findings of a kind.
func Needs(kind string) []Fact {
	var out []Fact
	for i := range checks {
		if slices.Contains(checks[i].kinds, kind) {
			out = append(out, checks[i].needs...)
		}
	}
	return out
}

func (p *pass) unread(needs []Fact) (Fact, string) {
	for _, f := range needs {
		if why, is := p.Unread[f]; is {
			return f, cmp.Or(why, "unknown")
		}
	}
	return "", ""
}

// evaluationErrorHigh is after how long an evaluation that fails is High.
const evaluationErrorHigh = 15 * time.Minute

// cannot says that a check could not be made. There is one such finding for each fact, whatever depends on it. What the check
// found before stays: nothing says that it is over.
func (p *pass) cannot(c *check, fact Fact, why string) {
	p.keep(func(f *api.Finding) bool { return slices.Contains(c.kinds, f.Kind) })
	for i := range p.found {
		if f := &p.found[i]; f.Kind == api.ReasonEvaluationError && f.Subject == string(fact) {
			f.Blurs = append(f.Blurs, c.of...)
			return
		}
	}
	since := p.since(api.ReasonEvaluationError, string(fact))
	p.find(Finding{
		Finding: api.Finding{Kind: api.ReasonEvaluationError, Subject: string(fact), Since: since,
			Severity: p.rising(since.Time, step{0, api.SeverityMedium}, step{evaluationErrorHigh, api.SeverityHigh}),
			Message:  "what some promises depend on could not be read: " + why,
			Remedy:   "look at the operator's log, and give its role back what it may have lost: helm upgrade does"},
		Blurs: slices.Clone(c.of),
	})
}

// keep has findings of before stay, those that are meant. What they say of conditions is not known. Somebody may have
// written to the status what no check says.
func (p *pass) keep(meant func(*api.Finding) bool) {
	for i := range p.Status.Findings {
		f := p.Status.Findings[i]
		known := Rank(f.Severity) < Rank(api.SeverityPending) || f.Severity == api.SeverityPending
		if meant(&f) && known && f.Message != "" && f.Remedy != "" {
			p.find(Finding{Finding: f})
		}
	}
}

// find records a difference. Since when it holds is asked of what is remembered, where nothing tells, or a clock that runs ahead.
func (p *pass) find(f Finding) {
	if f.Since.IsZero() || f.Since.After(p.now) {
		p.wakeAt(f.Since.Time)
		f.Since = p.since(f.Kind, f.Subject)
	}
	// Each command works as it is told, from wherever somebody reads it. A finding that was kept names its namespace already.
	here := "kubectl -n " + p.Policy.Namespace + " "
	f.Remedy = strings.ReplaceAll(strings.ReplaceAll(f.Remedy, here, "kubectl "), "kubectl ", here)
	f.Message, f.Remedy = conditions.Clip(f.Message, MostText), conditions.Clip(f.Remedy, MostText)
	p.found = append(p.found, f)
}

// since is since when a difference is there of which nothing else tells: it is remembered in the findings. One that may
// have been there before, and was not listed for lack of room, counts as old: it is told rather than waited for.
func (p *pass) since(kind, subject string) metav1.Time {
	if was := p.remembered(kind, subject); !was.IsZero() {
		return was
	}
	born := p.Policy.CreationTimestamp
	if int(p.Status.FindingCounts.Total) > len(p.Status.Findings) && !born.IsZero() && !born.After(p.now) {
		return born
	}
	return at(p.now)
}

// sinceBefore is since when a difference is there that shows in what is newest, and may have shown before in what is gone:
// it is remembered from when it was first found.
func (p *pass) sinceBefore(kind, subject string, shows metav1.Time) metav1.Time {
	if was := p.remembered(kind, subject); !was.IsZero() && was.Before(&shows) {
		return was
	}
	return shows
}

// remembered is since when the findings of before say that a difference is there; zero when they do not.
func (p *pass) remembered(kind, subject string) metav1.Time {
	before := p.Status.Findings
	for i := range before {
		if f := &before[i]; f.Kind == kind && f.Subject == subject && !f.Since.After(p.now) {
			return f.Since
		}
	}
	return metav1.Time{}
}

// at is an instant as objects show it: in whole seconds.
func at(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

// step is how loud a difference is from an age on.
type step struct {
	after    time.Duration
	severity api.Severity
}

// rising is how loud a difference is that began at an instant. It is Pending before the first step.
func (p *pass) rising(since time.Time, steps ...step) api.Severity {
	out := api.SeverityPending
	for _, s := range steps {
		if due := since.Add(s.after); due.After(p.now) {
			p.wakeAt(due)
			break
		}
		out = s.severity
	}
	return out
}

func (p *pass) wakeAt(t time.Time) {
	if t.After(p.now) && (p.wake.IsZero() || t.Before(p.wake)) {
		p.wake = t
	}
}

// Rank orders severities, the worst first.
func Rank(s api.Severity) int {
	switch s {
	case api.SeverityCritical:
		return 0
	case api.SeverityHigh:
		return 1
	case api.SeverityMedium:
		return 2
	case api.SeverityLow:
		return 3
	case api.SeverityPending:
	}
	return 4
}

func sortFindings(f []Finding) {
	slices.SortStableFunc(f, func(a, b Finding) int { return compare(&a.Finding, &b.Finding) })
}

func compare(a, b *api.Finding) int {
	return cmp.Or(cmp.Compare(Rank(a.Severity), Rank(b.Severity)), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Subject, b.Subject))
}

// List is what a status shows of findings, which are given worst first: the worst of each kind, and then the worst that there is room for.
func List(all []Finding) ([]api.Finding, api.FindingCounts) {
	var out []api.Finding
	var counts api.FindingCounts
	shown := map[string]bool{}
	for i := range all {
		count(&counts, all[i].Severity)
		if !shown[all[i].Kind] && len(out) < MostListed {
			shown[all[i].Kind] = true
			out = append(out, all[i].Finding)
		}
	}
	first := map[string]bool{}
	room := mostBytes
	for i := range all {
		if !first[all[i].Kind] {
			first[all[i].Kind] = true
			continue
		}
		if room -= size(&all[i].Finding); room < 0 || len(out) == MostListed {
			break
		}
		out = append(out, all[i].Finding)
	}
	slices.SortStableFunc(out, func(a, b api.Finding) int { return compare(&a, &b) })
	return out, counts
}

// size is about how long a finding is in JSON.
func size(f *api.Finding) int {
	const keysAndTime = 120
	return keysAndTime + len(f.Kind) + len(f.Subject) + len(f.Message) + len(f.Remedy)
}

func count(c *api.FindingCounts, s api.Severity) {
	c.Total++
	switch s {
	case api.SeverityCritical:
		c.Critical++
	case api.SeverityHigh:
		c.High++
	case api.SeverityMedium:
		c.Medium++
	case api.SeverityLow:
		c.Low++
	case api.SeverityPending:
		c.Pending++
	}
}

// Change is what became of a finding between two passes.
type Change struct {
	api.Finding
	Cleared bool // it is gone; else it is new, or louder than before
}

// Changes are what people should hear of: findings that appeared, became louder, or cleared. Pending ones count as not there.
func Changes(before, after []api.Finding) []Change {
	var out []Change
	was := told(before)
	is := told(after)
	for i := range after {
		if old, known := was[keyOf(&after[i])]; after[i].Severity != api.SeverityPending && (!known || Rank(after[i].Severity) < Rank(old)) {
			out = append(out, Change{Finding: after[i]})
		}
	}
	for i := range before {
		if _, still := is[keyOf(&before[i])]; before[i].Severity != api.SeverityPending && !still {
			out = append(out, Change{Finding: before[i], Cleared: true})
		}
	}
	return out
}

// News are the changes of all that was found, though a status lists only some of it, against what it listed of how many before:
// what only moved out of the list has not cleared, and what only moved into it has not appeared.
func News(before []api.Finding, total int32, listed []api.Finding, found []Finding) []Change {
	still := map[key]bool{}
	for i := range found {
		still[keyOf(&found[i].Finding)] = found[i].Severity != api.SeverityPending
	}
	hidden := int(total) > len(before)
	return slices.DeleteFunc(Changes(before, listed), func(c Change) bool {
		if c.Cleared {
			return still[keyOf(&c.Finding)]
		}
		return hidden && untold(before, keyOf(&c.Finding))
	})
}

// untold says that a list which does not hold all findings does not tell whether it held this one. The worst of each kind is
// always listed, so that of a kind of which there is none there was none.
func untold(list []api.Finding, k key) bool {
	ofKind := func(f api.Finding) bool { return f.Kind == k.kind }
	return slices.ContainsFunc(list, ofKind) && !slices.ContainsFunc(list, func(f api.Finding) bool { return keyOf(&f) == k })
}

// key tells findings apart.
type key struct{ kind, subject string }

func keyOf(f *api.Finding) key { return key{f.Kind, f.Subject} }

func told(list []api.Finding) map[key]api.Severity {
	out := make(map[key]api.Severity, len(list))
	for i := range list {
		if list[i].Severity != api.SeverityPending {
			out[keyOf(&list[i])] = list[i].Severity
		}
	}
	return out
}

// Verdict is what the findings make of a condition: the worst that breaks it; else, that it cannot be judged; else True, with
// what the caller says of it.
func Verdict(condition string, found []Finding, reason, message string) metav1.Condition {
	for i := range found {
		if slices.Contains(found[i].Breaks, condition) {
			return conditions.Is(condition, metav1.ConditionFalse, found[i].Kind, found[i].Message)
		}
	}
	for i := range found {
		if slices.Contains(found[i].Blurs, condition) {
			return conditions.Is(condition, metav1.ConditionUnknown, found[i].Kind, found[i].Message)
		}
	}
	return conditions.Is(condition, metav1.ConditionTrue, reason, message)
}

// HoldsPruning says whether findings keep every point from expiring: while a volume holds far less than it used to, or a
// repository is damaged, an old point may be the only good one. So it is while nobody knows whether one is damaged.
func HoldsPruning(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool {
		switch f.Kind {
		case api.ReasonSizeAnomaly, api.ReasonCopyCorrupt:
			return true
		}
		return f.Kind == api.ReasonEvaluationError && f.Subject == string(FactCopies)
	})
}

// Some names a few of many.
func Some(names []string) string { return SomeOf(names, len(names)) }

// SomeOf names a few of so many, not all of which have a name.
func SomeOf(names []string, all int) string {
	const most = 3
	shown := names[:min(len(names), most)]
	if len(shown) == all {
		return strings.Join(shown, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), all-len(shown))
}

// day is 24 hours.
const day = 24 * time.Hour
