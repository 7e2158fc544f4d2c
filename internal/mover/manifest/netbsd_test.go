// SPDX-License-Identifier: Apache-2.0

//go:build linux && mtree

package manifest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// program is NetBSD's mtree, which Debian packages as mtree-netbsd. Root gets it installed.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mtree")
	if err == nil {
		return path
	}
	if os.Geteuid() != 0 {
		t.Fatal("mtree is needed: apt-get install mtree-netbsd")
	}
	if out, err := exec.Command("sh", "-c", "apt-get update && apt-get install -y mtree-netbsd").CombinedOutput(); err != nil {
		t.Fatalf("install mtree-netbsd: %v\n%s", err, out)
	}
	if path, err = exec.LookPath("mtree"); err != nil {
		t.Fatal(err)
	}
	return path
}

var attributes = regexp.MustCompile(` xattr\.[^ \n]*`)

// TestNetBSDJudge shows that mtree of NetBSD agrees with a tree's own manifest, once extended attributes are taken out,
// and sees the changes that it can see.
func TestNetBSDJudge(t *testing.T) {
	mtree := program(t)
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "question")
		err := inTemporary(func(folder string) error {
			root := filepath.Join(folder, "tree")
			if err := plant(root, q.tree); err != nil {
				return err
			}
			text, _, err := ours.manifest(root, 2)
			if err != nil {
				return err
			}
			check := func() (string, error) {
				cmd := exec.Command(mtree, "-p", root)
				cmd.Stdin = strings.NewReader(attributes.ReplaceAllString(text, ""))
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if errors.As(err, &exit) && exit.ExitCode() == 2 { // they differ
					err = nil
				}
				return string(out), err
			}
			if out, err := check(); err != nil || out != "" {
				return fmt.Errorf("of its own tree: %v\n%s\n%s", err, out, text)
			}
			// Attributes it does not know, and it compares microseconds.
			if q.change.name == "" || q.change.keywords == "xattr" || q.change.keywords == "time" {
				return nil
			}
			if err := q.change.applyTo(root, q.node, q.tree); err != nil {
				return err
			}
			out, err := check()
			if err == nil && out == "" {
				err = fmt.Errorf("%s of %q is not seen", q.change.name, q.node.path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
