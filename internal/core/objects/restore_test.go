// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// TestRestoreShapes compares what a restore creates with what is on record: a claim that stays and one that is thrown away,
// the claim that is made again, and the recovery point of the state before.
func TestRestoreShapes(t *testing.T) {
	run := objects.Run{Kind: "Restore", Namespace: "shop", Name: "monday", UID: "11111111-2222-3333-4444-555555555555"}
	order := plan.ClaimOrder{Name: "data-monday", Class: "array-a", Size: resource.MustParse("2Gi"),
		Source: plan.Source{Claim: "data", Snapshot: plan.Target{Name: "data-x"}, Mode: "Filesystem"}}
	stays, thrown := order, order
	stays.Access, stays.Labels = "ReadWriteOnce,ReadOnlyMany,Nonsense", map[string]string{"tier": "db"}
	thrown.Throw = slot.Add(time.Hour)
	again, err := objects.ClaimAgain("shop", "data", recorded(t), "pv-new")
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string]any{
		"restored-claim":  objects.Claim(run, stays),
		"temporary-claim": objects.Claim(run, thrown),
		"claim-again":     again,
		"safety-point":    objects.SafetyPoint(run, plan.SafetyOrder{Name: "monday-before-x", Policy: "web", PolicyUID: "policy"}),
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

// TestClaimAgainRefusesNonsense: a record that cannot be read makes no claim.
func TestClaimAgainRefusesNonsense(t *testing.T) {
	if c, err := objects.ClaimAgain("shop", "data", "{", "pv"); err == nil {
		t.Errorf("it makes %+v", c)
	}
}
