// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

const (
	mostError = 300 // bytes of an error that is passed on
	shortest  = 4   // letters of a part that is taken out wherever it stands; shorter ones alone tell nothing
	hidden    = "***"
)

// anyURL is what libraries print when they fail: the address, with what is in it.
var anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// scrub makes an error fit for everybody's eyes: without any URL, and without any part of the one that was used but its host. Services
// put their tokens in every place of a URL, take them apart, and join them otherwise; and so every part goes.
func scrub(text, used string) string {
	text = anyURL.ReplaceAllString(text, hidden)
	parts := secretParts(used)
	if len(parts) > 0 {
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		text = regexp.MustCompile(`(?i)`+strings.Join(parts, "|")).ReplaceAllString(text, hidden)
	}
	return conditions.Clip(strings.Join(strings.Fields(text), " "), mostError)
}

// reachesHost are the schemes whose host is one for certain.
var reachesHost = regexp.MustCompile(`^(https?|smtp|generic.*)$`)

// secretParts are the parts of a URL that nobody should read, the longest first. Of what is no text in UTF-8 that is the letters around,
// and how it stands in the URL.
func secretParts(raw string) []string {
	var whole []string
	_, rest, _ := strings.Cut(raw, "://")
	u, err := url.Parse(raw)
	if err != nil {
		whole = []string{rest}
	} else {
		if u.User != nil {
			password, _ := u.User.Password()
			whole = append(whole, u.User.Username(), password, u.User.String())
		}
		if !reachesHost.MatchString(u.Scheme) && !strings.Contains(u.Host, ".") { // not a host, but one more part of a token
			whole = append(whole, u.Hostname())
		}
		whole = append(whole, u.Path, u.EscapedPath(), u.RawQuery, u.Fragment)
		for _, values := range u.Query() {
			whole = append(whole, values...)
		}
	}
	var out []string
	for _, w := range whole {
		out = append(out, w, url.QueryEscape(w), url.PathEscape(w))
		out = append(out, strings.Split(w, "/")...)
		out = append(out, strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	out = slices.DeleteFunc(out, func(s string) bool { return len(s) < shortest || !utf8.ValidString(s) })
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(out)
}
