// SPDX-License-Identifier: Apache-2.0

// Package names derives every name. A name is a lock: it is a function of the full identity of what it stands for, so
// that doing something twice, or by two hands, meets the same object. The readable part may be cut, the hash never is.
// Names must not change between releases; testdata holds examples that a test compares.
package names

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"sort"
	"strings"
	"time"
)

// most is the longest name we give: it fits a label value.
const most = 63

// hashLength is how many characters of base32 a name ends with: 50 bits.
const hashLength = 10

// Point names the recovery point of a policy's slot.
func Point(policyName, policyUID string, slot time.Time) string {
	stamp := slot.UTC().Format("20060102-150405")
	return lock(policyName, "-"+stamp, "point", policyUID, slot.UTC().Format(time.RFC3339Nano))
}

// Snapshot names the snapshot of a claim in one run of a policy: a slot, or the UID of a point that a user made.
func Snapshot(claimName, policyUID, claimUID, run string) string {
	return lock(claimName, "", "snapshot", policyUID, claimUID, run)
}

// GroupSnapshot names the group snapshot of one run of a policy.
func GroupSnapshot(policyName, policyUID, run string) string {
	return lock(policyName, "", "group", policyUID, run)
}

// lock joins a readable part, cut where needed, a tail, and a hash over the identity.
func lock(readable, tail string, identity ...string) string {
	tail += "-" + hash(identity...)
	head := plain(readable)
	if room := most - len(tail); len(head) > room {
		head = head[:room]
	}
	head = strings.Trim(head, "-")
	if head == "" {
		head = "x"
	}
	return head + tail
}

// plain keeps what may stand in a DNS label.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return '-'
	}, s)
}

// hash is over the parts with their lengths, so that the same letters cut at two places differ.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(p)))
		h.Write([]byte(p))
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)))[:hashLength]
}

// memberLength is the length of a claim's hash within a set: 48 bits.
const memberLength = 8

// ClaimHash is a claim's name within a set of claims.
func ClaimHash(claimUID string) string {
	sum := sha256.Sum256([]byte(claimUID))
	return base64.RawURLEncoding.EncodeToString(sum[:memberLength*6/8])
}

// ClaimSet writes a set of claims as one short string: the sorted hashes of their UIDs, joined.
func ClaimSet(claimUIDs []string) string {
	members := make([]string, len(claimUIDs))
	for i, u := range claimUIDs {
		members[i] = ClaimHash(u)
	}
	sort.Strings(members)
	return strings.Join(members, "")
}

// Members are the hashes in a set, sorted. What is not a whole hash is left out.
func Members(set string) []string {
	out := make([]string, 0, len(set)/memberLength)
	for ; len(set) >= memberLength; set = set[memberLength:] {
		out = append(out, set[:memberLength])
	}
	return out
}
