// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"regexp"
	"slices"
	"strings"
)

// Domain is the canonical text of a failure domain, ROOT or ROOT/PART. It is empty for one that is not known. It stands as
// plain text in statuses.
type Domain = string

// Place is where something is stored. What somebody says of it does not take away what else is known: a declaration moves nothing.
type Place struct {
	Domain Domain   // as somebody says, or else as it was derived
	Also   []Domain // what else is known of it: what was derived, where somebody says something else
	Admin  bool     // Domain is what an admin says, of a storage class
}

// mostPart bounds a part, so that a domain fits into a status. Parts that begin alike for so long are taken to be the same.
const mostPart = 120

// mostWritten bounds what users write, as the API does for repositories.
const mostWritten = 253

// written is the form in which users write domains, as the API has it.
var written = regexp.MustCompile(`^[a-z0-9]([-a-z0-9._:]*[a-z0-9])?(/[a-z0-9]([-a-z0-9._:]*[a-z0-9])?)*$`)

// foreign is what stands in no part.
var foreign = regexp.MustCompile(`[^-a-z0-9._:]+`)

// Shares says whether two places may fail together: the domain of one is, or is part of, that of the other, or either is not
// known. An admin may tell two storage classes apart that look alike, by saying of both where they are. Nobody else can: they
// share too where anything that is known of the one is, or is part of, what is known of the other.
func Shares(a, b Place) bool {
	if a.Domain == "" || b.Domain == "" || nested(a.Domain, b.Domain) {
		return true
	}
	return !(a.Admin && b.Admin) && known(a, b)
}

// Known says whether two places are known to be the same, or one a part of the other: what is not known is not known to be the same.
func Known(a, b Place) bool { return Shares(a, b) && known(a, b) }

// known says whether anything that is known of one place is, or is part of, what is known of another.
func known(a, b Place) bool {
	return slices.ContainsFunc(a.all(), func(x Domain) bool {
		return slices.ContainsFunc(b.all(), func(y Domain) bool { return x != "" && y != "" && nested(x, y) })
	})
}

func (p Place) all() []Domain { return append([]Domain{p.Domain}, p.Also...) }

// nested says whether one domain is, or is part of, the other.
func nested(a, b Domain) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// Apart says whether a place is known to fail on its own, without any of others. It is apart from nothing when there are none.
func Apart(from []Place, p Place) bool {
	return len(from) > 0 && !slices.ContainsFunc(from, func(f Place) bool { return Shares(f, p) })
}

// declared is a domain as somebody wrote it. One that cannot be understood is not known, rather than derived: somebody meant to
// say something else than what would be derived. Upper case makes no other place.
func declared(text string) Domain {
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
		out = append(out, strings.TrimRight(p[:min(len(p), mostPart)], "-._:")) // where it is cut, it must not end in what no part ends in
	}
	return strings.Join(out, "/")
}
