// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// decider is what the laws judge: ForPolicy, or a faulty one that a law must convict.
type decider func(*Observed, time.Time) Plan

// laws hold in every cluster; each has faults that it catches.
var laws = []struct {
	name   string
	holds  func(decide decider, o *Observed) error
	faults map[string]decider
}{
	{"every claim in scope is in exactly one of three", partition, map[string]decider{
		"exempt claims are counted though they are covered": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			p.Status.Claims.Exempt += min(1, p.Status.Claims.Covered)
			return p
		},
		"an exemption never ends": func(o *Observed, now time.Time) Plan { return ForPolicy(o, now.Add(-days(400))) },
		"a suspended policy covers": func(o *Observed, now time.Time) Plan {
			return ForPolicy(awake(o), now)
		},
	}},
	{"what was not made from the template is never touched", untouched, map[string]decider{
		"a policy is known by its name alone": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			for i := range o.Namespaces {
				for _, b := range o.Namespaces[i].Policies {
					if b.Name == o.Policy.Name {
						p.Set = append(p.Set, Stamp{o.Namespaces[i].Name, b})
					}
				}
			}
			return p
		},
		"a policy is known by its label alone": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			for i := range o.Namespaces {
				for _, b := range o.Namespaces[i].Policies {
					if b.Labels[api.LabelClusterPolicyUID] != "" {
						p.Remove = append(p.Remove, Stamp{o.Namespaces[i].Name, b})
					}
				}
			}
			return p
		},
	}},
	{"nothing is removed that was not asked for", removal, map[string]decider{
		"what leaves the scope goes": func(o *Observed, now time.Time) Plan {
			asked := *o
			asked.Policy = o.Policy.DeepCopy()
			asked.Policy.Spec.OnDelete = api.StampedRemove
			return ForPolicy(&asked, now)
		},
	}},
	{"once carried out, a plan has nothing more to do, and says the same", steady, map[string]decider{
		"what was made is made again": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			for i := range o.Namespaces {
				if b := made(o.Policy, &o.Namespaces[i]); b != nil && p.Status.Stamped > 0 {
					p.Set = append(p.Set, Stamp{o.Namespaces[i].Name, b})
				}
			}
			return p
		},
		"what is unprotected is forgotten": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			for i := range p.Status.Uncovered {
				p.Status.Uncovered[i].Since.Time = p.Status.Uncovered[i].Since.Add(time.Duration(o.Policy.Status.ObservedGeneration) * time.Minute)
			}
			return p
		},
	}},
	{"the answer differs at no instant before the one that is named", punctual, map[string]decider{
		"no instant is named": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			p.Wake = time.Time{}
			return p
		},
		"it is named an hour late": func(o *Observed, now time.Time) Plan {
			p := ForPolicy(o, now)
			if !p.Wake.IsZero() {
				p.Wake = p.Wake.Add(time.Hour)
			}
			return p
		},
	}},
}

func TestLaws(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if err := law.holds(ForPolicy, drawn().Draw(t, "cluster")); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestLawsConvict shows that each law catches its faults.
func TestLawsConvict(t *testing.T) {
	for _, law := range laws {
		for name, fault := range law.faults {
			t.Run(name, func(t *testing.T) {
				for seed := range 2000 {
					if law.holds(fault, drawn().Example(seed)) != nil {
						return
					}
				}
				t.Error("the fault was not caught")
			})
		}
	}
}

// awake is the same cluster with no policy suspended.
func awake(o *Observed) *Observed {
	out := *o
	out.Namespaces = append([]Namespace(nil), o.Namespaces...)
	for i := range out.Namespaces {
		ns := &out.Namespaces[i]
		list := append([]*api.BackupPolicy(nil), ns.Policies...)
		for j := range list {
			list[j] = list[j].DeepCopy()
			list[j].Spec.Suspend = false
		}
		ns.Policies = list
	}
	return &out
}

// partition counts the claims anew, in a way of its own, once the plan was carried out.
func partition(decide decider, o *Observed) error {
	p := decide(o, noon)
	after := next(*o, p)
	var want api.ClaimCounts
	for i := range after.Namespaces {
		ns := &after.Namespaces[i]
		if ns.Terminating || !matches(&o.Policy.Spec.NamespaceSelector, ns.Labels) {
			continue
		}
		for _, c := range ns.Claims {
			if s := o.Policy.Spec.ClaimSelector; s != nil && !matches(s, c.Labels) {
				continue
			}
			want.Total++
			covered, exempt := false, false
			for _, b := range ns.Policies {
				covered = covered || (matches(b.Spec.Volumes.Selector, c.Labels) && !b.Spec.Suspend && b.DeletionTimestamp == nil)
			}
			for _, e := range o.Policy.Spec.Exemptions {
				exempt = exempt || (e.Namespace == ns.Name && noon.Before(e.Until.Time) && (len(e.Claims) == 0 || e.Claims[0] == c.Name))
			}
			switch {
			case covered:
				want.Covered++
			case exempt:
				want.Exempt++
			default:
				want.Uncovered++
			}
		}
	}
	n := p.Status.Claims
	if n != want {
		return fmt.Errorf("counted %+v, there are %+v", n, want)
	}
	if n.Covered+n.Exempt+n.Uncovered != n.Total {
		return fmt.Errorf("%+v do not add up", n)
	}
	return nil
}

func matches(s *api.LabelSelector, of map[string]string) bool {
	return labels.SelectorFromSet(s.MatchLabels).Matches(labels.Set(of))
}

func untouched(decide decider, o *Observed) error {
	p := decide(o, noon)
	for _, s := range append(p.Set, p.Remove...) {
		if s.There.Name != o.Policy.Name || s.There.Labels[api.LabelClusterPolicyUID] != string(o.Policy.UID) {
			return fmt.Errorf("%s/%s is touched", s.Namespace, s.There.Name)
		}
	}
	for _, s := range p.Create {
		for i := range o.Namespaces {
			for _, b := range o.Namespaces[i].Policies {
				if o.Namespaces[i].Name == s.Namespace && b.Name == o.Policy.Name {
					return fmt.Errorf("%s/%s is there and would be created", s.Namespace, b.Name)
				}
			}
		}
	}
	return nil
}

func removal(decide decider, o *Observed) error {
	for _, s := range decide(o, noon).Remove {
		inScope := false
		for i := range o.Namespaces {
			inScope = inScope || (o.Namespaces[i].Name == s.Namespace && matches(&o.Policy.Spec.NamespaceSelector, o.Namespaces[i].Labels))
		}
		if o.Policy.Spec.OnDelete != api.StampedRemove || (inScope && !o.Policy.Spec.Audit) {
			return fmt.Errorf("the policy in %s is removed", s.Namespace)
		}
	}
	return nil
}

func steady(decide decider, o *Observed) error {
	first := decide(o, noon)
	after := next(*o, first)
	second := decide(&after, noon)
	if does := did(second); does != "" {
		return fmt.Errorf("after %q it does %q", did(first), does)
	}
	if !equality.Semantic.DeepEqual(first.Status, second.Status) {
		return fmt.Errorf("it said %+v and says %+v", first.Status, second.Status)
	}
	return nil
}

func punctual(decide decider, o *Observed) error {
	first := decide(o, noon)
	after := next(*o, first)
	first = decide(&after, noon)
	for at := noon; at.Before(noon.Add(days(3))); at = at.Add(30 * time.Minute) {
		if !first.Wake.IsZero() && !at.Before(first.Wake) {
			return nil
		}
		then := decide(&after, at)
		if !equality.Semantic.DeepEqual(first.Status, then.Status) || did(then) != "" {
			return fmt.Errorf("at %s it says and does something else, and looks again only at %s", at, first.Wake)
		}
	}
	return nil
}

// drawn is a small cluster, in which all kinds of policies, namesakes and exemptions are found.
func drawn() *rapid.Generator[*Observed] {
	return rapid.Custom(func(t *rapid.T) *Observed {
		c := baseline()
		if rapid.Bool().Draw(t, "audit") {
			audit(c)
		}
		if rapid.Bool().Draw(t, "removes") {
			removes(c)
		}
		if rapid.Bool().Draw(t, "claims by label") {
			c.Spec.ClaimSelector = labelled("app", "sync")
		}
		if rapid.Bool().Draw(t, "namespaces by label") {
			c.Spec.NamespaceSelector = *labelled("env", "prod")
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "exemptions") {
			until := noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "until")) * time.Hour)
			exempts(fmt.Sprint("e", i), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "of"), until, func(e *api.Exemption) {
				if rapid.Bool().Draw(t, "one claim") {
					e.Claims = []string{"data-0"}
				}
			})(c)
		}
		o := &Observed{Policy: c}
		for _, name := range []string{"a", "b", "c"} {
			o.Namespaces = append(o.Namespaces, drawSpace(t, c, name))
		}
		return o
	})
}

func drawSpace(t *rapid.T, c *api.ClusterBackupPolicy, name string) Namespace {
	var claims []string
	for i := range rapid.IntRange(0, 12).Draw(t, "claims") {
		claims = append(claims, fmt.Sprintf("data-%d=%s", i, rapid.SampledFrom([]string{"sync", "web"}).Draw(t, "app")))
	}
	ns := space(name, claims)
	for i := range ns.Claims {
		ns.Claims[i].Created = noon.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "age")) * time.Hour)
	}
	ns.Terminating = rapid.IntRange(0, 7).Draw(t, "terminating") == 0
	if rapid.Bool().Draw(t, "test") {
		ns.Labels["env"] = "test"
	}
	for _, kind := range []string{"own", "namesake", "copy"} {
		if rapid.IntRange(0, 2).Draw(t, kind) > 0 {
			continue
		}
		var b *api.BackupPolicy
		switch kind {
		case "own":
			b = own("mine", rapid.SampledFrom([]string{"", "sync"}).Draw(t, "of"))
		case "namesake":
			b = stamped(c)
			switch rapid.IntRange(0, 3).Draw(t, "whose") {
			case 0:
				b = own(c.Name, "sync")
			case 1:
				ofEarlier(b)
			case 2:
				b.Spec.Retention.Daily++
			}
		case "copy":
			b = stamped(c)
			b.Name, b.UID = "copy", "uid-copy"
		}
		if rapid.IntRange(0, 3).Draw(t, "suspended") == 0 {
			suspended(b)
		}
		if rapid.IntRange(0, 5).Draw(t, "going") == 0 {
			going(b)
		}
		b.Namespace = name
		ns.Policies = append(ns.Policies, b)
	}
	return ns
}
