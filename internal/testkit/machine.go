// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// How long the machine takes for what it does.
const (
	provisionTime = 2 * time.Second
	startTime     = time.Second
	runTime       = 4 * time.Second
	reclaimTime   = time.Second

	claimFinalizer = "kubernetes.io/pvc-protection"
)

// Fate says how the pods of a run go on. The zero value lets them end well.
type Fate string

// The fates of a pod.
const (
	EndsBadly  Fate = "EndsBadly"
	Unreadable Fate = "Unreadable" // a reader cannot read some files
	Differs    Fate = "Differs"    // a reader finds other content
	Lost       Fate = "Lost"       // it is evicted
	Hangs      Fate = "Hangs"
	NoImage    Fate = "NoImage"
)

// Machine is the part of a cluster that makes claims from snapshots, runs pods and reclaims volumes. It works on any
// client.Client, and remembers nothing but what lies in its stores: all else follows from objects, their ages and the fates.
type Machine struct {
	Client client.Client
	Clock  clock.PassiveClock
	Fates  map[string]Fate // by captured claim for readers, by image for checks, by task for what speaks to a repository

	// Files is how many files a captured claim holds, if not three.
	Files map[string]int64
	// Once is the fate of the next pod only that does a task with a repository.
	Once map[string]Fate
	// Stores are what pods that speak to repositories come to, by place: the bucket, or the folder.
	Stores map[string]*Store
}

// NewMachine is a machine on which all goes well.
func NewMachine(c client.Client, now clock.PassiveClock) *Machine {
	return &Machine{Client: c, Clock: now, Fates: map[string]Fate{}, Files: map[string]int64{}, Once: map[string]Fate{}, Stores: map[string]*Store{}}
}

// Copy is a machine with the same fates on another API server.
func (m *Machine) Copy(c client.Client, now clock.PassiveClock) *Machine {
	out := &Machine{Client: c, Clock: now, Fates: maps.Clone(m.Fates), Files: maps.Clone(m.Files), Once: maps.Clone(m.Once), Stores: map[string]*Store{}}
	for bucket, s := range m.Stores {
		out.Stores[bucket] = s.Copy()
	}
	return out
}

// StorageClass is the class of the claims of builders.
func StorageClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: Class}, Provisioner: Driver, ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimDelete)}
}

// OtherClass is a class that shares nothing with the class of the claims.
func OtherClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "array-b"}, Provisioner: "b.csi.lifeboat.test", ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimDelete)}
}

// Step does all that can be done now. It returns when there is more to do; the zero time for when nothing is awaited.
func (m *Machine) Step(ctx context.Context) (time.Time, error) {
	var next time.Time
	for _, step := range []func(context.Context) (time.Time, error){m.claims, m.volumes, m.pods} {
		at, err := step(ctx)
		if err != nil {
			return next, err
		}
		next = soonest(next, at)
	}
	return next, nil
}

// due says whether an instant has come; when not, it is what is awaited.
func (m *Machine) due(at time.Time) (bool, time.Time) {
	if m.Clock.Now().Before(at) {
		return false, at
	}
	return true, time.Time{}
}

func (m *Machine) claims(ctx context.Context) (next time.Time, err error) {
	var list corev1.PersistentVolumeClaimList
	if err := m.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // fields are set as a whole
		return next, err
	}
	for i := range list.Items {
		c := &list.Items[i]
		if c.Spec.DataSource == nil && c.Labels[api.LabelRunUID] == "" {
			continue // it was always there
		}
		var at time.Time
		if c.DeletionTimestamp.IsZero() {
			at, err = m.provision(ctx, c)
		} else {
			err = m.unprotect(ctx, c)
		}
		if err != nil {
			return next, err
		}
		next = soonest(next, at)
	}
	return next, nil
}

// unprotect lets a claim go that no pod uses.
func (m *Machine) unprotect(ctx context.Context, c *corev1.PersistentVolumeClaim) error {
	var pods corev1.PodList
	if err := m.Client.List(ctx, &pods, client.InNamespace(c.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range pods.Items {
		for _, v := range pods.Items[i].Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name {
				return nil
			}
		}
	}
	c.Finalizers = nil
	return client.IgnoreNotFound(m.Client.Update(ctx, c))
}

func (m *Machine) provision(ctx context.Context, c *corev1.PersistentVolumeClaim) (time.Time, error) {
	if len(c.Finalizers) == 0 {
		c.Finalizers = []string{claimFinalizer}
		if err := m.Client.Update(ctx, c); err != nil {
			return time.Time{}, err
		}
	}
	if c.Status.Phase == corev1.ClaimBound {
		return time.Time{}, nil
	}
	if ok, at := m.due(c.CreationTimestamp.Add(provisionTime)); !ok {
		return at, nil
	}
	var class storagev1.StorageClass
	if err := m.Client.Get(ctx, client.ObjectKey{Name: *c.Spec.StorageClassName}, &class); err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	if from := c.Spec.DataSource; from != nil { // else it is made empty
		var snapshot snapshotv1.VolumeSnapshot
		if err := m.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: from.Name}, &snapshot); err != nil {
			return time.Time{}, client.IgnoreNotFound(err)
		}
	}
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(c.UID)},
		Spec: corev1.PersistentVolumeSpec{
			ClaimRef: &corev1.ObjectReference{Namespace: c.Namespace, Name: c.Name, UID: c.UID}, Capacity: c.Spec.Resources.Requests,
			PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: class.Provisioner, VolumeHandle: "vol-" + string(c.UID)}},
		},
	}
	if err := m.Client.Create(ctx, v); err != nil && !apierrors.IsAlreadyExists(err) {
		return time.Time{}, err
	}
	c.Spec.VolumeName = v.Name
	if err := m.Client.Update(ctx, c); err != nil {
		return time.Time{}, err
	}
	c.Status.Phase, c.Status.Capacity = corev1.ClaimBound, c.Spec.Resources.Requests
	return time.Time{}, m.Client.Status().Update(ctx, c)
}

// volumes reclaims those that it made, and whose claim is gone.
func (m *Machine) volumes(ctx context.Context) (next time.Time, err error) {
	var list corev1.PersistentVolumeList
	if err := m.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // fields are set as a whole
		return next, err
	}
	for i := range list.Items {
		v := &list.Items[i]
		if v.Name != "pvc-"+string(v.Spec.ClaimRef.UID) || v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
			continue
		}
		var c corev1.PersistentVolumeClaim
		err := m.Client.Get(ctx, client.ObjectKey{Namespace: v.Spec.ClaimRef.Namespace, Name: v.Spec.ClaimRef.Name}, &c)
		if client.IgnoreNotFound(err) != nil {
			return next, err
		}
		if err == nil && c.UID == v.Spec.ClaimRef.UID {
			continue
		}
		if v.Status.LastPhaseTransitionTime == nil {
			v.Status.LastPhaseTransitionTime = ptr.To(metav1.NewTime(m.Clock.Now().UTC().Truncate(time.Second)))
			if err := m.Client.Status().Update(ctx, v); err != nil {
				return next, err
			}
		}
		if ok, at := m.due(v.Status.LastPhaseTransitionTime.Add(reclaimTime)); !ok {
			next = soonest(next, at)
		} else if err := m.Client.Delete(ctx, v); err != nil {
			return next, err
		}
	}
	return next, nil
}

func (m *Machine) pods(ctx context.Context) (next time.Time, err error) {
	var list corev1.PodList
	if err := m.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // fields are set as a whole
		return next, err
	}
	for i := range list.Items {
		at, err := m.pod(ctx, &list.Items[i])
		if err != nil {
			return next, err
		}
		next = soonest(next, at)
	}
	return next, nil
}

func (m *Machine) pod(ctx context.Context, p *corev1.Pod) (time.Time, error) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return time.Time{}, nil
	}
	source, bound, err := m.claimOf(ctx, p)
	if err != nil || !bound {
		return time.Time{}, err
	}
	order, moves := orderOf(p)
	reader := p.Spec.Containers[0].Name == "reader"
	fate := m.Fates[source]
	switch {
	case moves:
		fate = m.Fates[taskOf(order)]
	case !reader:
		fate = m.Fates[p.Spec.Containers[0].Image]
	}
	if p.Status.StartTime == nil {
		p.Status.StartTime = ptr.To(metav1.NewTime(m.Clock.Now().UTC().Truncate(time.Second)))
		p.Status.Phase = corev1.PodPending
		if fate == NoImage {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Image: "image", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
		}
		if err := m.Client.Status().Update(ctx, p); err != nil {
			return time.Time{}, err
		}
	}
	if fate == NoImage {
		return time.Time{}, nil
	}
	if ok, at := m.due(p.Status.StartTime.Add(startTime)); !ok {
		return at, nil
	}
	if p.Status.Phase != corev1.PodRunning {
		p.Status.Phase = corev1.PodRunning
		if err := m.Client.Status().Update(ctx, p); err != nil {
			return time.Time{}, err
		}
	}
	if ok, at := m.due(p.Status.StartTime.Add(runTime)); !ok || fate == Hangs {
		return at, nil
	}
	if moves {
		return time.Time{}, m.endMover(ctx, p, order, source)
	}
	return time.Time{}, m.end(ctx, p, fate, source, reader)
}

// claimOf is the captured claim from whose snapshot, or copy, the first volume of a pod was made, and whether all of its claims are bound.
func (m *Machine) claimOf(ctx context.Context, p *corev1.Pod) (source string, bound bool, err error) {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		var c corev1.PersistentVolumeClaim
		if err := m.Client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, &c); err != nil {
			return "", false, client.IgnoreNotFound(err)
		}
		if c.Status.Phase != corev1.ClaimBound {
			return "", false, nil
		}
		if source == "" {
			source = m.contentOf(ctx, &c)
		}
	}
	return source, true, nil
}

// contentOf is the captured claim whose content a volume holds; empty when it holds nothing yet.
func (m *Machine) contentOf(ctx context.Context, c *corev1.PersistentVolumeClaim) string {
	if c.Spec.DataSource == nil {
		var v corev1.PersistentVolume
		if m.Client.Get(ctx, client.ObjectKey{Name: c.Spec.VolumeName}, &v) != nil {
			return ""
		}
		return v.Annotations[annotationHolds]
	}
	var s snapshotv1.VolumeSnapshot
	if m.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: c.Spec.DataSource.Name}, &s) != nil {
		return ""
	}
	return s.Annotations[api.AnnotationClaim]
}

func (m *Machine) end(ctx context.Context, p *corev1.Pod, fate Fate, source string, reader bool) error {
	ended := corev1.ContainerStateTerminated{Reason: "Completed"}
	p.Status.Phase = corev1.PodSucceeded
	switch fate {
	case EndsBadly, Unreadable:
		p.Status.Phase, ended.Reason, ended.ExitCode = corev1.PodFailed, "Error", 1
	case Lost:
		p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
	case Differs, Hangs, NoImage, Starves, LostAfter, Killed:
	}
	if reader && fate != EndsBadly && fate != Lost {
		ended.Message = m.readerTells(fate, source)
	}
	return m.terminated(ctx, p, ended)
}

func (m *Machine) terminated(ctx context.Context, p *corev1.Pod, ended corev1.ContainerStateTerminated) error {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: p.Spec.Containers[0].Name, Image: p.Spec.Containers[0].Image,
		ImageID: p.Spec.Containers[0].Image + "@" + digestOf(p.Spec.Containers[0].Image), State: corev1.ContainerState{Terminated: &ended}}}
	return m.Client.Status().Update(ctx, p)
}

// volume is what is read in a volume that holds the content of a claim.
func (m *Machine) volume(source string) result.Volume {
	v := result.Volume{Name: "volume", Digest: digestOf(source), Files: 3, Bytes: 30}
	if n, is := m.Files[source]; is {
		v.Digest, v.Files, v.Bytes = digestOf(fmt.Sprint(source, n)), n, 10*n
	}
	return v
}

func (m *Machine) readerTells(fate Fate, source string) string {
	v := m.volume(source)
	told := result.Result{}
	switch fate {
	case Differs:
		v.Digest = digestOf(source + ", with a byte flipped")
	case Unreadable:
		v.Digest, v.Unreadable, told.Error = "", 1, "permission denied"
	case EndsBadly, Lost, Hangs, NoImage, Starves, LostAfter, Killed:
	}
	told.Volumes = []result.Volume{v}
	raw, err := result.Encode(told)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}
