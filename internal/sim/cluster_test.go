// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// scopeDelay is for how long changes to namespaces, claims and policies are gathered.
const scopeDelay = 1500 * time.Millisecond

// routeCluster has every ClusterBackupPolicy looked at after a change to what may be in its scope.
func (o *Operator) routeCluster(c testkit.Change, obj client.Object, now time.Time) {
	switch obj := obj.(type) {
	case *api.ClusterBackupPolicy:
		before, _ := c.Then.(*api.ClusterBackupPolicy)
		if c.Now == nil || before == nil || before.Generation != obj.Generation || before.DeletionTimestamp.IsZero() != obj.DeletionTimestamp.IsZero() {
			o.add(request{clusterKind, "", obj.Name}, now)
		}
	case *corev1.Namespace, *corev1.PersistentVolumeClaim, *api.BackupPolicy:
		if c.Then != nil && c.Now != nil && !scopeChanged(c.Then, c.Now) {
			return
		}
		for _, p := range o.world.baselines() {
			o.add(request{clusterKind, "", p.Name}, now.Add(scopeDelay))
		}
	}
}

func scopeChanged(before, after client.Object) bool {
	same := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: before.GetLabels()}) == metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: after.GetLabels()})
	_, isPolicy := after.(*api.BackupPolicy)
	return !same || before.GetUID() != after.GetUID() || before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() ||
		(isPolicy && before.GetGeneration() != after.GetGeneration())
}

func (w *World) baselines() []api.ClusterBackupPolicy {
	var l api.ClusterBackupPolicyList
	must(w.User.List(context.Background(), &l))
	return l.Items
}

// baseline covers the namespaces labelled env=prod, hourly.
func baseline() *api.ClusterBackupPolicy {
	return &api.ClusterBackupPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "baseline"},
		Spec: api.ClusterBackupPolicySpec{
			NamespaceSelector: api.LabelSelector{MatchLabels: map[string]string{"env": "prod"}},
			Template:          &api.ClusterPolicyTemplate{Schedule: api.Schedule{Cron: "0 * * * *", TimeZone: "UTC"}, Retention: api.Retention{Last: 5, Minimum: 1}},
			OnDelete:          api.StampedRemove,
		},
	}
}

// spaces puts the shop into scope, and two namespaces more: one with a namesake of its own.
func spaces(w *World) {
	if w.stampOf("club") != nil {
		return // a copy of a world in which they are there
	}
	for _, name := range []string{"bank", "club"} {
		must(w.API.Seed(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
		claim := testkit.Claim("ledger")[0].(*corev1.PersistentVolumeClaim)
		claim.Namespace, claim.Spec.VolumeName, claim.Status.Phase = name, "", corev1.ClaimPending
		must(w.API.Seed(claim))
		w.label(name, "prod")
	}
	w.label(testkit.Namespace, "prod")
	w.Apply(testkit.Policy(func(b *api.BackupPolicy) {
		b.Namespace, b.Name, b.UID = "club", "baseline", ""
		b.Spec.Suspend, b.Spec.Schedule.Cron = true, "0 0 1 1 *"
	}))
}

func (w *World) label(namespace, env string) {
	var ns corev1.Namespace
	must(w.User.Get(context.Background(), client.ObjectKey{Name: namespace}, &ns))
	ns.Labels = map[string]string{"env": env}
	must(w.User.Update(context.Background(), &ns))
}

func withBaseline(w *World) {
	spaces(w)
	if len(w.baselines()) == 0 {
		w.Apply(baseline())
	}
}

func clusterScenarios() []scenario {
	claims := []string{"data", "logs"}
	idle := testkit.Policy(func(b *api.BackupPolicy) { b.Spec.Suspend = true })
	return []scenario{
		{
			name: "a baseline is applied", claims: claims, policy: idle, prepare: spaces,
			before: 10 * time.Minute, act: func(w *World) { w.Apply(baseline()) }, window: 20 * time.Minute,
			expect: stampedIn(5, testkit.Namespace, "bank"),
		},
		{
			name: "a template is edited", claims: claims, policy: idle, prepare: withBaseline,
			before: 10 * time.Minute,
			act: func(w *World) {
				c := w.baselines()[0]
				c.Spec.Template.Retention.Last = 9
				must(w.User.Update(context.Background(), &c))
			},
			window: 20 * time.Minute, expect: stampedIn(9, testkit.Namespace, "bank"),
		},
		{
			name: "a tenant edits and deletes what was made", claims: claims, policy: idle, prepare: withBaseline,
			before: 10 * time.Minute,
			act: func(w *World) {
				b := w.stampOf("bank")
				w.Delete(b)
				b = w.stampOf(testkit.Namespace)
				b.Spec.Suspend, b.Spec.Snapshot = true, &api.SnapshotOptions{Timeout: &metav1.Duration{Duration: time.Minute}}
				must(w.User.Update(context.Background(), b))
			},
			window: 20 * time.Minute, expect: stampedIn(5, testkit.Namespace, "bank"),
		},
		{
			name: "a baseline with Remove is deleted, just after a tenant asked for pruning", claims: claims, policy: idle, prepare: withBaseline,
			before: time.Hour + 10*time.Minute,
			act: func(w *World) {
				b := w.stampOf(testkit.Namespace)
				b.Spec.OnDelete = api.OnDeletePrune
				must(w.User.Update(context.Background(), b))
				c := w.baselines()[0]
				w.Delete(&c)
			},
			window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) { stampedIn(0)(t, w); completePoints(1)(t, w) },
		},
		{
			name: "a namespace leaves the scope of a baseline with Remove", claims: claims, policy: idle, prepare: withBaseline,
			before: time.Hour + 10*time.Minute, act: func(w *World) { w.label(testkit.Namespace, "test") }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) { stampedIn(5, "bank")(t, w); completePoints(1)(t, w) },
		},
	}
}

// stampOf is the policy of a namespace that bears the baseline's name; nil when there is none.
func (w *World) stampOf(namespace string) *api.BackupPolicy {
	var b api.BackupPolicy
	if err := w.User.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: "baseline"}, &b); err != nil {
		return nil
	}
	return &b
}

// stampedIn expects the policy as the template says, with that retention, in those namespaces and no others. That of the
// club is its own.
func stampedIn(last int32, namespaces ...string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		t.Helper()
		want := map[string]bool{}
		for _, ns := range namespaces {
			want[ns] = true
		}
		for _, ns := range []string{testkit.Namespace, "bank"} {
			b := w.stampOf(ns)
			if (b != nil) != want[ns] {
				t.Errorf("that namespace %s has the policy is %t", ns, b != nil)
				continue
			}
			if b != nil && (b.Spec.Retention.Last != last || b.Spec.Suspend || b.Spec.Snapshot != nil || b.Labels[api.LabelClusterPolicy] != "baseline") {
				t.Errorf("in namespace %s it is %+v", ns, b)
			}
		}
		if b := w.stampOf("club"); b == nil || b.Generation != 1 || len(b.Labels) != 0 {
			t.Errorf("the club's own was touched: %+v", b)
		}
		for _, c := range w.baselines() {
			s := c.Status
			if int(s.Stamped) != len(namespaces) || s.Claims.Uncovered != 1 || s.Conflicts == nil || s.Conflicts.Total != 1 ||
				meta.IsStatusConditionTrue(s.Conditions, api.ConditionCovered) {
				t.Errorf("the status is %+v", s)
			}
		}
		if (len(w.baselines()) == 0) != (last == 0) {
			t.Errorf("there are %d baselines", len(w.baselines()))
		}
	}
}
