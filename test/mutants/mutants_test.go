// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/test/tree"
)

const root = "../.."

// TestMutantsAreFresh: each fault still has its place, leaves a file that can be parsed, and names a test that is there.
func TestMutantsAreFresh(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range seeded {
		if seen[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		seen[m.name] = true
		_, text, err := m.plant(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if m.was == m.is {
			t.Errorf("mutant %q changes nothing", m.name)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, 0); err != nil {
			t.Errorf("mutant %q: %v", m.name, err)
		}
		pkg, test := m.test()
		if is, err := tree.HasTest(root, pkg, test); err != nil || !is {
			t.Errorf("mutant %q is to be killed by %q in %s, which is not there (%v)", m.name, test, pkg, err)
		}
	}
}

// TestEverySafeguardHasAMutant holds the list to its promise.
func TestEverySafeguardHasAMutant(t *testing.T) {
	for _, safeguard := range safeguards {
		if !slices.ContainsFunc(seeded, func(m mutant) bool { return m.safeguard == safeguard }) {
			t.Errorf("no mutant takes away %s", safeguard)
		}
	}
}

func TestPageIsFresh(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/reference/mutants.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != pageOf(seeded) {
		t.Error("docs/reference/mutants.md is out of date: run make generate")
	}
}

// TestStale: a fault whose place is gone, or is there twice, is an error and not a survivor.
func TestStale(t *testing.T) {
	for _, was := range []string{"nowhere to be found", "return"} {
		m := mutant{name: "stale", file: "internal/core/retention/decide.go", was: was}
		if _, _, err := m.plant(root); err == nil || !strings.Contains(err.Error(), "stale") {
			t.Errorf("%q: %v", was, err)
		}
	}
}

// TestKill judges small faults in earnest: one is killed, one survives a test that does not look, one does not compile.
func TestKill(t *testing.T) {
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	b := bench{root: dir, work: t.TempDir(), jobs: 1}
	for _, c := range []struct{ is, killer, want string }{
		{"", "TestJitter", ""},
		{"", "TestParseRefuses", "survived"},
		{" % uint64(window) + \"no\"", "TestJitter", "does not compile"},
	} {
		m := mutant{name: "m", file: "internal/core/schedule/jitter.go", was: " % uint64(window)", is: c.is, killer: c.killer}
		verdicts := make([]verdict, 1)
		b.kill(t.Context(), "internal/core/schedule", []mutant{m}, []int{0}, verdicts)
		err := verdicts[0].err
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q was not killed: %v", c.is, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, want %q", c.is, err, c.want)
		}
	}
}
