// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"encoding/binary"
	"slices"
)

// class is a group of lineages that the rules cannot tell apart, because the same points hold them and
// all or none of them are active. A thousand claims that are always captured together are one
// class, so deciding costs about the same for them as for one.
type class struct {
	active bool
	held   []byte // bit s: the points of set s hold these lineages
}

func (c class) holds(set int) bool { return c.held[set/8]>>(set%8)&1 == 1 }

// classesOf groups the lineages of all sets.
func classesOf(sets [][]string, active []string) []class {
	// A point may hold no claim at all, only manifests. It lives by the rules all the same: as the
	// points of one nameless lineage that is always selected.
	const nameless = ""
	selected := map[string]bool{nameless: true}
	for _, lineage := range active {
		selected[lineage] = true
	}
	held := map[string][]byte{}
	width := (len(sets) + 7) / 8
	for s, lineages := range sets {
		if len(lineages) == 0 {
			lineages = []string{nameless}
		}
		for _, lineage := range lineages {
			bits, ok := held[lineage]
			if !ok {
				bits = make([]byte, width)
				held[lineage] = bits
			}
			bits[s/8] |= 1 << (s % 8)
		}
	}
	type alike struct {
		active bool
		held   string
	}
	seen := map[alike]bool{}
	var classes []class
	for lineage, bits := range held {
		key := alike{selected[lineage], string(bits)}
		if !seen[key] {
			seen[key] = true
			classes = append(classes, class{active: key.active, held: bits})
		}
	}
	return classes
}

// numberSets gives each dated point the number of its set of lineages, and returns the sets by number.
// Neighbours in time mostly hold the same claims, so each point is compared with the one before it
// first, which costs nothing where they share a slice.
func numberSets(points []Point, ds []dated) [][]string {
	var sets [][]string
	numbers := map[string]int{}
	for n := range ds {
		lineages := points[ds[n].index].Lineages
		if n > 0 && same(lineages, sets[ds[n-1].set]) {
			ds[n].set = ds[n-1].set
			continue
		}
		key := setKey(lineages)
		number, ok := numbers[key]
		if !ok {
			number = len(sets)
			numbers[key] = number
			sets = append(sets, lineages)
		}
		ds[n].set = number
	}
	return sets
}

func same(a, b []string) bool {
	if len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] {
		return true
	}
	return slices.Equal(a, b)
}

// setKey joins lineages so that no two sets share a key: each is preceded by its length.
func setKey(lineages []string) string {
	var key []byte
	for _, lineage := range lineages {
		key = binary.AppendUvarint(key, uint64(len(lineage)))
		key = append(key, lineage...)
	}
	return string(key)
}
