// The Node service: stage mounts a volume once for the node, publish binds that to each pod. Two steps rather than
// one, because a read-only pod needs a bind of its own: one file system cannot be mounted writable and read-only at once.
package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mountOptions: noatime, as reads should not cost writes; discard, so that deleted files give their space back to the
// pool; nouuid, as a clone has its source's UUID and XFS would not mount both.
const mountOptions = "noatime,discard,nouuid"

// NodeStageVolume attaches the image, mounts it (which recovers the journal of a clone) and lets XFS fill it.
func (d *driver) NodeStageVolume(ctx context.Context, r *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if r.GetStagingTargetPath() == "" {
		return nil, missing("staging_target_path")
	}
	if err := checkOne(r.GetVolumeCapability()); err != nil {
		return nil, err
	}
	img, unlock, err := d.lockVolume(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	mounted, err := mountedAt(img, r.GetStagingTargetPath())
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.GetStagingTargetPath(), 0o750); err != nil {
		return nil, err
	}
	device, err := openLoop(img.path)
	if err != nil {
		return nil, err
	}
	defer device.Close()
	atStep("loop-attached")
	if !mounted {
		options := strings.Join(append([]string{mountOptions}, r.GetVolumeCapability().GetMount().GetMountFlags()...), ",")
		if err := command("mount", "-t", fileSystem, "-o", options, device.Name(), r.GetStagingTargetPath()); err != nil {
			return nil, err
		}
		atStep("mounted")
	}
	if err := command("xfs_growfs", "-d", r.GetStagingTargetPath()); err != nil {
		return nil, err
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

// NodeUnstageVolume unmounts; the loop device detaches with its last mount.
func (d *driver) NodeUnstageVolume(ctx context.Context, r *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if r.GetVolumeId() == "" || r.GetStagingTargetPath() == "" {
		return nil, missing("volume_id or staging_target_path")
	}
	unlock, err := d.locks.lock(volumes + "/" + r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := unmount(r.GetStagingTargetPath()); err != nil {
		return nil, err
	}
	return &csi.NodeUnstageVolumeResponse{}, nil
}

// NodePublishVolume binds the staged volume to a pod's path.
func (d *driver) NodePublishVolume(ctx context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	staging, target, mode := r.GetStagingTargetPath(), r.GetTargetPath(), r.GetVolumeCapability().GetAccessMode().GetMode()
	if staging == "" || target == "" {
		return nil, missing("staging_target_path or target_path")
	}
	if err := checkOne(r.GetVolumeCapability()); err != nil {
		return nil, err
	}
	img, unlock, err := d.lockVolume(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if staged, err := mountedAt(img, staging); err != nil {
		return nil, err
	} else if !staged {
		return nil, status.Errorf(codes.FailedPrecondition, "failed to publish volume %s: it is not staged at %s; stage it first", img.id, staging)
	}
	mounted, err := mountedAt(img, target)
	if err != nil {
		return nil, err
	}
	if !mounted {
		if err := os.MkdirAll(target, 0o750); err != nil {
			return nil, err
		}
		if err := unix.Mount(staging, target, "", unix.MS_BIND, ""); err != nil {
			return nil, status.Errorf(codes.Internal, "failed to bind volume to %s: %v", target, err)
		}
		atStep("bound")
	}
	if r.GetReadonly() || mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY {
		if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOATIME, ""); err != nil {
			return nil, status.Errorf(codes.Internal, "failed to make %s read-only: %v", target, err)
		}
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// NodeUnpublishVolume takes the volume from a pod's path.
func (d *driver) NodeUnpublishVolume(ctx context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if r.GetVolumeId() == "" || r.GetTargetPath() == "" {
		return nil, missing("volume_id or target_path")
	}
	unlock, err := d.locks.lock(volumes + "/" + r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := unmount(r.GetTargetPath()); err != nil {
		return nil, err
	}
	if err := os.Remove(r.GetTargetPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// checkOne checks the capability of a single-capability call.
func checkOne(c *csi.VolumeCapability) error {
	if c == nil {
		return missing("volume_capability")
	}
	return checkCapabilities(c)
}
