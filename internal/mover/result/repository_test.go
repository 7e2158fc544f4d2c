// SPDX-License-Identifier: Apache-2.0

package result_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// However long their names are, as many damaged points are told as may be: the names of the last go first, and none of the UIDs.
func TestDamagedPointsFit(t *testing.T) {
	for _, long := range []int{4, 60, 253} {
		v := result.Verify{Contents: 1 << 40, Damaged: 1 << 40, DamagedPoints: 1 << 40, Bytes: 1 << 60, Healing: true}
		for i := range result.MostDamaged {
			name := strings.Repeat("n", long)
			v.Points = append(v.Points, result.Damaged{UID: fmt.Sprintf("%064d", i), Namespace: name, Policy: name, Point: name})
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
			if p.UID != fmt.Sprintf("%064d", i) {
				t.Errorf("point %d is %q", i, p.UID)
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
