// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func withPassword(secret string) func(*api.RepositorySpec) {
	return func(r *api.RepositorySpec) { r.Password = &api.SecretReference{Name: secret} }
}

func adopting(id string) func(*api.RepositorySpec) {
	return func(r *api.RepositorySpec) { r.UniqueID = id }
}

// A repository is opened or it is not; nothing is ever made over one that is there, and none is made where one is expected.
func TestNoRepositoryIsMadeOverAnother(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.secret("right", map[string]string{"password": "correct horse battery staple"})
	s.secret("wrong", map[string]string{"password": "incorrect horse battery staple"})
	s.bucket("offsite", s.name+"/offsite/", withPassword("right"))
	s.bucket("other", s.name+"/other/", withPassword("right"))
	ready := func(name string) string {
		return s.repositoryIs(name, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute).Status.UniqueID
	}
	id, other := ready("offsite"), ready("other")
	s.policy("sync", copiesTo("offsite"))
	s.take("first", "sync")
	s.copied("first", 1)
	for _, name := range []string{"offsite", "other"} { // what is in the bucket is to be still
		s.repositoryIs(name, api.ConditionVerified, metav1.ConditionTrue, "", 2*time.Minute)
	}

	strangers := filepath.Join(storeKeys(t)["STORE_FILES"], "data", "lifeboat", s.name, "strangers")
	if err := os.MkdirAll(strangers, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(strangers, "photos.tar"), []byte("somebody's only copy"), 0o644); err != nil {
		t.Fatal(err)
	}
	was := checksums(t, "lifeboat", s.name)
	importing := func(r *api.RepositorySpec) { r.Import = true }
	for _, c := range []struct {
		name, at, reason string
		edits            []func(*api.RepositorySpec)
	}{
		{"again", "offsite", api.ReasonRepositoryExists, []func(*api.RepositorySpec){withPassword("right")}},
		{"again-wrong", "offsite", api.ReasonRepositoryExists, []func(*api.RepositorySpec){withPassword("wrong")}},
		{"adopted-wrong", "offsite", api.ReasonPasswordWrong, []func(*api.RepositorySpec){withPassword("wrong"), adopting(id)}},
		{"adopted-other", "offsite", api.ReasonRepositoryIDMismatch, []func(*api.RepositorySpec){withPassword("right"), adopting(other)}},
		{"adopted-none", "nothing", api.ReasonRepositoryMissing, []func(*api.RepositorySpec){withPassword("right"), adopting(id)}},
		{"imported-none", "nothing", api.ReasonRepositoryMissing, []func(*api.RepositorySpec){withPassword("right"), importing}},
		{"strangers", "strangers", api.ReasonRepositoryExists, []func(*api.RepositorySpec){withPassword("right")}},
	} {
		s.bucket(c.name, s.name+"/"+c.at+"/", c.edits...)
		r := s.repositoryIs(c.name, api.ConditionReady, metav1.ConditionFalse, c.reason, 2*time.Minute)
		if r.Status.UniqueID != "" {
			t.Errorf("%s is pinned to %s", c.name, r.Status.UniqueID)
		}
	}
	if is := checksums(t, "lifeboat", s.name); !maps.Equal(was, is) {
		t.Errorf("the bucket held\n%v\nand holds\n%v", was, is)
	}
	s.bucket("adopted", s.name+"/offsite/", withPassword("right"), adopting(id))
	if got := ready("adopted"); got != id {
		t.Errorf("adopted was %s, and asked for is %s", got, id)
	}
}

// keeps replaces what a Secret says.
func (s *space) keeps(secret, key, value string) {
	s.t.Helper()
	s.patch(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret, Namespace: s.name}}, fmt.Sprintf(`{"stringData":{%q:%q}}`, key, value))
}

// A password or a key that somebody replaced by mistake is told; points are captured all the same, and copied once it is put back.
func TestSecretsOfARepositoryAreReplaced(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.secret("password", map[string]string{"password": "correct horse battery staple"})
	s.bucket("offsite", s.name+"/", withPassword("password"))
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.policy("sync", copiesTo("offsite"))
	s.take("first", "sync")
	s.copied("first", 1)
	for _, c := range []struct{ secret, key, right, reason string }{
		{"password", "password", "correct horse battery staple", api.ReasonPasswordWrong},
		{"offsite-keys", "secretAccessKey", storeKeys(t)["STORE_SECRET_KEY"], api.ReasonCredentialsRefused},
	} {
		s.keeps(c.secret, c.key, "of somebody else")
		s.requested(api.AnnotationProbeRequested, "offsite")
		s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionFalse, c.reason, 2*time.Minute)
		s.finding("sync", api.ReasonRepositoryUnreachable, api.SeverityMedium, soonEnough)
		point := strings.ToLower("despite-" + c.reason)
		s.take(point, "sync")
		s.point(point, "waiting to be copied", soonEnough, func(p *api.RecoveryPoint) string {
			if got := meta.FindStatusCondition(p.Status.Conditions, api.ConditionCopied); got == nil || got.Status != metav1.ConditionFalse || got.Reason != c.reason {
				return fmt.Sprintf("%+v", got)
			}
			return ""
		})
		if len(s.handles(point, storageA)) != 1 {
			t.Errorf("point %s has no snapshot", point)
		}
		s.keeps(c.secret, c.key, c.right)
		s.requested(api.AnnotationProbeRequested, "offsite")
		s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
		s.copied(point, 1)
		s.cleared("sync", api.ReasonRepositoryUnreachable, soonEnough)
	}
}

// folder makes a Repository in a folder on a claim.
func (s *space) folder(name string, on *storageSystem, size string, edits ...func(*api.RepositorySpec)) {
	s.t.Helper()
	s.claim(name, on, func(c *corev1.PersistentVolumeClaim) {
		c.Labels = nil
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse(size)
	})
	spec := api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: name}}
	for _, edit := range edits {
		edit(&spec)
	}
	s.create(&api.Repository{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, Spec: spec})
	s.repositoryIs(name, api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.volume(name)
}

// A repository in a folder on another storage system is a whole one: what is copied there comes back. When it is full, copies fail
// and say so, nothing that is not whole counts, and what was whole stays so.
func TestRepositoryInAFolderThatFillsUp(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.privileged()
	s.claim("contacts", storageA, func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("256Mi")
	})
	s.volume("contacts")
	s.pod("writer", "contacts")
	s.sh("writer", awkward)
	s.folder("vault", storageB, "64Mi")
	s.policy("sync", copiesTo("vault"))
	s.take("first", "sync")
	s.copied("first", 1)
	was := s.sh("writer", whatIsThere)

	s.sh("writer", "head -c 100000000 /dev/urandom >/data/more && sync")
	s.take("second", "sync")
	p := s.point("second", "not to be copied", 3*time.Minute, func(p *api.RecoveryPoint) string {
		if len(p.Status.Copies) != 1 || p.Status.Copies[0].State != api.CopyFailed || !p.Status.Copies[0].CleanedUp {
			return fmt.Sprintf("%+v", p.Status.Copies)
		}
		return ""
	})
	if c := p.Status.Copies[0]; c.Reason != api.ReasonRepositoryFull || len(c.Volumes) != 0 {
		t.Errorf("the copy is %+v", c)
	}
	s.finding("sync", api.ReasonCopyIncomplete, api.SeverityHigh, soonEnough)
	s.sameElsewhere("first", was)

	// There is another place, with more room.
	s.folder("hall", storageB, "512Mi")
	s.edit("sync", func(b *api.BackupPolicySpec) { b.Copies = nil; copiesTo("hall")(b) })
	s.point("second", "to be copied", 3*time.Minute, func(p *api.RecoveryPoint) string {
		for _, c := range p.Status.Copies {
			if c.Repository == "hall" && c.State == api.CopyComplete {
				return ""
			}
		}
		return fmt.Sprintf("%+v", p.Status.Copies)
	})
	s.cleared("sync", api.ReasonCopyIncomplete, soonEnough)
}

// Immutability is probed, and not believed: in a bucket without object lock no repository is made that promises it, and one with it
// refuses deletions. A promise that is taken back is no finding any more.
func TestImmutabilityIsProbed(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	locked := func(r *api.RepositorySpec) {
		r.ObjectLock = &api.ObjectLock{Mode: api.LockCompliance, Period: metav1.Duration{Duration: 48 * time.Hour}}
	}
	s.bucket("loose", s.name+"/", locked)
	s.bucket("locked", s.name+"/", locked, func(r *api.RepositorySpec) { r.S3.Bucket = "lifeboat-locked" })
	s.policy("sync", copiesTo("loose"))
	s.repositoryIs("loose", api.ConditionImmutable, metav1.ConditionFalse, api.ReasonMutable, 2*time.Minute)
	r := s.repositoryIs("loose", api.ConditionReady, metav1.ConditionFalse, api.ReasonMutable, 2*time.Minute)
	if c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionReady); !strings.Contains(c.Message, "spec.objectLock") {
		t.Errorf("it says %q", c.Message)
	}
	for path := range stored(t, "lifeboat", s.name) {
		if !strings.HasPrefix(filepath.Base(path), "kopia.blobcfg") { // with which every repository begins, and any may
			t.Errorf("in the bucket without object lock is now %s", path)
		}
	}
	s.finding("sync", api.ReasonMutable, api.SeverityHigh, soonEnough)
	s.repositoryIs("locked", api.ConditionImmutable, metav1.ConditionTrue, api.ReasonLockEnforced, 2*time.Minute)
	s.repositoryIs("locked", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)

	s.kubectl("patch", "repo", "loose", "--type=merge", "-p", `{"spec":{"objectLock":null}}`)
	s.cleared("sync", api.ReasonMutable, soonEnough)
	s.repositoryIs("loose", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.edit("sync", func(b *api.BackupPolicySpec) { copiesTo("locked")(b) })
	s.take("first", "sync")
	s.copied("first", 2)
}
