// SPDX-License-Identifier: Apache-2.0

package driver

import (
	"context"
	"errors"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/mounts"
	"github.com/lifeboat-dev/lifeboat/hack/cluster/csi/storage"
)

// NodeGetCapabilities lists what the node can do.
func (d *Driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{
		Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_GET_VOLUME_STATS}},
	}}}, nil
}

// NodeGetInfo names the node.
func (d *Driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node}, nil
}

// NodePublishVolume gives a volume to a pod: its directory, or a loop device of its image.
func (d *Driver) NodePublishVolume(_ context.Context, req *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if err := required([2]string{"volume_id", req.GetVolumeId()}, [2]string{"target_path", req.GetTargetPath()}); err != nil {
		return nil, err
	}
	if req.GetVolumeCapability() == nil {
		return nil, status.Error(codes.InvalidArgument, "volume_capability is missing")
	}
	mode, err := modeOf(req.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	access := accessOf(req)
	fsType, err := fsTypeOf(req.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	flags, data, err := mounts.Flags(access, fsType, req.GetVolumeCapability().GetMount().GetMountFlags())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	d.attaching.Lock()
	defer d.attaching.Unlock()
	volume, dir, err := d.array.Volume(req.GetVolumeId())
	if err != nil {
		return nil, failure(err)
	}
	if volume.Mode != mode {
		return nil, status.Errorf(codes.InvalidArgument, "volume %s is in mode %s, asked for %s", volume.ID, volume.Mode, mode)
	}
	if volume.FSType != fsType {
		return nil, status.Errorf(codes.InvalidArgument, "volume %s has file system %q, asked for %q", volume.ID, volume.FSType, fsType)
	}
	if fsType == storage.XFS {
		if err := mounts.MountXFS(imageIn(dir), req.GetTargetPath(), flags, data); err != nil {
			return nil, mountFailure(err)
		}
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if err := bind(volume.Mode, dir, req.GetTargetPath(), access, flags); err != nil {
		return nil, err
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func accessOf(req *csi.NodePublishVolumeRequest) storage.Access {
	switch mode := req.GetVolumeCapability().GetAccessMode().GetMode(); {
	case req.GetReadonly(),
		mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
		mode == csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return storage.ReadOnly
	}
	return storage.Writable
}

func bind(mode storage.Mode, dir, target string, access storage.Access, flags uintptr) error {
	source := dir
	if mode == storage.Block {
		device, err := mounts.Attach(imageIn(dir), access)
		if err != nil {
			return failure(err)
		}
		// The device itself refuses writes; a read-only mount of a device node would not.
		source, flags = device, 0
	}
	return mountFailure(mounts.Bind(source, target, flags))
}

func mountFailure(err error) error {
	if errors.Is(err, mounts.ErrOther) {
		return status.Error(codes.AlreadyExists, err.Error())
	}
	if err != nil {
		return failure(err)
	}
	return nil
}

// flush has XFS write what it holds back into the images of volumes that are mounted. What is written while an image is cut
// is left to its log, as after a loss of power: nothing is frozen, so that a killed driver leaves nothing frozen.
func (d *Driver) flush(volumes ...string) error {
	for _, id := range volumes {
		volume, dir, err := d.array.Volume(id)
		if err != nil || volume.FSType != storage.XFS {
			continue // the storage system says what an unknown volume means
		}
		if err := mounts.Flush(imageIn(dir)); err != nil {
			return err
		}
	}
	return nil
}

// NodeUnpublishVolume takes a volume from a pod. A volume that was lost is taken away too.
func (d *Driver) NodeUnpublishVolume(_ context.Context, req *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := required([2]string{"volume_id", req.GetVolumeId()}, [2]string{"target_path", req.GetTargetPath()}); err != nil {
		return nil, err
	}
	d.attaching.Lock()
	defer d.attaching.Unlock()
	if err := mounts.Unbind(req.GetTargetPath()); err != nil {
		return nil, failure(err)
	}
	_, dir, err := d.array.Volume(req.GetVolumeId())
	if err != nil {
		return &csi.NodeUnpublishVolumeResponse{}, nil
	}
	if err := mounts.Release(imageIn(dir)); err != nil {
		return nil, failure(err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// NodeGetVolumeStats says how full a volume is.
func (d *Driver) NodeGetVolumeStats(_ context.Context, req *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if err := required([2]string{"volume_id", req.GetVolumeId()}, [2]string{"volume_path", req.GetVolumePath()}); err != nil {
		return nil, err
	}
	volume, _, err := d.array.Volume(req.GetVolumeId())
	if err != nil {
		return nil, failure(err)
	}
	if mounted, err := mounts.Mounted(req.GetVolumePath()); err != nil || !mounted {
		return nil, status.Errorf(codes.NotFound, "no volume is published at %s", req.GetVolumePath())
	}
	usage := &csi.VolumeUsage{Unit: csi.VolumeUsage_BYTES, Total: volume.Bytes}
	if volume.Mode == storage.Filesystem {
		used, err := d.array.Used(volume.ID)
		if err != nil {
			return nil, failure(err)
		}
		usage.Used, usage.Available = used, max(0, volume.Bytes-used)
	}
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{usage}}, nil
}
