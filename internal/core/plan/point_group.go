// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
)

// freezeGroup decides, once and for all, whether the point is taken as a group.
func (p *PointPlan) freezeGroup(o PointObserved, s Selection, now time.Time) {
	c := p.status.Capture
	want := c.Snapshot.Consistency
	if want != api.ConsistencyGroup && want != api.ConsistencyPreferGroup {
		return
	}
	class, bad := groupClass(s, c.Snapshot.GroupClassName, o.Cluster)
	switch {
	case bad == nil:
		c.Snapshot.GroupClassName = class
		c.Selector = o.Policy.Spec.Volumes.Selector.DeepCopy()
		p.status.Consistency = api.ConsistencyGroup
		p.status.GroupSnapshot = names.GroupSnapshot(o.Policy.Name, c.PolicyUID, c.Run, s.Claims[0].Driver)
	case want == api.ConsistencyGroup:
		p.finish(o, *bad, now)
	default:
		p.Notes = append(p.Notes, Note{Reason: bad.Reason, Message: "each volume is captured at its own instant: " + bad.Message})
	}
}

// groupClass resolves the class of a group snapshot of all selected claims, or says why there cannot be one.
func groupClass(s Selection, named string, k Cluster) (string, *Problem) {
	if !k.Groups {
		return "", &Problem{api.ReasonGroupUnsupported, "the cluster does not serve VolumeGroupSnapshots"}
	}
	driver := s.Claims[0].Driver
	for _, c := range s.Claims {
		if bad := uncapturable(c); bad != nil {
			return "", &Problem{bad.Reason, fmt.Sprintf("claim %s: %s", c.Name, bad.Message)}
		}
		if c.Driver != driver {
			return "", &Problem{api.ReasonGroupSpansDrivers, fmt.Sprintf("claims %s and %s belong to the drivers %s and %s; a group cannot span drivers", s.Claims[0].Name, c.Name, driver, c.Driver)}
		}
	}
	class, bad := groupClasses.byDefault(driver, k.GroupClasses)
	if named != "" {
		class, bad = groupClasses.named(driver, named, k.GroupClasses)
	}
	if bad != nil {
		return "", &Problem{api.ReasonGroupUnsupported, bad.Message}
	}
	return class, nil
}

// orderGroup asks for the group snapshot, and marks the snapshots it brings as ours.
func (p *PointPlan) orderGroup(o PointObserved, now time.Time) {
	if g := o.Group; g != nil {
		p.orderAdoption(*g)
		return
	}
	if now.Before(o.RetryAt) {
		p.wakeAt(o.RetryAt)
		return
	}
	for _, v := range p.volumes {
		if v.state != api.VolumePending || v.problem.Reason == api.ReasonSnapshotStuck {
			return
		}
	}
	c := o.Point.Status.Capture
	p.CreateGroup = &GroupOrder{Name: o.Point.Status.GroupSnapshot, Class: c.Snapshot.GroupClassName, Selector: c.Selector}
}

func (p *PointPlan) orderAdoption(g Group) {
	for _, s := range g.Members {
		for _, v := range p.volumes {
			if v.claim.UID != "" && v.claim.UID == s.ClaimUID {
				p.Adopt = append(p.Adopt, AdoptOrder{Target{s.Name, s.UID}, v.claim})
			}
		}
	}
}

// orderRetainGroup switches the group's own content to Retain too: deleting that one takes the bytes of every member along.
func (p *PointPlan) orderRetainGroup(o PointObserved) {
	g := o.Group
	if g == nil || g.Retain || g.Deleting || g.Content.UID == "" || (p.captured() == 0 && p.awaiting(api.ReasonRetainPending) == 0) {
		return
	}
	p.RetainGroup = g
	p.wakeAt(o.Point.Status.Capture.StartedAt.Time) // at once: the group's content is not watched
}

func (p *PointPlan) awaiting(reason string) int {
	n := 0
	for _, v := range p.volumes {
		if v.state == api.VolumePending && v.problem.Reason == reason {
			n++
		}
	}
	return n
}

// retained says whether a snapshot would outlive its namespace: its content is switched to Retain, and that of the group it belongs to.
func retained(s Snapshot, g *Group) bool {
	return s.Content.Retain && (s.Group == "" || g == nil || g.Retain)
}

// cleanGroup deletes a group snapshot of which nothing was ready in time. Members cannot be deleted one by one.
func (p *PointPlan) cleanGroup(o PointObserved) {
	if o.Group == nil || o.Point.Status.PointInTime != nil || p.captured() > 0 {
		return
	}
	p.orderDeletion(o)
}
