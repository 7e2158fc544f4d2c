// SPDX-License-Identifier: Apache-2.0

package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Filesystem is one mounted btrfs file system.
type Filesystem struct {
	root string
}

// Open checks that root lies on btrfs and switches its quota groups on.
func Open(root string) (*Filesystem, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(root, &stat); err != nil {
		return nil, fmt.Errorf("look at %s: %w", root, err)
	}
	if stat.Type != unix.BTRFS_SUPER_MAGIC {
		return nil, fmt.Errorf("%s is not on btrfs: mount a btrfs file system there first", root)
	}
	if err := run("quota", "enable", root); err != nil {
		return nil, err
	}
	return &Filesystem{root: root}, nil
}

// Repair counts anew what every subvolume refers to, if the file system says that its
// accounts are wrong: dropping a large subvolume in one go makes them so.
func (f *Filesystem) Repair() error {
	_, warnings, err := output("qgroup", "show", f.root)
	if err != nil || !strings.Contains(warnings, "inconsistent") {
		return err
	}
	return run("quota", "rescan", "-w", f.root)
}

// Space is what the whole file system holds and what is still free, in bytes.
func (f *Filesystem) Space() (total, free int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(f.root, &stat); err != nil {
		return 0, 0, fmt.Errorf("look at %s: %w", f.root, err)
	}
	return int64(stat.Blocks) * stat.Bsize, int64(stat.Bavail) * stat.Bsize, nil
}

func run(args ...string) error {
	_, _, err := output(args...)
	return err
}

// output runs the btrfs command and gives back what it printed, and what it warned of.
func output(args ...string) (printed, warned string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("btrfs", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return "", "", errors.New("the btrfs command is missing: apt-get install btrfs-progs")
	}
	if err != nil {
		return "", "", fmt.Errorf("btrfs %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), stderr.String(), nil
}
