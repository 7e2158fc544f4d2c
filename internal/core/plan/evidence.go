// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/evidence"
)

// mostStatements is how many statements of a policy are kept, besides the newest of a drill that passed.
const mostStatements = 100

// Attested is what a statement says of a drill that ended. The same drill gives the same statement.
func Attested(d *api.RestoreDrill, sources []Source, point *api.RecoveryPoint, namespaceUID, previous, operator string) evidence.Drill {
	s, run := d.Status, d.Status.Run
	out := evidence.Drill{
		Policy: evidence.Policy{Namespace: d.Namespace, NamespaceUID: namespaceUID, Name: run.Policy, UID: run.PolicyUID},
		Drill:  evidence.Object{Name: d.Name, UID: string(d.UID)},
		From:   string(DrillFrom(d, nil)), StorageClass: run.StorageClassName, Independent: run.Independent,
		Level: string(s.Level), Required: string(run.Required), Verdict: string(s.Verdict),
		Started: run.StartedAt.Time, Finished: s.FinishedAt.Time, Previous: previous, Operator: operator,
	}
	if c := meta.FindStatusCondition(s.Conditions, api.ConditionSucceeded); c != nil {
		out.Reason = c.Reason
	}
	if s.RecoveryTime != nil {
		out.RecoverySeconds = int64((s.RecoveryTime.Duration + time.Second - 1) / time.Second)
	}
	if s.DataAge != nil {
		out.DataAgeSeconds = int64(s.DataAge.Duration / time.Second)
	}
	if x := s.Selection; x != nil {
		out.Selection = evidence.Selection{Strategy: string(x.Strategy), Seed: x.Seed, EligibleDigest: x.EligibleDigest, Eligible: int(x.Eligible), HandPicked: x.HandPicked}
	}
	for _, f := range s.Phases {
		if f.Name == api.PhaseCleaningUp {
			continue // it has not ended when the statement is made
		}
		p := evidence.Phase{Name: string(f.Name), State: string(f.State)}
		if f.StartedAt != nil {
			p.Start = f.StartedAt.Time
		}
		if f.FinishedAt != nil {
			p.End = f.FinishedAt.Time
		}
		out.Phases = append(out.Phases, p)
	}
	if run.Copy != "" {
		out.Copy = evidence.Copy{Name: run.Copy, Repository: run.Repository, RepositoryID: run.RepositoryID}
	}
	out.Checks = attestedChecks(d)
	if run.RecoveryPoint.UID == "" {
		return out
	}
	out.Point = evidence.Point{Name: run.RecoveryPoint.Name, UID: run.RecoveryPoint.UID, PointInTime: run.RecoveryPoint.PointInTime.Time, Volumes: attestedVolumes(d, sources, point)}
	return out
}

func attestedChecks(d *api.RestoreDrill) []evidence.Check {
	images := map[string]string{}
	for _, c := range d.Status.Run.Checks {
		images[c.Name] = c.Image
	}
	var out []evidence.Check
	for _, r := range d.Status.Checks {
		c := evidence.Check{Name: r.Name, Proves: string(r.Proves), Image: images[r.Name], ImageID: r.ImageID, State: string(r.State), ExitCode: r.ExitCode}
		if r.StartedAt != nil && r.FinishedAt != nil {
			c.Seconds = int64((r.FinishedAt.Sub(r.StartedAt.Time) + time.Second - 1) / time.Second)
		}
		out = append(out, c)
	}
	return out
}

func attestedVolumes(d *api.RestoreDrill, sources []Source, point *api.RecoveryPoint) []evidence.Volume {
	bySource := map[string]Source{}
	for _, s := range sources {
		bySource[s.Claim] = s
	}
	var recorded *api.PointFingerprint
	if point != nil {
		recorded = point.Status.Fingerprint
	}
	var out []evidence.Volume
	for _, v := range d.Status.Volumes {
		s := bySource[v.Claim]
		one := evidence.Volume{Claim: v.Claim, ClaimUID: v.ClaimUID, SnapshotHandle: s.Handle, Driver: s.Driver}
		if f := wantedOf(s, recorded); f != nil {
			one.Fingerprint = f.Digest
		}
		if v.Read != nil && v.Level == api.LevelIntact { // also when the point, and its fingerprint with it, has gone since
			one.Fingerprint = v.Read.Digest
		}
		if v.Read != nil {
			one.Read, one.Files, one.Bytes = v.Read.Digest, v.Read.Files, v.Read.Bytes
		}
		out = append(out, one)
	}
	return out
}

// Statement is a kept statement: what is seen of it without opening it.
type Statement struct {
	Target
	Sequence int
	Passed   bool
}

// ForgetStatements are those beyond the history, oldest first. The newest of a drill that passed stays.
func ForgetStatements(all []Statement) []Target {
	slices.SortFunc(all, func(a, b Statement) int { return cmp.Compare(b.Sequence, a.Sequence) })
	var out []Target
	passed := false
	for i, s := range all {
		newestPassed := s.Passed && !passed
		passed = passed || s.Passed
		if i >= mostStatements && !newestPassed {
			out = append(out, s.Target)
		}
	}
	return out
}
