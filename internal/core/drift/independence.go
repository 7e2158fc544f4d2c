// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	"github.com/lifeboat-dev/lifeboat/internal/core/domain"
)

// Independence is what is promised of copies, and what is observed of them.
type Independence struct {
	Sources      []domain.Place // where the selected volumes are
	Within       time.Duration  // how old the data of the newest independent copy may get; zero while there need only be one
	Since        time.Time      // since when copies are promised
	Copies       []Copy         // those of this policy's points
	Repositories []Repository
	Targets      []domain.Place // where the storage classes are that could take a restore
	Proofs       []Proof        // those at hand
}

// Copy is one copy of one recovery point in a repository.
type Copy struct {
	Point, Repository string
	PointInTime       time.Time // the moment the data are from
	EndedAt           time.Time // when the attempt ended; zero while it is under way
	Complete          bool      // all is there and was verified to be
	Bytes, NewBytes   int64     // how much was read, and how much of it the repository had to take
}

// Repository is where copies live.
type Repository struct {
	Name         string
	Field        string // of the policy that names it
	Missing      bool   // there is none of that name
	Place        domain.Place
	Declared     bool // that is what somebody says, rather than what was derived
	Unreachable  time.Time
	Why          string    // why it is unreachable
	Lost         bool      // what was found in its place is not the repository that copies were made in
	Corrupt      time.Time // when verification found damage; zero while there is none
	Healing      bool      // what is damaged was set aside, so that copies made since do without it
	Damaged      []string  // the points whose copies were found damaged, as far as they are named
	DamagedCount int       // how many there are
	Made         time.Time // when the Repository was created
	Verified     time.Time // when all of it was last read back; zero before the first time
	VerifyWithin time.Duration
	Immutable    bool // immutability is promised
	Enforced     bool // and a probe found it enforced
}

// Proof is a passed drill.
type Proof struct {
	At          time.Time
	Independent bool // neither the repository nor the target shared the source's failure domain
}

// Newest is the copy of the newest data that are complete and outside the failure domain of the volumes; nil when there is none.
func (i *Independence) Newest() *Copy {
	return i.newest(func(*Repository) bool { return true })
}

// newest is that of those in some repositories.
func (i *Independence) newest(in func(*Repository) bool) *Copy {
	var newest *Copy
	for n := range i.Copies {
		c := &i.Copies[n]
		if i.counts(c) && in(i.repository(c.Repository)) && (newest == nil || c.PointInTime.After(newest.PointInTime)) {
			newest = c
		}
	}
	return newest
}

// counts says whether a copy is known to be all there, and to fail apart from the volumes.
func (i *Independence) counts(c *Copy) bool {
	r := i.repository(c.Repository)
	return c.Complete && r != nil && !r.Missing && !r.Lost && domain.Apart(i.Sources, r.Place) && !r.spoils(c)
}

// spoils says whether a copy may need what a verification found to be damaged. One that was made after it was set aside does not.
func (r *Repository) spoils(c *Copy) bool {
	return !r.Corrupt.IsZero() && (!r.Healing || !c.EndedAt.After(r.Corrupt))
}

// repository is the one of a name; nil when the policy names none such.
func (i *Independence) repository(name string) *Repository {
	for n := range i.Repositories {
		if i.Repositories[n].Name == name {
			return &i.Repositories[n]
		}
	}
	return nil
}
