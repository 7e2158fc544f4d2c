// SPDX-License-Identifier: Apache-2.0

package sim

import "fmt"

// Phase is what the operator is doing when something goes wrong.
type Phase string

// The phases.
const (
	Capture    Phase = "capture"
	Pruning    Phase = "pruning"
	Proofs     Phase = "proofs" // fingerprints and drills
	Restoring  Phase = "restore"
	Copying    Phase = "copies"
	Repository Phase = "repository"
	Findings   Phase = "findings"
	Coverage   Phase = "coverage"
)

// About are the phases, each with the scenarios that are about it. A scenario that stands nowhere here fails a test.
var About = []struct {
	Phase     Phase
	Scenarios []string
}{
	{Capture, []string{
		"a slot captures three claims",
		"hooks run around a capture",
		"a Before hook fails",
		"a quota refuses one of three for a while",
		"one of three never becomes ready",
		"an error passes before the deadline",
		"a point is deleted while it is captured, with hooks",
		"a policy is deleted with Retain while a point is captured",
		"the namespace is deleted while a point is captured",
		"a claim is made anew",
		"a point by hand while a slot is being captured",
		"a policy that is never due soon is made anew at once",
		"a group of three is captured",
		"a group has an error for a while",
		"a group never becomes ready",
		"a quota refuses a group for a while",
		"hooks run around a group",
		"a grouped point is deleted while it is captured",
	}},
	{Pruning, []string{
		"a slot expires the oldest point",
		"retention is shrunk",
		"a policy is deleted with Prune",
		"a user deletes a point",
		"the only point is told to go, and waits for a newer one",
		"the namespace is deleted",
		"a slot expires the oldest grouped point",
		"a user deletes a grouped point",
		"a group snapshot is deleted by hand, and then its point",
		"a group snapshot is deleted by hand, and its point when it is gone",
		"the namespace of grouped points is deleted",
		"a point expires with its copy",
		"snapshots are let go of, and the copy is kept",
		"a user deletes a point with a copy",
		"the pod that removes a copy is killed once",
		"a policy with copies is deleted with Prune",
		"damage is found as a point expires",
		"damage is found as snapshots are let go of",
	}},
	{Proofs, []string{
		"a fingerprint is recorded",
		"a point is deleted while its fingerprint is recorded",
		"a drill is due",
		"a drill passes with two checks",
		"a drill finds other content",
		"a drill whose class retains volumes",
		"a drill is deleted while it reads",
		"a drill is deleted by force while it reads",
		"a drill from a copy passes",
	}},
	{Restoring, []string{
		InPlace,
		"a restore from a copy",
		"a restore from a copy whose writer is killed once",
	}},
	{Copying, []string{
		"a point is copied into two repositories",
		"points are copied by a schedule of their own",
		"a copier is lost once, before and after its work",
		"a copier runs out of memory once",
		"a copier is killed until no other follows",
		"a repository cannot be reached for a while",
		"a repository is full for a while",
		"a point is deleted while it is copied",
		"the namespace is deleted while a point is copied",
	}},
	{Repository, []string{
		"a repository is made",
		"a repository is tidied up",
		"verification finds damage, and the next copy heals it",
		"a copy vanishes from its store, is missed, and made anew",
		"the password of a repository is wrong for a while",
		"what a repository holds is imported into an empty cluster",
	}},
	{Findings, []string{
		"a snapshot is deleted behind our back, and then its point",
		"the storage system fails one volume for a while",
		"a claim is made anew, and captured with the next slot",
		"a volume holds nothing for a while",
		"a drill fails twice and then passes",
		"a storage class changes after a proof",
		"a policy is weakened, which is then accepted",
		"a policy is suspended for long, and resumed",
		"storage classes cannot be listed for a while",
		"points cannot be listed for a while",
	}},
	{Coverage, []string{
		"a baseline is applied",
		"a template is edited",
		"a tenant edits and deletes what was made",
		"a baseline with Remove is deleted, just after a tenant asked for pruning",
		"a namespace leaves the scope of a baseline with Remove",
	}},
}

// InPlace is the scenario of a world of its own, whose claims are replaced.
const InPlace = "a restore in place of two volumes"

// writes are those that belong to one phase, whatever the scenario is about that they are made in.
var writes = map[string]Phase{
	"create VolumeSnapshot":            Capture,
	"create VolumeGroupSnapshot":       Capture,
	"run hook Hook":                    Capture,
	"delete RecoveryPoint":             Pruning,
	"create RestoreDrill":              Proofs,
	"patch RestoreDrill":               Proofs,
	"patch status RestoreDrill":        Proofs,
	"delete RestoreDrill":              Proofs,
	"patch Restore":                    Restoring,
	"patch status Restore":             Restoring,
	"patch Repository":                 Repository,
	"patch status Repository":          Repository,
	"patch ClusterBackupPolicy":        Coverage,
	"patch status ClusterBackupPolicy": Coverage,
	"create BackupPolicy":              Coverage,
	"delete BackupPolicy":              Coverage,
}

// PhaseOf is the phase of a run: that of the write that was struck where there is but one, and else that of the scenario.
func PhaseOf(scenario, struck string) (Phase, error) {
	for _, a := range About {
		for _, s := range a.Scenarios {
			if s != scenario {
				continue
			}
			if p, is := writes[struck]; is {
				return p, nil
			}
			return a.Phase, nil
		}
	}
	return "", fmt.Errorf("scenario %q belongs to no phase: add it to internal/sim/phases.go", scenario)
}

// The faults that strike no single request.
const (
	Lag         = "a cache that lags"
	BrokenWatch = "a watch that breaks"
	TwoLeaders  = "two leaders"
)

// Faults are what goes wrong in runs, by the names under which tests tell of it, and what each means.
var Faults = []struct{ Name, Means string }{
	{"the operator is killed before it", "the process dies before the request is sent, and another starts"},
	{"the operator is killed after it", "the process dies once the request was carried out, and before it hears so; another starts"},
	{"409", "the request is refused: somebody else changed the object"},
	{"429", "the request is refused: too many"},
	{"500", "the request is refused: the API server has no storage. Reads are refused too"},
	{"503", "the request is refused: no API server is there"},
	{"a timeout, not done", "the answer does not come, and the request was not carried out"},
	{"a timeout, done", "the answer does not come, and the request was carried out"},
	{Lag, "for 80 s all that is read from the cache is 1, 2, 4, 9 or 20 writes old; then the cache catches up"},
	{BrokenWatch, "for 80 s the watch of all kinds, or of one, is replaced by a list every 300 ms, 3 s or 20 s, so that what happened in between is never seen; then it is whole"},
	{TwoLeaders, "two operators run over one cluster, and at each request a seed (0 to 11) says which goes on"},
}
