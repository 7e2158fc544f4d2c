// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lifeboat-dev/lifeboat/test/apiserver"
)

// rule is one x-kubernetes-validations of a definition.
type rule struct{ kind, path, message string }

// TestEveryRuleIsTested goes through all rules of the definitions: each has a message, and some case is refused by it.
func TestEveryRuleIsTested(t *testing.T) {
	var said []rule
	record := func(kind string, err error) {
		for _, c := range causes(err) {
			said = append(said, rule{kind, indexes.ReplaceAllString(c.field, "[*]"), c.remedy})
		}
	}
	for _, c := range policyCases() {
		o := validPolicy()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	for _, c := range clusterCases() {
		o := validClusterPolicy()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	for _, c := range pointCases() {
		o := validPoint()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	for _, e := range edits() {
		record("RecoveryPoint", e.try(t))
	}
	for _, c := range drillCases() {
		o := validDrill()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	record("RestoreDrill", changeDrill(t))
	for _, c := range restoreCases() {
		o := validRestore()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	record("Restore", changeRestore(t))
	for _, c := range repositoryCases() {
		o := validRepository()
		c.mutate(o)
		record(o.GetKind(), cluster.Create(t.Context(), o, client.DryRunAll))
	}
	for _, e := range repositoryEdits() {
		record("Repository", e.try(t))
	}
	record("Repository", changeRepositoryKind(t))
	all := definedRules(t)
	if len(all) < 20 {
		t.Fatalf("only %d rules were found in the definitions", len(all))
	}
	for _, r := range all {
		if r.message == "" {
			t.Errorf("%s %s: a rule has no message", r.kind, r.path)
		} else if !slices.ContainsFunc(said, r.speaks) {
			t.Errorf("%s %s: no case is refused by the rule that says %q", r.kind, r.path, r.message)
		}
	}
}

// speaks says whether a refusal is this rule's; the API server puts the value before the message.
func (r rule) speaks(said rule) bool {
	return said.kind == r.kind && said.path == r.path && strings.HasSuffix(said.message, r.message)
}

var indexes = regexp.MustCompile(`\[[0-9]+\]`)

func definedRules(t *testing.T) []rule {
	t.Helper()
	root, err := apiserver.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config/crd/bases/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []rule
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var crd unstructured.Unstructured
		if err := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096).Decode(&crd); err != nil {
			t.Fatal(err)
		}
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		for _, v := range versions {
			schema, _, _ := unstructured.NestedMap(v.(map[string]any), "schema", "openAPIV3Schema")
			// The status repeats types of the spec; Lifeboat alone writes it, from a spec that was validated.
			unstructured.RemoveNestedField(schema, "properties", "status")
			out = append(out, rulesOf(kind, "", schema)...)
		}
	}
	return out
}

// rulesOf walks a schema.
func rulesOf(kind, path string, schema map[string]any) []rule {
	var out []rule
	rules, _ := schema["x-kubernetes-validations"].([]any)
	for _, r := range rules {
		m := r.(map[string]any)
		text, _ := m["message"].(string)
		at, _ := m["fieldPath"].(string)
		where := path + at
		if where == "" {
			where = "<nil>"
		}
		out = append(out, rule{kind, where, text})
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = append(out, rulesOf(kind, at, p.(map[string]any))...)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		out = append(out, rulesOf(kind, path+"[*]", items)...)
	}
	return out
}
