// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// finding waits until a policy has a finding of a kind, as loud as given, and checks that an event told of it.
func (s *space) finding(policy, kind string, severity api.Severity, most time.Duration) api.Finding {
	s.t.Helper()
	var found api.Finding
	s.policyStatus(policy, "found to have "+kind, most, func(b *api.BackupPolicy) string {
		for _, f := range b.Status.Findings {
			if f.Kind == kind && f.Severity == severity {
				found = f
				return ""
			}
		}
		return fmt.Sprintf("its findings are %v", short(b.Status.Findings))
	})
	if found.Message == "" || found.Remedy == "" || found.Since.After(time.Now().Add(time.Second)) {
		s.t.Errorf("the finding says too little: %+v", found)
	}
	if severity != api.SeverityPending {
		s.await("an event of "+kind, soonEnough, func() string {
			events, err := s.kubectlTry("events", "--for=backuppolicy.lifeboat.dev/"+policy, "--types=Warning")
			if err != nil || !strings.Contains(events, kind) {
				return fmt.Sprint(events, err)
			}
			return ""
		})
	}
	return found
}

// cleared waits until a policy has no finding of a kind any more.
func (s *space) cleared(policy, kind string, most time.Duration) {
	s.t.Helper()
	s.policyStatus(policy, "rid of "+kind, most, func(b *api.BackupPolicy) string {
		for _, f := range b.Status.Findings {
			if f.Kind == kind {
				return fmt.Sprintf("its findings are %v: %s", short(b.Status.Findings), f.Message)
			}
		}
		return ""
	})
}

func short(findings []api.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Kind, f.Subject)))
	}
	return out
}

// edit changes the spec of a policy.
func (s *space) edit(policy string, change func(*api.BackupPolicySpec)) {
	s.t.Helper()
	s.await("policy "+policy+" to be edited", soonEnough, func() string {
		var b api.BackupPolicy
		if err := kube.Get(s.ctx, s.key(policy), &b); err != nil {
			return err.Error()
		}
		change(&b.Spec)
		return problem(kube.Update(s.ctx, &b))
	})
}

// patch is a merge patch of an object.
func (s *space) patch(o client.Object, body string) {
	s.t.Helper()
	if err := kube.Patch(s.ctx, o, client.RawPatch(types.MergePatchType, []byte(body))); err != nil {
		s.t.Fatalf("patch %T %s: %v", o, o.GetName(), err)
	}
}

// A class that does not exist, and one volume of two that cannot be captured.
func TestDriftOfCoverage(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts", "photos")
	s.policy("sync", timeout(shortest), func(b *api.BackupPolicySpec) { b.Snapshot.ClassName = "no-such-class" })
	if f := s.finding("sync", api.ReasonUnsnapshotableVolume, api.SeverityHigh, soonEnough); !strings.HasPrefix(f.Subject, "pvc/") {
		t.Errorf("it is about %q", f.Subject)
	}
	if table := s.kubectl("get", "bp", "sync"); !strings.Contains(table, api.ReasonUnsnapshotableVolume) || !strings.Contains(table, "High") {
		t.Errorf("kubectl get bp does not show the worst finding:\n%s", table)
	}
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Snapshot.ClassName = "" })
	s.cleared("sync", api.ReasonUnsnapshotableVolume, soonEnough)

	end := storageA.fault(t, faultFail, volumes[0])
	s.now("partial", "sync")
	s.finding("sync", api.ReasonPartialPoint, api.SeverityHigh, soonEnough)
	end()
	// Who asked in vain asks again only after a while.
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Snapshot.Timeout = &metav1.Duration{Duration: 2 * time.Minute} })
	s.take("whole", "sync")
	s.cleared("sync", api.ReasonPartialPoint, soonEnough)

	s.kubectl("delete", "pvc", "photos", "--timeout=60s")
	s.claim("photos", storageA)
	s.finding("sync", api.ReasonVolumeReplaced, api.SeverityHigh, soonEnough)
	s.finding("sync", api.ReasonVolumeNotCaptured, api.SeverityPending, soonEnough)
	s.take("again", "sync")
	s.cleared("sync", api.ReasonVolumeReplaced, soonEnough)
	s.cleared("sync", api.ReasonVolumeNotCaptured, soonEnough)
	s.kubectl("wait", "--for=condition=Protected", "bp/sync", "--timeout=60s")
}

// A snapshot that never becomes ready, slots that pass meanwhile, and data that grow older than promised.
func TestDriftOfTime(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.policy("sync", timeout(shortest), func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{RecoveryPoint: &metav1.Duration{Duration: time.Minute}}
	})
	s.finding("sync", api.ReasonNeverSucceeded, api.SeverityPending, soonEnough)
	s.take("first", "sync")
	s.cleared("sync", api.ReasonNeverSucceeded, soonEnough)
	end := storageA.fault(t, faultNeverReady, volumes...)
	s.now("stuck", "sync")
	s.finding("sync", api.ReasonSnapshotStuck, api.SeverityMedium, soonEnough)
	s.finding("sync", api.ReasonObjectiveMissed, api.SeverityHigh, 2*time.Minute)
	s.kubectl("wait", "--for=condition=Protected=False", "bp/sync", "--timeout=60s")
	s.finding("sync", api.ReasonObjectiveMissed, api.SeverityCritical, 2*time.Minute)
	end()
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Snapshot.Timeout = &metav1.Duration{Duration: 2 * time.Minute} })
	s.take("second", "sync")
	s.cleared("sync", api.ReasonSnapshotStuck, soonEnough)
	s.cleared("sync", api.ReasonObjectiveMissed, soonEnough)
}

// A policy that never succeeds, and whose slots pass while a capture is under way that does not end.
func TestDriftOfAScheduleThatStands(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	end := storageA.fault(t, faultNeverReady, volumes...)
	s.policy("sync", everyMinute, timeout(100*time.Second), func(b *api.BackupPolicySpec) {
		b.Schedule.StartingDeadline = &metav1.Duration{Duration: 10 * time.Second}
	})
	s.finding("sync", api.ReasonSlotMissed, api.SeverityMedium, 4*time.Minute)
	s.finding("sync", api.ReasonNeverSucceeded, api.SeverityHigh, 4*time.Minute)
	end()
	s.cleared("sync", api.ReasonNeverSucceeded, 4*time.Minute)
	s.cleared("sync", api.ReasonSlotMissed, 4*time.Minute)
}

// What becomes of points behind our back: a snapshot deleted, and one that is not ready any more.
func TestDriftOfPoints(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 10}))
	s.take("first", "sync")
	s.take("second", "sync")
	s.take("third", "sync")

	content := s.content(s.snapshots("first")["contacts"])
	s.kubectl("delete", "volumesnapshot", s.snapshots("first")["contacts"].Name, "--timeout=60s")
	f := s.finding("sync", api.ReasonRecoveryPointVanished, api.SeverityCritical, soonEnough)
	if f.Subject != "rp/first" {
		t.Errorf("it is about %s", f.Subject)
	}
	if content.Status.SnapshotHandle != nil && !storageA.holds(t, *content.Status.SnapshotHandle) {
		t.Error("the bytes went with the VolumeSnapshot")
	}
	s.kubectl("delete", "rp", "first", "--timeout=90s")
	s.cleared("sync", api.ReasonRecoveryPointVanished, soonEnough)

	// The storage system takes back that a snapshot is ready, and says so when it is asked.
	second := s.snapshots("second")["contacts"]
	end := storageA.fault(t, faultNeverReady, volumes...)
	says := func(ready bool) {
		for _, o := range []client.Object{s.content(second), &second} {
			if err := kube.Status().Patch(s.ctx, o, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"readyToUse":%t}}`, ready))); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.await("the snapshot to be found not to be ready", soonEnough, func() string {
		var b api.BackupPolicy
		if err := kube.Get(s.ctx, s.key("sync"), &b); err != nil {
			return err.Error()
		}
		if slices.ContainsFunc(b.Status.Findings, func(f api.Finding) bool { return f.Kind == api.ReasonReadinessRegressed }) {
			return ""
		}
		says(false) // a sidecar that had just looked may have written what it saw
		time.Sleep(2 * time.Second)
		return strings.Join(short(b.Status.Findings), ", ")
	})
	if f := s.finding("sync", api.ReasonReadinessRegressed, api.SeverityHigh, soonEnough); f.Subject != "rp/second" {
		t.Errorf("it is about %s", f.Subject)
	}
	end()
	says(true) // which the sidecar would find out at its next look, in up to a quarter of an hour
	s.cleared("sync", api.ReasonReadinessRegressed, soonEnough)
}

// Volumes that shrink, whose claims take their data with them, and snapshots dated by a clock that is wrong.
func TestDriftOfVolumes(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "for i in $(seq 40); do head -c 20000 /dev/urandom > /data/f$i; done; chmod -R a+r /data; sync")
	s.policy("sync", keep(api.Retention{Last: 20}), func(b *api.BackupPolicySpec) { b.Fingerprint = api.FingerprintEvery })
	for i := range 3 {
		s.fingerprinted(fmt.Sprintf("full-%d", i), "sync")
	}
	f := s.finding("sync", api.ReasonReclaimDeletesData, api.SeverityMedium, soonEnough)
	if !strings.Contains(f.Message, "contacts") {
		t.Errorf("it says %q", f.Message)
	}
	var c corev1.PersistentVolumeClaim
	if err := kube.Get(s.ctx, s.key("contacts"), &c); err != nil {
		t.Fatal(err)
	}
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: c.Spec.VolumeName}}
	s.patch(volume, `{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`)
	s.cleared("sync", api.ReasonReclaimDeletesData, soonEnough)
	s.patch(volume, `{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}`)
	s.finding("sync", api.ReasonReclaimDeletesData, api.SeverityMedium, soonEnough)

	s.sh("writer", "mkdir /data/kept; mv /data/f1 /data/kept; rm -f /data/f*; sync")
	s.fingerprinted("empty", "sync")
	s.finding("sync", api.ReasonSizeAnomaly, api.SeverityHigh, soonEnough)
	s.sh("writer", "for i in $(seq 40); do head -c 20000 /dev/urandom > /data/f$i; done; chmod -R a+r /data; sync")
	s.fingerprinted("full-again", "sync")
	s.cleared("sync", api.ReasonSizeAnomaly, soonEnough)

	end := storageA.fault(t, faultClock, volumes...)
	s.now("ahead", "sync")
	s.complete("ahead")
	s.finding("sync", api.ReasonClockSkew, api.SeverityMedium, soonEnough)
	end()
	s.kubectl("delete", "rp", "ahead", "--timeout=90s")
	s.take("right", "sync")
	s.cleared("sync", api.ReasonClockSkew, soonEnough)
}

// Proofs that are missing, expire, and fail; and a drill that mends each.
func TestDriftOfProofs(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", keep(api.Retention{Last: 1}), drilled(), func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{ProofWithin: &metav1.Duration{Duration: time.Minute}}
	})
	s.fingerprinted("first", "sync")
	s.finding("sync", api.ReasonNeverProven, api.SeverityPending, soonEnough)
	s.finding("sync", api.ReasonNeverProven, api.SeverityHigh, 2*time.Minute)
	s.rehearse("drill", ofPolicy("sync"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.cleared("sync", api.ReasonNeverProven, soonEnough)
	s.finding("sync", api.ReasonProofExpired, api.SeverityHigh, 2*time.Minute)

	// Retention wants one point; the proven one stays, and whoever deletes it is held up.
	s.fingerprinted("second", "sync")
	s.finding("sync", api.ReasonLastProvenAtRisk, api.SeverityLow, soonEnough)
	s.kubectl("delete", "rp", "first", "--wait=false")
	f := s.finding("sync", api.ReasonLastProvenAtRisk, api.SeverityCritical, soonEnough)
	if f.Subject != "rp/first" {
		t.Errorf("it is about %s", f.Subject)
	}
	s.rehearse("again", ofPolicy("sync"))
	s.drillEnds("again", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.cleared("sync", api.ReasonProofExpired, soonEnough)
	s.pointGone("first", soonEnough)
	s.cleared("sync", api.ReasonLastProvenAtRisk, soonEnough)
}

// Drills that fail, and drills that cannot run.
func TestDriftOfDrills(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", drilled())
	s.fingerprinted("first", "sync")
	fails := ofPolicy("sync")
	fails.Checks = []api.Check{check("no", api.LevelConsistent, "false")}
	s.rehearse("fails", fails)
	s.drillEnds("fails", api.VerdictFailed, api.LevelIntact, api.ReasonCheckFailed)
	s.finding("sync", api.ReasonDrillFailed, api.SeverityHigh, soonEnough)
	s.rehearse("fails-again", fails)
	s.drillEnds("fails-again", api.VerdictFailed, api.LevelIntact, api.ReasonCheckFailed)
	s.finding("sync", api.ReasonDrillFailed, api.SeverityCritical, soonEnough)
	s.rehearse("passes", ofPolicy("sync"))
	s.drillEnds("passes", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.cleared("sync", api.ReasonDrillFailed, soonEnough)

	time.Sleep(1100 * time.Millisecond) // drills are told apart by the second in which they ended
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "full", Namespace: s.name}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{"count/persistentvolumeclaims": resource.MustParse("1")},
	}}
	s.create(quota)
	s.await("the quota to count", soonEnough, func() string {
		if err := kube.Get(s.ctx, s.key("full"), quota); err != nil || len(quota.Status.Used) == 0 {
			return fmt.Sprintf("%v, %v", quota.Status, err)
		}
		return ""
	})
	for i := range 3 {
		name := fmt.Sprintf("cannot-%d", i)
		s.rehearse(name, ofPolicy("sync"))
		s.drill(name, "inconclusive", soonEnough, func(d *api.RestoreDrill) string {
			if d.Status.Verdict != api.VerdictInconclusive {
				return drillTold(d)
			}
			return ""
		})
	}
	s.finding("sync", api.ReasonDrillInconclusive, api.SeverityHigh, soonEnough)
	if err := kube.Delete(s.ctx, quota); err != nil {
		t.Fatal(err)
	}
	s.rehearse("can", ofPolicy("sync"))
	s.drillEnds("can", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.cleared("sync", api.ReasonDrillInconclusive, soonEnough)
}

// An edit that promises more than is proven, one that promises less, and a storage stack that changes after the proof.
func TestDriftOfPromises(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	class := &snapshotv1.VolumeSnapshotClass{
		ObjectMeta: metav1.ObjectMeta{Name: s.name}, Driver: storageA.driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete,
	}
	s.create(class)
	t.Cleanup(func() { _ = kube.Delete(s.ctx, class) })
	s.policy("sync", keep(api.Retention{Last: 3}), drilled(), func(b *api.BackupPolicySpec) { b.Snapshot.ClassName = s.name })
	s.fingerprinted("first", "sync")
	s.rehearse("drill", ofPolicy("sync"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)

	s.edit("sync", func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{RecoveryTime: &metav1.Duration{Duration: time.Second}, RequiredProof: api.LevelConsistent}
	})
	s.finding("sync", api.ReasonProofTooShallow, api.SeverityHigh, soonEnough)
	s.finding("sync", api.ReasonRecoveryTooSlow, api.SeverityHigh, soonEnough)
	s.kubectl("wait", "--for=condition=Proven=False", "bp/sync", "--timeout=60s")
	s.edit("sync", func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{RecoveryTime: &metav1.Duration{Duration: time.Hour}, RequiredProof: api.LevelIntact}
	})
	s.cleared("sync", api.ReasonProofTooShallow, soonEnough)
	s.cleared("sync", api.ReasonRecoveryTooSlow, soonEnough)
	f := s.finding("sync", api.ReasonPolicyWeakened, api.SeverityHigh, soonEnough)
	at := strings.Index(f.Remedy, "kubectl ")
	if at < 0 {
		t.Fatalf("the remedy names no command: %s", f.Remedy)
	}
	if out, err := kubectl(s.ctx, strings.Fields(f.Remedy[at:])[1:]...); err != nil {
		t.Fatal(out, err)
	}
	s.cleared("sync", api.ReasonPolicyWeakened, soonEnough)
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Retention.Last = 1 })
	s.finding("sync", api.ReasonPolicyWeakened, api.SeverityHigh, soonEnough)
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Retention.Last = 4 })
	s.cleared("sync", api.ReasonPolicyWeakened, soonEnough)

	// The snapshot class gets a parameter: a fresh drill is asked for, and proves it.
	if err := kube.Delete(s.ctx, class); err != nil {
		t.Fatal(err)
	}
	class.ResourceVersion, class.UID = "", ""
	class.Parameters = map[string]string{"csi.storage.k8s.io/snapshotter-list-secret-name": "none", "csi.storage.k8s.io/snapshotter-list-secret-namespace": "none"}
	s.create(class)
	s.await("a drill that the change asked for", soonEnough, func() string {
		var list api.RestoreDrillList
		if err := kube.List(s.ctx, &list, client.InNamespace(s.name)); err != nil {
			return err.Error()
		}
		for i := range list.Items {
			if list.Items[i].Status.Trigger == api.TriggerStorageStackChanged {
				return ""
			}
		}
		return fmt.Sprintf("%d drills", len(list.Items))
	})
	s.await("an event of the change", soonEnough, func() string {
		if events := s.kubectl("events", "--for=backuppolicy.lifeboat.dev/sync"); !strings.Contains(events, api.ReasonStorageStackChanged) {
			return events
		}
		return ""
	})
	s.cleared("sync", api.ReasonStorageStackChanged, 3*time.Minute)
	s.kubectl("wait", "--for=condition=Proven", "bp/sync", "--timeout=60s")
}

// Fewer points than are promised, because one was lost, and as many again after the next slot.
func TestDriftOfRetention(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", everyMinute, timeout(shortest), keep(api.Retention{Last: 2, Minimum: 2}))
	s.await("two points", 4*time.Minute, func() string {
		n := 0
		for _, p := range s.points() {
			if meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionComplete) {
				n++
			}
		}
		if n < 2 {
			return fmt.Sprintf("%d points", n)
		}
		return ""
	})
	oldest := s.points()[0].Name
	time.Sleep(shortest + time.Second) // only then their slots count as settled
	s.kubectl("delete", "volumesnapshot", s.snapshots(oldest)["contacts"].Name, "--timeout=60s")
	s.finding("sync", api.ReasonRetentionShort, api.SeverityHigh, soonEnough)
	s.cleared("sync", api.ReasonRetentionShort, 3*time.Minute)
}

// A storage system that is gone: captures from it fail, and so does what rehearses them; with it back all is well again.
func TestDriftOfAStoppedStorageSystem(t *testing.T) {
	t.Parallel()
	storageB.own(t)
	s := newSpace(t)
	s.claims(storageB, "photos")
	s.policy("sync", timeout(shortest), drilled(), func(b *api.BackupPolicySpec) {
		b.Drill.Timeout = &metav1.Duration{Duration: 30 * time.Second}
	})
	s.fingerprinted("first", "sync")
	if err := storageB.order("stop"); err != nil {
		t.Fatal(err)
	}
	start := func() {
		if err := storageB.order("start"); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(start)
	s.now("none", "sync")
	s.finding("sync", api.ReasonPartialPoint, api.SeverityHigh, soonEnough)
	s.finding("sync", api.ReasonSnapshotStuck, api.SeverityMedium, soonEnough)
	s.rehearse("none", ofPolicy("sync"))
	d := s.drill("none", "over", 2*time.Minute, func(d *api.RestoreDrill) string {
		if d.Status.Verdict == "" {
			return drillTold(d)
		}
		return ""
	})
	if d.Status.Verdict == api.VerdictPassed {
		t.Error("a drill passes without the storage system")
	}
	start()
	// Who asked in vain asks again only after a while.
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Snapshot.Timeout = &metav1.Duration{Duration: 2 * time.Minute} })
	s.take("second", "sync")
	s.cleared("sync", api.ReasonPartialPoint, soonEnough)
	s.cleared("sync", api.ReasonSnapshotStuck, soonEnough)
}
