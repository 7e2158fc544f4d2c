// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
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

// radicale runs the sync service on a claim and waits until it answers.
func (s *space) radicale(name, claim string) {
	s.t.Helper()
	s.pod(name, claim, as(10001), func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.Image = "lifeboat.test/radicale:latest"
		c.Env = []corev1.EnvVar{{Name: "HOME", Value: "/tmp"}, {Name: "LC_ALL", Value: "C.UTF-8"}}
		c.Command = []string{"radicale", "--config=", "--server-hosts=127.0.0.1:5232", "--auth-type=none", "--storage-filesystem-folder=/data"}
	})
	s.await("the sync service to answer", time.Minute, func() string {
		_, err := s.kubectlTry("exec", name, "--", "python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 5232), 2)")
		return problem(err)
	})
}

// saveContacts has a phone put contacts into the service, one request each. Doing it again changes nothing.
func (s *space) saveContacts(pod string, contacts int) {
	s.t.Helper()
	s.await("the service to take the contacts", 2*time.Minute, func() string {
		_, err := s.kubectlTry("exec", pod, "--", "python3", "-c", fmt.Sprintf(`
import base64, urllib.request as u
def ask(method, path, body, kind):
    r = u.Request("http://127.0.0.1:5232" + path, data=body.encode(), method=method, headers={
        "Authorization": "Basic " + base64.b64encode(b"nadia:any").decode(), "Content-Type": kind})
    return u.urlopen(r).read()
try:
    ask("MKCOL", "/nadia/contacts/", """<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><CR:addressbook/></resourcetype></prop></set></mkcol>""", "application/xml")
except u.HTTPError as e:
    if e.code != 405 and e.code != 409: raise
def card(uid, first, last):
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{first} {last}\r\nN:{last};{first};;;\r\nNOTE:Grüße, 你好, %%s\r\nEND:VCARD\r\n" %% uid
ask("PUT", "/nadia/contacts/mara.vcf", card("mara", "Mara", "Lindqvist"), "text/vcard")
for i in range(1, %d):
    ask("PUT", f"/nadia/contacts/{i}.vcf", card(f"contact-{i}", f"Friend{i}", "Ångström"), "text/vcard")
`, contacts))
		return problem(err)
	})
}

// contacts has a real client, vdirsyncer, fetch the address book, and is a line for each contact with the checksum of its bytes.
func (s *space) contacts(pod string) string {
	s.t.Helper()
	return s.sh(pod, `set -e; rm -rf /tmp/status /tmp/contacts; mkdir -p /tmp/status /tmp/contacts
printf '[general]\nstatus_path = "/tmp/status/"\n[pair contacts]\na = "service"\nb = "here"\ncollections = null\n' >/tmp/config
printf '[storage service]\ntype = "carddav"\nurl = "http://127.0.0.1:5232/nadia/contacts/"\nusername = "nadia"\npassword = "any"\nread_only = true\n' >>/tmp/config
printf '[storage here]\ntype = "filesystem"\npath = "/tmp/contacts/"\nfileext = ".vcf"\n' >>/tmp/config
vdirsyncer -c /tmp/config discover >/dev/null 2>&1; vdirsyncer -c /tmp/config sync >/dev/null 2>&1
cd /tmp/contacts && sha256sum * | sort`)
}

// The story that Lifeboat is built for. A sync service loses the storage system with its data and with every snapshot of them;
// its contacts come back on to another one, from a copy of which a drill had proven that this works. Then the cluster is lost too,
// and then there is no cluster at all.
func TestSidekick(t *testing.T) {
	loadImage(t, "radicale")
	s := newSpace(t)
	s.claims(storageA, "data-sync-0")
	s.radicale("sync", "data-sync-0")
	s.saveContacts("sync", 200)
	saved := s.contacts("sync")
	if n := len(strings.Fields(saved)) / 2; n != 200 {
		t.Fatalf("the client finds %d contacts: %s", n, saved)
	}
	s.bucket("offsite", s.name+"/")
	s.policy("sync-store", readAs(10001), copiesTo("offsite"), drilled(), func(b *api.BackupPolicySpec) {
		b.Drill.From, b.Drill.StorageClassName = api.FromCopy, storageB.class
	})
	s.kubectl("patch", "bp", "sync-store", "--type=merge", "--patch-file", filepath.Join(repository, "hack/demo/manifests/drill.yaml"))
	s.fingerprinted("good", "sync-store")
	s.copied("good", 1)
	s.rehearse("drill", ofPolicy("sync-store"))
	s.drillEnds("drill", api.VerdictPassed, api.LevelAnswering, api.ReasonDrillPassed)
	s.policyStatus("sync-store", "to be proven independently", time.Minute, func(b *api.BackupPolicy) string {
		if l := b.Status.LastProof; l == nil || !l.Independent || l.From != api.FromCopy {
			return fmt.Sprintf("%+v", l)
		}
		return ""
	})

	if err := storageA.order("destroy"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := storageA.order("start"); err != nil {
			t.Error(err)
		}
	})
	gone := s.finding("sync-store", api.ReasonDriverNotRegistered, api.SeverityHigh, 2*time.Minute)
	if !strings.Contains(gone.Message, "point good, in repository offsite") || !strings.Contains(gone.Remedy, "from: Copy") {
		t.Errorf("at 3 a.m. the finding says %q, %q", gone.Message, gone.Remedy)
	}
	began := time.Now()
	back := s.restored("back", ofPoint("good", fromCopy, ontoClass(storageB.class)))
	s.radicale("sync-back", "data-sync-0-back")
	if found := s.contacts("sync-back"); found != saved {
		t.Errorf("the client had saved\n%s\nand finds\n%s", saved, found)
	}
	t.Logf("array-a is gone: %d contacts are back on array-b after %s, of which the restore took %s", strings.Count(saved, "\n")+1,
		time.Since(began).Round(time.Second), back.Status.FinishedAt.Sub(back.CreationTimestamp.Time))

	with := s.opens("offsite")
	t.Run("no cluster", func(t *testing.T) { broughtBackByHand(t, with, s.sh("sync-back", vcards("/data"))) })
	if *installed {
		return // somebody's cluster is not ours to lose
	}
	t.Run("another cluster", func(t *testing.T) { broughtBackInAnotherCluster(t, with, saved) })
}

// vcards lists the service's own files of contacts below a folder, with their checksums.
func vcards(folder string) string {
	return "cd " + folder + "/collection-root/nadia/contacts && sha256sum *.vcf | sort"
}

// broughtBackByHand restores with the program for people, which talks to the bucket alone.
func broughtBackByHand(t *testing.T, with opener, want string) {
	to := filepath.Join(t.TempDir(), "rescued")
	out, err := with.byHand(t, moverProgram(t), "restore", "--to", to)
	if err != nil || !strings.Contains(out, "sha256:") {
		t.Fatalf("%v: %s", err, out)
	}
	files, err := exec.CommandContext(t.Context(), "sh", "-c", vcards(filepath.Join(to, "data-sync-0"))).CombinedOutput()
	if got := strings.TrimSpace(string(files)); err != nil || got != want {
		t.Errorf("restored were\n%s\nand in the service are\n%s (%v)", got, want, err)
	}
	t.Logf("without a cluster:\n%s", out)
}

// broughtBackInAnotherCluster loses the cluster, both storage systems with it, and has an empty one take over what the bucket holds.
func broughtBackInAnotherCluster(t *testing.T, with opener, saved string) {
	if err := clusterCommand("down", "--keep-objects"); err != nil {
		t.Fatal(err)
	}
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	loadImage(t, "radicale")
	s := newSpace(t)
	s.secret("escrow", map[string]string{"password": with.password})
	began := time.Now()
	s.bucket("offsite", with.location[strings.LastIndex(strings.TrimSuffix(with.location, "/"), "/")+1:], func(r *api.RepositorySpec) {
		r.Import, r.Password = true, &api.SecretReference{Name: "escrow"}
	})
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	var p *api.RecoveryPoint
	s.await("the point to be imported", 2*time.Minute, func() string {
		points := s.points()
		if len(points) != 1 || !meta.IsStatusConditionTrue(points[0].Status.Conditions, api.ConditionComplete) {
			return fmt.Sprintf("%d points: %+v", len(points), points)
		}
		p = &points[0]
		return ""
	})
	if o := p.Status.Origin; o == nil || o.PointName != "good" || len(p.Status.Copies) != 1 {
		t.Fatalf("the point does not say where it is from: %+v", p.Status)
	}
	s.restored("back", ofPoint(p.Name, fromCopy, ontoClass(storageB.class)))
	s.radicale("sync", "data-sync-0-back")
	if found := s.contacts("sync"); found != saved {
		t.Errorf("the client had saved\n%s\nand finds\n%s", saved, found)
	}
	t.Logf("the cluster is gone: everything is back in an empty one after %s", time.Since(began).Round(time.Second))
}
