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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A namespace that is deleted takes no byte along: what is left says what it is, and gives the data back elsewhere.
func TestNamespaceDeleted(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "echo survives > /data/file && sync")
	s.policy("sync")
	s.policy("group", consistency(api.ConsistencyGroup))
	alone, grouped := s.take("alone", "sync"), s.take("grouped", "group")
	handles := s.handles("alone", storageA)
	for claim, h := range s.handles("grouped", storageA) {
		handles["grouped "+claim] = h
	}
	s.kubectl("delete", "namespace", s.name, "--timeout=120s")

	found := map[string]snapshotv1.VolumeSnapshotContent{}
	for _, c := range s.contents() {
		found[c.Labels[api.LabelPoint]+" "+c.Annotations[api.AnnotationClaim]] = c
		if c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain || c.DeletionTimestamp != nil {
			t.Errorf("content %s: %s, deleted %v", c.Name, c.Spec.DeletionPolicy, c.DeletionTimestamp)
		}
		if c.Annotations[api.AnnotationNamespace] != s.name || c.Annotations[api.AnnotationStorageClass] != storageA.class ||
			c.Annotations[api.AnnotationSize] != "64Mi" || c.Labels[api.LabelPolicy] == "" {
			t.Errorf("content %s does not say what it is: %v %v", c.Name, c.Labels, c.Annotations)
		}
	}
	if len(found) != 4 {
		t.Errorf("%d contents are left", len(found))
	}
	if groups := s.groupContents(); len(groups) != 1 || groups[0].GetLabels()[api.LabelPoint] != grouped.Name {
		t.Errorf("%d group contents are left", len(groups))
	}
	time.Sleep(3 * time.Second) // for a deletion that is late
	for claim, h := range handles {
		if !storageA.holds(t, h) {
			t.Errorf("the bytes of %s are gone", claim)
		}
	}
	for _, p := range []*api.RecoveryPoint{alone, grouped} {
		t.Run(p.Name, func(t *testing.T) {
			bringBack(t, found[p.Name+" contacts"])
		})
	}
}

// bringBack restores a content of a namespace that is gone into a new one.
func bringBack(t *testing.T, c snapshotv1.VolumeSnapshotContent) {
	s := newSpace(t)
	s.create(&snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: s.name},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain, Driver: c.Spec.Driver,
			Source:            snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: c.Status.SnapshotHandle},
			VolumeSnapshotRef: corev1.ObjectReference{Kind: "VolumeSnapshot", Namespace: s.name, Name: "brought"},
		},
	})
	s.create(&snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "brought"},
		Spec:       snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: ptr.To(s.name)}},
	})
	s.kubectl("wait", "--for=jsonpath={.status.readyToUse}=true", "volumesnapshot/brought", "--timeout=60s")
	s.restore("restored", "brought", storageA)
	if got := s.sh("restored", "cat /data/file"); got != "survives" {
		t.Errorf("the restored file says %q", got)
	}
}

// A namespace that is deleted in the midst of a capture goes without delay, but for what the storage system's sidecar overlooks.
func TestNamespaceDeletedDuringCapture(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "calendar", "contacts")
	s.policy("sync")
	s.policy("group", consistency(api.ConsistencyGroup))
	storageA.fault(t, faultSlow, volumes[0])
	s.now("alone", "sync")
	s.now("grouped", "group")
	s.await("a snapshot of each", soonEnough, func() string {
		if a, g := len(s.snapshots("alone")), len(s.groupSnapshots()); a == 0 || g == 0 {
			return fmt.Sprintf("%d snapshots, %d groups", a, g)
		}
		return ""
	})
	s.kubectl("delete", "namespace", s.name, "--wait=false")
	s.await("the namespace to go", soonEnough, s.namespaceGone())
}

// A claim that is made anew is another claim: what there is of the first one is not pushed out by points of the second.
func TestClaimMadeAnew(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 1}))
	s.take("first", "sync")
	handles := s.handles("first", storageA)
	s.kubectl("delete", "pvc", "contacts", "--timeout=60s")
	s.claims(storageA, "contacts")
	s.take("second", "sync")
	s.take("third", "sync")
	s.pointGone("second", soonEnough)
	s.stays("the first claim's point stays", 3*time.Second, func() string {
		if s.gone("first") || !storageA.holds(t, handles["contacts"]) {
			return "it is gone"
		}
		return ""
	})
	s.complete("first")
}

// The claims of a StatefulSet are captured, those beyond its present scale too, and no others.
func TestStatefulSet(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "other")
	s.kubectlIn(`apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: tool
        image: lifeboat.test/toolbox:latest
        imagePullPolicy: Never
        command: [sleep, "86400"]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {storageClassName: array-a, accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
`, "create", "-f", "-")
	s.kubectl("rollout", "status", "statefulset/store", "--timeout=120s")
	s.kubectl("scale", "statefulset/store", "--replicas=1")
	s.policy("sync", func(b *api.BackupPolicySpec) {
		b.Volumes = api.VolumeSelection{Workload: &api.WorkloadReference{Kind: "StatefulSet", Name: "store"}}
	})
	s.take("first", "sync")
	got := s.handles("first", storageA)
	if got["data-store-0"] == "" || got["data-store-1"] == "" || len(got) != 2 {
		t.Errorf("captured %v", got)
	}
}

// A VolumeSnapshot that was deleted by hand costs no bytes; the point says so, and its deletion frees them.
func TestVolumeSnapshotDeletedByHand(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "calendar", "contacts")
	s.policy("sync")
	s.take("first", "sync")
	handles := s.handles("first", storageA)
	s.kubectl("delete", "volumesnapshot", s.snapshots("first")["contacts"].Name, "--timeout=60s")
	p := s.failed("first", api.ReasonRecoveryPointVanished, soonEnough)
	if r := s.record(p, "contacts"); r.State != api.VolumeFailed || r.Reason != api.ReasonRecoveryPointVanished {
		t.Errorf("claim contacts is %s: %s", r.State, r.Reason)
	}
	s.policyStatus("sync", "unprotected", soonEnough, func(b *api.BackupPolicy) string {
		if meta.IsStatusConditionFalse(b.Status.Conditions, api.ConditionProtected) {
			return ""
		}
		return fmt.Sprintf("%+v", b.Status.Conditions)
	})
	if !storageA.holds(t, handles["contacts"]) {
		t.Error("the bytes are gone")
	}
	s.kubectl("delete", "rp", "first", "--timeout=60s")
	s.bytesGone(storageA, handles)
	s.await("the contents to go", soonEnough, func() string {
		if n := len(s.contents()); n > 0 {
			return fmt.Sprintf("%d contents", n)
		}
		return ""
	})
}

// A person asks for a point with four lines of YAML; a slot that Lifeboat did not set is refused; two points of one policy
// are taken one after the other.
func TestRunNow(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync")
	s.kubectlIn(`apiVersion: lifeboat.dev/v1alpha1
kind: RecoveryPoint
metadata: {name: now}
spec: {policy: {name: sync}}
`, "create", "-f", "-")
	s.kubectl("wait", "--for=condition=Complete", "rp/now", "--timeout=60s")
	p := s.complete("now")
	if p.Status.Trigger != api.TriggerManual || p.Spec.Slot != nil {
		t.Errorf("trigger %s, slot %v", p.Status.Trigger, p.Spec.Slot)
	}
	forged := &api.RecoveryPoint{ObjectMeta: metav1.ObjectMeta{Name: "forged", Namespace: s.name},
		Spec: api.RecoveryPointSpec{Policy: api.PolicyReference{Name: "sync"}, Slot: ptr.To(metav1.NewTime(time.Now().Truncate(time.Minute)))}}
	s.create(forged)
	s.now("left", "sync")
	s.now("right", "sync")
	s.complete("left")
	s.complete("right")
	s.point("forged", "refused", soonEnough, func(p *api.RecoveryPoint) string {
		c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete)
		if c == nil || c.Reason != api.ReasonInvalidSlot || p.Status.Capture != nil {
			return told(p)
		}
		return ""
	})
	if n := len(s.snapshots("forged")); n > 0 {
		t.Errorf("%d snapshots were taken for a forged slot", n)
	}
}

// While a policy is suspended nothing is taken on schedule and nothing expires. Resuming starts no run by itself.
func TestSuspend(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", everyMinute, keep(api.Retention{Last: 1}), func(b *api.BackupPolicySpec) { b.Suspend = true })
	s.take("one", "sync")
	s.take("two", "sync")
	next := time.Now().Truncate(time.Minute).Add(time.Minute)
	s.stays("nothing is taken or expires while suspended", time.Until(next.Add(8*time.Second)), func() string {
		if names := strings.Join(pointNames(s.points()), " "); names != "one two" {
			return names
		}
		return ""
	})
	resumed := time.Now()
	s.kubectl("patch", "bp", "sync", "--type=merge", "-p", `{"spec":{"suspend":false}}`)
	s.pointGone("one", soonEnough)
	s.await("a slot after resuming", soonEnough, func() string {
		for _, p := range s.points() {
			if p.Spec.Slot == nil {
				continue
			}
			if p.Spec.Slot.Time.Before(resumed) {
				t.Fatalf("slot %s was run, resumed at %s", p.Spec.Slot, resumed)
			}
			return ""
		}
		return "there is none"
	})
}
