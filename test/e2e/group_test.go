// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func consistency(c api.Consistency) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) { b.Snapshot.Consistency = c }
}

func (s *space) groupSnapshots() []unstructured.Unstructured {
	s.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(groupKind("VolumeGroupSnapshotList"))
	if err := kube.List(s.ctx, list, client.InNamespace(s.name)); err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// Three volumes are captured at one instant by one group snapshot, and go together when the point expires.
func TestGroupOfThreeVolumes(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts", "photos")
	s.pod("writer", "contacts")
	s.sh("writer", "echo grouped > /data/file && sync")
	s.policy("sync", consistency(api.ConsistencyGroup), keep(api.Retention{Last: 1}))

	p := s.take("first", "sync")
	if p.Status.Consistency != api.ConsistencyGroup || p.Status.Progress != "3/3" {
		t.Errorf("consistency %s, progress %s", p.Status.Consistency, p.Status.Progress)
	}
	if groups := s.groupSnapshots(); len(groups) != 1 || groups[0].GetName() != p.Status.GroupSnapshot {
		t.Errorf("%d group snapshots, the status names %q", len(groups), p.Status.GroupSnapshot)
	}
	contents := s.groupContents()
	if len(contents) != 1 {
		t.Fatalf("%d group snapshot contents", len(contents))
	}
	if policy, _, _ := unstructured.NestedString(contents[0].Object, "spec", "deletionPolicy"); policy != "Retain" {
		t.Errorf("the group's content has deletionPolicy %s", policy)
	}
	snapshots := s.snapshots("first")
	if len(snapshots) != 3 {
		t.Fatalf("%d snapshots", len(snapshots))
	}
	instant := snapshots["contacts"].Status.CreationTime
	for claim, v := range snapshots {
		if !v.Status.CreationTime.Equal(instant) {
			t.Errorf("claim %s was cut at %s, contacts at %s", claim, v.Status.CreationTime, instant)
		}
	}
	handles := s.handles("first", storageA)
	s.restore("restored", snapshots["contacts"].Name, storageA)
	if got := s.sh("restored", "cat /data/file"); got != "grouped" {
		t.Errorf("the restored file says %q", got)
	}

	s.take("second", "sync")
	s.pointGone("first", soonEnough)
	s.bytesGone(storageA, handles)
	s.await("one group to be left", soonEnough, func() string {
		if g, c := len(s.groupSnapshots()), len(s.groupContents()); g != 1 || c != 1 {
			return fmt.Sprintf("%d group snapshots, %d contents", g, c)
		}
		if c := len(s.contents()); c != 3 {
			return fmt.Sprintf("%d snapshot contents", c)
		}
		return ""
	})
	s.handles("second", storageA)
}

// A group snapshot that was deleted by hand costs no bytes; they go when the point is deleted.
func TestGroupSnapshotDeletedByHand(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts")
	s.policy("sync", consistency(api.ConsistencyGroup))
	p := s.take("first", "sync")
	handles := s.handles("first", storageA)

	s.kubectl("delete", "volumegroupsnapshot", p.Status.GroupSnapshot, "--timeout=60s")
	s.failed("first", api.ReasonRecoveryPointVanished, soonEnough)
	for claim, h := range handles {
		if !storageA.holds(t, h) {
			t.Errorf("the bytes of claim %s are gone", claim)
		}
	}
	s.kubectl("delete", "rp", "first", "--timeout=90s")
	s.bytesGone(storageA, handles)
	if left := s.contents(); len(left) > 0 {
		t.Errorf("%d contents are left", len(left))
	}
}

// Volumes of two systems cannot be one group: PreferGroup captures them all the same and says so; Group does not.
func TestGroupSpansDrivers(t *testing.T) {
	t.Parallel()
	storageB.share(t)
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.claims(storageB, "photos")
	s.policy("prefer", consistency(api.ConsistencyPreferGroup))
	s.policy("insist", consistency(api.ConsistencyGroup))

	p := s.take("preferred", "prefer")
	if p.Status.Consistency != api.ConsistencyCrash || p.Status.GroupSnapshot != "" {
		t.Errorf("consistency %s, group snapshot %q", p.Status.Consistency, p.Status.GroupSnapshot)
	}
	s.handles("preferred", storageA)
	s.await("an event that says why", soonEnough, func() string {
		if events := s.kubectl("events", "--for=rp/preferred"); !strings.Contains(events, api.ReasonGroupSpansDrivers) {
			return events
		}
		return ""
	})
	s.now("insisted", "insist")
	s.failed("insisted", api.ReasonGroupSpansDrivers, soonEnough)
	if got := s.snapshots("insisted"); len(got) > 0 {
		t.Errorf("%d snapshots were taken", len(got))
	}
}

// A group snapshot that fails captures nothing, and leaves nothing.
func TestGroupFails(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "calendar", "contacts")
	end := storageA.fault(t, faultFail, volumes[1])
	s.policy("sync", consistency(api.ConsistencyGroup), timeout(shortest))
	s.now("first", "sync")
	s.failed("first", api.ReasonSnapshotError, soonEnough)
	s.await("the failed group to go", soonEnough, func() string {
		if g, c := len(s.groupSnapshots()), len(s.groupContents())+len(s.contents()); g+c > 0 {
			return fmt.Sprintf("%d group snapshots, %d contents", g, c)
		}
		return ""
	})
	end()
	s.take("second", "sync")
	s.kubectl("delete", "rp", "first", "--timeout=60s")
}
