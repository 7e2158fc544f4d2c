// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// evaluator is Evaluate, or it with a fault.
type evaluator func(Observed, time.Time) Answer

// drawn is what may be observed: some stories at once, told of at an instant of the month after noon.
func drawn(t *rapid.T) (Observed, time.Time) {
	o := healthy()
	withCopies(&o)
	for range rapid.IntRange(0, 6).Draw(t, "faults") {
		try(rapid.SampledFrom(stories).Draw(t, "story").breaks, &o)
	}
	for _, f := range []Fact{FactVolumes, FactStack, FactOrphans, FactLeftovers, FactCopies} {
		if rapid.IntRange(0, 9).Draw(t, string(f)) == 0 {
			try(unread(f), &o)
		}
	}
	now := noon.Add(time.Duration(rapid.Int64Range(0, int64(30*day)).Draw(t, "now")))
	if rapid.Bool().Draw(t, "soon") {
		now = noon.Add(now.Sub(noon) / 500)
	}
	return settle(o, now), now
}

// try makes a change that expects to be the first; one that others have made impossible is left out.
func try(c change, o *Observed) {
	before := *o
	defer func() {
		if recover() != nil {
			*o = before
		}
	}()
	c(o)
}

// law is what holds of every evaluation. Part is a part of the time until the next look, from 0 to 1.
type law struct {
	name  string
	holds func(evaluate evaluator, o Observed, now time.Time, part float64) error
}

var laws = []law{
	{"findings say all that they must", saysAll},
	{"the worst come first, and no two are the same", ordered},
	{"nothing changes before the next look", sleeps},
	{"what cannot be read is told, and nothing else that depends on it", neverSilent},
	{"the same is judged the same, and left as it was", repeats},
}

func TestLaws(t *testing.T) {
	for _, l := range laws {
		t.Run(l.name, rapid.MakeCheck(func(t *rapid.T) {
			o, now := drawn(t)
			if err := l.holds(Evaluate, o, now, rapid.Float64Range(0, 1).Draw(t, "part")); err != nil {
				t.Fatalf("%v\nat %s of\n%s", err, now, describe(Evaluate(o, now).Findings))
			}
		}))
	}
}

func saysAll(evaluate evaluator, o Observed, now time.Time, _ float64) error {
	kinds := Kinds()
	a := evaluate(o, now)
	for _, f := range a.Findings {
		switch {
		case !slices.Contains(kinds, f.Kind):
			return fmt.Errorf("kind %q is not listed", f.Kind)
		case f.Severity != pending && Rank(f.Severity) == Rank(pending):
			return fmt.Errorf("%s: severity %q", f.Kind, f.Severity)
		case f.Message == "" || f.Remedy == "" || len(f.Message) > MostText || len(f.Remedy) > MostText:
			return fmt.Errorf("%s: %d bytes of message, %d of remedy", f.Kind, len(f.Message), len(f.Remedy))
		case f.Since.IsZero() || f.Since.After(now) || f.Since.Nanosecond() != 0:
			return fmt.Errorf("%s: since %s, and it is %s", f.Kind, f.Since, now)
		}
		if n := strings.Count(f.Remedy, "kubectl "); n != strings.Count(f.Remedy, "kubectl -n ") {
			return fmt.Errorf("%s: a command without its namespace: %s", f.Kind, f.Remedy)
		}
	}
	if !a.Wake.IsZero() && !a.Wake.After(now) {
		return fmt.Errorf("the next look was at %s", a.Wake)
	}
	return nil
}

func ordered(evaluate evaluator, o Observed, now time.Time, _ float64) error {
	found := evaluate(o, now).Findings
	seen := map[key]bool{}
	for i := range found {
		if i > 0 && compare(&found[i-1].Finding, &found[i].Finding) > 0 {
			return fmt.Errorf("%s comes before %s", found[i-1].Kind, found[i].Kind)
		}
		if seen[keyOf(&found[i].Finding)] {
			return fmt.Errorf("%s %s is there twice", found[i].Kind, found[i].Subject)
		}
		seen[keyOf(&found[i].Finding)] = true
	}
	return nil
}

func sleeps(evaluate evaluator, o Observed, now time.Time, part float64) error {
	a := evaluate(o, now)
	until := a.Wake
	if until.IsZero() {
		until = now.Add(3 * 365 * day)
	}
	last := until.Add(-1)
	for _, at := range []time.Time{now.Add(time.Duration(part * float64(last.Sub(now)))), last} {
		if b := evaluate(o, at); !reflect.DeepEqual(a.Findings, b.Findings) {
			return fmt.Errorf("at %s, before the next look at %s, there is\n%+v\nand not\n%+v", at, a.Wake, b.Findings, a.Findings)
		}
	}
	return nil
}

func neverSilent(evaluate evaluator, o Observed, now time.Time, _ float64) error {
	found := evaluate(o, now).Findings
	for i := range checks {
		c := &checks[i]
		fact := ""
		for _, need := range c.needs {
			if _, is := o.Unread[need]; is {
				fact = string(need)
				break
			}
		}
		if fact == "" {
			continue
		}
		at := slices.IndexFunc(found, func(f Finding) bool { return f.Kind == api.ReasonEvaluationError && f.Subject == fact })
		if at < 0 {
			return fmt.Errorf("nothing says that %s could not be read", fact)
		}
		for _, condition := range c.of {
			if !slices.Contains(found[at].Blurs, condition) {
				return fmt.Errorf("that %s could not be read does not blur %s", fact, condition)
			}
		}
		was := func(f Finding) func(api.Finding) bool {
			return func(b api.Finding) bool {
				return b.Kind == f.Kind && b.Subject == f.Subject && b.Severity == f.Severity && b.Since.Equal(&f.Since)
			}
		}
		for _, f := range found {
			if slices.Contains(c.kinds, f.Kind) && (!slices.ContainsFunc(o.Status.Findings, was(f)) || len(f.Breaks) > 0) {
				return fmt.Errorf("%s is found without %s", f.Kind, fact)
			}
		}
	}
	return nil
}

func repeats(evaluate evaluator, o Observed, now time.Time, _ float64) error {
	policy, status := o.Policy.DeepCopy(), o.Status.DeepCopy()
	a := evaluate(o, now)
	if b := evaluate(o, now); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("it was\n%+v\nand is\n%+v", a, b)
	}
	if !reflect.DeepEqual(policy, o.Policy) || !reflect.DeepEqual(status, o.Status) {
		return fmt.Errorf("what is observed was changed")
	}
	return nil
}

// TestLawsKillFaults plants faults one by one. A fault that lives means that the laws have lost their teeth, and so does a law
// that convicts nobody.
func TestLawsKillFaults(t *testing.T) {
	calls := 0
	convicts := map[string]bool{}
	for name, faulty := range map[string]evaluator{
		"remedies are forgotten": each(func(f *Finding, _ time.Time) { f.Remedy = "" }),
		"messages are not cut":   each(func(f *Finding, _ time.Time) { f.Message += string(make([]byte, MostText)) }),
		"they begin tomorrow":    each(func(f *Finding, now time.Time) { f.Since = at(now.Add(day)) }),
		"they never began":       each(func(f *Finding, _ time.Time) { f.Since = metav1.Time{} }),
		"the least come first":   answer(func(a *Answer, _ time.Time) { slices.Reverse(a.Findings) }),
		"each is told twice":     answer(func(a *Answer, _ time.Time) { a.Findings = append(a.Findings, a.Findings...); sortFindings(a.Findings) }),
		"it never looks again":   answer(func(a *Answer, _ time.Time) { a.Wake = time.Time{} }),
		"it oversleeps": answer(func(a *Answer, now time.Time) {
			if !a.Wake.IsZero() {
				a.Wake = a.Wake.Add(a.Wake.Sub(now))
			}
		}),
		"it looks again at once":    answer(func(a *Answer, now time.Time) { a.Wake = now }),
		"they begin when looked at": each(func(f *Finding, now time.Time) { f.Since = at(now) }),
		"what is unread is silent": answer(func(a *Answer, _ time.Time) {
			a.Findings = slices.DeleteFunc(a.Findings, func(f Finding) bool { return f.Kind == api.ReasonEvaluationError })
		}),
		"what is unread blurs nothing": each(func(f *Finding, _ time.Time) {
			if f.Kind == api.ReasonEvaluationError {
				f.Blurs = nil
			}
		}),
		"what is unread counts as empty": func(o Observed, now time.Time) Answer {
			a := Evaluate(o, now)
			o.Unread = nil
			a.Findings = append(slices.DeleteFunc(a.Findings, func(f Finding) bool { return f.Kind != api.ReasonEvaluationError }), Evaluate(o, now).Findings...)
			sortFindings(a.Findings)
			return a
		},
		"it depends on how often it is asked": answer(func(a *Answer, _ time.Time) {
			if calls++; calls%2 == 0 {
				a.Findings = nil
			}
		}),
		"it writes down what it found": func(o Observed, now time.Time) Answer {
			a := Evaluate(o, now)
			o.Status.FindingCounts.Total++
			return a
		},
	} {
		killed := false
		for seed := range 300 {
			c := rapid.Custom(func(t *rapid.T) situation {
				o, now := drawn(t)
				return situation{o, now, rapid.Float64Range(0, 1).Draw(t, "part")}
			}).Example(seed)
			for _, l := range laws {
				if l.holds(faulty, c.o, c.now, c.part) != nil {
					convicts[l.name], killed = true, true
				}
			}
			if killed && seed >= 20 {
				break
			}
		}
		if !killed {
			t.Errorf("this fault lives: %s", name)
		}
	}
	for _, l := range laws {
		if !convicts[l.name] {
			t.Errorf("this law convicts nobody: %s", l.name)
		}
	}
}

type situation struct {
	o    Observed
	now  time.Time
	part float64
}

// answer is Evaluate with its answer spoilt.
func answer(spoil func(*Answer, time.Time)) evaluator {
	return func(o Observed, now time.Time) Answer {
		a := Evaluate(o, now)
		spoil(&a, now)
		return a
	}
}

func each(spoil func(*Finding, time.Time)) evaluator {
	return answer(func(a *Answer, now time.Time) {
		for i := range a.Findings {
			spoil(&a.Findings[i], now)
		}
	})
}

// TestUnreadIsLouderWithTime: what cannot be read is Medium, and High a quarter of an hour later, whichever it is.
func TestUnreadIsLouderWithTime(t *testing.T) {
	for _, fact := range []Fact{FactVolumes, FactStack, FactOrphans, FactLeftovers, FactCopies} {
		o := healthy()
		unread(fact)(&o)
		o = settle(o, noon)
		for _, l := range []louder{{0, medium}, {15*time.Minute - 1, medium}, {15 * time.Minute, high}} {
			found := Evaluate(o, noon.Add(l.at)).Findings
			if len(found) != 1 || found[0].Kind != api.ReasonEvaluationError || found[0].Subject != string(fact) || found[0].Severity != l.severity {
				t.Errorf("%s after it was first not read, without %s: %s", l.at, fact, describe(found))
			}
		}
	}
}

// drawnFindings are any findings, worst first.
func drawnFindings(t *rapid.T, most int) []Finding {
	var out []Finding
	seen := map[key]bool{}
	for range rapid.IntRange(0, most).Draw(t, "findings") {
		f := Finding{}
		f.Kind = fmt.Sprintf("Kind%d", rapid.IntRange(0, 25).Draw(t, "kind"))
		f.Subject = rapid.SampledFrom([]string{"", "pvc/a", "pvc/b", "pvc/c"}).Draw(t, "subject")
		f.Severity = rapid.SampledFrom([]api.Severity{critical, high, medium, low, pending}).Draw(t, "severity")
		f.Message, f.Remedy = "m", "r"
		some := rapid.SampledFrom([][]string{nil, ready, protected, proven, {api.ConditionReady, api.ConditionProtected}})
		f.Breaks, f.Blurs = some.Draw(t, "breaks"), some.Draw(t, "blurs")
		if !seen[keyOf(&f.Finding)] {
			seen[keyOf(&f.Finding)] = true
			out = append(out, f)
		}
	}
	sortFindings(out)
	return out
}

// TestVerdict: a condition is True only while nothing speaks against it, and False when something breaks it, whatever else blurs it.
func TestVerdict(t *testing.T) {
	type judge func(string, []Finding, string, string) metav1.Condition
	lawful := func(judge judge, found []Finding) error {
		for _, condition := range []string{api.ConditionReady, api.ConditionProtected, api.ConditionProven} {
			want, why := metav1.ConditionTrue, "AllIsWell"
			for i := len(found) - 1; i >= 0; i-- { // the worst has the last word
				if slices.Contains(found[i].Blurs, condition) && want != metav1.ConditionFalse {
					want, why = metav1.ConditionUnknown, found[i].Kind
				}
				if slices.Contains(found[i].Breaks, condition) {
					want, why = metav1.ConditionFalse, found[i].Kind
				}
			}
			if c := judge(condition, found, "AllIsWell", "fine"); c.Type != condition || c.Status != want || c.Reason != why {
				return fmt.Errorf("%s is %s for %s, want %s for %s", condition, c.Status, c.Reason, want, why)
			}
		}
		return nil
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := lawful(Verdict, drawnFindings(t, 8)); err != nil {
			t.Fatal(err)
		}
	})
	without := func(drop func(Finding) bool) judge {
		return func(condition string, found []Finding, reason, message string) metav1.Condition {
			return Verdict(condition, slices.DeleteFunc(slices.Clone(found), drop), reason, message)
		}
	}
	for name, faulty := range map[string]judge{
		"pending ones do not count": without(func(f Finding) bool { return f.Severity == pending }),
		"nothing blurs":             without(func(f Finding) bool { return len(f.Breaks) == 0 }),
		"nothing breaks":            without(func(f Finding) bool { return len(f.Breaks) > 0 }),
		"Unknown wins": func(condition string, found []Finding, reason, message string) metav1.Condition {
			blurred := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool {
				return !slices.Contains(f.Blurs, condition) || slices.Contains(f.Breaks, condition)
			})
			if c := Verdict(condition, blurred, reason, message); c.Status == metav1.ConditionUnknown {
				return c
			}
			return Verdict(condition, found, reason, message)
		},
		"the least has the last word": func(condition string, found []Finding, reason, message string) metav1.Condition {
			found = slices.Clone(found)
			slices.Reverse(found)
			return Verdict(condition, found, reason, message)
		},
	} {
		convicted(t, name, func(t *rapid.T) []Finding { return drawnFindings(t, 8) }, func(found []Finding) error { return lawful(faulty, found) })
	}
}

// convicted checks that a fault is found out in some of what may be drawn.
func convicted[T any](t *testing.T, name string, draw func(*rapid.T) T, law func(T) error) {
	t.Helper()
	for seed := range 300 {
		if law(rapid.Custom(draw).Example(seed)) != nil {
			return
		}
	}
	t.Errorf("this fault lives: %s", name)
}

// TestList: a status shows the worst of each kind, no more than there is room for, and counts all.
func TestList(t *testing.T) {
	type lister func([]Finding) ([]api.Finding, api.FindingCounts)
	lawful := func(list lister, all []Finding) error {
		shown, counts := list(all)
		if len(shown) > MostListed || len(shown) > len(all) || len(all) <= MostListed && len(shown) < len(all) {
			return fmt.Errorf("%d of %d are shown", len(shown), len(all))
		}
		worst := map[string]api.Finding{}
		bySeverity := map[api.Severity]int32{}
		for i := range all {
			if _, is := worst[all[i].Kind]; !is {
				worst[all[i].Kind] = all[i].Finding
			}
			bySeverity[all[i].Severity]++
		}
		for kind, f := range worst {
			if len(worst) <= MostListed && !slices.Contains(shown, f) {
				return fmt.Errorf("the worst %s is not shown", kind)
			}
		}
		for i := range shown {
			if i > 0 && compare(&shown[i-1], &shown[i]) >= 0 {
				return fmt.Errorf("%+v comes before %+v", shown[i-1], shown[i])
			}
			if !slices.ContainsFunc(all, func(f Finding) bool { return f.Finding == shown[i] }) {
				return fmt.Errorf("%+v is made up", shown[i])
			}
		}
		is := api.FindingCounts{Total: int32(len(all)), Critical: bySeverity[critical], High: bySeverity[high], Medium: bySeverity[medium], Low: bySeverity[low], Pending: bySeverity[pending]}
		if counts != is {
			return fmt.Errorf("counted %+v, and there are %+v", counts, is)
		}
		return nil
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := lawful(List, drawnFindings(t, 60)); err != nil {
			t.Fatal(err)
		}
	})
	for name, faulty := range map[string]lister{
		"the first are shown": func(all []Finding) ([]api.Finding, api.FindingCounts) {
			var out []api.Finding
			for i := range all[:min(len(all), MostListed)] {
				out = append(out, all[i].Finding)
			}
			_, counts := List(all)
			return out, counts
		},
		"what is shown is counted": func(all []Finding) ([]api.Finding, api.FindingCounts) { return List(all[:min(len(all), MostListed)]) },
		"one of each kind": func(all []Finding) ([]api.Finding, api.FindingCounts) {
			out, counts := List(all)
			return slices.CompactFunc(out, func(a, b api.Finding) bool { return a.Kind == b.Kind }), counts
		},
	} {
		convicted(t, name, func(t *rapid.T) []Finding { return drawnFindings(t, 60) }, func(all []Finding) error { return lawful(faulty, all) })
	}
}

// TestListIsSmall: what is shown stays small, however much each finding says.
func TestListIsSmall(t *testing.T) {
	var all []Finding
	for i := range 100 {
		f := Finding{Finding: api.Finding{Kind: fmt.Sprintf("Kind%d", i%4), Subject: fmt.Sprintf("pvc/%d", i), Severity: high, Since: at(noon),
			Message: string(make([]byte, MostText)), Remedy: string(make([]byte, MostText))}}
		all = append(all, f)
	}
	sortFindings(all)
	shown, counts := List(all)
	if len(shown) < 4 || len(shown) == MostListed || counts.Total != 100 {
		t.Errorf("%d are shown, %d counted", len(shown), counts.Total)
	}
}

// TestChanges: people hear once of what appeared, became louder or cleared, never of what is the same, quieter or waited for.
func TestChanges(t *testing.T) {
	type teller func(before, after []api.Finding) []Change
	type pair struct{ before, after []api.Finding }
	lawful := func(tell teller, p pair) error {
		if c := tell(p.after, p.after); len(c) > 0 {
			return fmt.Errorf("nothing changed, and it tells %+v", c)
		}
		loud := func(list []api.Finding, k key) int {
			for i := range list {
				if keyOf(&list[i]) == k {
					return 4 - Rank(list[i].Severity)
				}
			}
			return 0
		}
		heard := map[key]int{}
		for _, c := range tell(p.before, p.after) {
			k := keyOf(&c.Finding)
			was, is := loud(p.before, k), loud(p.after, k)
			if heard[k]++; heard[k] > 1 || c.Cleared != (is == 0) || !c.Cleared && is <= was || c.Cleared && was == 0 {
				return fmt.Errorf("%v was %d and is %d, and it tells %+v", k, was, is, c)
			}
		}
		for _, list := range [][]api.Finding{p.before, p.after} {
			for i := range list {
				k := keyOf(&list[i])
				if was, is := loud(p.before, k), loud(p.after, k); heard[k] == 0 && (is > was || is == 0 && was > 0) {
					return fmt.Errorf("%v was %d and is %d, and nobody hears of it", k, was, is)
				}
			}
		}
		return nil
	}
	draw := func(t *rapid.T) pair {
		before, _ := List(drawnFindings(t, 12))
		after, _ := List(drawnFindings(t, 12))
		for i := range before { // mostly the same, with another severity now and then
			if rapid.Bool().Draw(t, "stays") && !slices.ContainsFunc(after, func(f api.Finding) bool { return keyOf(&f) == keyOf(&before[i]) }) {
				f := before[i]
				f.Severity = rapid.SampledFrom([]api.Severity{f.Severity, critical, high, medium, low, pending}).Draw(t, "becomes")
				after = append(after, f)
			}
		}
		return pair{before, after}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := lawful(Changes, draw(t)); err != nil {
			t.Fatal(err)
		}
	})
	for name, faulty := range map[string]teller{
		"what is there is told": func(_, after []api.Finding) []Change { return Changes(nil, after) },
		"what is gone is not": func(before, after []api.Finding) []Change {
			return slices.DeleteFunc(Changes(before, after), func(c Change) bool { return c.Cleared })
		},
		"what is louder is not": func(before, after []api.Finding) []Change {
			return slices.DeleteFunc(Changes(before, after), func(c Change) bool {
				return !c.Cleared && slices.ContainsFunc(before, func(f api.Finding) bool { return f.Severity != pending && keyOf(&f) == keyOf(&c.Finding) })
			})
		},
		"what is waited for is told": func(before, after []api.Finding) []Change {
			after = slices.Clone(after)
			for i := range after {
				if after[i].Severity == pending {
					after[i].Severity = low
				}
			}
			return Changes(before, after)
		},
		"kinds are thrown together": func(before, after []api.Finding) []Change {
			alike := func(list []api.Finding) []api.Finding {
				list = slices.Clone(list)
				for i := range list {
					list[i].Subject = ""
				}
				return list
			}
			return Changes(alike(before), alike(after))
		},
	} {
		convicted(t, name, draw, func(p pair) error { return lawful(faulty, p) })
	}
}

// TestHoldsPruning: what makes an old point precious keeps all of them, and so does not knowing.
func TestHoldsPruning(t *testing.T) {
	for _, s := range stories {
		o := anew(s)
		damaged := o.Independence != nil && !o.Independence.Repositories[0].Corrupt.IsZero()
		holds := s.kind == api.ReasonSizeAnomaly || damaged || s.kind == api.ReasonEvaluationError && s.want.subject == "copies"
		if got := HoldsPruning(Evaluate(o, noon.Add(s.at)).Findings); got != holds {
			t.Errorf("%s (%s): holds %t, want %t", s.kind, s.name, got, holds)
		}
	}
}
