// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	snapshotFinalizer = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"
	contentFinalizer  = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
)

// dropTime is how long the storage system takes to delete a snapshot.
const dropTime = 2 * time.Second

// Script says how the storage system treats the snapshots of a claim.
type Script struct {
	Ready time.Duration // from the request until the snapshot is cut and ready; zero stands for 2s
	Error time.Duration // for so long it reports an error
	Never bool          // it never becomes ready
}

// Cut is one snapshot that the storage system took.
type Cut struct {
	Namespace, Claim, Volume string
	Snapshot                 string // name of the VolumeSnapshot
	Labels                   map[string]string
	At                       time.Time
	Group                    string // UID of the group snapshot it was cut with; empty for one cut alone
}

// Storage is a storage system with its snapshot controller. It works on any client.Client. Bytes is what it
// really holds, by handle: the truth that objects only speak of.
type Storage struct {
	Client  client.Client
	Clock   clock.PassiveClock
	Scripts map[string]Script // by claim
	Bytes   map[string]Cut
	Cuts    []Cut // all it ever took
}

// NewStorage is an empty storage system.
func NewStorage(c client.Client, now clock.PassiveClock) *Storage {
	return &Storage{Client: c, Clock: now, Scripts: map[string]Script{}, Bytes: map[string]Cut{}}
}

// Copy is a storage system with the same content on another API server.
func (s *Storage) Copy(c client.Client, now clock.PassiveClock) *Storage {
	return &Storage{Client: c, Clock: now, Scripts: maps.Clone(s.Scripts), Bytes: maps.Clone(s.Bytes), Cuts: slices.Clone(s.Cuts)}
}

// Step does all that can be done now. It returns when there is more to do; the zero time for when nothing is awaited.
func (s *Storage) Step(ctx context.Context) (time.Time, error) {
	var next time.Time
	var snapshots snapshotv1.VolumeSnapshotList
	if err := s.Client.List(ctx, &snapshots); err != nil {
		return next, err
	}
	for i := range snapshots.Items {
		at, err := s.snapshot(ctx, &snapshots.Items[i])
		if err != nil {
			return next, fmt.Errorf("snapshot %s: %w", snapshots.Items[i].Name, err)
		}
		next = soonest(next, at)
	}
	if err := s.contents(ctx); err != nil {
		return next, err
	}
	at, err := s.groups(ctx)
	return soonest(next, at), err
}

func (s *Storage) snapshot(ctx context.Context, v *snapshotv1.VolumeSnapshot) (time.Time, error) {
	if !v.DeletionTimestamp.IsZero() {
		if gone := v.DeletionTimestamp.Add(dropTime); s.Clock.Now().Before(gone) {
			return gone, nil
		}
		if held, err := s.heldByGroup(ctx, v); held || err != nil {
			return time.Time{}, err
		}
		return time.Time{}, s.drop(ctx, v)
	}
	if groupOf(v) != "" {
		return s.snapshotOfGroup(ctx, v)
	}
	if v.Status != nil && ptr.Deref(v.Status.ReadyToUse, false) {
		return time.Time{}, nil
	}
	claim, volume, err := s.source(ctx, v)
	if err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	content, err := s.bind(ctx, v, volume)
	if err != nil {
		return time.Time{}, err
	}
	script := s.Scripts[claim]
	if script.Never {
		return time.Time{}, nil
	}
	ready := v.CreationTimestamp.Add(max(2*time.Second, script.Ready))
	fails := v.CreationTimestamp.Add(script.Error)
	now := s.Clock.Now()
	switch {
	case now.Before(fails):
		return fails, s.fail(ctx, v)
	case now.Before(ready):
		return ready, nil
	}
	return time.Time{}, s.cut(ctx, v, content, volume)
}

// source is the volume behind a claim.
func (s *Storage) source(ctx context.Context, v *snapshotv1.VolumeSnapshot) (claim string, volume *corev1.PersistentVolume, err error) {
	var c corev1.PersistentVolumeClaim
	claim = ptr.Deref(v.Spec.Source.PersistentVolumeClaimName, "")
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: v.Namespace, Name: claim}, &c); err != nil {
		return claim, nil, err
	}
	volume = &corev1.PersistentVolume{}
	return claim, volume, s.Client.Get(ctx, client.ObjectKey{Name: c.Spec.VolumeName}, volume)
}

// bind makes the content of a snapshot, with finalizers on both.
func (s *Storage) bind(ctx context.Context, v *snapshotv1.VolumeSnapshot, volume *corev1.PersistentVolume) (*snapshotv1.VolumeSnapshotContent, error) {
	content := &snapshotv1.VolumeSnapshotContent{}
	name := "snapcontent-" + string(v.UID)
	err := s.Client.Get(ctx, client.ObjectKey{Name: name}, content)
	if err == nil || client.IgnoreNotFound(err) != nil {
		return content, err
	}
	var class snapshotv1.VolumeSnapshotClass
	if err := s.Client.Get(ctx, client.ObjectKey{Name: ptr.Deref(v.Spec.VolumeSnapshotClassName, "")}, &class); err != nil {
		return nil, err
	}
	content = &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{contentFinalizer}},
		Spec: snapshotv1.VolumeSnapshotContentSpec{
			Driver: class.Driver, DeletionPolicy: class.DeletionPolicy, VolumeSnapshotClassName: &class.Name,
			Source:            snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &volume.Spec.CSI.VolumeHandle},
			VolumeSnapshotRef: corev1.ObjectReference{Kind: "VolumeSnapshot", Namespace: v.Namespace, Name: v.Name, UID: v.UID},
		},
	}
	if err := s.Client.Create(ctx, content); err != nil {
		return nil, err
	}
	v.Finalizers = append(v.Finalizers, snapshotFinalizer)
	if err := s.Client.Update(ctx, v); err != nil {
		return nil, err
	}
	v.Status = &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: &content.Name, ReadyToUse: ptr.To(false)}
	return content, s.Client.Status().Update(ctx, v)
}

func (s *Storage) fail(ctx context.Context, v *snapshotv1.VolumeSnapshot) error {
	if v.Status.Error != nil {
		return nil
	}
	v.Status.Error = &snapshotv1.VolumeSnapshotError{Message: ptr.To("the array is busy")}
	return s.Client.Status().Update(ctx, v)
}

func (s *Storage) cut(ctx context.Context, v *snapshotv1.VolumeSnapshot, c *snapshotv1.VolumeSnapshotContent, volume *corev1.PersistentVolume) error {
	handle := "snap-" + string(v.UID)
	now := metav1.NewTime(s.Clock.Now().UTC().Truncate(time.Second))
	taken := Cut{Namespace: v.Namespace, Claim: *v.Spec.Source.PersistentVolumeClaimName, Volume: volume.Spec.CSI.VolumeHandle,
		Snapshot: v.Name, Labels: v.Labels, At: now.Time}
	s.Bytes[handle] = taken
	s.Cuts = append(s.Cuts, taken)
	c.Status = &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: &handle, ReadyToUse: ptr.To(true), CreationTime: ptr.To(now.UnixNano())}
	if err := s.Client.Status().Update(ctx, c); err != nil {
		return err
	}
	v.Status.ReadyToUse, v.Status.CreationTime, v.Status.Error = ptr.To(true), &now, nil
	return s.Client.Status().Update(ctx, v)
}

// drop lets a deleted VolumeSnapshot go: with its content when that is to be deleted, without it when that is retained.
func (s *Storage) drop(ctx context.Context, v *snapshotv1.VolumeSnapshot) error {
	name := "snapcontent-" + string(v.UID)
	if groupOf(v) != "" && v.Status != nil {
		name = ptr.Deref(v.Status.BoundVolumeSnapshotContentName, "")
	}
	var c snapshotv1.VolumeSnapshotContent
	err := s.Client.Get(ctx, client.ObjectKey{Name: name}, &c)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil && c.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete {
		if c.DeletionTimestamp.IsZero() {
			if err := s.Client.Delete(ctx, &c); err != nil {
				return err
			}
		}
		if err := s.free(ctx, &c); err != nil {
			return err
		}
	}
	v.Finalizers = nil
	return client.IgnoreNotFound(s.Client.Update(ctx, v))
}

// contents lets deleted contents go whose VolumeSnapshot is gone.
func (s *Storage) contents(ctx context.Context) error {
	var list snapshotv1.VolumeSnapshotContentList
	if err := s.Client.List(ctx, &list); err != nil {
		return err
	}
	for i := range list.Items {
		c := &list.Items[i]
		if c.DeletionTimestamp.IsZero() {
			continue
		}
		ref := c.Spec.VolumeSnapshotRef
		var v snapshotv1.VolumeSnapshot
		err := s.Client.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &v)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil && v.UID == ref.UID {
			continue // it is held by its VolumeSnapshot
		}
		if err := s.free(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// free deletes a content, and its bytes unless they are retained, or go with a group.
func (s *Storage) free(ctx context.Context, c *snapshotv1.VolumeSnapshotContent) error {
	var fresh snapshotv1.VolumeSnapshotContent
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(c), &fresh); err != nil {
		return client.IgnoreNotFound(err)
	}
	if fresh.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete && fresh.Status != nil && fresh.Annotations[groupMember] == "" {
		delete(s.Bytes, ptr.Deref(fresh.Status.SnapshotHandle, ""))
	}
	fresh.Finalizers = nil
	return client.IgnoreNotFound(s.Client.Update(ctx, &fresh))
}

// Lose makes the storage system forget the snapshot behind a VolumeSnapshot, with its content.
func (s *Storage) Lose(ctx context.Context, v *snapshotv1.VolumeSnapshot) error {
	c := &snapshotv1.VolumeSnapshotContent{}
	if err := s.Client.Get(ctx, client.ObjectKey{Name: "snapcontent-" + string(v.UID)}, c); err != nil {
		return err
	}
	delete(s.Bytes, "snap-"+string(v.UID))
	if err := s.Client.Delete(ctx, c); err != nil {
		return err
	}
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(c), c); err != nil {
		return err
	}
	c.Finalizers = nil
	return client.IgnoreNotFound(s.Client.Update(ctx, c))
}
