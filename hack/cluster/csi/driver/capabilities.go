// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// ControllerGetCapabilities lists what the controller can do.
func (d *Driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, t := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_LIST_VOLUMES,
		csi.ControllerServiceCapability_RPC_GET_CAPACITY,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_GET_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: t}}})
	}
	return answer, nil
}

// Every pod of the only node reaches every volume, so that all modes come down to bind
// mounts, except those that ask the driver to keep two pods apart.
var refusedModes = map[csi.VolumeCapability_AccessMode_Mode]bool{
	csi.VolumeCapability_AccessMode_UNKNOWN:                   true,
	csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER: true,
	csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER:  true,
}

// modeOf reads the mode of a volume out of its capabilities; all have to agree.
func modeOf(capabilities ...*csi.VolumeCapability) (storage.Mode, error) {
	if len(capabilities) == 0 {
		return "", status.Error(codes.InvalidArgument, "volume_capabilities is missing")
	}
	var mode storage.Mode
	for _, each := range capabilities {
		this, err := modeOfOne(each)
		if err != nil {
			return "", err
		}
		if mode != "" && this != mode {
			return "", status.Error(codes.InvalidArgument, "volume_capabilities asks for block and mount at once: ask for one")
		}
		mode = this
	}
	return mode, nil
}

func modeOfOne(capability *csi.VolumeCapability) (storage.Mode, error) {
	if mode := capability.GetAccessMode().GetMode(); refusedModes[mode] {
		return "", status.Errorf(codes.InvalidArgument, "access_mode %s is not supported: use SINGLE_NODE_WRITER or a MULTI_NODE mode", mode)
	}
	if capability.GetBlock() != nil {
		return storage.Block, nil
	}
	mount := capability.GetMount()
	if mount == nil {
		return "", status.Error(codes.InvalidArgument, "volume_capability has no access_type: set block or mount")
	}
	if fsType := mount.GetFsType(); fsType != "" && fsType != "btrfs" && fsType != storage.XFS {
		return "", status.Errorf(codes.InvalidArgument, "fs_type %q is not supported: leave it empty or use btrfs or xfs", fsType)
	}
	return storage.Filesystem, nil
}

// fsTypeOf is the file system that capabilities ask for: storage.XFS or empty; all have to agree.
func fsTypeOf(capabilities ...*csi.VolumeCapability) (string, error) {
	asked := map[bool]bool{}
	for _, each := range capabilities {
		asked[each.GetMount().GetFsType() == storage.XFS] = true
	}
	switch {
	case len(asked) > 1:
		return "", status.Error(codes.InvalidArgument, "volume_capabilities asks for xfs and another fs_type at once: ask for one")
	case asked[true]:
		return storage.XFS, nil
	}
	return "", nil
}

// ValidateVolumeCapabilities confirms what a volume can do.
func (d *Driver) ValidateVolumeCapabilities(_ context.Context, req *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if err := required([2]string{"volume_id", req.GetVolumeId()}); err != nil {
		return nil, err
	}
	if len(req.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "volume_capabilities is missing")
	}
	volume, _, err := d.array.Volume(req.GetVolumeId())
	if err != nil {
		return nil, failure(err)
	}
	mode, err := modeOf(req.GetVolumeCapabilities()...)
	if err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: status.Convert(err).Message()}, nil
	}
	if mode != volume.Mode {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: "the volume is in mode " + string(volume.Mode)}, nil
	}
	if fsType, err := fsTypeOf(req.GetVolumeCapabilities()...); err != nil || fsType != volume.FSType {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: "the volume has another file system"}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: req.GetVolumeContext(), VolumeCapabilities: req.GetVolumeCapabilities(), Parameters: req.GetParameters(),
	}}, nil
}
