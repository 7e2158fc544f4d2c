// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
	"github.com/lifeboat-dev/lifeboat/internal/core/schedule"
)

// The parts of a point that retention lets go, each on its own: its snapshots, and each of its copies.
const (
	PartSnapshots = "snapshots"
	partCopy      = "copy/" // with the target's name
)

// CopyDue is by a point's UID the names of the targets that it is to be copied to now, one whose copy is under way or failed too.
// Only points of this very policy that have snapshots can be copied.
func CopyDue(b *api.BackupPolicy, points []*api.RecoveryPoint, now time.Time) map[string][]string {
	mine := counted(b, points)
	due := map[string][]string{}
	for i := range b.Spec.Copies {
		t := &b.Spec.Copies[i]
		for _, p := range dueInto(b, t, mine, now) {
			due[string(p.UID)] = append(due[string(p.UID)], t.Name)
		}
	}
	return due
}

// NextCopySlot is the next instant at which a target's cron makes another point due; zero when none has one.
func NextCopySlot(b *api.BackupPolicy, now time.Time) time.Time {
	var next time.Time
	for i := range b.Spec.Copies {
		if c, err := schedule.Parse(b.Spec.Copies[i].Cron, zoneName(b)); err == nil {
			next = sooner(next, c.Next(now))
			if _, until := captureBefore(b, c, c.Previous(now)); until.After(now) {
				next = sooner(next, until)
			}
		}
	}
	return next
}

// counted are the points of this very policy that have snapshots or a copy, oldest first. What is captured or deleted is left out.
func counted(b *api.BackupPolicy, points []*api.RecoveryPoint) []*api.RecoveryPoint {
	var out []*api.RecoveryPoint
	for _, p := range points {
		if p.Spec.Policy.Name == b.Name && p.Status.Capture != nil && PolicyUID(p) == string(b.UID) && !wasImported(p) &&
			p.DeletionTimestamp.IsZero() && restorablePoint(p) {
			out = append(out, p)
		}
	}
	return oldestFirst(out)
}

// wasImported says whether a point was made of copies that a repository holds. One whose import is still under way bears the
// annotation alone; on a point that was captured here it means nothing.
func wasImported(p *api.RecoveryPoint) bool {
	return p.Status.Origin != nil || (p.Status.Capture == nil && p.Annotations[api.AnnotationImportedFrom] != "")
}

// BySnapshots says whether a point can be restored whole from its snapshots.
func BySnapshots(p *api.RecoveryPoint) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete)
	return Complete(p) && c.Reason != api.ReasonCopiesOnly && p.Status.SnapshotsReleasedAt == nil && !wasImported(p)
}

// restorablePoint says whether a point can be restored whole, from its snapshots or from a copy. It is what retention counts:
// one whose snapshots were lost with their storage system is not worth less for it while a copy holds all of it.
func restorablePoint(p *api.RecoveryPoint) bool {
	return BySnapshots(p) || len(completeCopies(p)) > 0
}

// copyGoes says whether the copy into a target is to be removed: retention let it go, and no hold came before that was begun.
func copyGoes(p *api.RecoveryPoint, target string) bool {
	return released(p, partCopy+target) && !p.Spec.Hold
}

// completeCopies are the names of the targets that hold all of a point, but for those that go.
func completeCopies(p *api.RecoveryPoint) []string {
	_, copies := Restorable(p)
	var out []string
	for i := range copies {
		if !copyGoes(p, copies[i].Name) {
			out = append(out, copies[i].Name)
		}
	}
	return out
}

func copiedTo(p *api.RecoveryPoint, target string) bool {
	return slices.Contains(completeCopies(p), target)
}

// released says whether retention let a part of a point go.
func released(p *api.RecoveryPoint, part string) bool {
	return slices.ContainsFunc(p.Status.Release, func(r api.ReleasedPart) bool { return r.Part == part })
}

// dueInto are the points that are to be copied to one target. Points are given oldest first.
func dueInto(b *api.BackupPolicy, t *api.CopyTarget, points []*api.RecoveryPoint, now time.Time) []*api.RecoveryPoint {
	if t.Cron != "" {
		out := anewInto(t.Name, points)
		for _, p := range dueAtSlot(b, t, points, now) {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		return out
	}
	var out []*api.RecoveryPoint
	var among []*api.RecoveryPoint
	for _, p := range points {
		if BySnapshots(p) || copiedTo(p, t.Name) {
			among = append(among, p)
		}
	}
	for i, v := range decideCopies(b, t, among, activeOf(points), now) {
		if keptByRule(v) && !copiedTo(among[i], t.Name) {
			out = append(out, among[i])
		}
	}
	return out
}

// keptByRule says whether a point is kept for more than that the clock is in doubt: a wrong clock must not have everything copied.
func keptByRule(v retention.Verdict) bool {
	return slices.ContainsFunc(v.Why, func(r retention.Reason) bool { return r.Rule != retention.ClockInDoubt })
}

// dueAtSlot is the newest point that stands for an instant not after the target's newest slot, unless it or a newer one is there:
// after an outage one copy makes up for all slots that passed.
func dueAtSlot(b *api.BackupPolicy, t *api.CopyTarget, points []*api.RecoveryPoint, now time.Time) []*api.RecoveryPoint {
	c, err := schedule.Parse(t.Cron, zoneName(b))
	if err != nil {
		return nil
	}
	slot := c.Previous(now)
	captured, until := captureBefore(b, c, slot)
	there := func(p *api.RecoveryPoint) bool { return !standsFor(p).Before(captured) }
	if until.After(now) && !slices.ContainsFunc(points, there) {
		return nil // the one that is meant is about to be captured
	}
	for i := len(points) - 1; i >= 0; i-- {
		p := points[i]
		switch {
		case copiedTo(p, t.Name):
			return nil
		case BySnapshots(p) && !standsFor(p).After(slot):
			return points[i : i+1]
		}
	}
	return nil
}

// standsFor is the instant that a point stands for: its slot, which its data are always a little younger than.
func standsFor(p *api.RecoveryPoint) time.Time {
	if p.Spec.Slot != nil {
		return p.Spec.Slot.Time
	}
	return At(p)
}

// captureBefore is the newest slot of the policy's schedule that is not after a target's slot, and until when its point is waited
// for, so that where both come at the same time the new point is copied, and not the one of the time before. It is not waited for
// beyond the middle of the time to the target's next slot: captures that fail again and again must not keep older points from being copied.
func captureBefore(b *api.BackupPolicy, target schedule.Calendar, slot time.Time) (captured, until time.Time) {
	c, err := schedule.Parse(b.Spec.Schedule.Cron, zoneName(b))
	if err != nil || b.Spec.Suspend || slot.IsZero() {
		return time.Time{}, time.Time{}
	}
	if captured = c.Previous(slot); captured.IsZero() {
		return captured, captured
	}
	until = captured.Add(schedule.Jitter(string(b.UID), orNone(b.Spec.Schedule.Jitter)) + timeout(b.Spec.Snapshot))
	if next := target.Next(slot); !next.IsZero() {
		until = sooner(until, slot.Add(next.Sub(slot)/2))
	}
	return captured, until
}

// decideCopies is what a target's retention makes of points that are there, or would be.
func decideCopies(b *api.BackupPolicy, t *api.CopyTarget, points []*api.RecoveryPoint, active []string, now time.Time) []retention.Verdict {
	in := make([]retention.Point, len(points))
	for i, p := range points {
		in[i] = retention.Point{ID: string(p.UID), At: At(p), Complete: true, Proven: Proven(p), Held: p.Spec.Hold, Lineages: names.Members(p.Status.Capture.ClaimSet)}
	}
	return retention.Decide(in, active, targetRules(b, t), now)
}

// activeOf are the claims that count as selected for copies: those of the newest point. What is due and what is kept are asked
// about at different times and places, and must not disagree, or what is let go would be copied again. Points are given oldest first.
func activeOf(points []*api.RecoveryPoint) []string {
	if len(points) == 0 {
		return nil
	}
	return names.Members(points[len(points)-1].Status.Capture.ClaimSet)
}

func targetRules(b *api.BackupPolicy, t *api.CopyTarget) retention.Rules {
	c, _ := schedule.Parse(b.Spec.Schedule.Cron, zoneName(b)) // nothing expires for a policy whose schedule cannot be understood
	return rulesOf(*targetRetention(b, t), c.Location())
}
