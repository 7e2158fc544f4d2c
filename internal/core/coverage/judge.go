// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// marks say of the claims in scope of one namespace who looks after each.
type marks struct {
	ns        *Namespace
	claims    []plan.Claim
	place     map[string]int
	covered   []bool
	suspended []bool // a suspended policy selects it
	exempt    []bool
	ended     []bool // an exemption that has ended names it
	in        []int  // the place of each in ns.Claims
}

func (s *scope) marks(ns *Namespace) *marks {
	m := &marks{ns: ns, place: make(map[string]int, len(ns.Claims))}
	for i := range ns.Claims {
		c := &ns.Claims[i]
		if !s.claims.Matches(labels.Set(c.Labels)) {
			continue
		}
		m.place[c.Name] = len(m.claims)
		m.claims = append(m.claims, plan.Claim{Name: c.Name, Labels: c.Labels, Deleting: c.Deleting})
		m.in = append(m.in, i)
	}
	n := len(m.claims)
	m.covered, m.suspended, m.exempt, m.ended = make([]bool, n), make([]bool, n), make([]bool, n), make([]bool, n)
	for _, e := range s.exemptions[ns.Name] {
		for i := range m.claims {
			switch {
			case !e.names(&m.claims[i]):
			case e.ended:
				m.ended[i] = true
			default:
				m.exempt[i] = true
			}
		}
	}
	return m
}

// policy marks what a policy of the namespace selects.
func (m *marks) policy(b *api.BackupPolicy) {
	switch {
	case active(b):
		m.set(m.covered, &b.Spec.Volumes)
	case b.DeletionTimestamp.IsZero():
		m.set(m.suspended, &b.Spec.Volumes)
	}
}

// spec marks what a policy will select that says so.
func (m *marks) spec(s *api.BackupPolicySpec) { m.policy(&api.BackupPolicy{Spec: *s}) }

func (m *marks) set(list []bool, volumes *api.VolumeSelection) {
	var workload *plan.Workload
	if volumes.Workload != nil {
		workload = m.ns.Workloads[*volumes.Workload]
	}
	for _, c := range plan.Select(*volumes, m.claims, workload).Claims {
		list[m.place[c.Name]] = true
	}
}

// needs says whether a claim is left that somebody should look after and nobody does.
func (m *marks) needs() bool {
	for i := range m.claims {
		if !m.covered[i] && !m.exempt[i] && !m.claims[i].Deleting {
			return true
		}
	}
	return false
}

// why is the reason for which a claim is uncovered: what helps most comes first.
func (m *marks) why(i int, conflict string) string {
	switch {
	case m.suspended[i]:
		return api.ReasonPolicySuspended
	case m.ended[i]:
		return api.ReasonExemptionExpired
	case conflict != "":
		return conflict
	}
	return api.ReasonNoActivePolicy
}
