// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// MountBtrfs mounts a file as a btrfs file system, making the file when it is not there.
// The file is sparse: it takes only the room of what is written.
func MountBtrfs(ctx context.Context, file, dir string, size int64) error {
	mounted, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if slices.Contains(mounted, dir) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		if err := makeBtrfs(ctx, file, size); err != nil {
			return err
		}
	}
	// mount sets up the loop device so that unmounting removes it.
	_, err = run(ctx, "mount", "-t", "btrfs", "-o", "loop,noatime,discard", file, dir)
	return err
}

func makeBtrfs(ctx context.Context, file string, size int64) error {
	staged := file + ".new"
	f, err := os.Create(staged)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := run(ctx, "mkfs.btrfs", "-q", "-f", staged); err != nil {
		return err
	}
	return os.Rename(staged, file)
}

// mountsBelow lists the mount points at or below a folder, in the order of mounting.
func mountsBelow(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var points []string
	for line := range strings.Lines(string(data)) {
		const mountPoint = 4
		fields := strings.Fields(line)
		if len(fields) <= mountPoint {
			continue
		}
		point := unescape(fields[mountPoint])
		if point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, nil
}

// unescape undoes the kernel's octal escapes for blanks in paths.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// UnmountBelow unmounts everything at or below the folders.
func UnmountBelow(dirs ...string) error {
	const tries = 20
	for try := range tries {
		left := 0
		for _, dir := range dirs {
			points, err := mountsBelow(dir)
			if err != nil {
				return err
			}
			for _, point := range slices.Backward(points) {
				flags := 0
				if try > tries/2 {
					// Something still holds it: take it out of the tree and let the kernel finish later.
					flags = syscall.MNT_DETACH
				}
				if err := syscall.Unmount(point, flags); err != nil {
					left++
				}
			}
		}
		if left == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, dir := range dirs {
		if points, _ := mountsBelow(dir); len(points) > 0 {
			return fmt.Errorf("still mounted: %s", strings.Join(points, " "))
		}
	}
	return nil
}

// DetachLoops removes the loop devices whose files are below the folder.
func DetachLoops(ctx context.Context, dir string) error {
	found, err := loopsBelow(dir)
	if err != nil {
		return err
	}
	for _, device := range found {
		if _, err := run(ctx, "losetup", "-d", device); err != nil {
			return err
		}
	}
	return nil
}

func loopsBelow(dir string) ([]string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, f := range files {
		backing, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(backing), dir+"/") {
			name := filepath.Base(filepath.Dir(filepath.Dir(f)))
			devices = append(devices, "/dev/"+name)
		}
	}
	return devices, nil
}
