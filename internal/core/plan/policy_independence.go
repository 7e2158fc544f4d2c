// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// byHand is the provisioner of classes whose volumes somebody makes by hand: none comes by itself to be restored into.
const byHand = "kubernetes.io/no-provisioner"

// independence is what is promised of copies, and what is observed of them; nil while none are promised.
func (p *PolicyPlan) independence(o PolicyObserved, f facts) *drift.Independence {
	b := o.Policy
	if len(b.Spec.Copies) == 0 {
		return nil
	}
	out := &drift.Independence{
		Sources: claimPlaces(f.selection.Claims, o.Storage.Classes), Since: b.CreationTimestamp.Time,
		Repositories: promisedRepositories(o), Copies: copiesOf(b, f.points, o.Repositories), Proofs: proofsAtHand(f, p.Status.LastProof),
	}
	if g := b.Spec.Objectives; g != nil {
		out.Within = orNone(g.CopyWithin)
	}
	if since := p.Status.Applied.CopiesSince; since != nil {
		out.Since = since.Time
	}
	for i := range o.Storage.Classes {
		if c := o.Storage.Classes[i].class(); c.Provisioner != byHand {
			out.Targets = append(out.Targets, domain.OfClass(*c))
		}
	}
	return out
}

// promisedRepositories are the repositories into which a policy promises copies, each once.
func promisedRepositories(o PolicyObserved) []drift.Repository {
	var out []drift.Repository
	for i := range o.Policy.Spec.Copies {
		name := o.Policy.Spec.Copies[i].Repository.Name
		if slices.ContainsFunc(out, func(r drift.Repository) bool { return r.Name == name }) {
			continue
		}
		one := drift.Repository{Name: name, Missing: true}
		if r := o.Repositories[name]; r != nil {
			one = observedRepository(r)
			one.Place = repositoryPlace(r, o.Claims, o.Storage.Classes)
		}
		one.Field = fmt.Sprintf("spec.copies[%d].repository.name", i)
		out = append(out, one)
	}
	return out
}

// observedRepository is what is known of a repository. What was not probed yet is not said to be otherwise than promised.
func observedRepository(r *api.Repository) drift.Repository {
	out := drift.Repository{
		Name: r.Name, Declared: r.Spec.FailureDomain != "", Made: r.CreationTimestamp.Time,
		VerifyWithin: duration(r.Spec.VerifyWithin, defaultVerifyWithin),
		Immutable:    r.Spec.ObjectLock != nil, Enforced: !meta.IsStatusConditionFalse(r.Status.Conditions, api.ConditionImmutable),
	}
	if c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionReachable); c != nil && c.Status == metav1.ConditionFalse {
		out.Unreachable, out.Why = c.LastTransitionTime.Time, c.Reason+": "+c.Message
		out.Lost = c.Reason == api.ReasonRepositoryMissing || c.Reason == api.ReasonRepositoryIDMismatch
	}
	if since := r.Status.UnreachableSince; since != nil {
		out.Unreachable = since.Time
	}
	if at := r.Status.LastVerified; at != nil {
		out.Verified = at.Time
	}
	if d := r.Status.Damage; d != nil {
		out.Corrupt, out.Healing, out.Damaged, out.DamagedCount = d.Since.Time, d.Healing, damagedNames(d), int(d.PointCount)
	}
	return out
}

// copiesOf are the copies of points in the repositories that a policy names. What is being removed is none any more, and what
// was written to another repository of the same name is not in this one.
func copiesOf(b *api.BackupPolicy, points []*api.RecoveryPoint, repositories map[string]*api.Repository) []drift.Copy {
	named := map[string]*api.Repository{}
	for i := range b.Spec.Copies {
		name := b.Spec.Copies[i].Repository.Name
		named[name] = repositories[name]
	}
	var out []drift.Copy
	for _, q := range points {
		if q.Status.PointInTime == nil || !q.DeletionTimestamp.IsZero() {
			continue
		}
		for i := range q.Status.Copies {
			c := &q.Status.Copies[i]
			if r := named[c.Repository]; r != nil && holds(r, c) {
				out = append(out, observedCopy(q, c))
			}
		}
	}
	return out
}

// holds says whether a copy is, or is to be, in the repository that there is.
func holds(r *api.Repository, c *api.CopyRecord) bool {
	return c.State != api.CopyRemoving && (c.RepositoryID == "" || c.RepositoryID == r.Status.UniqueID)
}

// observedCopy is how far a copy is. One that is tried again ended early the time before: that it is under way once more is no
// better news.
func observedCopy(q *api.RecoveryPoint, c *api.CopyRecord) drift.Copy {
	out := drift.Copy{Point: q.Name, Repository: c.Repository, PointInTime: q.Status.PointInTime.Time, Complete: c.State == api.CopyComplete && wholeCopy(q, *c),
		Bytes: c.Bytes, NewBytes: c.NewBytes}
	switch {
	case c.State != api.CopyCopying && c.FinishedAt != nil:
		out.EndedAt = c.FinishedAt.Time
	case c.State != api.CopyCopying || c.Attempt > 0:
		out.EndedAt = c.StartedAt.Time
	}
	return out
}

// proofsAtHand are the proofs of a policy, each once.
func proofsAtHand(f facts, last *api.ProofSummary) []drift.Proof {
	by := map[string]drift.Proof{} // by drill
	add := func(s *api.ProofSummary) {
		if s != nil {
			by[s.Drill] = drift.Proof{At: s.At.Time, Independent: s.Independent || by[s.Drill].Independent}
		}
	}
	add(last)
	for _, q := range f.points {
		for i := range q.Status.Proofs {
			add(&q.Status.Proofs[i])
		}
	}
	for _, d := range f.drills {
		add(ProofOf(d))
	}
	var out []drift.Proof
	for _, one := range by {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b drift.Proof) int { return a.At.Compare(b.At) })
	return out
}

// reportCopies keeps the newest independent copy. While it cannot be read which that is, the one of before is shown.
func (p *PolicyPlan) reportCopies(o PolicyObserved, seen *drift.Independence) {
	for _, f := range []drift.Fact{drift.FactCopies, drift.FactStack, drift.FactSelection} {
		if _, unread := o.Unread[f]; unread && seen != nil {
			return
		}
	}
	p.Status.LastCopy = nil
	if seen == nil {
		return
	}
	if c := seen.Newest(); c != nil {
		p.Status.LastCopy = &api.CopySummary{RecoveryPoint: c.Point, Repository: c.Repository, PointInTime: metav1.NewTime(c.PointInTime), Bytes: c.Bytes, NewBytes: c.NewBytes}
	}
}

// independent states what the findings make of the promise of copies.
func (p *PolicyPlan) independent(found []drift.Finding) metav1.Condition {
	message := ""
	if c := p.Status.LastCopy; c != nil {
		message = fmt.Sprintf("recovery point %s is in repository %s, outside the failure domain of the volumes, with data from %s",
			c.RecoveryPoint, c.Repository, c.PointInTime.UTC().Format(time.RFC3339))
	}
	return drift.Verdict(api.ConditionIndependent, found, api.ReasonIndependent, message)
}

// copiesLine is to where points are copied, as one line; empty when they are not. When it changes, the first copy is given its time.
func copiesLine(b *api.BackupPolicy) string {
	var out []string
	for i := range b.Spec.Copies {
		out = append(out, b.Spec.Copies[i].Repository.Name)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}
