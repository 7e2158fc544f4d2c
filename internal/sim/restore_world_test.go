// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/controllers"
	"github.com/lifeboat-dev/lifeboat/internal/apply"
	"github.com/lifeboat-dev/lifeboat/internal/core/objects"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
	"github.com/lifeboat-dev/lifeboat/internal/testkit"
)

// What the volumes hold: at the capture, and now.
const (
	then = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	now  = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

var began = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const protection = "kubernetes.io/pvc-protection"

// restoreWorld is a cluster with volumes that hold something, in which one restore is carried out by the operator's own
// controller. Kubernetes' part (provisioning, binding, protecting, reclaiming, running pods) is played here.
type restoreWorld struct {
	clock   *clocktesting.FakePassiveClock
	api     *testkit.API
	user    *testkit.Client
	holds   map[string]string // PersistentVolume → what is in it
	free    map[string]bool   // by claim: the replaced volume was kept for as long as was asked
	restore *controllers.RestoreReconciler
	sweep   *controllers.Sweeper
	around  testkit.Around
	writes  int
	log     []string
	found   []string // broken laws

	meanwhile func(*restoreWorld) // what others do, after each round
	noSafety  bool                // the point of the state before fails
}

// newRestoreWorld has two claims, captured in one complete point named "good", and a policy.
func newRestoreWorld(t *testing.T, claims ...string) *restoreWorld {
	t.Helper()
	w := &restoreWorld{clock: clocktesting.NewFakePassiveClock(began.Add(time.Hour)), holds: map[string]string{}, free: map[string]bool{}}
	w.api = testkit.NewAPI(scheme, w.clock)
	must(controllers.Index(context.Background(), w.api))
	w.user = w.api.Client(nil)
	must(w.api.Seed(testkit.NamespaceObject(), testkit.SnapshotClass(), testkit.Policy(),
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: testkit.Class}, Provisioner: testkit.Driver}))
	point := testkit.Point(began, claims)
	point.Name = "good"
	point.Status.Fingerprint = &api.PointFingerprint{State: api.FingerprintRecorded}
	for _, c := range claims {
		uid := w.seedClaim(c, now)
		point.Status.Volumes = append(point.Status.Volumes, api.VolumeRecord{Claim: c, ClaimUID: uid, State: api.VolumeCaptured,
			Snapshot: "snap-" + c, Driver: testkit.Driver, StorageClass: testkit.Class, Size: ptr.To(resource.MustParse("1Gi"))})
		point.Status.Fingerprint.Volumes = append(point.Status.Fingerprint.Volumes,
			api.VolumeFingerprint{Claim: c, Fingerprint: api.Fingerprint{Digest: then, Files: 3, Bytes: 30}})
		w.seedSnapshot(point, c, uid)
	}
	must(w.api.Seed(point))
	w.api.News()
	w.start()
	return w
}

func (w *restoreWorld) seedClaim(name, content string) (uid string) {
	o := testkit.Claim(name, func(c *corev1.PersistentVolumeClaim) {
		c.Labels, c.Annotations = map[string]string{"app": "shop"}, map[string]string{"team": "red"}
		c.Finalizers = []string{protection}
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	})
	must(w.api.Seed(o[0]))
	var c corev1.PersistentVolumeClaim
	must(w.user.Get(context.Background(), client.ObjectKeyFromObject(o[0]), &c))
	v := o[1].(*corev1.PersistentVolume)
	v.Spec.ClaimRef.UID, v.Spec.PersistentVolumeReclaimPolicy = c.UID, corev1.PersistentVolumeReclaimDelete
	v.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	must(w.api.Seed(v))
	w.holds[v.Name] = content
	return string(c.UID)
}

func (w *restoreWorld) seedSnapshot(p *api.RecoveryPoint, claim, uid string) {
	s := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "snap-" + claim, UID: testkit.UIDOf("snap-" + claim),
		Labels:      map[string]string{api.LabelPointUID: string(p.UID), api.LabelClaimUID: uid},
		Annotations: map[string]string{api.AnnotationClaim: claim, api.AnnotationAccessModes: "ReadWriteOnce"}},
		Status: &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: ptr.To("content-" + claim), ReadyToUse: ptr.To(true)}}
	c := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "content-" + claim},
		Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: testkit.Driver, SourceVolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
			VolumeSnapshotRef: corev1.ObjectReference{Namespace: testkit.Namespace, Name: s.Name, UID: s.UID}},
		Status: &snapshotv1.VolumeSnapshotContentStatus{ReadyToUse: ptr.To(true), SnapshotHandle: ptr.To("h-" + claim), RestoreSize: ptr.To(int64(1 << 30))}}
	must(w.api.Seed(s, c))
}

// start starts the operator, or starts it again.
func (w *restoreWorld) start() {
	c := w.api.Client(w.call)
	read := &controllers.Reader{Cache: c, Live: c, API: controllers.ServedSnapshotAPI("")}
	write := &apply.Writer{Client: c, Live: c, Lanes: apply.NewLanes(1)}
	w.restore = &controllers.RestoreReconciler{Read: read, Write: write, Clock: w.clock, Tell: controllers.Teller{Recorder: &Operator{world: &World{Clock: w.clock}}}, Mover: objects.Mover{Image: "mover"}}
	w.sweep = &controllers.Sweeper{Read: read, Write: write, Clock: w.clock}
}

// call is every request of the operator: counted, spoiled as asked, and followed by a look at the laws.
func (w *restoreWorld) call(c testkit.Call, do func() error) error {
	checked := func() error {
		err := do()
		if c.Verb.Writes() {
			w.log = append(w.log, fmt.Sprintf("%s: %v", c, err))
			w.look(c)
		}
		return err
	}
	if c.Verb.Writes() {
		w.writes++
	}
	if w.around == nil {
		return checked()
	}
	return w.around(c, checked)
}

// inPlace orders a restore in place.
func (w *restoreWorld) inPlace(edits ...func(*api.RestoreSpec)) {
	x := &api.Restore{ObjectMeta: metav1.ObjectMeta{Namespace: testkit.Namespace, Name: "monday"},
		Spec: api.RestoreSpec{RecoveryPoint: &api.PointReference{Name: "good"}, InPlace: true}}
	for _, e := range edits {
		e(&x.Spec)
	}
	must(w.user.Create(context.Background(), x))
}

func (w *restoreWorld) get() *api.Restore {
	var x api.Restore
	if w.user.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: "monday"}, &x) != nil {
		return nil
	}
	return &x
}

func (w *restoreWorld) claim(name string) *corev1.PersistentVolumeClaim {
	var c corev1.PersistentVolumeClaim
	if w.user.Get(context.Background(), client.ObjectKey{Namespace: testkit.Namespace, Name: name}, &c) != nil {
		return nil
	}
	return &c
}

func (w *restoreWorld) volume(name string) *corev1.PersistentVolume {
	var v corev1.PersistentVolume
	if w.user.Get(context.Background(), client.ObjectKey{Name: name}, &v) != nil {
		return nil
	}
	return &v
}

func (w *restoreWorld) claims() []corev1.PersistentVolumeClaim {
	var l corev1.PersistentVolumeClaimList
	must(w.user.List(context.Background(), &l))
	return l.Items
}

func (w *restoreWorld) volumes() []corev1.PersistentVolume {
	var l corev1.PersistentVolumeList
	must(w.user.List(context.Background(), &l))
	return l.Items
}

func (w *restoreWorld) pods() []corev1.Pod {
	var l corev1.PodList
	must(w.user.List(context.Background(), &l))
	return l.Items
}

// run lets the operator and the cluster work until the restore is done with, or so many rounds have passed.
func (w *restoreWorld) run(rounds int) error {
	ctx := context.Background()
	req := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: testkit.Namespace, Name: "monday"}}
	quiet := 0
	for range rounds {
		before := w.api.Version()
		if _, err := w.restore.Reconcile(ctx, req); errors.Is(err, errDead) {
			w.around = nil
			w.start()
		}
		w.kubernetes()
		if w.meanwhile != nil {
			w.meanwhile(w)
		}
		w.clock.SetTime(w.clock.Now().Add(2 * time.Second))
		if w.api.Version() == before {
			if quiet++; quiet > 3 {
				return nil
			}
			continue
		}
		quiet = 0
	}
	return fmt.Errorf("no rest after %d rounds: %+v", rounds, w.get())
}

// kubernetes plays what the cluster itself does.
func (w *restoreWorld) kubernetes() {
	w.takeSafetyPoint()
	for i := range w.claims() {
		all := w.claims()
		if i < len(all) {
			w.stepClaim(&all[i])
		}
	}
	w.stepVolumes()
	w.stepPods()
}

func (w *restoreWorld) takeSafetyPoint() {
	var l api.RecoveryPointList
	must(w.user.List(context.Background(), &l))
	for i := range l.Items {
		p := &l.Items[i]
		if p.Labels[api.LabelRunUID] == "" || p.Status.FinishedAt != nil {
			continue
		}
		status := metav1.ConditionTrue
		if w.noSafety {
			status = metav1.ConditionFalse
		}
		at := metav1.NewTime(w.clock.Now().UTC().Truncate(time.Second))
		p.Status.FinishedAt, p.Status.PointInTime = &at, &at
		p.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: status, Reason: api.ReasonAllCaptured, LastTransitionTime: at}}
		for _, c := range w.claims() {
			if c.Labels["app"] == "shop" {
				p.Status.Volumes = append(p.Status.Volumes, api.VolumeRecord{Claim: c.Name, ClaimUID: string(c.UID), State: api.VolumeCaptured})
			}
		}
		must(w.user.Status().Update(context.Background(), p))
	}
}

// stepClaim provisions, binds, or lets go.
func (w *restoreWorld) stepClaim(c *corev1.PersistentVolumeClaim) {
	ctx := context.Background()
	switch {
	case c.DeletionTimestamp != nil:
		if len(w.usersOf(c.Name)) == 0 {
			c.Finalizers = nil
			must(w.user.Update(ctx, c))
		}
	case len(c.Finalizers) == 0:
		c.Finalizers = []string{protection}
		must(w.user.Update(ctx, c))
	case c.Status.Phase == corev1.ClaimBound:
	case c.Spec.VolumeName == "" && c.Spec.DataSource != nil:
		v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(c.UID)},
			Spec: corev1.PersistentVolumeSpec{
				ClaimRef: &corev1.ObjectReference{Namespace: c.Namespace, Name: c.Name, UID: c.UID}, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
				Capacity:               c.Spec.Resources.Requests,
				PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: testkit.Driver, VolumeHandle: "h"}},
			}}
		if w.volume(v.Name) == nil {
			must(w.user.Create(ctx, v))
			w.holds[v.Name] = then
		}
		c.Spec.VolumeName = v.Name
		must(w.user.Update(ctx, c))
		w.bind(c)
	case c.Spec.VolumeName != "":
		v := w.volume(c.Spec.VolumeName)
		if v == nil || v.Spec.ClaimRef == nil || v.Spec.ClaimRef.Name != c.Name || (v.Spec.ClaimRef.UID != "" && v.Spec.ClaimRef.UID != c.UID) {
			return
		}
		v.Spec.ClaimRef.UID = c.UID
		must(w.user.Update(ctx, v))
		w.bind(c)
	}
}

func (w *restoreWorld) bind(c *corev1.PersistentVolumeClaim) {
	v := w.volume(c.Spec.VolumeName)
	c.Status.Phase, c.Status.Capacity = corev1.ClaimBound, v.Spec.Capacity
	must(w.user.Status().Update(context.Background(), c))
	v.Status.Phase = corev1.VolumeBound
	must(w.user.Status().Update(context.Background(), v))
}

// stepVolumes reclaims volumes whose claim is gone.
func (w *restoreWorld) stepVolumes() {
	ctx := context.Background()
	uids := map[string]bool{}
	for _, c := range w.claims() {
		uids[string(c.UID)] = true
	}
	for _, v := range w.volumes() {
		ref := v.Spec.ClaimRef
		switch {
		case ref == nil || ref.UID == "" || uids[string(ref.UID)]:
		case v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete:
			must(w.user.Delete(ctx, &v))
			delete(w.holds, v.Name)
		case v.Status.Phase != corev1.VolumeReleased:
			v.Status.Phase = corev1.VolumeReleased
			must(w.user.Status().Update(ctx, &v))
		}
	}
}

// stepPods runs readers: they tell what is in their volume.
func (w *restoreWorld) stepPods() {
	for _, p := range w.pods() {
		if p.Labels[api.LabelRunUID] == "" || p.Status.Phase == corev1.PodSucceeded {
			continue
		}
		c := w.claim(p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
		if c == nil || c.Status.Phase != corev1.ClaimBound {
			continue
		}
		told, err := result.Encode(result.Result{Volumes: []result.Volume{{Name: "volume", Digest: w.holds[c.Spec.VolumeName], Files: 3, Bytes: 30}}})
		must(err)
		p.Status.Phase = corev1.PodSucceeded
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "reader", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: string(told)}}}}
		must(w.user.Status().Update(context.Background(), &p))
	}
}

// usersOf are the pods that hold a claim: Kubernetes asks not whether they have ended.
func (w *restoreWorld) usersOf(claim string) []string {
	var out []string
	for _, p := range w.pods() {
		if len(p.Spec.Volumes) > 0 && p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName == claim {
			out = append(out, p.Name)
		}
	}
	return out
}

// look checks the laws that hold after every write.
func (w *restoreWorld) look(c testkit.Call) {
	bad := func(format string, args ...any) {
		w.found = append(w.found, fmt.Sprintf("after %s: ", c)+fmt.Sprintf(format, args...))
	}
	x := w.get()
	for _, name := range []string{"data", "logs"} {
		old, swap := w.volume("pv-"+name), swapOf(x, name)
		if swap != nil && swap.KeepUntil != nil && !w.clock.Now().Before(swap.KeepUntil.Time) {
			w.free[name] = true
		}
		if w.free[name] {
			continue
		}
		if old == nil {
			bad("the old volume of %s is gone", name)
			continue
		}
		at := w.claim(name)
		switch {
		case at != nil && at.DeletionTimestamp == nil && at.Spec.VolumeName == old.Name:
		case at != nil && w.holds[at.Spec.VolumeName] == then:
			if (x != nil && swap == nil) || old.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
				bad("claim %s has the restored volume, and the old one is not kept", name)
			}
		default: // the gap
			if swap == nil || swap.OldVolume != old.Name {
				bad("claim %s is gone, and nothing is written down", name)
				continue
			}
			restored := w.volume(swap.NewVolume)
			if restored == nil || w.holds[restored.Name] != then {
				bad("claim %s is gone, and the restored volume too", name)
				continue
			}
			for _, v := range []*corev1.PersistentVolume{old, restored} {
				if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
					bad("claim %s is gone, and volume %s would go with its claim", name, v.Name)
				}
			}
		}
	}
}

func swapOf(x *api.Restore, claim string) *api.VolumeSwap {
	if x == nil {
		return nil
	}
	for _, v := range x.Status.Volumes {
		if v.Claim == claim {
			return v.Swap
		}
	}
	return nil
}

// copy is the same world at the same instant, with an operator that was just started.
func (w *restoreWorld) copy() *restoreWorld {
	c := &restoreWorld{clock: clocktesting.NewFakePassiveClock(w.clock.Now()), holds: maps.Clone(w.holds), free: maps.Clone(w.free), log: slices.Clone(w.log), noSafety: w.noSafety, meanwhile: w.meanwhile}
	c.api = w.api.Copy(c.clock)
	c.user = c.api.Client(nil)
	c.start()
	return c
}
