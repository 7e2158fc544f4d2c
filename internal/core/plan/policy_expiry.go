// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

// keepIncomplete is how long a point that did not become complete is left for people to look at.
const keepIncomplete = time.Hour

// mostExpiring is how many expiring points are shown, and so how many expire in one pass.
const mostExpiring = 20

// planExpiry states why each point is kept, shows what nothing keeps, points and parts of them, and lets go what was shown and whose
// time has come.
func (p *PolicyPlan) planExpiry(o PolicyObserved, f facts, found []drift.Finding, now time.Time) {
	k := keepingOf(o, f, now)
	frozen := !mayExpire(o, f) || drift.HoldsPruning(found)
	p.Keep = k.changes(frozen)
	p.wakeAt(NextCopySlot(o.Policy, now))
	p.Status.Expiring = nil
	if frozen {
		return
	}
	shown := o.Policy.Status.Expiring
	all := p.expiring(f.points, k, shown, o.Settings.Grace, now)
	for _, e := range all {
		if e.At.After(now) {
			p.wakeAt(e.At.Time)
			continue
		}
		if drilled(f.drills, e.UID) {
			continue // it goes once the drill has ended
		}
		if restored(o.Restores, e.UID) {
			p.wakeAt(now.Add(waitAgain)) // it goes once the restore has ended
			continue
		}
		if slices.ContainsFunc(shown, func(s api.ExpiringPoint) bool { return s.UID == e.UID && s.Part == e.Part && !s.At.After(now) }) {
			p.letGo(e, now)
		} else {
			p.wakeAt(now) // it is shown first, and looked at again once that was written
		}
	}
	p.Status.Expiring = all
}

func (p *PolicyPlan) letGo(e api.ExpiringPoint, now time.Time) {
	t := Target{Name: e.Name, UID: e.UID}
	if e.Part == "" {
		p.Expire = append(p.Expire, t)
		return
	}
	p.Release = append(p.Release, ReleaseOrder{Target: t, Part: e.Part, At: now.UTC().Truncate(time.Second)})
}

// drilled says whether a drill of a point is under way.
func drilled(drills []*api.RestoreDrill, pointUID string) bool {
	return slices.ContainsFunc(drills, func(d *api.RestoreDrill) bool {
		return d.Status.Verdict == "" && d.Status.Run != nil && d.Status.Run.RecoveryPoint.UID == pointUID
	})
}

// restored says whether a restore of a point is under way. The point of the state before, which a restore in place takes, must
// not push out the very point that is restored.
func restored(restores []*api.Restore, pointUID string) bool {
	return slices.ContainsFunc(restores, func(r *api.Restore) bool {
		return !RestoreEnded(r) && r.Status.Run != nil && r.Status.Run.RecoveryPoint.UID == pointUID
	})
}

// mayExpire is false while anything is in doubt: suspended, a selection that cannot be evaluated, storage that cannot be looked at.
// Findings that put the data themselves in doubt hold too, see drift.HoldsPruning.
func mayExpire(o PolicyObserved, f facts) bool {
	if o.Unread[drift.FactSelection] != "" || o.Unread[drift.FactPoints] != "" || o.Unread[drift.FactDrills] != "" {
		return false
	}
	if o.Policy.Spec.Suspend || o.NamespaceTerminating || !o.Cluster.Snapshots || f.selection.Problem != nil || f.calendarErr != nil {
		return false
	}
	if copiesInDoubt(o, f.points) {
		return false
	}
	for _, p := range f.points {
		if c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete); Finished(p) && c != nil && c.Status == metav1.ConditionUnknown {
			return false
		}
	}
	return true
}

// copiesInDoubt says whether copies are in play and nobody knows what they are worth: they cannot be read, or a repository is damaged.
func copiesInDoubt(o PolicyObserved, points []*api.RecoveryPoint) bool {
	return copiesInPlay(o.Policy, points) && (o.Unread[drift.FactCopies] != "" || damagedFor(o.Policy, points, o.Repositories) != nil)
}

// expiring lists what nothing keeps, soonest first. It keeps the time it was first shown with, unless an edit of the retention puts it off.
func (p *PolicyPlan) expiring(points []*api.RecoveryPoint, k keeping, shown []api.ExpiringPoint, grace time.Duration, now time.Time) []api.ExpiringPoint {
	var out []api.ExpiringPoint
	at := now.Truncate(time.Second)
	passed := at
	if since := p.Status.Applied.RetentionSince; since != nil && edited(p.Status.Applied, points) && since.Add(grace).After(at) {
		passed = since.Add(grace)
	}
	expiry := func(q *api.RecoveryPoint, part, reason string, earliest time.Time) {
		id := string(q.UID)
		if was := slices.IndexFunc(shown, func(e api.ExpiringPoint) bool { return e.UID == id && e.Part == part }); was >= 0 && earliest.Equal(at) {
			earliest = shown[was].At.Time
		}
		out = append(out, api.ExpiringPoint{Name: q.Name, UID: id, Part: part, At: metav1.NewTime(earliest.UTC()), Reason: reason})
	}
	for i, q := range k.points {
		if !k.whole[i].Complete {
			continue
		}
		for _, part := range k.loses(i) {
			if part == PartSnapshots && !BySnapshots(q) {
				expiry(q, part, api.ReasonSuperseded, supersededFrom(q, at, passed))
				continue
			}
			expiry(q, part, api.ReasonRetentionPassed, passed)
		}
	}
	for _, id := range k.superseded {
		q := byUID(points, id)
		expiry(q, "", api.ReasonSuperseded, supersededFrom(q, at, passed))
	}
	slices.SortFunc(out, func(a, b api.ExpiringPoint) int {
		return cmp.Or(a.At.Compare(b.At.Time), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Part, b.Part))
	})
	return out[:min(len(out), mostExpiring)]
}

// supersededFrom is when a point that newer ones make superfluous may go. One that lost something would be there but for what
// retention says, and so has the grace of an edit.
func supersededFrom(p *api.RecoveryPoint, at, passed time.Time) time.Time {
	if lostPoint(p) {
		return passed
	}
	return at
}

// edited says whether the retention in force is younger than some point: for a policy that is as it was created, no grace is owed.
func edited(applied *api.AppliedSpec, points []*api.RecoveryPoint) bool {
	return slices.ContainsFunc(points, func(p *api.RecoveryPoint) bool { return p.CreationTimestamp.Before(applied.RetentionSince) })
}

func byUID(points []*api.RecoveryPoint, uid string) *api.RecoveryPoint {
	i := slices.IndexFunc(points, func(p *api.RecoveryPoint) bool { return string(p.UID) == uid })
	return points[i]
}

// settledPoints leaves out what is being captured or deleted: neither can push another point out.
func settledPoints(points []*api.RecoveryPoint) []*api.RecoveryPoint {
	out := make([]*api.RecoveryPoint, 0, len(points))
	for _, p := range points {
		if Finished(p) && p.DeletionTimestamp.IsZero() {
			out = append(out, p)
		}
	}
	return out
}

// retentionPoints says what retention needs to know of each point, by what counts as complete. Points of the same claims share one list of them.
func retentionPoints(points []*api.RecoveryPoint, complete func(*api.RecoveryPoint) bool) []retention.Point {
	out := make([]retention.Point, len(points))
	sets := map[string][]string{}
	var last string // neighbours mostly hold the same claims, and comparing is cheaper than looking up
	var set []string
	for i, p := range points {
		out[i] = retention.Point{
			ID: string(p.UID), At: At(p), Held: p.Spec.Hold, Complete: complete(p),
			Proven: Proven(p),
		}
		if p.Status.Capture == nil {
			continue
		}
		if s := p.Status.Capture.ClaimSet; s != last {
			known, is := sets[s]
			if !is {
				known = names.Members(s)
				sets[s] = known
			}
			last, set = s, known
		}
		out[i].Lineages = set
		if !out[i].Complete {
			out[i].Lineages = captured(set, p.Status.Volumes)
		}
	}
	return out
}

// captured are the claims that an incomplete point does hold: those not recorded as failed, which are recorded first.
func captured(set []string, records []api.VolumeRecord) []string {
	failed := map[string]bool{}
	for _, r := range records {
		if r.State != api.VolumeCaptured {
			failed[names.ClaimHash(r.ClaimUID)] = true
		}
	}
	var out []string
	for _, member := range set {
		if !failed[member] {
			out = append(out, member)
		}
	}
	return out
}

func lineages(claims []Claim) []string {
	out := make([]string, len(claims))
	for i, c := range claims {
		out[i] = names.ClaimHash(c.UID)
	}
	return out
}

func rulesOf(r api.Retention, zone *time.Location) retention.Rules {
	return retention.Rules{
		Last: int(r.Last), Hourly: int(r.Hourly), Daily: int(r.Daily), Weekly: int(r.Weekly),
		Monthly: int(r.Monthly), Yearly: int(r.Yearly), Minimum: int(r.Minimum), Location: zone,
	}
}

// changes names the points whose reasons differ from what they say, and those of which something that was let go is wanted again.
func (k *keeping) changes(frozen bool) []KeepChange {
	var out []KeepChange
	var why []string
	for i, p := range k.points {
		why = k.reasons(i, why[:0])
		again := k.retakes(i, frozen)
		if len(again) > 0 || !slices.Equal(why, p.Status.Keep) {
			out = append(out, KeepChange{Target: target(p), Reasons: append([]string(nil), why...), Again: again, Parted: k.copies != nil})
		}
	}
	return out
}
