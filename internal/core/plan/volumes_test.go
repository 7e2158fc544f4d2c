// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func claim(name string, mods ...func(*Claim)) Claim {
	c := Claim{Name: name, UID: "uid-of-" + name, Bound: true, Driver: "a", Handle: "vol-" + name, Labels: map[string]string{"app": "web"}}
	for _, m := range mods {
		m(&c)
	}
	return c
}

func namesOf(claims []Claim) []string {
	var out []string
	for _, c := range claims {
		out = append(out, c.Name)
	}
	return out
}

func TestSelect(t *testing.T) {
	set := &api.WorkloadReference{Kind: "StatefulSet", Name: "db"}
	for _, c := range []struct {
		name     string
		spec     api.VolumeSelection
		claims   []string
		workload *Workload
		want     []string
		missing  []string
		problem  string
	}{
		{name: "an empty selector takes all", spec: api.VolumeSelection{Selector: &api.LabelSelector{}}, claims: []string{"b", "a"}, want: []string{"a", "b"}},
		{name: "labels", spec: api.VolumeSelection{Selector: &api.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}, claims: []string{"a"}, want: []string{"a"}},
		{name: "labels that none has", spec: api.VolumeSelection{Selector: &api.LabelSelector{MatchLabels: map[string]string{"app": "x"}}}, claims: []string{"a"}, problem: api.ReasonPolicySelectsNothing},
		{name: "a selector that cannot be understood", spec: api.VolumeSelection{Selector: &api.LabelSelector{MatchExpressions: []api.LabelRequirement{{Key: "a", Operator: "In"}}}}, claims: []string{"a"}, problem: api.ReasonInvalidSelector},
		{name: "names, one missing", spec: api.VolumeSelection{Claims: []string{"gone", "a"}}, claims: []string{"a", "b"}, want: []string{"a"}, missing: []string{"gone"}},
		{name: "names, all missing is not nothing", spec: api.VolumeSelection{Claims: []string{"gone"}}, claims: []string{"a"}, missing: []string{"gone"}},
		{name: "no claims at all", spec: api.VolumeSelection{Selector: &api.LabelSelector{}}, problem: api.ReasonPolicySelectsNothing},
		{name: "every ordinal, also beyond the present scale", spec: api.VolumeSelection{Workload: set}, workload: &Workload{Name: "db", Found: true, Templates: []string{"data"}},
			claims: []string{"data-db-0", "data-db-1", "data-db-17"}, want: []string{"data-db-0", "data-db-1", "data-db-17"}},
		{name: "what only looks like an ordinal", spec: api.VolumeSelection{Workload: set}, workload: &Workload{Name: "db", Found: true, Templates: []string{"data"}},
			claims: []string{"data-db-0", "data-db-01", "data-db-", "data-db-x", "data-db-0-old", "data-db--1", "data-db-+1", "other-db-0", "data-db2-0"}, want: []string{"data-db-0"}},
		{name: "a claim that the template of a pod names beside the ordinals", spec: api.VolumeSelection{Workload: set},
			workload: &Workload{Name: "db", Found: true, Templates: []string{"data"}, Claims: []string{"shared", "data-db-0"}},
			claims:   []string{"shared", "data-db-0"}, want: []string{"data-db-0", "shared"}},
		{name: "a workload that is not there", spec: api.VolumeSelection{Workload: set}, workload: &Workload{Name: "db"}, claims: []string{"data-db-0"}, problem: api.ReasonWorkloadNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			var claims []Claim
			for _, n := range c.claims {
				claims = append(claims, claim(n))
			}
			got := Select(c.spec, claims, c.workload)
			if !slices.Equal(namesOf(got.Claims), c.want) || !slices.Equal(got.Missing, c.missing) {
				t.Errorf("selected %v without %v, want %v without %v", namesOf(got.Claims), got.Missing, c.want, c.missing)
			}
			if reason := reasonOf(got.Problem); reason != c.problem {
				t.Errorf("problem %q, want %q", reason, c.problem)
			}
		})
	}
}

func reasonOf(p *Problem) string {
	if p == nil {
		return ""
	}
	return p.Reason
}

func TestClassFor(t *testing.T) {
	a, a2, b := Class{Name: "a", Driver: "a", Default: true}, Class{Name: "a2", Driver: "a", Default: true}, Class{Name: "b", Driver: "b", Default: true}
	plain := Class{Name: "plain", Driver: "a"}
	for _, c := range []struct {
		name    string
		claim   Claim
		named   string
		classes []Class
		want    string
		problem string
	}{
		{"the default of its driver", claim("x"), "", []Class{b, plain, a}, "a", ""},
		{"the one named", claim("x"), "plain", []Class{a, plain}, "plain", ""},
		{"the one named is of another driver", claim("x"), "b", []Class{a, b}, "", api.ReasonClassForOtherDriver},
		{"the one named is not there", claim("x"), "c", []Class{a, b}, "", api.ReasonClassNotFound},
		{"no default", claim("x"), "", []Class{plain, b}, "", api.ReasonNoSnapshotClass},
		{"several defaults", claim("x"), "", []Class{a2, a}, "", api.ReasonSeveralDefaultClasses},
		{"not bound", claim("x", func(c *Claim) { c.Bound = false }), "", []Class{a}, "", api.ReasonClaimNotBound},
		{"not CSI", claim("x", func(c *Claim) { c.Driver = "" }), "", []Class{a}, "", api.ReasonNotCSI},
		{"on its way out", claim("x", func(c *Claim) { c.Deleting = true }), "", []Class{a}, "", api.ReasonClaimTerminating},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, problem := classFor(c.claim, c.named, c.classes)
			if got != c.want || reasonOf(problem) != c.problem {
				t.Errorf("class %q, problem %q; want %q, %q", got, reasonOf(problem), c.want, c.problem)
			}
			if problem != nil && problem.Message == "" {
				t.Error("the problem says nothing")
			}
		})
	}
}

// TestClaimsOfAStatefulSet: a claim is one of a set's by its whole name, with an ordinal that a set can have.
func TestClaimsOfAStatefulSet(t *testing.T) {
	w := &Workload{Name: "web", Templates: []string{"data"}}
	for name, want := range map[string]bool{
		"data-web-0": true, "data-web-2147483647": true, "data-web-2147483648": false, "data-web-01": false, "data-web-": false, "7": false, "data-mail-0": false,
	} {
		if got := ofTemplate(name, w); got != want {
			t.Errorf("claim %s is of the set: %t", name, got)
		}
	}
}

// TestSeveralDefaultsAreNamed in one order, so that the same trouble is told in the same words.
func TestSeveralDefaultsAreNamed(t *testing.T) {
	_, bad := aloneClasses.byDefault("a", []Class{{Name: "y", Driver: "a", Default: true}, {Name: "x", Driver: "a", Default: true}})
	if bad == nil || bad.Message != "driver a has several default VolumeSnapshotClasses (x, y); keep one default, or name one in spec.snapshot.className" {
		t.Errorf("%+v", bad)
	}
}
