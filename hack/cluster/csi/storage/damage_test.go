// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFlipChangesOneByteAndNoTime(t *testing.T) {
	array := open(t, furnished(t), newFolders())
	path := filepath.Join(array.snapshotPath("s"), "dir", "file")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("contacts"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := must[os.FileInfo](t)(os.Stat(path))
	damaged := must[string](t)(array.Flip("s", ""))
	if damaged != "byte 4 of dir/file" {
		t.Errorf("damaged %q", damaged)
	}
	after := must[os.FileInfo](t)(os.Stat(path))
	if !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
		t.Errorf("time or size tell of the damage: %v, before %v", after, before)
	}
	if got := string(must[[]byte](t)(os.ReadFile(path))); got != "cont\x9ects" {
		t.Errorf("content %q", got)
	}
}

func TestFlipStaysWithinTheSnapshot(t *testing.T) {
	array := open(t, furnished(t), newFolders())
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(array.snapshotPath("s"), "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"link", "../../lock", outside, ""} {
		if _, err := array.Flip("s", path); err == nil {
			t.Errorf("flipping %q was not refused", path)
		}
	}
}

func TestLose(t *testing.T) {
	array := open(t, furnished(t), newFolders())
	for _, id := range []string{"s", "g.v"} {
		if err := array.Lose(id); err != nil {
			t.Fatal(err)
		}
		_, _, err := array.Snapshot(id)
		wantRefusal(t, err, NotFound)
		wantRefusal(t, array.Lose(id), NotFound)
	}
	wantAgreement(t, array)
	if group := must[Group](t)(array.Group("g")); len(group.Members) != 1 || len(group.Volumes) != 2 {
		t.Errorf("group %+v, want one member left of two volumes", group)
	}
}
