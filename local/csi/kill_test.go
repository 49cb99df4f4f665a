// Tests that a driver killed with SIGKILL between any two steps leaves something that the next same call finishes.
package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestKillAtEveryStep(t *testing.T) {
	r := newRig(t)
	r.volume("source", 300*mib, "")
	_, err := r.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{Name: "source", SourceVolumeId: "source"})
	r.must(err)
	createSteps := []string{"image-filled", "image-named", "metadata-flushed", "metadata-written"}
	create := func(source string) func(string) error {
		return func(id string) error {
			_, err := r.CreateVolume(t.Context(), volumeRequest(id, 400*mib, source))
			return err
		}
	}
	for _, c := range []struct {
		name  string
		steps []string
		ready func(id string) // makes what the call needs
		call  func(id string) error
		half  bool // the call makes an image, which must not be seen before its metadata is written
	}{
		{name: "create", steps: createSteps, call: create(""), half: true},
		{name: "clone", steps: append([]string{"source-cloned"}, createSteps...), call: create("volumes/source"), half: true},
		{name: "restore", steps: append([]string{"source-cloned"}, createSteps...), call: create("snapshots/source"), half: true},
		{name: "snapshot", steps: createSteps, half: true, call: func(id string) error {
			_, err := r.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{Name: id, SourceVolumeId: "source"})
			return err
		}},
		{name: "expand", steps: []string{"image-grown"}, ready: func(id string) { r.volume(id, 300*mib, ""); r.mount(id) }, call: func(id string) error {
			_, err := r.ControllerExpandVolume(t.Context(), &csi.ControllerExpandVolumeRequest{
				VolumeId: id, CapacityRange: &csi.CapacityRange{RequiredBytes: 600 * mib},
			})
			if err != nil {
				return err
			}
			staging, _ := r.paths(id)
			_, err = r.NodeExpandVolume(t.Context(), &csi.NodeExpandVolumeRequest{VolumeId: id, VolumePath: staging})
			if total := r.total(staging); total < 500*mib {
				t.Errorf("%s: grown file system has %d bytes", id, total)
			}
			return err
		}},
		{name: "mount", steps: []string{"loop-attached", "mounted", "bound"}, ready: func(id string) { r.volume(id, 300*mib, "") }, call: func(id string) error {
			staging, target := r.paths(id)
			return r.tryMount(id, staging, target)
		}},
		{name: "delete", steps: []string{"removed.json", "removed.img"}, ready: func(id string) { r.volume(id, 300*mib, "") }, call: func(id string) error {
			_, err := r.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: id})
			return err
		}},
	} {
		for _, step := range c.steps {
			id := c.name + "-killed-at-" + step
			if c.ready != nil {
				c.ready(id)
			}
			r.kill()
			r.start(step)
			if err := c.call(id); status.Code(err) != codes.Unavailable {
				t.Fatalf("%s: got %v; want a broken connection", id, err)
			}
			r.must(ignoreKilled(r.proc.Wait()))
			r.start("")
			if c.half && step != "metadata-written" && r.exists(id) {
				t.Errorf("%s: a half-made image is taken for whole", id)
			}
			if err := c.call(id); err != nil {
				t.Errorf("%s: the same call again: %v", id, err)
			}
			if c.half && !r.exists(id) {
				t.Errorf("%s: made, but not listed", id)
			}
			r.checkNoLeftovers(id)
		}
	}
	images, err := filepath.Glob(filepath.Join(r.pool, "*", "*"+imageSuffix))
	r.must(err)
	for _, img := range images {
		if device, err := findLoop(img); err == nil && device == "" {
			r.must(command("xfs_repair", "-n", "-f", img))
		}
	}
}

// ignoreKilled lets the expected end pass.
func ignoreKilled(err error) error {
	if err != nil && strings.Contains(err.Error(), "killed") {
		return nil
	}
	return err
}

// exists tells whether a volume or snapshot is listed.
func (r *rig) exists(id string) bool {
	r.t.Helper()
	vols, err := r.ListVolumes(r.t.Context(), &csi.ListVolumesRequest{})
	r.must(err)
	for _, e := range vols.Entries {
		if e.Volume.VolumeId == id {
			return true
		}
	}
	snaps, err := r.ListSnapshots(r.t.Context(), &csi.ListSnapshotsRequest{SnapshotId: id})
	r.must(err)
	return len(snaps.Entries) > 0
}

// checkNoLeftovers fails on files of a pool that belong to no image.
func (r *rig) checkNoLeftovers(id string) {
	r.t.Helper()
	for _, kind := range []string{volumes, snapshots} {
		entries, err := os.ReadDir(filepath.Join(r.pool, kind))
		r.must(err)
		for _, entry := range entries {
			base, isImage := strings.CutSuffix(entry.Name(), imageSuffix)
			if _, err := os.Stat(filepath.Join(r.pool, kind, base+recordSuffix)); strings.HasSuffix(entry.Name(), partSuffix) || (isImage && err != nil) {
				r.t.Errorf("%s: left over: %s/%s", id, kind, entry.Name())
			}
		}
	}
}
