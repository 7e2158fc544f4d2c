// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"errors"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// failure turns an error of the storage system into the code that CSI prescribes.
func failure(err error) error {
	var refusal *storage.Refusal
	if !errors.As(err, &refusal) {
		return status.Error(codes.Internal, err.Error())
	}
	code := codes.Internal
	switch refusal.Reason {
	case storage.NotFound:
		code = codes.NotFound
	case storage.Conflict:
		code = codes.AlreadyExists
	case storage.OutOfRange:
		code = codes.OutOfRange
	case storage.Invalid:
		code = codes.InvalidArgument
	}
	return status.Error(code, refusal.Message)
}

// badToken is the one refusal of a list: CSI wants Aborted for it.
func badToken(err error) error { return status.Error(codes.Aborted, err.Error()) }

// required refuses an empty field by its name.
func required(fields ...[2]string) error {
	for _, field := range fields {
		if field[1] == "" {
			return status.Errorf(codes.InvalidArgument, "%s is missing", field[0])
		}
	}
	return nil
}

func volumeAnswer(v storage.Volume) *csi.Volume {
	answer := &csi.Volume{VolumeId: v.ID, CapacityBytes: v.Bytes}
	switch {
	case v.Source.Snapshot != "":
		answer.ContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
			Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: v.Source.Snapshot}}}
	case v.Source.Volume != "":
		answer.ContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
			Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: v.Source.Volume}}}
	}
	return answer
}

func (d *Driver) snapshotAnswer(s storage.Snapshot) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId: s.ID, SourceVolumeId: s.Volume, SizeBytes: s.Bytes, GroupSnapshotId: s.Group,
		CreationTime: timestamppb.New(s.Created), ReadyToUse: d.faults.Ready(callFor(s)),
	}
}

func (d *Driver) groupAnswer(g storage.Group) *csi.VolumeGroupSnapshot {
	answer := &csi.VolumeGroupSnapshot{GroupSnapshotId: g.ID, CreationTime: timestamppb.New(g.Created), ReadyToUse: true}
	for _, member := range g.Members {
		snapshot := d.snapshotAnswer(member)
		answer.Snapshots = append(answer.Snapshots, snapshot)
		answer.ReadyToUse = answer.ReadyToUse && snapshot.ReadyToUse
	}
	return answer
}
