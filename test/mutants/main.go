// SPDX-License-Identifier: Apache-2.0

// Command mutants plants faults in our own code, one at a time, and demands that a test notices each. The tree is never
// changed: the compiler is given the faulty file as an overlay.
//
// Seeded mutants (seeded.go) each remove a safeguard, and name the test that must kill them. Standard mutants (standard.go)
// are derived from the code of a package: conditions negated, bounds moved, statements left out. Those that no test can kill
// are listed with the reason in equivalent.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

func main() {
	only := flag.String("only", "", "run the mutants whose name matches this regular expression")
	var standard []string
	flag.Func("standard", "run the standard mutants of this package instead of the seeded ones; may be given again", func(pkg string) error {
		standard = append(standard, pkg)
		return nil
	})
	page := flag.Bool("page", false, "write the page of the seeded mutants, and run none")
	jobs := flag.Int("jobs", 2, "how many are run side by side")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, standard, *page, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, standard []string, page bool, jobs int) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if page {
		_, err := os.Stdout.WriteString(pageOf(seeded))
		return err
	}
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	work, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	b := bench{root: root, work: work, jobs: jobs}
	if len(standard) == 0 {
		return b.seeded(ctx, match)
	}
	for _, pkg := range standard {
		if err := b.standard(ctx, pkg, match); err != nil {
			return err
		}
	}
	return nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// each runs f for every index, as many side by side as there are jobs.
func (b bench) each(n int, f func(int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, b.jobs) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
