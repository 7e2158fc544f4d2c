// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/mounts"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/pods"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// GroupControllerGetCapabilities lists what the group controller can do.
func (d *Driver) GroupControllerGetCapabilities(context.Context, *csi.GroupControllerGetCapabilitiesRequest) (*csi.GroupControllerGetCapabilitiesResponse, error) {
	return &csi.GroupControllerGetCapabilitiesResponse{Capabilities: []*csi.GroupControllerServiceCapability{{
		Type: &csi.GroupControllerServiceCapability_Rpc{Rpc: &csi.GroupControllerServiceCapability_RPC{
			Type: csi.GroupControllerServiceCapability_RPC_CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT}},
	}}}, nil
}

// CreateVolumeGroupSnapshot makes snapshots of several volumes together.
func (d *Driver) CreateVolumeGroupSnapshot(ctx context.Context, req *csi.CreateVolumeGroupSnapshotRequest) (*csi.CreateVolumeGroupSnapshotResponse, error) {
	if err := required([2]string{"name", req.GetName()}); err != nil {
		return nil, err
	}
	if len(req.GetSourceVolumeIds()) == 0 || slices.Contains(req.GetSourceVolumeIds(), "") {
		return nil, status.Error(codes.InvalidArgument, "source_volume_ids is missing or has an empty entry")
	}
	call := faults.Call{Name: req.GetName(), Volumes: req.GetSourceVolumeIds()}
	if err := d.faults.Refusal(call); err != nil {
		return nil, failure(err)
	}
	users, err := d.podsOf(req.GetSourceVolumeIds())
	if err != nil {
		return nil, failure(err)
	}
	// Before the pods are held, so that they are held no longer than the cuts take.
	if err := d.flush(req.GetSourceVolumeIds()...); err != nil {
		return nil, failure(err)
	}
	group, err := d.array.CreateGroup(req.GetName(), req.GetSourceVolumeIds(), func() (func() error, error) { return pods.Hold(users) })
	if err != nil {
		return nil, failure(err)
	}
	if err := d.linger(ctx, call, group.Created); err != nil {
		return nil, err
	}
	return &csi.CreateVolumeGroupSnapshotResponse{GroupSnapshot: d.groupAnswer(group)}, nil
}

// podsOf are the pods that volumes are published to.
func (d *Driver) podsOf(volumes []string) ([]string, error) {
	var targets []string
	for _, id := range volumes {
		_, dir, err := d.array.Volume(id)
		if err != nil {
			continue // the storage system says what it means: the group may exist already
		}
		more, err := mounts.Targets(dir, imageIn(dir))
		if err != nil {
			return nil, err
		}
		targets = append(targets, more...)
	}
	return pods.At(targets), nil
}

// FreePods sets pods free that a killed predecessor held for a group snapshot.
func (d *Driver) FreePods() error {
	var ids []string
	for _, volume := range d.array.Volumes() {
		ids = append(ids, volume.ID)
	}
	users, err := d.podsOf(ids)
	if err != nil {
		return err
	}
	return pods.Free(users)
}

// DeleteVolumeGroupSnapshot removes a group and all its members.
func (d *Driver) DeleteVolumeGroupSnapshot(_ context.Context, req *csi.DeleteVolumeGroupSnapshotRequest) (*csi.DeleteVolumeGroupSnapshotResponse, error) {
	if err := required([2]string{"group_snapshot_id", req.GetGroupSnapshotId()}); err != nil {
		return nil, err
	}
	if err := d.array.DeleteGroup(req.GetGroupSnapshotId()); err != nil {
		return nil, failure(err)
	}
	return &csi.DeleteVolumeGroupSnapshotResponse{}, nil
}

// GetVolumeGroupSnapshot tells about one group.
func (d *Driver) GetVolumeGroupSnapshot(_ context.Context, req *csi.GetVolumeGroupSnapshotRequest) (*csi.GetVolumeGroupSnapshotResponse, error) {
	if err := required([2]string{"group_snapshot_id", req.GetGroupSnapshotId()}); err != nil {
		return nil, err
	}
	group, err := d.array.Group(req.GetGroupSnapshotId())
	if err != nil {
		return nil, failure(err)
	}
	for _, id := range req.GetSnapshotIds() {
		if !slices.ContainsFunc(group.Members, func(s storage.Snapshot) bool { return s.ID == id }) {
			return nil, status.Errorf(codes.NotFound, "snapshot %s is not in group snapshot %s", id, group.ID)
		}
	}
	return &csi.GetVolumeGroupSnapshotResponse{GroupSnapshot: d.groupAnswer(group)}, nil
}
