// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// FuzzPoints makes points of records that somebody else may have written: putting them together twice is the same as once, the order
// of claims is that of names, and what is chosen without being named is whole and not newer than was asked for.
func FuzzPoints(f *testing.F) {
	for _, s := range []string{
		`[{"pointUID":"1","point":"web-1","namespace":"shop","policy":"web","pointInTime":"2026-03-02T12:00:00Z","volumes":2,"claim":"data","claimUID":"a"},{"pointUID":"1","point":"web-1","namespace":"shop","policy":"web","pointInTime":"2026-03-02T12:00:00Z","volumes":2,"claim":"logs","claimUID":"b"}]`,
		`[{"pointUID":"1","volumes":1,"claimUID":"a"},{"pointUID":"1","volumes":-5,"claimUID":"a"},{"pointUID":"2","volumes":0}]`,
		`[{"pointUID":"1","point":"2","volumes":1},{"pointUID":"2","point":"1","volumes":1,"policy":"a/b"}]`, `[]`, `[{}]`,
	} {
		f.Add([]byte(s), "", "", int64(0))
		f.Add([]byte(s), "1", "shop/web", int64(1772452800))
	}
	f.Fuzz(func(t *testing.T, raw []byte, point, policy string, asOf int64) {
		var records []order.Record
		if json.Unmarshal(raw, &records) != nil {
			return
		}
		points := Points(records)
		var flat []order.Record
		for _, p := range points {
			if !slices.IsSortedFunc(p.Records, func(a, b order.Record) int { return strings.Compare(a.Claim, b.Claim) }) {
				t.Fatalf("claims out of order: %+v", p.Records)
			}
			flat = append(flat, p.Records...)
		}
		if len(flat) > len(records) {
			t.Fatalf("%d records became %d", len(records), len(flat))
		}
		w := Wish{Point: point, Policy: policy}
		if asOf > 0 {
			w.AsOf = time.Unix(asOf%(1<<33), 0)
		}
		before := cmp.Diff(points, Points(records))
		got, err := Choose(points, w)
		if before != "" || cmp.Diff(points, Points(records)) != "" {
			t.Fatal("choosing changed what there is")
		}
		if err == nil && w.Point == "" && (!got.Complete() || (!w.AsOf.IsZero() && got.Taken.After(w.AsOf))) {
			t.Fatalf("chose %+v for %+v", got, w)
		}
	})
}
