// The Controller service for volumes. Every call can be repeated: it first looks for what it would make.
package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// controllerCapabilities are the optional calls that are answered.
var controllerCapabilities = []csi.ControllerServiceCapability_RPC_Type{
	csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
	csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
	csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	csi.ControllerServiceCapability_RPC_GET_CAPACITY,
	csi.ControllerServiceCapability_RPC_LIST_VOLUMES,
	csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
}

// ControllerGetCapabilities lists them.
func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	resp := &csi.ControllerGetCapabilitiesResponse{}
	for _, t := range controllerCapabilities {
		resp.Capabilities = append(resp.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: t}},
		})
	}
	return resp, nil
}

// CreateVolume makes an empty volume, or one that shares the blocks of a snapshot or volume. A larger one than its
// source gets its file system grown when it is first mounted: only a mount recovers the journal, which must be first.
func (d *driver) CreateVolume(ctx context.Context, r *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if r.GetName() == "" {
		return nil, missing("name")
	}
	source, sourceErr := sourceOf(r.GetVolumeContentSource())
	if err := first(checkCapabilities(r.GetVolumeCapabilities()...), checkParameters(r.GetParameters()),
		d.checkTopology(r.GetAccessibilityRequirements()), sourceErr); err != nil {
		return nil, err
	}
	id := idFor(r.GetName())
	names := []string{volumes + "/" + id}
	if source != "" {
		names = append(names, source)
	}
	unlock, err := d.locks.lock(names...)
	if err != nil {
		return nil, err
	}
	defer unlock()

	img, err := d.pool.load(volumes, id)
	if errors.Is(err, fs.ErrNotExist) {
		img, err = d.makeVolume(r, id, source)
	} else if err == nil {
		err = compatible(img, r, source)
	}
	if err != nil {
		return nil, err
	}
	return &csi.CreateVolumeResponse{Volume: d.volume(img)}, nil
}

// makeVolume sizes and fills a volume that is not there yet.
func (d *driver) makeVolume(r *csi.CreateVolumeRequest, id, source string) (*image, error) {
	pool := d.pool
	var from *image
	var floor int64
	if source != "" {
		kind, sourceID, _ := strings.Cut(source, "/")
		var err error
		if from, err = pool.load(kind, sourceID); errors.Is(err, fs.ErrNotExist) {
			return nil, status.Errorf(codes.NotFound, "failed to find volume_content_source: %s is not in the pool", source)
		} else if err != nil {
			return nil, err
		}
		floor = from.size
	}
	size, err := pickSize(r.GetCapacityRange(), floor)
	if err == nil {
		err = pool.reserve(size)
	}
	if err != nil {
		return nil, err
	}
	return pool.create(volumes, id, record{Name: r.GetName(), Source: source}, func(file *os.File, _ *record) error {
		if from == nil {
			return format(file, size)
		}
		if _, err := cut(file, from.path); err != nil {
			return err
		}
		atStep("source-cloned")
		return file.Truncate(size)
	})
}

// compatible tells whether an existing volume is what the request would make.
func compatible(img *image, r *csi.CreateVolumeRequest, source string) error {
	required, limit := r.GetCapacityRange().GetRequiredBytes(), r.GetCapacityRange().GetLimitBytes()
	switch {
	case img.Name != r.GetName():
		return status.Errorf(codes.AlreadyExists, "failed to create volume %q: its ID is taken by %q; use another name", r.GetName(), img.Name)
	case img.Source != source:
		return status.Errorf(codes.AlreadyExists, "failed to create volume %q: it exists with volume_content_source %q, asked: %q; use another name", r.GetName(), img.Source, source)
	case img.size < required || (limit > 0 && img.size > limit):
		return status.Errorf(codes.AlreadyExists, "failed to create volume %q: it exists with %d bytes, asked: capacity_range %d to %d; use another name", r.GetName(), img.size, required, limit)
	}
	return nil
}

// DeleteVolume removes a volume; its snapshots and clones share blocks, not files, so they live on.
func (d *driver) DeleteVolume(ctx context.Context, r *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	id := r.GetVolumeId()
	if id == "" {
		return nil, missing("volume_id")
	}
	unlock, err := d.locks.lock(volumes + "/" + id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if device, err := findLoop(d.pool.path(volumes, id, imageSuffix)); err != nil {
		return nil, err
	} else if device != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "failed to delete volume %s: it is in use on /dev/%s; end the pods that use it", id, device)
	}
	if err := d.pool.remove(volumes, id); err != nil {
		return nil, err
	}
	return &csi.DeleteVolumeResponse{}, nil
}

// ControllerExpandVolume lengthens the image, and the loop device over it if there is one; the node grows the file system.
func (d *driver) ControllerExpandVolume(ctx context.Context, r *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	if r.GetCapacityRange() == nil {
		return nil, missing("capacity_range")
	}
	img, unlock, err := d.lockVolume(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	size, err := pickSize(r.GetCapacityRange(), img.size)
	if err == nil {
		err = d.pool.reserve(size - img.size)
	}
	if err == nil {
		err = img.grow(size)
	}
	if err != nil {
		return nil, err
	}
	atStep("image-grown")
	device, err := findLoop(img.path)
	if err == nil && device != "" {
		err = growLoop(device)
	}
	if err != nil {
		return nil, err
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: img.size, NodeExpansionRequired: true}, nil
}

// ValidateVolumeCapabilities answers for an existing volume.
func (d *driver) ValidateVolumeCapabilities(ctx context.Context, r *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if len(r.GetVolumeCapabilities()) == 0 {
		return nil, missing("volume_capabilities")
	}
	_, unlock, err := d.lockVolume(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := first(checkCapabilities(r.GetVolumeCapabilities()...), checkParameters(r.GetParameters())); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: r.GetVolumeContext(), VolumeCapabilities: r.GetVolumeCapabilities(), Parameters: r.GetParameters(),
	}}, nil
}

// GetCapacity is what the pool has free, and none for volumes that cannot be made.
func (d *driver) GetCapacity(_ context.Context, r *csi.GetCapacityRequest) (*csi.GetCapacityResponse, error) {
	if caps := r.GetVolumeCapabilities(); len(caps) > 0 && checkCapabilities(caps...) != nil {
		return &csi.GetCapacityResponse{}, nil
	}
	if node, ok := r.GetAccessibleTopology().GetSegments()[d.topologyKey()]; ok && node != d.nodeID {
		return &csi.GetCapacityResponse{}, nil
	}
	free, err := d.pool.free()
	if err != nil {
		return nil, err
	}
	return &csi.GetCapacityResponse{
		AvailableCapacity: free, MaximumVolumeSize: wrapperspb.Int64(min(free, maxSize)), MinimumVolumeSize: wrapperspb.Int64(minSize),
	}, nil
}

// ListVolumes gives the volumes in the order of their IDs.
func (d *driver) ListVolumes(_ context.Context, r *csi.ListVolumesRequest) (*csi.ListVolumesResponse, error) {
	images, err := d.pool.list(volumes)
	if err != nil {
		return nil, err
	}
	images, next, err := page(images, r.GetStartingToken(), r.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	resp := &csi.ListVolumesResponse{NextToken: next}
	for _, img := range images {
		resp.Entries = append(resp.Entries, &csi.ListVolumesResponse_Entry{Volume: d.volume(img)})
	}
	return resp, nil
}

// volume is an image in CSI's terms.
func (d *driver) volume(img *image) *csi.Volume {
	return &csi.Volume{
		VolumeId: img.id, CapacityBytes: img.size, ContentSource: contentSource(img.Source),
		AccessibleTopology: []*csi.Topology{d.topology()},
	}
}
