// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// reporter is ForPolicy, or it with a fault.
type reporter func(*api.BackupPolicy, map[string]Said, time.Time) *Report

var severities = []api.Severity{api.SeverityCritical, api.SeverityHigh, api.SeverityMedium, api.SeverityLow, api.SeverityPending}

// drawn is a policy with any findings and conditions.
func drawn(t *rapid.T) *api.BackupPolicy {
	one := rapid.Custom(func(t *rapid.T) api.Finding {
		f := finding(rapid.SampledFrom(drift.Kinds()).Draw(t, "kind"), rapid.SampledFrom(severities).Draw(t, "severity"), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "subject"))
		if f.Kind == api.ReasonEvaluationError {
			f.Subject = rapid.SampledFrom([]string{"", string(drift.FactDrills), string(drift.FactPoints), string(drift.FactCopies)}).Draw(t, "fact")
		}
		return f
	})
	b := policy(found(rapid.SliceOfN(one, 0, 40).Draw(t, "findings")...))
	for _, c := range []string{api.ConditionProtected, api.ConditionProven, api.ConditionIndependent} {
		switch status := rapid.SampledFrom([]string{"", "True", "False", "Unknown"}).Draw(t, c); status {
		case "":
			without(c)(b)
		default:
			condition(c, metav1.ConditionStatus(status))(b)
		}
	}
	return b
}

type law struct {
	name  string
	holds func(report reporter, b *api.BackupPolicy) error
}

var laws = []law{
	{"every kind has exactly one result", everyKindOnce},
	{"a kind fails exactly while a finding of it is open that is not Pending", failsIffOpen},
	{"nothing passes of which a finding is listed, or nobody knows", passesNothingOpen},
	{"said again, a report is the same at any time", saidAgain},
}

func everyKindOnce(report reporter, b *api.BackupPolicy) error {
	seen := map[string]int{}
	r := report(b, nil, noon)
	for _, x := range r.Results {
		seen[x.Kind]++
	}
	for _, k := range drift.Kinds() {
		if seen[k] != 1 {
			return fmt.Errorf("%s has %d results", k, seen[k])
		}
	}
	var all int64
	for _, o := range Outcomes {
		all += r.Count(o)
	}
	if all != int64(len(r.Results)) {
		return fmt.Errorf("the summary counts %d of %d", all, len(r.Results))
	}
	return nil
}

func failsIffOpen(report reporter, b *api.BackupPolicy) error {
	open := map[string]api.Severity{} // the worst of each kind
	for _, f := range b.Status.Findings {
		if was, is := open[f.Kind]; f.Severity != api.SeverityPending && f.Kind != api.ReasonEvaluationError && (!is || drift.Rank(f.Severity) < drift.Rank(was)) {
			open[f.Kind] = f.Severity
		}
	}
	for _, x := range report(b, nil, noon).Results {
		severity, is := open[x.Kind]
		if is != (x.Outcome == Fail) || is && severity != x.Severity {
			return fmt.Errorf("%s is %s, %q; open is %q", x.Kind, x.Outcome, x.Severity, severity)
		}
	}
	return nil
}

func passesNothingOpen(report reporter, b *api.BackupPolicy) error {
	for _, x := range report(b, nil, noon).Results {
		for _, f := range b.Status.Findings {
			blind := f.Kind == api.ReasonEvaluationError && f.Subject == ""
			for _, need := range drift.Needs(x.Kind) {
				blind = blind || f.Kind == api.ReasonEvaluationError && f.Subject == string(need)
			}
			if x.Outcome == Pass && (f.Kind == x.Kind || blind) {
				return fmt.Errorf("%s passes, and %s %s of %q is there", x.Kind, f.Severity, f.Kind, f.Subject)
			}
		}
	}
	return nil
}

func saidAgain(report reporter, b *api.BackupPolicy) error {
	first := report(b, nil, noon)
	said := map[string]Said{}
	for _, x := range first.Results {
		said[x.Kind] = Said{x.Outcome, x.Severity, x.At}
	}
	if again := report(b, said, noon.Add(time.Hour)); !reflect.DeepEqual(first, again) {
		return fmt.Errorf("first %+v, then %+v", first, again)
	}
	for k, s := range said { // another outcome is one from now on
		s.Outcome = "other"
		said[k] = s
	}
	for _, x := range report(b, said, noon.Add(time.Hour)).Results {
		if !x.At.Equal(noon.Add(time.Hour)) {
			return fmt.Errorf("%s changed, and is as it is since %s", x.Kind, x.At)
		}
	}
	return nil
}

func TestLaws(t *testing.T) {
	for _, l := range laws {
		t.Run(l.name, rapid.MakeCheck(func(t *rapid.T) {
			if err := l.holds(ForPolicy, drawn(t)); err != nil {
				t.Fatal(err)
			}
		}))
	}
}

// fault makes each result of a report another, or none.
func fault(change func(b *api.BackupPolicy, x *Result) bool) reporter {
	return func(b *api.BackupPolicy, said map[string]Said, now time.Time) *Report {
		r := ForPolicy(b, said, now)
		var kept []Result
		for _, x := range r.Results {
			if change(b, &x) {
				kept = append(kept, x)
			}
		}
		r.Results = kept
		return r
	}
}

// TestLawsKill plants the fault that each law is there for.
func TestLawsKill(t *testing.T) {
	for name, planted := range map[string]reporter{
		"every kind has exactly one result": fault(func(_ *api.BackupPolicy, x *Result) bool { return x.Outcome != Skip }),
		"a kind fails exactly while a finding of it is open that is not Pending": fault(func(_ *api.BackupPolicy, x *Result) bool {
			if x.Outcome == Warn {
				x.Outcome = Fail
			}
			return true
		}),
		"nothing passes of which a finding is listed, or nobody knows": fault(func(_ *api.BackupPolicy, x *Result) bool {
			if x.Outcome == Error && x.Severity == "" {
				x.Outcome = Pass
			}
			return true
		}),
		"said again, a report is the same at any time": func(b *api.BackupPolicy, _ map[string]Said, now time.Time) *Report { return ForPolicy(b, nil, now) },
	} {
		killed := false
		for i := 0; i < 200 && !killed; i++ {
			b := rapid.Custom(drawn).Example(i)
			for _, l := range laws {
				killed = killed || l.name == name && l.holds(planted, b) != nil
			}
		}
		if !killed {
			t.Errorf("the fault against %q lives", name)
		}
	}
}
