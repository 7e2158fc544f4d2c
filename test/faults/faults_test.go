// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/sim"
	"github.com/lifeboat-dev/lifeboat/test/tree"
)

const root = "../.."

// counted is what the simulator would have counted, had it played every scenario twice with every fault.
func counted() string {
	var b strings.Builder
	for _, a := range sim.About {
		for _, s := range a.Scenarios {
			for _, f := range sim.Faults {
				b.WriteString(s + "\t" + f.Name + "\tpatch status RecoveryPoint\t2\n")
			}
		}
	}
	b.WriteString(sim.InPlace + "\t500\tlist Pod\t5\n")
	b.WriteString("a slot expires the oldest point\t500\tcreate VolumeSnapshot\t7\n")
	return b.String()
}

func TestCondense(t *testing.T) {
	got, err := condense(counted())
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[kind]int{
		{sim.InPlace, sim.Restoring, "500"}:                           2,
		{sim.InPlace, sim.Restoring, refusedRead}:                     5,
		{"a slot expires the oldest point", sim.Pruning, "500"}:       2,
		{"a slot expires the oldest point", sim.Capture, "500"}:       7,
		{"a slot expires the oldest point", sim.Pruning, refusedRead}: 0,
	} {
		if got[k] != want {
			t.Errorf("%+v: %d runs, want %d", k, got[k], want)
		}
	}
	back, err := parse(got.String())
	if err != nil || back.String() != got.String() || back.sum(all) != got.sum(all) {
		t.Errorf("what was written is read as another: %v\n%s", err, back)
	}
}

func all(kind) bool { return true }

// TestCondenseRefuses: runs that nobody knows, or that are not all, make no page.
func TestCondenseRefuses(t *testing.T) {
	without := func(what string) string {
		var b strings.Builder
		for line := range strings.Lines(counted()) {
			if !strings.Contains(line, what+"\t") {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, says string }{
		"an unknown scenario":   {counted() + "nothing happens\t409\tcreate Pod\t1\n", `scenario "nothing happens" belongs to no phase`},
		"an unknown fault":      {counted() + sim.InPlace + "\t418\tcreate Pod\t1\n", `fault "418" is not known`},
		"a scenario is missing": {without(sim.InPlace), "no runs of scenario \"" + sim.InPlace},
		"a fault is missing":    {without(sim.TwoLeaders), "no runs with the fault \"" + sim.TwoLeaders},
		"no read was struck":    {without("list Pod"), "no runs with the fault \"" + refusedRead},
		"no number":             {counted() + sim.InPlace + "\t409\tcreate Pod\tmany\n", "is no count of runs"},
		"a column is missing":   {counted() + sim.InPlace + "\t409\t1\n", "is no count of runs"},
		"nothing":               {"", "no runs of scenario"},
	} {
		if _, err := condense(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := condense(counted())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"of other faults":    strings.Replace(good.String(), "\t409", "\t418", 1),
		"of other scenarios": strings.Replace(good.String(), "\n"+sim.InPlace, "\nanother", 1),
		"without a number":   strings.Replace(good.String(), "\t2", "\tx", 1),
		"without a column":   strings.Replace(good.String(), "\t2", "", 1),
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("runs %s are read", name)
		}
	}
}

var number = regexp.MustCompile(`^\*{0,2}(\d+)\*{0,2}$`)

// TestSums reads the page as people do: each line and each column of the table adds up, and so do the scenarios of a phase.
func TestSums(t *testing.T) {
	runs, err := condense(counted())
	if err != nil {
		t.Fatal(err)
	}
	page := pageOf(runs, nil)
	total := runs.sum(all)
	phases, scenarios := tables(page, "fault"), tables(page, "scenario")
	if len(phases) != 1 || len(scenarios) != len(sim.About) {
		t.Fatalf("there are %d tables of faults and %d of scenarios", len(phases), len(scenarios))
	}
	faults := phases[0][:len(phases[0])-1]
	sums := phases[0][len(phases[0])-1]
	if len(faults) != len(columns()) {
		t.Errorf("the table has %d faults", len(faults))
	}
	for column, want := range sums {
		got := 0
		for _, line := range faults {
			got += line[column]
		}
		if got != want {
			t.Errorf("column %d adds up to %d, and says %d", column, got, want)
		}
	}
	of := 0
	for _, table := range append(slices.Clone(scenarios), phases...) {
		for _, line := range table {
			last := len(line) - 1
			got := 0
			for _, n := range line[:last] {
				got += n
			}
			if got != line[last] {
				t.Errorf("the line %v adds up to %d", line, got)
			}
		}
	}
	for _, table := range scenarios {
		for _, line := range table {
			of += line[len(line)-1]
		}
	}
	if of != total || sums[len(sums)-1] != total || !strings.Contains(page, "**"+strconv.Itoa(total)+" runs in ") {
		t.Errorf("the scenarios have %d runs, the table %d, and there were %d", of, sums[len(sums)-1], total)
	}
}

// tables are the numbers of the tables whose first column is called so.
func tables(page, first string) (out [][][]int) {
	for block := range strings.SplitSeq(page, "\n\n") {
		if !strings.HasPrefix(block, "| "+first+" |") && !strings.Contains(block, "\n| "+first+" |") {
			continue
		}
		var table [][]int
		for line := range strings.Lines(block) {
			var numbers []int
			for _, cell := range strings.Split(strings.Trim(line, "|\n"), "|")[1:] {
				if m := number.FindStringSubmatch(strings.TrimSpace(cell)); m != nil {
					n, _ := strconv.Atoi(m[1])
					numbers = append(numbers, n)
				}
			}
			if len(numbers) > 0 {
				table = append(table, numbers)
			}
		}
		out = append(out, table)
	}
	return out
}

// TestTablesAreTables: every line of a table has as many cells as its head.
func TestTablesAreTables(t *testing.T) {
	page := read(t, "docs/reference/faults.md")
	cells := 0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if cells == 0 {
			cells = n
		}
		if n != cells || !strings.HasSuffix(line, "|\n") {
			t.Errorf("%d bars where the head has %d: %s", n, cells, line)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPageIsFresh: the page is that of the code and of the runs on record, and these are of all scenarios and faults there are. How
// many there were is not compared with a run of today: for that a whole run would be needed.
func TestPageIsFresh(t *testing.T) {
	runs, err := parse(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if err := runs.whole(); err != nil {
		t.Error(err)
	}
	if read(t, "docs/reference/faults.md") != pageOf(runs, found) {
		t.Error("docs/reference/faults.md is out of date: run make generate")
	}
}

// TestListsAreTrue: each bug says where it showed, in scenarios that there are, and each test that is named is there.
func TestListsAreTrue(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range found {
		for _, b := range s.bugs {
			if b.wrong == "" || b.phase == "" || b.by == "" || b.place == "" || len(b.killers) == 0 || seen[b.wrong] {
				t.Errorf("%q is not whole, or there twice: %+v", b.wrong, b)
			}
			seen[b.wrong] = true
			for _, scenario := range b.scenarios {
				if _, err := sim.PhaseOf(scenario, ""); err != nil {
					t.Errorf("%q: %v", b.wrong, err)
				}
			}
			areThere(t, b.killers)
		}
	}
	for _, e := range elsewhere {
		areThere(t, e.tests)
	}
}

func areThere(t *testing.T, tests []string) {
	t.Helper()
	for _, k := range tests {
		pkg, test, _ := strings.Cut(k, " ")
		if is, err := tree.HasTest(root, pkg, test); err != nil || !is {
			t.Errorf("the page names %s in %s, which is not there (%v)", test, pkg, err)
		}
	}
}
