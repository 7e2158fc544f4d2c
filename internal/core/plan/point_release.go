// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
)

// LettingGo says whether the snapshots of a point are being let go: retention said so, and a copy holds all of it. A hold keeps
// them until it is on record that they go; from then on some may be gone already, and what is left of them restores nothing.
func LettingGo(p *api.RecoveryPoint) bool {
	return Finished(p) && p.DeletionTimestamp.IsZero() && p.Status.Capture != nil && p.Status.SnapshotsReleasedAt == nil &&
		released(p, PartSnapshots) && (!p.Spec.Hold || going(p)) && len(completeCopies(p)) > 0
}

// going says whether it is on record that the snapshots of a point go. That is written only over the version that was looked at:
// whoever puts the point on hold was there before, and has them spared, or finds it written.
func going(p *api.RecoveryPoint) bool {
	c := findCondition(p.Status.Conditions, api.ConditionComplete)
	return c != nil && c.Reason == api.ReasonCopiesOnly && p.Status.Origin == nil
}

// planImported looks after a point that was made of copies: nothing is ever captured for it, and there is no snapshot to judge.
func (p *PointPlan) planImported(o PointObserved, now time.Time) {
	p.settled = true
	if o.Point.Status.Origin == nil {
		return // its import is still under way
	}
	p.state(o, now, byCopies(o.Point)...)
}

// planRelease lets the snapshots of a point go that lives on in its copies. Until they are told to go nothing has changed, and
// they are spared when a fresh look says so.
func (p *PointPlan) planRelease(o PointObserved, now time.Time) (taken bool) {
	q := o.Point
	if q.Status.SnapshotsReleasedAt == nil {
		if !LettingGo(q) || o.Fresh == nil || !LettingGo(o.Fresh) || o.NamespaceTerminating {
			return false
		}
		if BySnapshots(q) && (HeldPart(q, PartSnapshots, o.Policy, o.Siblings) != "" || damagedFor(o.Policy, o.Siblings, o.Repositories) != nil) {
			return false
		}
	}
	p.settled = true
	p.status.Volumes = letGoVolumes(q.Status.Volumes)
	if q.Status.SnapshotsReleasedAt == nil && !(going(q) && going(o.Fresh)) {
		p.state(o, now, byCopies(q)...) // this is on record first
		return true
	}
	if len(completeCopies(q)) > 0 {
		p.orderDeletion(o)
		p.watchDeletions(now)
	}
	gone := len(p.Delete) == 0 && p.DeleteGroup == nil && o.Cluster.Snapshots
	if q.Status.SnapshotsReleasedAt == nil && gone {
		p.status.SnapshotsReleasedAt = timePtr(now.Truncate(time.Second))
		p.Notes = append(p.Notes, Note{Reason: api.ReasonCopiesOnly, Message: "the snapshots were let go; the point lives on in its copies: " + strings.Join(completeCopies(q), ", ")})
	}
	said := byCopies(q)
	if was := findCondition(q.Status.Conditions, api.ConditionComplete); heldTooLate(q) && was.Message != said[0].Message {
		p.Notes = append(p.Notes, Note{Warning: true, Reason: api.ReasonHoldTooLate, Message: said[0].Message})
	}
	p.state(o, now, said...)
	return true
}

// holdTooLate ends what is said of a point that was put on hold while its snapshots went.
const holdTooLate = "; the hold came when they were being let go already, and keeps the copies alone"

func heldTooLate(p *api.RecoveryPoint) bool {
	was := findCondition(p.Status.Conditions, api.ConditionComplete)
	return p.Spec.Hold && p.Status.Origin == nil && was != nil && (p.Status.SnapshotsReleasedAt == nil || strings.HasSuffix(was.Message, holdTooLate))
}

// letGoVolumes are the records of volumes whose snapshots were let go: what they are brought back into is still known.
func letGoVolumes(was []api.VolumeRecord) []api.VolumeRecord {
	out := slices.Clone(was)
	for i := range out {
		out[i].State, out[i].Reason, out[i].Message, out[i].Snapshot, out[i].Content = api.VolumeReleased, "", "", "", ""
	}
	return out
}

// byCopies is what a point without snapshots is worth.
func byCopies(p *api.RecoveryPoint) []metav1.Condition {
	was := findCondition(p.Status.Conditions, api.ConditionComplete)
	have := completeCopies(p)
	switch {
	case len(have) == 0:
		message := "it has no snapshots, and none of its copies is complete; look at the repositories that status.copies names"
		return []metav1.Condition{conditions.Is(api.ConditionComplete, metav1.ConditionFalse, api.ReasonNoCompleteCopy, message), conditions.Stalled(api.ReasonNoCompleteCopy, message)}
	case p.Status.Origin != nil && was != nil && was.Status == metav1.ConditionTrue && was.Reason == api.ReasonCopiesOnly:
		return []metav1.Condition{*was}
	}
	message := fmt.Sprintf("it has no snapshots any more, and can be restored from its copies: %s", strings.Join(have, ", "))
	if heldTooLate(p) {
		message += holdTooLate
	}
	return []metav1.Condition{conditions.Is(api.ConditionComplete, metav1.ConditionTrue, api.ReasonCopiesOnly, message)}
}

// HeldPart says why a part of a point must not be let go yet; empty when it may be. Like Held it is asked on fresh reads, by
// whoever lets go: something else of the point must be restorable, the newest proven point stays whole, and of each volume the
// minimum of points that have this part stays.
func HeldPart(point *api.RecoveryPoint, part string, policy *api.BackupPolicy, siblings []*api.RecoveryPoint) string {
	switch {
	case point.Spec.Hold:
		return "spec.hold is true; set it to false to let a part of the point go"
	case policy == nil || string(policy.UID) != PolicyUID(point) || !policy.DeletionTimestamp.IsZero():
		return "its policy is gone, and nothing else lets parts of it go"
	case !remains(point, part):
		return "nothing else of the point could be restored"
	}
	if newest := newestProven(completeSiblings(point, siblings, restorablePoint)); newest != nil && newest.UID == point.UID {
		return "it is the newest point that was proven to be restorable"
	}
	keep := retentionOfPart(policy, part)
	if keep == nil {
		return "the policy has no such target any more, and so nothing says for how long the copy is kept"
	}
	if part == PartSnapshots && !BySnapshots(point) {
		return "" // what is left of them is not worth a whole point's
	}
	has := hasPart(part)
	good := completeSiblings(point, siblings, func(q *api.RecoveryPoint) bool { return q.UID == point.UID || has(q) })
	return amongLast(point, good, max(1, int(keep.Minimum)))
}

// remains says whether a point can be restored without a part.
func remains(p *api.RecoveryPoint, part string) bool {
	if part != PartSnapshots && BySnapshots(p) && !released(p, PartSnapshots) {
		return true
	}
	return slices.ContainsFunc(completeCopies(p), func(target string) bool { return partCopy+target != part })
}

// hasPart says of points whether they have a part whole, and it is not let go.
func hasPart(part string) func(*api.RecoveryPoint) bool {
	if target, is := strings.CutPrefix(part, partCopy); is {
		return func(p *api.RecoveryPoint) bool { return copiedTo(p, target) }
	}
	return func(p *api.RecoveryPoint) bool { return BySnapshots(p) && (p.Spec.Hold || !released(p, PartSnapshots)) }
}

// retentionOfPart is what says for how long a part is kept; nil when nothing does any more.
func retentionOfPart(b *api.BackupPolicy, part string) *api.Retention {
	if part == PartSnapshots {
		return &b.Spec.Retention
	}
	for i := range b.Spec.Copies {
		if t := &b.Spec.Copies[i]; partCopy+t.Name == part {
			return targetRetention(b, t)
		}
	}
	return nil
}

func targetRetention(b *api.BackupPolicy, t *api.CopyTarget) *api.Retention {
	if t.Retention != nil {
		return t.Retention
	}
	return &b.Spec.Retention
}
