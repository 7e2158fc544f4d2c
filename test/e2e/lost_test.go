// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A storage system that loses a snapshot does not tell the API, so that neither Lifeboat nor anybody else sees it before
// the data are read. Whoever restores is told, and gets nothing rather than something wrong; the other volume and the
// other point are whole; and the point can be let go as any other.
func TestSnapshotLostByTheStorageSystem(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "echo first > /data/file && sync")
	s.policy("sync")
	s.take("first", "sync")
	s.sh("writer", "echo second > /data/file && sync")
	s.take("second", "sync")
	first, second := s.handles("first", storageA), s.snapshots("second")
	lost := s.handles("second", storageA)["contacts"]
	if err := storageA.order("lose-snapshot=" + lost); err != nil {
		t.Fatal(err)
	}
	s.await("the storage system to lose the snapshot", soonEnough, func() string {
		if storageA.holds(t, lost) {
			return lost + " is still there"
		}
		return ""
	})

	s.claim("nothing", storageA, func(c *corev1.PersistentVolumeClaim) { restoredFrom(c, second["contacts"].Name) })
	s.await("an event that says that nothing can be restored", time.Minute, func() string {
		if events := s.kubectl("events", "--for=pvc/nothing"); !strings.Contains(events, "ProvisioningFailed") {
			return events
		}
		return ""
	})
	var c corev1.PersistentVolumeClaim
	if err := kube.Get(s.ctx, s.key("nothing"), &c); err != nil || c.Status.Phase != corev1.ClaimPending {
		t.Errorf("the claim is %s: %v", c.Status.Phase, err)
	}
	s.kubectl("delete", "pvc", "nothing", "--timeout=60s")

	s.restore("calendar-again", second["calendar"].Name, storageA)
	s.restore("contacts-before", s.snapshots("first")["contacts"].Name, storageA)
	if got := s.sh("contacts-before", "cat /data/file"); got != "first" {
		t.Errorf("the other point holds %q", got)
	}
	s.take("third", "sync")
	s.kubectl("delete", "rp", "second", "--timeout=90s")
	for claim, h := range first {
		if !storageA.holds(t, h) {
			t.Errorf("the bytes of claim %s of the other point are gone", claim)
		}
	}
}
