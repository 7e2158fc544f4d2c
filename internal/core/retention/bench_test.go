// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkDecide has 500 points of 15 minutes, held by few or many claims. Shared: points of one set
// of claims share the slice, as a caller that reads each set once will do.
func BenchmarkDecide(b *testing.B) {
	rules := Rules{Last: 4, Hourly: 24, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 3, Minimum: 2}
	for _, bb := range []struct {
		name             string
		claims, sets     int
		shared, oldFirst bool
	}{
		{"3-claims", 3, 1, false, false},
		{"3-claims-oldest-first", 3, 1, false, true},
		{"3-claims-5-sets", 3, 5, true, true},
		{"1000-claims-shared", 1000, 1, true, true},
		{"1000-claims", 1000, 1, false, true},
		{"1000-claims-20-sets", 1000, 20, true, true},
		{"1000-claims-500-sets", 1000, 500, false, true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			points, active, now := history(500, bb.claims, bb.sets, bb.shared)
			if bb.oldFirst {
				slices.Reverse(points)
			}
			b.ReportAllocs()
			for b.Loop() {
				Decide(points, active, rules, now)
			}
		})
	}
}

func BenchmarkSuperseded(b *testing.B) {
	for _, claims := range []int{3, 1000} {
		b.Run(fmt.Sprintf("%d-claims", claims), func(b *testing.B) {
			points, _, now := history(500, claims, 1, true)
			for n := range points {
				points[n].Complete = n%10 > 0
			}
			b.ReportAllocs()
			for b.Loop() {
				Superseded(points, now, time.Hour)
			}
		})
	}
}

// history makes points, newest first. The selection changes from time to time: each set lacks one claim.
func history(points, claims, sets int, shared bool) ([]Point, []string, time.Time) {
	now := time.Date(2026, 6, 1, 12, 1, 0, 0, time.UTC)
	var active []string
	for n := range claims {
		active = append(active, fmt.Sprintf("claim%03d", n))
	}
	members := make([][]string, sets)
	for n := range members {
		members[n] = slices.Delete(slices.Clone(active), n%claims, n%claims+1)
	}
	var all []Point
	for n := range points {
		lineages := members[n*sets/points]
		if !shared {
			lineages = slices.Clone(lineages)
		}
		all = append(all, Point{ID: fmt.Sprintf("p%03d", n), At: now.Add(-time.Duration(n) * 15 * time.Minute), Complete: true, Lineages: lineages})
	}
	return all, active, now
}
