// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// Observed is everything that the findings on a policy may depend on.
type Observed struct {
	Policy *api.BackupPolicy
	Status *api.BackupPolicyStatus // as this pass has brought it so far: what was applied, missed, proven; the findings of the pass before
	Unread map[Fact]string         // what could not be read, and why

	Obstacle *Obstacle // what keeps the policy from being carried out; nil when nothing does

	Calendar schedule.Calendar // without slots when the schedule cannot be understood
	Jitter   time.Duration
	Timeout  time.Duration // of a capture

	Volumes []Volume
	Points  []*api.RecoveryPoint // of this very policy, oldest first
	Drills  []*api.RestoreDrill  // of this very policy

	Drilled  bool           // proofs are promised, or there are some to judge
	Required api.ProofLevel // what a proof must reach
	Within   time.Duration  // how old the newest may get

	Retain    bool       // contents are switched to Retain
	Classes   []Class    // those of the selected volumes' drivers
	Stack     []string   // the storage stack, one line for each part
	Away      []string   // drivers of the selected volumes that no node has
	Orphans   []Leftover // snapshots of this policy that belong to no point
	Leftovers []Leftover // what was to be thrown away and is still there

	Independence *Independence // nil while no copies are promised
}

// Fact is something that may fail to be read without the rest of the judgement being void.
type Fact string

// The facts that checks may need.
const (
	FactSelection Fact = "selection" // claims, their volumes, workloads, snapshot classes
	FactPoints    Fact = "points"    // recovery points, and the snapshots behind them
	FactDrills    Fact = "drills"    // drills
	FactVolumes   Fact = "volumes"   // reclaim policies, and what workloads do with their claims
	FactStack     Fact = "stack"     // storage classes, drivers, snapshot classes
	FactOrphans   Fact = "orphans"   // snapshots that belong to no point
	FactLeftovers Fact = "leftovers" // what drills left
	FactCopies    Fact = "copies"    // repositories and what is in them
)

// Obstacle is what keeps a policy from being carried out.
type Obstacle struct {
	Reason, Message string
	Selection       bool // it is about which claims are meant, so that nothing is protected
	Schedule        bool // it is about when, so that no age can be judged
}

// Volume is a selected claim with the volume it is bound to. A claim that is named and is not there has no UID.
type Volume struct {
	Claim, UID     string
	Created        time.Time
	Class          string // its storage class
	Driver, Handle string
	Problem        *Problem  // why it cannot be captured as things stand
	ProtectedUntil time.Time // zero when no complete point holds it
	CapturedAt     time.Time // the moment of the newest complete point that holds it; zero when none does
	Deletes        bool      // deleting the claim deletes the data
	Drops          string    // the StatefulSet that deletes the claim when it is deleted or scaled down
}

// Problem says why something cannot be done, in a stable word and a sentence.
type Problem struct{ Reason, Message string }

// Class is a VolumeSnapshotClass in use.
type Class struct {
	Name    string
	Deletes bool // contents made by it are deleted with their VolumeSnapshot
}

// Leftover is an object that has outlived its purpose.
type Leftover struct {
	Subject string    // such as pvc/contacts-restored-1a2b
	Since   time.Time // since when it should be gone
}
