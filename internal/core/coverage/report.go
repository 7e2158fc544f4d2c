// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// mostListed bounds every list of names in the status, so that it stays small at any number of claims.
const mostListed = 20

// key names a claim of the cluster.
type key struct{ namespace, claim string }

func (k key) compare(o key) int {
	return cmp.Or(strings.Compare(k.namespace, o.namespace), strings.Compare(k.claim, o.claim))
}

func (k key) String() string { return k.namespace + "/" + k.claim }

// uncovered is a claim that nobody looks after.
type uncovered struct {
	key
	created time.Time
	reason  string
}

// memory is what the status of the pass before says of since when claims are uncovered.
type memory struct {
	since  map[key]metav1.Time
	whole  bool      // it lists all that were
	oldest time.Time // of those that it lists; zero when it lists none
}

// remember reads the memory. What was noted under another spec was noted of another scope.
func remember(s *api.ClusterBackupPolicyStatus, generation int64) memory {
	m := memory{since: make(map[key]metav1.Time, len(s.Uncovered))}
	m.whole = s.ObservedGeneration == generation && int(s.Claims.Uncovered) == len(s.Uncovered)
	for _, u := range s.Uncovered {
		m.since[key{u.Namespace, u.Claim}] = u.Since
		if m.oldest.IsZero() || u.Since.Time.Before(m.oldest) {
			m.oldest = u.Since.Time
		}
	}
	return m
}

// sinceOf is since when a claim is uncovered. What cannot be known counts as old, though as no older than the claim, nor,
// where some are not listed, than the oldest that is.
func (m *memory) sinceOf(u *uncovered, now time.Time) metav1.Time {
	if t, known := m.since[u.key]; known && !t.Time.Before(u.created) {
		return t
	}
	t := u.created
	switch {
	case m.whole:
		t = now
	case m.oldest.After(t):
		t = m.oldest
	}
	return at(t)
}

// at is an instant as objects show it: in whole seconds.
func at(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

// report writes the status. Which claims are listed depends on the claims' age alone, so that looking twice lists the same.
func (p *pass) report(judged bool) {
	s := &p.Status
	s.ObservedGeneration = p.Policy.Generation
	s.Told = p.Policy.Status.Told // others write it
	slices.SortFunc(p.uncovered, func(a, b uncovered) int { return cmp.Or(a.created.Compare(b.created), a.compare(b.key)) })
	slices.SortFunc(p.conflicts, func(a, b api.StampConflict) int { return strings.Compare(a.Namespace, b.Namespace) })
	for i := range p.uncovered[:min(len(p.uncovered), mostListed)] {
		u := &p.uncovered[i]
		s.Uncovered = append(s.Uncovered, api.UncoveredClaim{Namespace: u.namespace, Claim: u.claim, Since: p.memory.sinceOf(u, p.now), Reason: u.reason})
	}
	slices.SortStableFunc(s.Uncovered, func(a, b api.UncoveredClaim) int { return a.Since.Compare(b.Since.Time) })
	if n := len(p.conflicts); n > 0 {
		s.Conflicts = &api.StampConflicts{Total: int32(n), Worst: slices.Clone(p.conflicts[:min(n, mostListed)])}
		for i := range s.Conflicts.Worst {
			s.Conflicts.Worst[i].Message = conditions.Clip(s.Conflicts.Worst[i].Message, 256)
		}
	}
	p.reportFindings()
	stated := []metav1.Condition{p.covered(judged)}
	if bad := p.problem; bad != nil {
		stated = append(stated, conditions.Is(api.ConditionReady, metav1.ConditionFalse, bad.Reason, bad.Message), conditions.Stalled(bad.Reason, bad.Message))
	} else {
		stated = append(stated, conditions.Is(api.ConditionReady, metav1.ConditionTrue, api.ReasonReady, "the policy can be carried out"))
	}
	s.Conditions = conditions.State(p.Policy.Status.Conditions, p.Policy.Generation, p.now, stated...)
}

// covered judges the scope as a whole. One that holds no namespace may be a slip of the selector, and is not called covered.
func (p *pass) covered(judged bool) metav1.Condition {
	is := func(status metav1.ConditionStatus, reason, format string, args ...any) metav1.Condition {
		return conditions.Is(api.ConditionCovered, status, reason, fmt.Sprintf(format, args...))
	}
	n := p.Status.Claims
	claims, namespaces := several(int(n.Total), "claim"), several(int(p.Status.Namespaces), "namespace")
	switch {
	case !judged:
		return is(metav1.ConditionUnknown, p.problem.Reason, "%s", p.problem.Message)
	case p.Status.Namespaces == 0:
		return is(metav1.ConditionUnknown, api.ReasonNothingInScope, "spec.namespaceSelector selects no namespace; check the labels of the namespaces")
	case n.Uncovered > 0:
		return is(metav1.ConditionFalse, api.ReasonUncovered, "%d of %s in %s are neither covered nor exempt: %s", n.Uncovered, claims, namespaces, drift.Some(p.names()))
	case n.Exempt > 0:
		return is(metav1.ConditionTrue, api.ReasonCovered, "of %s in %s %d are covered and %d exempt", claims, namespaces, n.Covered, n.Exempt)
	}
	return is(metav1.ConditionTrue, api.ReasonCovered, "no claim is uncovered: of %s in %s all have an active policy", claims, namespaces)
}

// several says how many.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (p *pass) names() []string {
	out := make([]string, len(p.uncovered))
	for i := range p.uncovered {
		out[i] = p.uncovered[i].String()
	}
	return out
}
