// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// stored is what the object store has below a prefix of a bucket, by name, with the size: it looks at the disk.
func stored(t *testing.T, bucket, prefix string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	root := filepath.Join(storeKeys(t)["STORE_FILES"], "data", bucket, prefix)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out[path] = info.Size()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}

// checksums are those of what the store has below a prefix.
func checksums(t *testing.T, bucket, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for path := range stored(t, bucket, prefix) {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = fmt.Sprintf("%x", sha256.Sum256(body))
	}
	return out
}

// packs are the large packs of data of a repository that are not among those known before. Two copies that were made side by side have
// one each.
func packs(t *testing.T, prefix string, before map[string]int64) []string {
	t.Helper()
	var out []string
	for path, n := range stored(t, "lifeboat", prefix) {
		if _, old := before[path]; !old && n > 1<<20 && strings.HasPrefix(filepath.Base(path), "p") {
			out = append(out, path)
		}
	}
	if len(out) == 0 {
		t.Fatal("there are no large packs")
	}
	return out
}

// flipByte alters a file by one bit, in its middle.
func flipByte(path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	at := len(body) / 2
	_, err = f.WriteAt([]byte{body[at] ^ 1}, int64(at))
	return err
}

// requested asks for a run of a repository, as the runbooks have it.
func (s *space) requested(annotation, repository string) {
	s.t.Helper()
	// A second counts as a moment: what is asked for is to be newer than what there is.
	time.Sleep(1100 * time.Millisecond)
	s.kubectl("annotate", "repo", repository, "--overwrite", annotation+"="+time.Now().UTC().Format(time.RFC3339))
}

// A copy of which the store lost the index leaves no damage behind: nothing knows of it any more. That it must be there is known, and it
// is made anew.
func TestCopyVanishesFromTheStore(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.bucket("offsite", s.name+"/")
	s.policy("sync", copiesTo("offsite"))
	s.take("first", "sync")
	s.copied("first", 1)
	s.repositoryIs("offsite", api.ConditionVerified, metav1.ConditionTrue, "", 2*time.Minute)
	known := stored(t, "lifeboat", s.name)
	s.take("second", "sync")
	s.copied("second", 1)
	for path := range stored(t, "lifeboat", s.name) {
		if _, old := known[path]; !old && strings.HasPrefix(filepath.Base(path), "x") {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.inspected("offsite", time.Minute, func(list string) string {
		if strings.Contains(list, "second") || !strings.Contains(list, "first") {
			return list
		}
		return ""
	})
	s.requested(api.AnnotationVerifyRequested, "offsite")
	r := s.repositoryIs("offsite", api.ConditionVerified, metav1.ConditionFalse, api.ReasonCopyCorrupt, 2*time.Minute)
	if d := r.Status.Damage; d == nil || len(d.Points) != 1 || d.Points[0].Name != "second" || d.Points[0].Namespace != s.name {
		t.Errorf("the damage is %+v", d)
	}
	s.finding("sync", api.ReasonCopyCorrupt, api.SeverityCritical, soonEnough)
	s.point("second", "to be copied anew", 3*time.Minute, func(p *api.RecoveryPoint) string {
		if c := p.Status.Copies[0]; c.State != api.CopyComplete || c.Attempt != 1 {
			return fmt.Sprintf("%+v", c)
		}
		return ""
	})
	s.requested(api.AnnotationVerifyRequested, "offsite")
	s.repositoryIs("offsite", api.ConditionVerified, metav1.ConditionTrue, api.ReasonRepositoryVerified, 2*time.Minute)
	s.cleared("sync", api.ReasonCopyCorrupt, soonEnough)
	s.inspected("offsite", time.Minute, func(list string) string {
		if !strings.Contains(list, "second") || !strings.Contains(list, "first") {
			return list
		}
		return ""
	})
}

// What the store alters, or loses, of a repository is found by reading it back. The copies that need it do not count any more,
// nothing is let go, and they are made anew from the snapshots that are there; then they come back whole.
func TestDamageInTheStore(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.easilyLost("contacts")
	s.bucket("offsite", s.name+"/")
	s.policy("sync", copiesTo("offsite"))
	for _, point := range []string{"first", "second"} {
		s.take(point, "sync")
		s.copied(point, 1)
	}
	known := map[string]int64{}
	for i, damage := range []struct {
		name string
		do   func(string) error
	}{{"a flipped byte", flipByte}, {"a missing pack", os.Remove}} {
		struck := packs(t, s.name, known)
		maps.Copy(known, stored(t, "lifeboat", s.name))
		for _, pack := range struck {
			if err := damage.do(pack); err != nil {
				t.Fatal(err)
			}
		}
		s.requested(api.AnnotationVerifyRequested, "offsite")
		r := s.repositoryIs("offsite", api.ConditionVerified, metav1.ConditionFalse, api.ReasonCopyCorrupt, 2*time.Minute)
		points := len(s.points())
		if d := r.Status.Damage; d == nil || d.Contents == 0 || d.PointCount != int64(points) || len(d.Points) != points || !d.Healing {
			t.Fatalf("%s: the damage of %d points is %+v", damage.name, points, d)
		}
		s.finding("sync", api.ReasonCopyCorrupt, api.SeverityCritical, soonEnough)
		if i == 0 {
			s.kubectl("delete", "rp", "first", "--wait=false")
			s.held("first")
		}
		for _, p := range s.points() {
			s.point(p.Name, "to be copied anew, in full", 3*time.Minute, func(p *api.RecoveryPoint) string {
				if c := p.Status.Copies[0]; c.State != api.CopyComplete || !c.CleanedUp || int(c.Attempt) != i+1 || !c.Full {
					return fmt.Sprintf("%+v", c)
				}
				return ""
			})
		}
		s.requested(api.AnnotationVerifyRequested, "offsite")
		r = s.repositoryIs("offsite", api.ConditionVerified, metav1.ConditionTrue, api.ReasonRepositoryVerified, 2*time.Minute)
		if r.Status.Damage != nil {
			t.Errorf("%s: after it was healed the damage is %+v", damage.name, r.Status.Damage)
		}
		s.cleared("sync", api.ReasonCopyCorrupt, soonEnough)
		s.pointGone("first", 2*time.Minute)
	}
	s.sameElsewhere("second", s.sh("writer", whatIsThere))
}
