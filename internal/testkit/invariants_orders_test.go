// SPDX-License-Identifier: Apache-2.0

package testkit_test

import (
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/core/names"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

const digest = "sha256:data"

// harbour is a point with a copy in a store, and what the operator does about it.
type harbour struct {
	point      *api.RecoveryPoint
	repository *api.Repository
	store      *testkit.Store
	others     []client.Object // that are there already
}

func newHarbour() *harbour {
	h := &harbour{point: testkit.Point(noon, []string{"data"}, testkit.Incomplete), store: testkit.NewStore()}
	h.repository = &api.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "vault", UID: "vault-1"},
		Spec:   api.RepositorySpec{S3: &api.S3Location{Bucket: "vault"}},
		Status: api.RepositoryStatus{UniqueID: "id"}}
	h.store.ID = "id"
	h.holds()
	return h
}

func (h *harbour) volume() order.Volume {
	return order.Volume{PointUID: string(h.point.UID), ClaimUID: testkit.ClaimUID("data")}
}

// holds puts the copy into the store.
func (h *harbour) holds() {
	h.store.Records[h.volume()] = order.Record{PointUID: string(h.point.UID), Claim: "data", ClaimUID: testkit.ClaimUID("data"), Digest: digest}
}

// has puts a copy on record.
func (h *harbour) has(name string, state api.CopyState) {
	ended := metav1.NewTime(noon)
	h.point.Status.Copies = append(h.point.Status.Copies, api.CopyRecord{Name: name, Repository: "vault", RepositoryID: "id", State: state, FinishedAt: &ended,
		Volumes: []api.CopiedVolume{{Claim: "data", Fingerprint: api.Fingerprint{Digest: digest}}}})
}

// letsGo has the snapshots let go of, because there is a copy.
func (h *harbour) letsGo() {
	h.has("offsite", api.CopyComplete)
	letGo("snapshots")(h.point)
	meta.SetStatusCondition(&h.point.Status.Conditions, metav1.Condition{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: api.ReasonCopiesOnly})
	h.others = append(h.others, h.snapshot())
}

func (h *harbour) snapshot() *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "snapshot", UID: "snapshot-1", Labels: map[string]string{api.LabelPointUID: string(h.point.UID)}},
		Status: &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(true)}}
}

// pod is one that was told to do something.
func (h *harbour) pod(name string, o order.Order, mods ...testkit.Mod[corev1.Pod]) *corev1.Pod {
	o.Repository.S3, o.Repository.UniqueID = &order.S3{Bucket: "vault"}, "id"
	text, err := order.Encode(o)
	if err != nil {
		panic(err)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: name, UID: testkit.UIDOf(name),
		Annotations: map[string]string{api.AnnotationOrder: text, api.AnnotationExpires: "2030-01-01T00:00:00Z"},
		Labels:      map[string]string{api.LabelRepository: "vault"}}}
	for _, m := range mods {
		m(p)
	}
	return p
}

func reading(readOnly bool) testkit.Mod[corev1.Pod] {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "volume", ReadOnly: readOnly}}}}
	}
}

func ended(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }

func ofRun(kind, uid string, attempt string) testkit.Mod[corev1.Pod] {
	return func(p *corev1.Pod) {
		p.Labels[api.LabelRunKind], p.Labels[api.LabelRunUID], p.Labels[api.LabelAttempt] = kind, uid, attempt
	}
}

func (h *harbour) copy() order.Order {
	return order.Order{Copy: &order.Copy{Volume: h.volume(), Claim: "data"}}
}

func (h *harbour) forget() order.Order {
	return order.Order{Forget: &order.Forget{PointUID: string(h.point.UID)}}
}

var (
	verify   = order.Order{Verify: &order.Verify{}}
	maintain = order.Order{Maintain: &order.Maintain{}}
	restore  = order.Order{Restore: &order.Restore{}}
)

// TestCheckerOfOrders plants what an operator must not tell a pod, nor say of a repository, and has each found for what it is.
func TestCheckerOfOrders(t *testing.T) {
	creates := func(p *corev1.Pod) func(*harbour, world) {
		return func(_ *harbour, w world) { w.does(testkit.Create, "Pod", p) }
	}
	deletes := func(p *corev1.Pod) func(*harbour, world) {
		return func(_ *harbour, w world) {
			w.does(testkit.Create, "Pod", p)
			w.does(testkit.Delete, "Pod", p)
		}
	}
	says := func(_ *harbour, w world) { w.does(testkit.Status, "Repository", w.repository) }
	saysOfPoint := func(_ *harbour, w world) { w.does(testkit.Status, "RecoveryPoint", w.point) }
	rests := func(_ *harbour, w world) { w.k.AtRest() }
	prunes := func(h *harbour, w world) { w.does(testkit.Delete, "VolumeSnapshot", h.snapshot()) }
	task := func(h *harbour) string {
		return names.RepositoryPod("vault", "vault-1", "probe", noon.Truncate(time.Second))
	}
	probing := &api.RepositoryRun{StartedAt: metav1.NewTime(noon.Truncate(time.Second)), Deadline: metav1.NewTime(noon.Add(time.Hour))}
	for _, c := range []struct {
		name   string
		plant  func(*harbour) func(*harbour, world)
		broken string
	}{
		{"a copy is made that is on record", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			return creates(h.pod("one", h.copy(), reading(true)))
		}, ""},
		{"it is not on record", func(h *harbour) func(*harbour, world) { return creates(h.pod("one", h.copy(), reading(true))) }, "invariant 3"},
		{"another pod makes it", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.others = append(h.others, h.pod("two", h.copy(), reading(true)))
			return creates(h.pod("one", h.copy(), reading(true)))
		}, "another pod copies it"},
		{"another pod made it in vain", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.others = append(h.others, h.pod("two", h.copy(), reading(true), ended))
			return creates(h.pod("one", h.copy(), reading(true)))
		}, ""},
		{"it was told to be there", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.store.Told[h.volume()] = true
			return creates(h.pod("one", h.copy(), reading(true)))
		}, "copied again"},
		{"it was told to be there, and is made anew in full", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.store.Told[h.volume()] = true
			anew := h.copy()
			anew.Copy.Full = true
			return creates(h.pod("one", anew, reading(true)))
		}, ""},
		{"its source can be written to", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			return creates(h.pod("one", h.copy(), reading(false)))
		}, "invariant 14"},
		{"it may come to another repository", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.repository.Status.UniqueID, h.store.ID = "other", "other"
			return creates(h.pod("one", h.copy(), reading(true)))
		}, "invariant 2"},
		{"it goes into no repository", func(h *harbour) func(*harbour, world) {
			return creates(h.pod("one", h.copy(), reading(true), func(p *corev1.Pod) { p.Labels[api.LabelRepository] = "none" }))
		}, "no such repository"},

		{"a copy goes that is on record to go", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyRemoving)
			return creates(h.pod("one", h.forget()))
		}, ""},
		{"it is not on record that it goes", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			return creates(h.pod("one", h.forget()))
		}, "invariant 5"},
		{"its point is not there", func(h *harbour) func(*harbour, world) {
			return creates(h.pod("one", order.Order{Forget: &order.Forget{PointUID: "nobody"}}))
		}, "invariant 5"},
		{"its point is on hold", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyRemoving)
			h.point.Spec.Hold = true
			return creates(h.pod("one", h.forget()))
		}, "on hold"},
		{"another target counts on it", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyRemoving)
			h.has("second", api.CopyComplete)
			return creates(h.pod("one", h.forget()))
		}, "invariant 6"},
		{"another target counted on it", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyRemoving)
			h.has("second", api.CopyComplete)
			letGo("copy/second")(h.point)
			return creates(h.pod("one", h.forget()))
		}, ""},
		{"it is being written", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyRemoving)
			h.others = append(h.others, h.pod("two", h.copy(), reading(true)))
			return creates(h.pod("one", h.forget()))
		}, "invariant 3"},

		{"one tidies up", func(h *harbour) func(*harbour, world) { return creates(h.pod("one", maintain)) }, ""},
		{"one tidies up while another reads back", func(h *harbour) func(*harbour, world) {
			h.others = append(h.others, h.pod("two", verify))
			return creates(h.pod("one", maintain))
		}, "invariant 3"},
		{"one reads back while another tidies up", func(h *harbour) func(*harbour, world) {
			h.others = append(h.others, h.pod("two", maintain))
			return creates(h.pod("one", verify))
		}, "invariant 3"},
		{"a volume has two writers", func(h *harbour) func(*harbour, world) {
			h.others = append(h.others, h.pod("two", restore, reading(false), ended))
			return creates(h.pod("one", restore, reading(false)))
		}, "invariant 3"},
		{"a volume has one writer", func(h *harbour) func(*harbour, world) { return creates(h.pod("one", restore, reading(false))) }, ""},

		{"a repository is what it is", func(h *harbour) func(*harbour, world) { return says }, ""},
		{"a repository is another one", func(h *harbour) func(*harbour, world) { h.store.ID = "other"; return says }, "invariant 2"},
		{"a repository was made anew", func(h *harbour) func(*harbour, world) { h.store.Made = 2; return says }, "invariant 2"},
		{"damage is forgotten", func(h *harbour) func(*harbour, world) {
			h.repository.Status.Damage, h.store.Reported, h.store.Harmed = &api.RepositoryDamage{Contents: 1}, true, true
			return func(h *harbour, w world) {
				says(h, w)
				h.repository.Status.Damage = nil
				says(h, w)
			}
		}, "is forgotten"},
		{"damage where none ever was", func(h *harbour) func(*harbour, world) {
			h.repository.Status.Damage = &api.RepositoryDamage{Copies: 1}
			return says
		}, "nothing of it ever was"},
		{"damage was healed", func(h *harbour) func(*harbour, world) {
			h.repository.Status.Damage, h.store.Reported, h.store.Harmed = &api.RepositoryDamage{Contents: 1}, true, true
			return func(h *harbour, w world) {
				says(h, w)
				h.repository.Status.Damage, h.store.Reported = nil, false
				says(h, w)
			}
		}, ""},

		{"a complete copy is in its store", func(h *harbour) func(*harbour, world) { h.has("offsite", api.CopyComplete); return saysOfPoint }, ""},
		{"a complete copy is not in its store", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			clear(h.store.Records)
			return saysOfPoint
		}, "does not hold it"},
		{"a complete copy is of something else", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			h.store.Records[h.volume()] = order.Record{Claim: "data", Digest: "sha256:other"}
			return saysOfPoint
		}, "does not hold it"},
		{"a complete copy is in another repository", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			h.store.ID = "other"
			return saysOfPoint
		}, "does not hold it"},

		{"snapshots go for a copy that is there", func(h *harbour) func(*harbour, world) { h.letsGo(); return prunes }, ""},
		{"snapshots go for a copy that is not there", func(h *harbour) func(*harbour, world) {
			h.letsGo()
			clear(h.store.Records)
			return prunes
		}, "invariant 6"},
		{"snapshots go for a copy that is known to be damaged", func(h *harbour) func(*harbour, world) {
			h.letsGo()
			h.repository.Status.Damage = &api.RepositoryDamage{}
			return prunes
		}, "invariant 6"},
		{"a point expires while its repository is damaged", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			h.repository.Status.Damage = &api.RepositoryDamage{}
			return func(_ *harbour, w world) { w.does(testkit.Delete, "RecoveryPoint", w.point) }
		}, "invariant 6"},

		{"a store holds what is on record", func(h *harbour) func(*harbour, world) { h.has("offsite", api.CopyFailed); return rests }, ""},
		{"a store holds what nobody speaks of", func(h *harbour) func(*harbour, world) { return rests }, "invariant 4"},
		{"a copy does not end", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			h.point.Status.Copies[0].FinishedAt, h.point.Status.Copies[0].Deadline = nil, metav1.NewTime(noon.Add(-time.Hour))
			return rests
		}, "invariant 9"},
		{"a run does not end", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyComplete)
			h.repository.Status.Verification = &api.RepositoryRun{Deadline: metav1.NewTime(noon.Add(-time.Hour))}
			return rests
		}, "invariant 9"},

		{"the pod of a run is removed that has ended", func(h *harbour) func(*harbour, world) {
			return deletes(h.pod(task(h), verify, ofRun("Repository", "vault-1", "")))
		}, ""},
		{"the pod of a run is removed that is under way", func(h *harbour) func(*harbour, world) {
			h.repository.Status.Probe = probing
			return deletes(h.pod(task(h), verify, ofRun("Repository", "vault-1", "")))
		}, "its run is under way"},
		{"the pod of a copy is removed that is being made", func(h *harbour) func(*harbour, world) {
			h.has("offsite", api.CopyCopying)
			return deletes(h.pod("one", h.copy(), reading(true), ofRun("Copy", names.CopyRun(string(h.point.UID), "offsite"), "")))
		}, "its run is under way"},
		{"the pod of a restore is removed that is under way", func(h *harbour) func(*harbour, world) {
			h.others = append(h.others, theRestore(1))
			return deletes(h.pod("one", restore, reading(false), ofRun("Restore", "restore-1", "1")))
		}, "its run is under way"},
		{"the pod of an attempt is removed that is over", func(h *harbour) func(*harbour, world) {
			h.others = append(h.others, theRestore(1))
			return deletes(h.pod("one", restore, reading(false), ofRun("Restore", "restore-1", "0")))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarbour()
			act := c.plant(h)
			w := h.world(t)
			act(h, w)
			found := strings.Join(w.k.Found, "\n")
			if (c.broken == "") != (found == "") || !strings.Contains(found, c.broken) {
				t.Errorf("found is %q, want %q", found, c.broken)
			}
		})
	}
}

func theRestore(attempt int32) *api.Restore {
	return &api.Restore{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "monday", UID: "restore-1"},
		Status: api.RestoreStatus{Volumes: []api.RestoredVolume{{Claim: "data", Writing: &api.VolumeWriting{Attempt: attempt}}}}}
}

// world is one that is watched over.
type world struct {
	*harbour
	t *testing.T
	a *testkit.API
	k *testkit.Checker
}

func (h *harbour) world(t *testing.T) world {
	t.Helper()
	clock := clocktesting.NewFakePassiveClock(noon)
	w := world{harbour: h, t: t, a: testkit.NewAPI(controllers.Scheme(), clock)}
	if err := w.a.Seed(append(h.others, testkit.NamespaceObject(), h.policy(), h.point, h.repository)...); err != nil {
		t.Fatal(err)
	}
	w.k = testkit.NewChecker(w.a, testkit.NewStorage(w.a.Client(nil), clock), clock)
	w.k.Stores = map[string]*testkit.Store{"vault": h.store}
	return w
}

// policy shows that the point expires.
func (h *harbour) policy() *api.BackupPolicy {
	b := testkit.Policy()
	b.Status.Expiring = []api.ExpiringPoint{{Name: h.point.Name, UID: string(h.point.UID), At: metav1.NewTime(noon)}}
	return b
}

// does has something done, and looked at before and after.
func (w world) does(verb testkit.Verb, kind string, o client.Object) {
	w.t.Helper()
	c := testkit.Call{Verb: verb, Kind: kind, Key: client.ObjectKeyFromObject(o), UID: o.GetUID()}
	w.k.Before(c)
	if verb != testkit.Delete {
		if err := w.a.Seed(o); err != nil {
			w.t.Fatal(err)
		}
	}
	w.k.After(c, nil)
}
