// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// escaped begins the name of an entry that is not written as it is. The library keeps names as text, in which every byte that
// is no UTF-8 would become the same character, and two files one.
const escaped = "%lifeboat%"

// encodeName is the name under which an entry is kept. Different names have different ones.
func encodeName(name string) string {
	if utf8.ValidString(name) && !strings.HasPrefix(name, escaped) {
		return name
	}
	return escaped + hex.EncodeToString([]byte(name))
}

// decodeName is the name as it was. What can be no name of a file is refused: whoever can write to the store may have put it there.
func decodeName(kept string) (string, error) {
	name := kept
	if rest, is := strings.CutPrefix(kept, escaped); is {
		raw, err := hex.DecodeString(rest)
		if err != nil || encodeName(string(raw)) != kept {
			return "", fmt.Errorf("%w: an entry has a name that was never written", errDamaged)
		}
		name = string(raw)
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("%w: an entry has a name that no file can have", errDamaged)
	}
	return name, nil
}
