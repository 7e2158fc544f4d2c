// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"testing"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// was puts a finding into the status, as the pass before left it.
func was(o *Observed, kind, subject string, severity api.Severity, since time.Duration) {
	o.Status.Findings = append(o.Status.Findings, api.Finding{Kind: kind, Subject: subject, Severity: severity, Since: after(since),
		Message: "as it was", Remedy: "as it was"})
	o.Status.FindingCounts.Total++
}

func only(t *testing.T, o Observed, kind string) *Finding {
	t.Helper()
	found := Evaluate(o, noon).Findings
	for i := range found {
		if found[i].Kind == kind {
			return &found[i]
		}
	}
	return nil
}

// TestWhatWentDoesNotMakeItYounger: a difference is as old and as loud as it was when what it first showed in has been
// pruned. It kills: going by the points and drills that are left.
func TestWhatWentDoesNotMakeItYounger(t *testing.T) {
	for name, c := range map[string]struct {
		kind, subject string
		is            change
		severity      api.Severity
	}{
		"the first points that were stuck are gone": {api.ReasonSnapshotStuck, "pvc/data",
			func(o *Observed) { edit(o, 0, failed("data", api.ReasonSnapshotTimedOut)) }, high},
		"the first drill that failed is forgotten": {api.ReasonDrillFailed, "", func(o *Observed) {
			status(o).LastProof = nil
			o.Drills = []*api.RestoreDrill{drill("web-9", api.VerdictFailed, api.ReasonReadFailed, -time.Minute)}
		}, critical},
		"the first drill that could not run is forgotten": {api.ReasonDrillInconclusive, "", func(o *Observed) {
			status(o).LastProof = nil
			for i, name := range []string{"web-7", "web-8", "web-9"} {
				o.Drills = append(o.Drills, drill(name, api.VerdictInconclusive, api.ReasonUnschedulable, time.Duration(i-10)*time.Minute))
			}
		}, high},
		"the copy that ended early is tried again": {api.ReasonCopyIncomplete, "repository/vault", func(o *Observed) {
			withCopies(o)
			copies(func(i *Independence) {
				for n := range i.Copies {
					i.Copies[n].Complete, i.Copies[n].EndedAt = false, noon
				}
			})(o)
		}, high},
	} {
		t.Run(name, func(t *testing.T) {
			o := healthy()
			c.is(&o)
			was(&o, c.kind, c.subject, c.severity, -5*hour)
			if f := only(t, o, c.kind); f == nil || f.Severity != c.severity || !f.Since.Time.Equal(noon.Add(-5*hour)) {
				t.Errorf("it was %s since %s, and is %+v", c.severity, noon.Add(-5*hour), f)
			}
		})
	}
}

// TestFailuresBeforeAProofAreOver: what is remembered of drills counts only since the newest proof.
func TestFailuresBeforeAProofAreOver(t *testing.T) {
	o := healthy()
	status(&o).LastProof.At = after(-hour)
	o.Drills = []*api.RestoreDrill{drill("web-9", api.VerdictFailed, api.ReasonReadFailed, -time.Minute)}
	was(&o, api.ReasonDrillFailed, "", critical, -5*hour)
	if f := only(t, o, api.ReasonDrillFailed); f == nil || f.Severity != high || !f.Since.Time.Equal(noon.Add(-time.Minute)) {
		t.Errorf("it is %+v", f)
	}
}

// TestUnreadClearsNothing: what was found before stays while it cannot be read whether it is over, and nobody is told that it
// is. It kills: leaving out what cannot be judged.
func TestUnreadClearsNothing(t *testing.T) {
	for i := range checks {
		c := &checks[i]
		for _, fact := range c.needs {
			for _, kind := range c.kinds {
				o := healthy()
				o.Unread = map[Fact]string{fact: "the API server says no"}
				was(&o, kind, "", high, -5*hour)
				a := Evaluate(o, noon)
				listed, _ := List(a.Findings)
				for _, change := range Changes(o.Status.Findings, listed) {
					if change.Kind == kind {
						t.Errorf("without %s, of %s it is told %+v", fact, kind, change)
					}
				}
			}
		}
	}
}

// TestNothingReadAtAllClearsNothing: that one fact could not be read is not over when all the others cannot be either.
func TestNothingReadAtAllClearsNothing(t *testing.T) {
	o := healthy()
	was(&o, api.ReasonEvaluationError, string(FactStack), high, -5*hour)
	was(&o, api.ReasonSizeAnomaly, "pvc/data", high, -5*hour)
	o.Policy.Status = *o.Status
	listed, _ := List(Unevaluable(o.Policy, "no answer", noon).Findings)
	changes := Changes(o.Status.Findings, listed)
	if len(changes) != 1 || changes[0].Cleared || changes[0].Subject != "" || changes[0].Kind != api.ReasonEvaluationError {
		t.Errorf("it is told %+v", changes)
	}
}

// TestKeptWithoutIsLookedAtAgain: while the repository with the newest copy is away, those in another keep the promise until they are
// too old for it.
func TestKeptWithoutIsLookedAtAgain(t *testing.T) {
	o := healthy()
	withCopies(&o)
	copies(func(i *Independence) {
		away := i.Repositories[0]
		away.Name, away.Unreachable = "attic", noon.Add(-30*day)
		i.Repositories = append(i.Repositories, away)
		i.newest(func(*Repository) bool { return true }).Repository = "attic"
	})(&o)
	at := o.Independence.newest(func(r *Repository) bool { return r.Name == "vault" }).PointInTime.Add(o.Independence.Within)
	before, after := &pass{Observed: o, now: noon}, &pass{Observed: o, now: at}
	if !before.keptWithout() || after.keptWithout() || !before.wake.Equal(at) {
		t.Errorf("it is kept now: %t, at %s: %t; the next look is at %s", before.keptWithout(), at, after.keptWithout(), before.wake)
	}
}

// TestWorstFirst: whatever the order in which they were found.
func TestWorstFirst(t *testing.T) {
	worst := []api.Severity{api.SeverityCritical, api.SeverityHigh, api.SeverityMedium, api.SeverityLow, api.SeverityPending}
	var found []Finding
	for _, i := range []int{2, 4, 0, 3, 1} {
		found = append(found, Finding{Finding: api.Finding{Kind: string(rune('z' - i)), Severity: worst[i]}})
	}
	sortFindings(found)
	for i := range found {
		if found[i].Severity != worst[i] {
			t.Errorf("place %d has %s, want %s", i, found[i].Severity, worst[i])
		}
	}
}
