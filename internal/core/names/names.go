// SPDX-License-Identifier: Apache-2.0

// Package names derives every name. A name is a lock: it is a function of the full identity of what it stands for, so
// that doing something twice, or by two hands, meets the same object.
//
// Each name has a readable part, which may be cut, and ends with a hash over the whole identity, which never is. The
// hash tells apart what the readable part no longer does: names that are cut, and characters that were replaced. All
// names are DNS labels (RFC 1123), so that they also fit label values.
//
// Names must not change between releases: after an upgrade a slot would run again under another name. The tests keep
// examples.
package names

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

const (
	// longest is the length of a DNS label, and of a label value.
	longest = 63
	// hashLength is how many characters of base32 a name ends with: 50 bits.
	hashLength = 10
	// stamp is how a slot is written, in UTC. Slots are whole seconds.
	stamp = "20060102-150405"
	// uidShown is how much of a UID the readable part shows.
	uidShown = 8
)

// Stamp writes a slot as the run of a policy that it stands for; see Snapshot.
func Stamp(slot time.Time) string { return slot.UTC().Format(stamp) }

// Point names the recovery point of a policy's slot.
func Point(policyName, policyUID string, slot time.Time) string {
	return lock(policyName, Stamp(slot), "point", policyUID, slot.UTC().Format(time.RFC3339Nano))
}

// Snapshot names the snapshot of a claim in one run of a policy. The run is the Stamp of a slot, or the UID of a point
// that a user made.
func Snapshot(claimName, policyUID, claimUID, run string) string {
	return lock(claimName, shown(run), "snapshot", policyUID, claimUID, run)
}

// GroupSnapshot names the snapshot that a driver takes of a group of claims in one run of a policy.
func GroupSnapshot(policyName, policyUID, run, driver string) string {
	return lock(policyName, shown(run), "group", policyUID, run, driver)
}

// Report names the report on a policy.
func Report(policyName, policyUID string) string {
	return lock(policyName, "report", "report", policyUID)
}

// shown is the part of a run that a name shows: all of a slot's stamp, the beginning of a UID.
func shown(run string) string {
	run = plain(run)
	if len(run) > len(stamp) {
		run = run[:uidShown]
	}
	return strings.Trim(run, "-")
}

// lock joins a readable part, cut where needed, the run, and a hash over the identity. The readable part is not in the
// hash: whoever is named by a UID has one name.
func lock(readable, run string, identity ...string) string {
	tail := "-" + hash(identity...)
	if run != "" {
		tail = "-" + run + tail
	}
	head := plain(readable)
	if room := longest - len(tail); len(head) > room {
		head = head[:room]
	}
	head = strings.Trim(head, "-") // a label begins and ends with a letter or digit, also after the cut
	if head == "" {
		head = "x"
	}
	return head + tail
}

// plain replaces what may not stand in a DNS label, one for one: the dots of a claim's name, for example.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}

// hash is over the parts with their lengths, so that the same letters cut at two places differ.
func hash(parts ...string) string {
	sum := digest(parts...)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:hashLength])
}

func digest(parts ...string) [sha256.Size]byte {
	var identity []byte
	for _, part := range parts {
		identity = binary.BigEndian.AppendUint64(identity, uint64(len(part)))
		identity = append(identity, part...)
	}
	return sha256.Sum256(identity)
}
