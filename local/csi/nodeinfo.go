// The Node service's other half: growth of a mounted file system, how full it is, and what the node is.
package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeCapabilities are the optional calls that are answered.
var nodeCapabilities = []csi.NodeServiceCapability_RPC_Type{
	csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
	csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
	csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
}

// NodeGetCapabilities lists them.
func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	resp := &csi.NodeGetCapabilitiesResponse{}
	for _, t := range nodeCapabilities {
		resp.Capabilities = append(resp.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: t}},
		})
	}
	return resp, nil
}

// NodeGetInfo names the node, and the topology that ties volumes to it.
func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.nodeID, AccessibleTopology: d.topology()}, nil
}

// mountedVolume locks a volume that must be mounted at a path.
func (d *driver) mountedVolume(id, path string) (*image, func(), error) {
	if path == "" {
		return nil, nil, missing("volume_path")
	}
	img, unlock, err := d.lockVolume(id)
	if err != nil {
		return nil, nil, err
	}
	if mounted, err := mountedAt(img, path); err != nil || !mounted {
		unlock()
		return nil, nil, status.Errorf(codes.NotFound, "failed to find volume %s: it is not mounted at %s", id, path)
	}
	return img, unlock, nil
}

// NodeExpandVolume grows the loop device (again: the controller may have been killed before it) and XFS on it, mounted as it is.
func (d *driver) NodeExpandVolume(ctx context.Context, r *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	img, unlock, err := d.mountedVolume(r.GetVolumeId(), r.GetVolumePath())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if required := r.GetCapacityRange().GetRequiredBytes(); required > img.size {
		return nil, outOfRange("required_bytes", required, "at most the size of the volume; expand it through the controller first")
	}
	device, err := findLoop(img.path)
	if err == nil {
		err = growLoop(device)
	}
	if err == nil {
		err = command("xfs_growfs", "-d", r.GetVolumePath())
	}
	if err != nil {
		return nil, err
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: img.size}, nil
}

// NodeGetVolumeStats measures bytes and inodes, as the kubelet's volume metrics report them.
func (d *driver) NodeGetVolumeStats(ctx context.Context, r *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	_, unlock, err := d.mountedVolume(r.GetVolumeId(), r.GetVolumePath())
	if err != nil {
		return nil, err
	}
	defer unlock()
	var st unix.Statfs_t
	if err := unix.Statfs(r.GetVolumePath(), &st); err != nil {
		return nil, status.Errorf(codes.Internal, "failed to measure volume: %v", err)
	}
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{
		{
			Unit: csi.VolumeUsage_BYTES, Total: int64(st.Blocks) * st.Bsize,
			Available: int64(st.Bavail) * st.Bsize, Used: int64(st.Blocks-st.Bfree) * st.Bsize,
		},
		{
			Unit: csi.VolumeUsage_INODES, Total: int64(st.Files),
			Available: int64(st.Ffree), Used: int64(st.Files - st.Ffree),
		},
	}}, nil
}
