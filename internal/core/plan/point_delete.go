// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/conditions"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// groupLook is when to look again at a group snapshot that is being deleted: it is not watched.
const groupLook = 5 * time.Second

// planDeletion deletes a point's snapshots with their bytes, unless the point must not go yet. A point that goes
// with its namespace, or with the very definition of points, goes alone: its snapshots stay on the storage system.
func (p *PointPlan) planDeletion(o PointObserved, now time.Time) {
	p.settled = true
	if !slices.Contains(o.Point.Finalizers, api.FinalizerSnapshots) {
		return
	}
	if c := o.Point.Status.Capture; c != nil && !Finished(o.Point) && o.Settings.HooksEnabled && !o.NamespaceTerminating {
		if p.Hooks = openHooks(o.Point, api.HookAfter); len(p.Hooks) > 0 {
			return
		}
	}
	if o.NamespaceTerminating || o.Withdrawn {
		p.Finalizer = FinalizerRelease
		return
	}
	why := Held(o.Point, o.Policy, o.Siblings)
	if why == "" && restorablePoint(o.Point) {
		why = HeldByDamage(o.Policy, o.Siblings, o.Repositories)
	}
	if why != "" {
		p.state(o, now, keptConditions(o.Point, conditions.Stalled(api.ReasonDeletionHeld, why))...)
		p.noteOnce(o, api.ReasonDeletionHeld, why)
		return
	}
	p.orderDeletion(o)
	p.watchDeletions(now)
	if len(p.Delete) == 0 && p.DeleteGroup == nil {
		if o.Cluster.Snapshots || o.Point.Status.Capture == nil {
			p.Finalizer = FinalizerRelease
		}
		return
	}
	p.state(o, now, keptConditions(o.Point, conditions.Reconciling(api.ReasonDeleting, fmt.Sprintf("%d snapshots are being deleted", len(p.Delete))))...)
}

func (p *PointPlan) orderDeletion(o PointObserved) {
	if o.Group != nil {
		g := *o.Group
		p.DeleteGroup = &g
	}
	for _, s := range Genuine(o.Point, o.Snapshots) {
		d := deleteOrder(s)
		d.Version = ""
		p.Delete = append(p.Delete, d)
	}
	for _, k := range o.Strays {
		p.Delete = append(p.Delete, DeleteOrder{Content: Target{k.Name, k.UID}, Deleting: k.Deleting, Since: k.DeletingSince})
	}
}

// keptConditions are those that deletion does not touch, with one more.
func keptConditions(p *api.RecoveryPoint, more metav1.Condition) []metav1.Condition {
	out := []metav1.Condition{more}
	if c := findCondition(p.Status.Conditions, api.ConditionComplete); c != nil {
		out = append(out, *c)
	}
	return out
}

func (p *PointPlan) noteOnce(o PointObserved, reason, message string) {
	if c := findCondition(o.Point.Status.Conditions, api.ConditionStalled); c == nil || c.Reason != reason {
		p.Notes = append(p.Notes, Note{Warning: true, Reason: reason, Message: message})
	}
}

// Held says why a point must not be deleted yet; empty when it may be. It is asked on fresh reads, by whoever deletes:
// of each volume the policy's minimum of complete points stays, the newest proven point stays, and what is on hold stays.
// Points that are on their way out do not count as staying; among them the newest are held back.
func Held(point *api.RecoveryPoint, policy *api.BackupPolicy, siblings []*api.RecoveryPoint) string {
	if point.Spec.Hold {
		return "spec.hold is true; set it to false to let the point go"
	}
	if !restorablePoint(point) || policy == nil || string(policy.UID) != PolicyUID(point) {
		return ""
	}
	if !policy.DeletionTimestamp.IsZero() && policy.Spec.OnDelete == api.OnDeletePrune {
		return ""
	}
	good := completeSiblings(point, siblings, restorablePoint)
	if newest := newestProven(good); newest != nil && newest.UID == point.UID {
		return "it is the newest point that was proven to be restorable"
	}
	return amongLast(point, good, max(1, int(policy.Spec.Retention.Minimum)))
}

// amongLast says why a point must stay, when of some volume too few others that come before it hold as much.
func amongLast(point *api.RecoveryPoint, good []*api.RecoveryPoint, floor int) string {
	before := holders(good, point)
	for _, claim := range names.Members(point.Status.Capture.ClaimSet) {
		if before[claim] < floor {
			return fmt.Sprintf("it is among the last %d complete points of a volume; it goes once there are newer ones, or once the policy is deleted", floor)
		}
	}
	return ""
}

// completeSiblings are the points of the same policy of which something is complete: first those that stay, then those that go; each newest first.
func completeSiblings(point *api.RecoveryPoint, siblings []*api.RecoveryPoint, complete func(*api.RecoveryPoint) bool) []*api.RecoveryPoint {
	var stay, going []*api.RecoveryPoint
	for _, q := range siblings {
		switch {
		case !complete(q) || q.Status.Capture == nil || PolicyUID(q) != PolicyUID(point):
		case q.DeletionTimestamp.IsZero():
			stay = append(stay, q)
		default:
			going = append(going, q)
		}
	}
	newestFirst := func(a, b *api.RecoveryPoint) int {
		return cmp.Or(At(b).Compare(At(a)), cmp.Compare(b.Name, a.Name))
	}
	slices.SortFunc(stay, newestFirst)
	slices.SortFunc(going, newestFirst)
	return slices.Concat(stay, going)
}

func newestProven(good []*api.RecoveryPoint) *api.RecoveryPoint {
	var newest *api.RecoveryPoint
	for _, q := range good {
		if Proven(q) && (newest == nil || At(q).After(At(newest))) {
			newest = q
		}
	}
	return newest
}

// holders counts, for each claim, the points that hold it and come before the given one.
func holders(good []*api.RecoveryPoint, point *api.RecoveryPoint) map[string]int {
	n := make(map[string]int)
	for _, q := range good {
		if q.UID == point.UID {
			break
		}
		for _, claim := range names.Members(q.Status.Capture.ClaimSet) {
			n[claim]++
		}
	}
	return n
}
