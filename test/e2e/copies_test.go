// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// storeAccess is where the test cluster tells what opens its object store.
const storeAccess = "/var/lib/lifeboat-cluster/store.env"

// storeKeys reads what opens the object store.
func storeKeys(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(storeAccess)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		out[name] = value
	}
	return out
}

// secret makes a Secret.
func (s *space) secret(name string, data map[string]string) {
	s.t.Helper()
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, StringData: data})
}

// privileged lets the pods that copy and restore keep what belongs to others.
func (s *space) privileged() {
	s.t.Helper()
	s.patch(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}}, fmt.Sprintf(`{"metadata":{"annotations":{%q:"true"}}}`, api.AnnotationPrivilegedMovers))
}

// bucket makes a Repository in the object store, below a prefix of its own, and waits for it.
func (s *space) bucket(name, prefix string, edits ...func(*api.RepositorySpec)) {
	s.t.Helper()
	at := storeKeys(s.t)
	ca, err := os.ReadFile(at["STORE_CA"])
	if err != nil {
		s.t.Fatal(err)
	}
	s.secret(name+"-keys", map[string]string{"accessKeyID": at["STORE_ACCESS_KEY"], "secretAccessKey": at["STORE_SECRET_KEY"]})
	s.secret(name+"-ca", map[string]string{"ca.crt": string(ca)})
	spec := api.RepositorySpec{
		S3: &api.S3Location{
			Endpoint: at["STORE_ENDPOINT"], Bucket: "lifeboat", Prefix: prefix,
			Credentials: &api.SecretReference{Name: name + "-keys"}, CABundle: &api.SecretReference{Name: name + "-ca"},
		},
		ProbeEvery: &metav1.Duration{Duration: time.Minute},
	}
	for _, edit := range edits {
		edit(&spec)
	}
	s.create(&api.Repository{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name}, Spec: spec})
}

// repositoryIs waits for a condition of a repository.
func (s *space) repositoryIs(name, condition string, status metav1.ConditionStatus, reason string, most time.Duration) *api.Repository {
	s.t.Helper()
	var r api.Repository
	s.await(fmt.Sprintf("repository %s to be %s=%s (%s)", name, condition, status, reason), most, func() string {
		if err := kube.Get(s.ctx, s.key(name), &r); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(r.Status.Conditions, condition)
		if c == nil || c.Status != status || (reason != "" && c.Reason != reason) {
			return fmt.Sprintf("%+v", c)
		}
		return ""
	})
	return &r
}

// copiesTo promises copies of each point.
func copiesTo(repositories ...string) func(*api.BackupPolicySpec) {
	return func(b *api.BackupPolicySpec) {
		for _, r := range repositories {
			b.Copies = append(b.Copies, api.CopyTarget{Name: r, Repository: api.RepositoryReference{Name: r}})
		}
	}
}

// copied waits until all copies of a point are complete.
func (s *space) copied(point string, copies int) *api.RecoveryPoint {
	s.t.Helper()
	return s.point(point, "to be copied", 3*time.Minute, func(p *api.RecoveryPoint) string {
		complete := 0
		for _, c := range p.Status.Copies {
			if c.State == api.CopyComplete && c.CleanedUp {
				complete++
			}
		}
		if complete != copies {
			return fmt.Sprintf("%d of %d: %+v", complete, copies, p.Status.Copies)
		}
		return ""
	})
}

func fromCopy(r *api.RestoreSpec) { r.From = api.FromCopy }

func ontoClass(class string) func(*api.RestoreSpec) {
	return func(r *api.RestoreSpec) { r.StorageClassName = class }
}

// awkward fills a volume with what is easily lost.
const awkward = `cd /data && chmod 711 . && mkdir -p 'odd names/deep' && echo kept > file && chown 1234:5678 file && chmod 4750 file &&
  ln -sfn file link && ln -f file 'odd names/hard' && printf 'x' > "$(printf 'odd names/\377')" && mkfifo -m 600 pipe 2>/dev/null;
  dd if=/dev/urandom of=big bs=1M count=8 2>/dev/null && truncate -s 64M sparse && touch -d '2009-10-01 03:00:00' file && sync`

// whatIsThere tells of it all that is to come back.
const whatIsThere = `cd /data && stat -c '%n %a %u %g %h %s' file link 'odd names/hard' big sparse . && sha256sum big file && readlink link && ls -a 'odd names' && stat -c %Y file`

// easilyLost makes a claim on array-a with a pod, writer, that fills it with what is easily lost; what is somebody else's can be read.
func (s *space) easilyLost(claim string) {
	s.t.Helper()
	s.privileged()
	s.claims(storageA, claim)
	s.pod("writer", claim)
	s.sh("writer", awkward)
}

// sameElsewhere restores the contacts of a point from its copy on to array-b, and holds them against what was there.
func (s *space) sameElsewhere(point, was string) {
	s.t.Helper()
	s.restored("back", ofPoint(point, fromCopy, ontoClass(storageB.class)))
	s.pod("reader", "contacts-back")
	if is := s.sh("reader", whatIsThere); was != is {
		s.t.Errorf("captured was\n%s\nand restored is\n%s", was, is)
	}
}

// A point is copied off its storage system, the copy is rehearsed on another one and proves independence, and a restore from
// it brings everything back there. Deleting the point removes its copy.
func TestCopyBringsBackElsewhere(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.privileged()
	s.claims(storageA, "contacts", "photos")
	s.pod("writer", "contacts")
	s.sh("writer", awkward)
	s.bucket("offsite", s.name+"/")
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.policy("sync", copiesTo("offsite"), drilled(), func(b *api.BackupPolicySpec) {
		b.Drill.From, b.Drill.StorageClassName = api.FromCopy, storageB.class
		b.Objectives = &api.Objectives{CopyWithin: &metav1.Duration{Duration: time.Hour}}
	})
	s.fingerprinted("first", "sync")
	p := s.copied("first", 1)
	if c := p.Status.Copies[0]; len(c.Volumes) != 2 || c.RepositoryID == "" || c.Bytes < 72<<20 || c.NewBytes < 8<<20 || c.NewBytes > 32<<20 {
		t.Errorf("the copy is %+v", c)
	}
	s.policyStatus("sync", "to be independent", time.Minute, func(b *api.BackupPolicy) string {
		if !meta.IsStatusConditionTrue(b.Status.Conditions, api.ConditionIndependent) || b.Status.LastCopy == nil {
			return fmt.Sprintf("%+v, findings %v", b.Status.Conditions, short(b.Status.Findings))
		}
		return ""
	})
	s.rehearse("drill", ofPolicy("sync"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.policyStatus("sync", "to be proven independently", time.Minute, func(b *api.BackupPolicy) string {
		if l := b.Status.LastProof; l == nil || !l.Independent || l.From != api.FromCopy {
			return fmt.Sprintf("%+v", l)
		}
		return ""
	})
	s.sameElsewhere("first", s.sh("writer", whatIsThere))
	if at := s.volume("contacts-back"); at == "" {
		t.Error("the restored claim has no volume")
	}
	s.secretsAreNowhere("offsite")
	s.take("second", "sync") // the first is the newest that was proven, and held
	s.copied("second", 1)
	s.kubectl("delete", "rp", "second", "--wait=false")
	s.pointGone("second", 2*time.Minute)
	s.inspected("offsite", time.Minute, func(list string) string {
		if !strings.Contains(list, "first") || strings.Contains(list, "second") {
			return list
		}
		return ""
	})
}

// secrets are what opens a repository in the object store, by what they are.
func (s *space) secrets(repository string) map[string]string {
	s.t.Helper()
	at := storeKeys(s.t)
	var password corev1.Secret
	if err := kube.Get(s.ctx, s.key(repository+"-repository-password"), &password); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{"access key": at["STORE_ACCESS_KEY"], "secret key": at["STORE_SECRET_KEY"], "password": string(password.Data["password"])}
	for what, secret := range out {
		if secret == "" {
			s.t.Fatalf("the %s is empty", what)
		}
	}
	return out
}

// secretsAreNowhere looks for what opens a repository in everything that people may read.
func (s *space) secretsAreNowhere(repository string) {
	s.t.Helper()
	everything := s.kubectl("get", "repo,bp,rp,drill,restore,pods,events,configmaps", "-o", "yaml")
	logs, _ := kubectl(s.ctx, "-n", operatorSpace, "logs", "deploy/lifeboat-manager")
	for what, secret := range s.secrets(repository) {
		if strings.Contains(everything, secret) || strings.Contains(logs, secret) {
			s.t.Errorf("the %s is told", what)
		}
	}
}

// moverProgram is the program for people, built from this tree.
func moverProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "lifeboat-mover")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/mover")
	build.Dir, build.Env = repository, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the mover: %v: %s", err, out)
	}
	return program
}

// opener is what a person needs to open a repository without any cluster.
type opener struct{ location, password string }

// opens reads it while there is a cluster.
func (s *space) opens(repository string) opener {
	s.t.Helper()
	var r api.Repository
	var password corev1.Secret
	if err := kube.Get(s.ctx, s.key(repository), &r); err != nil {
		s.t.Fatal(err)
	}
	if err := kube.Get(s.ctx, s.key(r.Status.PasswordSecret), &password); err != nil {
		s.t.Fatal(err)
	}
	return opener{"s3://" + r.Spec.S3.Endpoint + "/" + r.Spec.S3.Bucket + "/" + r.Spec.S3.Prefix, string(password.Data["password"])}
}

// byHand runs the program for people on a repository, without any cluster.
func (o opener) byHand(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	at := storeKeys(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"password": o.password, "accessKeyID": at["STORE_ACCESS_KEY"], "secretAccessKey": at["STORE_SECRET_KEY"]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	full := append([]string{args[0], "--repository", o.location,
		"--password-file", filepath.Join(dir, "password"), "--credentials-dir", dir, "--ca-file", at["STORE_CA"]}, args[1:]...)
	cmd := exec.CommandContext(t.Context(), program, full...)
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// inspected waits for what the program for people lists.
func (s *space) inspected(repository string, most time.Duration, wrong func(list string) string) {
	s.t.Helper()
	program, with := moverProgram(s.t), s.opens(repository)
	s.await("what repository "+repository+" holds", most, func() string {
		out, err := with.byHand(s.t, program, "list")
		if err != nil {
			return out
		}
		return wrong(out)
	})
}
