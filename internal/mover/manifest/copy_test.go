// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// shelf keeps contents under their hashes.
type shelf struct {
	mu      sync.Mutex
	kept    map[string][]byte
	created int
	fails   error
}

type keeping struct {
	bytes.Buffer
	on *shelf
}

func (s *shelf) Create(context.Context, string, int64) (Content, error) {
	return &keeping{on: s}, nil
}

func (k *keeping) Write(p []byte) (int, error) {
	if k.on.fails != nil {
		return 0, k.on.fails
	}
	return k.Buffer.Write(p)
}

func (k *keeping) Result() (string, error) {
	k.on.mu.Lock()
	defer k.on.mu.Unlock()
	called := fmt.Sprintf("%x", sha256.Sum256(k.Bytes()))
	k.on.kept[called] = bytes.Clone(k.Bytes())
	k.on.created++
	return called, nil
}

func (k *keeping) Close() error { return nil }

// copied is a copy, with all that the next one needs.
type copied struct {
	Copied
	text, facts string
	nodes       []Node
}

func copyOf(root string, on *shelf, before *copied, workers int) (copied, error) {
	var text, facts strings.Builder
	var out copied
	c := Copying{Options: Options{Workers: workers}, Store: on, Salt: "salt", Facts: &facts, Visit: func(n *Node) error {
		out.nodes = append(out.nodes, *n)
		return nil
	}}
	if before != nil {
		var err error
		if c.Before, err = NewBefore(strings.NewReader(before.text), strings.NewReader(before.facts)); err != nil {
			return out, err
		}
	}
	var err error
	out.Copied, err = Copy(context.Background(), root, &text, c)
	if err == nil && c.Before != nil {
		err = c.Before.Err()
	}
	out.text, out.facts = text.String(), FactsHeader(out.Copied)+facts.String()
	return out, err
}

// Whatever the tree: a copy has the manifest that Make writes, keeps each content, and the next one after a change has again the
// manifest that Make writes, though it reads only what changed.
func TestCopiesHaveTheManifestOfTheVolume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := genQuestion().Draw(t, "question")
		if err := inTemporary(func(folder string) error {
			root, on := filepath.Join(folder, "tree"), &shelf{kept: map[string][]byte{}}
			if err := plant(root, q.tree); err != nil {
				return err
			}
			first, err := copyOf(root, on, nil, 3)
			if err == nil {
				err = sameAsMade(root, first, on)
			}
			if err != nil {
				return err
			}
			// All that the walk found is trusted, as if a later change had come to all other files.
			first.facts = strings.Replace(first.facts, factsHeader+first.Newest, factsHeader+"9999999999.000000000", 1)
			if q.change.name != "" {
				if err := q.change.applyTo(root, q.node, q.tree); err != nil {
					return err
				}
			}
			second, err := copyOf(root, on, &first, 2)
			if err != nil {
				return err
			}
			return sameAsMade(root, second, on)
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func sameAsMade(root string, c copied, on *shelf) error {
	var text strings.Builder
	s, err := Make(context.Background(), root, &text, Options{})
	if err != nil {
		return err
	}
	if s != c.Summary || text.String() != c.text {
		return fmt.Errorf("copied %+v\n%s\nmade %+v\n%s", c.Summary, c.text, s, text.String())
	}
	if want := int(s.Files + s.Directories + s.Others + 1); len(c.nodes) != want {
		return fmt.Errorf("%d entries were visited, of %d", len(c.nodes), want)
	}
	for _, n := range c.nodes {
		if content, is := on.kept[n.Stored]; (n.Type == File) && (!is || int64(len(content)) != n.Size) {
			return fmt.Errorf("the content of %q was not kept", n.Name)
		}
	}
	return nil
}

func TestTheSecondCopyReadsWhatChanged(t *testing.T) {
	root, on := filepath.Join(t.TempDir(), "tree"), &shelf{kept: map[string][]byte{}}
	for n := range 640 {
		put(t, filepath.Join(root, fmt.Sprint(n%10), fmt.Sprint(n)), "content")
	}
	first, err := copyOf(root, on, nil, 4)
	if err != nil {
		t.Fatal(err)
	}
	again := func(newest string) copied {
		t.Helper()
		before := first
		before.facts = strings.Replace(first.facts, factsHeader+first.Newest, factsHeader+newest, 1)
		c, err := copyOf(root, on, &before, 4)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := again(first.Newest); c.Unchanged != 0 {
		t.Errorf("%d files were trusted that may have changed in the same tick", c.Unchanged)
	}
	c := again("9999999999.000000000")
	if c.Unchanged+c.Sampled != 640 || c.Sampled < 1 || c.Sampled > 40 {
		t.Errorf("%d trusted, %d read all the same", c.Unchanged, c.Sampled)
	}
	put(t, filepath.Join(root, "3", "13"), "CONTENT")
	if err := errors.Join(os.Chmod(filepath.Join(root, "4", "14"), 0o600), os.Rename(filepath.Join(root, "5", "15"), filepath.Join(root, "5", "0"))); err != nil {
		t.Fatal(err)
	}
	if c = again("9999999999.000000000"); c.Unchanged+c.Sampled != 637 {
		t.Errorf("%d trusted, %d read all the same", c.Unchanged, c.Sampled)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// What is remembered may be damaged. Then it is not used, and never mixed up.
func TestDamagedMemoryIsNotTrusted(t *testing.T) {
	root, on := filepath.Join(t.TempDir(), "tree"), &shelf{kept: map[string][]byte{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		put(t, filepath.Join(root, name), name)
	}
	first, err := copyOf(root, on, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	first.facts = strings.Replace(first.facts, factsHeader+first.Newest, factsHeader+"9999999999.000000000", 1)
	lines := strings.SplitAfter(first.facts, "\n")
	for name, facts := range map[string]string{
		"cut off":         strings.Join(lines[:3], ""),
		"in other order":  lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""),
		"one is missing":  lines[0] + strings.Join(lines[2:], ""),
		"not understood":  lines[0] + "facts\n" + strings.Join(lines[2:], ""),
		"of another time": strings.Replace(first.facts, lines[1], "x"+lines[1], 1),
	} {
		before := first
		before.facts = facts
		c, err := copyOf(root, on, &before, 2)
		if err == nil {
			t.Errorf("%s: nothing was said", name)
		}
		if err := sameAsMade(root, c, on); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, facts := range []string{"", "facts\n", factsHeader + "soon\n"} {
		if _, err := NewBefore(strings.NewReader(first.text), strings.NewReader(facts)); err == nil {
			t.Errorf("%q was taken for facts", facts)
		}
	}
}

func TestAStoreThatFailsEndsTheWalk(t *testing.T) {
	root := filepath.Join(t.TempDir(), "tree")
	put(t, filepath.Join(root, "small"), "content")
	put(t, filepath.Join(root, "large"), strings.Repeat("content", large))
	put(t, filepath.Join(root, "other"), "content")
	full := errors.New("the store is full")
	_, err := copyOf(root, &shelf{kept: map[string][]byte{}, fails: full}, nil, 2)
	if stored := (*StoreError)(nil); !errors.As(err, &stored) || !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	var text strings.Builder
	_, _, err = CopyBlock(context.Background(), filepath.Join(root, "large"), &text, &shelf{kept: map[string][]byte{}, fails: full}, Options{})
	if !errors.Is(err, full) || text.Len() > 0 {
		t.Errorf("%v, %q", err, text.String())
	}
}

// A part of a manifest is verified like a whole one.
func TestSelect(t *testing.T) {
	root := filepath.Join(t.TempDir(), "tree")
	for _, name := range []string{"a/1", "a/2", "b/1"} {
		put(t, filepath.Join(root, name), name)
	}
	var text, part strings.Builder
	if _, err := Make(context.Background(), root, &text, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Select(strings.NewReader(text.String()), &part, func(p string) bool { return p != "b" && p != "b/1" }); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(context.Background(), root, strings.NewReader(part.String()), VerifyOptions{})
	if err != nil || r.Extra != 2 || r.Missing+r.Changed+r.Unreadable != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := Select(strings.NewReader(text.String()[:text.Len()-40]), io.Discard, func(string) bool { return true }); err == nil {
		t.Error("a manifest that was cut off was taken for whole")
	}
}

func TestInstants(t *testing.T) {
	for _, text := range []string{"0.000000000", "-2.500000000", "1700000000.123456789"} {
		if i, err := parseInstant([]byte(text)); err != nil || i.String() != text {
			t.Errorf("%s: %s, %v", text, i, err)
		}
	}
	for _, text := range []string{"", "1", "1.5", ".000000000", "1.0000000000", "x.000000000", "1.-00000001"} {
		if i, err := parseInstant([]byte(text)); err == nil {
			t.Errorf("%q is %s", text, i)
		}
	}
}
