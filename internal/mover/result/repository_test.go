// SPDX-License-Identifier: Apache-2.0

package result_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// uidOf is the UID of a damaged point: every other one is of this cluster, which knows that a copy is missing.
func uidOf(i int) string {
	if missing(i) > 0 {
		return fmt.Sprintf("%036d", i)
	}
	return fmt.Sprintf("%064d", i)
}

func missing(i int) int64 { return int64(i % 2 * 50) }

// However long their names are, as many damaged points are told as may be: the names of the last go first, and none of the UIDs.
func TestDamagedPointsFit(t *testing.T) {
	for _, long := range []int{4, 60, 253} {
		v := result.Verify{Contents: 1 << 40, Damaged: 1 << 40, DamagedPoints: 1 << 40, Bytes: 1 << 60, Healing: true}
		for i := range result.MostDamaged {
			name := strings.Repeat("n", long)
			v.Points = append(v.Points, result.Damaged{UID: uidOf(i), Namespace: name, Policy: name, Point: name, Missing: missing(i)})
		}
		raw, err := result.EncodeDone(result.Done{UniqueID: strings.Repeat("a", 64), Verify: &v})
		if err != nil || len(raw) > result.MaxSize {
			t.Fatalf("names of %d: %d bytes, %v", long, len(raw), err)
		}
		d, err := result.DecodeDone(raw)
		if err != nil || len(d.Verify.Points) != result.MostDamaged {
			t.Fatalf("names of %d: %d points, %v", long, len(d.Verify.Points), err)
		}
		named := 0
		for i, p := range d.Verify.Points {
			if p.UID != uidOf(i) || p.Missing != missing(i) {
				t.Errorf("point %d is %+v", i, p)
			}
			if p.Point != "" && named == i {
				named++
			}
		}
		for _, p := range d.Verify.Points[named:] {
			if p.Point != "" || p.Policy != "" {
				t.Errorf("names of %d: after one without names comes %+v", long, p)
			}
		}
		if v.Points[result.MostDamaged-1].Point == "" {
			t.Error("what was given is changed")
		}
	}
}
