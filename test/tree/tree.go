// SPDX-License-Identifier: Apache-2.0

// Package tree looks for what lists name in the tree, so that no list outlives it.
package tree

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// HasTest says whether a package below a root has a test or a fuzz target of a name. Of a subtest its test is looked for.
func HasTest(root, pkg, test string) (bool, error) {
	name, _, _ := strings.Cut(test, "/")
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\([tf] \*testing\.[TF]\)`)
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && declared.Match(text)
	}), err
}
