// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// options are the flags of a mount that a volume may ask for.
var options = map[string]uintptr{
	"ro": unix.MS_RDONLY, "noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME,
	"relatime": unix.MS_RELATIME, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "nosuid": unix.MS_NOSUID,
	"rw": 0,
}

// xfsOptions are those that XFS itself reads.
var xfsOptions = []string{"nouuid", "norecovery"}

// Flags reads mount options: the flags of a mount, and what the file system itself reads.
func Flags(access storage.Access, fsType string, names []string) (flags uintptr, data []string, err error) {
	for _, name := range names {
		if fsType == storage.XFS && slices.Contains(xfsOptions, name) {
			data = append(data, name)
			continue
		}
		flag, known := options[name]
		if !known {
			return 0, nil, fmt.Errorf("mount option %q is not supported: use ro, rw, noatime, nodiratime, relatime, nodev, noexec, nosuid, and for xfs nouuid, norecovery", name)
		}
		flags |= flag
	}
	if access == storage.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	return flags, data, nil
}

// ErrOther says that something else is mounted at the target.
var ErrOther = errors.New("another volume is mounted at the target path")

// Bind shows source, a directory or a device, at target. Doing it twice is doing it once.
func Bind(source, target string, flags uintptr) error {
	mounted, err := mountinfo.Mounted(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if mounted {
		return finish(source, target, flags)
	}
	if err := makeTarget(source, target); err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s to %s: %w", source, target, err)
	}
	return restrict(target, flags)
}

// finish completes a bind whose maker was killed between its two steps, or sees that it is complete.
func finish(source, target string, flags uintptr) error {
	found, err := targets(source)
	if err != nil {
		return err
	}
	if !slices.Contains(found, target) {
		return fmt.Errorf("%w: %s", ErrOther, target)
	}
	return restrict(target, flags)
}

// A bind mount takes its flags in a second step only.
func restrict(target string, flags uintptr) error {
	if flags == 0 {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""); err != nil {
		return errors.Join(fmt.Errorf("restrict %s: %w", target, err), unix.Unmount(target, unix.MNT_DETACH))
	}
	return nil
}

// makeTarget makes the target: a directory for a directory, an empty file for a device.
func makeTarget(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// Unbind takes every mount off target and removes it. A target that is not there is no error.
func Unbind(target string) error {
	for {
		mounted, err := mountinfo.Mounted(target)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !mounted {
			break
		}
		if err := unix.Unmount(target, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	// Never recursive: a directory that still holds something is not an empty mount point.
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Mounted tells whether something is mounted at target.
func Mounted(target string) (bool, error) {
	return mountinfo.Mounted(target)
}
