// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"
	"slices"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/faults"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// CreateSnapshot makes a snapshot. The snapshot is taken at once; the slow switch delays the
// answer, as a system does that cuts quickly and copies slowly.
func (d *Driver) CreateSnapshot(ctx context.Context, req *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if err := required([2]string{"name", req.GetName()}, [2]string{"source_volume_id", req.GetSourceVolumeId()}); err != nil {
		return nil, err
	}
	call := faults.Call{Name: req.GetName(), Volumes: []string{req.GetSourceVolumeId()}}
	if err := d.faults.Refusal(call); err != nil {
		return nil, failure(err)
	}
	if err := d.flush(req.GetSourceVolumeId()); err != nil {
		return nil, failure(err)
	}
	snapshot, err := d.array.CreateSnapshot(req.GetName(), req.GetSourceVolumeId())
	if err != nil {
		return nil, failure(err)
	}
	if err := d.linger(ctx, call, snapshot.Created); err != nil {
		return nil, err
	}
	skew, err := d.faults.Skew(call)
	if err != nil {
		return nil, failure(err)
	}
	snapshot.Created = snapshot.Created.Add(skew)
	return &csi.CreateSnapshotResponse{Snapshot: d.snapshotAnswer(snapshot)}, nil
}

// callFor is what a fault can be limited to, of a snapshot that exists.
func callFor(s storage.Snapshot) faults.Call {
	return faults.Call{Name: s.ID, Volumes: []string{s.Volume}}
}

// linger waits until the delay after the snapshot's time has passed. A caller that gave up
// and asks again waits for the rest only.
func (d *Driver) linger(ctx context.Context, call faults.Call, since time.Time) error {
	delay, err := d.faults.Delay(call)
	if err != nil {
		return failure(err)
	}
	timer := time.NewTimer(time.Until(since.Add(delay)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// DeleteSnapshot removes a snapshot.
func (d *Driver) DeleteSnapshot(_ context.Context, req *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if err := required([2]string{"snapshot_id", req.GetSnapshotId()}); err != nil {
		return nil, err
	}
	if err := d.array.DeleteSnapshot(req.GetSnapshotId()); err != nil {
		return nil, failure(err)
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

// ListSnapshots lists snapshots, in pages: all, those of a volume, or one.
func (d *Driver) ListSnapshots(_ context.Context, req *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	if req.GetMaxEntries() < 0 {
		return nil, status.Error(codes.InvalidArgument, "max_entries is negative")
	}
	matching := slices.DeleteFunc(d.array.Snapshots(), func(s storage.Snapshot) bool {
		return req.GetSnapshotId() != "" && s.ID != req.GetSnapshotId() ||
			req.GetSourceVolumeId() != "" && s.Volume != req.GetSourceVolumeId()
	})
	page, err := storage.Cut(matching, func(s storage.Snapshot) string { return s.ID }, req.GetStartingToken(), int(req.GetMaxEntries()))
	if err != nil {
		return nil, badToken(err)
	}
	answer := &csi.ListSnapshotsResponse{NextToken: page.Next}
	for _, snapshot := range page.Items {
		answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: d.snapshotAnswer(snapshot)})
	}
	return answer, nil
}

// GetSnapshot tells about one snapshot.
func (d *Driver) GetSnapshot(_ context.Context, req *csi.GetSnapshotRequest) (*csi.GetSnapshotResponse, error) {
	if err := required([2]string{"snapshot_id", req.GetSnapshotId()}); err != nil {
		return nil, err
	}
	snapshot, _, err := d.array.Snapshot(req.GetSnapshotId())
	if err != nil {
		return nil, failure(err)
	}
	return &csi.GetSnapshotResponse{Snapshot: d.snapshotAnswer(snapshot)}, nil
}
