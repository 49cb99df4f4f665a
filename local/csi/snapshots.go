// The Controller service for snapshots: each is an image that shares its blocks with the volume at the cut.
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
	"google.golang.org/protobuf/types/known/timestamppb"
)

// CreateSnapshot cuts a volume, in use or not; the snapshot is ready at once.
func (d *driver) CreateSnapshot(ctx context.Context, r *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if r.GetName() == "" {
		return nil, missing("name")
	}
	if r.GetSourceVolumeId() == "" {
		return nil, missing("source_volume_id")
	}
	if err := checkParameters(r.GetParameters()); err != nil {
		return nil, err
	}
	id, source := idFor(r.GetName()), volumes+"/"+r.GetSourceVolumeId()
	unlock, err := d.locks.lock(snapshots+"/"+id, source)
	if err != nil {
		return nil, err
	}
	defer unlock()

	img, err := d.pool.load(snapshots, id)
	if errors.Is(err, fs.ErrNotExist) {
		img, err = d.makeSnapshot(r, id, source)
	} else if err == nil && (img.Source != source || img.Name != r.GetName()) {
		err = status.Errorf(codes.AlreadyExists, "failed to create snapshot %q: it exists of %s, asked: %s; use another name", r.GetName(), img.Source, source)
	}
	if err != nil {
		return nil, err
	}
	return &csi.CreateSnapshotResponse{Snapshot: snapshot(img)}, nil
}

// makeSnapshot cuts into a new image; the time of the cut becomes its time of creation.
func (d *driver) makeSnapshot(r *csi.CreateSnapshotRequest, id, source string) (*image, error) {
	volume, err := d.pool.load(volumes, r.GetSourceVolumeId())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.NotFound, "failed to find volume: source_volume_id %q is not in the pool", r.GetSourceVolumeId())
	} else if err != nil {
		return nil, err
	}
	return d.pool.create(snapshots, id, record{Name: r.GetName(), Source: source}, func(file *os.File, rec *record) error {
		rec.CreatedAt, err = cut(file, volume.path)
		return err
	})
}

// DeleteSnapshot removes a snapshot; volumes made from it live on.
func (d *driver) DeleteSnapshot(ctx context.Context, r *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if r.GetSnapshotId() == "" {
		return nil, missing("snapshot_id")
	}
	unlock, err := d.locks.lock(snapshots + "/" + r.GetSnapshotId())
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := d.pool.remove(snapshots, r.GetSnapshotId()); err != nil {
		return nil, err
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

// ListSnapshots gives all snapshots, one by its ID, or those of a volume.
func (d *driver) ListSnapshots(_ context.Context, r *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	images, err := d.pool.list(snapshots)
	if err != nil {
		return nil, err
	}
	var wanted []*image
	for _, img := range images {
		if (r.GetSnapshotId() == "" || img.id == r.GetSnapshotId()) &&
			(r.GetSourceVolumeId() == "" || img.Source == volumes+"/"+r.GetSourceVolumeId()) {
			wanted = append(wanted, img)
		}
	}
	wanted, next, err := page(wanted, r.GetStartingToken(), r.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	resp := &csi.ListSnapshotsResponse{NextToken: next}
	for _, img := range wanted {
		resp.Entries = append(resp.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: snapshot(img)})
	}
	return resp, nil
}

// snapshot is an image in CSI's terms.
func snapshot(img *image) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId: img.id, SourceVolumeId: strings.TrimPrefix(img.Source, volumes+"/"), SizeBytes: img.size,
		CreationTime: timestamppb.New(img.CreatedAt), ReadyToUse: true,
	}
}
