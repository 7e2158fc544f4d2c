// SPDX-License-Identifier: Apache-2.0

package names

import (
	"slices"
	"strings"
	"testing"
)

// FuzzMembers reads sets of claims from statuses that somebody else may have written: no member is longer than a hash, and a set that
// was made of claims holds them, and is the same whatever their order.
func FuzzMembers(f *testing.F) {
	f.Add("", "a", "b")
	f.Add(ClaimSet([]string{"a", "b"}), "a", "b")
	f.Add("AAAAAAAA\xff\xff\xff\xff\xff\xff\xff\xffxyz", "", "")
	f.Add(strings.Repeat("zzzzzzzz", 3)+"aaaaaaaa", "a", "a")
	f.Fuzz(func(t *testing.T, set, a, b string) {
		for _, m := range Members(set) {
			if len(m) != memberLength {
				t.Errorf("%q", m)
			}
		}
		Contains(set, a)
		one, other := ClaimSet([]string{a, b}), ClaimSet([]string{b, a, b})
		if one != other || !Contains(one, a) || !Contains(one, b) || !slices.IsSorted(Members(one)) {
			t.Errorf("%q and %q of %q and %q", one, other, a, b)
		}
	})
}
