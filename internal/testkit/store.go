// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// Store is what lies in a bucket, or a folder, and how it treats those who come to it. It is the truth that statuses only speak of.
type Store struct {
	ID      string // of the repository in it; empty while there is none
	For     string // the UID of the Repository that it was made for
	Made    int    // how often one was made
	Records map[order.Volume]order.Record
	Notes   map[string]string
	// Bad are the contents, by digest, that cannot be read back. As in any store that keeps equal contents once, whoever
	// copies the same again makes all copies whole that need it, but only once what is damaged was set aside.
	Bad map[string]Badness
	// Told are the copies of volumes that a pod told to be all there, for as long as nobody removed them. Only a full copy may be
	// ordered of them again.
	Told map[order.Volume]bool
	// Lost are the records that vanished from it without a trace.
	Lost map[order.Volume]order.Record
	// Harmed says that something of it was altered or lost, ever.
	Harmed bool
	// Reported says that damage was told, and that nothing was told since to be whole.
	Reported bool
	Freed    int64 // what tidying up will free
	Locks    bool  // it refuses to delete what was written

	Trouble string    // what everybody is told who comes before Until, one of result's failures
	Until   time.Time //
}

// Badness is how bad a content is.
type Badness string

// What becomes of a content.
const (
	Damaged  Badness = "Damaged"
	SetAside Badness = "SetAside"
)

// NewStore is an empty store.
func NewStore() *Store {
	return &Store{Records: map[order.Volume]order.Record{}, Notes: map[string]string{}, Bad: map[string]Badness{}, Told: map[order.Volume]bool{}, Lost: map[order.Volume]order.Record{}}
}

// Copy is a store with the same content.
func (s *Store) Copy() *Store {
	c := *s
	c.Records, c.Notes, c.Bad, c.Told, c.Lost = maps.Clone(s.Records), maps.Clone(s.Notes), maps.Clone(s.Bad), maps.Clone(s.Told), maps.Clone(s.Lost)
	return &c
}

// Damage makes the content of a claim unreadable.
func (s *Store) Damage(claim string) {
	s.Harmed = true
	for _, r := range s.Records {
		if r.Claim == claim {
			s.Bad[r.Digest] = Damaged
		}
	}
}

// Vanish has the records of a claim go without a trace.
func (s *Store) Vanish(claim string) {
	s.Harmed = true
	for v, r := range s.Records {
		if r.Claim == claim {
			s.Lost[v] = r
			delete(s.Records, v)
		}
	}
}

// Catalogue is what a pod prints that lists the records.
func (s *Store) Catalogue() []byte {
	var out strings.Builder
	for _, v := range s.volumes() {
		raw, err := json.Marshal(s.Records[v])
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&out, "%s%s\n", result.RecordMark, raw)
	}
	return []byte(out.String())
}

func (s *Store) volumes() []order.Volume {
	return slices.SortedFunc(maps.Keys(s.Records), func(a, b order.Volume) int {
		return cmp.Or(strings.Compare(a.PointUID, b.PointUID), strings.Compare(a.ClaimUID, b.ClaimUID))
	})
}

// Whole says whether the copy of a volume is there, and can be read back.
func (s *Store) Whole(v order.Volume, digest string) bool {
	r, is := s.Records[v]
	return is && r.Digest == digest && s.Bad[digest] == ""
}

// Lines tell what is in the store, one thing a line.
func (s *Store) Lines() (out []string) {
	out = append(out, "repository "+s.ID)
	for _, v := range s.volumes() {
		r := s.Records[v]
		out = append(out, fmt.Sprintf("copy of %s of %s: %s %s", r.Claim, r.Point, r.Digest, s.Bad[r.Digest]))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Notes)) {
		out = append(out, "note "+name)
	}
	return out
}

// do is what a pod of the mover does with an order, and what it tells. Held is the content of the volume that is copied.
func (s *Store) do(o order.Order, held result.Volume, now clock.PassiveClock) result.Done {
	if d := s.open(o, now.Now().Before(s.Until)); d.Reason != "" {
		return d
	}
	d := result.Done{UniqueID: s.ID}
	fail := func(reason string) { d.Reason, d.Error = reason, "the store says so" }
	switch {
	case o.Probe != nil:
		d.Probe = &result.Probe{Copies: int64(len(s.Records)), Bytes: int64(10 * len(s.Records))}
		if o.Probe.Lock {
			d.Probe.Locked = &s.Locks
		}
	case o.Copy != nil:
		s.take(*o.Copy, held, now.Now())
		d.Copy = &result.Copy{Volume: held, NewBytes: 1}
	case o.Restore != nil:
		switch r, is := s.Records[o.Restore.Volume]; {
		case !is || r.Digest != o.Restore.Digest:
			fail(result.FailureNotCopied)
		case s.Bad[r.Digest] != "":
			fail(result.FailureDamaged)
		default:
			d.Restore = &result.Restore{Files: r.Files, Bytes: r.Bytes}
		}
	case o.Forget != nil:
		for v := range s.Records {
			if v.PointUID == o.Forget.PointUID {
				delete(s.Records, v)
				delete(s.Told, v)
				d.Forgot++
			}
		}
		s.Freed += int64(d.Forgot)
	case o.Verify != nil:
		d.Verify = s.verify(*o.Verify)
	case o.Maintain != nil:
		d.Maintain = &result.Maintain{Freed: s.Freed}
		s.Freed = 0
	case o.Note != nil:
		s.Notes[o.Note.Name] = o.Note.Text
	}
	return d
}

// open opens the repository, or makes it where that is asked for and there is none: whichever password is there is right for that.
func (s *Store) open(o order.Order, troubled bool) result.Done {
	trouble := result.Done{Reason: s.Trouble, Error: "the store is in trouble"}
	switch {
	case troubled && s.Trouble != result.FailurePassword:
		return trouble
	case s.ID == "" && o.Probe != nil && o.Probe.Create:
		s.Made++
		s.ID, s.For = strings.TrimPrefix(digestOf("made for "+o.Probe.For), "sha256:"), o.Probe.For
	case s.ID == "":
		return result.Done{Reason: result.FailureMissing, Error: "there is no repository"}
	case o.Probe != nil && o.Probe.Create && s.For != o.Probe.For:
		return result.Done{Reason: result.FailureExists, Error: "there is one already"}
	case troubled:
		return trouble
	case o.Repository.UniqueID != "" && o.Repository.UniqueID != s.ID:
		return result.Done{UniqueID: s.ID, Reason: result.FailureOther, Error: "it is another one"}
	}
	return result.Done{}
}

func (s *Store) take(o order.Copy, held result.Volume, now time.Time) {
	s.Told[o.Volume] = true
	if _, is := s.Records[o.Volume]; is && !o.Full {
		return // it is told again, and nothing is read
	}
	if s.Bad[held.Digest] == SetAside {
		delete(s.Bad, held.Digest)
	}
	var r order.Record
	if err := json.Unmarshal(o.Record, &r); err != nil {
		panic(err)
	}
	r.Digest, r.Files, r.Bytes, r.NewBytes, r.CopiedAt = held.Digest, held.Files, held.Bytes, 1, now.UTC()
	s.Records[o.Volume] = r
	delete(s.Lost, o.Volume)
}

func (s *Store) verify(o order.Verify) *result.Verify {
	v := &result.Verify{Contents: int64(len(s.Bad))}
	found := map[string]int{}
	for _, of := range s.volumes() { // those of a point follow each other
		r := s.Records[of]
		v.Bytes += r.Bytes
		found[r.PointUID]++
		if s.Bad[r.Digest] == "" {
			v.Copies++
			continue
		}
		v.Damaged++
		if n := len(v.Points); n == 0 || v.Points[n-1].UID != r.PointUID {
			v.Points = append(v.Points, result.Damaged{UID: r.PointUID, Namespace: r.Namespace, Policy: r.Policy, Point: r.Point})
		}
	}
	v.DamagedPoints = int64(len(v.Points))
	v.Points = v.Points[:min(len(v.Points), result.MostDamaged)]
	v.Miss(o.Expect, found)
	if v.Healing = o.Heal && v.Contents+v.Damaged > 0; v.Healing {
		for digest := range s.Bad {
			s.Bad[digest] = SetAside
		}
	}
	return v
}
