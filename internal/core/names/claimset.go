// SPDX-License-Identifier: Apache-2.0

package names

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// memberLength is the length of a claim's hash within a set: 48 bits, so that the claims of a thousand volumes fit
// the status of a point, and two of them share a hash about once in 10⁹ policies.
const memberLength = 8

// ClaimHash is a claim's name within a set of claims: eight characters of URL-safe base64.
func ClaimHash(claimUID string) string {
	sum := sha256.Sum256([]byte(claimUID))
	return base64.RawURLEncoding.EncodeToString(sum[:memberLength*6/8])
}

// ClaimSet writes a set of claims, given by their UIDs, as one short string: their hashes, sorted and joined. Equal sets
// are equal strings.
func ClaimSet(claimUIDs []string) string {
	members := make([]string, len(claimUIDs))
	for i, uid := range claimUIDs {
		members[i] = ClaimHash(uid)
	}
	slices.Sort(members)
	return strings.Join(slices.Compact(members), "")
}

// Members are the hashes in a set, sorted. What is not a whole hash at its end is left out.
func Members(set string) []string {
	members := make([]string, 0, len(set)/memberLength)
	for ; len(set) >= memberLength; set = set[memberLength:] {
		members = append(members, set[:memberLength])
	}
	return members
}

// Contains tells whether a claim, given by its UID, is in a set.
func Contains(set, claimUID string) bool {
	_, found := slices.BinarySearch(Members(set), ClaimHash(claimUID))
	return found
}
