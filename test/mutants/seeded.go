// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// mutant is a fault in one place of our code.
type mutant struct {
	name      string
	safeguard string // what it takes away
	file      string
	was, is   string // was must be there exactly once
	killer    string // the test that must kill it, preceded by its package when that is not the file's
}

// test is what must kill the mutant.
func (m mutant) test() (pkg, test string) {
	if pkg, test, elsewhere := strings.Cut(m.killer, " "); elsewhere {
		return pkg, test
	}
	return path.Dir(m.file), m.killer
}

// timeLimit is how long a test that must kill a mutant may take.
const timeLimit = 3 * time.Minute

// plant returns the text of the file without the fault and with it.
func (m mutant) plant(root string) (sound, faulty string, err error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", "", fmt.Errorf("mutant %q is stale: %w", m.name, err)
	}
	if n := strings.Count(string(text), m.was); n != 1 {
		return "", "", fmt.Errorf("mutant %q is stale: %s has its text %d times, not once:\n%s", m.name, m.file, n, m.was)
	}
	return string(text), strings.Replace(string(text), m.was, m.is, 1), nil
}

// verdict is what became of a mutant; err says that it was not killed.
type verdict struct {
	took time.Duration
	err  error
}

// seeded runs the seeded mutants whose name, safeguard or file matches.
func (b bench) seeded(ctx context.Context, match *regexp.Regexp) error {
	var all []mutant
	byPackage := map[string][]int{}
	for _, m := range seeded {
		if match.MatchString(m.name) || match.MatchString(m.safeguard) || match.MatchString(m.file) {
			pkg, _ := m.test()
			byPackage[pkg] = append(byPackage[pkg], len(all))
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("no mutant matches %q", match)
	}
	verdicts := make([]verdict, len(all))
	for pkg, of := range byPackage {
		b.kill(ctx, pkg, all, of, verdicts)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MUTANT\tTAKES AWAY\tKILLED BY\tSECONDS")
	var failed []error
	for i, m := range all {
		by := m.killer
		if err := verdicts[i].err; err != nil {
			failed, by = append(failed, err), "NOT KILLED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\n", m.name, m.safeguard, by, verdicts[i].took.Seconds())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d of %d mutants killed\n", len(all)-len(failed), len(all))
	return errors.Join(failed...)
}

// kill runs those mutants that tests of one package must kill.
func (b bench) kill(ctx context.Context, pkg string, all []mutant, of []int, verdicts []verdict) {
	together, alone := b.join(all, of, verdicts)
	program, err := b.build(ctx, pkg, together)
	if err != nil { // one of them does not compile
		b.compile(ctx, all, of, verdicts)
		together, alone = b.join(all, of, verdicts)
		if program, err = b.build(ctx, pkg, together); err != nil {
			for _, i := range of {
				verdicts[i].err = err
			}
			return
		}
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(program)) }()
	healthy := b.healthy(ctx, program, pkg, all, of)
	b.each(len(of), func(n int) {
		i := of[n]
		if verdicts[i].err != nil {
			return
		}
		m, began := all[i], time.Now()
		_, test := m.test()
		switch {
		case healthy[test] != nil:
			verdicts[i].err = healthy[test]
		case slices.Contains(alone, i):
			verdicts[i].err = b.killAlone(ctx, pkg, m)
		default:
			verdicts[i].err = b.mustFail(ctx, program, pkg, m, "MUTANT="+strconv.Itoa(i+1))
		}
		verdicts[i].took = time.Since(began)
		if err := verdicts[i].err; err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
}

// compile finds the mutants that do not compile: the compiler has killed those, and no test.
func (b bench) compile(ctx context.Context, all []mutant, of []int, verdicts []verdict) {
	b.each(len(of), func(n int) {
		m := all[of[n]]
		_, faulty, err := m.plant(b.root)
		if err == nil {
			err = b.vet(ctx, path.Dir(m.file), map[string]string{m.file: faulty})
		}
		if err != nil {
			verdicts[of[n]].err = fmt.Errorf("mutant %q: %w", m.name, err)
			fmt.Fprintln(os.Stderr, verdicts[of[n]].err)
		}
	})
}

// healthy demands of each test that it passes on the code as it is: one that always fails kills everything.
func (b bench) healthy(ctx context.Context, program, pkg string, all []mutant, of []int) map[string]error {
	out := map[string]error{}
	var tests []string
	for _, i := range of {
		if _, test := all[i].test(); !slices.Contains(tests, test) {
			tests = append(tests, test)
		}
	}
	errs := make([]error, len(tests))
	b.each(len(tests), func(i int) {
		r, err := b.test(ctx, program, pkg, exactly(tests[i]), timeLimit)
		if err != nil || r.failed != "" || r.hangs || strings.Contains(r.said, "no tests to run") {
			errs[i] = errors.Join(err, fmt.Errorf("%s in %s does not pass without a mutant:\n%s", tests[i], pkg, r.said))
		}
	})
	for i, test := range tests {
		out[test] = errs[i]
	}
	return out
}

// exactly is the expression that matches one test, or one of its parts.
func exactly(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}

// killAlone runs a mutant in a program of its own.
func (b bench) killAlone(ctx context.Context, pkg string, m mutant) error {
	_, faulty, err := m.plant(b.root)
	if err != nil {
		return err
	}
	program, err := b.build(ctx, pkg, map[string]string{m.file: faulty})
	if err != nil {
		return fmt.Errorf("mutant %q: %w", m.name, err)
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(program)) }()
	return b.mustFail(ctx, program, pkg, m)
}

// mustFail demands that the test which is named kills a mutant.
func (b bench) mustFail(ctx context.Context, program, pkg string, m mutant, env ...string) error {
	_, test := m.test()
	r, err := b.test(ctx, program, pkg, exactly(test), timeLimit, env...)
	switch {
	case err != nil:
		return err
	case r.hangs:
		return fmt.Errorf("mutant %q: %s in %s came to no end within %s", m.name, test, pkg, timeLimit)
	case r.failed == "":
		return fmt.Errorf("mutant %q survived %s in %s: %s", m.name, test, pkg, m.safeguard)
	}
	return nil
}
