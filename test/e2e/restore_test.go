// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// Volumes come back into new claims: verified against their fingerprints, beside the captured ones, which are left alone. They stay
// when the restore goes.
func TestRestoreIntoNewClaims(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts", "photos")
	s.pod("writer", "contacts")
	s.sh("writer", "echo captured > /data/file && sync")
	s.policy("sync", func(b *api.BackupPolicySpec) { b.Fingerprint = api.FingerprintEvery })
	s.fingerprinted("first", "sync")
	s.sh("writer", "echo later > /data/file && sync")

	s.bringBackNow("preview", ofPoint("first", dryRun))
	r := s.restoreEnds("preview", api.ReasonDryRun)
	if said := strings.Join(r.Status.Plan, "\n"); !strings.Contains(said, "becomes the new claim contacts-preview (storage class array-a, 64Mi, ReadWriteOnce, Filesystem); every byte is read, and compared") {
		t.Errorf("the plan says:\n%s", said)
	}
	if got := s.claimNames(); got != "contacts photos" {
		t.Errorf("after a dry run there are %s", got)
	}

	r = s.restored("monday", ofPoint("first"))
	if r.Status.Progress != "2/2" || r.Status.Run.RecoveryPoint.Name != "first" {
		t.Errorf("status %+v", r.Status)
	}
	for _, v := range r.Status.Volumes {
		s.volume(v.As)
		if v.State != api.RestoreRestored || v.Verified != api.LevelIntact || v.Read == nil || v.Read.Digest == "" || v.As != v.Claim+"-monday" {
			t.Errorf("volume %+v", v)
		}
	}
	s.pod("reader", "contacts-monday")
	if got := s.sh("reader", "cat /data/file"); got != "captured" {
		t.Errorf("the restored file says %q", got)
	}
	if got := s.sh("writer", "cat /data/file"); got != "later" {
		t.Errorf("the captured claim was touched: %q", got)
	}
	if c := s.claimNow("contacts-monday"); c.Labels["app"] != "" {
		t.Errorf("the policy selects the restored claim: %v", c.Labels)
	}
	s.kubectl("delete", "restore", "monday", "--timeout=60s")
	s.stays("the restored claims stay", 3*time.Second, func() string {
		if got := s.claimNames(); got != "contacts contacts-monday photos photos-monday" {
			return got
		}
		return ""
	})
}

// As of a moment: the newest point that is not younger. Into a larger claim, with a name and labels, by a policy that is gone.
func TestRestoreAsOf(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.policy("sync")
	s.sh("writer", "echo one > /data/file && sync")
	first := s.take("first", "sync")
	s.sh("writer", "echo two > /data/file && sync")
	s.take("second", "sync")
	s.kubectl("delete", "bp", "sync", "--timeout=60s")

	r := s.restored("then", ofNewest("sync", func(r *api.RestoreSpec) {
		r.AsOf = first.Status.PointInTime
		r.Volumes = []api.RestoreVolume{{Claim: "contacts", As: "rescued", Size: ptr.To(resource.MustParse("128Mi"))}}
		r.Labels = map[string]string{"rescued": "yes"}
	}))
	s.volume("rescued")
	if v := r.Status.Volumes[0]; r.Status.Run.RecoveryPoint.Name != "first" || v.Verified != api.LevelRestored || v.Size.Cmp(resource.MustParse("128Mi")) < 0 {
		t.Errorf("point %s, volume %+v", r.Status.Run.RecoveryPoint.Name, v)
	}
	if c := s.claimNow("rescued"); c.Labels["rescued"] != "yes" || c.Status.Capacity.Storage().Cmp(resource.MustParse("128Mi")) < 0 {
		t.Errorf("claim %v %v", c.Labels, c.Status.Capacity)
	}
	s.restored("newest", ofNewest("sync", func(r *api.RestoreSpec) { r.NamePattern = "{restore}.{claim}" }))
	s.volume("newest.contacts")
	s.pod("reader", "rescued")
	s.pod("other", "newest.contacts")
	if one, two := s.sh("reader", "cat /data/file"), s.sh("other", "cat /data/file"); one != "one" || two != "two" {
		t.Errorf("as of the first point it says %q, now %q", one, two)
	}
}

const store = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  replicas: 1
  selector: {matchLabels: {set: store}} # the claims get it too
  template:
    metadata: {labels: {set: store}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: tool
        image: lifeboat.test/toolbox:latest
        imagePullPolicy: Never
        command: [sleep, "86400"]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data, labels: {app: sync}, annotations: {team: red}}
    spec: {storageClassName: array-a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
`

// In place: refused while the service runs; once it is scaled down the data take the place of the present ones, which are kept
// twice, as a recovery point and as a volume, and the service comes back up on them.
func TestRestoreInPlace(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.freeKept()
	s.kubectlIn(store, "create", "-f", "-")
	s.kubectl("rollout", "status", "statefulset/store", "--timeout=120s")
	s.volume("data-store-0")
	s.policy("sync", func(b *api.BackupPolicySpec) { b.Fingerprint = api.FingerprintEvery })
	s.sh("store-0", "echo good > /data/file && sync")
	s.fingerprinted("good", "sync")
	s.sh("store-0", "echo damaged > /data/file && sync")

	s.bringBackNow("too-early", ofPoint("good", inPlace))
	r := s.restoreEnds("too-early", api.ReasonClaimInUse)
	if said := restoreTold(r); !strings.Contains(said, "pod store-0") {
		t.Errorf("it does not name the pod: %s", said)
	}
	s.kubectl("scale", "statefulset/store", "--replicas=0")
	s.kubectl("wait", "--for=delete", "pod/store-0", "--timeout=90s")
	s.bringBackNow("preview", ofPoint("good", inPlace, dryRun))
	s.restoreEnds("preview", api.ReasonDryRun)
	before := s.claimNow("data-store-0")

	const kept = time.Minute
	r = s.restored("now", ofPoint("good", inPlace, func(r *api.RestoreSpec) { r.KeepOldFor = &metav1.Duration{Duration: kept} }))
	after := s.claimNow("data-store-0")
	s.volumes = append(s.volumes, after.Spec.VolumeName)
	if after.UID == before.UID || after.Spec.VolumeName == before.Spec.VolumeName || after.Annotations["team"] != "red" || after.Labels["app"] != "sync" {
		t.Errorf("the claim: %s %s %v %v", after.UID, after.Spec.VolumeName, after.Labels, after.Annotations)
	}
	if after.Labels[api.LabelRunUID] != "" || after.Annotations[api.AnnotationExpires] != "" {
		t.Errorf("the claim bears marks of the restore: %v %v", after.Labels, after.Annotations)
	}
	old, restored := s.volumeNow(before.Spec.VolumeName), s.volumeNow(after.Spec.VolumeName)
	if old == nil || old.Status.Phase != corev1.VolumeReleased || old.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain || old.Annotations[api.AnnotationKeepUntil] == "" {
		t.Fatalf("the old volume is not kept: %+v", old)
	}
	if restored.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("the restored volume has reclaim policy %s", restored.Spec.PersistentVolumeReclaimPolicy)
	}
	if v := r.Status.Volumes[0]; v.Verified != api.LevelIntact || v.Swap == nil || v.Swap.OldVolume != old.Name || v.Swap.NewVolume != restored.Name || v.Swap.KeepUntil == nil {
		t.Errorf("volume %+v", v)
	}
	s.complete(r.Status.SafetyPoint)

	s.kubectl("scale", "statefulset/store", "--replicas=1")
	s.kubectl("rollout", "status", "statefulset/store", "--timeout=120s")
	if got := s.sh("store-0", "cat /data/file && echo on >> /data/file"); got != "good" {
		t.Errorf("the service finds %q", got)
	}
	s.undo(r.Status.SafetyPoint)
	s.await("the old volume to go", kept+soonEnough, func() string {
		if v := s.volumeNow(old.Name); v != nil {
			return fmt.Sprintf("it is %s, %s", v.Status.Phase, v.Spec.PersistentVolumeReclaimPolicy)
		}
		return ""
	})
	s.restoring("now", "done with the old volume", soonEnough, func(r *api.Restore) string {
		if r.Status.Volumes[0].Swap.ReleasedAt == nil {
			return "it does not say so"
		}
		return ""
	})
}

// undo shows that the point of the state before holds what was there before.
func (s *space) undo(point string) {
	s.t.Helper()
	p := s.complete(point)
	if !p.Spec.Hold {
		s.t.Errorf("recovery point %s is not on hold", point)
	}
	s.restored("back", ofPoint(point, into("data-store-0", "before")))
	s.volume("before")
	s.pod("looks", "before")
	if got := s.sh("looks", "cat /data/file"); got != "damaged" {
		s.t.Errorf("the point of the state before says %q", got)
	}
}

// What cannot be done is refused with a reason, dry or not, and leaves no trace.
func TestRestoreRefusals(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.policy("sync", timeout(shortest))
	s.take("good", "sync")
	end := storageA.fault(t, faultNeverReady, volumes...)
	s.now("bad", "sync")
	s.failed("bad", api.ReasonSnapshotTimedOut, soonEnough)
	end()
	small := resource.MustParse("32Mi")
	for name, c := range map[string]struct {
		spec   api.RestoreSpec
		reason string
	}{
		"not-found":    {ofPoint("none"), api.ReasonPointNotFound},
		"incomplete":   {ofPoint("bad"), api.ReasonPointNotComplete},
		"no-policy":    {ofNewest("none"), api.ReasonNoEligiblePoint},
		"too-old":      {ofNewest("sync", func(r *api.RestoreSpec) { r.AsOf = ptr.To(metav1.NewTime(time.Now().Add(-240 * time.Hour))) }), api.ReasonNoEligiblePoint},
		"never-proven": {ofNewest("sync", func(r *api.RestoreSpec) { r.Latest = api.StandingProven }), api.ReasonNoEligiblePoint},
		"other-volume": {ofPoint("good", into("photos", "")), api.ReasonVolumeNotInPoint},
		"exists":       {ofPoint("good", into("contacts", "contacts")), api.ReasonClaimExists},
		"other-driver": {ofPoint("good", func(r *api.RestoreSpec) { r.StorageClassName = storageB.class }), api.ReasonDriverMismatch},
		"no-class":     {ofPoint("good", func(r *api.RestoreSpec) { r.StorageClassName = "none" }), api.ReasonStorageClassNotFound},
		"too-small":    {ofPoint("good", func(r *api.RestoreSpec) { r.Volumes = []api.RestoreVolume{{Claim: "contacts", Size: &small}} }), api.ReasonSizeTooSmall},
		"invalid-name": {ofPoint("good", func(r *api.RestoreSpec) { r.NamePattern = "{claim}..{restore}" }), api.ReasonInvalidName},
		"in-use":       {ofPoint("good", inPlace), api.ReasonClaimInUse},
	} {
		if name == "in-use" {
			s.pod("user", "contacts")
		}
		for _, dry := range []bool{true, false} {
			spec := *c.spec.DeepCopy()
			spec.DryRun = dry
			restore := fmt.Sprintf("%s-dry-%v", name, dry)
			s.bringBackNow(restore, spec)
			r := s.restoreEnds(restore, c.reason)
			if !meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionStalled) || meta.FindStatusCondition(r.Status.Conditions, api.ConditionSucceeded).Status != metav1.ConditionFalse {
				t.Errorf("%s: %s", restore, restoreTold(r))
			}
		}
	}
	if got := s.claimNames(); got != "contacts" {
		t.Errorf("after all refusals there are %s", got)
	}
}

// A claim that another restore made is not adopted, and not touched.
func TestRestoreAdoptsNothing(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync")
	s.take("first", "sync")
	s.restored("one", ofPoint("first", into("contacts", "rescued")))
	s.volume("rescued")
	uid := s.claimNow("rescued").UID
	s.bringBackNow("two", ofPoint("first", into("contacts", "rescued")))
	s.restoreEnds("two", api.ReasonClaimExists)
	if got := s.claimNow("rescued"); got.UID != uid || got.DeletionTimestamp != nil {
		t.Error("the claim of the first restore was touched")
	}
}

// A restore that is deleted half-way removes its readers; the claim that was not verified stays, as it says.
func TestRestoreDeletedHalfWay(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync")
	s.take("first", "sync")
	s.bringBackNow("short", ofPoint("first"))
	s.restoring("short", "under way", soonEnough, func(r *api.Restore) string {
		if r.Status.Run == nil {
			return restoreTold(r)
		}
		return ""
	})
	s.kubectl("delete", "restore", "short", "--timeout=90s")
	if left := s.thrownAway(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// The bytes of a block volume come back as a block volume, from a snapshot and from a copy elsewhere, of which zeros take no room;
// its mode is never converted.
func TestRestoreBlockVolume(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.kubectl("annotate", "namespace", s.name, api.AnnotationPrivilegedMovers+"=true") // a device is root's
	block := func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock) }
	device := func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.VolumeMounts, c.VolumeDevices = nil, []corev1.VolumeDevice{{Name: "data", DevicePath: "/dev/data"}}
	}
	s.claim("disk", storageA, block)
	s.pod("writer", "disk", device)
	s.volume("disk")
	s.sh("writer", "printf bytes | dd of=/dev/data conv=fsync")
	s.bucket("offsite", s.name+"/")
	s.policy("sync", copiesTo("offsite"), func(b *api.BackupPolicySpec) { b.Fingerprint = api.FingerprintEvery })
	s.fingerprinted("first", "sync")
	if c := s.copied("first", 1).Status.Copies[0]; c.Bytes != 64<<20 || c.NewBytes > 1<<20 {
		t.Errorf("the copy is %+v", c)
	}
	r := s.restored("block", ofPoint("first"))
	s.volume("disk-block")
	if v := r.Status.Volumes[0]; v.Verified != api.LevelIntact {
		t.Errorf("volume %+v", v)
	}
	if c := s.claimNow("disk-block"); ptr.Deref(c.Spec.VolumeMode, "") != corev1.PersistentVolumeBlock {
		t.Errorf("volume mode %v", c.Spec.VolumeMode)
	}
	s.pod("reader", "disk-block", device)
	if got := s.sh("reader", "head -c 5 /dev/data"); got != "bytes" {
		t.Errorf("the restored block says %q", got)
	}
	s.restored("elsewhere", ofPoint("first", fromCopy, ontoClass(storageB.class)))
	s.volume("disk-elsewhere")
	s.pod("far-reader", "disk-elsewhere", device)
	const all = "head -c 67108864 /dev/data | sha256sum"
	if was, is := s.sh("writer", all), s.sh("far-reader", all); was != is {
		t.Errorf("the block was %s and came back as %s", was, is)
	}
}

// A class that makes a volume only once a pod wants it is no obstacle: the pod that reads is the first to want it, for a
// restore as for a drill.
func TestRestoreIntoAClassThatWaits(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	late := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: s.name}, Provisioner: storageA.driver, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
	}
	s.create(late)
	t.Cleanup(func() { _ = kube.Delete(context.WithoutCancel(s.ctx), late) })
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "echo kept > /data/file && sync")
	s.policy("sync", drilled(), func(b *api.BackupPolicySpec) { b.Drill.StorageClassName = late.Name })
	s.fingerprinted("first", "sync")

	s.rehearse("drill", ofPolicy("sync"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	r := s.restored("back", ofPoint("first", into("contacts", "rescued"), func(r *api.RestoreSpec) { r.StorageClassName = late.Name }))
	s.volume("rescued")
	if c := s.claimNow("rescued"); ptr.Deref(c.Spec.StorageClassName, "") != late.Name || r.Status.Volumes[0].Verified != api.LevelIntact {
		t.Errorf("claim of class %v, volume %+v", c.Spec.StorageClassName, r.Status.Volumes[0])
	}
	s.pod("reader", "rescued")
	if got := s.sh("reader", "cat /data/file"); got != "kept" {
		t.Errorf("the restored claim holds %q", got)
	}
}
