// SPDX-License-Identifier: Apache-2.0

// Package docs_test keeps the documentation true: every reason has its page and its row, and no link is dead.
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
)

func TestEveryReasonHasARunbook(t *testing.T) {
	reasons := reasons(t)
	for _, reason := range reasons {
		page, err := os.ReadFile(filepath.Join("runbooks", reason+".md"))
		if err != nil {
			t.Errorf("reason %s has no page: write docs/runbooks/%s.md", reason, reason)
			continue
		}
		for _, part := range []string{"# " + reason + "\n", "**Where**: ", "**It means**: ", "**Do**: "} {
			if !strings.Contains(string(page), part) {
				t.Errorf("docs/runbooks/%s.md lacks %q", reason, part)
			}
		}
	}
	pages, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if name := strings.TrimSuffix(filepath.Base(page), ".md"); !slices.Contains(reasons, name) {
			t.Errorf("docs/%s belongs to no reason in api/v1alpha1/reasons.go: remove it", page)
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
