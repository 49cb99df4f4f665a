// Tests of volumes as a database would use them: full, grown, snapshotted under writes, used across a restart.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fill writes until the disk is full and gives the bytes that fitted.
func fill(t *testing.T, path string) int64 {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	chunk, written := bytes.Repeat([]byte("full"), mib/4), int64(0)
	for {
		n, err := file.Write(chunk)
		written += int64(n)
		if err == nil {
			continue
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("after %d bytes: %v; want ENOSPC", written, err)
		}
		if err := file.Sync(); err != nil {
			t.Fatalf("what fitted is not durable: %v", err)
		}
		return written
	}
}

func TestDiskFullThenGrowth(t *testing.T) {
	r := newRig(t)
	const small, large, larger = 320 * mib, 640 * mib, 1024 * mib
	vol := r.volume("grows", small, "")
	path := r.mount(vol.VolumeId)
	written := fill(t, filepath.Join(path, "data"))
	// XFS keeps 64 MiB for its journal, whatever the size.
	if written < small*7/10 || written > small {
		t.Errorf("a %d byte volume took %d bytes", small, written)
	}

	expand := func(size int64) {
		t.Helper()
		resp, err := r.ControllerExpandVolume(t.Context(), &csi.ControllerExpandVolumeRequest{
			VolumeId: vol.VolumeId, CapacityRange: &csi.CapacityRange{RequiredBytes: size},
		})
		r.must(err)
		if resp.CapacityBytes != size || !resp.NodeExpansionRequired {
			t.Errorf("expand to %d: got %v", size, resp)
		}
	}
	expand(large) // online: the pod keeps its mount
	_, err := r.NodeExpandVolume(t.Context(), &csi.NodeExpandVolumeRequest{
		VolumeId: vol.VolumeId, VolumePath: path, CapacityRange: &csi.CapacityRange{RequiredBytes: large},
	})
	r.must(err)
	if more := fill(t, filepath.Join(path, "more")); more < (large-small)*9/10 {
		t.Errorf("grown by %d bytes, but only %d more fitted", large-small, more)
	}
	stats, err := r.NodeGetVolumeStats(t.Context(), &csi.NodeGetVolumeStatsRequest{VolumeId: vol.VolumeId, VolumePath: path})
	r.must(err)
	if usage := stats.Usage[0]; usage.Available > mib || usage.Used < written || usage.Total > large {
		t.Errorf("stats of a full volume: %v", usage)
	}

	r.unmount(vol.VolumeId)
	expand(larger) // offline: XFS grows when next mounted
	if total := r.total(r.mount(vol.VolumeId)); total < larger*9/10 {
		t.Errorf("after offline growth to %d the file system has %d", larger, total)
	}
	r.unmount(vol.VolumeId)
	r.must(command("xfs_repair", "-n", "-f", filepath.Join(r.pool, volumes, vol.VolumeId+imageSuffix)))
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	if _, err := r.CreateVolume(t.Context(), volumeRequest("huge", poolSize+mib, "")); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("larger than the pool: got %v; want RESOURCE_EXHAUSTED", err)
	}
	r.volume("used", 300*mib, "")
	r.mount("used")
	if _, err := r.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: "used"}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("delete in use: got %v; want FAILED_PRECONDITION", err)
	}
	if _, err := openPool(r.pool); err == nil {
		t.Error("two drivers opened one pool")
	}
	plain := filepath.Join(r.dir, "plain")
	r.must(os.Mkdir(plain, 0o700))
	r.must(command("mount", "-t", "tmpfs", "tmpfs", plain))
	if _, err := openPool(plain); err == nil {
		t.Error("a pool opened on a file system without reflink")
	}
}

func TestSnapshotUnderWrites(t *testing.T) {
	r := newRig(t)
	r.volume("db", 400*mib, "")
	log, err := os.Create(filepath.Join(r.mount("db"), "log"))
	r.must(err)
	defer log.Close()
	var durable atomic.Int64 // how many lines are fsynced
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			_, err := fmt.Fprintf(log, "line %09d\n", i)
			if err = first(err, log.Sync()); err != nil {
				stopped <- err
				<-stop
				return
			}
			durable.Store(i + 1)
		}
	}()
	for durable.Load() < 100 {
	}
	var before, after [5]int64
	for i := range before {
		before[i] = durable.Load()
		resp, err := r.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{Name: fmt.Sprint("cut-", i), SourceVolumeId: "db"})
		r.must(err)
		after[i] = durable.Load() + 1 // one line may be written, but not yet counted
		if !resp.Snapshot.ReadyToUse {
			t.Error("snapshot is not ready")
		}
	}
	r.volume("live-clone", 400*mib, "volumes/db")
	close(stop)
	r.must(<-stopped)

	check := func(id string, least, most int64) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(r.mount(id), "log"))
		r.must(err)
		const lineLen = int64(len("line 000000000\n"))
		n := int64(len(data)) / lineLen
		if n < least || n > most {
			t.Errorf("%s has %d lines; want %d to %d", id, n, least, most)
		}
		for i := range n {
			if got, want := string(data[i*lineLen:(i+1)*lineLen]), fmt.Sprintf("line %09d\n", i); got != want {
				t.Fatalf("%s: line %d is %q", id, i, got)
			}
		}
	}
	for i := range before {
		id := fmt.Sprint("clone-", i)
		r.volume(id, 800*mib, fmt.Sprint("snapshots/cut-", i)) // larger than the source
		check(id, before[i], after[i])
		_, target := r.paths(id)
		if total := r.total(target); total < 800*mib*9/10 {
			t.Errorf("%s has %d bytes; want about 800 MiB", id, total)
		}
	}
	check("live-clone", after[4]-1, durable.Load()+1)
}

func TestMountSurvivesDriver(t *testing.T) {
	r := newRig(t)
	r.volume("stays", 300*mib, "")
	path := r.mount("stays")
	r.kill()
	r.must(os.WriteFile(filepath.Join(path, "file"), []byte("written without a driver"), 0o600))
	r.start("")
	r.mount("stays") // again: changes nothing
	data, err := os.ReadFile(filepath.Join(path, "file"))
	if err != nil || string(data) != "written without a driver" {
		t.Errorf("got %q, %v", data, err)
	}
	staging, _ := r.paths("stays")
	readOnly := filepath.Join(r.dir, "pods", "reader")
	_, err = r.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{
		VolumeId: "stays", StagingTargetPath: staging, TargetPath: readOnly, VolumeCapability: writer(), Readonly: true,
	})
	r.must(err)
	if err := os.WriteFile(filepath.Join(readOnly, "x"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("write to a read-only pod: got %v; want EROFS", err)
	}
	r.must(os.WriteFile(filepath.Join(path, "x"), nil, 0o600))
	_, err = r.NodeUnpublishVolume(t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: "stays", TargetPath: readOnly})
	r.must(err)
	r.unmount("stays")
	_, err = r.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: "stays"})
	r.must(err)
}
