// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// MountXFS mounts the file system of an image at target. Doing it twice is doing it once. No option is added: a copy of a
// file system that is mounted is refused unless nouuid is among them. The device is writable also for a pod that may
// only read, because the log of a copy is to be replayed, and all pods of a volume share one device.
func MountXFS(image, target string, flags uintptr, data []string) error {
	device, err := Attach(image, storage.Writable)
	if err != nil {
		return err
	}
	mounted, err := mountinfo.Mounted(target)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if mounted {
		shown, err := targets(device)
		if err != nil {
			return err
		}
		if !slices.Contains(shown, target) {
			return fmt.Errorf("%w: %s", ErrOther, target)
		}
		return restrict(target, flags)
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	var whole uintptr // for the file system as a whole, of which the target is one view
	if slices.Contains(data, "norecovery") {
		whole = unix.MS_RDONLY
	}
	if err := unix.Mount(device, target, storage.XFS, whole, strings.Join(data, ",")); err != nil {
		err = fmt.Errorf("mount xfs %s at %s: %w (wrong fs type, bad superblock or duplicate UUID; the kernel's log says which)", device, target, err)
		return errors.Join(err, Release(image))
	}
	return restrict(target, flags|whole)
}

// Flush has the file system of an image, where it is mounted, write all that it holds back.
func Flush(image string) error {
	devices, err := loops(image)
	if err != nil {
		return err
	}
	for _, each := range devices {
		shown, err := targets(each.device)
		if err != nil {
			return err
		}
		if len(shown) > 0 {
			if err := flushAt(shown[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func flushAt(target string) error {
	dir, err := os.Open(target)
	if errors.Is(err, os.ErrNotExist) {
		return nil // unmounted meanwhile, and so flushed
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("flush %s: %w", target, err)
	}
	return nil
}
