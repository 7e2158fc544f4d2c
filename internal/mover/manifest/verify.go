// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// VerifyOptions of a comparison.
type VerifyOptions struct {
	Options
	// Ignore are keywords in which an entry may differ, such as "gid" and "mode" where the kubelet applied a fsGroup;
	// "xattr" stands for all extended attributes.
	Ignore []string
}

// Report is what a comparison found.
type Report struct {
	Missing    int64            `json:"missing"`            // in the manifest alone
	Extra      int64            `json:"extra"`              // in the tree alone
	Changed    int64            `json:"changed"`            // in both, but not alike
	Keywords   map[string]int64 `json:"keywords,omitempty"` // in what entries have changed
	Unreadable int64            `json:"unreadable"`         // not known, that is
	First      []string         `json:"-"`                  // some of them, with escaped paths: for a log
	Manifest   string           `json:"manifest"`           // digest of the manifest, as Summary.Digest
	Found      Summary          `json:"found"`              // what the tree holds
}

// Same tells whether the tree is what the manifest says.
func (r *Report) Same() bool { return r.Missing+r.Extra+r.Changed+r.Unreadable == 0 }

// Verify compares a tree with a manifest that Make has written, reading both once. That they differ is no error; that
// something could not be read is an *Incomplete, beside the report.
func Verify(ctx context.Context, root string, manifest io.Reader, o VerifyOptions) (Report, error) {
	v := &verifier{
		reader: newReader(manifest), recorder: newRecorder(io.Discard), ignore: o.Ignore,
		report: Report{Keywords: map[string]int64{}},
	}
	if err := v.advance(); err != nil {
		return Report{}, err
	}
	if err := walk(ctx, root, o.Options, v.compare); err != nil {
		return Report{}, err
	}
	for !v.ended {
		v.missing()
		if err := v.advance(); err != nil {
			return Report{}, err
		}
	}
	v.report.Manifest = digest(v.reader.hash.Sum(nil))
	var err error
	v.report.Found, err = v.recorder.finish()
	return v.report, err
}

// verifier merges a manifest with a walk; both are in the same order.
type verifier struct {
	reader   *reader
	ended    bool // the manifest is
	recorder *recorder
	ignore   []string
	report   Report

	path    []byte // of the tree's entry, escaped
	raw     []byte // the same, not escaped
	blocked []byte // path of the last directory that could not be read, with a slash, escaped
}

func (v *verifier) advance() error {
	err := v.reader.next()
	if errors.Is(err, io.EOF) {
		v.ended = true
		return nil
	}
	return err
}

// compare takes the next entry of the tree.
func (v *verifier) compare(e *entry) error {
	line, err := v.recorder.record(e)
	if err != nil {
		return err
	}
	v.path = e.appendPath(v.path[:0])
	for !v.ended && !bytes.Equal(v.reader.path, v.path) {
		if v.raw, err = appendUnescaped(v.raw[:0], v.path); err != nil {
			return err
		}
		if comparePaths(v.reader.raw, v.raw) > 0 {
			break
		}
		v.missing()
		if err := v.advance(); err != nil {
			return err
		}
	}
	listed := !v.ended && bytes.Equal(v.reader.path, v.path)
	switch {
	case e.err != nil:
		v.report.Unreadable++
		v.note("unreadable", v.path, "")
		v.blocked = append(append(v.blocked[:0], v.path...), '/')
	case !listed:
		v.report.Extra++
		v.note("extra", v.path, "")
	default:
		v.changes(bytes.TrimSuffix(line, []byte("\n")))
	}
	if listed {
		return v.advance()
	}
	return nil
}

// missing counts the manifest's entry, which the tree does not have. Below a directory that could not be read, nobody
// knows.
func (v *verifier) missing() {
	if len(v.blocked) > 0 && bytes.HasPrefix(v.reader.path, v.blocked) {
		v.report.Unreadable++
		return
	}
	v.report.Missing++
	v.note("missing", v.reader.path, "")
}

// changes compares the lines of an entry.
func (v *verifier) changes(found []byte) {
	if bytes.Equal(v.reader.line, found) {
		return
	}
	was, is := keywords(v.reader.line), keywords(found)
	differ := map[string]bool{}
	for _, side := range []map[string]string{was, is} {
		for k := range side {
			general, _, _ := strings.Cut(k, ".")
			if was[k] != is[k] && !slices.Contains(v.ignore, general) {
				differ[general] = true
			}
		}
	}
	if len(differ) == 0 {
		return
	}
	v.report.Changed++
	names := slices.Sorted(maps.Keys(differ))
	for _, k := range names {
		v.report.Keywords[k]++
	}
	v.note("changed", v.path, ": "+strings.Join(names, ", "))
}

// keywords of a line, with their sign of equality, so that an empty value is not taken for none.
func keywords(line []byte) map[string]string {
	all := map[string]string{}
	for n, word := range strings.Split(string(line), " ") {
		if n > 0 {
			k, _, _ := strings.Cut(word, "=")
			all[k] = word
		}
	}
	return all
}

func (v *verifier) note(what string, path []byte, more string) {
	if len(v.report.First) < mostNamed {
		v.report.First = append(v.report.First, fmt.Sprintf("%s %s%s", what, path, more))
	}
}
