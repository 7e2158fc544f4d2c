// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// kill ends the operator with SIGKILL and waits until another one leads. The pod and the lease of the dead are removed,
// because waiting for their time-outs shows nothing.
func (s *space) kill() {
	s.t.Helper()
	var pods corev1.PodList
	if err := kube.List(s.ctx, &pods, client.InNamespace(operatorSpace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
		s.t.Fatal(err)
	}
	killed := 0
	for i := range pods.Items {
		for _, pid := range processes(s.t, string(pods.Items[i].UID), "/manager") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
				killed++
			}
		}
		_ = kube.Delete(s.ctx, &pods.Items[i], client.GracePeriodSeconds(0))
	}
	if killed == 0 {
		s.t.Fatal("there was no operator to kill")
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: operatorSpace, Name: "lifeboat-manager"}}
	_ = kube.Delete(s.ctx, lease)
	s.await("another operator to lead", 2*time.Minute, func() string {
		if err := kube.Get(s.ctx, client.ObjectKeyFromObject(lease), lease); err != nil {
			return err.Error()
		}
		for _, p := range pods.Items {
			if strings.HasPrefix(ptr.Deref(lease.Spec.HolderIdentity, p.Name), p.Name) {
				return "the lease is the dead operator's"
			}
		}
		return ""
	})
}

// processes are those of a pod that run a program, as the machine sees them.
func processes(t *testing.T, podUID, program string) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, dir := range dirs {
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		uid := string(groups)
		if !strings.HasPrefix(string(command), program+"\x00") ||
			!(strings.Contains(uid, podUID) || strings.Contains(uid, strings.ReplaceAll(podUID, "-", "_"))) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// moments are those at which the operator is killed, each said by what is seen of the point.
var moments = []struct {
	name string
	come func(s *space, point string) bool
}{
	{"at once", func(*space, string) bool { return true }},
	{"frozen", func(s *space, point string) bool {
		var p api.RecoveryPoint
		return kube.Get(s.ctx, s.key(point), &p) == nil && p.Status.Capture != nil
	}},
	{"some created", func(s *space, point string) bool { return len(s.snapshots(point)) > 0 }},
	{"some ready", func(s *space, point string) bool {
		for _, v := range s.snapshots(point) {
			if v.Status != nil && ptr.Deref(v.Status.ReadyToUse, false) {
				return true
			}
		}
		return false
	}},
	{"some retained", func(s *space, point string) bool {
		for _, c := range s.contents() {
			if c.Labels[api.LabelPoint] == point {
				return true
			}
		}
		return false
	}},
}

// An operator that is killed in the midst of a capture leaves one point with one snapshot for each claim, whatever the moment.
func TestOperatorKilledDuringCapture(t *testing.T) {
	s := newSpace(t)
	volumes := s.claims(storageA, "calendar", "contacts", "photos")
	storageA.fault(t, faultSlow, volumes[2])
	s.policy("sync")
	s.policy("minutely", everyMinute)
	s.policy("group", consistency(api.ConsistencyGroup))
	for i, m := range moments {
		name := fmt.Sprintf("killed-%d", i)
		s.now(name, "sync")
		s.await("the moment: "+m.name, soonEnough, func() string {
			if m.come(s, name) {
				return ""
			}
			return "it has not come"
		})
		s.kill()
	}
	s.await("a slot", soonEnough, func() string {
		if slot := time.Now().Truncate(time.Minute); s.hasSlot(slot) {
			return ""
		}
		return "no point for it"
	})
	s.kill()
	s.now("grouped", "group")
	s.await("a group snapshot", soonEnough, func() string { return strings.Repeat("none", 1-min(1, len(s.groupSnapshots()))) })
	s.kill()
	for i := range moments {
		s.complete(fmt.Sprintf("killed-%d", i))
	}
	s.complete("grouped")
	s.kubectl("patch", "bp", "minutely", "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	s.oneOfEach()

	s.kubectl("delete", "rp", "killed-0", "--wait=false")
	s.kill()
	s.pointGone("killed-0", soonEnough)
	s.oneOfEach()
}

func (s *space) hasSlot(slot time.Time) bool {
	for _, p := range s.points() {
		if p.Spec.Slot != nil && p.Spec.Slot.Time.Equal(slot) && p.Status.FinishedAt == nil {
			return true
		}
	}
	return false
}

// oneOfEach checks that every point of the namespace is complete, that each has exactly one snapshot and one retained
// content for each claim, that no slot was run twice, and that there is nothing else.
func (s *space) oneOfEach() {
	s.t.Helper()
	slots := map[string]bool{}
	points := s.points()
	for _, p := range points {
		s.complete(p.Name)
		if n := len(s.handles(p.Name, storageA)); n != 3 {
			s.t.Errorf("point %s has %d snapshots", p.Name, n)
		}
		if slot := p.Spec.Slot; slot != nil {
			if slots[slot.String()] {
				s.t.Errorf("slot %s was run twice", slot)
			}
			slots[slot.String()] = true
		}
	}
	var all snapshotv1.VolumeSnapshotList
	if err := kube.List(s.ctx, &all, client.InNamespace(s.name)); err != nil {
		s.t.Fatal(err)
	}
	if want := 3 * len(points); len(all.Items) != want || len(s.contents()) != want {
		s.t.Errorf("%d points of 3 claims have %d snapshots and %d contents", len(points), len(all.Items), len(s.contents()))
	}
	if held, err := storageA.snapshotsOf(s.volumes); err != nil || len(held) != 3*len(points) {
		s.t.Errorf("the storage system holds %d snapshots of %d points (%v)", len(held), len(points), err)
	}
}

// The After hooks run also when the operator was killed between the hooks.
func TestOperatorKilledBetweenHooks(t *testing.T) {
	s := newSpace(t)
	volumes := s.claims(storageA, "contacts")
	s.pod("writer", "contacts")
	storageA.fault(t, faultSlow, volumes...)
	s.policy("sync", hooks(hook("freeze", api.HookBefore, mark), hook("thaw", api.HookAfter, unmark)))
	s.now("first", "sync")
	s.await("the volume to be marked", soonEnough, func() string {
		if out, err := s.kubectlTry("exec", "writer", "--", "sh", "-c", marked); err != nil || strings.TrimSpace(out) != "yes" {
			return out
		}
		return ""
	})
	s.kill()
	p := s.complete("first")
	if r := hookRecord(p, "thaw"); r.State != api.HookSucceeded {
		t.Errorf("the After hook: %+v", r)
	}
	if got := s.sh("writer", marked); got != "no" {
		t.Errorf("the volume is still marked: %s", got)
	}
	s.restore("restored", s.snapshots("first")["contacts"].Name, storageA)
	if got := s.sh("restored", marked); got != "yes" {
		t.Errorf("the restored volume is marked: %s", got)
	}
}
