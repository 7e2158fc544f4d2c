// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
)

// After each proof of a point that has copies, a text is written into every repository that holds one: what was proven, where the
// data are, how they come back and how long that took, and the signed statement. Whoever has lost the cluster has lost every other place
// where that could be read. What becomes of the text takes nothing from the proof.

// dossierWithin is how long one attempt at a dossier may take, and dossierRetry how long after the first that failed comes the next,
// and twice as long each time. All of them end before the clean-up, which waits for them, is late.
const (
	dossierWithin = 4 * time.Minute
	dossierRetry  = 30 * time.Second
)

// WantsDossiers says whether dossiers are to be written of a drill, or may be.
func WantsDossiers(d *api.RestoreDrill) bool {
	return d.DeletionTimestamp.IsZero() && d.Status.Verdict == api.VerdictPassed && d.Status.Run != nil && d.Status.Evidence != nil &&
		(len(d.Status.Dossiers) == 0 || slices.ContainsFunc(d.Status.Dossiers, writingDossier))
}

func writingDossier(d api.Dossier) bool { return d.State == api.DossierWriting }

func (p *DrillPlan) dossiersOpen() bool {
	return slices.ContainsFunc(p.Status.Dossiers, writingDossier)
}

// planDossiers begins the dossiers of a proof, and judges those that are under way. They are on record before their pods are made.
func (p *DrillPlan) planDossiers(o DrillObserved, now time.Time) {
	point := pointOf(o.Points, runPoint(o.Drill))
	switch {
	case !o.Drill.DeletionTimestamp.IsZero() || o.NamespaceTerminating:
		p.Status.Dossiers = slices.DeleteFunc(p.Status.Dossiers, writingDossier)
	case !WantsDossiers(o.Drill):
	case len(p.Status.Dossiers) == 0 && !p.cleaned():
		p.beginDossiers(point, now)
	default:
		for i := range p.Status.Dossiers {
			if d := &p.Status.Dossiers[i]; d.State == api.DossierWriting {
				p.writeDossier(o, point, d, now)
			}
		}
	}
}

func runPoint(d *api.RestoreDrill) string {
	if d.Status.Run == nil {
		return ""
	}
	return d.Status.Run.RecoveryPoint.UID
}

// cleaned says whether the clean-up has ended: then it is too late to begin a dossier.
func (p *DrillPlan) cleaned() bool {
	f := p.phaseOf(api.PhaseCleaningUp)
	return f != nil && f.State == api.PhaseSucceeded
}

func (p *DrillPlan) beginDossiers(point *api.RecoveryPoint, now time.Time) {
	if point == nil {
		return
	}
	_, copies := Restorable(point)
	for _, c := range copies {
		there := slices.ContainsFunc(p.Status.Dossiers, func(d api.Dossier) bool { return d.Repository == c.Repository })
		if !there {
			p.Status.Dossiers = append(p.Status.Dossiers, api.Dossier{Repository: c.Repository, State: api.DossierWriting, StartedAt: timePtr(now.Truncate(time.Second))})
		}
	}
}

// writeDossier looks at the pod that writes a dossier, or asks for it. Each attempt has a pod of its own.
func (p *DrillPlan) writeDossier(o DrillObserved, point *api.RecoveryPoint, d *api.Dossier, now time.Time) {
	began := cmp.Or(d.StartedAt, o.Drill.Status.FinishedAt).Time
	until := began.Add(dossierWithin)
	name := names.Dossier(d.Repository, string(o.Drill.UID), int(d.Attempt))
	pod, is := o.Brought.Pods[name]
	r := o.Vaults.Repositories[d.Repository]
	fail := func(why Problem) { p.DossierFailed(d.Repository, why, now) }
	switch {
	case is && pod.RunUID != string(o.Drill.UID):
		fail(Problem{api.ReasonNameTaken, fmt.Sprintf("pod %q exists and was not made for this", name)})
	case is && pod.Phase == PodLost:
		fail(Problem{api.ReasonPodLost, "the pod that writes it was lost"})
	case is && pod.ended():
		if bad := dossierOutcome(pod, r); bad != nil {
			fail(*bad)
			return
		}
		d.State, d.Reason, d.Message = api.DossierWritten, "", ""
	case !is && (point == nil || r == nil):
		fail(Problem{api.ReasonRepositoryNotFound, "the recovery point or the Repository is gone"})
	case !is && now.Before(began):
		p.wakeAt(began)
	case !is:
		p.startDossier(o, point, r, name, until, now)
	case !now.Before(until):
		fail(Problem{api.ReasonMoverFailed, "it was not written in time"})
	default:
		p.wakeAt(until)
	}
}

// startDossier asks for the pod of an attempt, once the repository can be reached.
func (p *DrillPlan) startDossier(o DrillObserved, point *api.RecoveryPoint, r *api.Repository, name string, until, now time.Time) {
	away := o.Vaults.reach(copyIn(point, r.Name))
	switch {
	case away != nil && (!passes(*away) || !now.Before(until)):
		p.DossierFailed(r.Name, *away, now)
	case !now.Before(until):
		p.DossierFailed(r.Name, Problem{api.ReasonMoverFailed, "it was not written in time"}, now)
	case away == nil:
		p.wakeAt(until)
		p.askDossier(o, point, r, name, until, now)
	default:
		p.wakeAt(until)
	}
}

// dossierOutcome says why a pod that ended did not write its dossier; nil when it did.
func dossierOutcome(pod BroughtPod, r *api.Repository) *Problem {
	if r == nil || pod.Told == nil {
		return &Problem{api.ReasonMoverFailed, fmt.Sprintf("the pod that writes it ended with exit code %d", pod.ExitCode)}
	}
	return pod.Told.problem(r.Status.UniqueID)
}

func (p *DrillPlan) askDossier(o DrillObserved, point *api.RecoveryPoint, r *api.Repository, name string, until, now time.Time) {
	to, access, _ := AccessTo(r, o.Vaults.Allowed) // that it may be reached was looked at
	run := o.Drill.Status.Run
	text, err := order.Encode(order.Order{Repository: to, Note: &order.Note{
		Name: fmt.Sprintf("dossier/%s-%s.md", run.Policy, run.PolicyUID), Text: dossier(o, point, r),
	}})
	if err != nil {
		p.DossierFailed(r.Name, Problem{api.ReasonInvalidSpec, err.Error()}, now)
		return
	}
	p.Dossiers = append(p.Dossiers, RepositoryOrder{Name: name, Order: text, Access: access, Mover: run.Mover, Throw: until.Add(sweepAfter)})
}

// DossierFailed records why an attempt at a dossier failed, and when the next one is; or, after the last, that there will be none. What
// is gone, or cannot be said, is not tried again. The proof stands.
func (p *DrillPlan) DossierFailed(repository string, why Problem, now time.Time) {
	i := slices.IndexFunc(p.Status.Dossiers, func(d api.Dossier) bool { return d.Repository == repository })
	if i < 0 {
		return
	}
	d := &p.Status.Dossiers[i]
	d.Reason, d.Message = why.Reason, clipMessage(why.Message)
	final := why.Reason == api.ReasonRepositoryNotFound || why.Reason == api.ReasonInvalidSpec
	if !final && int(d.Attempt)+1 < mostAttempts {
		next := now.Add(dossierRetry << d.Attempt).Truncate(time.Second)
		d.Attempt, d.StartedAt = d.Attempt+1, timePtr(next)
		p.wakeAt(next)
		return
	}
	d.State = api.DossierFailed
	p.Notes = append(p.Notes, Note{Warning: true, Reason: api.ReasonDossierNotWritten, Message: fmt.Sprintf(
		"no dossier was written into Repository %s, in %d attempts: %s (%s); the proof stands, and the next one writes another", repository, d.Attempt+1, why.Message, why.Reason)})
}

// spareDossiers leaves the pods alone that still write.
func (p *DrillPlan) spareDossiers(all []Leftover, drillUID string) []Leftover {
	return slices.DeleteFunc(all, func(l Leftover) bool {
		return slices.ContainsFunc(p.Status.Dossiers, func(d api.Dossier) bool {
			return writingDossier(d) && l.Kind == "Pod" && l.Name == names.Dossier(d.Repository, drillUID, int(d.Attempt))
		})
	})
}

// dossier is what whoever has nothing but the repository, and what opens it, needs to know. It holds no secret.
func dossier(o DrillObserved, point *api.RecoveryPoint, r *api.Repository) string {
	var b strings.Builder
	s, run := o.Drill.Status, o.Drill.Status.Run
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Recovery dossier: policy %s of namespace %s\n", run.Policy, o.Drill.Namespace)
	line("Written after drill %s, which ended at %s.\n", o.Drill.Name, s.FinishedAt.UTC().Format(time.RFC3339))
	line("## What was proven\n")
	line("- %s, with data from %s, is %s", rehearsed(run), run.RecoveryPoint.PointInTime.UTC().Format(time.RFC3339), s.Level)
	line("- restored from: %s; storage class: %s; independent of the captured volumes' failure domain: %t", run.From, cmp.Or(run.StorageClassName, "that of each captured claim"), run.Independent)
	if s.RecoveryTime != nil {
		line("- it took %s, from the first request until all was read and checked", s.RecoveryTime.Duration)
	}
	line("\n## What there is\n")
	line("Point %s (%s)\n", point.Name, copiedAs(point, copyIn(point, r.Name)))
	line("| claim | claim UID | size | storage class | driver | files | bytes | fingerprint |\n|---|---|---|---|---|---|---|---|")
	for _, v := range CopySources(point, copyIn(point, r.Name).Name, o.Vaults) {
		line("| %s | %s | %s | %s | %s | %d | %d | %s |", v.Claim, v.ClaimUID, v.Size.String(), v.StorageClass, v.Driver, v.Copy.Held.Files, v.Copy.Held.Bytes, v.Copy.Held.Digest)
	}
	line("\n## Where it is\n")
	line("- %s", r.Status.Location)
	line("- unique ID of the repository: %s; failure domain: %s", r.Status.UniqueID, r.Status.FailureDomain)
	line("- what opens it is not here: its password (Secret %s), and the credentials of the store", PasswordSecret(r))
	line("\n## How it comes back\n")
	line("Without a cluster:\n\n    lifeboat-mover restore --repository '%s' --password-file password --credentials-dir keys --to ./rescued\n", r.Status.Location)
	line("In an empty cluster with Lifeboat: create the two Secrets, and a Repository of this place with `uniqueID: %s` and `import: true`. Then a Restore with `from: Copy`.", r.Status.UniqueID)
	if o.Envelope != "" {
		line("\n## Evidence, signed\n\n    %s", strings.TrimSpace(o.Envelope))
	}
	return b.String()
}

// copyIn is the first whole copy of a point in a repository.
func copyIn(p *api.RecoveryPoint, repository string) api.CopyRecord {
	_, copies := Restorable(p)
	for _, c := range copies {
		if c.Repository == repository {
			return c
		}
	}
	return api.CopyRecord{}
}
