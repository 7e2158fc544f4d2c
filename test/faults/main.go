// SPDX-License-Identifier: Apache-2.0

// Command faults writes docs/reference/faults.md: how often the simulator had something go wrong, by what the operator was doing,
// and what was found by that and mended.
//
// The numbers are those of a whole run of the tests, and stand in runs.tsv; -runs makes that of what the simulator counted. All
// else of the page is made of internal/sim/phases.go and bugs.go.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	counted := flag.String("runs", "", "write the runs of this file, which the simulator wrote, in the form of runs.tsv, and no page")
	flag.Parse()
	text, err := write(*counted)
	if err == nil {
		_, err = os.Stdout.WriteString(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(counted string) (string, error) {
	if counted == "" {
		all, err := parse(recorded)
		return pageOf(all, found), err
	}
	text, err := os.ReadFile(counted)
	if err != nil {
		return "", fmt.Errorf("run make test first: %w", err)
	}
	all, err := condense(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", counted, err)
	}
	return all.String(), nil
}
