// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// decode reads the board as Grafana does, without the types that wrote it.
func decode(t *testing.T) map[string]any {
	t.Helper()
	text, err := render()
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// values are all strings behind a key, wherever it stands.
func values(in any, key string) []string {
	var out []string
	switch v := in.(type) {
	case map[string]any:
		for k, inner := range v {
			if text, ok := inner.(string); ok && k == key {
				out = append(out, text)
				continue
			}
			out = append(out, values(inner, key)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, values(inner, key)...)
		}
	}
	return out
}

var (
	variable = regexp.MustCompile(`\$\{?([a-z_]+)`)
	metric   = regexp.MustCompile(`\b[a-z]+:?lifeboat_[a-z_:]+|\blifeboat_[a-z_]+`)
)

// TestExpressions has promtool parse every expression, and finds every metric in the reference.
func TestExpressions(t *testing.T) {
	b := decode(t)
	exprs := values(b, "expr")
	if len(exprs) < 25 {
		t.Fatalf("%d expressions were found; they are not where they used to be", len(exprs))
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/reference/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(exprs, values(b["templating"], "query")...) {
		for _, name := range metric.FindAllString(text, -1) {
			if !bytes.Contains(page, []byte("| `"+name+"` |")) {
				t.Errorf("%s is not in docs/reference/metrics.md: %s", name, text)
			}
		}
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for n, expr := range exprs {
		text, err := json.Marshal(strings.NewReplacer("$namespace", "mail", "$policy", "contacts").Replace(expr))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rules, "  - {record: 'test:expression:%d', expr: %s}\n", n, text)
	}
	if said, err := promtool(t, rules.String()); err != nil {
		t.Errorf("promtool: %v\n%s", err, said)
	}
}

// TestPromtoolRefuses shows that what stands between the quotes is looked at.
func TestPromtoolRefuses(t *testing.T) {
	if said, err := promtool(t, "groups: [{name: g, rules: [{record: 'a:b:c', expr: 'max by (x) ('}]}]\n"); err == nil {
		t.Errorf("half an expression was accepted:\n%s", said)
	}
}

func promtool(t *testing.T, rules string) (string, error) {
	t.Helper()
	tools, err := exec.Command(filepath.Join(root, "hack/monitoring/tools.sh")).Output()
	if err != nil {
		t.Fatalf("no promtool: %v; hack/monitoring/tools.sh tells why", err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(filepath.Join(strings.TrimSpace(string(tools)), "promtool"), "check", "rules", file).CombinedOutput()
	return string(said), err
}

func TestBoard(t *testing.T) {
	b := decode(t)
	if b["uid"] != "lifeboat" {
		t.Errorf("uid is %v, to which the links lead and by which Grafana knows an update", b["uid"])
	}
	var known []string
	for _, v := range b["templating"].(map[string]any)["list"].([]any) {
		known = append(known, v.(map[string]any)["name"].(string))
	}
	for _, key := range []string{"expr", "query", "title", "uid"} {
		for _, text := range values(b, key) {
			for _, match := range variable.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(known, match[1]) {
					t.Errorf("%s: there is no variable %s", text, match[1])
				}
			}
		}
	}
	ids := map[float64]bool{}
	taken := map[[2]float64]string{}
	for _, p := range b["panels"].([]any) {
		p := p.(map[string]any)
		if id := p["id"].(float64); id == 0 || ids[id] {
			t.Errorf("panel %v has no id, or another's", p["title"])
		} else {
			ids[id] = true
		}
		if p["type"] != "row" && p["description"] == nil {
			t.Errorf("panel %v says nothing of itself", p["title"])
		}
		place := p["gridPos"].(map[string]any)
		for x := place["x"].(float64); x < place["x"].(float64)+place["w"].(float64); x++ {
			for y := place["y"].(float64); y < place["y"].(float64)+place["h"].(float64); y++ {
				if other := taken[[2]float64{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %v lies on panel %q, or outside", p["title"], other)
				}
				taken[[2]float64{x, y}] = p["title"].(string)
			}
		}
	}
}

// TestCommittedBoardIsCurrent holds the file in the chart to this program, as `make verify` does.
func TestCommittedBoardIsCurrent(t *testing.T) {
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "charts/lifeboat/files/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("charts/lifeboat/files/dashboard.json is stale: run 'make generate'")
	}
}
