// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// quick is how long the tests may take together that a mutant is tried with first: most are killed by those.
const quick = time.Second

// timed is a test of a package with how long it takes, and the mutants that it reaches.
type timed struct {
	name    string
	took    time.Duration
	reaches map[int]bool
}

// standard runs the standard mutants of a package against its own tests.
func (b bench) standard(ctx context.Context, pkg string, match *regexp.Regexp) error {
	files, sites, err := b.derive(ctx, pkg)
	if err != nil {
		return err
	}
	program, err := b.build(ctx, pkg, files)
	if err != nil {
		return err
	}
	tests, err := b.survey(ctx, program, pkg)
	if err != nil {
		return err
	}
	keys := keysOf(sites)
	known := equivalent[pkg]
	var chosen []int
	for i := range sites {
		if match.MatchString(keys[i]) && known[keys[i]] == "" {
			chosen = append(chosen, i)
		}
	}
	began := time.Now()
	survived := make([]string, len(chosen))
	errs := make([]error, len(chosen))
	b.each(len(chosen), func(n int) {
		i := chosen[n]
		by, err := b.try(ctx, program, pkg, i+1, tests)
		if err != nil {
			errs[n] = err
		} else if by == "" {
			survived[n] = fmt.Sprintf("%s:%d: %s", filepath.Join(pkg, sites[i].file), sites[i].line, keys[i])
			fmt.Fprintln(os.Stderr, survived[n])
		}
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	survived = slices.DeleteFunc(survived, func(s string) bool { return s == "" })
	killed := len(chosen) - len(survived)
	fmt.Printf("%s: %d of %d standard mutants killed (%.1f %%), %d known to be equivalent, in %.0f s\n",
		pkg, killed, len(chosen), 100*float64(killed)/float64(max(1, len(chosen))), len(known), time.Since(began).Seconds())
	if stale := staleEquivalents(known, keys); len(stale) > 0 {
		return fmt.Errorf("equivalent.go lists what is not there any more:\n%s", strings.Join(stale, "\n"))
	}
	if len(survived) > 0 && known != nil {
		return fmt.Errorf("%d mutants survived", len(survived))
	}
	return nil
}

// keysOf names the sites.
func keysOf(sites []site) []string {
	times := map[string]int{}
	out := make([]string, len(sites))
	for i, s := range sites {
		plain := s.key(0)
		out[i] = s.key(times[plain])
		times[plain]++
	}
	return out
}

func staleEquivalents(known map[string]string, keys []string) []string {
	var out []string
	for key := range known {
		if !slices.Contains(keys, key) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

var listed = regexp.MustCompile(`(?m)^Test\w*$`)

// survey runs each test alone, without a fault, and sees how long it takes and which mutants it reaches; quickest first.
func (b bench) survey(ctx context.Context, program, pkg string) ([]timed, error) {
	cmd, err := b.listTests(ctx, program, pkg)
	if err != nil {
		return nil, err
	}
	tests := make([]timed, len(cmd))
	errs := make([]error, len(cmd))
	var mu sync.Mutex
	b.each(len(cmd), func(i int) {
		reached := filepath.Join(filepath.Dir(program), "reached-"+strconv.Itoa(i))
		r, err := b.test(ctx, program, pkg, exactly(cmd[i]), timeLimit, "MUTANT_REACHED="+reached)
		if err != nil || r.failed != "" || r.hangs {
			errs[i] = errors.Join(err, fmt.Errorf("%s in %s does not pass without a mutant:\n%s", cmd[i], pkg, r.said))
			return
		}
		text, err := os.ReadFile(reached)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs[i] = err
			return
		}
		t := timed{name: cmd[i], took: r.took, reaches: map[int]bool{}}
		for line := range strings.FieldsSeq(string(text)) {
			id, err := strconv.Atoi(line)
			if err != nil {
				errs[i] = err
				return
			}
			t.reaches[id] = true
		}
		mu.Lock()
		defer mu.Unlock()
		tests[i] = t
	})
	slices.SortFunc(tests, func(a, b timed) int { return int(a.took - b.took) })
	return tests, errors.Join(errs...)
}

func (b bench) listTests(ctx context.Context, program, pkg string) ([]string, error) {
	r, err := b.run(ctx, program, pkg, []string{"-test.list=."}, time.Minute)
	return listed.FindAllString(r.said, -1), err
}

// try runs the tests that reach a mutant, the quick ones first, and says which killed it; empty when it survived.
func (b bench) try(ctx context.Context, program, pkg string, id int, tests []timed) (string, error) {
	var batches [][]string
	var took []time.Duration
	for _, t := range tests {
		if !t.reaches[id] {
			continue
		}
		last := len(batches) - 1
		if last < 0 || took[last]+t.took > quick {
			batches, took = append(batches, nil), append(took, 0)
			last++
		}
		batches[last], took[last] = append(batches[last], t.name), took[last]+t.took
	}
	for i, names := range batches {
		run := "^(" + strings.Join(names, "|") + ")$"
		limit := (10*time.Second + 5*took[i]).Round(time.Second)
		r, err := b.test(ctx, program, pkg, run, limit, "MUTANT="+strconv.Itoa(id))
		switch {
		case err != nil:
			return "", err
		case r.hangs:
			return "the time limit", nil
		case r.failed != "":
			return r.failed, nil
		}
	}
	return "", nil
}
