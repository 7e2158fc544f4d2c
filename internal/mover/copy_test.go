// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover"
	"github.com/lifeboat-dev/lifeboat/internal/mover/manifest"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/repository"
)

// bench is a volume, a store, and what copies between them.
type bench struct {
	*testing.T
	root  string
	store *memory
	parts mover.Parts
	log   bytes.Buffer
	out   bytes.Buffer
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, root: filepath.Join(t.TempDir(), "volume"), store: newMemory()}
	b.parts = mover.Parts{Open: b.store.open, Check: b.store.check, Scratch: t.TempDir(), Out: &b.out, Log: &b.log, Clock: clock.RealClock{}}
	return b
}

// order is one for a copy of the volume at a moment.
func (b *bench) order(point string) order.Copy {
	at := time.Date(2026, 11, 25, 3, 0, len(b.store.records), 0, time.UTC)
	raw, err := json.Marshal(order.Record{PointUID: point, ClaimUID: "claim", Claim: "contacts", PointInTime: at, Mode: "Filesystem", Volumes: 1})
	if err != nil {
		b.Fatal(err)
	}
	return order.Copy{Volume: order.Volume{PointUID: point, ClaimUID: "claim"}, Claim: "contacts", Record: raw}
}

func (b *bench) copy(point string) result.Copy {
	b.Helper()
	r, err := mover.Copy(context.Background(), b.order(point), b.root, b.parts)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// restore restores a point, and returns where.
func (b *bench) restore(point string, paths ...string) (string, result.Restore, error) {
	b.Helper()
	to := b.TempDir()
	copies, err := b.store.Copies(context.Background(), order.Volume{PointUID: point})
	if err != nil || len(copies) != 1 {
		b.Fatalf("%d copies, %v", len(copies), err)
	}
	o := order.Restore{Volume: order.Volume{PointUID: point, ClaimUID: "claim"}, Paths: paths, Digest: copies[0].Digest}
	r, err := mover.RestoreVolume(context.Background(), o, to, b.parts)
	return to, r, err
}

// settle makes what was written so far older than the newest change in the volume, so that it is trusted.
func (b *bench) settle() {
	b.Helper()
	time.Sleep(2100 * time.Millisecond)
	write(b.T, filepath.Join(b.root, "newest"), time.Now().String())
}

func digestOf(t *testing.T, root string) string {
	t.Helper()
	s, err := manifest.Make(context.Background(), root, nil, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Digest
}

func TestWhatIsCopiedComesBack(t *testing.T) {
	needsRoot(t)
	for _, seed := range seeds(12) {
		t.Run(named(seed), func(t *testing.T) {
			b := newBench(t)
			plant(t, b.root, seed, 60)
			var text bytes.Buffer
			want, err := manifest.Make(context.Background(), b.root, &text, manifest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := b.copy("point")
			if got.Digest != want.Digest || got.Files != want.Files || got.Bytes != want.Bytes || got.Unreadable != 0 {
				t.Errorf("the copy is %+v, and the volume %+v", got, want)
			}
			kept := b.store.records["record-data-0"]
			if !bytes.Equal(kept.manifest, text.Bytes()) || kept.Digest != want.Digest {
				t.Error("the manifest that is kept is not the volume's")
			}
			to, r, err := b.restore("point")
			if err != nil {
				t.Fatal(err)
			}
			if r.Files != want.Files || r.Lost != 0 {
				t.Errorf("%+v, want %d files", r, want.Files)
			}
			report, err := manifest.Verify(context.Background(), to, &text, manifest.VerifyOptions{})
			if err != nil || !report.Same() {
				t.Errorf("%v\n%s", err, strings.Join(report.First, "\n"))
			}
		})
	}
}

func TestHolesStayHoles(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "sparse"), "")
	if err := os.Truncate(filepath.Join(b.root, "sparse"), 64<<20); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.root, "zeros"), strings.Repeat("\x00", 1<<20)+"end")
	b.copy("point")
	to, _, err := b.restore("point")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sparse", "zeros"} {
		info, err := os.Stat(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken > 128<<10 {
			t.Errorf("%s takes %d bytes", name, taken)
		}
	}
	if digestOf(t, to) != digestOf(t, b.root) {
		t.Error("another content came back")
	}
}

func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	b := newBench(t)
	for _, name := range many(200) {
		write(t, filepath.Join(b.root, name), name)
	}
	b.settle()
	first := b.copy("first")
	created := b.store.created
	write(t, filepath.Join(b.root, "dir-1/file-1"), "changed")
	if err := os.Rename(filepath.Join(b.root, "dir-2/file-2"), filepath.Join(b.root, "dir-2/renamed")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(filepath.Join(b.root, "dir-3/file-3"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := b.copy("second")
	if want := digestOf(t, b.root); second.Digest != want || first.Digest == want {
		t.Errorf("%s, then %s, want %s", first.Digest, second.Digest, want)
	}
	// Three, the marker of settle, and the sample.
	if read := b.store.created - created; read < 3 || read > 3+1+15 {
		t.Errorf("%d contents were written", read)
	}
	if !strings.Contains(b.log.String(), "unchanged") || second.Unannounced != 0 {
		t.Errorf("%+v\n%s", second, b.log.String())
	}
	if to, _, err := b.restore("second"); err != nil || digestOf(t, to) != second.Digest {
		t.Error(err)
	}
}

func many(n int) (all []string) {
	for i := range n {
		all = append(all, filepath.Join("dir-"+string(rune('0'+i%7)), "file-"+string(rune('0'+i%7))+strings.Repeat("x", i/7)))
	}
	return append(all, "dir-1/file-1", "dir-2/file-2", "dir-3/file-3")
}

// A file whose content changed while its times did not is what the sample is for. Each file is in the sample for some point.
func TestALieEndsTrust(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "lies"), "truth")
	write(t, filepath.Join(b.root, "other"), "other")
	b.settle()
	b.copy("first")
	k := b.store.records["record-data-0"]
	// The file system cannot be made to lie; what is remembered can.
	k.manifest, k.facts = lie(k.manifest, k.facts)
	b.store.records["record-data-0"] = k
	found := false
	for point := 0; point < 1000 && !found; point++ {
		r, err := mover.Copy(context.Background(), b.order(named(uint64(point))), b.root, b.parts)
		if err != nil {
			t.Fatal(err)
		}
		delete(b.store.records, "record-data-1")
		delete(b.store.data, "data-1")
		if found = r.Unannounced > 0; found && (r.Unannounced != 1 || r.Digest != digestOf(t, b.root)) {
			t.Errorf("%+v", r)
		}
	}
	if !found || !strings.Contains(b.log.String(), "read in full") {
		t.Errorf("no lie was found\n%.500s", b.log.String())
	}
}

// lie has the last copy remember another content of the file.
func lie(text, facts []byte) ([]byte, []byte) {
	const lie = "0000000000000000000000000000000000000000000000000000000000000000"
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if at := bytes.Index(line, []byte("sha256digest=")); at >= 0 && bytes.HasPrefix(line, []byte("./lies ")) {
			sum := string(line[at+len("sha256digest="):][:64])
			lines[i] = bytes.Replace(line, []byte(sum), []byte(lie), 1)
			facts = bytes.Replace(facts, []byte(sum[:32]), []byte(lie[:32]), 1)
		}
	}
	return bytes.Join(lines, []byte("\n")), facts
}

func TestAChangeInTheLastTickIsSeen(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "racy"), "before")
	b.copy("first")
	created := b.store.created
	b.copy("second")
	if b.store.created == created {
		t.Error("a file that may have changed in the tick of the snapshot was trusted")
	}
}

func TestNoRecordWithoutAllOfTheData(t *testing.T) {
	for _, what := range []string{"open", "copies", "object", "folder", "data", "flush", "check", "record"} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			write(t, filepath.Join(b.root, "dir/file"), "content")
			b.store.fails = func(at string) error {
				if at == what {
					return &repository.Failure{Reason: result.FailureFull, Err: errors.New("the store is full")}
				}
				return nil
			}
			_, err := mover.Copy(context.Background(), b.order("point"), b.root, b.parts)
			if repository.Reason(err) != result.FailureFull || len(b.store.records) > 0 {
				t.Errorf("%v, %d records", err, len(b.store.records))
			}
			b.store.fails = func(string) error { return nil }
			if b.copy("point"); len(b.store.records) != 1 {
				t.Error("the next attempt made no copy")
			}
		})
	}
}

func TestACancelledCopyIsNone(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	ctx, cancel := context.WithCancel(context.Background())
	b.store.fails = func(at string) error {
		if at == "object" {
			cancel()
		}
		return nil
	}
	_, err := mover.Copy(ctx, b.order("point"), b.root, b.parts)
	if repository.Reason(err) != result.FailureInterrupted || len(b.store.records) > 0 || mover.Brief(ctx, err) != "interrupted" {
		t.Errorf("%v, %d records", err, len(b.store.records))
	}
	if b.store.flushed == 0 {
		t.Error("what was sent before is lost")
	}
}

func TestALostObjectIsWrittenAgain(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	b.settle()
	b.copy("first")
	for id, content := range b.store.objects {
		if string(content) == "content" {
			delete(b.store.objects, id)
		}
	}
	b.copy("second")
	to, _, err := b.restore("second")
	if err != nil || digestOf(t, to) != digestOf(t, b.root) {
		t.Error(err)
	}
	if _, _, err = b.restore("first"); err != nil {
		t.Errorf("the first copy is healed, too: %v", err)
	}
}

func TestDamagedRecordsAreNoObstacle(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	b.store.fails = func(at string) error {
		if at == "copies" && len(b.store.records) == 0 {
			return &repository.Failure{Reason: result.FailureDamaged, Err: errors.New("a record cannot be read")}
		}
		return nil
	}
	if r := b.copy("point"); r.Digest != digestOf(t, b.root) || len(b.store.records) != 1 {
		t.Errorf("%+v, %d records", r, len(b.store.records))
	}
}

func TestACopyThatExistsIsToldAgain(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	first := b.copy("point")
	write(t, filepath.Join(b.root, "file"), "later")
	if second := b.copy("point"); second.Digest != first.Digest || len(b.store.records) != 1 {
		t.Errorf("%+v, then %+v", first, second)
	}
}

// A store that takes the record, and does not have it when it is asked anew, has no copy. Faults killed: nobody looks; all of the
// volume is read once more for it.
func TestARecordThatWasSwallowedIsNoCopy(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	b.settle()
	b.copy("first")
	opened := b.store.opened
	b.store.fails = func(at string) error {
		if at == "swallowed" {
			return errors.New("it is not kept")
		}
		return nil
	}
	_, err := mover.Copy(context.Background(), b.order("second"), b.root, b.parts)
	if repository.Reason(err) != result.FailureDamaged || len(b.store.records) != 1 {
		t.Errorf("%v, %d records", err, len(b.store.records))
	}
	if b.store.opened != opened+3 {
		t.Errorf("it was opened %d times: to write, to check, and to look for the record is three", b.store.opened-opened)
	}
	b.store.fails = func(string) error { return nil }
	b.copy("second")
}

// A full copy relies on nothing that is there: what the store holds of the last one, and of this very one, may be damaged.
// Faults killed: the copy that is there is told again; what the last copy left is taken over.
func TestAFullCopyReliesOnNothing(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	b.settle()
	b.copy("first")
	b.copy("second")
	files := b.store.created
	if b.copy("third"); b.store.created != files+1 { // the newest file may have changed since
		t.Fatalf("an incremental copy wrote %d files", b.store.created-files)
	}
	files = b.store.created
	o := b.order("second")
	o.Full = true
	if _, err := mover.Copy(context.Background(), o, b.root, b.parts); err != nil || b.store.created != files+2 {
		t.Errorf("a full copy wrote %d of 2 files: %v", b.store.created-files, err)
	}
	if len(b.store.records) != 3 {
		t.Errorf("%d copies of three points", len(b.store.records))
	}
}

func TestWhatCannotBeCarried(t *testing.T) {
	b := newBench(t)
	write(t, filepath.Join(b.root, "file"), "content")
	if err := unix.Mknod(filepath.Join(b.root, "secret-socket"), unix.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	o := b.order("point")
	o.Strict = true
	_, err := mover.Copy(context.Background(), o, b.root, b.parts)
	if repository.Reason(err) != result.FailureFidelity || len(b.store.records) > 0 || strings.Contains(mover.Brief(context.Background(), err), "secret") {
		t.Errorf("%v, %d records", err, len(b.store.records))
	}
	if r := b.copy("point"); r.Lost != 1 || b.store.records["record-data-0"].Lost != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAVolumeThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	b.root += "-secret"
	_, err := mover.Copy(context.Background(), b.order("point"), b.root, b.parts)
	if repository.Reason(err) != result.FailureUnreadable || strings.Contains(mover.Brief(context.Background(), err), "secret") {
		t.Errorf("%v", err)
	}
	o := b.order("point")
	o.Block = true
	if _, err = mover.Copy(context.Background(), o, b.root, b.parts); repository.Reason(err) != result.FailureUnreadable || len(b.store.records) > 0 {
		t.Errorf("%v", err)
	}
}

func TestARecordOfAnotherVolumeIsRefused(t *testing.T) {
	b := newBench(t)
	o := b.order("point")
	o.ClaimUID = "another"
	if _, err := mover.Copy(context.Background(), o, b.root, b.parts); err == nil || b.store.opened > 0 {
		t.Error("another volume would be copied than is recorded")
	}
}
