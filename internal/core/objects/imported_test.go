// SPDX-License-Identifier: Apache-2.0

package objects_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

func offsite() *api.Repository {
	return &api.Repository{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "offsite", UID: "rrrrrrrr-0000-1111-2222-333333333333"},
		Status:     api.RepositoryStatus{UniqueID: "0123456789abcdef"},
	}
}

func importedPoint() plan.ImportedPoint {
	i := plan.ImportedPoint{Name: names.ImportedPoint("web-now", "pppppppp", "0123456789abcdef")}
	for n, claim := range []string{"data", "logs"} {
		i.Records = append(i.Records, order.Record{PointUID: "pppppppp", Point: "web-now", Namespace: "lost", Policy: "web", PointInTime: slot, CapturedAt: slot.Add(time.Minute),
			Volumes: 2, Claim: claim, ClaimUID: "uid-" + claim, Driver: "gone.csi.test", StorageClass: "gone", Size: 1 << 30, Mode: "Filesystem",
			AccessModes: "ReadWriteOnce", Digest: "sha256:" + claim, Files: 2, Bytes: 20,
			NewBytes: 10, Lost: int64(n), CopiedAt: slot.Add(time.Duration(n+1) * time.Hour)})
	}
	return i
}

func TestImportedShapes(t *testing.T) {
	i := importedPoint()
	p := objects.ImportedPoint(offsite(), i)
	for name, shape := range map[string]any{
		"password": objects.Password(offsite(), "offsite-repository-password", "correct horse"),
		"repository-probe": objects.RepositoryPod(objects.Run{Kind: "Repository", Namespace: "shop", Name: "offsite", UID: string(offsite().UID)}, plan.RepositoryOrder{
			Name: "offsite-probe-x", Order: `{"version":1}`, Throw: throw,
			Access: plan.Access{Repository: "offsite", Password: "offsite-repository-password", Credentials: "offsite-keys", CABundle: "offsite-ca"}}, mover),
		"imported-point":  p,
		"imported-status": objects.ImportedStatus(offsite(), p, i, slot.Add(24*time.Hour)),
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
				t.Errorf("%s differs (run with -update when that is meant):\n%s", path, diff)
			}
		})
	}
}
