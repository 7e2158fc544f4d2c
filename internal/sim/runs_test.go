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

// TestPhasesAreComplete: the page of fault runs is made of phases.go, which has every scenario once, every fault, and no others.
func TestPhasesAreComplete(t *testing.T) {
	listed := map[string]int{}
	for _, a := range About {
		for _, s := range a.Scenarios {
			listed[s]++
		}
	}
	for _, name := range append(namesOf(scenarios()), InPlace) {
		if listed[name] != 1 {
			t.Errorf("scenario %q stands %d times in phases.go", name, listed[name])
		}
		delete(listed, name)
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		t.Errorf("phases.go has %q, which is no scenario", name)
	}
	var want, got []string
	for _, f := range faults() {
		want = append(want, f.name)
	}
	for _, f := range Faults {
		got = append(got, f.Name)
	}
	if want = append(want, Lag, BrokenWatch, TwoLeaders); !slices.Equal(got, want) {
		t.Errorf("phases.go has the faults %q, and struck are %q", got, want)
	}
}

func namesOf(all []scenario) (out []string) {
	for _, s := range all {
		out = append(out, s.name)
	}
	return out
}

func TestPhaseOf(t *testing.T) {
	for _, c := range []struct {
		scenario, struck string
		want             Phase
	}{
		{"a slot expires the oldest point", "patch status RecoveryPoint", Pruning},
		{"a slot expires the oldest point", "create VolumeSnapshot", Capture},
		{"a slot captures three claims", "list RestoreDrill", Capture},
		{"a slot captures three claims", "by up to 4 writes", Capture},
		{"a storage class changes after a proof", "patch status RestoreDrill", Proofs},
		{InPlace, "patch PersistentVolume", Restoring},
		{"nothing happens", "create VolumeSnapshot", ""},
	} {
		got, err := PhaseOf(c.scenario, c.struck)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s, %s: %q, %v; want %q", c.scenario, c.struck, got, err, c.want)
		}
	}
}
