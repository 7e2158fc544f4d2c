// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

func onXFS(options ...string) *csi.VolumeCapability {
	c := mounted()
	c.AccessType = &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: "xfs", MountFlags: options}}
	return c
}

func TestXFSCopyNeedsNouuid(t *testing.T) {
	s := newSystem(t)
	id := s.volume("pvc-1", 320*mib, onXFS(), nil)
	source := s.publish(id, "pod", onXFS(), false)
	write(t, filepath.Join(source, "file"), "old")
	s.snapshot("snapshot-1", id)
	write(t, filepath.Join(source, "file"), "new")
	copied := s.volume("pvc-2", 320*mib, onXFS(), fromSnapshot("snapshot-1"))
	target := s.path("pods", "pod", copied)
	for range 2 {
		_, err := s.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{VolumeId: copied, TargetPath: target, VolumeCapability: onXFS()})
		if err == nil {
			t.Fatal("a copy was mounted beside its source without nouuid")
		}
	}
	if devices := s.loops("root"); len(devices) != 1 {
		t.Errorf("mounts that failed left the devices %v", devices)
	}
	s.publish(copied, "pod", onXFS("nouuid"), true)
	wantContent(t, filepath.Join(target, "file"), "old")
	wantContent(t, filepath.Join(source, "file"), "new")
	if err := os.WriteFile(filepath.Join(target, "file"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing to a copy that is published read-only: %v", err)
	}
	s.restart()
	wantContent(t, filepath.Join(s.publish(copied, "pod", onXFS("nouuid"), true), "file"), "old")
	if _, err := s.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id}); err == nil {
		t.Error("a volume that is mounted was deleted")
	}
	second := s.publish(copied, "other", onXFS("nouuid"), false)
	write(t, filepath.Join(second, "more"), "more")
	s.unpublish(copied, second)
	s.unpublish(copied, target)
	s.unpublish(id, source)
	if devices := s.loops("root"); len(devices) != 0 {
		t.Errorf("devices %v are left", devices)
	}
	wantContent(t, filepath.Join(s.publish(copied, "pod", onXFS("ro", "norecovery"), false), "more"), "more")
}

func TestXFSHoldsItsSize(t *testing.T) {
	s := newSystem(t)
	target := s.publish(s.volume("pvc-1", 320*mib, onXFS(), nil), "pod", onXFS(), false)
	if got := fill(t, filepath.Join(target, "noise"), 400*mib); got < 200*mib || got > 320*mib {
		t.Errorf("%d bytes went into a volume of %d", got, 320*mib)
	}
	if _, err := s.CreateVolume(t.Context(), &csi.CreateVolumeRequest{Name: "pvc-2", CapacityRange: &csi.CapacityRange{RequiredBytes: 100 * mib}, VolumeCapabilities: []*csi.VolumeCapability{onXFS()}}); err == nil {
		t.Error("a volume too small for XFS was made")
	}
}
