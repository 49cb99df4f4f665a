// What the tests of the whole driver stand on: a real XFS pool in a file, the real driver as a process of its own
// (this test binary again, so that it can be killed at a chosen step), and calls to it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	asDriver = "STYLOBATE_CSI_TEST_AS_DRIVER" // makes this binary the driver
	dieAt    = "STYLOBATE_CSI_TEST_DIE_AT"    // the step at which it kills itself
	// poolSize holds the sanity suite's 10 GiB volumes many times over; the file is sparse.
	poolSize = 256 << 30
	mib      = 1 << 20
)

func TestMain(m *testing.M) {
	if os.Getenv(asDriver) == "" {
		os.Exit(m.Run())
	}
	atStep = func(step string) {
		if step == os.Getenv(dieAt) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // never a step further
		}
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// rig is a pool, a driver over it and a client.
type rig struct {
	csi.ControllerClient
	csi.NodeClient
	t      *testing.T
	dir    string
	pool   string
	socket string
	proc   *exec.Cmd
}

// newRig makes the pool and starts the driver; everything goes with the test.
func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: needs root, for loop devices and mounts")
	}
	if _, err := exec.LookPath("mkfs.xfs"); err != nil {
		t.Skip("skipped: needs mkfs.xfs; install xfsprogs")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, pool: filepath.Join(dir, "pool"), socket: filepath.Join(dir, "csi.sock")}
	file := filepath.Join(dir, "pool.xfs")
	r.must(os.WriteFile(file, nil, 0o600))
	r.must(os.Truncate(file, poolSize))
	r.must(os.Mkdir(r.pool, 0o700))
	r.must(command("mkfs.xfs", "-q", "-m", "reflink=1", file))
	t.Cleanup(r.cleanUp)
	r.must(command("mount", "-o", "loop", file, r.pool))
	r.start("")
	return r
}

// start runs the driver, to die at a step if one is given, and connects to it.
func (r *rig) start(step string) {
	r.t.Helper()
	r.proc = exec.Command(os.Args[0], "--endpoint", "unix://"+r.socket, "--node-id", "node", "--pool", r.pool,
		"--kubelet-dir", filepath.Join(r.dir, "kubelet"))
	r.proc.Env = append(os.Environ(), asDriver+"=1", dieAt+"="+step)
	log, err := os.OpenFile(filepath.Join(r.dir, "driver.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	r.must(err)
	defer log.Close()
	r.proc.Stderr = log
	_ = os.Remove(r.socket) // a killed driver's, or the wait below would end at once
	r.must(r.proc.Start())
	for range 100 { // before the first dial, as gRPC waits a second after one that failed
		if _, err := os.Stat(r.socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	conn, err := grpc.NewClient("unix://"+r.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	r.must(err)
	r.t.Cleanup(func() { conn.Close() })
	r.ControllerClient, r.NodeClient = csi.NewControllerClient(conn), csi.NewNodeClient(conn)
	for range 100 {
		if _, err = csi.NewIdentityClient(conn).Probe(r.t.Context(), &csi.ProbeRequest{}); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("driver did not start: %v", err)
}

// kill ends the driver as a crash does.
func (r *rig) kill() {
	_ = r.proc.Process.Kill()
	_ = r.proc.Wait()
}

// cleanUp unmounts, latest first, all that is mounted below the test's directory; a failed test shows the driver's log.
func (r *rig) cleanUp() {
	r.kill()
	if log, err := os.ReadFile(filepath.Join(r.dir, "driver.log")); err == nil && r.t.Failed() {
		r.t.Logf("the driver's log:\n%s", log)
	}
	data, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(string(data), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], r.dir+"/") {
			if err := unix.Unmount(f[4], 0); err != nil {
				r.t.Errorf("left mounted: %s: %v", f[4], err)
			}
		}
	}
}

// must ends the test on an error.
func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// writer is the capability of an ordinary volume.
func writer() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

// volumeRequest asks for a volume, from a source if one is given as "snapshots/<id>" or "volumes/<id>".
func volumeRequest(name string, size int64, source string) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: size},
		VolumeCapabilities: []*csi.VolumeCapability{writer()}, VolumeContentSource: contentSource(source),
	}
}

// volume makes a volume that must succeed.
func (r *rig) volume(name string, size int64, source string) *csi.Volume {
	r.t.Helper()
	resp, err := r.CreateVolume(r.t.Context(), volumeRequest(name, size, source))
	r.must(err)
	return resp.Volume
}

// paths are where a volume is staged and published.
func (r *rig) paths(id string) (staging, target string) {
	return filepath.Join(r.dir, "staging", id), filepath.Join(r.dir, "pods", id, "mount")
}

// mount stages and publishes a volume, and gives the pod's path.
func (r *rig) mount(id string) string {
	r.t.Helper()
	staging, target := r.paths(id)
	r.must(r.tryMount(id, staging, target))
	return target
}

// tryMount is mount, with the error for the test to judge.
func (r *rig) tryMount(id, staging, target string) error {
	ctx := context.Background()
	_, err := r.NodeStageVolume(ctx, &csi.NodeStageVolumeRequest{VolumeId: id, StagingTargetPath: staging, VolumeCapability: writer()})
	if err == nil {
		_, err = r.NodePublishVolume(ctx, &csi.NodePublishVolumeRequest{
			VolumeId: id, StagingTargetPath: staging, TargetPath: target, VolumeCapability: writer(),
		})
	}
	return err
}

// unmount unpublishes and unstages a volume; its loop device must go with it.
func (r *rig) unmount(id string) {
	r.t.Helper()
	staging, target := r.paths(id)
	_, err := r.NodeUnpublishVolume(r.t.Context(), &csi.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
	r.must(err)
	_, err = r.NodeUnstageVolume(r.t.Context(), &csi.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: staging})
	r.must(err)
	device, err := findLoop(filepath.Join(r.pool, volumes, id+imageSuffix))
	r.must(err)
	if device != "" {
		r.t.Fatalf("%s is still attached to %s", id, device)
	}
}

// total is the size of a mounted file system as a pod sees it.
func (r *rig) total(path string) int64 {
	r.t.Helper()
	var st unix.Statfs_t
	r.must(unix.Statfs(path, &st))
	return int64(st.Blocks) * st.Bsize
}
