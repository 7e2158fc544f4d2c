// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

var table = []*mountinfo.Info{
	{Mountpoint: "/", Root: "/", Major: 8, Minor: 1},
	{Mountpoint: "/dev", Root: "/", Minor: 6},
	{Mountpoint: "/srv/a", Root: "/", Minor: 39},
	{Mountpoint: "/srv/b", Root: "/", Minor: 40},
	{Mountpoint: "/pods/1", Root: "/volumes/pvc-1", Minor: 39},
	{Mountpoint: "/pods/2", Root: "/volumes/pvc-1", Minor: 40},
}

func TestLocate(t *testing.T) {
	for path, want := range map[string]place{
		"/srv/a/volumes/pvc-1": {0, 39, "/volumes/pvc-1"},
		"/srv/a":               {0, 39, "/"},
		"/srv/abc":             {8, 1, "/srv/abc"},
		"/dev/loop7":           {0, 6, "/loop7"},
		"/pods/2/file":         {0, 40, "/volumes/pvc-1/file"},
	} {
		if got, err := locate(table, path); err != nil || got != want {
			t.Errorf("locate(%s) = %v, %v, want %v", path, got, err, want)
		}
	}
}

func TestSameNameOnAnotherSystemIsAnotherPlace(t *testing.T) {
	at, err := locate(table, "/srv/a/volumes/pvc-1")
	if err != nil {
		t.Fatal(err)
	}
	if !at.shows(table[4]) || at.shows(table[5]) {
		t.Error("a volume was taken for that of the other storage system")
	}
}

func TestFlags(t *testing.T) {
	flags, _, err := Flags(storage.ReadOnly, "", []string{"noexec"})
	if err != nil || flags != unix.MS_RDONLY|unix.MS_NOEXEC {
		t.Errorf("flags %x, %v", flags, err)
	}
	if _, data, err := Flags(storage.Writable, storage.XFS, []string{"nouuid", "noatime"}); err != nil || len(data) != 1 || data[0] != "nouuid" {
		t.Errorf("XFS reads %v, %v", data, err)
	}
	if _, _, err := Flags(storage.Writable, "", []string{"nouuid"}); err == nil {
		t.Error("an option of XFS was accepted for another file system")
	}
	if _, _, err := Flags(storage.Writable, "", []string{"compress=zstd"}); err == nil {
		t.Error("an option that would do nothing is accepted")
	}
}
