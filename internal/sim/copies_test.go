// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// logs are what the pods print.
type logs struct{ *Operator }

// Read is controllers.PodLogs.
func (l logs) Read(ctx context.Context, namespace, pod string, _ int64) (printed []byte, err error) {
	err = l.call(testkit.Call{Verb: testkit.Get, Kind: "Log", Key: client.ObjectKey{Namespace: namespace, Name: pod}}, func() error {
		printed, err = l.world.Machine.Printed(ctx, namespace, pod)
		return err
	})
	return printed, err
}

// Tail is controllers.PodTails. Pods end before they tell how far they are.
func (l logs) Tail(context.Context, string, string, int64) ([]byte, error) { return nil, nil }

// gotOn says whether a change of a point is only that a copy got on.
func gotOn(c testkit.Change) bool {
	return c.Then != nil && c.Now != nil && plan.CopyGotOn(c.Then.(*api.RecoveryPoint), c.Now.(*api.RecoveryPoint))
}

// routeCopies turns changes into requests about repositories, copies and restores, by the same rules as the watches.
func (o *Operator) routeCopies(c testkit.Change, obj client.Object, now time.Time) {
	if !o.world.Copies {
		return
	}
	switch obj := obj.(type) {
	case *api.Repository:
		o.add(request{repositoryKind, obj.Namespace, obj.Name}, now)
		o.sweepRun(c, obj, now)
		o.routeRepository(c, obj, now)
	case *api.RecoveryPoint:
		o.routeCopied(c, obj, now)
		o.routeRestored(obj, now)
	case *api.BackupPolicy:
		if before, _ := c.Then.(*api.BackupPolicy); c.Now == nil || before == nil || specChanged(before, obj) {
			o.wakeCopied(obj.Namespace, obj.Name, "", now)
		}
	case *api.Restore:
		o.add(request{restoreKind, obj.Namespace, obj.Name}, now)
		o.sweepRun(c, obj, now)
	case *corev1.Pod, *corev1.PersistentVolumeClaim:
		o.routeRestored(obj, now)
	}
}

func specChanged(before, after client.Object) bool {
	return before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() || before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero()
}

// routeRestored finds the run of a repository, a copy or a restore that an object was made for.
func (o *Operator) routeRestored(obj client.Object, now time.Time) {
	l := obj.GetLabels()
	_, isPod := obj.(*corev1.Pod)
	_, isPoint := obj.(*api.RecoveryPoint)
	switch kind := l[api.LabelRunKind]; {
	case kind == restoreKind, kind == copyKind && !isPoint, kind == repositoryKind && isPod:
		o.add(request{kind, obj.GetNamespace(), l[api.LabelRun]}, now)
	}
}

// routeCopied looks at the copies of a point, and at those of its siblings when they may wait for it.
func (o *Operator) routeCopied(c testkit.Change, p *api.RecoveryPoint, now time.Time) {
	if gotOn(c) {
		return
	}
	o.add(request{copyKind, p.Namespace, p.Name}, now)
	before, _ := c.Then.(*api.RecoveryPoint)
	if c.Now == nil || (before != nil && copiesMoved(before, p)) {
		o.wakeCopied(p.Namespace, p.Spec.Policy.Name, p.Name, now)
	}
}

func copiesMoved(before, after *api.RecoveryPoint) bool {
	return before.UID != after.UID || plan.Complete(before) != plan.Complete(after) || plan.Proven(before) != plan.Proven(after) ||
		!slices.EqualFunc(before.Status.Copies, after.Status.Copies, func(a, b api.CopyRecord) bool {
			return a.Name == b.Name && a.State == b.State && a.Attempt == b.Attempt && a.CleanedUp == b.CleanedUp
		})
}

// wakeCopied are the points of a policy that are copied, or might be.
func (o *Operator) wakeCopied(namespace, policy, but string, now time.Time) {
	for _, p := range o.seenPoints() {
		if p.Namespace == namespace && p.Spec.Policy.Name == policy && p.Name != but && (plan.Complete(&p) || plan.HasCopies(&p)) {
			o.add(request{copyKind, namespace, p.Name}, now)
		}
	}
}

// routeRepository looks at what may wait for a repository.
func (o *Operator) routeRepository(c testkit.Change, r *api.Repository, now time.Time) {
	before, _ := c.Then.(*api.Repository)
	new := c.Now == nil || before == nil || specChanged(before, r)
	if new || !equality.Semantic.DeepEqual(judgedOf(before), judgedOf(r)) {
		o.wakePolicies(now)
	}
	damage := new || !equality.Semantic.DeepEqual(before.Status.Damage, r.Status.Damage)
	was, is := stateOf(before, api.ConditionReady), stateOf(r, api.ConditionReady)
	if damage || before.Status.UniqueID != r.Status.UniqueID || was != is {
		o.wakeInto(r, now)
	}
	if damage {
		o.wakeHeld(r.Namespace, now)
	}
	reached := func(r *api.Repository) string {
		s, _, _ := strings.Cut(stateOf(r, api.ConditionReachable), "/")
		return s
	}
	if new || before.Status.UniqueID != r.Status.UniqueID || reached(before) != reached(r) {
		o.wakeAwaiting(r.Namespace, now)
	}
}

func judgedOf(r *api.Repository) api.RepositoryStatus {
	s := r.Status
	return api.RepositoryStatus{Conditions: s.Conditions, UniqueID: s.UniqueID, UnreachableSince: s.UnreachableSince, LastVerified: s.LastVerified, Damage: s.Damage}
}

func stateOf(r *api.Repository, kind string) string {
	if r == nil || meta.FindStatusCondition(r.Status.Conditions, kind) == nil {
		return ""
	}
	return condition(r.Status.Conditions, kind)
}

// wakeInto looks at the points that are, or are to be, copied into a repository.
func (o *Operator) wakeInto(r *api.Repository, now time.Time) {
	var policies api.BackupPolicyList
	must(o.cache.List(context.Background(), &policies, client.InNamespace(r.Namespace), client.UnsafeDisableDeepCopy))
	named := map[string]bool{}
	for _, b := range policies.Items {
		named[b.Name] = slices.ContainsFunc(b.Spec.Copies, func(t api.CopyTarget) bool { return t.Repository.Name == r.Name })
	}
	for _, p := range o.seenPoints() {
		if p.Namespace == r.Namespace && (plan.HasCopies(&p) || (plan.Complete(&p) && named[p.Spec.Policy.Name])) {
			o.add(request{copyKind, p.Namespace, p.Name}, now)
		}
	}
}

// wakeHeld looks at the points of which something is to go, and may be held.
func (o *Operator) wakeHeld(namespace string, now time.Time) {
	for _, p := range o.seenPoints() {
		if p.Namespace == namespace && (!p.DeletionTimestamp.IsZero() || plan.LettingGo(&p)) {
			o.add(request{pointKind, namespace, p.Name}, now)
		}
	}
}

// wakeAwaiting looks at the drills and restores of a namespace that have not started.
func (o *Operator) wakeAwaiting(namespace string, now time.Time) {
	for _, d := range o.seenDrills() {
		if d.Namespace == namespace && d.Status.Run == nil && d.Status.Verdict == "" {
			o.add(request{drillKind, namespace, d.Name}, now)
		}
	}
	var restores api.RestoreList
	must(o.cache.List(context.Background(), &restores, client.InNamespace(namespace), client.UnsafeDisableDeepCopy))
	for _, x := range restores.Items {
		if x.Status.Run == nil && !plan.RestoreEnded(&x) {
			o.add(request{restoreKind, namespace, x.Name}, now)
		}
	}
}

// wakeCopies looks at every repository, copy and restore, as a start does.
func (o *Operator) wakeCopies(now time.Time) {
	if !o.world.Copies {
		return
	}
	for kind, l := range map[string]client.ObjectList{repositoryKind: &api.RepositoryList{}, copyKind: &api.RecoveryPointList{}, restoreKind: &api.RestoreList{}} {
		must(o.world.User.List(context.Background(), l, client.UnsafeDisableDeepCopy))
		for _, obj := range items(l) {
			o.add(request{kind, obj.GetNamespace(), obj.GetName()}, now)
		}
	}
}

// runsOf are the runs that an object stands for: itself, and the copies of a point.
func runsOf(run client.Object) []string {
	out := []string{string(run.GetUID())}
	if p, is := run.(*api.RecoveryPoint); is {
		for _, c := range p.Status.Copies {
			out = append(out, names.CopyRun(string(p.UID), c.Name))
		}
	}
	return out
}
