// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// pointCopied is the condition of a point as it was stated last; nil while no copies are promised. It is judged where the
// repositories are known, and carried over by all others who write the status.
func pointCopied(q *api.RecoveryPoint) *metav1.Condition {
	return findCondition(q.Status.Conditions, api.ConditionCopied)
}

// condition says whether all copies that are promised are complete: those that are due, and those that were made.
func (p *CopyPlan) condition() *metav1.Condition {
	complete, all := 0, 0
	var failed, copying, waiting []Problem
	for i := range p.Copies {
		switch r := &p.Copies[i]; r.State {
		case api.CopyComplete:
			complete, all = complete+1, all+1
		case api.CopyCopying:
			all++
			copying = append(copying, Problem{api.ReasonCopying, fmt.Sprintf("a copy into repository %s is under way", r.Repository)})
		case api.CopyFailed:
			if slices.Contains(p.due, r.Name) {
				all++
				failed = append(failed, Problem{r.Reason, fmt.Sprintf("the copy into repository %s failed: %s", r.Repository, r.Message)})
			}
		case api.CopyRemoving:
		}
	}
	for _, name := range p.due {
		if p.record(name) == nil {
			all++
			waiting = append(waiting, p.waiting[name])
		}
	}
	if all == 0 {
		return nil
	}
	c := conditions.Is(api.ConditionCopied, metav1.ConditionTrue, api.ReasonCopied, fmt.Sprintf("all %d copies are complete", all))
	if open := slices.Concat(failed, copying, waiting); len(open) > 0 {
		status := metav1.ConditionFalse
		if open[0].Reason == api.ReasonCopying || open[0].Reason == api.ReasonCopyPending {
			status = metav1.ConditionUnknown
		}
		c = conditions.Is(api.ConditionCopied, status, open[0].Reason, fmt.Sprintf("%d of %d copies are complete: %s", complete, all, open[0].Message))
	}
	return &c
}

// CopyGotOn says whether nothing else became of a point than that a copy under way got on.
func CopyGotOn(before, after *api.RecoveryPoint) bool {
	without := func(q *api.RecoveryPoint) *api.RecoveryPoint {
		q = q.DeepCopy()
		q.ResourceVersion, q.ManagedFields = "", nil
		for i := range q.Status.Copies {
			q.Status.Copies[i].Progress = nil
		}
		return q
	}
	same := func(a, b api.CopyRecord) bool { return equality.Semantic.DeepEqual(a.Progress, b.Progress) }
	return !slices.EqualFunc(before.Status.Copies, after.Status.Copies, same) && equality.Semantic.DeepEqual(without(before), without(after))
}

// Conditions are those of the point with Copied as it is now. It speaks of the generation that the status speaks of: whoever
// judges the rest of the point raises that.
func (p *CopyPlan) Conditions(o CopyObserved, now time.Time) []metav1.Condition {
	out := slices.DeleteFunc(slices.Clone(o.Point.Status.Conditions), func(c metav1.Condition) bool { return c.Type == api.ConditionCopied })
	if p.Copied != nil {
		out = append(out, conditions.State(o.Point.Status.Conditions, o.Point.Status.ObservedGeneration, now, *p.Copied)...)
	}
	slices.SortFunc(out, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return out
}
