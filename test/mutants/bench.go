// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// bench builds test programs with faults in them, and runs them.
type bench struct {
	root, work string
	jobs       int
}

// memory is what a test program may take, in kilobytes of address space: a fault may have it append for ever.
const memory = 6 << 20

// build compiles the tests of a package as they would be if files had other texts, and returns the program. Files are
// named from the root.
func (b bench) build(ctx context.Context, pkg string, files map[string]string) (string, error) {
	dir, overlay, err := b.overlay(files)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "tests")
	return program, b.compiler(ctx, pkg, "test", "-c", "-ldflags=-s -w", "-overlay", overlay, "-o", program)
}

// vet says whether a package compiles as it would be if files had other texts.
func (b bench) vet(ctx context.Context, pkg string, files map[string]string) error {
	dir, overlay, err := b.overlay(files)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return b.compiler(ctx, pkg, "build", "-overlay", overlay)
}

func (b bench) compiler(ctx context.Context, pkg string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = b.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not compile: %w\n%s", pkg, err, out)
	}
	return nil
}

// overlay writes files for the compiler to read instead of those in the tree.
func (b bench) overlay(files map[string]string) (dir, listed string, err error) {
	dir, err = os.MkdirTemp(b.work, "build-")
	if err != nil {
		return "", "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		faulty := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(faulty, []byte(text), 0o600); err != nil {
			return "", "", err
		}
		replace[filepath.Join(b.root, file)] = faulty
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", "", err
	}
	listed = filepath.Join(dir, "overlay.json")
	return dir, listed, os.WriteFile(listed, text, 0o600)
}

// result is how a run of tests ended.
type result struct {
	failed string // the test that failed, or that there was a panic; empty when all passed
	hangs  bool   // nothing came of it in time
	said   string
	took   time.Duration
}

var failure = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// test runs tests of a program in the folder of its package.
func (b bench) test(ctx context.Context, program, pkg, run string, limit time.Duration, env ...string) (result, error) {
	quick, err := b.rapid(pkg)
	if err != nil {
		return result{}, err
	}
	return b.run(ctx, program, pkg, append(quick, "-test.run="+run, "-test.failfast", "-test.timeout="+limit.String()), limit, env...)
}

func (b bench) run(ctx context.Context, program, pkg string, args []string, limit time.Duration, env ...string) (result, error) {
	late, stop := context.WithTimeout(ctx, limit+10*time.Second)
	defer stop()
	cmd := exec.CommandContext(late, "sh", append([]string{"-c", fmt.Sprintf(`ulimit -v %d 2>/dev/null; exec "$0" "$@"`, memory), program}, args...)...)
	cmd.Dir = filepath.Join(b.root, pkg)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	r := result{said: out.String(), took: time.Since(began)}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return r, ctx.Err()
	case !errors.As(err, &exit):
		return r, err
	case strings.Contains(r.said, "panic: test timed out") || late.Err() != nil:
		r.hangs = true
		return r, nil
	case strings.Contains(r.said, "flag provided but not defined"):
		return r, errors.New(r.said)
	}
	r.failed = "a panic"
	if m := failure.FindStringSubmatch(r.said); m != nil {
		r.failed = m[1]
	}
	return r, nil
}

// rapid are the flags by which property tests neither leave files behind nor look for the smallest example.
func (b bench) rapid(pkg string) ([]string, error) {
	tests, err := filepath.Glob(filepath.Join(b.root, pkg, "*_test.go"))
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(text), `"pgregory.net/rapid"`) {
			return []string{"-rapid.nofailfile", "-rapid.shrinktime=1ms"}, nil
		}
	}
	return nil, err
}
