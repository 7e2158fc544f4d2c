// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// noon is a minute after the slot of that hour is a complete point, in a policy of testkit.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

var threeClaims = []string{"data", "logs", "queue"}

// healthy is what is observed at noon of a policy that keeps all its promises: hourly since three hours, proven at eleven.
func healthy(mods ...testkit.Mod[api.BackupPolicy]) Observed {
	b := testkit.Policy(append([]testkit.Mod[api.BackupPolicy]{func(b *api.BackupPolicy) {
		b.CreationTimestamp = at(noon.Add(-3*time.Hour - time.Minute))
	}}, mods...)...)
	c, err := schedule.Parse(b.Spec.Schedule.Cron, b.Spec.Schedule.TimeZone)
	if err != nil {
		panic(err)
	}
	o := Observed{
		Policy: b, Status: &b.Status, Calendar: c, Timeout: 10 * time.Minute, Retain: true,
		Drilled: true, Required: api.LevelIntact, Within: 7 * day,
	}
	for ago := 3; ago >= 0; ago-- {
		o.Points = append(o.Points, testkit.Point(noon.Add(-time.Duration(ago)*time.Hour), threeClaims))
	}
	for _, claim := range threeClaims {
		o.Volumes = append(o.Volumes, Volume{Claim: claim, UID: testkit.ClaimUID(claim), Created: noon.Add(-2 * 365 * day), Class: testkit.Class,
			Driver: testkit.Driver, Handle: "vol-" + claim, CapturedAt: noon, ProtectedUntil: noon.Add(2*time.Hour + 10*time.Minute)})
	}
	b.Status.LastProof = &api.ProofSummary{Drill: "web-drill", RecoveryPoint: o.Points[2].Name, Level: api.LevelIntact, At: at(noon.Add(-time.Hour)),
		RecoveryTime: &metav1.Duration{Duration: time.Minute}}
	return o
}

// printed records a fingerprint of every claim.
func printed(files, bytes int64) testkit.Mod[api.RecoveryPoint] {
	return func(q *api.RecoveryPoint) {
		f := &api.PointFingerprint{State: api.FingerprintRecorded, StartedAt: *q.Status.FinishedAt, FinishedAt: q.Status.FinishedAt}
		for _, claim := range threeClaims {
			f.Volumes = append(f.Volumes, api.VolumeFingerprint{Claim: claim, Fingerprint: api.Fingerprint{Digest: "sha256:00", Files: files, Bytes: bytes}})
		}
		q.Status.Fingerprint = f
	}
}

// kindsOf are the kinds of findings, each once, sorted.
func kindsOf(found []Finding) []string {
	var out []string
	for i := range found {
		out = append(out, found[i].Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func equal(a, b []string) bool { return slices.Equal(a, b) }
