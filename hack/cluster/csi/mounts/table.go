// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// place is where something lies within its file system, as the mount table names it.
type place struct {
	major, minor int
	path         string
}

// locate finds the place of a path: the deepest mount above it, and the rest below.
func locate(table []*mountinfo.Info, path string) (place, error) {
	var above *mountinfo.Info
	for _, entry := range table {
		// Of two mounts on one point the later one covers the earlier one.
		if within(path, entry.Mountpoint) && (above == nil || len(entry.Mountpoint) >= len(above.Mountpoint)) {
			above = entry
		}
	}
	if above == nil {
		return place{}, fmt.Errorf("no mount holds %s", path)
	}
	rest, err := filepath.Rel(above.Mountpoint, path)
	if err != nil {
		return place{}, err
	}
	return place{above.Major, above.Minor, filepath.Join(above.Root, rest)}, nil
}

func within(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// shows tells whether a mount shows the place, directly.
func (p place) shows(entry *mountinfo.Info) bool {
	return entry.Major == p.major && entry.Minor == p.minor && entry.Root == p.path
}

// targets are the mount points at which a path is mounted a second time, or the file system on it when it is a device.
func targets(path string) ([]string, error) {
	table, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, err
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	at, err := locate(table, path)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range table {
		if (at.shows(entry) && entry.Mountpoint != path) || (entry.FSType == storage.XFS && entry.Source == path) {
			found = append(found, entry.Mountpoint)
		}
	}
	return found, nil
}
