// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	root, manifest := filepath.Join(dir, "data"), filepath.Join(dir, "manifest")
	if err := errors.Join(os.Mkdir(root, 0o755), os.WriteFile(filepath.Join(root, "f"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) error { return run(context.Background(), args) }
	if err := errors.Join(do("manifest", "--out", manifest, root), do("verify", "--manifest", manifest, root), do("digest", root),
		do("digest", "--block", manifest), do("version"), do("help")); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(filepath.Join(root, "f"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := do("verify", "--manifest", manifest, root); !errors.Is(err, errDiffer) {
		t.Errorf("a changed volume: %v", err)
	}
	if err := do("verify", "--manifest", manifest, "--ignore", "mode", root); err != nil {
		t.Error(err)
	}
	if err := do("manifest", "--help"); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	for _, args := range [][]string{
		{}, {"manifesto"}, {"manifest"}, {"manifest", root, root}, {"digest", root + "x"}, {"verify", root}, {"verify", "--manifest", root + "x", root},
		{"read"}, {"read", "--volume", "a=" + root, "more"}, {"read", "--volume", root}, {"read", "--volume", "../a=" + root},
		{"read", "--volume", "a=" + root, "--block", "a=" + manifest},
	} {
		if err := do(args...); err == nil || errors.Is(err, errDiffer) {
			t.Errorf("mover %s: %v", strings.Join(args, " "), err)
		}
	}
}

func TestReadWritesTheTerminationLog(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, []byte(strings.Repeat("what stood there before ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	read := func(args ...string) (result.Result, error) {
		err := run(context.Background(), append([]string{"read", "--termination-log", log}, args...))
		raw, reading := os.ReadFile(log)
		r, decoding := result.Decode(raw)
		if err := errors.Join(reading, decoding); err != nil {
			t.Fatal(err)
		}
		return r, err
	}
	r, err := read("--volume", "a="+t.TempDir(), "--block", "b="+os.Args[0])
	if err != nil || len(r.Volumes) != 2 || r.Volumes[0].Digest == "" || r.Volumes[1].Bytes == 0 || r.Error != "" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = read("--volume", "a="+filepath.Join(dir, "secret"))
	if err == nil || len(r.Volumes) != 1 || r.Error != "volume a: no such file or directory" {
		t.Errorf("%+v, %v", r, err)
	}
	var many []string
	for n := range 40 {
		many = append(many, "--volume", "volume"+strings.Repeat("x", n)+"="+dir)
	}
	if r, err = read(many...); err == nil || !strings.Contains(r.Error, "read fewer volumes") {
		t.Errorf("%+v, %v", r, err)
	}
}
