// SPDX-License-Identifier: Apache-2.0

package btrfs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// Create makes an empty subvolume.
func (f *Filesystem) Create(path string) error {
	return run("subvolume", "create", path)
}

// Snapshot makes dst share every block of src, as src is at this instant.
func (f *Filesystem) Snapshot(src, dst string, access storage.Access) error {
	if access == storage.ReadOnly {
		return run("subvolume", "snapshot", "-r", src, dst)
	}
	return run("subvolume", "snapshot", src, dst)
}

// Delete removes a subvolume; the kernel frees its blocks in the background.
func (f *Filesystem) Delete(path string) error {
	return run("subvolume", "delete", path)
}

// SetAccess makes a subvolume read-only or writable.
func (f *Filesystem) SetAccess(path string, access storage.Access) error {
	return run("property", "set", "-ts", path, "ro", strconv.FormatBool(access == storage.ReadOnly))
}

// Limit bounds what a subvolume may refer to, in bytes; storage.Unlimited lifts the bound.
func (f *Filesystem) Limit(path string, bytes int64) error {
	bound := "none"
	if bytes != storage.Unlimited {
		bound = strconv.FormatInt(bytes, 10)
	}
	return run("qgroup", "limit", bound, path)
}

// Used is what a subvolume refers to, in bytes, shared blocks included.
func (f *Filesystem) Used(path string) (int64, error) {
	table, _, err := output("qgroup", "show", "--raw", "--sync", "-f", path)
	if err != nil {
		return 0, err
	}
	used, err := referenced(table)
	if err != nil {
		return 0, fmt.Errorf("quota group of %s: %w", path, err)
	}
	return used, nil
}

// referenced reads the second column of the one row that starts with a level-0 group.
func referenced(table string) (int64, error) {
	for line := range strings.Lines(table) {
		cells := strings.Fields(line)
		if len(cells) >= 2 && strings.HasPrefix(cells[0], "0/") {
			return strconv.ParseInt(cells[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no row in %q", table)
}
