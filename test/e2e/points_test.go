// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"sort"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// operatorSpace is where the operator runs.
const operatorSpace = "lifeboat-system"

// soonEnough is for what takes seconds on an idle machine, and longer on a busy one or while the operator restarts.
const soonEnough = 90 * time.Second

// now asks for a recovery point, as a person does.
func (s *space) now(name, policy string) {
	s.t.Helper()
	s.create(&api.RecoveryPoint{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.name},
		Spec:       api.RecoveryPointSpec{Policy: api.PolicyReference{Name: policy}},
	})
}

// take asks for a point and waits until it is complete.
func (s *space) take(name, policy string) *api.RecoveryPoint {
	s.t.Helper()
	s.now(name, policy)
	p := s.complete(name)
	// Points are ordered by the second of the storage system's clock: the next one shall be newer.
	time.Sleep(time.Until(p.Status.PointInTime.Add(1100 * time.Millisecond)))
	return p
}

// point waits until a point is as it should be.
func (s *space) point(name, what string, most time.Duration, wrong func(*api.RecoveryPoint) string) *api.RecoveryPoint {
	s.t.Helper()
	var p *api.RecoveryPoint
	s.await("recovery point "+name+" to be "+what, most, func() string {
		p = &api.RecoveryPoint{}
		if err := kube.Get(s.ctx, s.key(name), p); err != nil {
			return err.Error()
		}
		return wrong(p)
	})
	return p
}

func (s *space) complete(name string) *api.RecoveryPoint {
	s.t.Helper()
	return s.point(name, "complete", soonEnough, func(p *api.RecoveryPoint) string {
		if meta.IsStatusConditionTrue(p.Status.Conditions, api.ConditionComplete) {
			return ""
		}
		return told(p)
	})
}

// failed waits until a point has ended with the given reason.
func (s *space) failed(name, reason string, most time.Duration) *api.RecoveryPoint {
	s.t.Helper()
	return s.point(name, reason, most, func(p *api.RecoveryPoint) string {
		c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete)
		if p.Status.FinishedAt != nil && c != nil && c.Status == metav1.ConditionFalse && c.Reason == reason {
			return ""
		}
		return told(p)
	})
}

// told is what a point says of itself.
func told(p *api.RecoveryPoint) string {
	c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete)
	if c == nil {
		return "it says nothing yet"
	}
	return fmt.Sprintf("Complete=%s %s: %s", c.Status, c.Reason, c.Message)
}

// points are those of the namespace, oldest first.
func (s *space) points() []api.RecoveryPoint {
	s.t.Helper()
	var list api.RecoveryPointList
	if err := kube.List(s.ctx, &list, client.InNamespace(s.name)); err != nil {
		s.t.Fatal(err)
	}
	sort.Slice(list.Items, func(i, j int) bool {
		a, b := list.Items[i], list.Items[j]
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return a.Name < b.Name
	})
	return list.Items
}

func pointNames(points []api.RecoveryPoint) []string {
	out := make([]string, len(points))
	for i := range points {
		out[i] = points[i].Name
	}
	return out
}

// pointGone waits until a point is deleted.
func (s *space) pointGone(name string, most time.Duration) {
	s.t.Helper()
	s.await("recovery point "+name+" to go", most, func() string {
		var p api.RecoveryPoint
		if err := kube.Get(s.ctx, s.key(name), &p); apierrors.IsNotFound(err) {
			return ""
		}
		c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionStalled)
		return fmt.Sprintf("it is there: deleted %v, stalled %v", p.DeletionTimestamp, c)
	})
}

// snapshots are the VolumeSnapshots of a point, by claim.
func (s *space) snapshots(point string) map[string]snapshotv1.VolumeSnapshot {
	s.t.Helper()
	var list snapshotv1.VolumeSnapshotList
	if err := kube.List(s.ctx, &list, client.InNamespace(s.name), client.MatchingLabels{api.LabelPoint: point}); err != nil {
		s.t.Fatal(err)
	}
	out := map[string]snapshotv1.VolumeSnapshot{}
	for _, v := range list.Items {
		claim := v.Annotations[api.AnnotationClaim]
		if other, twice := out[claim]; twice {
			s.t.Fatalf("claim %s has two snapshots in point %s: %s and %s", claim, point, other.Name, v.Name)
		}
		out[claim] = v
	}
	return out
}

// content is the one that a VolumeSnapshot is bound to, checked in both directions.
func (s *space) content(v snapshotv1.VolumeSnapshot) *snapshotv1.VolumeSnapshotContent {
	s.t.Helper()
	if v.Status == nil || v.Status.BoundVolumeSnapshotContentName == nil {
		s.t.Fatalf("snapshot %s is not bound", v.Name)
	}
	var c snapshotv1.VolumeSnapshotContent
	if err := kube.Get(s.ctx, client.ObjectKey{Name: *v.Status.BoundVolumeSnapshotContentName}, &c); err != nil {
		s.t.Fatal(err)
	}
	if c.Spec.VolumeSnapshotRef.UID != v.UID {
		s.t.Fatalf("content %s does not point back at snapshot %s", c.Name, v.Name)
	}
	return &c
}

// handles are the names of a complete point's snapshots on the storage system, by claim. Each is checked: bound both ways,
// retained, and its bytes on the disk.
func (s *space) handles(point string, on *storageSystem) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for claim, v := range s.snapshots(point) {
		c := s.content(v)
		if c.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain {
			s.t.Errorf("content %s of claim %s has deletionPolicy %s", c.Name, claim, c.Spec.DeletionPolicy)
		}
		handle := ptr.Deref(c.Status.SnapshotHandle, "")
		if c.Spec.Driver == on.driver && !on.holds(s.t, handle) {
			s.t.Errorf("the storage system does not hold %q of claim %s", handle, claim)
		}
		out[claim] = handle
	}
	return out
}

// bytesGone waits until the storage system holds none of the handles.
func (s *space) bytesGone(on *storageSystem, handles map[string]string) {
	s.t.Helper()
	s.await("the bytes to go", soonEnough, func() string {
		for claim, h := range handles {
			if on.holds(s.t, h) {
				return fmt.Sprintf("%s of claim %s is on the storage system", h, claim)
			}
		}
		return ""
	})
}

// record is what a point's status says of a claim.
func (s *space) record(p *api.RecoveryPoint, claim string) api.VolumeRecord {
	s.t.Helper()
	for _, r := range p.Status.Volumes {
		if r.Claim == claim {
			return r
		}
	}
	s.t.Fatalf("point %s says nothing of claim %s", p.Name, claim)
	return api.VolumeRecord{}
}

// policyStatus waits until a policy's status is as it should be.
func (s *space) policyStatus(name, what string, most time.Duration, wrong func(*api.BackupPolicy) string) *api.BackupPolicy {
	s.t.Helper()
	var b *api.BackupPolicy
	s.await("policy "+name+" to be "+what, most, func() string {
		b = &api.BackupPolicy{}
		if err := kube.Get(s.ctx, s.key(name), b); err != nil {
			return err.Error()
		}
		return wrong(b)
	})
	return b
}
