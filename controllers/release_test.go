// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/plan"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// releasing is a world in which retention lets the snapshots of a point go, of which there is a copy. Somebody puts the point on
// hold just before the operator's request of a number.
type releasing struct {
	*testing.T
	client *testkit.Client
	point  *api.RecoveryPoint
	events *events.FakeRecorder

	requests, holdAt int
	said             *api.RecoveryPoint // what whoever put it on hold could read then
}

func newReleasing(t *testing.T, holdAt, lag int) (*releasing, *PointReconciler) {
	t.Helper()
	clock := clocktesting.NewFakePassiveClock(noon)
	a := testkit.NewAPI(Scheme(), clock)
	if err := Index(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	d := &dock{T: t}
	seed := d.seed(2)
	w := &releasing{T: t, point: d.points[1], client: a.Client(nil), events: events.NewFakeRecorder(1000), holdAt: holdAt}
	c := api.CopyRecord{Name: "offsite", Repository: "vault", RepositoryID: dockID, State: api.CopyComplete, CleanedUp: true}
	for _, v := range w.point.Status.Volumes {
		c.Volumes = append(c.Volumes, api.CopiedVolume{Claim: v.Claim})
	}
	w.point.Status.Copies = []api.CopyRecord{c}
	w.point.Status.Release = []api.ReleasedPart{{Part: plan.PartSnapshots, At: metav1.NewTime(noon)}}
	if err := a.Seed(seed...); err != nil {
		t.Fatal(err)
	}
	operator := a.Client(w.call)
	read := &Reader{Cache: operator.Lagging(func() int { return lag }), Live: operator, API: ServedSnapshotAPI(testkit.GroupVersion)}
	return w, &PointReconciler{Read: read, Write: &apply.Writer{Client: operator, Live: operator, Lanes: apply.NewLanes(1)},
		Tell: Teller{w.events}, Clock: clock, Settings: plan.Settings{Retain: true}}
}

func (w *releasing) call(_ testkit.Call, do func() error) error {
	if w.requests++; w.requests == w.holdAt {
		w.hold()
	}
	return do()
}

func (w *releasing) hold() {
	p := w.now()
	before := p.DeepCopy()
	p.Spec.Hold = true
	p.Generation++
	if err := w.client.Patch(w.Context(), p, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
	w.said = p
}

func (w *releasing) now() *api.RecoveryPoint {
	p := &api.RecoveryPoint{}
	if err := w.client.Get(w.Context(), client.ObjectKeyFromObject(w.point), p); err != nil {
		w.Fatal(err)
	}
	return p
}

// left is how many snapshots of the point are there.
func (w *releasing) left() int {
	var all snapshotv1.VolumeSnapshotList
	if err := w.client.List(w.Context(), &all, client.InNamespace(testkit.Namespace), client.MatchingLabels{api.LabelPointUID: string(w.point.UID)}); err != nil {
		w.Fatal(err)
	}
	return len(all.Items)
}

// told says whether an event of a reason was sent.
func (w *releasing) told(reason string) bool {
	for len(w.events.Events) > 0 {
		if strings.Contains(<-w.events.Events, reason) {
			return true
		}
	}
	return false
}

// TestHoldMeetsARelease: whenever somebody puts a point on hold while its snapshots are let go, either all of them stay, or it was on
// record before that they go, and it is told that the hold came too late. They never go in part.
func TestHoldMeetsARelease(t *testing.T) {
	run := func(holdAt, lag int) *releasing {
		w, operator := newReleasing(t, holdAt, lag)
		for range 12 { // a pass that is refused is made again
			if _, err := operator.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(w.point)}); err != nil {
				t.Logf("hold at request %d, behind by %d: %v", holdAt, lag, err)
			}
			lag = max(0, lag-1)
		}
		return w
	}
	begun := func(p *api.RecoveryPoint) bool {
		return meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete).Reason == api.ReasonCopiesOnly
	}
	whole := run(0, 0)
	if whole.left() != 0 || whole.now().Status.SnapshotsReleasedAt == nil || whole.told(api.ReasonHoldTooLate) {
		t.Fatalf("without a hold %d snapshots are left: %+v", whole.left(), whole.now().Status)
	}
	spared, late := 0, 0
	for lag := range 3 {
		for n := 1; n <= whole.requests; n++ {
			w := run(n, lag)
			p, told := w.now(), w.told(api.ReasonHoldTooLate)
			message := meta.FindStatusCondition(p.Status.Conditions, api.ConditionComplete).Message
			switch {
			case w.said == nil:
			case !begun(w.said):
				spared++
				if w.left() != 2 || begun(p) || told {
					t.Errorf("behind by %d, on hold before request %d: %d snapshots are left, and it says %q", lag, n, w.left(), message)
				}
			case w.said.Status.SnapshotsReleasedAt == nil:
				late++
				if w.left() != 0 || !told || !strings.Contains(message, "the hold came when") {
					t.Errorf("behind by %d, on hold before request %d, too late: %d snapshots are left, it was told: %t, and it says %q", lag, n, w.left(), told, message)
				}
			default:
				if w.left() != 0 || told {
					t.Errorf("behind by %d, on hold before request %d, when all was over: it was told: %t, and it says %q", lag, n, told, message)
				}
			}
		}
	}
	if spared < 5 || late < 5 {
		t.Errorf("it was spared %d times, and too late %d times: the hold does not meet the release", spared, late)
	}
}
