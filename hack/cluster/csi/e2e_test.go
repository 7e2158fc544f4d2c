// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code %s (%v), want %s", got, err, want)
	}
}

// fill writes until the volume is full and says how much went in.
func fill(t *testing.T, path string, atMost int) int {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	noise := make([]byte, mib)
	_, _ = rand.Read(noise)
	for written := 0; written < atMost; written += mib {
		if _, err := file.Write(noise); err != nil {
			if !errors.Is(err, syscall.EDQUOT) && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("after %d bytes: %v, want that the volume is full", written, err)
			}
			return written
		}
	}
	return atMost
}

func TestAVolumeHoldsItsSizeAndNoMore(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-small", 40*mib, mounted(), nil)
	target := s.publish(id, "pod", mounted(), false)
	if got := fill(t, filepath.Join(target, "noise"), 60*mib); got < 38*mib || got > 40*mib {
		t.Errorf("%d bytes went into a volume of %d", got, 40*mib)
	}
	stats, err := s.NodeGetVolumeStats(t.Context(), &csi.NodeGetVolumeStatsRequest{VolumeId: id, VolumePath: target})
	if err != nil {
		t.Fatal(err)
	}
	if usage := stats.GetUsage()[0]; usage.GetTotal() != 40*mib || usage.GetUsed() < 38*mib || usage.GetAvailable() > 2*mib {
		t.Errorf("usage of a full volume: %v", usage)
	}
	snap := s.snapshot("snapshot-full", id)
	if snap.GetSizeBytes() != 40*mib || !snap.GetReadyToUse() {
		t.Errorf("snapshot %v", snap)
	}
	if err := os.Remove(filepath.Join(target, "noise")); err != nil {
		t.Errorf("a full volume cannot be emptied: %v", err)
	}
	restored := s.publish(s.volume("pvc-larger", 60*mib, mounted(), fromSnapshot(snap.GetSnapshotId())), "pod", mounted(), false)
	if got := fill(t, filepath.Join(restored, "more"), 60*mib); got < 17*mib || got > 20*mib {
		t.Errorf("%d more bytes went into a volume of 60 MiB that holds 40 MiB", got)
	}
}

func TestSnapshotsRestoresClonesAndReadOnlyMounts(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-1", 100*mib, mounted(), nil)
	target := s.publish(id, "pod", mounted(), false)
	write(t, filepath.Join(target, "file"), "old")
	before := time.Now()
	snap := s.snapshot("snapshot-1", id)
	if at := snap.GetCreationTime().AsTime(); at.Before(before.Add(-time.Second)) || at.After(time.Now()) {
		t.Errorf("creation time %s, the call was made at %s", at, before)
	}
	write(t, filepath.Join(target, "file"), "new")
	restored := s.volume("pvc-2", 100*mib, mounted(), fromSnapshot("snapshot-1"))
	clone := s.volume("pvc-3", 100*mib, mounted(), fromVolume(id))
	wantContent(t, filepath.Join(s.publish(restored, "pod", mounted(), false), "file"), "old")
	readOnly := s.publish(clone, "pod", mounted(), true)
	wantContent(t, filepath.Join(readOnly, "file"), "new")
	if err := os.WriteFile(filepath.Join(readOnly, "file"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing to a volume that is published read-only: %v", err)
	}
	if err := os.WriteFile(s.path("root", "snapshots", "snapshot-1", "file"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing to a snapshot: %v", err)
	}
	_, err := s.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id})
	wantCode(t, err, codes.FailedPrecondition)
	s.unpublish(id, target)
	for range 2 {
		_, err = s.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id})
		wantCode(t, err, codes.OK)
	}
	wantContent(t, s.path("root", "snapshots", "snapshot-1", "file"), "old")
}

func TestBlockVolumes(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-block", 20*mib, block(), nil)
	first, second := s.publish(id, "pod-1", block(), false), s.publish(id, "pod-2", block(), false)
	if loops := s.loops("root"); len(loops) != 1 {
		t.Errorf("loop devices %v, want one for both pods", loops)
	}
	noise := make([]byte, 20*mib)
	_, _ = rand.Read(noise)
	for range 2 { // the second time every block is in a snapshot and has to be copied
		writeDevice(t, first, noise)
		s.snapshot("snapshot-block", id)
	}
	if err := os.WriteFile(first, make([]byte, len(noise)+1), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing beyond the end: %v", err)
	}
	restored := s.volume("pvc-restored", 30*mib, block(), fromSnapshot("snapshot-block"))
	device := s.publish(restored, "pod-1", block(), true)
	if got, err := os.ReadFile(device); err != nil || len(got) != 30*mib || !bytes.Equal(got[:20*mib], noise) {
		t.Errorf("restored device: %d bytes, %v, want the bytes of the snapshot and zeroes", len(got), err)
	}
	if err := os.WriteFile(device, noise, 0o600); err == nil {
		t.Error("a device that is published read-only could be written")
	}
	s.unpublish(restored, device)
	s.unpublish(id, first)
	if loops := s.loops("root"); len(loops) != 1 {
		t.Errorf("loop devices %v, want the one that the second pod uses", loops)
	}
	s.restart()
	s.unpublish(id, second)
	if loops := s.loops("root"); len(loops) != 0 {
		t.Errorf("loop devices %v are left", loops)
	}
}

func writeDevice(t *testing.T, path string, content []byte) {
	t.Helper()
	device, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = device.Write(content)
	if err := errors.Join(err, device.Sync(), device.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestALoopDeviceThatAKillLeftIsDetached(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-block", 20*mib, block(), nil)
	s.command("losetup", "--find", s.path("root", "volumes", id, "disk.img"))
	s.restart()
	if loops := s.loops("root"); len(loops) != 0 {
		t.Errorf("loop devices %v are left", loops)
	}
}

// Whatever the driver acknowledged is there after a kill at a random moment, and nothing else.
func TestKilledAtRandomMoments(t *testing.T) {
	s := newSystem(t)
	volumes := []string{s.volume("pvc-1", mib, mounted(), nil), s.volume("pvc-2", mib, mounted(), nil)}
	acknowledged := map[string]int64{}
	for round := range 12 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(20+mathrand.IntN(150))*time.Millisecond, func() { _ = s.process.Process.Kill() })
		for i := 0; ; i++ {
			err := snapshotBoth(ctx, s, fmt.Sprintf("%d-%d", round, i), volumes, acknowledged)
			if err != nil {
				break
			}
		}
		cancel()
		s.restart()
		wantAcknowledged(t, s, acknowledged)
	}
	if len(acknowledged) < 12 {
		t.Errorf("only %d snapshots were made: the test has shown little", len(acknowledged))
	}
}

func snapshotBoth(ctx context.Context, s *system, name string, volumes []string, acknowledged map[string]int64) error {
	single, err := s.CreateSnapshot(ctx, &csi.CreateSnapshotRequest{Name: "snapshot-" + name, SourceVolumeId: volumes[0]})
	if err != nil {
		return err
	}
	acknowledged[single.GetSnapshot().GetSnapshotId()] = single.GetSnapshot().GetCreationTime().AsTime().UnixNano()
	group, err := s.CreateVolumeGroupSnapshot(ctx, &csi.CreateVolumeGroupSnapshotRequest{Name: "groupsnapshot-" + name, SourceVolumeIds: volumes})
	if err != nil {
		return err
	}
	for _, member := range group.GetGroupSnapshot().GetSnapshots() {
		acknowledged[member.GetSnapshotId()] = member.GetCreationTime().AsTime().UnixNano()
	}
	return nil
}

func wantAcknowledged(t *testing.T, s *system, acknowledged map[string]int64) {
	t.Helper()
	listed, err := s.ListSnapshots(t.Context(), &csi.ListSnapshotsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found, groups := map[string]int64{}, map[string]int{}
	for _, entry := range listed.GetEntries() {
		found[entry.GetSnapshot().GetSnapshotId()] = entry.GetSnapshot().GetCreationTime().AsTime().UnixNano()
		groups[entry.GetSnapshot().GetGroupSnapshotId()]++
	}
	for id, at := range acknowledged {
		if found[id] != at {
			t.Errorf("snapshot %s was acknowledged with time %d and has %d", id, at, found[id])
		}
	}
	for id, members := range groups {
		if id != "" && members != 2 {
			t.Errorf("group %s has %d of 2 members", id, members)
		}
	}
	subvolumes, err := os.ReadDir(s.path("root", "snapshots"))
	if err != nil || len(subvolumes) != len(found) {
		t.Errorf("%d subvolumes, %v, for %d snapshots", len(subvolumes), err, len(found))
	}
}

func TestFaultsOfSnapshots(t *testing.T) {
	s := newSystem(t)
	for _, name := range []string{"pvc-1", "pvc-2"} {
		s.volume(name, mib, mounted(), nil)
	}
	create := func(name, volume string) error {
		_, err := s.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volume})
		return err
	}
	s.turnOn("fail", "pvc-1")
	wantCode(t, create("s1", "pvc-1"), codes.Internal)
	wantCode(t, create("s2", "pvc-2"), codes.OK)
	s.turnOff("fail")
	wantCode(t, create("s1", "pvc-1"), codes.OK)

	s.turnOn("error-then-ready", "1")
	wantCode(t, create("s3", "pvc-1"), codes.Internal)
	wantCode(t, create("s3", "pvc-1"), codes.OK)
	s.turnOff("error-then-ready")

	s.turnOn("never-ready", "pvc-1")
	if s.snapshot("s4", "pvc-1").GetReadyToUse() || !s.snapshot("s5", "pvc-2").GetReadyToUse() {
		t.Error("never-ready: want the first unready and the second ready")
	}
	_, err := s.CreateVolume(t.Context(), &csi.CreateVolumeRequest{Name: "pvc-3", VolumeCapabilities: []*csi.VolumeCapability{mounted()}, VolumeContentSource: fromSnapshot("s4")})
	wantCode(t, err, codes.Unavailable)
	s.turnOff("never-ready")
	if !s.snapshot("s4", "pvc-1").GetReadyToUse() {
		t.Error("not ready although the switch is off")
	}

	s.turnOn("slow", "2s pvc-1")
	wantSlow(t, s)
	s.turnOn("stop", "")
	_, err = s.Probe(t.Context(), &csi.ProbeRequest{})
	wantCode(t, err, codes.Unavailable)
	wantCode(t, create("s1", "pvc-1"), codes.Unavailable)
	s.turnOff("stop")
	wantCode(t, create("s1", "pvc-1"), codes.OK)
}

func wantSlow(t *testing.T, s *system) {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.CreateSnapshot(ctx, &csi.CreateSnapshotRequest{Name: "s6", SourceVolumeId: "pvc-1"})
	wantCode(t, err, codes.DeadlineExceeded)
	snap := s.snapshot("s6", "pvc-1")
	if took := time.Since(start); took < 1900*time.Millisecond || took > 2800*time.Millisecond {
		t.Errorf("two calls took %s together, want the 2s of the switch", took)
	}
	if at := snap.GetCreationTime().AsTime(); at.Sub(start) > 500*time.Millisecond {
		t.Errorf("creation time %s is later than the first call, %s", at, start)
	}
}

func TestDamage(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-1", 40*mib, mounted(), nil)
	target := s.publish(id, "pod", mounted(), false)
	write(t, filepath.Join(target, "contacts"), "contacts")
	fill(t, filepath.Join(target, "noise"), 60*mib)
	s.snapshot("snapshot-1", id)
	s.snapshot("snapshot-2", id)
	s.turnOn("flip-byte", "snapshot-1 contacts\n")
	s.waitFor("flip-byte.done", "snapshot-1: flipped byte 4 of contacts\n")
	wantContent(t, s.path("root", "snapshots", "snapshot-1", "contacts"), "cont\x9ects")
	wantContent(t, s.path("root", "snapshots", "snapshot-2", "contacts"), "contacts")
	if err := os.WriteFile(s.path("root", "snapshots", "snapshot-1", "contacts"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("the damaged snapshot is not read-only any more: %v", err)
	}
	s.turnOn("lose-snapshot", "snapshot-1")
	_, err := s.GetSnapshot(t.Context(), &csi.GetSnapshotRequest{SnapshotId: "snapshot-1"})
	wantCode(t, err, codes.NotFound)
	listed, err := s.ListSnapshots(t.Context(), &csi.ListSnapshotsRequest{})
	if err != nil || len(listed.GetEntries()) != 1 {
		t.Errorf("snapshots %v, %v, want only the second", listed, err)
	}
	if _, err := os.Stat(s.path("root", "snapshots", "snapshot-1")); !os.IsNotExist(err) {
		t.Errorf("the data of the lost snapshot: %v", err)
	}
	s.turnOn("lose-snapshot", "all")
	s.waitFor("lose-snapshot.done", "all: lost 1\n")
}

// waitFor waits until a file in the fault directory has a content.
func (s *system) waitFor(name, want string) {
	s.t.Helper()
	var got []byte
	for range 100 {
		if got, _ = os.ReadFile(s.path("faults", name)); string(got) == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("%s holds %q, want %q", name, got, want)
}

func TestTheKubeletFindsTheDriver(t *testing.T) {
	s := newSystem(t)
	for range 2 {
		kubelet := registerapi.NewRegistrationClient(s.dial(s.path("registry", "test.csi.lifeboat.test-reg.sock")))
		info, err := kubelet.GetInfo(t.Context(), &registerapi.InfoRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if info.GetType() != registerapi.CSIPlugin || info.GetName() != "test.csi.lifeboat.test" || info.GetEndpoint() != s.path("csi.sock") {
			t.Errorf("the driver presents itself as %v", info)
		}
		s.restart()
	}
}

func TestASecondDriverOnTheSameRootEnds(t *testing.T) {
	s := newSystem(t)
	set := settings{driver: "d", socket: s.path("other.sock"), node: "n", root: s.path("root"), faults: s.path("faults")}
	err := run(t.Context(), []string{"--driver-name", set.driver, "--endpoint", "unix://" + set.socket, "--node-id", set.node, "--root", set.root, "--fault-dir", set.faults}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "held by another driver") {
		t.Errorf("%v", err)
	}
}
