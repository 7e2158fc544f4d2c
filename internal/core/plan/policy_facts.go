// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// facts are what follows from the observed alone; each is computed once.
type facts struct {
	calendar      schedule.Calendar
	calendarErr   error
	jitter        time.Duration
	drillCalendar schedule.Calendar
	drillErr      error
	drills        []*api.RestoreDrill // of this very policy
	selection     Selection
	used          []Class  // the snapshot classes by which the selected claims are captured
	stack         []string // what stands between them and their bytes
	problems      []api.VolumeProblem
	points        []*api.RecoveryPoint // of this very policy, oldest first
	active        *api.RecoveryPoint   // being captured
	activeUntil   time.Time            // when it no longer holds the schedule up
	newestSlot    time.Time
	newest        *api.RecoveryPoint // the newest complete one
	protection    []protection       // one for each selected claim
}

// protection says until when a claim is protected by the newest complete point that holds it.
type protection struct {
	claim string
	from  time.Time // the moment of that point
	until time.Time // zero when no complete point holds it
}

var errNeverDue = errors.New("cron is never due; check the day of the month against the month")

func policyFacts(o PolicyObserved, now time.Time) facts {
	b := o.Policy
	f := facts{points: ours(o), jitter: schedule.Jitter(string(b.UID), orNone(b.Spec.Schedule.Jitter))}
	f.calendar, f.calendarErr = schedule.Parse(b.Spec.Schedule.Cron, b.Spec.Schedule.TimeZone)
	if f.calendarErr == nil && f.calendar.Next(b.CreationTimestamp.Time).IsZero() {
		f.calendarErr = errNeverDue // or the data of the points there are would have been due to be renewed in the year 1
	}
	if d := b.Spec.Drill; d != nil {
		f.drillCalendar, f.drillErr = schedule.Parse(d.Cron, b.Spec.Schedule.TimeZone)
	}
	f.drills = drillsOf(b, o.Drills)
	f.selection = Select(b.Spec.Volumes, o.Claims, o.Workload)
	f.used = usedClasses(b, f.selection.Claims, o.Cluster.Classes)
	f.stack = storageStack(b, f.selection.Claims, f.used, o.Storage)
	f.problems = volumeProblems(b, f.selection, o.Cluster)
	for _, p := range f.points {
		if until := activeUntil(p); f.active == nil && until.After(now) {
			f.active, f.activeUntil = p, until
		}
		if Complete(p) {
			f.newest = p
		}
	}
	f.newestSlot = newestSlot(b, f.points, func(*api.RecoveryPoint) bool { return true })
	f.protection = protect(f.selection.Claims, f.points, func(at time.Time) time.Time { return objectiveEnd(b, f, at) })
	return f
}

// newestSlot is the newest slot that has a point of some kind. A slot counts only on the point that bears its name: one that
// somebody wrote on a point of their own would silence the schedule. Points are given oldest first, so that few names are derived.
func newestSlot(b *api.BackupPolicy, points []*api.RecoveryPoint, counts func(*api.RecoveryPoint) bool) time.Time {
	var newest time.Time
	for i := len(points) - 1; i >= 0; i-- {
		s := points[i].Spec.Slot
		if s != nil && s.After(newest) && counts(points[i]) && points[i].Name == names.Point(b.Name, string(b.UID), s.Time) {
			newest = s.Time
		}
	}
	return newest
}

// ours are the points of this very policy, oldest first: a policy that was re-created does not own the points of its namesake, and
// none owns those that were imported.
func ours(o PolicyObserved) []*api.RecoveryPoint {
	uid := string(o.Policy.UID)
	out := make([]*api.RecoveryPoint, 0, len(o.Points))
	for _, p := range o.Points {
		if p.Spec.Policy.Name == o.Policy.Name && (PolicyUID(p) == uid || PolicyUID(p) == "") && !madeUp(p, o.Policy) && !wasImported(p) {
			out = append(out, p)
		}
	}
	return oldestFirst(out)
}

// oldestFirst sorts points, in place.
func oldestFirst(points []*api.RecoveryPoint) []*api.RecoveryPoint {
	slices.SortFunc(points, func(a, b *api.RecoveryPoint) int {
		return cmp.Or(At(a).Compare(At(b)), strings.Compare(a.Name, b.Name))
	})
	return points
}

// drillsOf are the drills of this very policy: a drill that has started knows whose it is, and another is taken at its
// word, unless it is older than the policy, or was made for a namesake.
func drillsOf(b *api.BackupPolicy, drills []*api.RestoreDrill) []*api.RestoreDrill {
	var out []*api.RestoreDrill
	for _, d := range drills {
		run, label := d.Status.Run, d.Labels[api.LabelPolicyUID]
		switch {
		case run != nil && run.PolicyUID != string(b.UID):
		case run == nil && (DrillPolicy(d) != b.Name || (label != "" && label != string(b.UID)) || d.CreationTimestamp.Before(&b.CreationTimestamp)):
		default:
			out = append(out, d)
		}
	}
	return out
}

// PolicyUID is the UID of the policy a point belongs to; empty for a point that a user has only just created.
func PolicyUID(p *api.RecoveryPoint) string {
	if p.Status.Capture != nil {
		return p.Status.Capture.PolicyUID
	}
	if p.Spec.Slot != nil {
		return p.Labels[api.LabelPolicyUID]
	}
	return ""
}

// At orders points: by the moment their data are from, or, before that is known, by when they were asked for.
func At(p *api.RecoveryPoint) time.Time {
	switch {
	case p.Status.PointInTime != nil:
		return p.Status.PointInTime.Time
	case p.Status.Capture != nil:
		return p.Status.Capture.StartedAt.Time
	}
	return p.CreationTimestamp.Time
}

// Complete says whether a point can be restored whole.
func Complete(p *api.RecoveryPoint) bool {
	return meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionComplete)
}

// Proven says whether a drill restored a point.
func Proven(p *api.RecoveryPoint) bool {
	return meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionProven)
}

// activeUntil is until when a point counts as being captured; zero when it does not. A stuck capture cannot
// silence the schedule beyond its own deadline, with a minute for its last words.
func activeUntil(p *api.RecoveryPoint) time.Time {
	switch {
	case Finished(p) || !p.DeletionTimestamp.IsZero() || wasImported(p):
		return time.Time{}
	case p.Status.Capture == nil:
		return p.CreationTimestamp.Add(DefaultTimeout)
	}
	return p.Status.Capture.Deadline.Add(time.Minute)
}

// objectiveEnd is until when data of the given moment meet the objective: the RPO, or until two slots have passed.
func objectiveEnd(b *api.BackupPolicy, f facts, at time.Time) time.Time {
	if b.Spec.Objectives != nil && b.Spec.Objectives.RecoveryPoint != nil {
		return at.Add(b.Spec.Objectives.RecoveryPoint.Duration)
	}
	if f.calendarErr != nil {
		return time.Time{}
	}
	second := f.calendar.Next(f.calendar.Next(at))
	return second.Add(f.jitter + timeout(b.Spec.Snapshot))
}

func timeout(s *api.SnapshotOptions) time.Duration {
	if s == nil {
		return DefaultTimeout
	}
	return duration(s.Timeout, DefaultTimeout)
}

// protect finds for each claim the newest complete point that holds it. Points are given oldest first.
func protect(claims []Claim, points []*api.RecoveryPoint, end func(time.Time) time.Time) []protection {
	out := make([]protection, len(claims))
	open := make(map[string]int, len(claims)) // claim hash → place in out, while no point is found
	for i, c := range claims {
		out[i].claim = c.Name
		open[names.ClaimHash(c.UID)] = i
	}
	for i := len(points) - 1; i >= 0 && len(open) > 0; i-- {
		p := points[i]
		if !Complete(p) || p.Status.PointInTime == nil || p.Status.Capture == nil {
			continue
		}
		until := end(p.Status.PointInTime.Time)
		for _, member := range names.Members(p.Status.Capture.ClaimSet) {
			if at, ok := open[member]; ok {
				out[at].from, out[at].until = p.Status.PointInTime.Time, until
				delete(open, member)
			}
		}
	}
	return out
}

func volumeProblems(b *api.BackupPolicy, s Selection, k Cluster) []api.VolumeProblem {
	var out []api.VolumeProblem
	for _, m := range s.Missing {
		out = append(out, api.VolumeProblem{Claim: m, Reason: api.ReasonClaimMissing, Message: "spec.volumes.claims names a claim that does not exist"})
	}
	if !k.Snapshots {
		return out
	}
	named := ""
	if b.Spec.Snapshot != nil {
		named = b.Spec.Snapshot.ClassName
	}
	for _, c := range s.Claims {
		if _, p := classFor(c, named, k.Classes); p != nil {
			out = append(out, api.VolumeProblem{Claim: c.Name, Reason: p.Reason, Message: p.Message})
		}
	}
	return out
}
