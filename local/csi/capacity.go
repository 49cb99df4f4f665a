// Sizes: what a request asks for against what is allowed. Every refusal names the field, its value and the allowed.
package main

import (
	"fmt"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// sizeUnit is the granularity of sizes: whole file system blocks, with round numbers to read.
	sizeUnit int64 = 1 << 20
	// minSize is the least that mkfs.xfs makes.
	minSize int64 = 300 << 20
	// maxSize keeps sums of sizes far from overflow; no pool on one machine comes near it.
	maxSize int64 = 16 << 40
	// defaultSize serves a request without a size; CSI allows one.
	defaultSize int64 = 1 << 30
)

// pickSize gives the smallest allowed size that is at least floor (the size of a source, or of the volume now).
func pickSize(r *csi.CapacityRange, floor int64) (int64, error) {
	required, limit := r.GetRequiredBytes(), r.GetLimitBytes()
	switch {
	case required < 0 || required > maxSize:
		return 0, outOfRange("required_bytes", required, fmt.Sprintf("0 to %d", maxSize))
	case limit < 0:
		return 0, outOfRange("limit_bytes", limit, "0 (no limit) or more")
	case limit > 0 && limit < required:
		return 0, outOfRange("limit_bytes", limit, fmt.Sprintf("at least required_bytes, which is %d", required))
	}
	size := max(required, floor, minSize)
	if required == 0 && floor == 0 {
		size = defaultSize
		if limit > 0 {
			size = max(minSize, min(size, limit/sizeUnit*sizeUnit))
		}
	}
	size = (size + sizeUnit - 1) / sizeUnit * sizeUnit
	if limit > 0 && size > limit {
		return 0, outOfRange("limit_bytes", limit,
			fmt.Sprintf("at least %d (whole MiB, at least %d and the size of the source)", size, minSize))
	}
	return size, nil
}

// outOfRange is the refusal of a capacity_range.
func outOfRange(field string, value int64, allowed string) error {
	return status.Errorf(codes.OutOfRange, "failed to size volume: capacity_range.%s is %d, allowed: %s", field, value, allowed)
}

// reserve refuses more bytes than the pool has free now. Images are sparse, so this is no reservation: as with any
// thin pool, volumes that fill up later can together outgrow it.
func (p *pool) reserve(bytes int64) error {
	free, err := p.free()
	if err != nil {
		return err
	}
	if bytes > free {
		return status.Errorf(codes.ResourceExhausted, "failed to size volume: capacity_range.required_bytes needs %d more bytes, "+
			"allowed: at most %d (free in the pool); ask for less, delete volumes or snapshots, or make the pool larger", bytes, free)
	}
	return nil
}
