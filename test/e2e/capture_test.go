// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A policy that is due every minute makes a complete point for its slot, and the point gives the data of its moment back.
func TestScheduleMakesACompletePoint(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "echo before > /data/file && sync")
	s.policy("sync", everyMinute, keep(api.Retention{Last: 5}))

	s.kubectl("wait", "--for=condition=Protected", "bp/sync", "--timeout=150s")
	s.sh("writer", "echo after > /data/file")

	p := s.complete(s.points()[0].Name)
	if p.Spec.Slot == nil || p.Spec.Slot.Second() != 0 || p.Status.Trigger != api.TriggerSchedule {
		t.Errorf("slot %v, trigger %s", p.Spec.Slot, p.Status.Trigger)
	}
	if p.Status.PointInTime.Before(p.Spec.Slot) {
		t.Errorf("the data are from %s, before the slot %s", p.Status.PointInTime, p.Spec.Slot)
	}
	snapshot := s.snapshots(p.Name)["contacts"]
	if cut := snapshot.Status.CreationTime.Truncate(time.Second); !p.Status.PointInTime.Time.Equal(cut) {
		t.Errorf("pointInTime %s is not the storage system's creation time %s", p.Status.PointInTime, cut)
	}
	s.handles(p.Name, storageA)
	if table := s.kubectl("get", "bp", "sync"); !strings.Contains(table, "True") {
		t.Errorf("kubectl get bp does not say that the policy is protected:\n%s", table)
	}
	s.restore("restored", snapshot.Name, storageA)
	if got := s.sh("restored", "cat /data/file"); got != "before" {
		t.Errorf("the restored file says %q", got)
	}
}
