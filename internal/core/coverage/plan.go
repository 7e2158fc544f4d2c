// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// Plan is what is to be done next for a ClusterBackupPolicy.
type Plan struct {
	Spec      api.BackupPolicySpec // what the policies say that are made from the template
	Create    []Stamp
	Set       []Stamp // to what the template says
	Remove    []Stamp
	Finalizer plan.Finalizer
	Status    api.ClusterBackupPolicyStatus // as it is once the plan was carried out
	Notes     []plan.Note                   // to tell once the status is written
	Wake      time.Time                     // the next instant at which the plan can differ; zero when only an event can change it
}

// refusedRetry is when to try again what the API server refused: no event tells that a quota, or an admission policy of
// somebody else's, has changed.
const refusedRetry = 5 * time.Minute

// pass is one evaluation.
type pass struct {
	*Observed
	Plan
	now       time.Time
	scope     scope
	problem   *plan.Problem // while there is one, nothing is written
	stamping  bool
	uncovered []uncovered
	conflicts []api.StampConflict
	memory    memory
}

// ForPolicy decides what is next for a ClusterBackupPolicy that is not being deleted.
func ForPolicy(o *Observed, now time.Time) Plan {
	p := &pass{Observed: o, now: now, memory: remember(&o.Policy.Status, o.Policy.Generation)}
	p.Finalizer = finalizer(o.Policy)
	p.scope, p.problem = understand(&o.Policy.Spec, now)
	judged := p.scope.namespaces != nil && p.scope.claims != nil
	if p.problem == nil {
		p.problem = unworkable(o)
	}
	if p.stamping = o.Policy.Spec.Template != nil && !o.Policy.Spec.Audit && p.problem == nil; p.stamping {
		p.Spec = Spec(&o.Policy.Spec)
	}
	for i := range o.Namespaces {
		if ns := &o.Namespaces[i]; judged && p.scope.contains(ns) {
			p.namespace(ns)
		} else if judged {
			p.outside(ns)
		}
	}
	p.wakeAtExemptions()
	if len(o.Refused) > 0 {
		p.wakeAt(now.Add(refusedRetry))
	}
	p.report(judged)
	return p.Plan
}

// ForDeleted decides what the deletion of a ClusterBackupPolicy does. The deleted object with its finalizer is the durable intent.
func ForDeleted(o *Observed) Plan {
	p := Plan{Finalizer: plan.FinalizerRelease, Status: o.Policy.Status}
	if o.Policy.Spec.OnDelete != api.StampedRemove || o.Withdrawn {
		return p
	}
	for i := range o.Namespaces {
		ns := &o.Namespaces[i]
		if b := made(o.Policy, ns); b != nil && !ns.Terminating && b.DeletionTimestamp.IsZero() {
			p.Remove = append(p.Remove, Stamp{ns.Name, b})
		}
	}
	return p
}

// finalizer holds the object only when its deletion has something to do.
func finalizer(c *api.ClusterBackupPolicy) plan.Finalizer {
	has := slices.Contains(c.Finalizers, api.FinalizerStamped)
	switch {
	case c.Spec.OnDelete == api.StampedRemove && !has:
		return plan.FinalizerAdd
	case c.Spec.OnDelete != api.StampedRemove && has:
		return plan.FinalizerRelease
	}
	return ""
}

// made is the policy of a namespace that was made from the template; nil when there is none.
func made(c *api.ClusterBackupPolicy, ns *Namespace) *api.BackupPolicy {
	for _, b := range ns.Policies {
		if Made(c, b) {
			return b
		}
	}
	return nil
}

// outside lets a namespace go that is not in scope. One that is being deleted takes its policies with it.
func (p *pass) outside(ns *Namespace) {
	if b := made(p.Policy, ns); b != nil && !ns.Terminating && p.removes() && b.DeletionTimestamp.IsZero() {
		p.Remove = append(p.Remove, Stamp{ns.Name, b})
	}
}

func (p *pass) removes() bool { return p.Policy.Spec.OnDelete == api.StampedRemove && p.problem == nil }

// namespace judges a namespace in scope, after what is to be done there.
func (p *pass) namespace(ns *Namespace) {
	p.Status.Namespaces++
	m := p.scope.marks(ns)
	var ours, namesake *api.BackupPolicy
	for _, b := range ns.Policies {
		switch {
		case Made(p.Policy, b):
			ours = b
			continue
		case b.Name == p.Policy.Name:
			namesake = b
		}
		m.policy(b)
	}
	conflict := ""
	if ours != nil {
		conflict = p.keep(ns, m, ours)
	} else {
		conflict = p.give(ns, m, namesake)
	}
	p.count(m, conflict)
}

// keep decides about a policy that was made from the template before.
func (p *pass) keep(ns *Namespace, m *marks, ours *api.BackupPolicy) (conflict string) {
	why, refused := p.Refused[ns.Name]
	going := !ours.DeletionTimestamp.IsZero()
	switch {
	case going:
		return ""
	case p.Policy.Spec.Audit && p.removes():
		if !refused {
			p.Remove = append(p.Remove, Stamp{ns.Name, ours})
			return ""
		}
	case p.stamping && !refused:
		if differs(ours, p.Policy, &p.Spec) {
			p.Set = append(p.Set, Stamp{ns.Name, ours})
		}
		p.Status.Stamped++
		m.spec(&p.Spec)
		return ""
	}
	p.Status.Stamped++
	m.policy(ours)
	if refused {
		return p.conflict(ns, api.ReasonStampRefused, why)
	}
	return ""
}

// give decides about a namespace that has no policy made from the template.
func (p *pass) give(ns *Namespace, m *marks, namesake *api.BackupPolicy) (conflict string) {
	if !p.stamping {
		return ""
	}
	if namesake != nil {
		left := namesake.Labels[api.LabelClusterPolicy] == p.Policy.Name
		if !namesake.DeletionTimestamp.IsZero() || (!left && !m.needs()) {
			return ""
		}
		if left {
			return p.conflict(ns, api.ReasonStampConflict, "its policy of that name was left by an earlier ClusterBackupPolicy, or its labels were changed")
		}
		return p.conflict(ns, api.ReasonStampConflict, "it has a policy of that name of its own")
	}
	if !m.needs() {
		return ""
	}
	if why, refused := p.Refused[ns.Name]; refused {
		return p.conflict(ns, api.ReasonStampRefused, why)
	}
	p.Create = append(p.Create, Stamp{Namespace: ns.Name})
	p.Status.Stamped++
	m.spec(&p.Spec)
	return ""
}

func (p *pass) conflict(ns *Namespace, reason, message string) string {
	p.conflicts = append(p.conflicts, api.StampConflict{Namespace: ns.Name, Reason: reason, Message: message})
	return reason
}

// count puts every claim into exactly one of covered, exempt and uncovered.
func (p *pass) count(m *marks, conflict string) {
	n := &p.Status.Claims
	n.Total += int32(len(m.claims))
	for i := range m.claims {
		switch {
		case m.covered[i]:
			n.Covered++
		case m.exempt[i]:
			n.Exempt++
		default:
			n.Uncovered++
			created := m.ns.Claims[m.in[i]].Created
			p.uncovered = append(p.uncovered, uncovered{key{m.ns.Name, m.claims[i].Name}, created, m.why(i, conflict)})
		}
	}
}

func (p *pass) wakeAtExemptions() {
	for _, e := range p.Policy.Spec.Exemptions {
		p.wakeAt(e.Until.Time)
	}
}

func (p *pass) wakeAt(t time.Time) {
	if t.After(p.now) && (p.Wake.IsZero() || t.Before(p.Wake)) {
		p.Wake = t
	}
}
