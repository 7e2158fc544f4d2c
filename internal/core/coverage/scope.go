// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// scope is what a spec says about namespaces and claims, understood.
type scope struct {
	namespaces labels.Selector // nil when it cannot be understood, as is claims
	claims     labels.Selector
	exemptions map[string][]exemption // by namespace
}

// exemption is one of the spec.
type exemption struct {
	*api.Exemption
	named    map[string]bool // nil: the selector says which
	selector labels.Selector
	ended    bool
}

func (e *exemption) names(c *plan.Claim) bool {
	if e.named != nil {
		return e.named[c.Name]
	}
	return e.selector.Matches(labels.Set(c.Labels))
}

// understand reads a spec. With a problem the scope is what could be understood of it: an exemption that cannot be exempts nothing.
func understand(spec *api.ClusterBackupPolicySpec, now time.Time) (scope, *plan.Problem) {
	s := scope{exemptions: map[string][]exemption{}}
	var problem *plan.Problem
	selector := func(field string, of *api.LabelSelector) labels.Selector {
		if of == nil {
			return labels.Everything()
		}
		out, err := metav1.LabelSelectorAsSelector(of.AsMeta())
		if err == nil {
			return out
		}
		if problem == nil {
			problem = &plan.Problem{Reason: api.ReasonInvalidSelector, Message: fmt.Sprintf("%s: %v", field, err)}
		}
		return nil
	}
	s.namespaces = selector("spec.namespaceSelector", &spec.NamespaceSelector)
	s.claims = selector("spec.claimSelector", spec.ClaimSelector)
	for i := range spec.Exemptions {
		e := exemption{Exemption: &spec.Exemptions[i], ended: !spec.Exemptions[i].Until.After(now)}
		if len(e.Claims) > 0 {
			e.named = make(map[string]bool, len(e.Claims))
			for _, c := range e.Claims {
				e.named[c] = true
			}
		} else if e.selector = selector("spec.exemptions["+e.Name+"].selector", e.Selector); e.selector == nil {
			continue
		}
		s.exemptions[e.Namespace] = append(s.exemptions[e.Namespace], e)
	}
	return s, problem
}

// contains says whether a namespace is in scope. One that is being deleted takes its claims with it, and no policy any more.
func (s *scope) contains(ns *Namespace) bool {
	return !ns.Terminating && s.namespaces.Matches(labels.Set(ns.Labels))
}

// unworkable says why the template cannot be carried out; nil when it can, or there is none.
func unworkable(o *Observed) *plan.Problem {
	t := o.Policy.Spec.Template
	if t == nil {
		return nil
	}
	check := func(field, cron string) *plan.Problem {
		calendar, err := schedule.Parse(cron, t.Schedule.TimeZone)
		switch {
		case err != nil:
			return &plan.Problem{Reason: api.ReasonInvalidSchedule, Message: field + ": " + err.Error()}
		case calendar.Next(o.Policy.CreationTimestamp.Time).IsZero():
			return &plan.Problem{Reason: api.ReasonInvalidSchedule, Message: field + " is never due; check the day of the month against the month"}
		}
		return nil
	}
	if p := check("spec.template.schedule.cron", t.Schedule.Cron); p != nil {
		return p
	}
	if t.Drill != nil {
		if p := check("spec.template.drill.cron", t.Drill.Cron); p != nil {
			return p
		}
	}
	if s := t.Snapshot; s != nil && len(s.Hooks) > 0 && !o.Hooks {
		return &plan.Problem{Reason: api.ReasonHooksDisabled,
			Message: "spec.template.snapshot.hooks: the operator runs without hooks; install the chart with hooks.enabled=true, or remove the hooks"}
	}
	return nil
}
