// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// groupScenarios are those in which claims are captured by one group snapshot.
func groupScenarios() []scenario {
	two := []string{"data", "logs"}
	return []scenario{
		{
			name: "a group of three is captured", claims: claims3, policy: testkit.Policy(grouped),
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); oneInstant(t, w) },
		},
		{
			name: "a group has an error for a while", claims: two, policy: testkit.Policy(grouped),
			prepare: func(w *World) { w.Storage.Scripts["logs"] = testkit.Script{Error: 3 * time.Minute} },
			before:  59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "a group never becomes ready", claims: two, policy: testkit.Policy(timeout(time.Minute), grouped),
			prepare: func(w *World) { w.Storage.Scripts["logs"] = testkit.Script{Never: true} },
			before:  59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(0)(t, w); groupsLeft(t, w, 0) },
		},
		{
			name: "a quota refuses a group for a while", claims: two, policy: testkit.Policy(grouped),
			prepare: func(w *World) { w.API.Admit = refuseGroupsUntil(w, monday.Add(time.Hour+20*time.Second)) },
			before:  59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: completePoints(1),
		},
		{
			name: "hooks run around a group", claims: two, policy: testkit.Policy(hooks("true"), grouped),
			before: 59 * time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); hooksRan(t, w) },
		},
		{
			name: "a slot expires the oldest grouped point", claims: two, policy: testkit.Policy(last(1), grouped),
			before: time.Hour + 59*time.Minute, act: func(*World) {}, window: 40 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); groupsLeft(t, w, 1) },
		},
		{
			name: "a user deletes a grouped point", claims: two, policy: testkit.Policy(grouped),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(1)(t, w); groupsLeft(t, w, 1) },
		},
		{
			name: "a grouped point is deleted while it is captured", claims: two, policy: testkit.Policy(grouped),
			prepare: func(w *World) { w.Storage.Scripts["data"] = testkit.Script{Ready: 5 * time.Minute} },
			before:  time.Hour + time.Minute,
			act:     func(w *World) { p := w.Points()[0]; w.Delete(&p) }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) { completePoints(0)(t, w); groupsLeft(t, w, 0) },
		},
		{
			name: "a group snapshot is deleted by hand, and then its point", claims: two, policy: testkit.Policy(grouped),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { deleteGroupAndPoint(w, 0) }, window: 20 * time.Minute,
			expect: oneGroupLeft,
		},
		{
			name: "a group snapshot is deleted by hand, and its point when it is gone", claims: two, policy: testkit.Policy(grouped),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { deleteGroupAndPoint(w, 10*time.Second) }, window: 20 * time.Minute,
			expect: oneGroupLeft,
		},
		{
			name: "the namespace of grouped points is deleted", claims: two, policy: testkit.Policy(grouped),
			before: 2*time.Hour + 30*time.Minute,
			act:    func(w *World) { w.Checks.Released = true; w.DeleteNamespace() }, window: 20 * time.Minute,
			expect: func(t *testing.T, w *World) {
				if n := len(w.Storage.Bytes); n != 4 {
					t.Errorf("the storage system holds %d snapshots, want 4", n)
				}
				if n := len(w.Points()) + len(w.Snapshots()) + len(w.Groups()); n != 0 {
					t.Errorf("%d objects keep the namespace from going", n)
				}
			},
		},
	}
}

// grouped has claims captured as a group, or not at all.
func grouped(b *api.BackupPolicy) {
	if b.Spec.Snapshot == nil {
		b.Spec.Snapshot = &api.SnapshotOptions{}
	}
	b.Spec.Snapshot.Consistency = api.ConsistencyGroup
}

func refuseGroupsUntil(w *World, until time.Time) func(client.Object) error {
	return func(o client.Object) error {
		if o.GetObjectKind().GroupVersionKind().Kind == "VolumeGroupSnapshot" && w.Clock.Now().Before(until) {
			return testkit.QuotaExceeded(o.GetName())
		}
		return nil
	}
}

// oneInstant expects that all was cut at once, by groups.
func oneInstant(t *testing.T, w *World) {
	t.Helper()
	for _, c := range w.Storage.Cuts {
		if c.Group == "" || !c.At.Equal(w.Storage.Cuts[0].At) {
			t.Errorf("claim %s was cut at %s by group %q", c.Claim, c.At, c.Group)
		}
	}
}

// deleteGroupAndPoint deletes the oldest point's group snapshot as a user does, and after a while the point. An operator
// that is there may have expired it by then.
func deleteGroupAndPoint(w *World, wait time.Duration) {
	p := w.Points()[0]
	for _, g := range w.Groups() {
		if g.GetName() == p.Status.GroupSnapshot {
			w.Delete(&g)
		}
	}
	must(w.Run(wait))
	must(client.IgnoreNotFound(w.User.Delete(context.Background(), &p)))
}

// oneGroupLeft expects one of two grouped points of two claims, with all that is its own and no more.
func oneGroupLeft(t *testing.T, w *World) {
	t.Helper()
	completePoints(1)(t, w)
	groupsLeft(t, w, 1)
	if n := len(w.Storage.Bytes); n != 2 {
		t.Errorf("the storage system holds %d snapshots, want the 2 of the other point", n)
	}
}

// groupsLeft expects so many group snapshots, each with its content, and no other content.
func groupsLeft(t *testing.T, w *World, n int) {
	t.Helper()
	contents := groupList("VolumeGroupSnapshotContentList")
	must(w.User.List(t.Context(), contents))
	if len(w.Groups()) != n || len(contents.Items) != n {
		t.Errorf("%d group snapshots and %d contents are left, want %d", len(w.Groups()), len(contents.Items), n)
	}
}
