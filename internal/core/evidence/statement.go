// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The types of a statement.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://in-toto.io/attestation/test-result/v0.1"
)

// statement is the in-toto Statement, version 1.
type statement struct {
	Type          string       `json:"_type"`
	Subject       []descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     predicate    `json:"predicate"`
}

// descriptor is what in-toto calls a ResourceDescriptor.
type descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// predicate is the test-result predicate, version 0.1, and one field of ours.
type predicate struct {
	Result        string       `json:"result"`
	Configuration []descriptor `json:"configuration"`
	PassedTests   []string     `json:"passedTests"`
	WarnedTests   []string     `json:"warnedTests"`
	FailedTests   []string     `json:"failedTests"`
	Lifeboat      *Drill       `json:"lifeboat"`
}

// results are the words of the predicate for ours. WARNED is not a pass: such a drill showed nothing.
var results = map[string]string{Passed: "PASSED", Inconclusive: "WARNED", Aborted: "WARNED", Failed: "FAILED"}

// Statement writes what a drill showed. It refuses facts that contradict each other, such as a pass short of the level
// that was required, and facts that do not belong into evidence, such as a reason of several words.
func Statement(d Drill) ([]byte, error) {
	d = d.normal()
	if err := d.validate(); err != nil {
		return nil, fmt.Errorf("no evidence can be given of drill %q: %w", d.Drill.Name, err)
	}
	subject, err := subjects(d)
	if err != nil {
		return nil, err
	}
	passed, failed := tests(d)
	return canonical(statement{
		Type: StatementType, Subject: subject, PredicateType: PredicateType,
		Predicate: predicate{
			Result: results[d.Verdict], Configuration: configuration(d),
			// By the predicate's definition a warned test has passed. Nothing passes with a warning here.
			PassedTests: passed, WarnedTests: []string{}, FailedTests: failed,
			Lifeboat: &d,
		},
	})
}

// Digest names a statement: it is the SHA-256 of the payload, as its successor quotes it.
func Digest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// Parse reads a statement back. Fields that it does not know are ignored, as in-toto demands. It refuses what Statement
// refuses, and a statement whose generic result says something else than its verdict.
func Parse(payload []byte) (Drill, error) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return Drill{}, fmt.Errorf("not a statement: %w", err)
	}
	switch {
	case s.Type != StatementType:
		return Drill{}, fmt.Errorf("_type is %q, not %q", s.Type, StatementType)
	case s.PredicateType != PredicateType:
		return Drill{}, fmt.Errorf("predicateType is %q, not %q", s.PredicateType, PredicateType)
	case s.Predicate.Lifeboat == nil:
		return Drill{}, errors.New("predicate.lifeboat is missing: this is a test result, but not of a restore drill")
	case len(s.Subject) == 0:
		return Drill{}, errors.New("subject is empty")
	}
	d := s.Predicate.Lifeboat.normal()
	if err := d.validate(); err != nil {
		return Drill{}, fmt.Errorf("predicate.lifeboat: %w", err)
	}
	if want := results[d.Verdict]; s.Predicate.Result != want {
		return Drill{}, fmt.Errorf("predicate.result is %q, but the verdict is %s, which is %q", s.Predicate.Result, d.Verdict, want)
	}
	return d, nil
}

// subjects are what was tested: the point, and each volume whose content has a digest. A drill that found no point
// tested its policy.
func subjects(d Drill) ([]descriptor, error) {
	if d.Point.UID == "" {
		digest, err := identity(d.Policy)
		return []descriptor{{Name: "policy/" + d.Policy.Name, Digest: digest}}, err
	}
	captured := Point{Name: d.Point.Name, UID: d.Point.UID, PointInTime: d.Point.PointInTime, Volumes: []Volume{}}
	var volumes []descriptor
	for _, v := range d.Point.Volumes {
		content := v.Fingerprint
		if content == "" {
			content = v.Read
		}
		if content != "" {
			volumes = append(volumes, descriptor{Name: "volume/" + v.Claim, Digest: digestSet(content)})
		}
		v.Read, v.Files, v.Bytes = "", 0, 0
		captured.Volumes = append(captured.Volumes, v)
	}
	digest, err := identity(captured)
	return append([]descriptor{{Name: "point/" + d.Point.Name, Digest: digest}}, volumes...), err
}

// configuration is what the drill was run with: the policy, and the images of its checks.
func configuration(d Drill) []descriptor {
	all := []descriptor{{Name: "policy/" + d.Policy.Name, URI: "urn:uuid:" + d.Policy.UID}}
	for _, c := range d.Checks {
		if digest := imageDigest(c.ImageID); digest != "" {
			all = append(all, descriptor{Name: "check/" + c.Name, Digest: digestSet(digest)})
		}
	}
	return all
}

// tests are the levels up to the one that was reached, and the checks. A failed drill also failed the next level, if
// that one was required. What did not run to an end is in neither list.
func tests(d Drill) (passed, failed []string) {
	passed, failed = []string{}, []string{}
	reached := rank(d.Level)
	for _, level := range levels[:reached] {
		passed = append(passed, "level/"+level)
	}
	if d.Verdict == Failed && reached < rank(d.Required) {
		failed = append(failed, "level/"+levels[reached])
	}
	for _, c := range d.Checks {
		switch c.State {
		case CheckPassed:
			passed = append(passed, "check/"+c.Name)
		case CheckFailed, CheckTimedOut:
			failed = append(failed, "check/"+c.Name)
		}
	}
	return passed, failed
}

// identity digests what an object is known by.
func identity(object any) (map[string]string, error) {
	raw, err := canonical(object)
	return digestSet(Digest(raw)), err
}

// digestSet writes a digest as in-toto does.
func digestSet(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, digestPrefix)}
}

// imageDigest returns the digest that a container runtime's image ID ends with, or nothing.
func imageDigest(id string) string {
	if n := strings.LastIndex(id, digestPrefix); n >= 0 && isDigest(id[n:]) {
		return id[n:]
	}
	return ""
}

// canonical writes JSON in the one way: keys sorted, no white space, nothing escaped that need not be.
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber() // whole numbers stay whole
	var sorted any
	if err := decoder.Decode(&sorted); err != nil {
		return nil, err
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(sorted); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(out.String(), "\n")), nil
}
