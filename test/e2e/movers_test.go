// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// slowly has a copy of what these tests write take half a minute.
func slowly(r *api.RepositorySpec) {
	r.Limits = &api.RepositoryLimits{UploadBytesPerSecond: 256 << 10}
}

// copiers are the pods that copy, or copied, a claim.
func (s *space) copiers(claim string) []corev1.Pod {
	s.t.Helper()
	var pods corev1.PodList
	if err := kube.List(s.ctx, &pods, client.InNamespace(s.name), client.MatchingLabels{api.LabelReachesRepository: "true"}); err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return !strings.HasPrefix(p.Name, claim+"-copy-") })
}

// copier waits until another pod than a certain one copies a claim, and is its processes as the machine sees them.
func (s *space) copier(claim, but string) (name string, pids []int) {
	s.t.Helper()
	s.await("another mover than "+but, soonEnough, func() string {
		pods := s.copiers(claim)
		for _, p := range pods {
			if p.Name == but || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
				continue
			}
			if pids = processes(s.t, string(p.UID), "/mover"); len(pids) > 0 {
				name = p.Name
				return ""
			}
		}
		return fmt.Sprintf("%d pods", len(pods))
	})
	return name, pids
}

// arguments are those of all processes of the machine.
func arguments(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range files {
		body, _ := os.ReadFile(f) // it may have ended
		out.Write(append(body, '\n'))
	}
	return out.String()
}

// A mover that is killed is followed by another, which goes on where it was; in the end there is one copy, and it is whole. While it
// runs, no process of the machine has among its arguments what opens the repository.
func TestMoverIsKilled(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.easilyLost("contacts")
	s.bucket("offsite", s.name+"/", slowly)
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	s.policy("sync", copiesTo("offsite"))
	s.take("first", "sync")
	killed := ""
	for range 2 {
		var pids []int
		killed, pids = s.copier("contacts", killed)
		time.Sleep(3 * time.Second) // it is in the midst of it
		everywhere := arguments(t)
		if !strings.Contains(everywhere, "/mover\x00do\x00--order") {
			t.Error("the mover is not among the processes of the machine")
		}
		for what, secret := range s.secrets("offsite") {
			if strings.Contains(everywhere, secret) {
				t.Errorf("the %s is an argument of a process", what)
			}
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if p := s.copied("first", 1); p.Status.Copies[0].Attempt != 0 {
		t.Errorf("the copy is %+v", p.Status.Copies[0])
	}
	s.inspected("offsite", time.Minute, func(list string) string {
		if strings.Count(list, "contacts") != 1 {
			return list
		}
		return ""
	})
	s.sameElsewhere("first", s.sh("writer", whatIsThere))
}

// A mover that runs out of memory is followed by one that may take twice as much. When that is too little as well, the copy fails of it.
func TestMoverRunsOutOfMemory(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.easilyLost("contacts")
	s.bucket("offsite", s.name+"/")
	s.repositoryIs("offsite", api.ConditionReady, metav1.ConditionTrue, api.ReasonRepositoryReady, 2*time.Minute)
	limited := func(name, memory string) {
		s.policy(name, copiesTo("offsite"), func(b *api.BackupPolicySpec) {
			limits := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
			b.Mover = &api.MoverOptions{Resources: &corev1.ResourceRequirements{Limits: limits, Requests: limits}}
		})
	}
	limited("tight", "40Mi")
	s.take("first", "tight")
	var tries []string
	s.point("first", "to be copied", 3*time.Minute, func(p *api.RecoveryPoint) string {
		for _, q := range s.copiers("contacts") {
			for _, c := range q.Status.ContainerStatuses {
				if end := c.State.Terminated; end != nil && end.Reason == "OOMKilled" {
					tries = append(tries, q.Name)
				}
			}
		}
		if len(p.Status.Copies) != 1 || p.Status.Copies[0].State != api.CopyComplete {
			return fmt.Sprintf("%+v", p.Status.Copies)
		}
		return ""
	})
	if len(tries) == 0 {
		t.Error("no mover ran out of memory")
	}
	limited("tighter", "10Mi")
	s.take("second", "tighter")
	s.point("second", "not to be copied", 3*time.Minute, func(p *api.RecoveryPoint) string {
		if len(p.Status.Copies) != 1 || p.Status.Copies[0].State != api.CopyFailed || p.Status.Copies[0].Reason != api.ReasonOutOfMemory {
			return fmt.Sprintf("%+v", p.Status.Copies)
		}
		return ""
	})
	s.finding("tighter", api.ReasonCopyIncomplete, api.SeverityHigh, soonEnough)
}

// Snapshots go when retention says so, and their copies stay for as long as theirs does. Of such a point a part comes back by its path,
// and who asks for a path that is not there is told.
func TestCopiesOutliveTheirSnapshots(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.easilyLost("contacts")
	s.bucket("offsite", s.name+"/")
	s.policy("sync", keep(api.Retention{Last: 1}), copiesTo("offsite"), func(b *api.BackupPolicySpec) {
		b.Copies[0].Retention = &api.Retention{Last: 2}
	})
	s.take("first", "sync")
	s.copied("first", 1)
	s.sh("writer", "echo altered > /data/file && sync")
	s.take("second", "sync")
	s.copied("second", 1)
	gone := s.handles("first", storageA)
	s.point("first", "kept in its copy alone", 3*time.Minute, func(p *api.RecoveryPoint) string {
		if p.Status.SnapshotsReleasedAt == nil || len(s.snapshots("first")) > 0 {
			return told(p)
		}
		return ""
	})
	s.bytesGone(storageA, gone)
	s.restored("part", ofPoint("first", ontoClass(storageB.class), func(r *api.RestoreSpec) { r.Paths = []string{"odd names", "file"} }))
	s.pod("reader", "contacts-part")
	if got := s.sh("reader", "cd /data && find . -mindepth 1 | sort | head -c 300 && cat file"); !strings.Contains(got, "./odd names/deep") || strings.Contains(got, "big") || !strings.HasSuffix(got, "kept") {
		t.Errorf("of the part came back\n%s", got)
	}
	s.bringBackNow("none", ofPoint("first", fromCopy, ontoClass(storageB.class), func(r *api.RestoreSpec) { r.Paths = []string{"no/such/folder"} }))
	s.restoreEnds("none", api.ReasonPathNotFound)

	s.take("third", "sync")
	s.copied("third", 1)
	s.pointGone("first", 3*time.Minute)
	s.inspected("offsite", time.Minute, func(list string) string {
		if strings.Contains(list, "first") || !strings.Contains(list, "second") || !strings.Contains(list, "third") {
			return list
		}
		return ""
	})
}
