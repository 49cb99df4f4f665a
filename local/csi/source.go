// Small things that the calls share: sources, pages of lists, and errors.
package main

import (
	"errors"
	"io/fs"
	"sort"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// sourceOf names the source of a volume as "snapshots/<id>" or "volumes/<id>"; empty for an empty volume.
func sourceOf(c *csi.VolumeContentSource) (string, error) {
	var kind, id string
	switch {
	case c == nil:
		return "", nil
	case c.GetSnapshot() != nil:
		kind, id = snapshots, c.GetSnapshot().GetSnapshotId()
	case c.GetVolume() != nil:
		kind, id = volumes, c.GetVolume().GetVolumeId()
	}
	if id == "" {
		return "", missing("volume_content_source (an ID)")
	}
	return kind + "/" + id, nil
}

// contentSource is the way back from sourceOf.
func contentSource(source string) *csi.VolumeContentSource {
	kind, id, _ := strings.Cut(source, "/")
	switch kind {
	case snapshots:
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
			Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: id},
		}}
	case volumes:
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
			Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: id},
		}}
	}
	return nil
}

// tokenPrefix tells a page token of ours from any other string; the rest is the last ID of the page before, which
// stays a right place to go on from when entries come and go.
const tokenPrefix = "after/"

// page cuts a list, sorted by ID, to the entries asked for.
func page(images []*image, token string, maxEntries int32) ([]*image, string, error) {
	sort.Slice(images, func(i, j int) bool { return images[i].id < images[j].id })
	if token != "" {
		last, ok := strings.CutPrefix(token, tokenPrefix)
		if !ok {
			return nil, "", status.Errorf(codes.Aborted, "failed to list: starting_token is %q, allowed: a next_token of this driver; list from the start", token)
		}
		images = images[sort.Search(len(images), func(i int) bool { return images[i].id > last }):]
	}
	if n := int(maxEntries); n > 0 && n < len(images) {
		return images[:n], tokenPrefix + images[n-1].id, nil
	}
	return images, "", nil
}

// lockVolume locks a volume that must exist.
func (d *driver) lockVolume(id string) (*image, func(), error) {
	if id == "" {
		return nil, nil, missing("volume_id")
	}
	unlock, err := d.locks.lock(volumes + "/" + id)
	if err != nil {
		return nil, nil, err
	}
	img, err := d.pool.load(volumes, id)
	if err == nil {
		return img, unlock, nil
	}
	unlock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, status.Errorf(codes.NotFound, "failed to find volume: volume_id %q is not in the pool", id)
	}
	return nil, nil, err
}

// missing is the refusal of a request without a required field.
func missing(field string) error {
	return status.Errorf(codes.InvalidArgument, "failed to read request: %s is missing", field)
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
