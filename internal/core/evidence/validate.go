// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

const digestPrefix = "sha256:"

// validate refuses what must not be attested.
func (d Drill) validate() error {
	return errors.Join(d.validateNames(), d.validateDigests(), d.validateWords(), d.validateHonesty())
}

// validateNames asks for the identities without which a statement is about nothing in particular.
func (d Drill) validateNames() error {
	var all []error
	for _, required := range []struct{ field, value string }{
		{"policy.namespace", d.Policy.Namespace}, {"policy.name", d.Policy.Name}, {"policy.uid", d.Policy.UID},
		{"drill.name", d.Drill.Name}, {"drill.uid", d.Drill.UID},
	} {
		if required.value == "" {
			all = append(all, fmt.Errorf("%s is empty", required.field))
		}
	}
	if (d.Point.UID == "") != (d.Point.Name == "") {
		all = append(all, errors.New("point has a name or a UID, but not both"))
	}
	if d.Point.UID == "" && (len(d.Point.Volumes) > 0 || !d.Point.PointInTime.IsZero()) {
		all = append(all, errors.New("point has content, but no name and UID"))
	}
	for n, v := range d.Point.Volumes {
		if v.Claim == "" || v.ClaimUID == "" {
			all = append(all, fmt.Errorf("point.volumes[%d] has no claim or claimUID", n))
		}
		if n > 0 && v.Claim == d.Point.Volumes[n-1].Claim {
			all = append(all, fmt.Errorf("point.volumes names the claim %q twice", v.Claim))
		}
	}
	if c := d.Copy; c != (Copy{}) && (!isName(c.Name) || !isName(c.Repository) || !isName(c.RepositoryID)) {
		all = append(all, fmt.Errorf("copy is %+v; want a name, a repository and its ID, without slash and space", c))
	}
	checks := map[string]bool{}
	for n, c := range d.Checks {
		// A path must not get in by way of a name.
		if !isName(c.Name) {
			all = append(all, fmt.Errorf("checks[%d].name is %q; a name has no slash and no space", n, c.Name))
		}
		if checks[c.Name] {
			all = append(all, fmt.Errorf("checks names %q twice", c.Name))
		}
		checks[c.Name] = true
	}
	return errors.Join(all...)
}

func (d Drill) validateDigests() error {
	type named struct{ field, value string }
	digests := []named{{"previous", d.Previous}, {"selection.eligibleDigest", d.Selection.EligibleDigest}}
	for n, v := range d.Point.Volumes {
		digests = append(digests, named{fmt.Sprintf("point.volumes[%d].fingerprint", n), v.Fingerprint})
		digests = append(digests, named{fmt.Sprintf("point.volumes[%d].read", n), v.Read})
	}
	var all []error
	for _, digest := range digests {
		if digest.value != "" && !isDigest(digest.value) {
			all = append(all, fmt.Errorf("%s is %q; want %s and 64 hexadecimal digits", digest.field, digest.value, digestPrefix))
		}
	}
	return errors.Join(all...)
}

// validateWords keeps free text out, which could hold anything.
func (d Drill) validateWords() error {
	var all []error
	if _, known := results[d.Verdict]; !known {
		all = append(all, fmt.Errorf("verdict is %q; want %s, %s, %s or %s", d.Verdict, Passed, Failed, Inconclusive, Aborted))
	}
	type named struct{ field, value string }
	depths := []named{{"level", d.Level}, {"required", d.Required}}
	words := []named{{"reason", d.Reason}, {"from", d.From}, {"selection.strategy", d.Selection.Strategy}}
	for n, p := range d.Phases {
		words = append(words, named{fmt.Sprintf("phases[%d].name", n), p.Name}, named{fmt.Sprintf("phases[%d].state", n), p.State})
	}
	for n, c := range d.Checks {
		words = append(words, named{fmt.Sprintf("checks[%d].state", n), c.State})
		depths = append(depths, named{fmt.Sprintf("checks[%d].proves", n), c.Proves})
	}
	for _, depth := range depths {
		if rank(depth.value) < 0 {
			all = append(all, fmt.Errorf("%s is %q; want one of %s, or nothing", depth.field, depth.value, strings.Join(levels, ", ")))
		}
	}
	for _, word := range words {
		if strings.ContainsFunc(word.value, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			all = append(all, fmt.Errorf("%s is %q; want one word of letters and digits", word.field, word.value))
		}
	}
	return errors.Join(all...)
}

// validateHonesty refuses a claim that the facts beside it do not bear out: what did not run did not pass.
func (d Drill) validateHonesty() error {
	var all []error
	reached := rank(d.Level)
	if d.Verdict == Passed && (reached < 1 || reached < rank(d.Required)) {
		all = append(all, fmt.Errorf("verdict %s at level %q, but %q was required", d.Verdict, d.Level, d.Required))
	}
	if d.Copy != (Copy{}) && d.From != FromCopy {
		all = append(all, fmt.Errorf("a copy is named, but the drill was from %q", d.From))
	}
	if d.Independent && d.Copy == (Copy{}) {
		all = append(all, errors.New("independent, but no copy is named"))
	}
	if reached > 0 && d.From == FromCopy && d.Copy == (Copy{}) {
		all = append(all, fmt.Errorf("level %s from a copy, but none is named", d.Level))
	}
	if reached > 0 && len(d.Point.Volumes) == 0 {
		all = append(all, fmt.Errorf("level %s, but no volume was restored", d.Level))
	}
	for _, v := range d.Point.Volumes {
		if reached >= rank(Restored) && v.Read == "" {
			all = append(all, fmt.Errorf("level %s, but claim %q was not read back", d.Level, v.Claim))
		}
		if reached >= rank(Intact) && v.Read != v.Fingerprint {
			all = append(all, fmt.Errorf("level %s, but what was read of claim %q is not known to be what was captured", d.Level, v.Claim))
		}
	}
	for _, c := range d.Checks {
		if needed := rank(c.Proves); needed > 0 && reached >= needed && c.State != CheckPassed {
			all = append(all, fmt.Errorf("level %s needs check %q, whose state is %q", d.Level, c.Name, c.State))
		}
	}
	return errors.Join(all...)
}

// isName says whether something is a name, and no path.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) })
}

func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}
