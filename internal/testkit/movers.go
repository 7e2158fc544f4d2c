// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

// More fates, of pods that do something with a repository.
const (
	Starves   Fate = "Starves"   // it runs out of memory, unless it may take more than others
	LostAfter Fate = "LostAfter" // it does all that it had to, and is lost before it tells
	Killed    Fate = "Killed"    // it is killed before it does or tells anything
)

// annotationHolds is where a volume that a copy was written into says what it holds.
const annotationHolds = "lifeboat.test/holds"

// plenty is as much memory as only a pod gets that follows one which ran out of it.
var plenty = resource.MustParse("2Gi")

// StoreOf is the store at a place; an empty one where there is none yet.
func (m *Machine) StoreOf(place string) *Store {
	if m.Stores[place] == nil {
		m.Stores[place] = NewStore()
	}
	return m.Stores[place]
}

// placeOf is where a repository is, by which its store is known.
func placeOf(r order.Repository) string {
	switch {
	case r.S3 != nil:
		return r.S3.Bucket
	case r.GCS != nil:
		return r.GCS.Bucket
	case r.Azure != nil:
		return r.Azure.Container
	case r.SFTP != nil:
		return r.SFTP.Path
	case r.WebDAV != nil:
		return r.WebDAV.URL
	}
	return r.Filesystem.Path
}

// orderOf is what a pod was told to do with a repository; false for one that has nothing to do with any.
func orderOf(p *corev1.Pod) (order.Order, bool) {
	text := p.Annotations[api.AnnotationOrder]
	if text == "" {
		return order.Order{}, false
	}
	o, err := order.Decode([]byte(text))
	if err != nil {
		panic(fmt.Sprintf("pod %s: %v", p.Name, err))
	}
	return o, true
}

// taskOf is what an order is about, as fates are named by.
func taskOf(o order.Order) string {
	switch {
	case o.Probe != nil && o.Probe.Catalogue:
		return "import"
	case o.Probe != nil:
		return "probe"
	case o.Copy != nil:
		return "copy " + o.Copy.Claim
	case o.Restore != nil:
		return "restore"
	case o.Forget != nil:
		return "forget"
	case o.Verify != nil:
		return "verify"
	case o.Maintain != nil:
		return "maintain"
	}
	return "note"
}

// fateOf is the fate of what does a task; one that was meant for the next only is used up.
func (m *Machine) fateOf(p *corev1.Pod, o order.Order) Fate {
	task := taskOf(o)
	fate, once := m.Once[task]
	if !once {
		fate = m.Fates[task]
	}
	delete(m.Once, task)
	if limit := p.Spec.Containers[0].Resources.Limits.Memory(); fate == Starves && limit.Cmp(plenty) >= 0 {
		return ""
	}
	return fate
}

// endMover ends a pod that has an order.
func (m *Machine) endMover(ctx context.Context, p *corev1.Pod, o order.Order, source string) error {
	fate := m.fateOf(p, o)
	ended := corev1.ContainerStateTerminated{Reason: "Completed"}
	p.Status.Phase = corev1.PodSucceeded
	if fate != Lost && fate != Starves && fate != Killed {
		held := result.Volume{}
		if o.Copy != nil {
			held = m.volume(source)
		}
		done := m.StoreOf(placeOf(o.Repository)).do(o, held, m.Clock)
		if done.Restore != nil {
			if err := m.hold(ctx, p, o); err != nil {
				return err
			}
		}
		raw, err := result.EncodeDone(done)
		if err != nil {
			return err
		}
		ended.Message = string(raw)
		if done.Reason != "" {
			p.Status.Phase, ended.Reason, ended.ExitCode = corev1.PodFailed, "Error", 1
		}
		if v := done.Verify; v != nil && fate != LostAfter {
			m.StoreOf(placeOf(o.Repository)).Reported = v.Contents+v.Damaged > 0
		}
	}
	switch fate {
	case Lost, LostAfter:
		p.Status.Phase, p.Status.Reason, ended.Message = corev1.PodFailed, "Evicted", ""
	case Starves:
		p.Status.Phase, ended.Reason, ended.ExitCode = corev1.PodFailed, "OOMKilled", 137
	case Killed:
		p.Status.Phase, ended.Reason, ended.ExitCode = corev1.PodFailed, "Error", 137
	case EndsBadly, Unreadable, Differs, Hangs, NoImage:
	}
	if o.Copy != nil && (fate == LostAfter) {
		delete(m.StoreOf(placeOf(o.Repository)).Told, o.Copy.Volume)
	}
	return m.terminated(ctx, p, ended)
}

// hold writes down what the volume holds that a copy was written into.
func (m *Machine) hold(ctx context.Context, p *corev1.Pod, o order.Order) error {
	store := m.StoreOf(placeOf(o.Repository))
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		var c corev1.PersistentVolumeClaim
		if err := m.Client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, &c); err != nil {
			return err
		}
		var volume corev1.PersistentVolume
		if err := m.Client.Get(ctx, client.ObjectKey{Name: c.Spec.VolumeName}, &volume); err != nil {
			return err
		}
		if volume.Annotations == nil {
			volume.Annotations = map[string]string{}
		}
		volume.Annotations[annotationHolds] = store.Records[o.Restore.Volume].Claim
		if err := m.Client.Update(ctx, &volume); err != nil {
			return err
		}
	}
	return nil
}

// Printed is the log of a pod that speaks to a repository.
func (m *Machine) Printed(ctx context.Context, namespace, pod string) ([]byte, error) {
	var p corev1.Pod
	if err := m.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: pod}, &p); err != nil {
		return nil, err
	}
	if o, is := orderOf(&p); is && o.Probe != nil && o.Probe.Catalogue && p.Status.Phase == corev1.PodSucceeded {
		return m.StoreOf(placeOf(o.Repository)).Catalogue(), nil
	}
	return nil, nil
}
