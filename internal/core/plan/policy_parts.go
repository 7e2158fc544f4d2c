// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/retention"
)

const (
	// keepCopyPending is why snapshots are kept that no rule wants: a promised copy is not complete, or cannot be relied on now.
	keepCopyPending = "copy-pending"
	// keepNoTarget is why a copy is kept whose target the policy does not name any more: nothing says for how long. It goes with
	// its point, when that is deleted, or is judged again once the target is back.
	keepNoTarget = "no-target"
	// mostReasons bounds the reasons that a point shows.
	mostReasons = 64
)

// keeping is what retention makes of the points of a policy, part by part: their snapshots, and one copy for each target.
type keeping struct {
	points     []*api.RecoveryPoint // settled ones, oldest first
	whole      []retention.Verdict  // by whatever they can be restored from
	snapshots  []retention.Verdict  // by their snapshots alone
	copies     [][]copyPart         // of each point; nil where no copies are in play
	superseded []string             // that cannot be restored, and are no longer needed
	spent      []string             // that have lost snapshots, and whose others are no longer needed
	pending    map[string][]string  // the targets to which points are still to be copied
}

// copyPart is a complete copy of a point.
type copyPart struct {
	target string
	sound  bool     // its repository is there, and is the one that was written to
	why    []string // it is kept
}

func keepingOf(o PolicyObserved, f facts, now time.Time) keeping {
	k := keeping{points: settledPoints(f.points)}
	active, rules := lineages(f.selection.Claims), rulesOf(o.Policy.Spec.Retention, f.calendar.Location())
	whole := retentionPoints(k.points, restorablePoint)
	k.whole = retention.Decide(whole, active, rules, now)
	k.superseded = spare(retention.Superseded(whole, now, keepIncomplete), k.points, restorablePoint, active, rules, now)
	if !copiesInPlay(o.Policy, k.points) {
		k.snapshots = k.whole
		return k
	}
	snapshots := retentionPoints(k.points, BySnapshots)
	k.snapshots = retention.Decide(snapshots, active, rules, now)
	k.spent = spare(retention.Superseded(snapshots, now, keepIncomplete), k.points, BySnapshots, active, rules, now)
	k.pending = CopyDue(o.Policy, f.points, now)
	k.judgeCopies(o, f, now)
	return k
}

// copiesInPlay says whether a policy promises copies, or has some.
func copiesInPlay(b *api.BackupPolicy, points []*api.RecoveryPoint) bool {
	return len(b.Spec.Copies) > 0 || slices.ContainsFunc(points, func(p *api.RecoveryPoint) bool { return len(p.Status.Copies) > 0 })
}

// judgeCopies judges the copies of each target by that target's retention.
func (k *keeping) judgeCopies(o PolicyObserved, f facts, now time.Time) {
	k.copies = make([][]copyPart, len(k.points))
	active := activeOf(counted(o.Policy, f.points))
	targets := map[string]bool{}
	for i := range o.Policy.Spec.Copies {
		t := &o.Policy.Spec.Copies[i]
		targets[t.Name] = true
		var places []int
		var there []*api.RecoveryPoint
		for n, p := range k.points {
			if copiedTo(p, t.Name) {
				places, there = append(places, n), append(there, p)
			}
		}
		for n, v := range decideCopies(o.Policy, t, there, active, now) {
			part := copyPart{target: t.Name, sound: soundCopy(o, there[n], t.Name)}
			for _, r := range v.Why {
				part.why = append(part.why, r.Rule.String())
			}
			k.copies[places[n]] = append(k.copies[places[n]], part)
		}
	}
	for n, p := range k.points {
		for _, name := range completeCopies(p) {
			if !targets[name] {
				k.copies[n] = append(k.copies[n], copyPart{target: name, sound: soundCopy(o, p, name), why: []string{keepNoTarget}})
			}
		}
	}
}

// soundCopy says whether snapshots may be let go for the sake of a copy: its repository is there, and is the one that was written to.
func soundCopy(o PolicyObserved, p *api.RecoveryPoint, target string) bool {
	i := slices.IndexFunc(p.Status.Copies, func(c api.CopyRecord) bool { return c.Name == target })
	c := &p.Status.Copies[i]
	r := o.Repositories[c.Repository]
	return r != nil && r.DeletionTimestamp.IsZero() && r.Status.Damage == nil && r.Status.UniqueID != "" && r.Status.UniqueID == c.RepositoryID
}

// protected says whether a point is kept whole: on hold, among the last good ones, the newest proven one, or of an age in doubt.
// The rules for hours to years, and the one for the last points, judge each part on its own.
func (k *keeping) protected(i int) bool {
	return slices.ContainsFunc(k.whole[i].Why, protects)
}

func protects(r retention.Reason) bool { return r.Rule >= retention.Minimum }

// keepsSnapshots says whether the snapshots of a point are kept. Of one that has lost some, the others are kept for as long as those
// of a point that never became complete.
func (k *keeping) keepsSnapshots(i int) bool {
	p := k.points[i]
	switch {
	case !hasSnapshots(p):
		return false
	case !BySnapshots(p):
		return !slices.Contains(k.spent, string(p.UID)) || k.protected(i)
	}
	return k.protected(i) || k.snapshots[i].Keep() || k.waitsForCopy(i)
}

// hasSnapshots says whether there may be something left to let go.
func hasSnapshots(p *api.RecoveryPoint) bool {
	c := findCondition(p.Status.Conditions, api.ConditionComplete)
	return p.Status.SnapshotsReleasedAt == nil && (c == nil || c.Reason != api.ReasonCopiesOnly)
}

// waitsForCopy says whether a point is still to be copied, or is being copied.
func (k *keeping) waitsForCopy(i int) bool {
	p := k.points[i]
	return BySnapshots(p) && (len(k.pending[string(p.UID)]) > 0 ||
		slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool { return c.State == api.CopyCopying }))
}

func (k *keeping) copiesOf(i int) []copyPart {
	if k.copies == nil {
		return nil
	}
	return k.copies[i]
}

func (k *keeping) keepsCopy(i int, c copyPart) bool { return len(c.why) > 0 || k.protected(i) }

// loses says which parts of a point that can be restored are not kept any more; the empty part is all of it. Snapshots go only
// when a copy that is kept can be relied on now.
func (k *keeping) loses(i int) []string {
	p := k.points[i]
	snapshots := k.keepsSnapshots(i)
	kept, sound := 0, false
	var parts []string
	for _, c := range k.copiesOf(i) {
		if !k.keepsCopy(i, c) {
			parts = append(parts, partCopy+c.target)
			continue
		}
		kept++
		sound = sound || c.sound
	}
	switch {
	case !snapshots && kept == 0:
		return []string{""}
	case kept == 0 && !BySnapshots(p):
		return nil // what is left of its snapshots restores nothing: without a copy it would be worth less than it is
	case !snapshots && sound && hasSnapshots(p) && !released(p, PartSnapshots):
		parts = append(parts, PartSnapshots)
	}
	return parts
}

// unsound says whether snapshots that nothing else keeps stay because no copy that is kept can be relied on now.
func (k *keeping) unsound(i int) bool {
	copies := k.copiesOf(i)
	keeps := func(c copyPart) bool { return k.keepsCopy(i, c) }
	return BySnapshots(k.points[i]) && !k.keepsSnapshots(i) && slices.ContainsFunc(copies, keeps) &&
		!slices.ContainsFunc(copies, func(c copyPart) bool { return c.sound && keeps(c) })
}

// reasons says why a point that can be restored is kept. Places within a rule are left out: they move with every new point, and
// each would cost a write.
func (k *keeping) reasons(i int, out []string) []string {
	if !k.whole[i].Complete {
		return out
	}
	for _, r := range k.rulesFor(i) {
		out = append(out, r.Rule.String()) // each rule is there at most once
	}
	if k.waitsForCopy(i) || k.unsound(i) {
		out = append(out, keepCopyPending)
	}
	for _, c := range k.copiesOf(i) {
		for _, why := range c.why {
			out = append(out, c.target+":"+why)
		}
	}
	return out[:min(len(out), mostReasons)]
}

// rulesFor are the rules that keep the snapshots of a point, and those that keep it whole.
func (k *keeping) rulesFor(i int) []retention.Reason {
	if k.copies == nil {
		return k.whole[i].Why
	}
	var out []retention.Reason
	for _, r := range k.whole[i].Why {
		if protects(r) {
			out = append(out, r)
		}
	}
	if BySnapshots(k.points[i]) {
		out = append(out, k.snapshots[i].Why...)
	}
	slices.SortFunc(out, func(a, b retention.Reason) int { return int(a.Rule) - int(b.Rule) })
	return slices.CompactFunc(out, func(a, b retention.Reason) bool { return a.Rule == b.Rule })
}

// retakes are the parts that were let go and are wanted again before that was carried out: snapshots that are all there still, and
// copies that are gone and due anew.
func (k *keeping) retakes(i int, frozen bool) []string {
	p := k.points[i]
	var out []string
	if released(p, PartSnapshots) && BySnapshots(p) && (frozen || k.keepsSnapshots(i) || k.unsound(i) || len(completeCopies(p)) == 0) {
		out = append(out, PartSnapshots)
	}
	for _, target := range k.pending[string(p.UID)] {
		there := slices.ContainsFunc(p.Status.Copies, func(c api.CopyRecord) bool { return c.Name == target })
		if released(p, partCopy+target) && !there {
			out = append(out, partCopy+target)
		}
	}
	return out
}
