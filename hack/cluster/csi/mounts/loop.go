// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// loop is one loop device of an image.
type loop struct {
	device string
	access storage.Access
}

// Attach gives a loop device of an image, one that is there or a new one.
func Attach(image string, access storage.Access) (string, error) {
	found, err := loops(image)
	if err != nil {
		return "", err
	}
	for _, each := range found {
		if each.access == access {
			return each.device, nil
		}
	}
	args := []string{"--find", "--show"}
	if access == storage.ReadOnly {
		args = append(args, "--read-only")
	}
	device, err := losetup(append(args, image)...)
	return strings.TrimSpace(device), err
}

// Release detaches the loop devices of an image that no pod uses.
func Release(image string) error {
	found, err := loops(image)
	for _, each := range found {
		shown, lookErr := targets(each.device)
		if lookErr == nil && len(shown) == 0 {
			_, lookErr = losetup("--detach", each.device)
		}
		err = errors.Join(err, lookErr)
	}
	return err
}

// ReleaseAll detaches every loop device below a directory that no pod uses: those that a
// killed driver left.
func ReleaseAll(dir string) error {
	found, err := backingFiles()
	for _, image := range found {
		if within(image, dir) {
			err = errors.Join(err, Release(image))
		}
	}
	return err
}

// Targets are the paths at which a volume, its directory or its image, is given to pods.
func Targets(dir, image string) ([]string, error) {
	shown, err := targets(dir)
	if err != nil {
		return nil, err
	}
	devices, err := loops(image)
	for _, each := range devices {
		more, lookErr := targets(each.device)
		shown, err = append(shown, more...), errors.Join(err, lookErr)
	}
	return shown, err
}

func loops(image string) ([]loop, error) {
	all, err := backingFiles()
	var found []loop
	for device, file := range all {
		if file != image {
			continue
		}
		readOnly, readErr := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), "ro"))
		access := storage.Writable
		if strings.TrimSpace(string(readOnly)) == "1" {
			access = storage.ReadOnly
		}
		found, err = append(found, loop{device, access}), errors.Join(err, readErr)
	}
	return found, err
}

// backingFiles are the images of all loop devices, by device.
func backingFiles() (map[string]string, error) {
	paths, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // detached meanwhile
		}
		if err != nil {
			return nil, err
		}
		device := filepath.Join("/dev", filepath.Base(filepath.Dir(filepath.Dir(path))))
		files[device] = strings.TrimSuffix(strings.TrimSpace(string(file)), " (deleted)")
	}
	return files, nil
}

func losetup(args ...string) (string, error) {
	out, err := exec.Command("losetup", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("losetup %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
