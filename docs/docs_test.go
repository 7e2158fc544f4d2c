// SPDX-License-Identifier: Apache-2.0

// Package docs_test keeps the documentation true: every reason and every alert has its page and its row, and no link is dead.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestEveryReasonAndAlertHasARunbook(t *testing.T) {
	known := reasons(t)
	for _, a := range alerts(t) {
		known = append(known, a.Alert)
	}
	for _, word := range known {
		page, err := os.ReadFile(filepath.Join("runbooks", word+".md"))
		if err != nil {
			t.Errorf("reason or alert %s has no page: write docs/runbooks/%s.md", word, word)
			continue
		}
		for _, part := range []string{"# " + word + "\n", "**Where**: ", "**It means**: ", "**Do**: "} {
			if !strings.Contains(string(page), part) {
				t.Errorf("docs/runbooks/%s.md lacks %q", word, part)
			}
		}
	}
	pages, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !slices.Contains(known, name) {
			t.Errorf("docs/%s belongs to no reason in api/v1alpha1/reasons.go and to no alert in charts/lifeboat/files/alerts.yaml: remove it", page)
		}
	}
}

func TestStatesNamesEveryReason(t *testing.T) {
	states, err := os.ReadFile("states.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range reasons(t) {
		if row := "\n| [`" + reason + "`](runbooks/" + reason + ".md) |"; !strings.Contains(string(states), row) {
			t.Errorf("docs/states.md has no row for reason %s", reason)
		}
	}
}

// alert is a rule of Prometheus.
type alert struct {
	Alert, For          string
	Labels, Annotations map[string]string
}

// alerts reads the chart's rules that alert somebody.
func alerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile("../charts/lifeboat/files/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var out []alert
	for _, g := range file.Groups {
		for _, a := range g.Rules {
			if a.Alert != "" {
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no alerts found in charts/lifeboat/files/alerts.yaml")
	}
	return out
}

// alertRow is a line of the table in docs/reference/alerts.md.
var alertRow = regexp.MustCompile("(?m)^\\| \\[`(\\w+)`\\]\\(\\.\\./runbooks/(\\w+)\\.md\\) \\| (\\w+) \\| (\\w+) \\| .+ \\|$")

func TestEveryAlertIsDocumented(t *testing.T) {
	page, err := os.ReadFile("reference/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, want []string
	for _, match := range alertRow.FindAllStringSubmatch(string(page), -1) {
		told = append(told, strings.Join(match[1:], " "))
	}
	for _, a := range alerts(t) {
		want = append(want, strings.Join([]string{a.Alert, a.Alert, a.Labels["severity"], a.For}, " "))
		if s := a.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("alert %s has severity %q; it must be page or ticket", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("alert %s lacks a summary or a description", a.Alert)
		}
		const pages = "https://github.com/lifeboat-dev/lifeboat/blob/main/docs/runbooks/"
		if url := a.Annotations["runbook_url"]; url != pages+a.Alert+".md" && url != pages+"{{ $labels.kind }}.md" {
			t.Errorf("alert %s leads to %q, where its page is not", a.Alert, url)
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("docs/reference/alerts.md has the rows (alert, page, severity, for)\n%s\nand charts/lifeboat/files/alerts.yaml says\n%s",
			strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// TestEveryAlertIsTested holds the tests for promtool to a firing and a silent case of each alert.
func TestEveryAlertIsTested(t *testing.T) {
	text, err := os.ReadFile("../charts/lifeboat/tests/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Cases []struct {
				Alertname string
				Expected  []any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			fires[c.Alertname] = fires[c.Alertname] || len(c.Expected) > 0
			// Silence says something only beside the noise.
			silent[c.Alertname] = silent[c.Alertname] || len(c.Expected) == 0
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("charts/lifeboat/tests/alerts_test.yaml does not show alert %s both fire and be silent", a.Alert)
		}
	}
}

// reasons reads the constants, so that one which nobody lists here is still seen.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, value)
		return true
	})
	if len(out) == 0 {
		t.Fatal("no reasons found in api/v1alpha1/reasons.go")
	}
	return out
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		// The generated reference quotes patterns that look like links, and links only to itself.
		if strings.HasSuffix(path, ".md") && path != filepath.Join("reference", "api.md") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, match[1])
			}
		}
	}
}
