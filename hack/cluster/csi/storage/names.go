// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// CSI limits identifiers to 128 bytes.
const longestID = 128

var (
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	unsafe    = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
)

// identify derives the identifier of a thing from the name it was asked for under, so that
// asking twice finds the first. A name that can be a file name stays as it is: people and
// tests see pvc-UID in the handle. Any other keeps a readable part, and a hash of all of it.
func identify(name string) string {
	if plainName.MatchString(name) && len(name) <= longestID {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:8])
	readable := strings.TrimLeft(unsafe.ReplaceAllString(name, "-"), "._-")
	return readable[:min(len(readable), longestID-len(hash)-1)] + "." + hash
}

// identifyMember names the snapshot of one volume within a group snapshot.
func identifyMember(group, volume string) string {
	return identify(group + "." + volume)
}
