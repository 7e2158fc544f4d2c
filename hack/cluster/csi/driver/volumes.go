// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/mounts"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// CreateVolume makes a volume: empty, from a snapshot, or as a clone of another.
func (d *Driver) CreateVolume(_ context.Context, req *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if err := required([2]string{"name", req.GetName()}); err != nil {
		return nil, err
	}
	mode, err := modeOf(req.GetVolumeCapabilities()...)
	if err != nil {
		return nil, err
	}
	fsType, err := fsTypeOf(req.GetVolumeCapabilities()...)
	if err != nil {
		return nil, err
	}
	size := req.GetCapacityRange()
	if size.GetRequiredBytes() < 0 || size.GetLimitBytes() < 0 {
		return nil, status.Error(codes.InvalidArgument, "capacity_range is negative")
	}
	source, err := sourceOf(req.GetVolumeContentSource())
	if err != nil {
		return nil, err
	}
	if err := d.usable(source); err != nil {
		return nil, err
	}
	if err := d.flush(source.Volume); err != nil {
		return nil, failure(err)
	}
	volume, err := d.array.CreateVolume(storage.VolumeRequest{
		Name: req.GetName(), Mode: mode, FSType: fsType, Required: size.GetRequiredBytes(), Limit: size.GetLimitBytes(), Source: source,
	})
	if err != nil {
		return nil, failure(err)
	}
	return &csi.CreateVolumeResponse{Volume: volumeAnswer(volume)}, nil
}

func sourceOf(from *csi.VolumeContentSource) (storage.Source, error) {
	source := storage.Source{Snapshot: from.GetSnapshot().GetSnapshotId(), Volume: from.GetVolume().GetVolumeId()}
	if from != nil && source == (storage.Source{}) {
		return source, status.Error(codes.InvalidArgument, "volume_content_source names neither a snapshot nor a volume")
	}
	return source, nil
}

// usable refuses a snapshot that the system does not call ready.
func (d *Driver) usable(source storage.Source) error {
	if source.Snapshot == "" {
		return nil
	}
	snapshot, _, err := d.array.Snapshot(source.Snapshot)
	if err != nil {
		return failure(err)
	}
	if !d.faults.Ready(callFor(snapshot)) {
		return status.Errorf(codes.Unavailable, "snapshot %s is not ready to use: try again later", snapshot.ID)
	}
	return nil
}

// DeleteVolume removes a volume that no pod uses.
func (d *Driver) DeleteVolume(_ context.Context, req *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if err := required([2]string{"volume_id", req.GetVolumeId()}); err != nil {
		return nil, err
	}
	d.attaching.Lock()
	defer d.attaching.Unlock()
	_, dir, err := d.array.Volume(req.GetVolumeId())
	if err != nil {
		return &csi.DeleteVolumeResponse{}, nil // it is gone already
	}
	users, err := mounts.Targets(dir, imageIn(dir))
	if err != nil {
		return nil, failure(err)
	}
	if len(users) > 0 {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is published at %s: unpublish it first", req.GetVolumeId(), users[0])
	}
	if err := mounts.Release(imageIn(dir)); err != nil {
		return nil, failure(err)
	}
	if err := d.array.DeleteVolume(req.GetVolumeId()); err != nil {
		return nil, failure(err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

// ListVolumes lists all volumes, in pages.
func (d *Driver) ListVolumes(_ context.Context, req *csi.ListVolumesRequest) (*csi.ListVolumesResponse, error) {
	if req.GetMaxEntries() < 0 {
		return nil, status.Error(codes.InvalidArgument, "max_entries is negative")
	}
	page, err := storage.Cut(d.array.Volumes(), func(v storage.Volume) string { return v.ID }, req.GetStartingToken(), int(req.GetMaxEntries()))
	if err != nil {
		return nil, badToken(err)
	}
	answer := &csi.ListVolumesResponse{NextToken: page.Next}
	for _, volume := range page.Items {
		answer.Entries = append(answer.Entries, &csi.ListVolumesResponse_Entry{Volume: volumeAnswer(volume)})
	}
	return answer, nil
}

// GetCapacity says how much is free.
func (d *Driver) GetCapacity(context.Context, *csi.GetCapacityRequest) (*csi.GetCapacityResponse, error) {
	_, free, err := d.array.Space()
	if err != nil {
		return nil, failure(err)
	}
	return &csi.GetCapacityResponse{AvailableCapacity: free}, nil
}
