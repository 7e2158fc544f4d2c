// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// gather reads everything the decision about a point may depend on, once. What leads to a deletion is read live.
func (r *PointReconciler) gather(ctx context.Context, p *api.RecoveryPoint) (o plan.PointObserved, err error) {
	o = plan.PointObserved{Point: p, Settings: r.Settings, RetryAt: r.retryAt(p)}
	from := r.Read.Cache
	deleting := !p.DeletionTimestamp.IsZero()
	if deleting || plan.LettingGo(p) {
		from = r.Read.Live
	}
	if o.NamespaceTerminating, err = r.Read.terminating(ctx, from, p.Namespace); err != nil {
		return o, err
	}
	if deleting {
		if o.Withdrawn, err = r.Read.withdrawn(ctx, "recoverypoints"); err != nil {
			return o, err
		}
	}
	if o.Policy, err = r.Read.pointPolicy(ctx, from, p); err != nil {
		return o, err
	}
	if o.Siblings, err = r.siblings(ctx, p, deleting || plan.LettingGo(p)); err != nil {
		return o, err
	}
	if plan.LettingGo(p) {
		o.Fresh = sameIn(o.Siblings, p)
	}
	if deleting || plan.LettingGo(p) {
		if o.Repositories, err = r.Read.repositoriesOf(ctx, from, p.Namespace); err != nil {
			return o, err
		}
	}
	if o.Cluster, err = r.Read.cluster(ctx); err != nil {
		return o, err
	}
	if p.Status.Capture == nil {
		return r.gatherSelection(ctx, o)
	}
	return r.gatherCapture(ctx, o)
}

// gatherSelection reads what the freezing of a point depends on.
func (r *PointReconciler) gatherSelection(ctx context.Context, o plan.PointObserved) (_ plan.PointObserved, err error) {
	if o.Policy == nil || !o.Point.DeletionTimestamp.IsZero() {
		return o, nil
	}
	if o.Claims, _, err = r.Read.claims(ctx, o.Point.Namespace); err != nil {
		return o, err
	}
	if s := o.Policy.Spec.Snapshot; s != nil && s.Consistency != api.ConsistencyCrash && s.Consistency != "" {
		if o.Cluster.GroupClasses, err = r.Read.groupClasses(ctx); err != nil {
			return o, err
		}
	}
	o.Workload, err = r.Read.workload(ctx, o.Point.Namespace, o.Policy.Spec.Volumes.Workload)
	return o, err
}

// gatherCapture reads how far a capture is.
func (r *PointReconciler) gatherCapture(ctx context.Context, o plan.PointObserved) (_ plan.PointObserved, err error) {
	if o.Claims, _, err = r.Read.claims(ctx, o.Point.Namespace); err != nil {
		return o, err
	}
	if !o.Cluster.Snapshots {
		return o, nil
	}
	if o.Snapshots, o.Strays, err = r.Read.snapshots(ctx, o.Point); err != nil {
		return o, err
	}
	if plan.Finished(o.Point) && o.Point.Status.PointInTime != nil && o.Point.DeletionTimestamp.IsZero() && !plan.LettingGo(o.Point) {
		return o, nil // it counted: its group snapshot, read live, matters no more
	}
	if o.Group, err = r.group(ctx, o.Point, o.Claims); err != nil {
		return o, err
	}
	o.Unready, err = r.unready(ctx, o.Point)
	return o, err
}

// pointPolicy is a point's policy; nil when there is none, or another one of that name.
func (r *Reader) pointPolicy(ctx context.Context, from client.Reader, p *api.RecoveryPoint) (*api.BackupPolicy, error) {
	b, err := r.policy(ctx, from, p.Namespace, p.Spec.Policy.Name)
	if uid := plan.PolicyUID(p); b != nil && uid != "" && uid != string(b.UID) {
		return nil, err
	}
	return b, err
}

func (r *PointReconciler) siblings(ctx context.Context, p *api.RecoveryPoint, live bool) ([]*api.RecoveryPoint, error) {
	if !live {
		return r.Read.points(ctx, p.Namespace, p.Spec.Policy.Name)
	}
	var list api.RecoveryPointList
	if err := r.Read.Live.List(ctx, &list, client.InNamespace(p.Namespace)); err != nil {
		return nil, fmt.Errorf("list recovery points: %w", err)
	}
	var out []*api.RecoveryPoint
	for i := range list.Items {
		if list.Items[i].Spec.Policy.Name == p.Spec.Policy.Name {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}

// sameIn is the very point among others; nil when it is gone.
func sameIn(points []*api.RecoveryPoint, p *api.RecoveryPoint) *api.RecoveryPoint {
	i := slices.IndexFunc(points, func(q *api.RecoveryPoint) bool { return q.UID == p.UID })
	if i < 0 {
		return nil
	}
	return points[i]
}

// snapshots are those of a point, each with its content, and the contents whose VolumeSnapshot is gone.
func (r *Reader) snapshots(ctx context.Context, p *api.RecoveryPoint) ([]plan.Snapshot, []plan.Content, error) {
	var list snapshotv1.VolumeSnapshotList
	err := r.Cache.List(ctx, &list, client.InNamespace(p.Namespace), client.MatchingFields{indexSnapshotPoint: string(p.UID)})
	if err != nil {
		return nil, nil, fmt.Errorf("list snapshots: %w", err)
	}
	out := make([]plan.Snapshot, len(list.Items))
	bound := make(map[string]bool, len(list.Items))
	for i := range list.Items {
		if out[i], err = r.snapshot(ctx, &list.Items[i]); err != nil {
			return nil, nil, err
		}
		bound[out[i].UID] = true
	}
	var contents snapshotv1.VolumeSnapshotContentList
	if err := r.Cache.List(ctx, &contents, client.MatchingFields{indexContentPoint: string(p.UID)}); err != nil {
		return nil, nil, fmt.Errorf("list snapshot contents: %w", err)
	}
	var strays []plan.Content
	for i := range contents.Items {
		if c := &contents.Items[i]; !bound[string(c.Spec.VolumeSnapshotRef.UID)] && c.Spec.VolumeSnapshotRef.Namespace == p.Namespace {
			strays = append(strays, *content(c))
		}
	}
	return out, strays, nil
}

func (r *Reader) snapshot(ctx context.Context, s *snapshotv1.VolumeSnapshot) (plan.Snapshot, error) {
	out := plan.Snapshot{
		Name: s.Name, UID: string(s.UID), Version: s.ResourceVersion, Deleting: !s.DeletionTimestamp.IsZero(),
		Claim: s.Annotations[api.AnnotationClaim], ClaimUID: s.Labels[api.LabelClaimUID], Access: s.Annotations[api.AnnotationAccessModes],
		PolicyUID: s.Labels[api.LabelPolicyUID], PointUID: s.Labels[api.LabelPointUID], Group: groupOwner(s).Name,
	}
	if s.Status == nil {
		return out, nil
	}
	out.Ready = ptr.Deref(s.Status.ReadyToUse, false)
	out.ContentRef = ptr.Deref(s.Status.BoundVolumeSnapshotContentName, "")
	if s.Status.CreationTime != nil {
		out.Cut = s.Status.CreationTime.UTC()
	}
	if e := s.Status.Error; e != nil {
		out.Error = ptr.Deref(e.Message, "unknown error")
	}
	if out.ContentRef == "" {
		return out, nil
	}
	var c snapshotv1.VolumeSnapshotContent
	err := r.Cache.Get(ctx, client.ObjectKey{Name: out.ContentRef}, &c)
	if client.IgnoreNotFound(err) != nil {
		return out, fmt.Errorf("get snapshot content %s: %w", out.ContentRef, err)
	}
	if err == nil {
		out.Content = content(&c)
	}
	return out, nil
}

func content(c *snapshotv1.VolumeSnapshotContent) *plan.Content {
	out := &plan.Content{
		Name: c.Name, UID: string(c.UID), Version: c.ResourceVersion, Driver: c.Spec.Driver, Deleting: !c.DeletionTimestamp.IsZero(),
		VolumeHandle: ptr.Deref(c.Spec.Source.VolumeHandle, ""), RefUID: string(c.Spec.VolumeSnapshotRef.UID),
		PointUID: c.Labels[api.LabelPointUID], Retain: c.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentRetain,
	}
	if m := c.Spec.SourceVolumeMode; m != nil {
		out.SourceMode = string(*m)
	}
	if out.Deleting {
		out.DeletingSince = c.DeletionTimestamp.UTC()
	}
	if c.Status != nil {
		out.Ready, out.SnapshotHandle = ptr.Deref(c.Status.ReadyToUse, false), ptr.Deref(c.Status.SnapshotHandle, "")
		out.RestoreSize = ptr.Deref(c.Status.RestoreSize, 0)
	}
	return out
}

// unready are the snapshots of other points of this namespace that are not ready, by claim UID.
func (r *PointReconciler) unready(ctx context.Context, p *api.RecoveryPoint) (map[string]string, error) {
	var list snapshotv1.VolumeSnapshotList
	err := r.Read.Cache.List(ctx, &list, client.InNamespace(p.Namespace), client.MatchingFields{indexSnapshotUnready: yes})
	if err != nil {
		return nil, fmt.Errorf("list unready snapshots: %w", err)
	}
	out := map[string]string{}
	for i := range list.Items {
		if s := &list.Items[i]; s.Labels[api.LabelPointUID] != string(p.UID) {
			out[s.Labels[api.LabelClaimUID]] = s.Name
		}
	}
	return out, nil
}

// group is the point's group snapshot with the members that are not yet marked as ours; nil when there is none.
func (r *PointReconciler) group(ctx context.Context, p *api.RecoveryPoint, claims []plan.Claim) (*plan.Group, error) {
	version := r.Read.API.Groups()
	if p.Status.GroupSnapshot == "" || version == "" {
		return nil, nil
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(groupKind("VolumeGroupSnapshot", version))
	err := r.Read.Live.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: p.Status.GroupSnapshot}, u)
	if apierrors.IsNotFound(err) || (err == nil && u.GetLabels()[api.LabelPointUID] != string(p.UID)) {
		return r.strayGroup(ctx, p, version)
	}
	if err != nil {
		return nil, fmt.Errorf("get group snapshot %s: %w", p.Status.GroupSnapshot, err)
	}
	g := &plan.Group{Target: plan.Target{Name: u.GetName(), UID: string(u.GetUID())}, Deleting: u.GetDeletionTimestamp() != nil}
	g.Content.Name, _, _ = unstructured.NestedString(u.Object, "status", "boundVolumeGroupSnapshotContentName")
	g.Ready, _, _ = unstructured.NestedBool(u.Object, "status", "readyToUse")
	g.Error, _, _ = unstructured.NestedString(u.Object, "status", "error", "message")
	if err := r.groupContent(ctx, g, version); err != nil {
		return nil, err
	}
	g.Members, err = r.members(ctx, p, g.UID, claims)
	return g, err
}

// groupContent reads the content of a group snapshot. One that points at another group snapshot is none.
func (r *PointReconciler) groupContent(ctx context.Context, g *plan.Group, version string) error {
	if g.Content.Name == "" {
		return nil
	}
	c := &unstructured.Unstructured{}
	c.SetGroupVersionKind(groupKind("VolumeGroupSnapshotContent", version))
	err := r.Read.Live.Get(ctx, client.ObjectKey{Name: g.Content.Name}, c)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("get group snapshot content %s: %w", g.Content.Name, err)
	}
	ref, _, _ := unstructured.NestedString(c.Object, "spec", "volumeGroupSnapshotRef", "uid")
	if err != nil || ref != g.UID {
		g.Content = plan.Target{}
		return nil
	}
	policy, _, _ := unstructured.NestedString(c.Object, "spec", "deletionPolicy")
	g.Content.UID, g.Retain = string(c.GetUID()), policy == "Retain"
	return nil
}

// strayGroup is what is left of a group snapshot that was deleted by hand, when its point is deleted too: the retained
// content, without which the bytes of the members would stay for ever.
func (r *PointReconciler) strayGroup(ctx context.Context, p *api.RecoveryPoint, version string) (*plan.Group, error) {
	if p.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(groupKind("VolumeGroupSnapshotContentList", version))
	if err := r.Read.Live.List(ctx, list, client.MatchingLabels{api.LabelPointUID: string(p.UID)}); err != nil {
		return nil, fmt.Errorf("list group snapshot contents: %w", err)
	}
	for _, c := range list.Items {
		if ns, _, _ := unstructured.NestedString(c.Object, "spec", "volumeGroupSnapshotRef", "namespace"); ns == p.Namespace {
			return &plan.Group{Content: plan.Target{Name: c.GetName(), UID: string(c.GetUID())}}, nil
		}
	}
	return nil, nil
}

func (r *PointReconciler) members(ctx context.Context, p *api.RecoveryPoint, group string, claims []plan.Claim) ([]plan.Snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	err := r.Read.Cache.List(ctx, &list, client.InNamespace(p.Namespace), client.MatchingFields{indexSnapshotGroup: group})
	if err != nil {
		return nil, fmt.Errorf("list members of the group snapshot: %w", err)
	}
	byHandle := make(map[string]plan.Claim, len(claims))
	for _, c := range claims {
		if c.Handle != "" {
			byHandle[c.Driver+"\x00"+c.Handle] = c
		}
	}
	var out []plan.Snapshot
	for i := range list.Items {
		if list.Items[i].Labels[api.LabelPointUID] != "" {
			continue
		}
		s, err := r.Read.snapshot(ctx, &list.Items[i])
		if err != nil {
			return nil, err
		}
		if s.Content != nil {
			c := byHandle[s.Content.Driver+"\x00"+s.Content.VolumeHandle]
			s.Claim, s.ClaimUID = c.Name, c.UID
		}
		out = append(out, s)
	}
	return out, nil
}

// retryAt is when what was refused may be tried again.
func (r *PointReconciler) retryAt(p *api.RecoveryPoint) time.Time {
	at, _ := r.retries.Load(p.UID)
	t, _ := at.(time.Time)
	return t
}
