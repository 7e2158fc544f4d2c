// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
)

// batch is for how long events of many snapshots are gathered before their point is looked at.
const batch = 200 * time.Millisecond

// scopeBatch is for how long changes to namespaces, claims and policies are gathered before coverage is judged anew: a pass
// looks at the whole cluster, and applications come and go with many of each.
const scopeBatch = 1500 * time.Millisecond

// afterStart passes over what was there when the watch began. Every policy and every point is looked at then for its own
// sake, with full caches, and need not be for the sake of each of its thousand snapshots too.
var afterStart = predicate.Funcs{CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList }}

// anew says whether an object was deleted and made anew under its name. A watch that was broken meanwhile tells both at
// once, as a change.
func anew(e event.UpdateEvent) bool { return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() }

// specChanged lets pass what a user may change, and deletion.
var specChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return anew(e) || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
		e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}}

// specEdited lets pass what a user changed.
var specEdited = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool { return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() },
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// policyChanged lets also pass what was shown as expiring: it expires once that is on record; and that less is promised being accepted.
var policyChanged = predicate.Or[client.Object](specChanged, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*api.BackupPolicy), e.ObjectNew.(*api.BackupPolicy)
	return len(before.Status.Expiring) != len(after.Status.Expiring) ||
		before.Annotations[api.AnnotationAcceptWeakening] != after.Annotations[api.AnnotationAcceptWeakening]
}})

// repositoryChanged lets pass what policies say of the repositories that they name. How its runs go is none of that.
var repositoryChanged = predicate.Or[client.Object](specChanged, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	judged := func(o client.Object) api.RepositoryStatus {
		s := o.(*api.Repository).Status
		return api.RepositoryStatus{Conditions: s.Conditions, UniqueID: s.UniqueID, UnreachableSince: s.UnreachableSince, LastVerified: s.LastVerified, Damage: s.Damage}
	}
	return !equality.Semantic.DeepEqual(judged(e.ObjectOld), judged(e.ObjectNew))
}})

// reportChanged lets pass what a report on a policy may say: findings, conditions, and what is promised at all.
var reportChanged = predicate.Or[client.Object](specChanged, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(reportedOf(e.ObjectOld), reportedOf(e.ObjectNew))
}})

// reportedOf is what of a status goes into a report.
func reportedOf(o client.Object) (out struct {
	Findings   []api.Finding
	Counts     api.FindingCounts
	Conditions []metav1.Condition
}) {
	switch x := o.(type) {
	case *api.BackupPolicy:
		out.Findings, out.Counts, out.Conditions = x.Status.Findings, x.Status.FindingCounts, x.Status.Conditions
	case *api.ClusterBackupPolicy:
		out.Findings, out.Counts, out.Conditions = x.Status.Findings, x.Status.FindingCounts, x.Status.Conditions
	}
	return out
}

// findingsChanged lets pass what people may have to be told.
var findingsChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := tellableOf(e.ObjectOld), tellableOf(e.ObjectNew)
		return anew(e) || before.Total != after.Total || !equality.Semantic.DeepEqual(before.Findings, after.Findings)
	},
	DeleteFunc: func(event.DeleteEvent) bool { return false }, // its findings have gone with it
}

// labelsChanged lets pass what membership in a scope depends on, and deletion.
var labelsChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return anew(e) || !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) ||
		e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}}

// annotationsChanged lets pass what an admin allows a namespace.
var annotationsChanged = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList }, // an object in it may have been looked at before it was in the cache
	UpdateFunc: func(e event.UpdateEvent) bool {
		return anew(e) || !maps.Equal(e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations())
	},
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// claimChanged lets pass what selection, class and binding depend on.
var claimChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*corev1.PersistentVolumeClaim), e.ObjectNew.(*corev1.PersistentVolumeClaim)
	return anew(e) || before.Status.Phase != after.Status.Phase || before.Spec.VolumeName != after.Spec.VolumeName ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() || !maps.Equal(before.Labels, after.Labels)
}}

// volumeChanged lets pass what becomes of a volume that is bound. That it is bound, its claim tells.
var volumeChanged = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*corev1.PersistentVolume), e.ObjectNew.(*corev1.PersistentVolume)
		return anew(e) || before.Spec.PersistentVolumeReclaimPolicy != after.Spec.PersistentVolumeReclaimPolicy
	},
}

// runsDriver lets pass DaemonSets that run a storage driver on the nodes.
var runsDriver = predicate.And(specChanged, predicate.NewPredicateFuncs(func(o client.Object) bool {
	return len(o.(*appsv1.DaemonSet).Spec.Template.Spec.Volumes) > 0 // others were left out when they were read
}))

// captureEnded lets pass what another point of the policy may wait for: to be captured, or to be deleted.
var captureEnded = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*api.RecoveryPoint), e.ObjectNew.(*api.RecoveryPoint)
		return anew(e) || plan.Finished(before) != plan.Finished(after) || plan.Complete(before) != plan.Complete(after) ||
			plan.Proven(before) != plan.Proven(after) || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
	},
}

func request(namespace, name string) []reconcile.Request {
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

func policyOfPoint(_ context.Context, o client.Object) []reconcile.Request {
	return request(o.GetNamespace(), o.(*api.RecoveryPoint).Spec.Policy.Name)
}

// policiesBeside are those of the namespace of a claim or a workload: any of them may mean it, or have meant it.
func (s *setup) policiesBeside(ctx context.Context, o client.Object) []reconcile.Request {
	return s.listPolicies(ctx, client.InNamespace(o.GetNamespace()))
}

func (s *setup) policiesOfVolume(ctx context.Context, o client.Object) []reconcile.Request {
	ref := o.(*corev1.PersistentVolume).Spec.ClaimRef
	if ref == nil {
		return nil
	}
	return s.listPolicies(ctx, client.InNamespace(ref.Namespace))
}

func (s *setup) allPolicies(ctx context.Context, _ client.Object) []reconcile.Request {
	return s.listPolicies(ctx)
}

// policiesWhenDriversChange are all policies when there is a driver that some node has and none had, or the other way round. Nodes come
// and go all day in a big cluster, and mostly change nothing of that.
func (s *setup) policiesWhenDriversChange() handler.MapFunc {
	var mu sync.Mutex
	var known []string
	return func(ctx context.Context, _ client.Object) []reconcile.Request {
		now, err := registered(ctx, s.mgr.GetClient())
		mu.Lock()
		same := err == nil && slices.Equal(now, known)
		if err == nil {
			known = now
		}
		mu.Unlock()
		if same {
			return nil
		}
		return s.allPolicies(ctx, nil)
	}
}

func (s *setup) listPolicies(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	var list api.BackupPolicyList
	if err := s.mgr.GetClient().List(ctx, &list, options...); err != nil {
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, request(list.Items[i].Namespace, list.Items[i].Name)...)
	}
	return out
}

// pointsOfPolicy are those that wait for the policy to come, to change, or to go.
func (s *setup) pointsOfPolicy(ctx context.Context, o client.Object) []reconcile.Request {
	return s.openPoints(ctx, o.GetNamespace(), o.GetName())
}

func (s *setup) waitingSiblings(ctx context.Context, o client.Object) []reconcile.Request {
	return s.openPoints(ctx, o.GetNamespace(), o.(*api.RecoveryPoint).Spec.Policy.Name)
}

// openPoints are a policy's points that wait to start, or to be deleted.
func (s *setup) openPoints(ctx context.Context, namespace, policy string) []reconcile.Request {
	points, err := s.read.points(ctx, namespace, policy)
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, p := range points {
		if p.Status.Capture == nil || !p.DeletionTimestamp.IsZero() {
			out = append(out, request(namespace, p.Name)...)
		}
	}
	return out
}

// pointOfSnapshot finds the point by our label, or by the group snapshot that brought the snapshot.
func (s *setup) pointOfSnapshot(ctx context.Context, o client.Object) []reconcile.Request {
	if name := o.GetLabels()[api.LabelPoint]; name != "" {
		return request(o.GetNamespace(), name)
	}
	group := groupOwner(o).Name
	if group == "" {
		return nil
	}
	var list api.RecoveryPointList
	err := s.mgr.GetClient().List(ctx, &list, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexPointGroup: group})
	if err != nil || len(list.Items) == 0 {
		return nil
	}
	return request(o.GetNamespace(), list.Items[0].Name)
}

// pointsOfSnapshot are the point of a snapshot and, once that is ready or on its way out, those that are being captured beside it:
// a claim has one unready snapshot at a time, and the point of another policy may wait for this one.
func (s *setup) pointsOfSnapshot(ctx context.Context, o client.Object) []reconcile.Request {
	out := s.pointOfSnapshot(ctx, o)
	if len(unreadyIndex(o)) > 0 && o.GetDeletionTimestamp().IsZero() {
		return out
	}
	var list api.RecoveryPointList
	if err := s.mgr.GetClient().List(ctx, &list, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexPointCapturing: yes}); err != nil {
		return out
	}
	for i := range list.Items {
		if r := request(list.Items[i].Namespace, list.Items[i].Name); !slices.Contains(out, r[0]) {
			out = append(out, r...)
		}
	}
	return out
}

// pointOfContent finds the point by our label on the content, or on the VolumeSnapshot it points back at.
func (s *setup) pointOfContent(ctx context.Context, o client.Object) []reconcile.Request {
	ref := o.(*snapshotv1.VolumeSnapshotContent).Spec.VolumeSnapshotRef
	if name := o.GetLabels()[api.LabelPoint]; name != "" {
		return request(ref.Namespace, name)
	}
	var snapshot snapshotv1.VolumeSnapshot
	if err := s.mgr.GetClient().Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &snapshot); err != nil {
		return nil
	}
	return s.pointOfSnapshot(ctx, &snapshot)
}

// allClusterPolicies are looked at together: a claim may be in the scope of any.
func (s *setup) allClusterPolicies(ctx context.Context, _ client.Object) []reconcile.Request {
	var list api.ClusterBackupPolicyList
	if err := s.mgr.GetClient().List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, request("", list.Items[i].Name)...)
	}
	return out
}

// batched enqueues after a moment, so that the events of a point's many snapshots make one pass and not one each.
func batched(find handler.MapFunc) handler.EventHandler { return gathered(find, batch) }

// gathered enqueues after a time, in which further events add nothing.
func gathered(find handler.MapFunc, after time.Duration) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, o client.Object, q queue) {
		for _, r := range find(ctx, o) {
			q.AddAfter(r, after)
		}
	}
	return handler.Funcs{
		CreateFunc:  func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		UpdateFunc:  func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, e.ObjectNew, q) },
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// drillEnded lets pass what a policy, or another drill, may wait for: the end of a drill, and that of its evidence.
var drillEnded = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*api.RestoreDrill), e.ObjectNew.(*api.RestoreDrill)
	return plan.DrillEnded(before) != plan.DrillEnded(after) || before.Status.Verdict != after.Status.Verdict ||
		(before.Status.Run == nil) != (after.Status.Run == nil)
}}

// wantsFingerprint lets pass points of which a fingerprint is to be recorded, or is being recorded.
var wantsFingerprint = predicate.NewPredicateFuncs(func(o client.Object) bool {
	return plan.WantsFingerprint(o.(*api.RecoveryPoint))
})

func policyOfDrill(_ context.Context, o client.Object) []reconcile.Request {
	return request(o.GetNamespace(), plan.DrillPolicy(o.(*api.RestoreDrill)))
}

// waitingDrills are the drills of the same policy that have not started. Those of other policies look again by themselves.
func (s *setup) waitingDrills(ctx context.Context, o client.Object) []reconcile.Request {
	drills, err := s.read.drills(ctx, o.GetNamespace(), plan.DrillPolicy(o.(*api.RestoreDrill)))
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, d := range drills {
		if d.Status.Run == nil && d.Status.Verdict == "" {
			out = append(out, request(d.Namespace, d.Name)...)
		}
	}
	return out
}

// reachChanged lets pass what a restore or a drill from a repository may wait for.
var reachChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*api.Repository), e.ObjectNew.(*api.Repository)
	was, is := meta.FindStatusCondition(before.Status.Conditions, api.ConditionReachable), meta.FindStatusCondition(after.Status.Conditions, api.ConditionReachable)
	return anew(e) || before.Generation != after.Generation || before.Status.UniqueID != after.Status.UniqueID ||
		(was == nil) != (is == nil) || (was != nil && was.Status != is.Status)
}}

// drillsAwaiting are the drills of the namespace of a repository that have not started.
func (s *setup) drillsAwaiting(ctx context.Context, o client.Object) []reconcile.Request {
	var list api.RestoreDrillList
	if err := s.mgr.GetClient().List(ctx, &list, client.InNamespace(o.GetNamespace())); err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, d := range list.Items {
		if d.Status.Run == nil && d.Status.Verdict == "" {
			out = append(out, request(d.Namespace, d.Name)...)
		}
	}
	return out
}

// restoresAwaiting are the restores of the namespace of a repository that have not started.
func (s *setup) restoresAwaiting(ctx context.Context, o client.Object) []reconcile.Request {
	restores, err := s.read.restores(ctx, o.GetNamespace())
	if err != nil {
		return nil
	}
	var out []reconcile.Request
	for _, x := range restores {
		if x.Status.Run == nil && !plan.RestoreEnded(x) {
			out = append(out, request(x.Namespace, x.Name)...)
		}
	}
	return out
}

// runOf finds the run of a kind that an object was made for.
func runOf(kind string) handler.MapFunc {
	return func(_ context.Context, o client.Object) []reconcile.Request {
		if l := o.GetLabels(); l[api.LabelRunKind] == kind {
			return request(o.GetNamespace(), l[api.LabelRun])
		}
		return nil
	}
}

// leftOf finds what is left of a run that has gone.
func (s *setup) leftOf(ctx context.Context, o client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, run := range runsOf(o) {
		out = append(out, s.leftOfRun(ctx, o.GetNamespace(), run)...)
	}
	return out
}

func (s *setup) leftOfRun(ctx context.Context, namespace, run string) []reconcile.Request {
	of := []client.ListOption{client.InNamespace(namespace), client.MatchingLabels{api.LabelRunUID: run}}
	var claims corev1.PersistentVolumeClaimList
	if err := s.mgr.GetClient().List(ctx, &claims, of...); err == nil {
		for i := range claims.Items {
			if found := swept(&claims.Items[i]); found != nil {
				return found
			}
		}
	}
	var pods corev1.PodList
	if err := s.mgr.GetClient().List(ctx, &pods, of...); err == nil {
		for i := range pods.Items {
			if found := swept(&pods.Items[i]); found != nil {
				return found
			}
		}
	}
	var policies networkingv1.NetworkPolicyList
	if err := s.mgr.GetClient().List(ctx, &policies, of...); err == nil && len(policies.Items) > 0 {
		return swept(&policies.Items[0])
	}
	return nil
}

// saysMore lets pass all but that a copy got on, which is written every few seconds and changes nothing for anybody.
var saysMore = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !plan.CopyGotOn(e.ObjectOld.(*api.RecoveryPoint), e.ObjectNew.(*api.RecoveryPoint))
}}

// copiesMoved lets pass what the copying of another point of the policy may wait for, or depend on.
var copiesMoved = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*api.RecoveryPoint), e.ObjectNew.(*api.RecoveryPoint)
		return anew(e) || plan.Complete(before) != plan.Complete(after) || plan.Proven(before) != plan.Proven(after) ||
			!slices.EqualFunc(before.Status.Copies, after.Status.Copies, func(a, b api.CopyRecord) bool {
				return a.Name == b.Name && a.State == b.State && a.Attempt == b.Attempt && a.CleanedUp == b.CleanedUp
			})
	},
}

// readyChanged lets pass what the copying into a repository may wait for.
var readyChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*api.Repository), e.ObjectNew.(*api.Repository)
	was, is := meta.FindStatusCondition(before.Status.Conditions, api.ConditionReady), meta.FindStatusCondition(after.Status.Conditions, api.ConditionReady)
	return specChanged.Update(e) || before.Status.UniqueID != after.Status.UniqueID || damageChanged.Update(e) ||
		(was == nil) != (is == nil) || (was != nil && (was.Status != is.Status || was.Reason != is.Reason))
}}

// damageChanged lets pass that damage was found in a repository, or is gone.
var damageChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(e.ObjectOld.(*api.Repository).Status.Damage, e.ObjectNew.(*api.Repository).Status.Damage)
}}

// pointsHeld are the points of the namespace of a repository of which something is to go, and may be held by its damage.
func (s *setup) pointsHeld(ctx context.Context, o client.Object) (out []reconcile.Request) {
	var points api.RecoveryPointList
	if err := s.mgr.GetClient().List(ctx, &points, client.InNamespace(o.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil
	}
	for i := range points.Items {
		if p := &points.Items[i]; !p.DeletionTimestamp.IsZero() || plan.LettingGo(p) {
			out = append(out, request(p.Namespace, p.Name)...)
		}
	}
	return out
}

// pointsBeside are the points of the same policy, but for the one itself.
func (s *setup) pointsBeside(ctx context.Context, o client.Object) []reconcile.Request {
	return s.toCopy(ctx, o.GetNamespace(), o.(*api.RecoveryPoint).Spec.Policy.Name, o.GetName())
}

// pointsOf are the points of a policy.
func (s *setup) pointsOf(ctx context.Context, o client.Object) []reconcile.Request {
	return s.toCopy(ctx, o.GetNamespace(), o.GetName(), "")
}

// toCopy are the points of a policy that are copied, or might be.
func (s *setup) toCopy(ctx context.Context, namespace, policy, but string) (out []reconcile.Request) {
	var list api.RecoveryPointList
	of := client.MatchingFields{indexPointPolicy: policy}
	if err := s.mgr.GetClient().List(ctx, &list, client.InNamespace(namespace), of, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return nil
	}
	for i := range list.Items {
		if p := &list.Items[i]; p.Name != but && (plan.Complete(p) || plan.HasCopies(p)) {
			out = append(out, request(namespace, p.Name)...)
		}
	}
	return out
}

// pointsInto are the points that are, or are to be, copied into a repository.
func (s *setup) pointsInto(ctx context.Context, o client.Object) (out []reconcile.Request) {
	var policies api.BackupPolicyList
	var points api.RecoveryPointList
	in := client.InNamespace(o.GetNamespace())
	if s.mgr.GetClient().List(ctx, &policies, in, client.UnsafeDisableDeepCopy) != nil || s.mgr.GetClient().List(ctx, &points, in, client.UnsafeDisableDeepCopy) != nil {
		return nil
	}
	named := map[string]bool{}
	for i := range policies.Items {
		for _, t := range policies.Items[i].Spec.Copies {
			named[policies.Items[i].Name] = named[policies.Items[i].Name] || t.Repository.Name == o.GetName()
		}
	}
	for i := range points.Items {
		if p := &points.Items[i]; plan.HasCopies(p) || (plan.Complete(p) && named[p.Spec.Policy.Name]) {
			out = append(out, request(p.Namespace, p.Name)...)
		}
	}
	return out
}

// newestPoint is the newest complete point of a policy, of which a fingerprint may now be wanted.
func (s *setup) newestPoint(_ context.Context, o client.Object) []reconcile.Request {
	if last := o.(*api.BackupPolicy).Status.LastRecoveryPoint; last != nil {
		return request(o.GetNamespace(), last.Name)
	}
	return nil
}

// repositoriesIn are those of a namespace.
func (s *setup) repositoriesIn(ctx context.Context, o client.Object) []reconcile.Request {
	var list api.RepositoryList
	if err := s.mgr.GetClient().List(ctx, &list, client.InNamespace(o.GetName())); err != nil {
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		out = append(out, request(list.Items[i].Namespace, list.Items[i].Name)...)
	}
	return out
}
