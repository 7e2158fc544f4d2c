// SPDX-License-Identifier: Apache-2.0

package drift

import "time"

// Independence is what is promised of copies, and what is observed of them.
type Independence struct {
	Sources      []string // the failure domains of the selected volumes
	Within       time.Duration
	Since        time.Time // since when copies are promised
	Copies       []Copy    // those of this policy's points
	Repositories []Repository
	Targets      []string // the failure domains of the storage classes that could take a restore
	Proofs       []Proof  // those at hand
}

// Copy is one copy of one recovery point in a repository.
type Copy struct {
	Point, Repository string
	PointInTime       time.Time // the moment the data are from
	EndedAt           time.Time // when the attempt ended; zero while it is under way
	Complete          bool      // all is there and was verified to be
}

// Repository is where copies live.
type Repository struct {
	Name         string
	Domain       string // its failure domain
	Declared     bool   // it is declared to be independent of the source
	Unreachable  time.Time
	Why          string    // why it is unreachable
	Corrupt      time.Time // when verification found damage; zero while there is none
	Verified     time.Time // when all of it was last read back; since it was made, before the first time
	VerifyWithin time.Duration
	Immutable    bool // immutability is promised
	Enforced     bool // and a probe found it enforced
}

// Proof is a passed drill.
type Proof struct {
	At          time.Time
	Independent bool // neither the repository nor the target shared the source's failure domain
}
