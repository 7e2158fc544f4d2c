// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const mib = 1 << 20

// system is a running driver on a btrfs of its own.
type system struct {
	csi.IdentityClient
	csi.ControllerClient
	csi.GroupControllerClient
	csi.NodeClient

	t       *testing.T
	dir     string
	process *exec.Cmd
	log     bytes.Buffer
}

// binary is the driver under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getuid() != 0 {
			fmt.Fprintln(os.Stderr, "these tests mount file systems: run them as root on Linux")
			return 1
		}
		dir, err := os.MkdirTemp("", "lifeboat-csi-bin")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binary = filepath.Join(dir, "lifeboat-csi")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// newSystem makes the disk and starts the driver; the test's end removes all of it.
func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, dir: t.TempDir()}
	image, root := filepath.Join(s.dir, "disk.img"), s.path("root")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 8<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	s.command("mkfs.btrfs", "-q", image)
	s.command("mount", "-o", "loop", image, root)
	s.start()
	return s
}

func (s *system) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

func (s *system) command(name string, args ...string) string {
	s.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start runs the driver and waits until it answers.
func (s *system) start() {
	s.t.Helper()
	socket := s.path("csi.sock")
	s.process = exec.Command(binary, "--driver-name", "test.csi.lifeboat.test", "--endpoint", "unix://"+socket, "--node-id", "node",
		"--root", s.path("root"), "--fault-dir", s.path("faults"), "--kubelet-registration-dir", s.path("registry"))
	s.process.Stderr = &s.log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	connection := s.dial(socket)
	s.IdentityClient, s.ControllerClient = csi.NewIdentityClient(connection), csi.NewControllerClient(connection)
	s.GroupControllerClient, s.NodeClient = csi.NewGroupControllerClient(connection), csi.NewNodeClient(connection)
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Probe(ctx, &csi.ProbeRequest{}, grpc.WaitForReady(true)); err != nil {
		s.t.Fatalf("the driver does not answer: %v\n%s", err, s.log.String())
	}
}

func (s *system) dial(socket string) *grpc.ClientConn {
	s.t.Helper()
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// kill ends the driver without a chance to tidy up.
func (s *system) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *system) restart() {
	s.t.Helper()
	s.kill()
	s.start()
}

// remove takes away what the driver gave to pods, then the devices on the disk, then the disk:
// each holds the next one.
func (s *system) remove() {
	s.kill()
	s.unmount("pods")
	s.detach("root")
	s.unmount("root")
	s.detach("")
}

func (s *system) unmount(dir string) {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.path(dir)))
	if err != nil {
		s.t.Error(err)
	}
	slices.Reverse(mounts)
	for _, mount := range mounts {
		if err := unix.Unmount(mount.Mountpoint, 0); err != nil {
			s.t.Errorf("unmount %s: %v", mount.Mountpoint, err)
			_ = unix.Unmount(mount.Mountpoint, unix.MNT_DETACH)
		}
	}
}

func (s *system) detach(dir string) {
	for _, device := range s.loops(dir) {
		_ = exec.Command("losetup", "--detach", device).Run()
	}
}

// loops are the loop devices whose file lies in a directory of the system.
func (s *system) loops(dir string) []string {
	var found []string
	out, err := exec.Command("losetup", "--noheadings", "--raw", "--output", "NAME,BACK-FILE").Output()
	if err != nil {
		s.t.Error(err)
	}
	for line := range strings.Lines(string(out)) {
		device, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(file, s.path(dir)+"/") {
			found = append(found, device)
		}
	}
	return found
}

func (s *system) volume(name string, bytes int64, capability *csi.VolumeCapability, source *csi.VolumeContentSource) string {
	s.t.Helper()
	answer, err := s.CreateVolume(s.t.Context(), &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: bytes},
		VolumeCapabilities: []*csi.VolumeCapability{capability}, VolumeContentSource: source,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetVolume().GetVolumeId()
}

func (s *system) snapshot(name, volume string) *csi.Snapshot {
	s.t.Helper()
	answer, err := s.CreateSnapshot(s.t.Context(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volume})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetSnapshot()
}

// publish gives a volume to a made-up pod and returns the path at which the pod finds it.
func (s *system) publish(volume, pod string, capability *csi.VolumeCapability, readOnly bool) string {
	s.t.Helper()
	target := s.path("pods", pod, volume)
	_, err := s.NodePublishVolume(s.t.Context(), &csi.NodePublishVolumeRequest{
		VolumeId: volume, TargetPath: target, VolumeCapability: capability, Readonly: readOnly,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return target
}

func (s *system) unpublish(volume, target string) {
	s.t.Helper()
	if _, err := s.NodeUnpublishVolume(s.t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: volume, TargetPath: target}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := os.Lstat(target); !os.IsNotExist(err) {
		s.t.Errorf("%s is still there: %v", target, err)
	}
}

func (s *system) turnOn(fault, content string) {
	s.t.Helper()
	if err := os.WriteFile(s.path("faults", fault), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) turnOff(fault string) {
	s.t.Helper()
	if err := os.Remove(s.path("faults", fault)); err != nil {
		s.t.Fatal(err)
	}
}

func mounted() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
	}
}

func block() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	}
}

func fromSnapshot(id string) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: id}}}
}

func fromVolume(id string) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: id}}}
}
