// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// runsFile names the file that tells how many fault runs were made: one line for each scenario, fault, and what it struck.
// What a package that passes prints is not shown, and a number that nobody sees convinces nobody.
const runsFile = "LIFEBOAT_FAULT_RUNS"

// exhaustive has every request of every scenario spoiled, also of those of which only some are in everyday tests.
var exhaustive = os.Getenv("LIFEBOAT_EXHAUSTIVE") == "1"

// faultRun is a kind of run: what happens in it, what goes wrong, and where.
type faultRun struct{ scenario, fault, struck string }

var runs = struct {
	sync.Mutex
	n map[faultRun]int
}{n: map[faultRun]int{}}

// countRun counts a run in which something went wrong.
func countRun(scenario, fault, struck string) {
	runs.Lock()
	defer runs.Unlock()
	runs.n[faultRun{scenario, fault, struck}]++
}

// struck is what of a request matters for the count: whose name it was differs with the run.
func struck(c testkit.Call) string { return string(c.Verb) + " " + strings.TrimSuffix(c.Kind, "List") }

// writeRuns writes down how many runs were made, if that is asked for.
func writeRuns() error {
	name := os.Getenv(runsFile)
	if name == "" {
		return nil
	}
	var lines []string
	for r, n := range runs.n {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%d\n", r.scenario, r.fault, r.struck, n))
	}
	slices.Sort(lines)
	return os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600)
}

// TestScenariosHaveNames: runs are counted by the names of scenarios, one a line.
func TestScenariosHaveNames(t *testing.T) {
	seen := map[string]int{}
	for _, s := range scenarios() {
		seen[s.name]++
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if seen[name] > 1 || name == "" || strings.ContainsAny(name, "\t\n") {
			t.Errorf("%d scenarios are called %q", seen[name], name)
		}
	}
}
