// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzScrub shows that nothing of a URL that is a secret is in what is passed on, whatever the URL and the error are, and that what was
// scrubbed once is scrubbed.
func FuzzScrub(f *testing.F) {
	for _, s := range [][2]string{
		{"Post \"https://hooks.test/T000/B000/secretsecret\": EOF", "https://hooks.test/T000/B000/secretsecret"}, {"dial secret%20word: no such host", "slack://token:secret%20word@channel"},
		{"telegram://12345:abcdef@telegram?chats=@me refused", "telegram://12345:abcdef@telegram?chats=@me"}, {"pass  word", "smtp://u:pass%20word@host"}, {"SECRETsecret", "discord://secretsecret@1234"},
		{"x", "://"}, {"%zz", "http://%zz"}, {"a****b", "x://****@h"}, {strings.Repeat("é", 400), "é://é"}, {"abcdabcdabcd", "x://abcdab/cdabcd"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, used string) {
		got := scrub(text, used)
		if len(got) > mostError || (utf8.ValidString(text) && !utf8.ValidString(got)) {
			t.Fatalf("%d bytes: %q", len(got), got)
		}
		for _, part := range secretParts(used) {
			if strings.Contains(got, part) && !strings.Contains(hidden, part) && !strings.ContainsAny(part, "*.") {
				t.Fatalf("%q is in %q", part, got)
			}
		}
		if again := scrub(got, used); again != got {
			t.Fatalf("scrubbed again it is %q, and was %q", again, got)
		}
	})
}
