// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// BenchmarkForPolicy decides about one policy with three volumes and 500 points: schedule, retention and judgement.
func BenchmarkForPolicy(b *testing.B) {
	now := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	policy := &api.BackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "policy", CreationTimestamp: metav1.NewTime(now.Add(-9000 * time.Hour))},
		Spec: api.BackupPolicySpec{
			Volumes:   api.VolumeSelection{Selector: &api.LabelSelector{}},
			Schedule:  api.Schedule{Cron: "0 * * * *", TimeZone: "Europe/Berlin"},
			Retention: api.Retention{Last: 4, Hourly: 480, Daily: 30, Weekly: 8, Monthly: 12, Minimum: 2},
		},
	}
	o := plan.PolicyObserved{Policy: policy, Cluster: plan.Cluster{Snapshots: true, Classes: []plan.Class{{Name: "c", Driver: "d", Default: true}}}}
	var uids []string
	for _, n := range []string{"a", "b", "c"} {
		o.Claims = append(o.Claims, plan.Claim{Name: n, UID: n, Bound: true, Driver: "d", Handle: n})
		uids = append(uids, n)
	}
	for i := range 500 {
		at := metav1.NewTime(now.Truncate(time.Hour).Add(-time.Duration(i) * time.Hour))
		o.Points = append(o.Points, &api.RecoveryPoint{
			ObjectMeta: metav1.ObjectMeta{Name: names.Point("p", "policy", at.Time), UID: types.UID(fmt.Sprint("u", i)), CreationTimestamp: at},
			Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "p"}, Slot: &at},
			Status: api.RecoveryPointStatus{
				FinishedAt: &at, PointInTime: &at, Keep: []string{"hourly"},
				Capture:    &api.Capture{PolicyUID: "policy", Volumes: 3, ClaimSet: names.ClaimSet(uids)},
				Conditions: []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue}},
			},
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		plan.ForPolicy(o, now)
	}
}
