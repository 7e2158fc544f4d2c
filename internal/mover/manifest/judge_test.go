// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vbatts/go-mtree"
	"pgregory.net/rapid"
)

// judged are the keywords of a manifest that go-mtree checks. It would want size of directories, too.
var judged = []mtree.Keyword{"type", "uid", "gid", "mode", "link", "time", "sha256digest", "xattr"}

// judge lets go-mtree, which shares nothing with this package, compare a tree with a manifest. It answers in the words
// of Report.First.
func judge(root, text string) ([]string, error) {
	spec, err := mtree.ParseSpec(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	found, err := mtree.Check(root, spec, judged, nil)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, d := range found {
		path := "./" + string(appendEscaped(nil, d.Path()))
		if d.Type() != mtree.Modified {
			all = append(all, fmt.Sprintf("%s %s", d.Type(), path))
			continue
		}
		var keywords []string
		for _, k := range d.Diff() {
			// A manifest has no time for the root.
			if d.Path() != "." || k.Name() != "time" {
				keywords = append(keywords, string(k.Name().Prefix()))
			}
		}
		if slices.Sort(keywords); len(keywords) > 0 {
			all = append(all, fmt.Sprintf("changed %s: %s", path, strings.Join(keywords, ", ")))
		}
	}
	slices.Sort(all)
	return all, nil
}

// TestOutsideJudge shows that go-mtree understands manifests, of odd trees too: it agrees with a tree's own, and sees
// the changes that Verify sees.
func TestOutsideJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "question")
		// In names of attributes go-mtree does not escape the sign that ends them.
		for _, n := range append(q.tree, q.node) {
			delete(n.xattrs, "user.eq=")
		}
		if len(q.node.xattrs) == 0 && strings.Contains(q.change.name, "attribute") {
			q.change.name = ""
		}
		err := inTemporary(func(folder string) error {
			root := filepath.Join(folder, "tree")
			if err := plant(root, q.tree); err != nil {
				return err
			}
			text, _, err := ours.manifest(root, 2)
			if err != nil {
				return err
			}
			if found, err := judge(root, text); err != nil || len(found) > 0 {
				return fmt.Errorf("of its own tree: %v, %v\n%s", found, err, text)
			}
			if q.change.name == "" {
				return nil
			}
			if err := q.change.applyTo(root, q.node, q.tree); err != nil {
				return err
			}
			found, err := judge(root, text)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(asJudged(q.change.said(q.node)), found); diff != "" {
				return errors.New(q.change.name + " (-want +got):\n" + diff)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// asJudged leaves out what go-mtree was not asked about.
func asJudged(said []string) []string {
	var all []string
	for _, s := range said {
		all = append(all, strings.TrimSuffix(s, ", size"))
	}
	slices.Sort(all)
	return all
}
