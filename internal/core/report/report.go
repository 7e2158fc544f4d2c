// SPDX-License-Identifier: Apache-2.0

// Package report projects findings into the form that many other tools read: one result for each kind of finding, of which
// most pass. A report repeats what a status says and is never read back, but for since when it has said so: whoever wants to
// know how things stand asks the status.
//
// What is not known does not pass. A kind is in error while what it depends on could not be read, and skipped while nothing is
// promised that it could speak of.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// Outcome is what a report says of a kind of finding, in the words of its API.
type Outcome string

const (
	// Pass says that no finding of the kind is open.
	Pass Outcome = "pass"
	// Fail says that one is.
	Fail Outcome = "fail"
	// Warn says that all that are open are Pending: they may pass by themselves. It is not scored.
	Warn Outcome = "warn"
	// Error says that nobody knows.
	Error Outcome = "error"
	// Skip says that nothing is promised that a finding of the kind could speak of.
	Skip Outcome = "skip"
)

// Outcomes are all outcomes, in the order of a summary.
var Outcomes = []Outcome{Pass, Fail, Warn, Error, Skip}

// Result is what is said of one kind of finding.
type Result struct {
	Kind, Category string
	Outcome        Outcome
	Severity       api.Severity // of the worst finding; empty where none is louder than Pending
	Message        string
	Properties     map[string]string
	At             time.Time // since when it is said: outcome and severity have not changed
}

// Report is all that is said of one policy.
type Report struct {
	About   metav1.OwnerReference
	In      string // its namespace; empty for one of the whole cluster
	Results []Result
}

// Count is how many results have an outcome.
func (r *Report) Count(o Outcome) int64 {
	var n int64
	for i := range r.Results {
		if r.Results[i].Outcome == o {
			n++
		}
	}
	return n
}

// Said is what the report of before says of a kind.
type Said struct {
	Outcome  Outcome
	Severity api.Severity
	At       time.Time
}

// ForPolicy is the report on a policy; nil while it has not been judged. Said is what the report of before says, by kind.
func ForPolicy(b *api.BackupPolicy, said map[string]Said, now time.Time) *Report {
	s := &b.Status
	if len(s.Conditions)+len(s.Findings) == 0 {
		return nil
	}
	list := listed{s.Findings, int(s.FindingCounts.Total)}
	r := &Report{In: b.Namespace, About: about("BackupPolicy", b.Name, b)}
	for i := range kinds {
		k := &kinds[i]
		r.add(k.name, k.category, list, func() (Outcome, string) { return k.otherwise(b, list) })
	}
	r.finish(list, said, now)
	return r
}

// ForClusterPolicy is the report on a policy of the whole cluster; nil while it has not been judged.
func ForClusterPolicy(c *api.ClusterBackupPolicy, said map[string]Said, now time.Time) *Report {
	s := &c.Status
	if len(s.Conditions)+len(s.Findings) == 0 {
		return nil
	}
	list := listed{s.Findings, int(s.FindingCounts.Total)}
	r := &Report{About: about("ClusterBackupPolicy", c.Name, c)}
	for i := range clusterKinds {
		k := &clusterKinds[i]
		r.add(k.name, coverage, list, func() (Outcome, string) { return k.otherwise(c) })
	}
	r.finish(list, said, now)
	return r
}

func about(kind, name string, o metav1.Object) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: api.GroupVersion.String(), Kind: kind, Name: name, UID: o.GetUID()}
}

// add says of a kind what is open of it, and if nothing is, what is to be said otherwise.
func (r *Report) add(kind, category string, l listed, otherwise func() (Outcome, string)) {
	out := Result{Kind: kind, Category: category}
	if open := l.of(kind); len(open) > 0 {
		out.tell(open)
	} else if out.Outcome, out.Message = otherwise(); out.Outcome == Pass && l.hides(kind) {
		out.Outcome, out.Message = Error, "more kinds of findings are open than the status has room for: whether this is one of them is not known"
	}
	r.Results = append(r.Results, out)
}

// tell says what is open, of which the first is the worst.
func (r *Result) tell(open []*api.Finding) {
	worst := open[0]
	r.Message = worst.Message
	r.Properties = map[string]string{
		"since": worst.Since.UTC().Format(time.RFC3339), "remedy": worst.Remedy, "count": strconv.Itoa(len(open)),
	}
	if worst.Subject != "" {
		r.Properties["subject"] = worst.Subject
	}
	switch {
	case worst.Severity == api.SeverityPending:
		r.Outcome = Warn
		return
	case worst.Kind == api.ReasonEvaluationError:
		r.Outcome = Error
	default:
		r.Outcome = Fail
	}
	r.Severity = worst.Severity
}

// finish adds what is open of kinds that this version does not know, and says of each result since when it is as it is.
func (r *Report) finish(l listed, said map[string]Said, now time.Time) {
	known := make(map[string]bool, len(r.Results))
	for i := range r.Results {
		known[r.Results[i].Kind] = true
	}
	for i := range l.findings {
		if kind := l.findings[i].Kind; !known[kind] {
			known[kind] = true
			r.add(kind, "", l, nil)
		}
	}
	slices.SortFunc(r.Results, func(a, b Result) int { return strings.Compare(a.Kind, b.Kind) })
	for i := range r.Results {
		x := &r.Results[i]
		x.At = now.UTC().Truncate(time.Second)
		if was, told := said[x.Kind]; told && was.Outcome == x.Outcome && was.Severity == x.Severity && !was.At.After(now) {
			x.At = was.At
		}
	}
}

// listed are the findings that a status has room for, worst first, and how many there are.
type listed struct {
	findings []api.Finding
	total    int
}

func (l listed) of(kind string) []*api.Finding {
	var out []*api.Finding
	for i := range l.findings {
		if l.findings[i].Kind == kind {
			out = append(out, &l.findings[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *api.Finding) int { return cmp.Compare(drift.Rank(a.Severity), drift.Rank(b.Severity)) })
	return out
}

// hides says whether findings of a kind that is not listed may be there: only once each that is listed is the only one of its
// kind, since the worst of each kind comes before the second of any.
func (l listed) hides(kind string) bool {
	if l.total <= len(l.findings) || len(l.of(kind)) > 0 {
		return false
	}
	seen := map[string]bool{}
	for i := range l.findings {
		seen[l.findings[i].Kind] = true
	}
	return len(seen) >= drift.MostListed
}

// blind says why nobody knows whether there are findings of a kind; empty when everything could be read that it depends on.
// Which facts are missing is what the errors speak of, but where some are not listed it may be any.
func (l listed) blind(needs []drift.Fact) string {
	for _, e := range l.of(api.ReasonEvaluationError) {
		if e.Subject == "" || slices.Contains(needs, drift.Fact(e.Subject)) || len(needs) > 0 && l.total > len(l.findings) {
			return e.Message
		}
	}
	return ""
}

// whole says why nothing at all could be judged; empty when something could.
func (l listed) whole() string {
	for _, e := range l.of(api.ReasonEvaluationError) {
		if e.Subject == "" {
			return e.Message
		}
	}
	return ""
}

func notPromised(what string) string { return fmt.Sprintf("not promised: %s", what) }
