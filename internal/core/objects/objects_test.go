// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	for name, shape := range map[string]any{
		"point":             objects.Point(policy(), plan.Take{Name: names.Point("web", string(policy().UID), slot), Slot: slot}),
		"snapshot":          objects.Snapshot(point(false), order),
		"snapshot-manual":   objects.Snapshot(point(true), order),
		"content-marks":     map[string]any{"labels": labels, "annotations": annotations},
		"group-snapshot":    objects.GroupSnapshot(point(false), group),
		"claim":             objects.Claim(run(), claimOrder("Filesystem")),
		"claim-stays":       objects.Claim(run(), claimThatStays()),
		"claim-for-a-copy":  objects.Claim(run(), claimForCopy()),
		"writer":            objects.RepositoryPod(run(), writeOrder(false), mover),
		"writer-privileged": objects.RepositoryPod(run(), writeOrder(true), mover),
		"reader":            objects.Reader(run(), readOrder("Filesystem", false), mover),
		"reader-block":      objects.Reader(run(), readOrder("Block", false), mover),
		"reader-privileged": objects.Reader(run(), readOrder("Filesystem", true), mover),
		"reader-manifest":   objects.Reader(run(), printing(), mover),
		"manifest":          objects.Manifest(point(false), plan.KeepManifest{Claim: "data", Name: "data-manifest-x"}, []byte("packed")),
		"check-command":     objects.CheckPod(run(), checkOrder(api.Check{Name: "amcheck", Image: "registry.test/pg:16", Command: []string{"pg_amcheck", "-d", "shop"}})),
		"check-application": objects.CheckPod(run(), checkOrder(fullCheck())),
		"check-probe":       objects.CheckPod(run(), checkOrder(api.Check{Name: "up", Image: "registry.test/pg:16", Application: &api.CheckApplication{TCP: &api.TCPProbe{Port: 5432}}})),
		"isolation":         objects.Isolation(run(), throw),
		"drill":             objects.Drill(policy(), plan.Rehearse{Name: names.Drill("web", string(policy().UID), slot), Slot: slot}),
		"evidence":          objects.Evidence(drill(), 7, "sha256:0123", []byte(`{"payloadType":"application/vnd.in-toto+json"}`)),
		"group-of-all":      objects.GroupSnapshot(point(false), plan.GroupOrder{Name: "web-x", Class: "array-a", Selector: &api.LabelSelector{}}),
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

// printing asks for a reader that prints the list of files.
func printing() plan.ReadOrder {
	o := readOrder("Filesystem", false)
	o.Manifest = true
	return o
}
