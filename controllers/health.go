// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
	"github.com/lifeboat-dev/lifeboat/internal/core/drift"
)

// heartbeat is a request that stands for no policy. It goes through the queue and the workers that evaluate policies, so that
// it arrives only while they work.
var heartbeat = reconcile.Request{}

// beatEvery is how often it is sent.
const beatEvery = 15 * time.Second

// beat sends heartbeats until the context ends.
func beat(ctx context.Context, to chan<- event.GenericEvent) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		select {
		case to <- event.GenericEvent{Object: &api.BackupPolicy{}}:
		case <-ctx.Done():
		}
	}, beatEvery)
	return nil
}

// WatchHealth knows which watches are broken. A cache whose watch is refused keeps what it had and answers as before: without
// this, rights that were taken away would look like a quiet cluster.
type WatchHealth struct {
	mu     sync.Mutex
	broken map[string]breakage // by kind
}

// breakage is a watch that broke. Most are made anew a moment later: it counts once the kind was asked for, and did not answer.
type breakage struct {
	why       string
	confirmed bool
}

// probeEvery is how often a kind whose watch broke is asked for, until it answers again.
const probeEvery = 10 * time.Second

// watch is a kind whose watch matters to some findings.
type watch struct {
	list  client.ObjectList
	of    client.Object
	facts []drift.Fact
}

// kind is what the watch of a kind calls itself.
func (w watch) kind() string { return fmt.Sprintf("%T", w.of) }

// watched are the kinds whose watches matter, and to which facts.
var watched = []watch{
	{&storagev1.StorageClassList{}, &storagev1.StorageClass{}, []drift.Fact{drift.FactStack}},
	{&storagev1.CSIDriverList{}, &storagev1.CSIDriver{}, []drift.Fact{drift.FactStack}},
	{&storagev1.CSINodeList{}, &storagev1.CSINode{}, []drift.Fact{drift.FactStack}},
	{&appsv1.DaemonSetList{}, &appsv1.DaemonSet{}, []drift.Fact{drift.FactStack}},
	{&appsv1.StatefulSetList{}, &appsv1.StatefulSet{}, []drift.Fact{drift.FactVolumes, drift.FactSelection}},
	{&appsv1.DeploymentList{}, &appsv1.Deployment{}, []drift.Fact{drift.FactSelection}},
	{&corev1.PersistentVolumeList{}, &corev1.PersistentVolume{}, []drift.Fact{drift.FactVolumes, drift.FactSelection}},
	{&corev1.PersistentVolumeClaimList{}, &corev1.PersistentVolumeClaim{}, []drift.Fact{drift.FactSelection, drift.FactLeftovers}},
	{&snapshotv1.VolumeSnapshotClassList{}, &snapshotv1.VolumeSnapshotClass{}, []drift.Fact{drift.FactStack, drift.FactSelection}},
	{&snapshotv1.VolumeSnapshotList{}, &snapshotv1.VolumeSnapshot{}, []drift.Fact{drift.FactPoints, drift.FactOrphans}},
	{&snapshotv1.VolumeSnapshotContentList{}, &snapshotv1.VolumeSnapshotContent{}, []drift.Fact{drift.FactPoints}},
	{&api.RecoveryPointList{}, &api.RecoveryPoint{}, []drift.Fact{drift.FactPoints, drift.FactCopies}},
	{&api.RepositoryList{}, &api.Repository{}, []drift.Fact{drift.FactCopies}},
	{&api.RestoreDrillList{}, &api.RestoreDrill{}, []drift.Fact{drift.FactDrills}},
}

// NewWatchHealth knows of no broken watch.
func NewWatchHealth() *WatchHealth { return &WatchHealth{broken: map[string]breakage{}} }

// Failed records that a watch broke; it is the error handler of every watch.
func (h *WatchHealth) Failed(ctx context.Context, r *toolscache.Reflector, err error) {
	toolscache.DefaultWatchErrorHandler(ctx, r, err)
	h.failed(r.TypeDescription(), err)
}

func (h *WatchHealth) failed(kind string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if was := h.broken[kind]; !was.confirmed {
		h.broken[kind] = breakage{why: err.Error()}
	}
}

// unread are the facts that depend on a broken watch. The caller may add to them.
func (h *WatchHealth) unread() map[drift.Fact]string {
	out := map[drift.Fact]string{}
	if h == nil {
		return out
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range watched {
		if b := h.broken[w.kind()]; b.confirmed {
			for _, f := range w.facts {
				out[f] = b.why
			}
		}
	}
	return out
}

// probe asks for the kinds whose watches broke. Those that answer are forgotten. It says whether what is known changed.
func (h *WatchHealth) probe(ctx context.Context, live client.Reader) bool {
	changed := false
	for _, w := range watched {
		h.mu.Lock()
		was, is := h.broken[w.kind()]
		h.mu.Unlock()
		if !is {
			continue
		}
		err := live.List(ctx, w.list.DeepCopyObject().(client.ObjectList), client.Limit(1))
		if ctx.Err() != nil {
			return false
		}
		h.mu.Lock()
		if err == nil || meta.IsNoMatchError(err) {
			delete(h.broken, w.kind())
			changed = changed || was.confirmed
		} else {
			h.broken[w.kind()] = breakage{why: err.Error(), confirmed: true}
			changed = changed || !was.confirmed
		}
		h.mu.Unlock()
	}
	return changed
}

// watch probes until the context ends, and tells when what is known changed.
func (h *WatchHealth) watch(ctx context.Context, live client.Reader, tell func(context.Context) error) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if !h.probe(ctx, live) {
			return
		}
		if err := tell(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "cannot have the policies looked at again")
		}
	}, probeEvery)
	return nil
}
