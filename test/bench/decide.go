// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	core "github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// decide measures the decision about a policy: schedule, retention and report, without any input or output.
func (b *bench) decide() {
	var sizes, times []float64
	for _, n := range []int{5, 50, 500} {
		seen, now := policyWithPoints(n)
		// The first decisions state why points are kept; what is measured is a policy at rest.
		for range 2 {
			p := core.ForPolicy(seen, now)
			seen.Policy.Status = p.Status
			for _, k := range p.Keep {
				for _, q := range seen.Points {
					if string(q.UID) == k.UID {
						q.Status.Keep = k.Reasons
					}
				}
			}
		}
		micro := decideOften(seen, now)
		for range 2 { // the quickest of three, because others use the machine, too
			micro = min(micro, decideOften(seen, now))
		}
		allocations := testing.AllocsPerRun(10, func() { core.ForPolicy(seen, now) })
		sizes, times = append(sizes, float64(n)), append(times, micro)
		r := row{ID: "P6", What: fmt.Sprintf("decision, %d points (%.0f allocations)", n, allocations), Value: micro, Unit: "µs"}
		if n == 500 {
			r.Most = 250
		}
		b.report.add(r)
	}
	b.report.growth("decision", sizes, times)
}

// decideOften tells the processor time of one decision in microseconds, garbage collection included: on a busy machine
// the wall clock would measure the others.
func decideOften(seen core.PolicyObserved, now time.Time) float64 {
	start, spent := time.Now(), processorTime()
	times := 0
	for ; time.Since(start) < time.Second; times++ {
		core.ForPolicy(seen, now)
	}
	return float64((processorTime() - spent).Microseconds()) / float64(times)
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// policyWithPoints is a policy with ten claims and so many complete points, one for each hour.
func policyWithPoints(n int) (core.PolicyObserved, time.Time) {
	now := time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)
	born := metav1.NewTime(now.Add(-time.Duration(n+1) * time.Hour))
	policy := &api.BackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "sync", Name: "sync", UID: "policy", Generation: 1, CreationTimestamp: born},
		Spec: api.BackupPolicySpec{
			Volumes: api.VolumeSelection{Selector: &api.LabelSelector{}}, Schedule: api.Schedule{Cron: "0 * * * *", TimeZone: "Europe/Berlin"},
			Retention: api.Retention{Last: 4, Hourly: 500, Daily: 30, Weekly: 8, Monthly: 12, Yearly: 3, Minimum: 2},
		},
	}
	seen := core.PolicyObserved{Policy: policy, Cluster: core.Cluster{Snapshots: true, Classes: []core.Class{{Name: "c", Driver: "d", Default: true}}}}
	var uids []string
	for i := range 10 {
		uid := fmt.Sprintf("claim-%d", i)
		uids = append(uids, uid)
		seen.Claims = append(seen.Claims, core.Claim{Name: uid, UID: uid, Bound: true, Driver: "d", Handle: uid})
	}
	for i := range n {
		at := metav1.NewTime(now.Truncate(time.Hour).Add(-time.Duration(n-1-i) * time.Hour))
		seen.Points = append(seen.Points, &api.RecoveryPoint{
			ObjectMeta: metav1.ObjectMeta{Namespace: "sync", Name: names.Point("sync", "policy", at.Time), UID: types.UID(fmt.Sprintf("point-%d", i)), CreationTimestamp: at},
			Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "sync"}, Slot: &at},
			Status: api.RecoveryPointStatus{PointInTime: &at, FinishedAt: &at,
				Capture:    &api.Capture{PolicyUID: "policy", StartedAt: at, Deadline: at, Volumes: 10, ClaimSet: names.ClaimSet(uids)},
				Conditions: []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: api.ReasonAllCaptured}}},
		})
	}
	return seen, now
}
