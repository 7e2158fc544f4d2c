// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"regexp"
	"strings"
)

// Domain is the canonical text of a failure domain, ROOT or ROOT/PART. It is empty for one that is not known. It stands as
// plain text in statuses.
type Domain = string

// mostPart bounds a part, so that a domain fits into a status. Parts that begin alike for so long are taken to be the same.
const mostPart = 120

// mostWritten bounds what users write, as the API does for repositories.
const mostWritten = 253

// written is the form in which users write domains, as the API has it.
var written = regexp.MustCompile(`^[a-z0-9]([-a-z0-9._:]*[a-z0-9])?(/[a-z0-9]([-a-z0-9._:]*[a-z0-9])?)*$`)

// foreign is what stands in no part.
var foreign = regexp.MustCompile(`[^-a-z0-9._:]+`)

// Shares says whether two domains may fail together: one is, or is part of, the other, or either is not known.
func Shares(a, b Domain) bool {
	return a == "" || b == "" || a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// Apart says whether a domain is known to fail on its own, without any of others. It is apart from nothing when there are none.
func Apart(from []Domain, d Domain) bool {
	for _, f := range from {
		if Shares(f, d) {
			return false
		}
	}
	return len(from) > 0
}

// Declared is a domain as a user wrote it. One that cannot be understood is not known, rather than derived: somebody meant to
// say something else than what would be derived. Upper case makes no other place.
func Declared(text string) Domain {
	d := strings.ToLower(strings.TrimSpace(text))
	if len(d) > mostWritten || !written.MatchString(d) {
		return ""
	}
	return d
}

// of joins parts. Without a first there is no domain; the domain ends before the first part that is missing.
func of(parts ...string) Domain {
	var out []string
	for _, p := range parts {
		p = strings.Trim(foreign.ReplaceAllString(strings.ToLower(p), "_"), "-._:")
		if p == "" {
			break
		}
		out = append(out, p[:min(len(p), mostPart)])
	}
	return strings.Join(out, "/")
}
