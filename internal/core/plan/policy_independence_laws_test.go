// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// policyPlanner is ForPolicy, or it with a fault.
type policyPlanner func(PolicyObserved, time.Time) PolicyPlan

// drawCopies is a policy with copies, of which this and that is not as promised.
func drawCopies(t *rapid.T) PolicyObserved {
	o := seenIndependent()
	place := rapid.SampledFrom([]string{"a", "a/b", "b", "s3.example.org", "no domain", "elsewhere"})
	sometimes := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	for i := range o.Storage.Classes {
		if sometimes("says") {
			text := place.Draw(t, "class")
			o.Storage.Classes[i].FailureDomain = &text
		}
	}
	if sometimes("gone") {
		o.Storage.Classes = o.Storage.Classes[1:]
	}
	if sometimes("by hand") {
		o.Claims[0].Driver, o.Claims[0].StorageClass = "", "by-hand"
	}
	r := o.offsite()
	if sometimes("declared") {
		r.Spec.FailureDomain = place.Draw(t, "repository")
	}
	if sometimes("replaced") {
		r.Status.UniqueID = "id-2"
	}
	if sometimes("damaged") {
		r.Status.Damage = &api.RepositoryDamage{Since: metav1.NewTime(hour(rapid.IntRange(6, 12).Draw(t, "since"))), Healing: rapid.Bool().Draw(t, "healing")}
	}
	if sometimes("missing") {
		o.Repositories = nil
	}
	if sometimes("unread") {
		o.Unread = map[drift.Fact]string{rapid.SampledFrom([]drift.Fact{drift.FactCopies, drift.FactStack, drift.FactSelection}).Draw(t, "fact"): "forbidden"}
	}
	for _, q := range o.Points {
		c := &q.Status.Copies[0]
		c.State = rapid.SampledFrom([]api.CopyState{api.CopyComplete, api.CopyComplete, api.CopyFailed, api.CopyCopying, api.CopyRemoving}).Draw(t, "state")
	}
	return o
}

// independentOnlyOfACopy: Independent is True only while a copy says so that is whole, young, in the repository that there is,
// and known to fail apart from every volume; and it is False only with a finding that says why.
func independentOnlyOfACopy(plan policyPlanner, o PolicyObserved) error {
	p := plan(o, noon)
	c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionIndependent)
	switch {
	case c == nil:
		return fmt.Errorf("copies are promised, and there is no condition")
	case len(o.Unread) > 0:
		if c.Status == metav1.ConditionTrue {
			return fmt.Errorf("it is True while %v cannot be read", o.Unread)
		}
		return nil
	case c.Status == metav1.ConditionFalse:
		if !slices.ContainsFunc(p.Status.Findings, func(f api.Finding) bool { return f.Kind == c.Reason }) {
			return fmt.Errorf("it is False for %s, which is no finding", c.Reason)
		}
		return nil
	case o.Repositories == nil:
		return fmt.Errorf("it is %s of a repository that is not there", c.Status)
	}
	if !slices.ContainsFunc(o.Points, func(q *api.RecoveryPoint) bool { return outlives(o, q) }) {
		return fmt.Errorf("it is %s, of no copy that outlives the volumes", c.Status)
	}
	return nil
}

// outlives says whether a point has a copy that makes a policy independent.
func outlives(o PolicyObserved, q *api.RecoveryPoint) bool {
	r, c := o.offsite(), q.Status.Copies[0]
	if d := r.Status.Damage; d != nil && (!d.Healing || !c.FinishedAt.After(d.Since.Time)) {
		return false
	}
	for _, v := range o.Claims {
		at := domain.OfDriver(v.Driver, nil)
		if k := slices.IndexFunc(o.Storage.Classes, func(k StorageClass) bool { return k.Name == v.StorageClass }); k >= 0 {
			at = domain.OfClass(o.Storage.Classes[k].class())
		}
		if domain.Shares(at, domain.OfRepository(r.Spec, nil)) {
			return false
		}
	}
	return c.State == api.CopyComplete && c.RepositoryID == r.Status.UniqueID && noon.Before(q.Status.PointInTime.Add(3*time.Hour))
}

func TestLawIndependentOnlyOfACopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := independentOnlyOfACopy(ForPolicy, drawCopies(t)); err != nil {
			t.Fatal(err)
		}
	})
	// Each fault sees something else than is there.
	sees := func(change func(o *PolicyObserved)) policyPlanner {
		return func(o PolicyObserved, now time.Time) PolicyPlan {
			o.Points = slices.Clone(o.Points)
			for i := range o.Points {
				o.Points[i] = o.Points[i].DeepCopy()
			}
			if r := o.offsite(); r != nil {
				o.Repositories = map[string]*api.Repository{"offsite": r.DeepCopy()}
			}
			o.Storage.Classes, o.Claims = slices.Clone(o.Storage.Classes), slices.Clone(o.Claims)
			change(&o)
			return ForPolicy(o, now)
		}
	}
	each := func(change func(c *api.CopyRecord)) policyPlanner { return sees(everyCopy(change)) }
	there := func(change func(r *api.Repository)) policyPlanner {
		return sees(func(o *PolicyObserved) {
			if o.Repositories != nil {
				change(o.offsite())
			}
		})
	}
	for name, faulty := range map[string]policyPlanner{
		"a copy that failed counts":              each(func(c *api.CopyRecord) { c.State = api.CopyComplete }),
		"another repository will do":             each(func(c *api.CopyRecord) { c.RepositoryID = "" }),
		"damage is forgotten":                    there(func(r *api.Repository) { r.Status.Damage = nil }),
		"what is damaged heals":                  there(func(r *api.Repository) { r.Status.Damage = healed(r.Status.Damage) }),
		"what a repository declares is ignored":  there(func(r *api.Repository) { r.Spec.FailureDomain = "" }),
		"what a class says is ignored":           sees(func(o *PolicyObserved) { o.Storage.Classes[0].FailureDomain = nil }),
		"a volume that nobody knows is ignored":  sees(func(o *PolicyObserved) { o.Claims[0].StorageClass, o.Claims[0].Driver = "fast", "a" }),
		"what cannot be read is taken as it was": sees(func(o *PolicyObserved) { o.Unread = nil }),
		"nothing is too old":                     sees(func(o *PolicyObserved) { o.Policy = o.Policy.DeepCopy(); o.Policy.Spec.Objectives = nil }),
	} {
		found := false
		for seed := 0; seed < 3000 && !found; seed++ {
			found = independentOnlyOfACopy(faulty, rapid.Custom(drawCopies).Example(seed)) != nil
		}
		if !found {
			t.Errorf("nobody notices that %s", name)
		}
	}
}

// healed is damage that was set aside.
func healed(d *api.RepositoryDamage) *api.RepositoryDamage {
	if d == nil {
		return nil
	}
	return &api.RepositoryDamage{Since: d.Since, Healing: true}
}
