// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// validClusterPolicy has a template that says what validPolicy says.
func validClusterPolicy() *object {
	o := base("ClusterBackupPolicy", map[string]any{"namespaceSelector": map[string]any{}})
	o.SetNamespace("")
	template := validPolicy()
	template.drop("spec.volumes")
	o.set("spec.template", template.get("spec"))
	return o
}

func TestClusterBackupPolicy(t *testing.T) {
	for _, c := range clusterCases() {
		t.Run(c.name, func(t *testing.T) {
			o := validClusterPolicy()
			c.mutate(o)
			check(t, cluster.Create(t.Context(), o, client.DryRunAll), c.wantErrors)
		})
	}
}

func clusterCases() []testCase {
	out := templateCases()
	for _, part := range [][]testCase{scopeCases(), exemptionCases(), baselineCases()} {
		out = append(out, part...)
	}
	return out
}

// templateCases are the cases of a BackupPolicy, told of a template: it is refused what a policy is, in the same words.
func templateCases() []testCase {
	var out []testCase
	for _, c := range policyCases() {
		o := validPolicy()
		volumes := o.get("spec.volumes")
		c.mutate(o)
		if o.get("spec") == nil || o.get("spec.onDelete") != nil || !equality.Semantic.DeepEqual(o.get("spec.volumes"), volumes) || o.GetName() != "base" {
			continue // of what a template does not say
		}
		o.drop("spec.volumes")
		moved := testCase{name: "template " + c.name, mutate: func(to *object) { to.set("spec.template", o.get("spec")) }}
		for _, r := range c.wantErrors {
			moved.wantErrors = append(moved.wantErrors, refusal{strings.Replace(r.field, "spec.", "spec.template.", 1), r.remedy})
		}
		out = append(out, moved)
	}
	return out
}

// selectorCases are those of a label selector at a path.
func selectorCases(field string) []testCase {
	requirement := field + ".matchExpressions[0]"
	values := refusal{requirement, "values must be given for operator In and NotIn, and left out for operator Exists and DoesNotExist"}
	expression := func(e map[string]any, want ...refusal) testCase {
		return sets(field, map[string]any{"matchExpressions": []any{e}}, want...)
	}
	return []testCase{
		sets(field, map[string]any{}),
		sets(field, map[string]any{"matchLabels": map[string]any{"env": "prod"}}),
		expression(map[string]any{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": []any{"kube-system"}}),
		expression(map[string]any{"key": "env", "operator": "Exists"}),
		expression(map[string]any{"key": "env", "operator": "In"}, values),
		expression(map[string]any{"key": "env", "operator": "DoesNotExist", "values": []any{"a"}}, values),
		expression(map[string]any{"key": "env", "operator": "Like"}, refusal{requirement + ".operator", "supported values"}),
	}
}

func scopeCases() []testCase {
	out := append(selectorCases("spec.namespaceSelector"), selectorCases("spec.claimSelector")...)
	return append(out, testCase{name: "no namespaceSelector", mutate: func(o *object) { o.drop("spec.namespaceSelector") },
		wantErrors: []refusal{{"spec.namespaceSelector", "Required value"}}})
}

// exempt is a list of one exemption, changed.
func exempt(change func(map[string]any)) func(*object) {
	return func(o *object) {
		e := map[string]any{"name": "caches", "namespace": "ci", "reason": "a build fills them", "owner": "ops", "until": "2027-01-31T00:00:00Z"}
		change(e)
		o.set("spec.exemptions", []any{e})
	}
}

func exemptionCases() []testCase {
	const field = "spec.exemptions[0]"
	one := refusal{field, "at most one of claims and selector may be set; keep one, or leave both out to exempt the whole namespace"}
	with := func(name, key string, value any, want ...refusal) testCase {
		return testCase{name: "exemption " + name, mutate: exempt(func(e map[string]any) { e[key] = value }), wantErrors: want}
	}
	out := []testCase{
		with("of a namespace", "name", "caches"),
		with("of claims", "claims", []any{"data", "logs.v1"}),
		with("of no claims", "claims", []any{}, refusal{field + ".claims", "should have at least 1 items"}),
		with("of a claim twice", "claims", []any{"a", "a"}, refusal{field + ".claims[1]", "Duplicate value"}),
		with("of a claim that cannot be", "claims", []any{"Data"}, refusal{field + ".claims[0]", "should match"}),
		with("of many claims", "claims", names(257), refusal{field + ".claims", "must have at most 256 items"}),
		with("by label", "selector", map[string]any{"matchLabels": map[string]any{"app": "cache"}}),
		with("with a name that is none", "name", "Caches!", refusal{field + ".name", "should match"}),
		with("with a long name", "name", strings.Repeat("a", 64), refusal{field + ".name", "may not be more than 63 bytes"}),
		with("of a namespace that cannot be", "namespace", "a.b", refusal{field + ".namespace", "should match"}),
		with("without a reason", "reason", "", refusal{field + ".reason", "should be at least 1 chars long"}),
		with("with a long reason", "reason", strings.Repeat("a", 257), refusal{field + ".reason", "may not be more than 256 bytes"}),
		with("without an owner", "owner", "", refusal{field + ".owner", "should be at least 1 chars long"}),
		with("with a long owner", "owner", strings.Repeat("a", 129), refusal{field + ".owner", "may not be more than 128 bytes"}),
		with("until a day", "until", "2027-01-31", refusal{field + ".until", "must be of type date-time"}),
		with("until no time", "until", "for ever", refusal{field + ".until", "must be of type date-time"}),
		{name: "exemption of claims and by label", mutate: exempt(func(e map[string]any) {
			e["claims"], e["selector"] = []any{"data"}, map[string]any{}
		}), wantErrors: []refusal{one}},
		{name: "exemption by a label without values", mutate: exempt(func(e map[string]any) {
			e["selector"] = map[string]any{"matchExpressions": []any{map[string]any{"key": "app", "operator": "In"}}}
		}), wantErrors: []refusal{{field + ".selector.matchExpressions[0]", "values must be given for In and NotIn"}}},
		{name: "an exemption twice", mutate: func(o *object) {
			exempt(func(map[string]any) {})(o)
			one := o.get("spec.exemptions").([]any)[0]
			o.set("spec.exemptions", []any{one, one})
		}, wantErrors: []refusal{{"spec.exemptions[1]", "Duplicate value"}}},
	}
	for _, key := range []string{"name", "namespace", "reason", "owner", "until"} {
		out = append(out, testCase{name: "exemption without " + key, mutate: exempt(func(e map[string]any) { delete(e, key) }),
			wantErrors: []refusal{{field + "." + key, "Required value"}}})
	}
	return out
}

func baselineCases() []testCase {
	one := refusal{"spec", "exactly one of template and audit: true must be set; set template to have Lifeboat make policies from it, or audit: true to be told alone"}
	name := refusal{"<nil>", "metadata.name must be at most 63 characters, because the policies made from the template bear it and it is used as a label value; choose a shorter name"}
	audit := func(o *object) { o.drop("spec.template"); o.set("spec.audit", true) }
	return []testCase{
		{name: "unchanged", mutate: func(*object) {}},
		{name: "audit", mutate: audit},
		{name: "neither", mutate: func(o *object) { o.drop("spec.template") }, wantErrors: []refusal{one}},
		{name: "audit false alone", mutate: func(o *object) { audit(o); o.set("spec.audit", false) }, wantErrors: []refusal{one}},
		sets("spec.audit", true, one),
		sets("spec.audit", false),
		sets("spec.onDelete", "Remove"),
		sets("spec.onDelete", "Prune", refusal{"spec.onDelete", `supported values: "Retain", "Remove"`}),
		{name: "name of 63", mutate: func(o *object) { o.SetName(strings.Repeat("a", 63)) }},
		{name: "name of 64", mutate: func(o *object) { o.SetName(strings.Repeat("a", 64)) }, wantErrors: []refusal{name}},
	}
}

// TestClusterPolicySaysNotWhichVolumes: what the template leaves to others is not silently dropped.
func TestClusterPolicySaysNotWhichVolumes(t *testing.T) {
	for field, value := range map[string]any{"volumes": map[string]any{"selector": map[string]any{}}, "onDelete": "Prune"} {
		o := validClusterPolicy()
		o.set("spec.template."+field, value)
		err := cluster.Create(t.Context(), o, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), `unknown field "spec.template.`+field+`"`) {
			t.Errorf("want a refusal that names %s; got: %v", field, err)
		}
	}
}

// TestClusterPolicyDefaults: a template is filled in as a policy is, so that the two can be compared.
func TestClusterPolicyDefaults(t *testing.T) {
	hooks := map[string]any{"hooks": []any{withHook(func(map[string]any) {})}}
	o, b := validClusterPolicy(), validPolicy()
	o.set("spec.template.snapshot", hooks)
	b.set("spec.snapshot", hooks)
	for _, x := range []*object{o, b} {
		if err := cluster.Create(t.Context(), x, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
	}
	b.drop("spec.volumes")
	b.drop("spec.onDelete")
	if !equality.Semantic.DeepEqual(o.get("spec.template"), b.get("spec")) {
		t.Errorf("a template becomes\n%v\nand a policy\n%v", o.get("spec.template"), b.get("spec"))
	}
	if got := o.get("spec.onDelete"); got != "Retain" {
		t.Errorf("onDelete = %v", got)
	}
}
