// SPDX-License-Identifier: Apache-2.0

package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopia/kopia/fs"
	"github.com/kopia/kopia/repo"
	"github.com/kopia/kopia/repo/blob"
	"github.com/kopia/kopia/repo/content"
	"github.com/kopia/kopia/repo/maintenance"
	"github.com/kopia/kopia/repo/manifest"
	"github.com/kopia/kopia/repo/object"
	"github.com/kopia/kopia/snapshot"
	"github.com/kopia/kopia/snapshot/snapshotfs"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

func verifyMemory(t *testing.T, m blob.Storage, o Options, heal bool) (v result.Verify) {
	t.Helper()
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		var err error
		if v, err = Verify(ctx, r, order.Verify{Heal: heal}, &atomic.Int64{}); err != nil {
			t.Error(err)
		}
	})
	return v
}

// twoSessions puts a copy by two writers, so that data and record lie in packs of their own, and names those of the data.
func twoSessions(t *testing.T, m *memory, o Options, v order.Volume) (dataPacks []blob.ID) {
	t.Helper()
	old := m.named("p")
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		var d data
		err := r.Write(ctx, "data", func(ctx context.Context, w Writer) (err error) {
			d, err = putData(ctx, w, v, someFiles)
			return err
		})
		dataPacks = slices.DeleteFunc(m.named("p"), func(id blob.ID) bool { return slices.Contains(old, id) })
		if err := errors.Join(err, r.Write(ctx, "record", func(ctx context.Context, w Writer) error { return putRecord(ctx, w, v, d) })); err != nil {
			t.Fatal(err)
		}
	})
	return dataPacks
}

// flip changes one bit of the first content of a pack.
func (m *memory) flip(id blob.ID) {
	m.flipAt(id, 40) // behind the noise that a pack begins with, and well before its end
}

func (m *memory) flipAt(id blob.ID, at int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.blobs[id] = bytes.Clone(m.blobs[id])
	m.blobs[id][at] ^= 1
}

// spoilRecord changes one bit of the record of a copy, and nothing of what is kept beside it, which other copies may share.
func spoilRecord(t *testing.T, m *memory, o Options, v order.Volume) {
	t.Helper()
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		copies, err := r.Copies(ctx, v)
		if err != nil || len(copies) != 1 {
			t.Fatalf("%+v, %v", copies, err)
		}
		beside, err := r.Beside(ctx, copies[0])
		if err != nil {
			t.Fatal(err)
		}
		entries, err := r.Entries(ctx, beside)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == recordFile })
		id, err := object.ParseID(string(entries[i].Object))
		if err != nil {
			t.Fatal(err)
		}
		held, _, is := id.ContentID()
		if !is {
			t.Fatalf("the record is in more than one content: %s", id)
		}
		where, err := r.ContentInfo(ctx, held)
		if err != nil {
			t.Fatal(err)
		}
		m.flipAt(where.PackBlobID, int(where.PackOffset))
	})
}

// Damage that was set aside stays aside: the library must not take it for stored when the data come again. It tells of it, and
// renews locks all the same.
func TestMaintenanceLeavesDamageAside(t *testing.T) {
	m, o := inMemory(t)
	packs := twoSessions(t, m, o, firstVolume)
	m.flip(packs[0])
	if v := verifyMemory(t, m, o, true); !v.Healing || v.Damaged != 1 || len(v.Points) != 1 || v.Points[0].UID != firstVolume.PointUID || v.DamagedPoints != 1 {
		t.Fatalf("damage: %+v", v)
	}
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if _, err := Maintain(ctx, r, false, time.Now()); Reason(err) != result.FailureDamaged {
			t.Errorf("maintenance: %v", err)
		}
	})
	if v := verifyMemory(t, m, o, true); v.Damaged != 1 || !v.Healing {
		t.Errorf("what is set aside is so still: %+v", v)
	}
	twoSessions(t, m, o, secondVolume)
	if v := verifyMemory(t, m, o, false); v.Damaged != 0 || v.Copies != 2 || v.Contents != 0 {
		t.Errorf("healed: %+v", v)
	}
	o.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if got, err := get(ctx, r, firstVolume); err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := Maintain(ctx, r, false, time.Now()); err != nil {
			t.Errorf("maintenance once it was healed: %v", err)
		}
	})
}

func TestLocksAreRenewedThoughSomethingIsDamaged(t *testing.T) {
	m, o := inMemory(t, locked)
	packs := twoSessions(t, m, o, firstVolume)
	m.flip(packs[0])
	verifyMemory(t, m, o, true)
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if _, err := Maintain(ctx, r, false, time.Now()); Reason(err) != result.FailureDamaged {
			t.Errorf("maintenance: %v", err)
		}
	})
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, id := range packs {
		if m.locked[id] != 48*time.Hour {
			t.Errorf("the lock of %s was renewed for %s", id, m.locked[id])
		}
	}
}

// What keeps removes nothing, however old it is and whoever needs it: what is damaged may be mended by what is the same elsewhere.
// Locks are renewed all the same, and damage is no reason to end.
func TestMaintenanceThatKeeps(t *testing.T) {
	m, o := inMemory(t, locked)
	twoSessions(t, m, o, firstVolume)
	packs := twoSessions(t, m, o, order.Volume{PointUID: "point-2", ClaimUID: "claim-9"})
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		err := r.Write(ctx, "forget", func(ctx context.Context, w Writer) error {
			_, err := w.Forget(ctx, "point-2")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	contents := func() (n, deleted int) {
		withMemory(t, m, o, func(ctx context.Context, r *opened) {
			err := r.ContentReader().IterateContents(ctx, content.IterateOptions{IncludeDeleted: true}, func(i content.Info) error {
				if n++; i.Deleted {
					deleted++
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		return n, deleted
	}
	before, deleted := contents()
	held := append(m.named("p"), m.named("q")...)
	maintain := func(keep bool, age time.Duration) {
		m.ahead, o.now = age, func() time.Time { return time.Now().Add(age) }
		withMemory(t, m, o, func(ctx context.Context, r *opened) {
			if _, err := Maintain(ctx, r, keep, time.Now()); err != nil {
				t.Errorf("keeping %t: %v", keep, err)
			}
		})
	}
	for age := 24 * time.Hour; age <= 240*time.Hour; age += 48 * time.Hour {
		maintain(true, age)
	}
	if now, gone := contents(); now < before || gone != deleted {
		t.Errorf("of %d contents, %d of them deleted, %d are left, and %d are deleted", before, deleted, now, gone)
	}
	for _, id := range held {
		if m.locked[id] == 0 && slices.Contains(packs, id) {
			t.Errorf("the lock of %s was not renewed", id)
		}
		if !slices.Contains(append(m.named("p"), m.named("q")...), id) {
			t.Errorf("%s is gone", id)
		}
	}
	maintain(false, 300*time.Hour)
	if _, gone := contents(); gone == deleted {
		t.Error("without keeping nothing would have been removed: nothing was tested")
	}
}

// A store that stops answering is not damaged, and nothing is set aside for it.
func TestNothingIsSetAsideForWantOfAnAnswer(t *testing.T) {
	m, o := inMemory(t)
	packs := twoSessions(t, m, o, firstVolume)
	for _, err := range []error{errors.New("connection refused"), blob.ErrInvalidCredentials, io.ErrUnexpectedEOF} {
		withMemory(t, refusing{m, packs[0], err}, o, func(ctx context.Context, r *opened) {
			v, failed := Verify(ctx, r, order.Verify{Heal: true}, &atomic.Int64{})
			if failed == nil || v.Healing || Reason(failed) == result.FailureDamaged {
				t.Errorf("%v: %+v, %v", err, v, failed)
			}
		})
	}
	if v := verifyMemory(t, m, o, false); v.Damaged != 0 || v.Copies != 1 {
		t.Errorf("afterwards: %+v", v)
	}
}

// refusing does not give one blob.
type refusing struct {
	blob.Storage
	id  blob.ID
	err error
}

func (r refusing) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if id == r.id {
		return r.err
	}
	return r.Storage.GetBlob(ctx, id, offset, length, out)
}

// flickering gives one blob wrong, the first time that it is asked for.
type flickering struct {
	blob.Storage
	id    blob.ID
	asked *int
}

func (f flickering) GetBlob(ctx context.Context, id blob.ID, offset, length int64, out blob.OutputBuffer) error {
	if id != f.id {
		return f.Storage.GetBlob(ctx, id, offset, length, out)
	}
	var right buffer
	err := f.Storage.GetBlob(ctx, id, offset, length, &right)
	if *f.asked++; *f.asked == 1 {
		clear(right.Bytes())
	}
	out.Reset()
	_, writing := out.Write(right.Bytes())
	return errors.Join(err, writing)
}

func TestWhatIsReadTheSecondTimeIsNotDamaged(t *testing.T) {
	m, o := inMemory(t)
	packs := twoSessions(t, m, o, firstVolume)
	asked := 0
	o.Bulk = true // whatever else is held in memory, the store is asked twice
	if v := verifyMemory(t, flickering{m, packs[0], &asked}, o, true); v.Damaged != 0 || v.Contents != 0 || v.Healing || asked < 2 {
		t.Errorf("%+v, asked %d times", v, asked)
	}
}

// What a repository says that it holds is not set aside: then nobody would miss it.
func TestListsAreNeverSetAside(t *testing.T) {
	m, o := inMemory(t)
	twoSessions(t, m, o, firstVolume)
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		bad := map[content.ID]bool{}
		err := r.ContentReader().IterateContents(ctx, content.IterateOptions{}, func(i content.Info) error {
			if i.ContentID.Prefix() == manifest.ContentPrefix {
				bad[i.ContentID] = true
			}
			return nil
		})
		if any, failed := r.setAside(ctx, bad); err != nil || failed != nil || any || len(bad) == 0 {
			t.Errorf("%d lists, set aside: %v; %v, %v", len(bad), any, err, failed)
		}
	})
	if v := verifyMemory(t, m, o, false); v.Copies != 1 {
		t.Errorf("%+v", v)
	}
}

// A copy whose record was lost keeps nobody from copying, nor from restoring another.
func TestADamagedRecordIsNoCopy(t *testing.T) {
	m, o := inMemory(t)
	twoSessions(t, m, o, firstVolume)
	twoSessions(t, m, o, secondVolume)
	spoilRecord(t, m, o, firstVolume)
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if all, err := r.Copies(ctx, order.Volume{ClaimUID: "claim-1"}); err != nil || len(all) != 1 || all[0].PointUID != secondVolume.PointUID {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := r.Copies(ctx, firstVolume); Reason(err) != result.FailureDamaged {
			t.Errorf("%v", err)
		}
		if err := r.removeOrphans(ctx, time.Now().Add(1000*time.Hour)); err == nil {
			t.Error("data were removed though not every record could be read")
		}
		if err := put(ctx, r, firstVolume, someFiles); err != nil {
			t.Error(err)
		}
		if got, err := get(ctx, r, firstVolume); err != nil || fmt.Sprint(got) != fmt.Sprint(someFiles) {
			t.Errorf("copied again: %q, %v", got, err)
		}
	})
	if v := verifyMemory(t, m, o, true); v.Damaged != 0 || v.Copies != 2 {
		t.Errorf("%+v", v)
	}
}

func TestDataWithoutARecordGoAfterADay(t *testing.T) {
	m, o := inMemory(t)
	twoSessions(t, m, o, secondVolume)
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		err := r.Write(ctx, "data", func(ctx context.Context, w Writer) error {
			_, err := putData(ctx, w, firstVolume, someFiles)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			age  time.Duration
			left int
		}{{orphanAge - time.Hour, 2}, {orphanAge + time.Hour, 1}, {1000 * time.Hour, 1}} {
			if err := r.removeOrphans(ctx, time.Now().Add(tc.age)); err != nil {
				t.Fatal(err)
			}
			if found, err := r.FindManifests(ctx, snapshotLabels(sourceData, nil)); err != nil || len(found) != tc.left {
				t.Errorf("after %s there are %d data, %v", tc.age, len(found), err)
			}
		}
	})
}

func TestMaintenanceWaitsForTheClock(t *testing.T) {
	m, o := inMemory(t)
	o.now = func() time.Time { return time.Now().Add(time.Hour) }
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if _, err := Maintain(ctx, r, false, r.Time()); Reason(err) != result.FailureClock {
			t.Errorf("%v", err)
		}
		if p, err := Probe(ctx, r); err != nil || p.Skew > -time.Hour+time.Minute || p.Skew < -time.Hour-time.Minute {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestWhoMaintains(t *testing.T) {
	m, o := inMemory(t)
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		p, err := maintenance.GetParams(ctx, r)
		if err != nil || p.Owner != "lifeboat@lifeboat" || p.ExtendObjectLocks {
			t.Errorf("%+v, %v", p, err)
		}
		others := maintenance.DefaultParams()
		others.Owner = "somebody@else"
		err = repo.WriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{}, func(ctx context.Context, w repo.RepositoryWriter) error {
			return maintenance.SetParams(ctx, w, &others)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if _, err := Maintain(ctx, r, false, time.Now()); err == nil {
			t.Error("what another maintains was maintained")
		}
	})
	at := order.Repository{LockMode: "Compliance", LockPeriod: 48 * time.Hour}
	if n := newOptions(Options{Location: at}); n.RetentionMode != blob.Compliance || n.RetentionPeriod != 48*time.Hour {
		t.Errorf("%+v", n)
	}
	if at.LockPeriod-fullCycle < 24*time.Hour {
		t.Error("the library refuses to renew the shortest lock that the API allows")
	}
}

// A repository that somebody else made and keeps something in is not taken over, though the password opens it.
func TestARepositoryOfOthersIsNotTakenOver(t *testing.T) {
	o := Options{Secrets: Secrets{Password: "secret-password"}, ConfigDir: t.TempDir(), uncached: true}
	for what, with := range map[string]func(context.Context, repo.RepositoryWriter) error{
		"a policy": func(ctx context.Context, w repo.RepositoryWriter) error {
			_, err := w.PutManifest(ctx, map[string]string{manifest.TypeLabelKey: "policy"}, map[string]string{})
			return err
		},
		"contents": func(ctx context.Context, w repo.RepositoryWriter) error {
			out := (&writing{RepositoryWriter: w, in: &opened{life: ctx}}).NewObject(ctx, false, 0)
			_, err := out.Write([]byte("of somebody"))
			_, ended := out.Result()
			return errors.Join(err, ended, out.Close())
		},
	} {
		m := newMemory()
		if err := initialise(t.Context(), m, o); err != nil {
			t.Fatal(err)
		}
		withMemory(t, m, o, func(ctx context.Context, r *opened) {
			if err := repo.WriteSession(ctx, r.DirectRepository, repo.WriteSessionOptions{}, with); err != nil {
				t.Fatal(err)
			}
		})
		if _, _, err := createIn(t.Context(), m, o, "user-1"); Reason(err) != result.FailureExists {
			t.Errorf("%s: %v", what, err)
		}
	}
	expecting := o
	expecting.Location.UniqueID = "0123"
	if _, made, err := createIn(t.Context(), newMemory(), expecting, "user-1"); Reason(err) != result.FailureMissing || made {
		t.Errorf("made where one is expected: %v", err)
	}
	m, made := inMemory(t)
	made.Location.UniqueID = "0123"
	if _, _, err := createIn(t.Context(), m, made, "user-1"); Reason(err) != result.FailureOther {
		t.Errorf("another than is expected: %v", err)
	}
	empty := o
	empty.Secrets.Password = ""
	if _, _, err := createIn(t.Context(), newMemory(), empty, "user-1"); Reason(err) != result.FailurePassword {
		t.Errorf("without a password: %v", err)
	}
	if _, _, err := Create(t.Context(), o, ""); err == nil {
		t.Error("made for nobody")
	}
}

// The library's own code lists a copy, and reads what is in it.
func TestTheLibraryReadsACopy(t *testing.T) {
	m, o := inMemory(t)
	plain := map[string]string{"a": "content of a", "b": "more"}
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if err := put(ctx, r, firstVolume, plain); err != nil {
			t.Fatal(err)
		}
	})
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		all, err := snapshot.ListSnapshots(ctx, r, snapshot.SourceInfo{Host: host, UserName: sourceData, Path: "/" + firstVolume.ClaimUID})
		if err != nil || len(all) != 1 || all[0].IncompleteReason != "" {
			t.Fatalf("%v, %v", all, err)
		}
		root, err := snapshotfs.SnapshotRoot(r, all[0])
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		err = fs.IterateEntries(ctx, root.(fs.Directory), func(ctx context.Context, e fs.Entry) error {
			in, err := e.(fs.File).Open(ctx)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(in)
			got[e.Name()] = string(text)
			return errors.Join(err, in.Close())
		})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(plain) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestVanishedRecordsAreMissed: where the index that knows a record is gone, nothing is damaged; but it is known what there must be.
func TestVanishedRecordsAreMissed(t *testing.T) {
	m, o := inMemory(t)
	twoSessions(t, m, o, firstVolume)
	before := m.named("x")
	withMemory(t, m, o, func(ctx context.Context, r *opened) {
		if err := put(ctx, r, secondVolume, someFiles); err != nil {
			t.Fatal(err)
		}
	})
	for _, index := range m.named("x") {
		if !slices.Contains(before, index) {
			delete(m.blobs, index)
		}
	}
	expect := func(expect map[string]int) (v result.Verify) {
		withMemory(t, m, o, func(ctx context.Context, r *opened) {
			var err error
			if v, err = Verify(ctx, r, order.Verify{Heal: true, Expect: expect}, &atomic.Int64{}); err != nil {
				t.Error(err)
			}
		})
		return v
	}
	if v := expect(nil); v.Copies != 1 || v.Damaged != 0 || v.Contents != 0 {
		t.Fatalf("nobody expects anything: %+v", v)
	}
	if v := expect(map[string]int{firstVolume.PointUID: 1}); v.Damaged != 0 || len(v.Points) > 0 {
		t.Errorf("all is there that must be: %+v", v)
	}
	v := expect(map[string]int{firstVolume.PointUID: 3, secondVolume.PointUID: 1})
	want := []result.Damaged{{UID: firstVolume.PointUID, Missing: 2}, {UID: secondVolume.PointUID, Missing: 1}}
	slices.SortFunc(want, func(a, b result.Damaged) int { return strings.Compare(a.UID, b.UID) })
	if v.Damaged != 3 || v.DamagedPoints != 2 || !slices.Equal(v.Points, want) || !v.Healing {
		t.Errorf("two of one and one of another are missing: %+v", v)
	}
	many := map[string]int{}
	for i := range 2 * result.MostDamaged {
		many[fmt.Sprint("uid-", i)] = 1
	}
	if v := expect(many); v.DamagedPoints != result.MostDamaged || len(v.Points) != result.MostDamaged || v.Damaged != result.MostDamaged {
		t.Errorf("more are missing than can be named: %d, %d", v.DamagedPoints, len(v.Points))
	}
}
