// SPDX-License-Identifier: Apache-2.0

package recipe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The versions name the folders of the cache, so they must be those that are built.
func TestVersionsAreThoseOfTheModules(t *testing.T) {
	for _, g := range Groups() {
		data, err := os.ReadFile(filepath.Join("..", "..", "build", g.Name, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		for name, pkg := range g.Binaries {
			if !strings.Contains(string(data), "\t"+pkg+"\n") && !strings.Contains(string(data), "tool "+pkg+"\n") {
				t.Errorf("%s: %s is no tool of its go.mod", g.Name, name)
			}
		}
		module := moduleOf(string(data), g)
		if !strings.Contains(string(data), module+" "+g.Version) {
			t.Errorf("%s: go.mod does not require %s %s", g.Name, module, g.Version)
		}
	}
}

// moduleOf finds the required module that the group's packages belong to.
func moduleOf(gomod string, g Group) string {
	longest := ""
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) < 2 || !strings.HasPrefix(fields[1], "v") {
			continue
		}
		for _, pkg := range g.Binaries {
			if strings.HasPrefix(pkg+"/", fields[0]+"/") && len(fields[0]) > len(longest) {
				longest = fields[0]
			}
		}
	}
	return longest
}

func TestOnlyKeepsTheNamedBinaries(t *testing.T) {
	reduced := Only(Groups(), EnvtestAssets)
	names := 0
	for _, g := range reduced {
		names += len(g.Binaries)
	}
	if len(reduced) != 2 || names != len(EnvtestAssets) {
		t.Errorf("reduced to %d groups with %d binaries", len(reduced), names)
	}
}
