// SPDX-License-Identifier: Apache-2.0

// Package evidence says what a restore drill showed, as an in-toto Statement: the generic test-result predicate, which
// any in-toto consumer reads, and beside it the facts themselves. The same facts give the same bytes, so that a statement
// may be made again after a crash and is still the one that its successor names.
//
// A statement holds identities, digests, counts, words of ours and times. It never holds a file name or free text: what a
// check printed, and what an error said, stay in the drill's namespace.
package evidence

import (
	"cmp"
	"slices"
	"time"
)

// Where an envelope is kept: a ConfigMap for each drill.
const (
	// EnvelopeKey is the key of the ConfigMap's data that holds the envelope.
	EnvelopeKey = "envelope.json"
	// AnnotationSequence, on the ConfigMap, counts the statements of a policy from 1. It sorts; the proof of the order is
	// what each statement names as the previous one.
	AnnotationSequence = "lifeboat.dev/evidence-sequence"
)

// Verdicts of a drill.
const (
	Passed       = "Passed"
	Failed       = "Failed"
	Inconclusive = "Inconclusive" // it could not run
	Aborted      = "Aborted"
)

// FromCopy says that a copy was restored, and no snapshot.
const FromCopy = "Copy"

// Levels are the depths of a proof, each including those before it.
const (
	Restored   = "Restored"
	Intact     = "Intact"
	Consistent = "Consistent"
	Answering  = "Answering"
)

var levels = []string{Restored, Intact, Consistent, Answering}

// rank is the place of a level, from 1; 0 stands for none, and -1 for a word that is no level.
func rank(level string) int {
	if level == "" {
		return 0
	}
	if n := slices.Index(levels, level); n >= 0 {
		return n + 1
	}
	return -1
}

// Drill is what is known of a drill that ended. Instants count in whole seconds, as the API keeps them. Digests are
// written "sha256:" and 64 hexadecimal digits.
type Drill struct {
	Policy Policy `json:"policy"`
	Drill  Object `json:"drill"`
	// Point is empty when none was eligible.
	Point     Point     `json:"point,omitzero"`
	Selection Selection `json:"selection,omitzero"`
	Phases    []Phase   `json:"phases"`
	Checks    []Check   `json:"checks"`
	// From is where the data was restored from: Snapshot, or Copy.
	From string `json:"from,omitempty"`
	// Copy is empty when snapshots were restored, and when no point was eligible.
	Copy         Copy   `json:"copy,omitzero"`
	StorageClass string `json:"storageClass,omitempty"`
	// Independent says that neither the repository nor the storage class fails together with the source's storage system.
	Independent bool `json:"independent"`
	// Level was reached, empty when not even Restored was; Required was asked for.
	Level    string `json:"level"`
	Required string `json:"required"`
	Verdict  string `json:"verdict"`
	// Reason is one word.
	Reason string `json:"reason,omitempty"`
	// RecoverySeconds is the time from the start to Level; 0 means that it was not measured.
	RecoverySeconds int64 `json:"recoverySeconds,omitempty"`
	// DataAgeSeconds is how old the data was when the drill began; 0 means that it is not known.
	DataAgeSeconds int64     `json:"dataAgeSeconds,omitempty"`
	Started        time.Time `json:"started,omitzero"`
	Finished       time.Time `json:"finished,omitzero"`
	// Previous is the digest of the statement before this one, of the same policy; empty in the first.
	Previous string `json:"previous"`
	// Operator is the version of the operator that attests.
	Operator string `json:"operator,omitempty"`
}

// Object is one very object.
type Object struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// Copy is which copy of a point was restored.
type Copy struct {
	Name       string `json:"name"`
	Repository string `json:"repository"`
	// RepositoryID is the repository's own unique ID, whatever it is called in a cluster.
	RepositoryID string `json:"repositoryID"`
}

// Policy is whose promise was rehearsed. Its UID is what a chain belongs to.
type Policy struct {
	Namespace    string `json:"namespace"`
	NamespaceUID string `json:"namespaceUID,omitempty"`
	Name         string `json:"name"`
	UID          string `json:"uid"`
}

// Point is the recovery point that was restored.
type Point struct {
	Name        string    `json:"name"`
	UID         string    `json:"uid"`
	PointInTime time.Time `json:"pointInTime,omitzero"`
	Volumes     []Volume  `json:"volumes"`
}

// Volume is one captured volume.
type Volume struct {
	Claim          string `json:"claim"`
	ClaimUID       string `json:"claimUID"`
	SnapshotHandle string `json:"snapshotHandle,omitempty"`
	Driver         string `json:"driver,omitempty"`
	// Fingerprint is the digest of the manifest at capture; empty when none was taken.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Read is the digest of the manifest that was read back; empty when reading did not end.
	Read  string `json:"read,omitempty"`
	Files int64  `json:"files,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Selection is how the point was chosen, so that the choice can be made again.
type Selection struct {
	Strategy       string `json:"strategy,omitempty"`
	Seed           string `json:"seed,omitempty"`
	EligibleDigest string `json:"eligibleDigest,omitempty"`
	// Eligible is how many points there were to choose from.
	Eligible int `json:"eligible"`
	// HandPicked says that a user named the point.
	HandPicked bool `json:"handPicked"`
}

// Phase is one step of a drill. An instant is absent when the phase did not get there.
type Phase struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// States of a check. Any other state means that it did not run to an end, and so showed nothing.
const (
	CheckPassed   = "Passed"
	CheckFailed   = "Failed"
	CheckTimedOut = "TimedOut"
)

// Check is one check of a user's.
type Check struct {
	Name string `json:"name"`
	// Proves is the level that the check is needed for.
	Proves string `json:"proves"`
	Image  string `json:"image,omitempty"`
	// ImageID is the image that ran, as the container runtime reports it, with its digest.
	ImageID string `json:"imageID,omitempty"`
	State   string `json:"state"`
	// ExitCode is absent when the check did not exit by itself.
	ExitCode *int32 `json:"exitCode,omitempty"`
	Seconds  int64  `json:"seconds,omitempty"`
}

// normal returns the drill in the one form in which its facts are written.
func (d Drill) normal() Drill {
	whole := func(t time.Time) time.Time {
		if t.IsZero() {
			return time.Time{}
		}
		return t.UTC().Truncate(time.Second)
	}
	d.Started, d.Finished, d.Point.PointInTime = whole(d.Started), whole(d.Finished), whole(d.Point.PointInTime)
	d.Phases = append([]Phase{}, d.Phases...)
	for n, p := range d.Phases {
		d.Phases[n].Start, d.Phases[n].End = whole(p.Start), whole(p.End)
	}
	d.Checks = append([]Check{}, d.Checks...)
	if d.Point.UID != "" {
		d.Point.Volumes = slices.SortedFunc(slices.Values(append([]Volume{}, d.Point.Volumes...)), func(a, b Volume) int {
			return cmp.Or(cmp.Compare(a.Claim, b.Claim), cmp.Compare(a.ClaimUID, b.ClaimUID))
		})
	}
	return d
}
