// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"strings"
	"testing"
)

func TestIdentifierShowsTheName(t *testing.T) {
	const name = "pvc-6f9619ff-8b86-d011-b42d-00c04fc964ff"
	if got := identify(name); got != name {
		t.Errorf("identify(%q) = %q, want it unchanged", name, got)
	}
	if got := identifyMember("groupsnapshot-1", name); !strings.Contains(got, name) {
		t.Errorf("a member's identifier %q does not show its volume", got)
	}
}

func TestIdentifiersAreFileNamesAndDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"a", "a/b", "a-b", "a b", "..", ".", "-", "../../etc", "ä", "", "\x00",
		strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 129) + "y", strings.Repeat("/", 300),
	} {
		id := identify(name)
		if other, taken := seen[id]; taken {
			t.Errorf("%q and %q share the identifier %q", name, other, id)
		}
		seen[id] = name
		if len(id) > longestID || id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\x00") {
			t.Errorf("identify(%q) = %q cannot be a file name", name, id)
		}
		if id != identify(name) {
			t.Errorf("identify(%q) differs from call to call", name)
		}
	}
}
