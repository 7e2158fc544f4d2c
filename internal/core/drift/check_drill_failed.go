// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// checkDrillFailed finds drills that failed since the newest proof. One that could not run, or was aborted, does not outweigh one that failed.
var checkDrillFailed = check{
	kinds: []string{api.ReasonDrillFailed},
	needs: []Fact{FactDrills},
	of:    []string{api.ConditionProven},
	judge: func(p *pass) {
		failed := p.ended(api.VerdictFailed)
		if last := p.Status.LastProof; last != nil {
			failed = slices.DeleteFunc(failed, func(d api.DrillSummary) bool { return !last.At.Before(&d.At) })
		}
		if len(failed) == 0 {
			return
		}
		f := Finding{Breaks: []string{api.ConditionProven}}
		f.Kind, f.Severity = api.ReasonDrillFailed, api.SeverityHigh
		newest, first := failed[0], failed[len(failed)-1]
		f.Since = p.sinceDrill(f.Kind, first.At)
		f.Message = fmt.Sprintf("drill %s failed, and none has passed since: %s", newest.Name, newest.Reason)
		switch {
		case len(failed) > 1:
			f.Severity = api.SeverityCritical
			f.Message = fmt.Sprintf("%d drills failed, and none has passed since; the last, %s: %s", len(failed), newest.Name, newest.Reason)
		case f.Since.Before(&newest.At):
			f.Severity = api.SeverityCritical
			f.Message = fmt.Sprintf("drills have failed since %s; the last, %s: %s", f.Since.UTC().Format(time.RFC3339), newest.Name, newest.Reason)
		}
		f.Remedy = "kubectl describe drill " + newest.Name + " says at which volume or check; its throw-away volumes stay for spec.drill.cleanup.onFailure"
		p.find(f)
	},
}

// sinceDrill is since when drills end badly, by what is left of them: the first may have been forgotten since. What was before
// the newest proof does not count.
func (p *pass) sinceDrill(kind string, shows metav1.Time) metav1.Time {
	since := p.sinceBefore(kind, "", shows)
	if last := p.Status.LastProof; last != nil && !last.At.Before(&since) {
		return shows
	}
	return since
}

// ended are the drills that ended with a verdict, newest first, with the one that the status remembers.
func (p *pass) ended(v api.Verdict) []api.DrillSummary {
	var out []api.DrillSummary
	if last := p.Status.LastDrill; last != nil && last.Verdict == v {
		out = append(out, *last)
	}
	for _, d := range p.Drills {
		known := len(out) > 0 && out[0].Name == d.Name
		if d.Status.Verdict == v && d.Status.FinishedAt != nil && !known {
			one := api.DrillSummary{Name: d.Name, Verdict: v, At: *d.Status.FinishedAt}
			if c := meta.FindStatusCondition(d.Status.Conditions, api.ConditionSucceeded); c != nil {
				one.Reason = c.Reason
			}
			out = append(out, one)
		}
	}
	slices.SortStableFunc(out, func(a, b api.DrillSummary) int { return b.At.Compare(a.At.Time) })
	return out
}
