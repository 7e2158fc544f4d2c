// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

var slot = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func policy() *api.BackupPolicy {
	return &api.BackupPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555",
		Labels: map[string]string{"app": "shop"}}}
}

func point(manual bool) *api.RecoveryPoint {
	p := objects.Point(policy(), plan.Take{Name: names.Point("web", string(policy().UID), slot), Slot: slot})
	p.UID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	p.Status.Capture = &api.Capture{PolicyUID: string(policy().UID), Run: "20260302-120000"}
	if manual {
		p.Name, p.Spec.Slot = "before-the-upgrade", nil
	}
	return p
}

func data() plan.Claim {
	return plan.Claim{Name: "data", AccessModes: "ReadWriteOnce,ReadOnlyMany", UID: "99999999-8888-7777-6666-555555555555", Labels: map[string]string{"app.kubernetes.io/instance": "shop"},
		StorageClass: "array-a", Mode: "Filesystem", Size: resource.MustParse("1Gi")}
}

// TestShapes compares what Lifeboat creates with what is on record, to the last label: other tools prune and select by them.
func TestShapes(t *testing.T) {
	order := plan.SnapshotOrder{Name: "data-x", Class: "array-a", Claim: data()}
	labels, annotations := objects.ContentMarks(point(false), data())
	group := plan.GroupOrder{Name: "web-x", Class: "array-a", Selector: &api.LabelSelector{MatchLabels: map[string]string{"app": "shop"},
		MatchExpressions: []api.LabelRequirement{{Key: "tier", Operator: "In", Values: []string{"db", "queue"}}, {Key: "scratch", Operator: "DoesNotExist"}}}}
	run := objects.Run{Kind: "Restore", Namespace: "shop", Name: "monday", UID: "11111111-2222-3333-4444-555555555555"}
	source := plan.Source{Claim: "data", Snapshot: plan.Target{Name: "data-x"}, Mode: "Filesystem"}
	bring := plan.ClaimOrder{Name: "data-monday", Class: "array-a", Size: resource.MustParse("2Gi"), Source: source}
	stays, thrown := bring, bring
	stays.Access, stays.Labels = "ReadWriteOnce,ReadOnlyMany,Nonsense", map[string]string{"tier": "db"}
	thrown.Throw = slot.Add(time.Hour)
	again, err := objects.ClaimAgain("shop", "data", recorded(t), "pv-new")
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string]any{
		"restored-claim":  objects.Claim(run, stays),
		"throwaway-claim": objects.Claim(run, thrown),
		"claim-again":     again,
		"safety-point":    objects.SafetyPoint(run, plan.SafetyOrder{Name: "monday-before-x", Policy: "web", PolicyUID: "policy"}),
		"point":           objects.Point(policy(), plan.Take{Name: names.Point("web", string(policy().UID), slot), Slot: slot}),
		"snapshot":        objects.Snapshot(point(false), order),
		"snapshot-manual": objects.Snapshot(point(true), order),
		"content-marks":   map[string]any{"labels": labels, "annotations": annotations},
		"group-snapshot":  objects.GroupSnapshot(point(false), group),
		"group-of-all":    objects.GroupSnapshot(point(false), plan.GroupOrder{Name: "web-x", Class: "array-a", Selector: &api.LabelSelector{}}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := yaml.Marshal(shape)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the shape differs (-on record +now); run with -update if that is meant:\n%s", diff)
			}
		})
	}
}

// recorded is a claim as a cluster has it, in the words in which it is written down.
func recorded(t *testing.T) string {
	t.Helper()
	class, mode := "array-a", corev1.PersistentVolumeFilesystem
	out, err := objects.RecordClaim(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: "shop", UID: "old", ResourceVersion: "7", Labels: map[string]string{"app": "shop"},
			Finalizers:      []string{"kubernetes.io/pvc-protection"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "shop-0", UID: "gone"}},
			Annotations: map[string]string{"team": "red", "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes",
				"volume.kubernetes.io/selected-node": "n1", "volume.kubernetes.io/storage-provisioner": "d", "volume.beta.kubernetes.io/storage-provisioner": "d"}},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class, VolumeMode: &mode, VolumeName: "pv-old", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSameOwner: an object of our name is ours only when policy, point and claim are the same, and it is not on its way out.
func TestSameOwner(t *testing.T) {
	want := objects.Snapshot(point(false), plan.SnapshotOrder{Name: "data-x", Class: "array-a", Claim: data()})
	if !objects.SameOwner(want, want.DeepCopy()) {
		t.Error("an object does not own itself")
	}
	for _, label := range []string{api.LabelPolicyUID, api.LabelPointUID, api.LabelClaimUID} {
		there := want.DeepCopy()
		there.Labels[label] = "another"
		if objects.SameOwner(want, there) {
			t.Errorf("with another %s it is taken for ours", label)
		}
	}
	going := want.DeepCopy()
	now := metav1.NewTime(slot)
	going.DeletionTimestamp = &now
	if objects.SameOwner(want, going) {
		t.Error("one that is on its way out is taken for ours")
	}
}
