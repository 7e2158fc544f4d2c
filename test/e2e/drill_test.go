// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// A drill restores, reads, compares and checks; it proves the policy, keeps the point, leaves evidence and nothing else.
func TestDrillProves(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts", "photos")
	s.pod("writer", "contacts")
	s.sh("writer", "chmod 777 /data && echo kept > /data/file && mkdir -p '/data/odd names' && echo x > '/data/odd names/a b' && ln -sfn file /data/link && sync")
	s.policy("sync", keep(api.Retention{Last: 1}), drilled(
		check("files", api.LevelConsistent, "[ $(cat /restore/contacts/file) = kept ] && touch /restore/contacts/scratch"),
		check("answer", api.LevelAnswering, "[ \"$(wget -q -O - http://127.0.0.1:8080/file)\" = kept ]", func(c *api.Check) {
			c.Application = &api.CheckApplication{
				Command: []string{"httpd", "-f", "-p", "8080", "-h", "/srv"}, TCP: &api.TCPProbe{Port: 8080},
			}
			c.Mounts = []api.CheckMount{{Claim: "contacts", Path: "/srv"}}
		}),
	), func(b *api.BackupPolicySpec) {
		b.Objectives = &api.Objectives{RecoveryTime: &metav1.Duration{Duration: 5 * time.Minute}}
	})
	p := s.fingerprinted("first", "sync")
	if n := len(p.Status.Fingerprint.Volumes); n != 2 {
		t.Fatalf("%d fingerprints", n)
	}
	s.rehearse("drill", ofPolicy("sync"))
	d := s.drillEnds("drill", api.VerdictPassed, api.LevelAnswering, api.ReasonDrillPassed)
	if d.Status.RecoveryTime == nil || d.Status.RecoveryTime.Duration <= 0 {
		t.Errorf("recovery time %v", d.Status.RecoveryTime)
	}
	for _, f := range d.Status.Phases {
		if f.State != api.PhaseSucceeded || f.StartedAt == nil || f.FinishedAt == nil {
			t.Errorf("phase %+v", f)
		}
	}
	s.kubectl("wait", "--for=condition=Proven", "bp/sync", "--timeout=60s")
	s.kubectl("wait", "--for=condition=Proven", "rp/first", "--timeout=60s")
	s.verifyEvidence(1)

	s.take("second", "sync") // retention wants one point, and the proven one stays all the same
	p = s.point("first", "kept as the newest proven", soonEnough, func(p *api.RecoveryPoint) string {
		if !slices.Contains(p.Status.Keep, "newest-proven") {
			return strings.Join(p.Status.Keep, ",")
		}
		return ""
	})
	if len(p.Status.Proofs) != 1 || p.Status.Proofs[0].Level != api.LevelAnswering {
		t.Errorf("proofs %+v", p.Status.Proofs)
	}
}

// verifyEvidence has the mover's own command look at the evidence of the namespace: so many statements, one whole chain.
func (s *space) verifyEvidence(statements int) {
	s.t.Helper()
	dir := s.t.TempDir()
	key, err := kubectl(s.ctx, "-n", operatorSpace, "get", "cm", "lifeboat-evidence-key", "-o", `jsonpath={.data.public\.pem}`)
	if err != nil {
		s.t.Fatal(key, err)
	}
	maps := s.kubectl("get", "cm", "-l", api.LabelEvidence, "-o", "json")
	for name, text := range map[string]string{"public.pem": key, "maps.json": maps} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(s.ctx, filepath.Join(repository, "bin/mover"), "evidence", "verify",
		"--key", filepath.Join(dir, "public.pem"), filepath.Join(dir, "maps.json")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("whole, from the first drill on; %d statements", statements)) {
		s.t.Errorf("%v: %s", err, out)
	}
}

// One flipped byte in a snapshot: the drill fails, the volume is named, and no file.
func TestDrillFindsAFlippedByte(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts", "photos")
	s.pod("writer", "photos")
	s.sh("writer", "echo secret-holiday > /data/secret-name.jpg && sync")
	s.policy("sync", drilled(check("never", api.LevelConsistent, "true")))
	s.fingerprinted("first", "sync")
	handle := s.handles("first", storageA)["photos"]
	if err := storageA.order("flip-byte=" + handle); err != nil {
		t.Fatal(err)
	}
	s.rehearse("drill", ofPolicy("sync"))
	d := s.drillEnds("drill", api.VerdictFailed, api.LevelRestored, api.ReasonContentDiffers)
	c := meta.FindStatusCondition(d.Status.Conditions, api.ConditionSucceeded)
	if !strings.Contains(c.Message, "photos") || strings.Contains(c.Message, "contacts") {
		t.Errorf("the message does not name the volume alone: %s", c.Message)
	}
	if all, _ := json.Marshal(d.Status); strings.Contains(string(all), "secret") {
		t.Errorf("the status names a file: %s", all)
	}
	if d.Status.Checks[0].State != api.CheckSkipped {
		t.Errorf("the check was %s", d.Status.Checks[0].State)
	}
	s.policyStatus("sync", "not proven", soonEnough, func(b *api.BackupPolicy) string {
		if c := meta.FindStatusCondition(b.Status.Conditions, api.ConditionProven); c == nil || c.Reason != api.ReasonDrillFailed {
			return fmt.Sprint(c)
		}
		return ""
	})
}

// What could not run proves nothing, and says nothing against the point; what failed does.
func TestDrillsThatDoNotPass(t *testing.T) {
	t.Parallel()
	storageB.share(t)
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", drilled())
	s.fingerprinted("first", "sync")
	soon := func(c *api.Check) { c.Timeout = &metav1.Duration{Duration: 20 * time.Second} } // long enough for its pod to start on a busy machine
	with := func(checks ...api.Check) api.RestoreDrillSpec {
		spec := ofPolicy("sync")
		spec.Checks = checks
		return spec
	}
	elsewhere := ofPolicy("sync")
	elsewhere.StorageClassName = storageB.class
	for _, x := range []struct {
		name    string
		spec    api.RestoreDrillSpec
		verdict api.Verdict
		level   api.ProofLevel
		reason  string
	}{
		{"hangs", with(check("hangs", api.LevelConsistent, "sleep 600", soon)), api.VerdictFailed, api.LevelIntact, api.ReasonCheckTimedOut},
		{"fails", with(check("fails", api.LevelConsistent, "exit 3")), api.VerdictFailed, api.LevelIntact, api.ReasonCheckFailed},
		{"no-image", with(check("image", api.LevelConsistent, "true", func(c *api.Check) { c.Image = "lifeboat.test/there-is-none:1" })),
			api.VerdictInconclusive, api.LevelIntact, api.ReasonImageUnavailable},
		{"no-command", with(check("command", api.LevelConsistent, "", func(c *api.Check) { c.Command = []string{"/no/such/program"} })),
			api.VerdictInconclusive, api.LevelIntact, api.ReasonImageUnavailable},
		{"crashing", with(check("crashing", api.LevelConsistent, "true", func(c *api.Check) {
			c.Application = &api.CheckApplication{Command: []string{"sh", "-c", "exit 7"}, TCP: &api.TCPProbe{Port: 1}}
		})), api.VerdictFailed, api.LevelIntact, api.ReasonCheckFailed},
		{"other-array", elsewhere, api.VerdictInconclusive, "", api.ReasonDriverMismatch},
	} {
		s.rehearse(x.name, x.spec)
		s.drillEnds(x.name, x.verdict, x.level, x.reason)
	}
	hard := map[corev1.ResourceName]resource.Quantity{corev1.ResourcePods: resource.MustParse("0")}
	s.create(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "full", Namespace: s.name}, Spec: corev1.ResourceQuotaSpec{Hard: hard}})
	s.await("the quota to be in force", time.Minute, func() string {
		var q corev1.ResourceQuota
		if err := kube.Get(s.ctx, s.key("full"), &q); err != nil || len(q.Status.Hard) == 0 {
			return fmt.Sprint(q.Status, err)
		}
		return ""
	})
	s.rehearse("quota", ofPolicy("sync"))
	s.drillEnds("quota", api.VerdictInconclusive, "", api.ReasonQuotaExceeded)
	s.kubectl("delete", "resourcequota", "full")

	s.rehearse("in-the-end", ofPolicy("sync"))
	s.drillEnds("in-the-end", api.VerdictPassed, api.LevelIntact, api.ReasonDrillPassed)
	s.verifyEvidence(8)
}

// A drill that is deleted in its midst leaves nothing, and one whose finalizer somebody took is swept up after.
func TestDrillsThatAreDeleted(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.policy("sync", drilled(check("long", api.LevelConsistent, "sleep 60")))
	s.fingerprinted("first", "sync")
	for _, name := range []string{"deleted", "forced"} {
		s.rehearse(name, ofPolicy("sync"))
		s.drill(name, "checking", 2*time.Minute, func(d *api.RestoreDrill) string {
			if len(d.Status.Checks) == 0 || d.Status.Checks[0].State != api.CheckRunning {
				return drillTold(d)
			}
			return ""
		})
		if name == "forced" {
			s.kubectl("patch", "drill", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		}
		s.kubectl("delete", "drill", name, "--timeout=60s")
		s.await("no trace of drill "+name, soonEnough, s.withoutTrace)
	}
}

// A drill goes on as if nothing had been when the operator is killed, whatever the moment.
func TestOperatorKilledDuringDrill(t *testing.T) {
	s := newSpace(t)
	s.claims(storageA, "contacts", "photos")
	s.policy("sync", drilled(check("a", api.LevelConsistent, "sleep 3"), check("b", api.LevelAnswering, "sleep 1")))
	s.fingerprinted("first", "sync")
	before := s.everything()
	phase := func(name api.PhaseName, state api.PhaseState) func(*api.RestoreDrill) string {
		return func(d *api.RestoreDrill) string {
			for _, f := range d.Status.Phases {
				if f.Name == name && (f.State == state || f.State == api.PhaseSucceeded) {
					return ""
				}
			}
			return drillTold(d)
		}
	}
	for i, m := range []struct {
		name string
		come func(*api.RestoreDrill) string
	}{
		{"at once", func(*api.RestoreDrill) string { return "" }},
		{"selected", phase(api.PhaseSelecting, api.PhaseSucceeded)},
		{"restoring", phase(api.PhaseRestoring, api.PhaseRunning)},
		{"reading", phase(api.PhaseReading, api.PhaseRunning)},
		{"checking", phase(api.PhaseChecking, api.PhaseRunning)},
		{"cleaning up", phase(api.PhaseCleaningUp, api.PhaseRunning)},
	} {
		name := fmt.Sprintf("killed-%d", i)
		s.rehearse(name, ofPolicy("sync"))
		s.drill(name, m.name, 2*time.Minute, m.come)
		s.kill()
		s.drillEnds(name, api.VerdictPassed, api.LevelAnswering, api.ReasonDrillPassed)
	}
	s.verifyEvidence(6)
	if after := s.everything(); !slices.Equal(before, after) {
		t.Errorf("before the drills there was %v, after them %v", before, after)
	}
}

// everything are the snapshots, contents, claims and volumes of the cluster that this namespace has to do with, and the
// snapshots on the storage system: what no drill may add to or take from.
func (s *space) everything() []string {
	s.t.Helper()
	var out []string
	for _, c := range s.contents() {
		out = append(out, "content "+string(c.UID)+" "+string(c.Spec.DeletionPolicy))
	}
	var snapshots snapshotv1.VolumeSnapshotList
	var claims corev1.PersistentVolumeClaimList
	for _, list := range []client.ObjectList{&snapshots, &claims} {
		if err := kube.List(s.ctx, list, client.InNamespace(s.name)); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, v := range snapshots.Items {
		out = append(out, "snapshot "+string(v.UID))
	}
	for _, c := range claims.Items {
		out = append(out, "claim "+string(c.UID)+" "+c.Spec.VolumeName)
	}
	held, err := storageA.snapshotsOf(s.volumes)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range held {
		out = append(out, "bytes of "+h)
	}
	slices.Sort(out)
	return out
}

// Fifty drills end at random moments: deleted, forced away, or with the operator killed. What they did not create is as it was.
func TestFiftyDrillsKilledAtRandomMoments(t *testing.T) {
	const policies, rounds = 10, 5
	s := newSpace(t)
	s.claims(storageA, "contacts")
	for i := range policies {
		s.policy(fmt.Sprintf("p%d", i), drilled(check("a", api.LevelConsistent, "sleep 1")))
	}
	for i := range policies {
		s.fingerprinted(fmt.Sprintf("point-%d", i), fmt.Sprintf("p%d", i))
	}
	before := s.everything()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		for i := range policies {
			s.rehearse(fmt.Sprintf("d%d-%d", i, round), ofPolicy(fmt.Sprintf("p%d", i)))
		}
		for _, i := range r.Perm(policies) {
			time.Sleep(time.Duration(r.IntN(1200)) * time.Millisecond)
			name := fmt.Sprintf("d%d-%d", i, round)
			switch r.IntN(3) {
			case 0:
				s.kubectl("delete", "drill", name, "--wait=false")
			case 1:
				_, _ = s.kubectlTry("patch", "drill", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
				s.kubectl("delete", "drill", name, "--wait=false")
				_, _ = s.kubectlTry("patch", "drill", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`) // it was put back
			}
		}
		s.kill()
	}
	s.kubectl("delete", "drill", "--all", "--timeout=120s")
	s.await("no trace of fifty drills", 2*time.Minute, s.withoutTrace)
	if after := s.everything(); !slices.Equal(before, after) {
		t.Errorf("before the drills there was\n%s\nafter them\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	for i := range policies {
		s.complete(fmt.Sprintf("point-%d", i))
	}
}

// A sync service: a real CardDAV client reads a known contact from what a drill restored.
func TestDrillOfASyncService(t *testing.T) {
	t.Parallel()
	loadImage(t, "radicale")
	s := newSpace(t)
	s.claims(storageA, "data-sync-0")
	s.radicale("sync", "data-sync-0")
	s.saveContacts("sync", 1)
	s.policy("sync-store", drilled(), readAs(10001))
	s.kubectl("patch", "bp", "sync-store", "--type=merge", "--patch-file", filepath.Join(repository, "hack/demo/manifests/drill.yaml"))
	s.fingerprinted("first", "sync-store")
	s.rehearse("drill", ofPolicy("sync-store"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelAnswering, api.ReasonDrillPassed)
}

// as runs a pod's container as a user and group, who also gets the volume.
func as(uid int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(uid), RunAsGroup: ptr.To(uid), FSGroup: ptr.To(uid)}
	}
}

// loadImage makes an image of real software, once for all runs, and loads it into the cluster.
func loadImage(t *testing.T, kind string) {
	t.Helper()
	images.Lock()
	defer images.Unlock()
	script := exec.CommandContext(t.Context(), filepath.Join(repository, "hack/images/debian.sh"), kind)
	script.Stderr = os.Stderr
	tar, err := script.Output()
	if err != nil {
		t.Fatalf("make the image of %s: %v", kind, err)
	}
	out, err := exec.CommandContext(t.Context(), "make", "-C", repository, "load-image", "TAR="+strings.TrimSpace(string(tar))).CombinedOutput()
	if err != nil {
		t.Fatalf("load the image of %s: %v: %s", kind, err, out)
	}
}

// The list of files behind a fingerprint is kept where the policy asks for it: it is what was captured, it names the files
// that differ, and it goes with its point.
func TestManifestIsKept(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	s.sh("writer", "mkdir -p /data/a && echo one > /data/a/one.vcf && sync")
	s.policy("sync", func(b *api.BackupPolicySpec) { b.Fingerprint, b.Manifest = api.FingerprintEvery, api.ManifestKeep })
	p := s.fingerprinted("first", "sync")
	f := p.Status.Fingerprint.Volumes[0]
	var kept corev1.ConfigMap
	if err := kube.Get(s.ctx, s.key(f.Manifest), &kept); err != nil {
		t.Fatalf("the manifest of %+v: %v; %s", f, err, s.kubectl("events", "--for=rp/first"))
	}
	z, err := gzip.NewReader(bytes.NewReader(kept.BinaryData["manifest.mtree.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(text)); got != f.Digest {
		t.Errorf("its digest is %s, the fingerprint %s", got, f.Digest)
	}
	if !strings.Contains(string(text), "one.vcf") {
		t.Errorf("it does not name the file:\n%s", text)
	}
	s.take("second", "sync")
	s.kubectl("delete", "rp", "first", "--timeout=60s")
	s.await("the manifest to go with its point", soonEnough, func() string {
		if err := kube.Get(s.ctx, s.key(f.Manifest), &kept); !apierrors.IsNotFound(err) {
			return fmt.Sprint("it is there: ", err)
		}
		return ""
	})
}
