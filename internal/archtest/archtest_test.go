// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryFileStandsInItsRoom is the check itself.
func TestEveryFileStandsInItsRoom(t *testing.T) {
	root, module := findModule(t)
	sources := readModule(t, root)
	if !slices.ContainsFunc(sources, func(s source) bool { return s.path == "internal/archtest/archtest_test.go" }) {
		t.Fatalf("among the %d files found below %s this one is missing; nothing was checked", len(sources), root)
	}
	for _, v := range check(module, sources) {
		t.Error(v)
	}
}

// findModule looks upward for the module that this package is part of.
func findModule(t *testing.T) (root, module string) {
	t.Helper()
	root, err := os.Getwd()
	for err == nil {
		text, missing := os.ReadFile(filepath.Join(root, "go.mod"))
		if missing == nil {
			for line := range strings.Lines(string(text)) {
				if module, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
					return root, module
				}
			}
			t.Fatalf("%s/go.mod names no module", root)
		}
		if root == filepath.Dir(root) {
			break
		}
		root = filepath.Dir(root)
	}
	t.Fatal("no go.mod above the working directory")
	return "", ""
}

// readModule reads the Go files of a module, leaving out the folders that the go tool leaves out too, and modules within.
func readModule(t *testing.T, root string) []source {
	t.Helper()
	var sources []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && path != root {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" || nested == nil {
				return filepath.SkipDir
			}
		}
		if entry.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		sources = append(sources, source{filepath.ToSlash(below), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// lines makes a function of so many lines.
func lines(n int) string {
	return "func f() {\n" + strings.Repeat("\n", n-2) + "}\n"
}

// TestPlantedViolations plants violations one by one. One that is not found means that the check has lost its teeth.
func TestPlantedViolations(t *testing.T) {
	missed := map[rule]bool{
		unreadable: true, noRoom: true, direction: true, library: true, name: true, goroutine: true, emptyName: true,
		length: true, linked: true, dotImport: true,
	}
	for _, tc := range []struct {
		path, text string
		rule       rule
	}{
		{"internal/core/plan/a.go", "package plan\nfunc {", unreadable},
		{"pkg/thing/a.go", "package thing", noRoom},
		{"internal/thing/a.go", "package thing", noRoom},
		{"main.go", "package main", noRoom},
		{"apiextra/a.go", "package apiextra", noRoom},

		{"internal/core/plan/a.go", `package plan; import _ "example.org/m/controllers"`, direction},
		{"internal/core/plan/a.go", `package plan; import _ "example.org/m/internal/apply"`, direction},
		{"internal/core/plan/a.go", `package plan; import _ "example.org/m/internal/corelike"`, direction},
		{"internal/core/plan/a.go", `package plan; import _ "example.org/m/internal/testkit"`, direction},
		{"internal/core/plan/a_test.go", `package plan; import _ "example.org/m/controllers"`, direction},
		{"internal/core/plan/a_test.go", `package plan; import _ "example.org/m/internal/apply"`, direction},
		{"internal/apply/a.go", `package apply; import _ "example.org/m/controllers"`, direction},
		{"internal/apply/a.go", `package apply; import _ "example.org/m/internal/sim"`, direction},
		{"internal/apply/a.go", `package apply; import _ "example.org/m/cmd/manager"`, direction},
		{"controllers/a.go", `package controllers; import _ "example.org/m/internal/testkit"`, direction},
		{"controllers/a.go", `package controllers; import _ "example.org/m/cmd/manager"`, direction},
		{"controllers/a.go", `package controllers; import _ "example.org/m/test/e2e"`, direction},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/core/plan"`, direction},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/testkit"`, direction},
		{"api/v1alpha1/a.go", `package v1alpha1; import _ "example.org/m/internal/core/names"`, direction},
		{"api/v1alpha1/a.go", `package v1alpha1; import _ "example.org/m/api/v1"`, direction},
		{"internal/sim/a.go", `package sim; import _ "example.org/m/cmd/manager"`, direction},

		{"internal/core/plan/a.go", `package plan; import _ "context"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "os"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "net/http"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "log/slog"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "math/rand/v2"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "crypto/rand"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "runtime"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "syscall"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "sync"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "unsafe"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "time/tzdata"`, library},
		{"internal/core/plan/a.go", `package plan; import "C"`, library},
		{"internal/core/plan/a.go", "//go:build linux\n\npackage plan\nimport _ \"os\"", library},
		{"internal/core/plan/a.go", "// Code generated by x. DO NOT EDIT.\n\npackage plan\nimport _ \"os\"", library},
		{"internal/core/plan/a.go", `package plan; import _ "k8s.io/client-go/kubernetes"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "k8s.io/apimachinery/pkg/util/rand"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "k8s.io/apimachinery/pkg/apis/meta/v1beta1"`, library},
		{"internal/core/plan/a.go", `package plan; import _ "sigs.k8s.io/controller-runtime/pkg/client"`, library},
		{"api/v1alpha1/a.go", `package v1alpha1; import _ "sigs.k8s.io/controller-runtime/pkg/scheme"`, library},
		{"api/v1alpha1/a.go", `package v1alpha1; import _ "os"`, library},

		{"internal/core/plan/a.go", `package plan; import "time"; var x = time.Now()`, name},
		{"internal/core/plan/a.go", `package plan; import "time"; var now = time.Now`, name},
		{"internal/core/plan/a.go", `package plan; import t "time"; var x = t.Since(t.Time{})`, name},
		{"internal/core/plan/a.go", `package plan; import "time"; func f() { time.Sleep(1) }`, name},
		{"internal/core/plan/a.go", `package plan; import "time"; var x = time.NewTimer(1)`, name},
		{"internal/core/plan/a.go", `package plan; import "time"; var x = time.Time{}.In(time.Local)`, name},
		{"internal/core/plan/a.go", `package plan; import "time"; var x = time.Time{}.Local()`, name},
		{"internal/core/plan/a.go", `package plan; import "fmt"; func f() { fmt.Println() }`, name},
		{"internal/core/plan/a.go", `package plan; import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"; var x = metav1.Now()`, name},
		{"internal/apply/a.go", `package apply; import "time"; var x = time.Now()`, name},
		{"internal/apply/a.go", `package apply; import "time"; var x = time.After(1)`, name},
		{"controllers/a.go", `package controllers; import "time"; func f() { time.Until(time.Time{}) }`, name},
		{"controllers/a.go", `package controllers; import "k8s.io/utils/clock"; var c = clock.RealClock{}`, name},
		{"api/v1alpha1/a.go", `package v1alpha1; import "time"; var x = time.Now()`, name},

		{"internal/core/plan/a.go", `package plan; func f() { go f() }`, goroutine},
		{"internal/core/plan/a.go", `package plan; var c chan int`, goroutine},

		{"internal/core/util/a.go", "package util", emptyName},
		{"internal/apply/helpers/a.go", "package apply", emptyName},
		{"internal/apply/things/a.go", "package common", emptyName},
		{"hack/misc/a.go", "package misc", emptyName},
		{"internal/apply/things/a_test.go", "package utils_test", emptyName},

		{"internal/core/plan/a.go", "package plan\n" + lines(61), length},
		{"internal/core/plan/a.go", "package plan\nvar v = " + strings.Replace(lines(61), "f()", "()", 1), length},
		{"controllers/a.go", "package controllers\n" + lines(81), length},
		{"internal/apply/a.go", "package apply\n" + lines(81), length},
		{"cmd/manager/a.go", "package main\n" + lines(81), length},

		{"cmd/manager/a.go", `package main; import _ "github.com/kopia/kopia/repo"`, linked},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/mover"`, linked},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/mover/manifest"`, linked},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/repository"`, linked},
		{"controllers/a.go", `package controllers; import _ "github.com/kopia/kopia/repo"`, linked},
		{"controllers/a.go", `package controllers; import _ "example.org/m/internal/repository"`, direction},
		{"internal/apply/a.go", `package apply; import _ "github.com/kopia/kopia/repo"`, linked},
		{"internal/apply/a.go", `package apply; import _ "example.org/m/internal/repository"`, direction},
		{"internal/core/plan/a.go", `package plan; import _ "github.com/kopia/kopia/snapshot"`, linked},
		{"internal/core/plan/a.go", `package plan; import _ "example.org/m/internal/repository"`, linked},
		{"internal/repository/a.go", `package repository; import _ "example.org/m/internal/mover"`, direction},
		{"internal/repository/a.go", `package repository; import "time"; var x = time.Now()`, name},
		{"cmd/mover/a.go", `package main; import _ "example.org/m/internal/core/plan"`, direction},
		{"internal/mover/result/a.go", `package result; import _ "os"`, library},
		{"internal/mover/result/a.go", `package result; import _ "example.org/m/internal/mover/manifest"`, direction},
		{"internal/core/plan/a.go", `package plan; import . "time"; var x = Now()`, dotImport},
	} {
		found := check("example.org/m", []source{{tc.path, tc.text}})
		if !slices.ContainsFunc(found, func(v violation) bool { return v.rule == tc.rule }) {
			t.Errorf("%s: not found (%s): %s\nfound: %v", tc.path, tc.rule, tc.text, found)
		}
		delete(missed, tc.rule)
	}
	for rule := range missed {
		t.Errorf("nothing was planted for %q", rule)
	}
}

// TestLinksAreFollowed plants a library behind two packages.
func TestLinksAreFollowed(t *testing.T) {
	found := check("example.org/m", []source{
		{"cmd/manager/main.go", `package main; import _ "example.org/m/controllers"`},
		{"controllers/a.go", `package controllers; import _ "example.org/m/internal/notify"`},
		{"internal/notify/a.go", `package notify; import _ "github.com/kopia/kopia/repo"`},
		{"cmd/mover/main.go", `package main; import _ "github.com/kopia/kopia/repo"`},
		{"controllers/a_test.go", `package controllers; import _ "github.com/kopia/kopia/tests"`},
	})
	var from []string
	for _, v := range found {
		if v.rule != linked || !strings.Contains(v.what, "internal/notify") {
			t.Errorf("found %v", v)
		}
		from = append(from, v.where)
	}
	if slices.Sort(from); !slices.Equal(from, []string{"cmd/manager", "controllers"}) {
		t.Errorf("found in %v", from)
	}
}

// TestTheManagerDoesNotLinkTheLibrary asks the go tool itself, which sees through every module.
func TestTheManagerDoesNotLinkTheLibrary(t *testing.T) {
	root, module := findModule(t)
	deps := func(program string) []string {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", program)
		list.Dir = root
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", program, err)
		}
		return strings.Fields(string(out))
	}
	opens := func(p string) bool {
		return within(p, "github.com/kopia/kopia") || within(p, module+"/internal/repository")
	}
	if !slices.ContainsFunc(deps("./cmd/mover"), opens) {
		t.Error("the mover does not link the library: nothing was checked")
	}
	if all := deps("./cmd/manager"); slices.ContainsFunc(all, opens) {
		t.Errorf("the manager links %s", all[slices.IndexFunc(all, opens)])
	}
}

// TestCleanHouse shows that what ARCHITECTURE.md allows is allowed, lest the check be passed by forbidding everything.
func TestCleanHouse(t *testing.T) {
	clean := []source{
		{"api/v1alpha1/a.go", `package v1alpha1; import (_ "k8s.io/apimachinery/pkg/apis/meta/v1"; _ "k8s.io/api/core/v1"; _ "k8s.io/apimachinery/pkg/runtime/schema")`},
		{"api/applyconfiguration/api/v1alpha1/a.go", "// Code generated by x. DO NOT EDIT.\n\npackage v1alpha1\nimport _ \"example.org/m/api/v1alpha1\"\n" + lines(200)},
		{"internal/core/plan/a.go", `package plan; import (_ "time"; _ "fmt"; _ "example.org/m/api/v1alpha1"; _ "example.org/m/internal/core/names")`},
		{"internal/core/plan/b.go", "package plan\nimport \"time\"\ntype clock struct{}\nfunc (clock) Now() int { return 0 }\nfunc g(time clock) int { return time.Now() }\nvar d = time.Hour\n" + lines(60)},
		{"internal/core/schedule/a.go", `package schedule; import _ "github.com/robfig/cron/v3"`},
		{"internal/core/objects/a.go", `package objects; import (_ "k8s.io/client-go/applyconfigurations/core/v1"; _ "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1")`},
		{"internal/core/plan/a_test.go", "package plan_test\nimport (\"context\"; \"os\"; \"time\"; \"testing\"; _ \"example.org/m/internal/testkit\"; _ \"example.org/m/internal/core/plan\")\nvar x = time.Now()\n" + lines(200)},
		{"internal/apply/a.go", "package apply\nimport (_ \"context\"; _ \"k8s.io/client-go/kubernetes\"; _ \"example.org/m/internal/core/plan\")\n" + lines(80)},
		{"controllers/a.go", `package controllers; import (_ "example.org/m/internal/apply"; _ "example.org/m/internal/core/plan"; _ "example.org/m/api/v1alpha1")`},
		{"controllers/a_test.go", `package controllers; import (_ "example.org/m/internal/sim"; _ "example.org/m/test/apiserver")`},
		{"cmd/manager/main.go", `package main; import ("time"; _ "example.org/m/controllers"; _ "example.org/m/internal/config"); var start = time.Now()`},
		{"cmd/manager/a.go", `package main; import _ "example.org/m/internal/mover/result"`},
		{"cmd/mover/main.go", `package main; import (_ "example.org/m/internal/mover"; _ "example.org/m/internal/mover/manifest"; _ "github.com/kopia/kopia/repo")`},
		{"internal/mover/a.go", `package mover; import (_ "example.org/m/internal/mover/manifest"; _ "example.org/m/internal/mover/result"; _ "example.org/m/internal/repository")`},
		{"internal/repository/a.go", `package repository; import (_ "github.com/kopia/kopia/repo"; _ "example.org/m/internal/core/order"; _ "example.org/m/internal/mover/result")`},
		{"cmd/mover/do.go", `package main; import (_ "example.org/m/internal/core/order"; _ "example.org/m/internal/repository")`},
		{"internal/sim/a.go", `package sim; import (_ "example.org/m/controllers"; _ "example.org/m/internal/testkit"; "time"); var x = time.Now()`},
		{"test/e2e/a_test.go", `package e2e; import (_ "example.org/m/internal/core/plan"; _ "example.org/m/test/apiserver")`},
		{"hack/chart/main.go", "package main\n" + lines(200)},
	}
	for _, v := range check("example.org/m", clean) {
		t.Error(v)
	}
	for _, s := range clean { // each alone as well: rooms that do not exist yet are no violation
		if found := check("example.org/m", []source{s}); len(found) > 0 {
			t.Error(found)
		}
	}
}

// TestRoomsAreDistinct guards the order of the rooms: one that stands behind a room that contains it is never asked.
func TestRoomsAreDistinct(t *testing.T) {
	for n, r := range rooms {
		if got, _ := roomOf(r.folder + "/x"); fmt.Sprint(got.folder) != r.folder {
			t.Errorf("room %d, %s, is hidden behind %s", n, r.folder, got.folder)
		}
	}
}
