// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/pods"
)

// podGroup makes the control group that the kubelet would make for a pod.
func podGroup(t *testing.T, uid string) string {
	t.Helper()
	root := "/sys/fs/cgroup/freezer"
	if _, err := os.Stat(root); err != nil {
		root = "/sys/fs/cgroup"
	}
	dir := filepath.Join(root, "pod"+uid)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 { // the kernel lets go of a process's group a moment after the process
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s is left", dir)
	})
	return dir
}

// A pod counts in one volume, then in the other, over and over. At every instant the first
// count is the second or one more; snapshots that were not cut at one instant show otherwise.
func TestAGroupIsCutAtOneInstant(t *testing.T) {
	s := newSystem(t)
	uid := fmt.Sprintf("lifeboat-test-%d", os.Getpid())
	group := podGroup(t, uid)
	volumes := []string{s.volume("pvc-1", 100*mib, mounted(), nil), s.volume("pvc-2", 100*mib, mounted(), nil)}
	first, second := s.publish(volumes[0], uid+"/volumes", mounted(), false), s.publish(volumes[1], uid+"/volumes", mounted(), false)
	script := fmt.Sprintf(`echo $$ >%s/cgroup.procs; i=0; while :; do i=$((i+1)); echo $i >>%s/count; echo $i >>%s/count; done`, group, first, second)
	writer := exec.Command("sh", "-c", script)
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		// A process that is held would not hear the signal.
		_, _, _ = pods.Free([]string{uid}), writer.Process.Kill(), writer.Wait()
	}()
	last := -1
	for i := range 8 {
		time.Sleep(100 * time.Millisecond)
		answer, err := s.CreateVolumeGroupSnapshot(t.Context(), &csi.CreateVolumeGroupSnapshotRequest{Name: fmt.Sprintf("g%d", i), SourceVolumeIds: volumes})
		if err != nil {
			t.Fatal(err)
		}
		var counts []int
		for _, member := range answer.GetGroupSnapshot().GetSnapshots() {
			counts = append(counts, lastLine(t, s.path("root", "snapshots", member.GetSnapshotId(), "count")))
		}
		if counts[0] != counts[1] && counts[0] != counts[1]+1 {
			t.Errorf("group %d holds the counts %v: not of one instant", i, counts)
		}
		if counts[0] <= last {
			t.Errorf("the pod did not go on after the group before: %d, then %d", last, counts[0])
		}
		last = counts[0]
	}
}

func lastLine(t *testing.T, path string) int {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(body))
	count, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestAPodThatAKilledDriverHeldIsFreed(t *testing.T) {
	s := newSystem(t)
	uid := fmt.Sprintf("lifeboat-test-%d", os.Getpid())
	group := podGroup(t, uid)
	s.publish(s.volume("pvc-1", 100*mib, mounted(), nil), uid+"/volumes", mounted(), false)
	state, hold, free := filepath.Join(group, "freezer.state"), "FROZEN", "THAWED"
	if _, err := os.Stat(state); err != nil {
		state, hold, free = filepath.Join(group, "cgroup.freeze"), "1", "0"
	}
	write(t, state, hold)
	s.restart()
	wantContent(t, state, free+"\n")
}
