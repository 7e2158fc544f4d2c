// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestDefinitionTemplate(t *testing.T) {
	const definition = "---\nkind: CustomResourceDefinition\nmetadata:\n  annotations:\n    made: by\n  name: x\nspec: '{{ braces }}'\n"
	got, err := definitionTemplate("x.yaml", definition)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"{{- if .Values.crds.enabled }}\nkind: Custom", "helm.sh/resource-policy: keep", "    made: by\n  name: x", "'{{ `{{` }} braces }}'",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if _, err := definitionTemplate("x.yaml", "kind: Other\n"); err == nil {
		t.Error("a file without annotations was accepted")
	}
}

func TestRoleTemplate(t *testing.T) {
	const role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: m\nrules:\n- verbs: [get]\n"
	got, err := roleTemplate("role.yaml", role)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(got, "rules:\n- verbs: [get]\n") {
		t.Errorf("the rules changed:\n%s", got)
	}
	if _, err := roleTemplate("role.yaml", role+"---\nkind: Role\nrules:\n- verbs: ['*']\n"); err == nil {
		t.Error("a second role was passed over in silence")
	}
}

func TestIndented(t *testing.T) {
	if got := indented("a:\n\n  b: |-\n    c\n", "  "); got != "  a:\n\n    b: |-\n      c\n" {
		t.Errorf("got\n%s", got)
	}
}

func TestCompare(t *testing.T) {
	const helm = "kind: A\napiVersion: v1\nmetadata: {name: a, labels: {helm.sh/chart: x, app: web}}\nspec: {n: 1}\n---\n---\nkind: B\napiVersion: v1\nmetadata: {name: b}\n"
	tests := []struct {
		why, kustomize string
		want           int
	}{
		{"order, installer's labels and the namespace do not matter",
			"kind: B\napiVersion: v1\nmetadata: {name: b}\n---\nkind: A\napiVersion: v1\nmetadata: {name: a, labels: {app: web}}\nspec: {n: 1}\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: n}\n", 0},
		{"a field differs", "kind: B\napiVersion: v1\nmetadata: {name: b}\n---\nkind: A\napiVersion: v1\nmetadata: {name: a, labels: {app: web}}\nspec: {n: 2}\n", 1},
		{"a label differs", "kind: B\napiVersion: v1\nmetadata: {name: b}\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\nspec: {n: 1}\n", 1},
		{"one missing, one more", "kind: A\napiVersion: v1\nmetadata: {name: a, labels: {app: web}}\nspec: {n: 1}\n---\nkind: C\napiVersion: v1\nmetadata: {name: c}\n", 2},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			left, err := decodeObjects(strings.NewReader(helm))
			if err != nil {
				t.Fatal(err)
			}
			right, err := decodeObjects(strings.NewReader(test.kustomize))
			if err != nil {
				t.Fatal(err)
			}
			if got := compare(left, right); len(got) != test.want {
				t.Errorf("%d differences, want %d: %v", len(got), test.want, got)
			}
		})
	}
	if _, err := decodeObjects(strings.NewReader("kind: A\nmetadata: {name: a}\n---\nkind: A\nmetadata: {name: a}\n")); err == nil {
		t.Error("an object that appears twice was accepted")
	}
}
