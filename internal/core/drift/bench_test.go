// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// manyPoints are observed of a policy that keeps hourly: 480, daily: 30, weekly: 8, monthly: 12, for three volumes, each point
// with a fingerprint. It has been in force for two years.
func manyPoints(zone string, keep func(hoursAgo int) bool) Observed {
	o := healthy(func(b *api.BackupPolicy) {
		b.CreationTimestamp = at(noon.Add(-2 * 365 * day))
		b.Spec.Schedule.TimeZone = zone
		b.Spec.Retention = api.Retention{Hourly: 480, Daily: 30, Weekly: 8, Monthly: 12, Minimum: 3}
	})
	o.Points = nil
	for ago := 400 * 24; ago >= 0; ago-- {
		if keep(ago) {
			o.Points = append(o.Points, testkit.Point(noon.Add(-time.Duration(ago)*time.Hour), threeClaims, printed(1000, 1<<30)))
		}
	}
	return o
}

// kept is what such a retention leaves, about.
func kept(ago int) bool {
	return ago < 480 || ago < 31*24 && ago%24 == 0 || ago < 10*7*24 && ago%(7*24) == 0 || ago%(30*24) == 0
}

// BenchmarkEvaluate judges 500 points: as they should be; with a point missing here and there; with half of them gone; with none that tells
// its slot; of a policy that is too young to have all; and of one that promises less than before.
func BenchmarkEvaluate(b *testing.B) {
	for _, bb := range []struct {
		name, zone string
		keep       func(int) bool
		change     func(*Observed)
		found      []string // what is to be found, so that nothing else is measured than is said
	}{
		{"whole", "UTC", kept, nil, nil},
		{"whole/Berlin", "Europe/Berlin", kept, nil, nil},
		{"gaps", "Europe/Berlin", func(ago int) bool { return kept(ago) && ago%7 != 3 }, nil, []string{api.ReasonRetentionShort}},
		{"half", "Europe/Berlin", func(ago int) bool { return kept(ago) && (ago < 10 || ago > 250) }, nil, []string{api.ReasonRetentionShort}},
		{"unknown slots", "Europe/Berlin", func(ago int) bool { return kept(ago) && ago%7 != 3 }, func(o *Observed) {
			for _, q := range o.Points {
				q.Spec.Slot = nil
			}
		}, []string{api.ReasonRetentionShort}},
		{"young", "Europe/Berlin", func(ago int) bool { return ago < 400 }, func(o *Observed) {
			o.Policy.CreationTimestamp = at(noon.Add(-400*time.Hour - 1))
			o.Policy.Spec.Retention.Last = 480
		}, nil},
		{"weakened", "Europe/Berlin", kept, func(o *Observed) {
			o.Policy.Spec.Drill = &api.Drill{Cron: "0 3 * * *"}
			was := PromiseOf(o.Policy, o.Required)
			was.Retention.Yearly, was.Generation = 5, 0
			o.Status.Applied = &api.AppliedSpec{Promise: &was}
		}, []string{api.ReasonPolicyWeakened}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			o := manyPoints(bb.zone, bb.keep)
			if bb.change != nil {
				bb.change(&o)
			}
			if got := kindsOf(Evaluate(o, noon).Findings); !equal(got, bb.found) {
				b.Fatalf("found %v, want %v", got, bb.found)
			}
			b.ReportMetric(float64(len(o.Points)), "points")
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(o, noon)
			}
		})
	}
}
