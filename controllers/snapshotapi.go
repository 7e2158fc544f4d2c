// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// SnapshotAPI knows whether the cluster serves the snapshot APIs. They may come after the operator has started.
type SnapshotAPI struct {
	Mapper meta.RESTMapper

	snapshots atomic.Bool
	groups    atomic.Value // string
}

// ServedSnapshotAPI is that of a cluster that serves VolumeSnapshots, and VolumeGroupSnapshots in the given version;
// empty when it does not.
func ServedSnapshotAPI(groups string) *SnapshotAPI {
	a := &SnapshotAPI{}
	a.snapshots.Store(true)
	a.groups.Store(groups)
	return a
}

const groupSnapshotGroup = "groupsnapshot.storage.k8s.io"

func groupKind(kind, version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: groupSnapshotGroup, Version: version, Kind: kind}
}

// Snapshots says whether VolumeSnapshots are served, and watched.
func (a *SnapshotAPI) Snapshots() bool { return a.snapshots.Load() }

// Groups is the version in which VolumeGroupSnapshots are served; empty when they are not.
func (a *SnapshotAPI) Groups() string {
	v, _ := a.groups.Load().(string)
	return v
}

// served asks the API server.
func (a *SnapshotAPI) served() (bool, error) {
	_, err := a.Mapper.RESTMapping(schema.GroupKind{Group: "snapshot.storage.k8s.io", Kind: "VolumeSnapshot"}, "v1")
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// findGroups takes the newest version of the group API that is served.
func (a *SnapshotAPI) findGroups() error {
	for _, v := range []string{"v1", "v1beta2", "v1beta1"} {
		_, err := a.Mapper.RESTMapping(schema.GroupKind{Group: groupSnapshotGroup, Kind: "VolumeGroupSnapshot"}, v)
		if err == nil {
			a.groups.Store(v)
			return nil
		}
		if !meta.IsNoMatchError(err) {
			return err
		}
	}
	return nil
}

// await asks until VolumeSnapshots are served, then calls found once. While they are missing nothing can be watched, so this is a poll.
func (a *SnapshotAPI) await(ctx context.Context, every time.Duration, found func(context.Context) error) error {
	err := wait.PollUntilContextCancel(ctx, every, true, func(context.Context) (bool, error) {
		ok, err := a.served()
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot ask whether VolumeSnapshots are served")
		}
		return ok, nil
	})
	if err != nil {
		return nil // the operator ends
	}
	return found(ctx)
}
