// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// harbour is a world with one repository, whose pods end well and whose store holds two points of two volumes.
type harbour struct {
	*testing.T
	blows
	clock    *clocktesting.FakePassiveClock
	client   *testkit.Client
	lag      int // by how many writes the cache is behind
	operator *RepositoryReconciler
}

func newHarbour(t *testing.T, strike int, way fault, change func(*api.Repository)) *harbour {
	t.Helper()
	w := &harbour{T: t, clock: clocktesting.NewFakePassiveClock(noon), blows: newBlows(strike, way)}
	a := testkit.NewAPI(Scheme(), w.clock)
	r := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "offsite", UID: "repository-1", Generation: 1, CreationTimestamp: metav1.NewTime(noon)},
		Spec: api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "store"}}}
	change(r)
	if err := a.Seed(testkit.NamespaceObject(), r); err != nil {
		t.Fatal(err)
	}
	w.client = a.Client(w.call)
	lagging := w.client.Lagging(func() int { return w.lag })
	w.operator = &RepositoryReconciler{Read: &Reader{Cache: lagging, Live: w.client}, Write: &apply.Writer{Client: w.client, Live: w.client, Lanes: apply.NewLanes(1)},
		Tell: Teller{events.NewFakeRecorder(1000)}, Clock: w.clock, Mover: objects.Mover{Image: "mover"}, Logs: w}
	return w
}

// Read is the log of a pod with a catalogue.
func (w *harbour) Read(context.Context, string, string, int64) ([]byte, error) {
	out := "it begins\n"
	for _, point := range []string{"one", "two"} {
		for _, claim := range []string{"data", "logs"} {
			raw, err := json.Marshal(order.Record{Version: 1, PointUID: "uid-" + point, Point: point, Namespace: "lost", Policy: "web", PointInTime: noon.Add(-time.Hour),
				CapturedAt: noon.Add(-time.Hour), CopiedAt: noon, Volumes: 2, Claim: claim, ClaimUID: claim, Size: 1, Digest: "sha256:" + claim})
			if err != nil {
				return nil, err
			}
			out += result.RecordMark + string(raw) + "\n"
		}
	}
	return []byte(out), nil
}

// until reconciles for a time, and has the pods end in between.
func (w *harbour) until(end time.Duration) {
	w.Helper()
	key := client.ObjectKey{Namespace: testkit.Namespace, Name: "offsite"}
	for w.clock.Now().Before(noon.Add(end)) {
		if _, err := w.operator.Reconcile(w.Context(), reconcile.Request{NamespacedName: key}); err != nil && !errors.Is(err, errCrash) {
			w.Fatal(err)
		}
		w.quietly(w.endPods) // nodes are not what is tested
		w.clock.SetTime(w.clock.Now().Add(2 * time.Second))
	}
}

// endPods has all pods end well.
func (w *harbour) endPods() {
	w.Helper()
	var pods corev1.PodList
	if err := w.client.List(w.Context(), &pods); err != nil {
		w.Fatal(err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.Status.Phase == corev1.PodSucceeded {
			continue
		}
		o, err := order.Decode([]byte(p.Annotations[api.AnnotationOrder]))
		if err != nil {
			w.Fatal(err)
		}
		d := result.Done{UniqueID: strings.Repeat("a", 64)}
		switch {
		case o.Probe != nil:
			d.Probe = &result.Probe{Copies: 4, Bytes: 10}
		case o.Verify != nil:
			d.Verify = &result.Verify{Copies: 4, Bytes: 10}
		case o.Maintain != nil:
			d.Maintain = &result.Maintain{Freed: 1}
		}
		told, err := result.EncodeDone(d)
		if err != nil {
			w.Fatal(err)
		}
		before := p.DeepCopy()
		p.Status.Phase = corev1.PodSucceeded
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "mover", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: string(told)}}}}
		if err := w.client.Status().Patch(w.Context(), p, client.MergeFrom(before)); err != nil {
			w.Fatal(err)
		}
	}
}

// end is what there is in the end, but for times.
func (w *harbour) end() string {
	w.Helper()
	var r api.Repository
	if err := w.client.Get(w.Context(), client.ObjectKey{Namespace: testkit.Namespace, Name: "offsite"}, &r); err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, c := range r.Status.Conditions {
		out = append(out, fmt.Sprintf("%s %s %s", c.Type, c.Status, c.Reason))
	}
	out = append(out, fmt.Sprintf("id %s copies %d imported %d password %s", r.Status.UniqueID, r.Status.Copies, r.Status.Imported, r.Status.PasswordSecret))
	var points api.RecoveryPointList
	var pods corev1.PodList
	var secrets corev1.SecretList
	for _, l := range []client.ObjectList{&points, &pods, &secrets} {
		if err := w.client.List(w.Context(), l); err != nil {
			w.Fatal(err)
		}
	}
	for i := range points.Items {
		p := &points.Items[i]
		if p.Status.Origin == nil || !plan.Complete(p) {
			w.Errorf("%s: point %s is half a point: %+v", w.struck, p.Name, p.Status)
			continue
		}
		out = append(out, "point "+p.Name+" of "+p.Status.Origin.PointName)
	}
	out = append(out, fmt.Sprintf("%d pods", len(pods.Items)))
	for i := range secrets.Items {
		out = append(out, "secret "+secrets.Items[i].Name)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// TestRepositorySurvives strikes every write with every fault, and has the same come of it. No pod is made twice.
func TestRepositorySurvives(t *testing.T) {
	for name, change := range map[string]func(*api.Repository){
		"made":     func(*api.Repository) {},
		"imported": func(r *api.Repository) { r.Spec.Import = true },
	} {
		whole := newHarbour(t, 0, "", change)
		whole.until(2 * time.Minute)
		want := whole.end()
		if n := strings.Count(want, "point "); name == "imported" && n != 2 || !strings.Contains(want, "Ready True RepositoryReady") || !strings.Contains(want, "0 pods") {
			t.Fatalf("%s: without a fault it ends as\n%s", name, want)
		}
		if whole.writes > 60 {
			t.Errorf("%s: %d writes", name, whole.writes)
		}
		for _, way := range []fault{crashBefore, crashAfter, conflict} {
			for n := 1; n <= whole.writes; n++ {
				w := newHarbour(t, n, way, change)
				w.lag = n % 3
				w.until(2 * time.Minute)
				if got := w.end(); got != want {
					t.Errorf("%s: %s write %d, %s, it ends as\n%s\nwant\n%s", name, way, n, w.struck, got, want)
				}
				for pod, times := range w.created {
					if times > 1 {
						t.Errorf("%s: %s write %d, %s: pod %s was made %d times", name, way, n, w.struck, pod, times)
					}
				}
			}
		}
	}
}

func TestTaskPods(t *testing.T) {
	locked := false
	told, err := result.EncodeDone(result.Done{UniqueID: "x", Probe: &result.Probe{Copies: 1, Bytes: 2, Skew: time.Second, Locked: &locked, LockError: "no"}})
	if err != nil {
		t.Fatal(err)
	}
	ended := func(message string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", Message: message}}}}
		}
	}
	q := taskPod(aPod(corev1.PodSucceeded, ended(string(told)), func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon)}}
	}))
	if d := q.Told; d == nil || d.UniqueID != "x" || d.Probe.Copies != 1 || d.Probe.Bytes != 2 || d.Probe.Skew != time.Second || *d.Probe.Locked || d.Probe.LockError != "no" || !q.Scheduled.Equal(noon) {
		t.Errorf("it is %+v", q)
	}
	for _, message := range []string{"", "panic", `{"unknown": 1}`, string(told) + "{}"} {
		if q := taskPod(aPod(corev1.PodSucceeded, ended(message))); q.Told != nil || !q.Scheduled.IsZero() {
			t.Errorf("%q is understood: %+v", message, q.Told)
		}
	}
	damage := repositoryResult(`{"seconds": 1, "verify": {"copies": 1, "bytes": 2, "contents": 3, "damaged": 4, "healing": true}}`)
	if v := damage.Verify; v.Bytes != 2 || v.Contents != 3 || v.Damaged != 4 || !v.Healing {
		t.Errorf("it is %+v", v)
	}
	if d := repositoryResult(`{"seconds": 1, "maintain": {"freed": 5}}`); d.Freed != 5 {
		t.Errorf("it is %+v", d)
	}
}
