// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// GroupVersion is the version in which the scripted API server serves group snapshots.
const GroupVersion = "v1"

const (
	groupFinalizer        = "groupsnapshot.storage.kubernetes.io/volumegroupsnapshot-bound-protection"
	groupContentFinalizer = "groupsnapshot.storage.kubernetes.io/volumegroupsnapshotcontent-bound-protection"
	inGroupFinalizer      = "snapshot.storage.kubernetes.io/volumesnapshot-in-group-protection"
	// groupMember stands on the content of a member: its bytes go with its group, and not with itself.
	groupMember = "groupsnapshot.storage.k8s.io/volumeGroupSnapshotHandle"
)

// memberReady is how long after a group snapshot its members are ready.
const memberReady = time.Second

// GroupKind is the kind of a group snapshot, its content, its class, or a list of these.
func GroupKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "groupsnapshot.storage.k8s.io", Version: GroupVersion, Kind: kind}
}

// GroupClass is the default group snapshot class of Driver. It deletes the bytes with the group.
func GroupClass() *unstructured.Unstructured {
	u := groupObject("VolumeGroupSnapshotClass", Class)
	u.SetAnnotations(map[string]string{"groupsnapshot.storage.kubernetes.io/is-default-class": "true"})
	u.Object["driver"], u.Object["deletionPolicy"] = Driver, string(snapshotv1.VolumeSnapshotContentDelete)
	return u
}

func groupObject(kind, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(GroupKind(kind))
	u.SetName(name)
	return u
}

// groups does what can be done now about group snapshots. It returns when there is more to do.
func (s *Storage) groups(ctx context.Context) (time.Time, error) {
	var next time.Time
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(GroupKind("VolumeGroupSnapshotList"))
	if err := s.Client.List(ctx, list); err != nil {
		return next, err
	}
	for i := range list.Items {
		at, err := s.group(ctx, &list.Items[i])
		if err != nil {
			return next, fmt.Errorf("group snapshot %s: %w", list.Items[i].GetName(), err)
		}
		next = soonest(next, at)
	}
	return next, s.groupContents(ctx)
}

func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (s *Storage) group(ctx context.Context, g *unstructured.Unstructured) (time.Time, error) {
	if at := g.GetDeletionTimestamp(); at != nil {
		if gone := at.Add(dropTime); s.Clock.Now().Before(gone) {
			return gone, nil
		}
		return time.Time{}, s.dropGroup(ctx, g)
	}
	if ready, _, _ := unstructured.NestedBool(g.Object, "status", "readyToUse"); ready {
		return time.Time{}, nil
	}
	claims, err := s.grouped(ctx, g)
	if err != nil {
		return time.Time{}, err
	}
	content, err := s.bindGroup(ctx, g)
	if err != nil {
		return time.Time{}, err
	}
	ready, fails := g.GetCreationTimestamp().Add(2*time.Second), g.GetCreationTimestamp().Time
	for _, c := range claims { // the group is as slow as its slowest member
		script := s.Scripts[c.Name]
		if script.Never {
			return time.Time{}, nil
		}
		ready = later(ready, g.GetCreationTimestamp().Add(script.Ready))
		fails = later(fails, g.GetCreationTimestamp().Add(script.Error))
	}
	switch now := s.Clock.Now(); {
	case now.Before(fails):
		return fails, s.setStatus(ctx, g, map[string]any{"error": map[string]any{"message": "the array is busy"}})
	case now.Before(ready):
		return ready, nil
	}
	return time.Time{}, s.cutGroup(ctx, g, content, claims)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// grouped are the claims that a group snapshot selects.
func (s *Storage) grouped(ctx context.Context, g *unstructured.Unstructured) ([]corev1.PersistentVolumeClaim, error) {
	match, _, _ := unstructured.NestedStringMap(g.Object, "spec", "source", "selector", "matchLabels")
	var list corev1.PersistentVolumeClaimList
	err := s.Client.List(ctx, &list, client.InNamespace(g.GetNamespace()), client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(match)})
	return list.Items, err
}

// setStatus adds to the status of an object; it writes nothing when that changes nothing.
func (s *Storage) setStatus(ctx context.Context, u *unstructured.Unstructured, add map[string]any) error {
	status, _, _ := unstructured.NestedMap(u.Object, "status")
	if status == nil {
		status = map[string]any{}
	}
	for k, v := range add {
		status[k] = v
	}
	if add["readyToUse"] == true {
		delete(status, "error")
	}
	u.Object["status"] = status
	return s.Client.Status().Update(ctx, u)
}

// bindGroup makes the content of a group snapshot, with finalizers on both.
func (s *Storage) bindGroup(ctx context.Context, g *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	content := groupObject("VolumeGroupSnapshotContent", "groupsnapcontent-"+string(g.GetUID()))
	err := s.Client.Get(ctx, client.ObjectKeyFromObject(content), content)
	if err == nil || client.IgnoreNotFound(err) != nil {
		return content, err
	}
	name, _, _ := unstructured.NestedString(g.Object, "spec", "volumeGroupSnapshotClassName")
	class := groupObject("VolumeGroupSnapshotClass", name)
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(class), class); err != nil {
		return nil, err
	}
	content.SetFinalizers([]string{groupContentFinalizer})
	content.Object["spec"] = map[string]any{
		"driver": class.Object["driver"], "deletionPolicy": class.Object["deletionPolicy"],
		"volumeGroupSnapshotRef": map[string]any{"kind": "VolumeGroupSnapshot", "namespace": g.GetNamespace(), "name": g.GetName(), "uid": string(g.GetUID())},
	}
	if err := s.Client.Create(ctx, content); err != nil {
		return nil, err
	}
	g.SetFinalizers([]string{groupFinalizer})
	if err := s.Client.Update(ctx, g); err != nil {
		return nil, err
	}
	return content, s.setStatus(ctx, g, map[string]any{"boundVolumeGroupSnapshotContentName": content.GetName(), "readyToUse": false})
}

// cutGroup cuts all members at one instant, and makes their snapshots, which are ready a moment later.
func (s *Storage) cutGroup(ctx context.Context, g, content *unstructured.Unstructured, claims []corev1.PersistentVolumeClaim) error {
	for i := range claims {
		if err := s.member(ctx, g, content, &claims[i]); err != nil {
			return err
		}
	}
	if err := s.setStatus(ctx, content, map[string]any{"volumeGroupSnapshotHandle": "group-" + string(g.GetUID()), "readyToUse": true}); err != nil {
		return err
	}
	return s.setStatus(ctx, g, map[string]any{"readyToUse": true})
}

// member makes the snapshot of one claim in a group. It is named by nobody's wish, and bears none of our labels.
func (s *Storage) member(ctx context.Context, g, group *unstructured.Unstructured, claim *corev1.PersistentVolumeClaim) error {
	var volume corev1.PersistentVolume
	if err := s.Client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &volume); err != nil {
		return err
	}
	volumeHandle := volume.Spec.CSI.VolumeHandle
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(string(g.GetUID())+volumeHandle)))
	policy, _, _ := unstructured.NestedString(group.Object, "spec", "deletionPolicy")
	c := &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: "snapcontent-" + id, Annotations: map[string]string{groupMember: "group-" + string(g.GetUID())}, Finalizers: []string{contentFinalizer}},
		Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: volume.Spec.CSI.Driver, DeletionPolicy: snapshotv1.DeletionPolicy(policy),
			Source:            snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &volumeHandle},
			VolumeSnapshotRef: corev1.ObjectReference{Kind: "VolumeSnapshot", Namespace: g.GetNamespace(), Name: "snapshot-" + id}},
	}
	if err := s.Client.Create(ctx, c); err != nil {
		return err
	}
	v := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.GetNamespace(), Name: "snapshot-" + id, Finalizers: []string{inGroupFinalizer},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: g.GetAPIVersion(), Kind: "VolumeGroupSnapshot", Name: g.GetName(), UID: g.GetUID(), Controller: ptr.To(true)}}},
		Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &claim.Name}},
	}
	if err := s.Client.Create(ctx, v); err != nil {
		return err
	}
	c.Spec.VolumeSnapshotRef.UID = v.UID
	if err := s.Client.Update(ctx, c); err != nil {
		return err
	}
	v.Status = &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: &c.Name, ReadyToUse: ptr.To(false)}
	if err := s.Client.Status().Update(ctx, v); err != nil {
		return err
	}
	handle, now := "snap-"+id, s.Clock.Now().UTC().Truncate(time.Second)
	taken := Cut{Namespace: g.GetNamespace(), Claim: claim.Name, Volume: volumeHandle, Snapshot: v.Name, At: now, Group: string(g.GetUID()), Labels: map[string]string{
		api.LabelPolicyUID: g.GetLabels()[api.LabelPolicyUID], api.LabelPoint: g.GetLabels()[api.LabelPoint],
		api.LabelPointUID: g.GetLabels()[api.LabelPointUID], api.LabelClaimUID: string(claim.UID)}}
	s.Bytes[handle] = taken
	s.Cuts = append(s.Cuts, taken)
	c.Status = &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: &handle, ReadyToUse: ptr.To(true), CreationTime: ptr.To(now.UnixNano())}
	return s.Client.Status().Update(ctx, c)
}

// groupOf is the UID of the group that brought a snapshot; empty for one that was made alone.
func groupOf(o client.Object) string {
	for _, r := range o.GetOwnerReferences() {
		if r.Kind == "VolumeGroupSnapshot" {
			return string(r.UID)
		}
	}
	return ""
}

// snapshotOfGroup makes a member ready once its time has come.
func (s *Storage) snapshotOfGroup(ctx context.Context, v *snapshotv1.VolumeSnapshot) (time.Time, error) {
	if v.Status == nil || ptr.Deref(v.Status.ReadyToUse, false) {
		return time.Time{}, nil
	}
	ready := v.CreationTimestamp.Add(memberReady)
	if s.Clock.Now().Before(ready) {
		return ready, nil
	}
	var c snapshotv1.VolumeSnapshotContent
	if err := s.Client.Get(ctx, client.ObjectKey{Name: *v.Status.BoundVolumeSnapshotContentName}, &c); err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	cut := metav1.NewTime(time.Unix(0, *c.Status.CreationTime).UTC())
	v.Status.ReadyToUse, v.Status.CreationTime = ptr.To(true), &cut
	return time.Time{}, s.Client.Status().Update(ctx, v)
}

// heldByGroup says whether a member that was deleted has to wait, because its group is still there.
func (s *Storage) heldByGroup(ctx context.Context, v *snapshotv1.VolumeSnapshot) (bool, error) {
	for _, r := range v.OwnerReferences {
		g := groupObject("VolumeGroupSnapshot", r.Name)
		err := s.Client.Get(ctx, client.ObjectKey{Namespace: v.Namespace, Name: r.Name}, g)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err == nil && g.GetUID() == r.UID {
			return true, nil
		}
	}
	return false, nil
}

// dropGroup lets a deleted group snapshot go, with its members, and with its content when that is to be deleted.
func (s *Storage) dropGroup(ctx context.Context, g *unstructured.Unstructured) error {
	content := groupObject("VolumeGroupSnapshotContent", "groupsnapcontent-"+string(g.GetUID()))
	err := s.Client.Get(ctx, client.ObjectKeyFromObject(content), content)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if policy, _, _ := unstructured.NestedString(content.Object, "spec", "deletionPolicy"); err == nil && policy == "Delete" {
		if content.GetDeletionTimestamp() == nil {
			if err := s.Client.Delete(ctx, content); err != nil {
				return err
			}
		}
		if err := s.freeGroup(ctx, content); err != nil {
			return err
		}
	}
	var members snapshotv1.VolumeSnapshotList
	if err := s.Client.List(ctx, &members, client.InNamespace(g.GetNamespace())); err != nil {
		return err
	}
	for i := range members.Items {
		if groupOf(&members.Items[i]) == string(g.GetUID()) && members.Items[i].DeletionTimestamp.IsZero() {
			if err := s.Client.Delete(ctx, &members.Items[i]); err != nil {
				return err
			}
		}
	}
	g.SetFinalizers(nil)
	return client.IgnoreNotFound(s.Client.Update(ctx, g))
}

// groupContents lets deleted contents go whose group snapshot is gone.
func (s *Storage) groupContents(ctx context.Context) error {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(GroupKind("VolumeGroupSnapshotContentList"))
	if err := s.Client.List(ctx, list); err != nil {
		return err
	}
	for i := range list.Items {
		c := &list.Items[i]
		if c.GetDeletionTimestamp() == nil {
			continue
		}
		ref, _, _ := unstructured.NestedStringMap(c.Object, "spec", "volumeGroupSnapshotRef")
		g := groupObject("VolumeGroupSnapshot", ref["name"])
		err := s.Client.Get(ctx, client.ObjectKey{Namespace: ref["namespace"], Name: ref["name"]}, g)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		if err == nil && string(g.GetUID()) == ref["uid"] {
			continue // it is held by its group snapshot
		}
		if err := s.freeGroup(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// freeGroup deletes the content of a group, and the bytes of all its members unless they are retained.
func (s *Storage) freeGroup(ctx context.Context, c *unstructured.Unstructured) error {
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(c), c); err != nil {
		return client.IgnoreNotFound(err)
	}
	policy, _, _ := unstructured.NestedString(c.Object, "spec", "deletionPolicy")
	uid, _, _ := unstructured.NestedString(c.Object, "spec", "volumeGroupSnapshotRef", "uid")
	for handle, cut := range s.Bytes {
		if policy == "Delete" && cut.Group == uid {
			delete(s.Bytes, handle)
		}
	}
	c.SetFinalizers(slices.DeleteFunc(c.GetFinalizers(), func(f string) bool { return f == groupContentFinalizer }))
	return client.IgnoreNotFound(s.Client.Update(ctx, c))
}
