// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A volume that cannot be captured keeps no other from being captured; the point says so, and does not count.
func TestOneOfThreeFails(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "calendar", "contacts", "photos")
	end := storageA.fault(t, faultFail, volumes[2])
	s.policy("sync", timeout(shortest))
	s.now("first", "sync")
	p := s.failed("first", api.ReasonPartialPoint, soonEnough)
	if p.Status.Progress != "2/3" {
		t.Errorf("progress is %s", p.Status.Progress)
	}
	if r := s.record(p, "photos"); r.State != api.VolumeFailed || r.Reason != api.ReasonSnapshotError {
		t.Errorf("claim photos is %s: %s", r.State, r.Reason)
	}
	if took := p.Status.FinishedAt.Sub(p.Status.Capture.StartedAt.Time); took < shortest {
		t.Errorf("it was given up after %s", took)
	}
	s.await("the failed snapshot to go", soonEnough, func() string {
		if n := len(s.snapshots("first")); n != 2 {
			return fmt.Sprintf("%d snapshots", n)
		}
		return ""
	})
	handles := s.handles("first", storageA)
	s.policyStatus("sync", "unprotected", soonEnough, func(b *api.BackupPolicy) string {
		c := meta.FindStatusCondition(b.Status.Conditions, api.ConditionProtected)
		if c == nil || c.Status != metav1.ConditionFalse || b.Status.RecoveryPoints.Failed != 1 {
			return fmt.Sprintf("%v, %+v", c, b.Status.RecoveryPoints)
		}
		return ""
	})
	end()
	s.take("second", "sync")
	for claim, h := range handles {
		if !storageA.holds(t, h) {
			t.Errorf("what was captured of %s went before its time", claim)
		}
	}
	s.kubectl("delete", "rp", "first", "--timeout=60s")
	s.bytesGone(storageA, handles)
	s.handles("second", storageA)
}

// A snapshot that never becomes ready ends at the deadline, and a claim never has more than one such snapshot.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	end := storageA.fault(t, faultNeverReady, volumes...)
	s.policy("sync", timeout(shortest))
	atMostOne := func() string {
		var list snapshotv1.VolumeSnapshotList
		if err := kube.List(s.ctx, &list, client.InNamespace(s.name)); err != nil {
			return err.Error()
		}
		unready := 0
		for _, v := range list.Items {
			if v.Status == nil || !ptr.Deref(v.Status.ReadyToUse, false) {
				unready++
			}
		}
		if unready > 1 {
			return fmt.Sprintf("%d unready snapshots of one claim", unready)
		}
		return ""
	}
	s.now("first", "sync")
	s.now("second", "sync")
	s.stays("one unready snapshot at most", 2*shortest, atMostOne)
	s.failed("first", api.ReasonSnapshotTimedOut, soonEnough)
	s.point("second", "given up", soonEnough, func(p *api.RecoveryPoint) string {
		if p.Status.FinishedAt == nil {
			return told(p)
		}
		return atMostOne()
	})
	end()
	s.await("unready snapshots to go", soonEnough, func() string {
		if n := len(s.snapshots("first")) + len(s.snapshots("second")); n > 0 {
			return fmt.Sprintf("%d snapshots", n)
		}
		return ""
	})
	s.take("third", "sync")
}

// Errors of the storage system that pass cost nothing but time.
func TestErrorThenReady(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	storageA.fault(t, faultErrorThenReady, volumes...)
	s.policy("sync")
	s.take("first", "sync")
	s.handles("first", storageA)
}

// A class or claim that is named and not there is a typed reason, on the policy and on the point.
func TestNamedAndMissing(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("class", func(b *api.BackupPolicySpec) { b.Snapshot.ClassName = "no-such-class" })
	s.policy("claim", func(b *api.BackupPolicySpec) {
		b.Volumes = api.VolumeSelection{Claims: []string{"contacts", "ghost"}}
	})
	s.now("of-class", "class")
	s.now("of-claim", "claim")
	s.failed("of-class", api.ReasonClassNotFound, soonEnough)
	p := s.failed("of-claim", api.ReasonPartialPoint, soonEnough)
	if r := s.record(p, "ghost"); r.Reason != api.ReasonClaimMissing {
		t.Errorf("claim ghost is %s: %s", r.State, r.Reason)
	}
	for policy, want := range map[string]string{"class": api.ReasonClassNotFound, "claim": api.ReasonClaimMissing} {
		s.policyStatus(policy, "told of "+want, soonEnough, func(b *api.BackupPolicy) string {
			for _, bad := range b.Status.Volumes.Problems {
				if bad.Reason == want {
					return ""
				}
			}
			return fmt.Sprintf("%+v", b.Status.Volumes)
		})
	}
}

// With several default classes nobody guesses; with one again all goes on by itself.
func TestSeveralDefaultClasses(t *testing.T) {
	t.Parallel()
	storageB.own(t)
	s := newSpace(t)
	s.claims(storageB, "photos")
	second := &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: s.name, Annotations: map[string]string{"snapshot.storage.kubernetes.io/is-default-class": "true"}},
		Driver:     storageB.driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete,
	}
	s.create(second)
	remove := func() { _ = kube.Delete(s.ctx, second) }
	t.Cleanup(remove)
	s.policy("sync")
	s.policyStatus("sync", "told of two defaults", soonEnough, func(b *api.BackupPolicy) string {
		for _, bad := range b.Status.Volumes.Problems {
			if bad.Reason == api.ReasonSeveralDefaultClasses {
				return ""
			}
		}
		return fmt.Sprintf("%+v", b.Status.Volumes)
	})
	s.now("first", "sync")
	s.failed("first", api.ReasonSeveralDefaultClasses, soonEnough)
	remove()
	s.policyStatus("sync", "without a problem", soonEnough, func(b *api.BackupPolicy) string {
		if len(b.Status.Volumes.Problems) > 0 {
			return fmt.Sprintf("%+v", b.Status.Volumes)
		}
		return ""
	})
	s.take("second", "sync")
}

// A quota that refuses snapshots is named; what fits is captured, and the rest once there is room.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts", "photos")
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "few", Namespace: s.name},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			"count/volumesnapshots.snapshot.storage.k8s.io": resource.MustParse("1")}},
	}
	s.create(quota)
	s.await("the quota to be in force", time.Minute, func() string {
		if err := kube.Get(s.ctx, s.key("few"), quota); err != nil {
			return err.Error()
		}
		if len(quota.Status.Hard) == 0 {
			return "it has no status"
		}
		return ""
	})
	s.policy("sync")
	s.now("first", "sync")
	s.point("first", "refused by quota", soonEnough, func(p *api.RecoveryPoint) string {
		refused, captured := 0, 0
		for _, r := range p.Status.Volumes {
			switch {
			case r.Reason == api.ReasonQuotaExceeded:
				refused++
			case r.State == api.VolumeCaptured:
				captured++
			}
		}
		if refused != 2 || captured != 1 {
			return fmt.Sprintf("%d refused, %d captured: %s", refused, captured, told(p))
		}
		return ""
	})
	if err := kube.Delete(s.ctx, quota); err != nil {
		t.Fatal(err)
	}
	s.complete("first")
	s.handles("first", storageA)
}

// While a storage system is away the volumes of the other are captured; when it is back nothing is left over.
func TestStorageSystemStopped(t *testing.T) {
	t.Parallel()
	storageB.own(t)
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.claims(storageB, "photos")
	s.policy("sync", timeout(shortest))
	s.take("before", "sync")

	start := func() {
		if err := storageB.order("start"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(start)
	if err := storageB.order("stop"); err != nil {
		t.Fatal(err)
	}
	s.now("during", "sync")
	p := s.failed("during", api.ReasonPartialPoint, soonEnough)
	if r := s.record(p, "photos"); r.Reason != api.ReasonSnapshotTimedOut {
		t.Errorf("claim photos is %s: %s", r.State, r.Reason)
	}
	if r := s.record(p, "contacts"); r.State != api.VolumeCaptured {
		t.Errorf("claim contacts is %s: %s", r.State, r.Reason)
	}
	start()
	s.await("the unready snapshot to go", soonEnough, func() string {
		if got := s.snapshots("during"); len(got) != 1 {
			return fmt.Sprintf("%d snapshots", len(got))
		}
		return ""
	})
	s.take("after", "sync")
	s.handles("after", storageB)
}

// The bytes of a block volume come back.
func TestBlockVolume(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	block := func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }
	device := func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.VolumeMounts, c.VolumeDevices = nil, []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/data"}}
	}
	s.claim("disk", storageA, block)
	s.pod("writer", "disk", device)
	s.sh("writer", "printf before | dd of=/dev/data bs=4096 seek=10 conv=notrunc,fsync 2>/dev/null")
	s.policy("sync")
	s.take("first", "sync")
	s.sh("writer", "printf after! | dd of=/dev/data bs=4096 seek=10 conv=notrunc,fsync 2>/dev/null")

	v := s.snapshots("first")["disk"]
	if v.Annotations[api.AnnotationVolumeMode] != string(corev1.PersistentVolumeBlock) {
		t.Errorf("the snapshot says volume mode %q", v.Annotations[api.AnnotationVolumeMode])
	}
	s.claim("restored", storageA, block, func(c *corev1.PersistentVolumeClaim) { restoredFrom(c, v.Name) })
	s.pod("reader", "restored", device)
	if got := s.sh("reader", "dd if=/dev/data bs=4096 skip=10 count=1 2>/dev/null | head -c 6"); strings.TrimSpace(got) != "before" {
		t.Errorf("the restored block says %q", got)
	}
}
