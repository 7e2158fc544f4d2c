// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

var dockID = strings.Repeat("a", 64)

// dock is a world with points of two volumes, and one repository that they are to be copied into.
type dock struct {
	*testing.T
	blows
	clock   *clocktesting.FakePassiveClock
	client  *testkit.Client
	lag     int // by how many writes the cache is behind
	passes  int
	holds   map[string]map[string]bool // by the UID of a point: the claims of which the repository holds a copy
	slow    bool                       // copiers go on and on
	printed string                     // by a copier
	looks   int
	begin   func() *CopyReconciler
	copies  *CopyReconciler
	points  []*api.RecoveryPoint
}

func newDock(t *testing.T, points, strike int, way fault) *dock {
	t.Helper()
	w := &dock{T: t, clock: clocktesting.NewFakePassiveClock(noon), blows: newBlows(strike, way), holds: map[string]map[string]bool{}}
	a := testkit.NewAPI(Scheme(), w.clock)
	if err := Index(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := a.Seed(w.seed(points)...); err != nil {
		t.Fatal(err)
	}
	w.client = a.Client(w.call)
	w.begin = func() *CopyReconciler {
		read := &Reader{Cache: w.client.Lagging(w.behind), Live: w.client, API: ServedSnapshotAPI(testkit.GroupVersion)}
		return &CopyReconciler{Read: read, Write: &apply.Writer{Client: w.client, Live: w.client, Lanes: apply.NewLanes(1)},
			Tell: Teller{events.NewFakeRecorder(1000)}, Clock: w.clock, Settings: plan.Settings{Copies: 4}, Mover: objects.Mover{Image: "mover"}, Logs: w}
	}
	w.copies = w.begin()
	return w
}

// seed is what is there: the points with their snapshots, a policy that promises copies, and the repository.
func (w *dock) seed(points int) []client.Object {
	repository := &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "vault", UID: "repository-1", Generation: 1},
		Spec: api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "store"}},
		Status: api.RepositoryStatus{UniqueID: dockID, Conditions: []metav1.Condition{{
			Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonRepositoryReady, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))}}}}
	policy := testkit.Policy(func(b *api.BackupPolicy) {
		b.Spec.Retention.Last = 9
		b.Spec.Copies = []api.CopyTarget{{Name: "offsite", Repository: api.RepositoryReference{Name: "vault"}}}
	})
	out := []client.Object{testkit.NamespaceObject(), repository, policy, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: testkit.Class}, Provisioner: testkit.Driver}}
	for i := range points {
		p := testkit.Point(noon.Add(-time.Duration(i+1)*time.Hour), []string{"data", "logs"})
		for _, claim := range []string{"data", "logs"} {
			v, c := w.snapshot(p, claim)
			p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: claim, ClaimUID: testkit.ClaimUID(claim), State: api.VolumeCaptured,
				Snapshot: v.Name, Content: c.Name, Driver: testkit.Driver, StorageClass: testkit.Class, Size: ptr.To(resource.MustParse("1Gi"))})
			out = append(out, v, c)
		}
		w.points, out = append(w.points, p), append(out, p)
	}
	return out
}

func (w *dock) snapshot(p *api.RecoveryPoint, claim string) (*snapshotv1.VolumeSnapshot, *snapshotv1.VolumeSnapshotContent) {
	name := names.Snapshot(claim, "policy-1", testkit.ClaimUID(claim), p.Status.Capture.Run)
	v := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name, UID: types.UID("uid-of-" + name), Annotations: map[string]string{api.AnnotationClaim: claim},
			Labels: map[string]string{api.LabelPointUID: string(p.UID), api.LabelClaimUID: testkit.ClaimUID(claim), api.LabelPolicyUID: "policy-1"}},
		Status: &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(true), BoundVolumeSnapshotContentName: ptr.To("content-" + name)},
	}
	c := &snapshotv1.VolumeSnapshotContent{
		ObjectMeta: metav1.ObjectMeta{Name: "content-" + name},
		Spec:       snapshotv1.VolumeSnapshotContentSpec{Driver: testkit.Driver, VolumeSnapshotRef: corev1.ObjectReference{Namespace: testkit.Namespace, Name: name, UID: v.UID}},
		Status:     &snapshotv1.VolumeSnapshotContentStatus{ReadyToUse: ptr.To(true), SnapshotHandle: ptr.To("h-" + name)},
	}
	return v, c
}

// behind is by how many writes the cache is behind now. In the end it hears of all.
func (w *dock) behind() int {
	if w.passes%4 == 3 {
		return 0
	}
	return w.lag
}

// Tail is what a copier printed.
func (w *dock) Tail(context.Context, string, string, int64) ([]byte, error) {
	w.looks++
	return []byte(w.printed), nil
}

// until looks at all points for a time, and has the cluster go on in between.
func (w *dock) until(end time.Duration) {
	w.Helper()
	for w.clock.Now().Before(noon.Add(end)) {
		for _, p := range w.points {
			_, err := w.copies.Reconcile(w.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
			if errors.Is(err, errCrash) {
				w.copies = w.begin()
			} else if err != nil {
				w.Fatal(err)
			}
			w.judge()
		}
		w.passes++
		w.quietly(w.step)
		w.clock.SetTime(w.clock.Now().Add(2 * time.Second))
	}
}

// step binds claims and ends pods.
func (w *dock) step() {
	var claims corev1.PersistentVolumeClaimList
	var pods corev1.PodList
	w.ok(w.client.List(w.Context(), &claims))
	w.ok(w.client.List(w.Context(), &pods))
	for i := range claims.Items {
		if c := &claims.Items[i]; c.Status.Phase != corev1.ClaimBound {
			before := c.DeepCopy()
			c.Status.Phase = corev1.ClaimBound
			w.ok(w.client.Status().Patch(w.Context(), c, client.MergeFrom(before)))
		}
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Status.Phase != corev1.PodSucceeded {
			w.end(p)
		}
	}
}

func (w *dock) end(p *corev1.Pod) {
	before := p.DeepCopy()
	o, err := order.Decode([]byte(p.Annotations[api.AnnotationOrder]))
	w.ok(err)
	d := result.Done{UniqueID: o.Repository.UniqueID}
	p.Status.Phase = corev1.PodSucceeded
	switch {
	case o.Forget != nil:
		delete(w.holds, o.Forget.PointUID)
		d.Forgot = 2
	case w.slow:
		p.Status.Phase = corev1.PodRunning
	default:
		if w.holds[o.Copy.PointUID] == nil {
			w.holds[o.Copy.PointUID] = map[string]bool{}
		}
		w.holds[o.Copy.PointUID][o.Copy.Claim] = true
		d.Copy = &result.Copy{Volume: result.Volume{Name: "volume", Digest: "sha256:" + strings.Repeat("0", 64), Files: 3, Bytes: 100}, NewBytes: 10}
	}
	if p.Status.Phase == corev1.PodSucceeded {
		told, err := result.EncodeDone(d)
		w.ok(err)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "mover", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: string(told)}}}}
	}
	w.ok(w.client.Status().Patch(w.Context(), p, client.MergeFrom(before)))
}

func (w *dock) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// judge holds what is on record against what the repository holds.
func (w *dock) judge() {
	w.Helper()
	var points api.RecoveryPointList
	w.ok(w.client.List(w.Context(), &points))
	for i := range points.Items {
		p := &points.Items[i]
		for _, c := range p.Status.Copies {
			if c.State == api.CopyComplete && len(w.holds[string(p.UID)]) != 2 {
				w.Fatalf("%s: a copy of %s is complete, and the repository holds %v", w.struck, p.Name, w.holds[string(p.UID)])
			}
		}
	}
}

// found is what there is in the end, but for times.
func (w *dock) found() string {
	w.Helper()
	var out []string
	var points api.RecoveryPointList
	var pods corev1.PodList
	var claims corev1.PersistentVolumeClaimList
	for _, l := range []client.ObjectList{&points, &pods, &claims} {
		w.ok(w.client.List(w.Context(), l))
	}
	for i := range points.Items {
		p := &points.Items[i]
		c := p.Status.Conditions[slices.IndexFunc(p.Status.Conditions, func(c metav1.Condition) bool { return c.Type == api.ConditionCopied })]
		out = append(out, fmt.Sprintf("%s %s %s %v", p.Name, c.Status, c.Reason, p.Finalizers))
		for _, r := range p.Status.Copies {
			out = append(out, fmt.Sprintf("  %s %s attempt %d, %d volumes, %d of %d bytes, clean %t", r.Name, r.State, r.Attempt, len(r.Volumes), r.NewBytes, r.Bytes, r.CleanedUp))
		}
	}
	out = append(out, fmt.Sprintf("%d pods, %d claims, %d points in the repository", len(pods.Items), len(claims.Items), len(w.holds)))
	return strings.Join(out, "\n")
}

// remove deletes a point whose snapshots may go, and are gone.
func (w *dock) remove(p *api.RecoveryPoint) {
	var now api.RecoveryPoint
	w.ok(w.client.Get(w.Context(), client.ObjectKeyFromObject(p), &now))
	w.ok(w.client.Delete(w.Context(), &now))
	w.ok(w.client.Get(w.Context(), client.ObjectKeyFromObject(p), &now))
	before := now.DeepCopy()
	now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == api.FinalizerSnapshots })
	w.ok(w.client.Patch(w.Context(), &now, client.MergeFrom(before)))
}

// life has a point copied, and then deleted.
func (w *dock) life() (copied, gone string) {
	w.Helper()
	w.until(time.Minute)
	copied = w.found()
	w.quietly(func() { w.remove(w.points[0]) })
	w.until(2 * time.Minute)
	return copied, w.found()
}

// TestCopySurvives strikes every write with every fault, and has the same come of it. No pod is made twice.
func TestCopySurvives(t *testing.T) {
	whole := newDock(t, 1, 0, "")
	copied, gone := whole.life()
	if !strings.Contains(copied, "True Copied") || !strings.Contains(copied, "offsite Complete attempt 0, 2 volumes, 20 of 200 bytes, clean true") || !strings.HasSuffix(copied, "0 pods, 0 claims, 1 points in the repository") {
		t.Fatalf("without a fault it is copied as\n%s", copied)
	}
	if gone != "0 pods, 0 claims, 0 points in the repository" {
		t.Fatalf("without a fault it goes as\n%s", gone)
	}
	if whole.writes > 30 {
		t.Errorf("it takes %d writes", whole.writes)
	}
	for _, way := range []fault{crashBefore, crashAfter, conflict} {
		for n := 1; n <= whole.writes; n++ {
			w := newDock(t, 1, n, way)
			w.lag = n % 9
			c, g := w.life()
			if c != copied || g != gone {
				t.Errorf("%s write %d, %s: it is\n%s\nand then\n%s", way, n, w.struck, c, g)
			}
			for _, pod := range slices.Sorted(maps.Keys(w.created)) {
				if times := w.created[pod]; times > 1 {
					t.Errorf("%s write %d, %s: pod %s was made %d times", way, n, w.struck, pod, times)
				}
			}
		}
	}
}

// TestCopiesAreBounded: however far behind the cache is, no more are begun than may be.
func TestCopiesAreBounded(t *testing.T) {
	for _, c := range []struct{ all, into, want int }{{4, 2, 2}, {3, 9, 3}, {9, 9, 6}} {
		w := newDock(t, 6, 0, "")
		w.slow, w.lag = true, 5
		w.copies.Settings.Copies = c.all
		var r api.Repository
		w.ok(w.client.Get(t.Context(), client.ObjectKey{Namespace: testkit.Namespace, Name: "vault"}, &r))
		before := r.DeepCopy()
		r.Spec.Limits = &api.RepositoryLimits{Copies: int32(c.into)}
		w.ok(w.client.Patch(t.Context(), &r, client.MergeFrom(before)))
		w.until(30 * time.Second)
		var points api.RecoveryPointList
		w.ok(w.client.List(t.Context(), &points))
		under := 0
		for i := range points.Items {
			if plan.Copies(&points.Items[i]) {
				under++
			}
		}
		if under != c.want {
			t.Errorf("of %d that may be, and %d into the repository, %d are under way, want %d", c.all, c.into, under, c.want)
		}
	}
}

// TestCopyTellsHowFarItIs: copiers are asked every 15 seconds, and what they print is written down when it says something new.
func TestCopyTellsHowFarItIs(t *testing.T) {
	w := newDock(t, 1, 0, "")
	w.slow = true
	w.printed = "it begins\n" + result.ProgressMark + `{"bytes":50,"files":2,"bytesPerSecond":10,"totalBytes":100}` + "\n"
	w.until(40 * time.Second)
	progress := func() api.CopyProgress {
		var p api.RecoveryPoint
		w.ok(w.client.Get(t.Context(), client.ObjectKeyFromObject(w.points[0]), &p))
		return *p.Status.Copies[0].Progress
	}
	first := progress()
	if first.Bytes != 100 || first.Files != 4 || first.BytesPerSecond != 20 || first.TotalBytes != 200 || first.TimeLeft.Duration != 5*time.Second {
		t.Errorf("it is %+v", first)
	}
	if w.looks < 2 || w.looks > 8 {
		t.Errorf("the logs were looked at %d times", w.looks)
	}
	writes := w.writes
	w.until(80 * time.Second)
	if w.writes != writes {
		t.Errorf("without getting on there are %d writes", w.writes-writes)
	}
	w.printed = result.ProgressMark + `{"bytes":60,"files":2,"bytesPerSecond":10,"totalBytes":100}` + "\n"
	w.until(120 * time.Second)
	if now := progress(); now.Bytes != 120 || !now.At.After(first.At.Time) {
		t.Errorf("it is %+v", now)
	}
}

// TestCopiesAreSwept: what is left of a copy goes once its point, or the record of the copy, is not there any more.
func TestCopiesAreSwept(t *testing.T) {
	w := newDock(t, 1, 0, "")
	w.slow = true
	w.until(20 * time.Second)
	p := w.points[0]
	run := copyRun(p, "offsite")
	read := w.copies.Read
	gone := func(r objects.Run) bool {
		is, err := read.runGone(t.Context(), r)
		w.ok(err)
		return is
	}
	if gone(run) || !gone(copyRun(p, "elsewhere")) {
		t.Error("a copy is gone that is under way, or one is there that is not")
	}
	if got := runsOf(p); len(got) != 1 {
		t.Errorf("before it is copied it is %v", got)
	}
	var now api.RecoveryPoint
	w.ok(w.client.Get(t.Context(), client.ObjectKeyFromObject(p), &now))
	if got := runsOf(&now); !slices.Contains(got, run.UID) || !slices.Contains(got, string(p.UID)) {
		t.Errorf("it is %v", got)
	}
	w.ok(w.client.Delete(t.Context(), &now))
	w.ok(w.client.Get(t.Context(), client.ObjectKeyFromObject(p), &now))
	before := now.DeepCopy()
	now.Finalizers = nil
	w.ok(w.client.Patch(t.Context(), &now, client.MergeFrom(before)))
	if !gone(run) {
		t.Error("a copy outlives its point")
	}
}

func TestCopyTold(t *testing.T) {
	told, err := result.EncodeDone(result.Done{UniqueID: "x", Copy: &result.Copy{Volume: result.Volume{Digest: "d", Files: 1, Bytes: 2, Unreadable: 3}, NewBytes: 4, Lost: 5}})
	if err != nil {
		t.Fatal(err)
	}
	if c := repositoryResult(string(told)).Copied; c == nil || c.Digest != "d" || c.Files != 1 || c.Bytes != 2 || c.Unreadable != 3 || c.NewBytes != 4 || c.Lost != 5 {
		t.Errorf("it is %+v", c)
	}
}
