// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/sim"
)

const pageHead = `# Faults

<!-- Written by make generate from test/faults and internal/sim/phases.go; the numbers by make faults-page. -->

Nothing that goes wrong around the operator may cost data, or leave something behind. So ` + "`internal/sim`" + ` runs the real reconcilers over an API server, a storage
system, the machines of a cluster and repositories in memory, on a clock that is set by hand, and has one thing go wrong in each run. ` + "`make test`" + ` made **%d runs in %d
scenarios** when these numbers were taken; it prints how many it makes.

## What is run

A **scenario** is something that happens to a cluster at rest: a slot comes, a user deletes a point, a repository falls silent. First it is played without a fault. Then it is
played again from the same beginning, each time with one fault:

| fault, as tests name it | what happens |
|---|---|
%s
The first eight strike one request: the first that the operator sends after the beginning, in the next run the second, and so on until there is none left. Requests are writes;
` + "`500`" + ` strikes reads too, and a kill hooks. Of long scenarios only some requests are struck, and others by each fault;
` + "`LIFEBOAT_EXHAUSTIVE=1 go test -timeout 0 ./internal/sim`" + ` strikes them all. After the fault all goes well until the scenario is over. The restore in place is played in a smaller world
of its own, and meets the first eight alone.

A run passes when

- no [invariant](../design/0001-the-promise.md) was broken: ` + "`internal/testkit`" + ` holds all objects, the storage system and the repositories against them before and after each request, and at rest;
- the end is that of the run without a fault, but for versions and times;
- the operator, having looked at everything once more, writes nothing;
- people were told of what was found as often as it came and went, and no more often;
- what the scenario itself expects is there: the points, the bytes, the evidence.

That this finds faults is itself tested: [mutants](mutants.md) take safeguards away, and ` + "`TestFindingOraclesKillFaults`" + `, ` + "`TestSwapLawsFindFaults`" + ` and the tests of
` + "`internal/testkit`" + ` plant faults that must be found.

## How a failure is seen again

A test that fails names the scenario, the fault and the place. What the simulator strikes is counted and not drawn, so that the same test fails again in the same place. What
is drawn prints its seed.

| what it says | what strikes there again |
|---|---|
| ` + "`409, at request 16, which is to delete Pod x`" + ` | ` + "`go test -run 'TestEveryRequestMayFail/<scenario>' ./internal/sim`" + `, where the name of the scenario has ` + "`_`" + ` for each space. There is no seed: requests are counted |
| ` + "`behind by 4 writes`" + ` | the same with ` + "`TestCacheThatLags`" + ` |
| ` + "`the watch of [Repository] is broken, and listed every 3s`" + ` | the same with ` + "`TestWatchesThatBreak`" + ` |
| ` + "`seed 3`" + ` | the same with ` + "`TestTwoLeaders`" + `, which plays all of its seeds; the seed decides which operator sends the next request |
| ` + "`409, at write 12`" + ` | ` + "`go test -run TestSwapSurvivesEveryFault ./internal/sim`" + ` |
| ` + "`LIFEBOAT_SEED=…`" + ` | of mutations only some are drawn: ` + "`LIFEBOAT_SEED=… go test -run <test> <package>`" + ` draws the same |
| ` + "`[rapid] … -rapid.seed=…`" + `, ` + "`-rapid.failfile=…`" + ` | of a law: ` + "`go test -run <test> <package> -rapid.seed=…`" + ` |
| ` + "`testdata/fuzz/<target>/<name>`" + ` | of a fuzz target: ` + "`go test -run '<target>/<name>' <package>`" + `; the file is committed with the remedy, or its content becomes one of the target's first inputs |

The lines that follow a failure of ` + "`TestEveryRequestMayFail`" + ` are the writes of the operator that was struck.
`

const elsewhereHead = `
## What goes wrong elsewhere

The numbers below are those of the simulator's scenarios. Other tests have other things go wrong:

| what | tests |
|---|---|
`

const tableHead = `
## Faults and phases

How many runs there were, by the fault and by what the operator was doing. A write that is made in one phase alone counts there; all else counts for what its scenario is about. **Capture** takes points, **pruning** lets
them go, **proofs** are fingerprints and drills, **copies** go into repositories, **repository** is their verification, maintenance and import, and **coverage** gives namespaces
policies of a template.

`

const scenarioHead = `
## Scenarios

How many runs there were of each. **Killed** is before and after a request, **refused** is 409, 429, 500 and 503 of a write, **read** is 500 of a read, **lost** is a timeout,
**stale** is a cache that lags or a watch that breaks, and **two** is two leaders.
`

// groups are faults that are alike.
var groups = []struct {
	name   string
	faults []string
}{
	{"killed", []string{"the operator is killed before it", "the operator is killed after it"}},
	{"refused", []string{"409", "429", "500", "503"}},
	{"read", []string{refusedRead}},
	{"lost", []string{"a timeout, not done", "a timeout, done"}},
	{"stale", []string{sim.Lag, sim.BrokenWatch}},
	{"two", []string{sim.TwoLeaders}},
}

// pageOf is the page that tells of runs, and of what was found.
func pageOf(all runs, found []section) string {
	var out strings.Builder
	var faults strings.Builder
	for _, f := range sim.Faults {
		fmt.Fprintf(&faults, "| `%s` | %s |\n", f.Name, f.Means)
	}
	every := func(kind) bool { return true }
	scenarios := 0
	for _, a := range sim.About {
		scenarios += len(a.Scenarios)
	}
	fmt.Fprintf(&out, pageHead, all.sum(every), scenarios, faults.String())

	out.WriteString(elsewhereHead)
	for _, e := range elsewhere {
		fmt.Fprintf(&out, "| %s | %s |\n", e.what, named(e.tests))
	}

	out.WriteString(tableHead)
	row(&out, "fault", "all", func(p sim.Phase) any { return p })
	row(&out, "---", "---:", func(sim.Phase) any { return "---:" })
	for _, f := range columns() {
		row(&out, f, all.sum(func(k kind) bool { return k.fault == f }), func(p sim.Phase) any {
			return all.sum(func(k kind) bool { return k.fault == f && k.phase == p })
		})
	}
	row(&out, "**all**", bold(all.sum(every)), func(p sim.Phase) any {
		return bold(all.sum(func(k kind) bool { return k.phase == p }))
	})

	out.WriteString(scenarioHead)
	for _, a := range sim.About {
		fmt.Fprintf(&out, "\n### %s%s\n\n| scenario |", strings.ToUpper(string(a.Phase[:1])), a.Phase[1:])
		for _, g := range groups {
			fmt.Fprintf(&out, " %s |", g.name)
		}
		fmt.Fprintf(&out, " all |\n|---|%s\n", strings.Repeat("---:|", len(groups)+1))
		for _, s := range a.Scenarios {
			fmt.Fprintf(&out, "| %s |", s)
			for _, g := range groups {
				fmt.Fprintf(&out, " %d |", all.sum(func(k kind) bool { return k.scenario == s && slices.Contains(g.faults, k.fault) }))
			}
			fmt.Fprintf(&out, " %d |\n", all.sum(func(k kind) bool { return k.scenario == s }))
		}
	}
	pageOfBugs(&out, found)
	return out.String()
}

func bold(n int) string { return fmt.Sprintf("**%d**", n) }

// row writes a line of the table of faults and phases.
func row(out *strings.Builder, first string, last any, of func(sim.Phase) any) {
	fmt.Fprintf(out, "| %s |", first)
	for _, a := range sim.About {
		fmt.Fprintf(out, " %v |", of(a.Phase))
	}
	fmt.Fprintf(out, " %v |\n", last)
}
