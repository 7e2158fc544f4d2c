// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const gib int64 = 1 << 30

func ask(name string) VolumeRequest {
	return VolumeRequest{Name: name, Mode: Filesystem, Required: gib}
}

func TestVolumeIsCreatedOnce(t *testing.T) {
	array := open(t, t.TempDir(), newFolders())
	first := must[Volume](t)(array.CreateVolume(ask("v")))
	if again := must[Volume](t)(array.CreateVolume(ask("v"))); again != first {
		t.Errorf("second call gave %+v, first %+v", again, first)
	}
	for what, change := range map[string]func(*VolumeRequest){
		"larger":       func(r *VolumeRequest) { r.Required = 2 * gib },
		"smaller":      func(r *VolumeRequest) { r.Required, r.Limit = 1, gib-1 },
		"other mode":   func(r *VolumeRequest) { r.Mode = Block },
		"other source": func(r *VolumeRequest) { r.Source.Snapshot = "s" },
	} {
		t.Run(what, func(t *testing.T) {
			other := ask("v")
			change(&other)
			_, err := array.CreateVolume(other)
			wantRefusal(t, err, Conflict)
		})
	}
}

func TestSizes(t *testing.T) {
	disk := newFolders()
	array := open(t, t.TempDir(), disk)
	must[Volume](t)(array.CreateVolume(VolumeRequest{Name: "big", Mode: Filesystem, Required: 3 * gib}))
	must[Snapshot](t)(array.CreateSnapshot("s", "big"))
	from := Source{Snapshot: "s"}
	for _, c := range []struct {
		what            string
		required, limit int64
		source          Source
		want            int64
		refused         Reason
	}{
		{what: "nothing said", want: DefaultBytes},
		{what: "only a limit", limit: 5, want: 5},
		{what: "restored, nothing said", source: from, want: 3 * gib},
		{what: "restored, larger", required: 4 * gib, source: from, want: 4 * gib},
		{what: "restored, too small", required: gib, source: from, refused: OutOfRange},
		{what: "restored, limit too small", limit: gib, source: from, refused: OutOfRange},
		{what: "required above limit", required: 2, limit: 1, refused: OutOfRange},
		{what: "more than there is", required: 101 * gib, refused: OutOfRange},
		{what: "unknown source", source: Source{Volume: "none"}, refused: NotFound},
	} {
		t.Run(c.what, func(t *testing.T) {
			volume, err := array.CreateVolume(VolumeRequest{Name: c.what, Mode: Filesystem, Required: c.required, Limit: c.limit, Source: c.source})
			if c.refused != "" {
				wantRefusal(t, err, c.refused)
				return
			}
			if err != nil || volume.Bytes != c.want || disk.limits[array.volumePath(volume.ID)] != c.want {
				t.Errorf("%d bytes, bound %d, error %v, want %d", volume.Bytes, disk.limits[array.volumePath(volume.ID)], err, c.want)
			}
		})
	}
}

func TestBlockVolumeIsAnImageOfItsSize(t *testing.T) {
	array := open(t, t.TempDir(), newFolders())
	volume := must[Volume](t)(array.CreateVolume(VolumeRequest{Name: "b", Mode: Block, Required: 4096}))
	must[Snapshot](t)(array.CreateSnapshot("s", volume.ID))
	larger := must[Volume](t)(array.CreateVolume(VolumeRequest{Name: "c", Mode: Block, Required: 8192, Source: Source{Snapshot: "s"}}))
	for id, want := range map[string]int64{volume.ID: 4096, larger.ID: 8192} {
		info := must[os.FileInfo](t)(os.Stat(filepath.Join(array.volumePath(id), Image)))
		if info.Size() != want {
			t.Errorf("image of %s has %d bytes, want %d", id, info.Size(), want)
		}
	}
	_, err := array.CreateVolume(VolumeRequest{Name: "f", Mode: Filesystem, Source: Source{Snapshot: "s"}})
	wantRefusal(t, err, Invalid)
}

func TestSnapshotIsCreatedOnceAndOutlivesItsVolume(t *testing.T) {
	root := t.TempDir()
	array := open(t, root, newFolders())
	must[Volume](t)(array.CreateVolume(ask("v")))
	must[Volume](t)(array.CreateVolume(ask("w")))
	write(t, array.volumePath("v"), "old")
	first := must[Snapshot](t)(array.CreateSnapshot("s", "v"))
	write(t, array.volumePath("v"), "new")
	if again := must[Snapshot](t)(array.CreateSnapshot("s", "v")); again != first {
		t.Errorf("second call gave %+v, first %+v", again, first)
	}
	_, err := array.CreateSnapshot("s", "w")
	wantRefusal(t, err, Conflict)
	if err := array.DeleteVolume("v"); err != nil {
		t.Fatal(err)
	}
	restored := must[Volume](t)(array.CreateVolume(VolumeRequest{Name: "r", Mode: Filesystem, Source: Source{Snapshot: "s"}}))
	if got := read(t, array.volumePath(restored.ID)); got != "old" {
		t.Errorf("restored %q, want what was there at the snapshot", got)
	}
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	root, disk := t.TempDir(), newFolders()
	array := open(t, root, disk)
	must[Volume](t)(array.CreateVolume(ask("v")))
	must[Volume](t)(array.CreateVolume(ask("w")))
	must[Snapshot](t)(array.CreateSnapshot("s", "v"))
	must[Group](t)(array.CreateGroup("g", []string{"w", "v", "w"}, alone))
	volumes, snapshots := array.Volumes(), array.Snapshots()
	if err := array.Close(); err != nil {
		t.Fatal(err)
	}
	array = open(t, root, disk)
	if got := array.Volumes(); !slices.Equal(got, volumes) {
		t.Errorf("volumes %+v, before %+v", got, volumes)
	}
	if got := array.Snapshots(); !slices.Equal(got, snapshots) || len(got) != 3 {
		t.Errorf("snapshots %+v, before %+v", got, snapshots)
	}
}

func TestOneProcessOnly(t *testing.T) {
	root := t.TempDir()
	open(t, root, newFolders())
	if _, err := Open(root, newFolders(), ticking()); err == nil {
		t.Error("a second process could open the same root")
	}
}

func TestGroupIsWholeAndDeletedWhole(t *testing.T) {
	array := open(t, t.TempDir(), newFolders())
	for _, name := range []string{"v", "w"} {
		must[Volume](t)(array.CreateVolume(ask(name)))
	}
	group := must[Group](t)(array.CreateGroup("g", []string{"v", "w"}, alone))
	for _, member := range group.Members {
		if member.Created != group.Created {
			t.Errorf("member %s is of %s, its group of %s", member.ID, member.Created, group.Created)
		}
		wantRefusal(t, array.DeleteSnapshot(member.ID), Invalid)
	}
	_, err := array.CreateGroup("g", []string{"v"}, alone)
	wantRefusal(t, err, Conflict)
	_, err = array.CreateGroup("h", []string{"v", "none"}, alone)
	wantRefusal(t, err, NotFound)
	if len(array.Snapshots()) != 2 {
		t.Errorf("snapshots %v, want the two members", array.Snapshots())
	}
	for range 2 {
		if err := array.DeleteGroup("g"); err != nil || len(array.Snapshots()) != 0 {
			t.Errorf("after deletion: error %v, snapshots %v", err, array.Snapshots())
		}
	}
}

var acts = map[string]func(*Array) error{
	"volume":          func(a *Array) error { _, err := a.CreateVolume(ask("x")); return err },
	"restored volume": func(a *Array) error { _, err := a.CreateVolume(restore("x", "s")); return err },
	"snapshot":        func(a *Array) error { _, err := a.CreateSnapshot("x", "v"); return err },
	"group":           createWholeGroup,
	"delete volume":   func(a *Array) error { return a.DeleteVolume("v") },
	"delete snapshot": func(a *Array) error { return a.DeleteSnapshot("s") },
	"delete group":    func(a *Array) error { return a.DeleteGroup("g") },
	"lose a member": func(a *Array) error {
		err := a.Lose("g.v")
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			return nil // lost already
		}
		return err
	},
}

func createWholeGroup(a *Array) error {
	group, err := a.CreateGroup("x", []string{"v", "w"}, alone)
	if err == nil && len(group.Members) != 2 {
		return fmt.Errorf("group with members %v", group.Members)
	}
	return err
}

// The law of the package: whatever goes wrong at any change to the disk, records and
// subvolumes agree after the next start, and the same request succeeds then.
func TestAnyMishap(t *testing.T) {
	for what, act := range acts {
		for bad := 1; bad <= 3; bad++ {
			for _, how := range []mishap{fails, killedBefore, killedAfter} {
				t.Run(fmt.Sprintf("%s/change %d %s", what, bad, how), func(t *testing.T) {
					root, disk := furnished(t), newFolders()
					array := open(t, root, disk)
					disk.bad, disk.how = bad, how
					survive(t, array, act)
					array = open(t, root, newFolders())
					wantAgreement(t, array)
					if err := act(array); err != nil {
						t.Errorf("again: %v", err)
					}
					wantAgreement(t, array)
				})
			}
		}
	}
}

// survive does an act that may fail or be killed. After a failure the same process is asked
// again; a killed one is gone, and so is its hold on the root.
func survive(t *testing.T, array *Array, act func(*Array) error) {
	t.Helper()
	defer func() {
		if reason := recover(); reason != nil && reason != (killed{}) {
			panic(reason)
		}
		if err := array.Close(); err != nil {
			t.Error(err)
		}
	}()
	if act(array) != nil {
		if err := act(array); err != nil {
			t.Errorf("again after the failure: %v", err)
		}
	}
}

// A full disk: the subvolume is there, its record could not be written. The next try clears it away.
func TestRecordThatCannotBeWritten(t *testing.T) {
	for _, what := range []string{"volume", "restored volume", "snapshot", "group"} {
		t.Run(what, func(t *testing.T) {
			root := furnished(t)
			array := open(t, root, newFolders())
			records, away := filepath.Join(root, "records"), filepath.Join(root, "away")
			move(t, records, away)
			if err := acts[what](array); err == nil {
				t.Error("the act succeeds without a record")
			}
			move(t, away, records)
			if err := acts[what](array); err != nil {
				t.Errorf("again: %v", err)
			}
			wantAgreement(t, array)
		})
	}
}

// alone is the hold where nobody writes.
func alone() (release func() error, err error) { return func() error { return nil }, nil }

func TestNoWritersNoCutOutsideTheHold(t *testing.T) {
	disk := newFolders()
	array := open(t, furnished(t), disk)
	if _, err := array.CreateGroup("x", []string{"v"}, func() (func() error, error) { return nil, errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("writers cannot be held, and the group gives %v", err)
	}
	var seen []string
	hold := func() (func() error, error) {
		seen = append(seen, names(t, array.snapshotDir())...)
		return func() error { seen = append(seen, names(t, array.snapshotDir())...); return nil }, nil
	}
	must[Group](t)(array.CreateGroup("x", []string{"v", "w"}, hold))
	if want := []string{"g.v", "g.w", "s", "g.v", "g.w", "s", "x.v", "x.w"}; !slices.Equal(seen, want) {
		t.Errorf("at the hold and at the release there were %v, want %v", seen, want)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestMembersOfAFailedGroupGo(t *testing.T) {
	disk := newFolders()
	array := open(t, furnished(t), disk)
	disk.bad, disk.how = 2, fails
	if _, err := array.CreateGroup("x", []string{"v", "w"}, alone); err == nil {
		t.Fatal("the second cut fails and the group succeeds")
	}
	wantAgreement(t, array)
}

func restore(name, snapshot string) VolumeRequest {
	return VolumeRequest{Name: name, Mode: Filesystem, Source: Source{Snapshot: snapshot}}
}

// furnished is the root of a system with two volumes, a snapshot and a group.
func furnished(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	array := open(t, root, newFolders())
	must[Volume](t)(array.CreateVolume(ask("v")))
	must[Volume](t)(array.CreateVolume(ask("w")))
	must[Snapshot](t)(array.CreateSnapshot("s", "v"))
	must[Group](t)(array.CreateGroup("g", []string{"v", "w"}, alone))
	if err := array.Close(); err != nil {
		t.Fatal(err)
	}
	return root
}

func wantAgreement(t *testing.T, array *Array) {
	t.Helper()
	var volumes, snapshots []string
	for _, v := range array.Volumes() {
		volumes = append(volumes, v.ID)
	}
	for _, s := range array.Snapshots() {
		snapshots = append(snapshots, s.ID)
	}
	if got := names(t, array.volumeDir()); !slices.Equal(got, volumes) {
		t.Errorf("subvolumes of volumes %v, records %v", got, volumes)
	}
	if got := names(t, array.snapshotDir()); !slices.Equal(got, snapshots) {
		t.Errorf("subvolumes of snapshots %v, records %v", got, snapshots)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, entry := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
		found = append(found, entry.Name())
	}
	return found
}

func write(t *testing.T, dir, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) string {
	t.Helper()
	return string(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "file"))))
}
