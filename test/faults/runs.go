// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dev/lifeboat/internal/sim"
)

//go:embed runs.tsv
var recorded string

// kind is a kind of run: what happens in it, what the operator is doing, and what goes wrong.
type kind struct {
	scenario string
	phase    sim.Phase
	fault    string
}

// runs says how many runs there were of each kind.
type runs map[kind]int

// refusedRead is the one fault that strikes reads too. They are most of what is struck, and would hide how often writes are.
const refusedRead = "500, of a read"

// columns are the faults in the order of the page.
func columns() []string {
	var out []string
	for _, f := range sim.Faults {
		out = append(out, f.Name)
		if f.Name == "500" {
			out = append(out, refusedRead)
		}
	}
	return out
}

// condense reads what the simulator counted: scenario, fault, what it struck, and how often. What it does not know, or lacks, is an
// error: a page must not hide a part of the runs, or show a part for the whole.
func condense(counted string) (runs, error) {
	all := runs{}
	for line := range strings.Lines(counted) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("%q is no count of runs", line)
		}
		scenario, fault, struck := f[0], f[1], f[2]
		n, err := strconv.Atoi(f[3])
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("%q is no count of runs", line)
		}
		phase, err := sim.PhaseOf(scenario, struck)
		if err != nil {
			return nil, err
		}
		if fault == "500" && (strings.HasPrefix(struck, "get ") || strings.HasPrefix(struck, "list ")) {
			fault = refusedRead
		}
		if !slices.Contains(columns(), fault) {
			return nil, fmt.Errorf("fault %q is not known: add it to internal/sim/phases.go", fault)
		}
		all[kind{scenario, phase, fault}] += n
	}
	return all, all.whole()
}

// whole says what is missing of the runs of all tests.
func (r runs) whole() error {
	for _, a := range sim.About {
		for _, s := range a.Scenarios {
			if r.sum(func(k kind) bool { return k.scenario == s }) == 0 {
				return fmt.Errorf("there are no runs of scenario %q: run make test as a whole, then make faults-page", s)
			}
		}
	}
	for _, f := range columns() {
		if r.sum(func(k kind) bool { return k.fault == f }) == 0 {
			return fmt.Errorf("there are no runs with the fault %q: run make test as a whole, then make faults-page", f)
		}
	}
	return nil
}

// sum is how many runs are of the kinds that are meant.
func (r runs) sum(meant func(kind) bool) (n int) {
	for k, of := range r {
		if meant(k) {
			n += of
		}
	}
	return n
}

func head() string { return "scenario\tphase\t" + strings.Join(columns(), "\t") + "\n" }

// String has a line for each scenario and phase, and a column for each fault.
func (r runs) String() string {
	var b strings.Builder
	b.WriteString(head())
	for _, a := range sim.About {
		for _, s := range a.Scenarios {
			for _, in := range sim.About {
				if r.sum(func(k kind) bool { return k.scenario == s && k.phase == in.Phase }) == 0 {
					continue
				}
				fmt.Fprintf(&b, "%s\t%s", s, in.Phase)
				for _, f := range columns() {
					fmt.Fprintf(&b, "\t%d", r[kind{s, in.Phase, f}])
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// parse reads what String wrote. What is missing there is for a test to find: a page can be made all the same.
func parse(text string) (runs, error) {
	lines, is := strings.CutPrefix(text, head())
	if !is {
		return nil, errors.New("runs.tsv is of other faults: run make faults-page")
	}
	all := runs{}
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 2+len(columns()) {
			return nil, fmt.Errorf("runs.tsv: %q has %d columns", line, len(f))
		}
		if _, err := sim.PhaseOf(f[0], ""); err != nil {
			return nil, fmt.Errorf("runs.tsv is of other scenarios, run make faults-page: %w", err)
		}
		for i, fault := range columns() {
			n, err := strconv.Atoi(f[2+i])
			if err != nil {
				return nil, fmt.Errorf("runs.tsv: %w", err)
			}
			all[kind{f[0], sim.Phase(f[1]), fault}] = n
		}
	}
	return all, nil
}
