// Tests of the parts that need neither root nor a pool.
package main

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestPickSize(t *testing.T) {
	for _, c := range []struct {
		name                   string
		required, limit, floor int64
		want                   int64
		field                  string // in the refusal
	}{
		{name: "nothing asked", want: defaultSize},
		{name: "only a limit below the default", limit: 400*mib + 1, want: 400 * mib},
		{name: "rounds up to whole MiB", required: 400*mib + 1, want: 401 * mib},
		{name: "raises to the least", required: 1, want: minSize},
		{name: "no smaller than the source", required: 400 * mib, floor: 500 * mib, want: 500 * mib},
		{name: "larger than the source", required: 600 * mib, floor: 500 * mib, want: 600 * mib},
		{name: "exact", required: 400 * mib, limit: 400 * mib, want: 400 * mib},
		{name: "limit below required", required: 400 * mib, limit: 399 * mib, field: "limit_bytes"},
		{name: "limit below the source", limit: 400 * mib, floor: 500 * mib, field: "limit_bytes"},
		{name: "limit below the least", limit: mib, field: "limit_bytes"},
		{name: "no whole MiB within", required: 400*mib + 1, limit: 400*mib + 2, field: "limit_bytes"},
		{name: "too large", required: maxSize + 1, field: "required_bytes"},
		{name: "negative", required: -1, field: "required_bytes"},
	} {
		got, err := pickSize(&csi.CapacityRange{RequiredBytes: c.required, LimitBytes: c.limit}, c.floor)
		if c.field == "" {
			if err != nil || got != c.want {
				t.Errorf("%s: got %d, %v; want %d", c.name, got, err, c.want)
			}
		} else if status.Code(err) != codes.OutOfRange || !strings.Contains(err.Error(), c.field) || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("%s: got %d, %v; want OUT_OF_RANGE that names %s and what is allowed", c.name, got, err, c.field)
		}
	}
}

func TestCapabilityRefusals(t *testing.T) {
	block := writer()
	block.AccessType = &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
	many := writer()
	many.AccessMode.Mode = csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER
	ext4 := writer()
	ext4.GetMount().FsType = "ext4"
	for want, c := range map[string]*csi.VolumeCapability{"access_type is block": block, "MULTI_NODE_MULTI_WRITER": many, "fs_type is ext4": ext4} {
		if err := checkCapabilities(writer(), c); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want INVALID_ARGUMENT with %q", err, want)
		}
	}
	if err := checkCapabilities(writer()); err != nil {
		t.Error(err)
	}
	if err := checkParameters(map[string]string{"type": "ssd"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("unknown parameter: got %v; want INVALID_ARGUMENT", err)
	}
}

func TestTopologyRefusal(t *testing.T) {
	d, elsewhere := &driver{name: "x", nodeID: "here"}, &driver{name: "x", nodeID: "there"}
	if err := d.checkTopology(&csi.TopologyRequirement{Requisite: []*csi.Topology{elsewhere.topology()}}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v; want RESOURCE_EXHAUSTED", err)
	}
	if err := d.checkTopology(&csi.TopologyRequirement{Requisite: []*csi.Topology{elsewhere.topology(), d.topology()}}); err != nil {
		t.Error(err)
	}
}

func TestIDsNeverLeaveThePool(t *testing.T) {
	for _, name := range []string{"pvc-1", "a b", "../x", ".hidden", "a/b", strings.Repeat("n", 129)} {
		if id := idFor(name); !idPattern.MatchString(id) || id != idFor(name) {
			t.Errorf("name %q: ID %q is no file name", name, id)
		}
	}
	p := &pool{dir: t.TempDir()}
	if _, err := p.load(volumes, "../volumes/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v; want not found", err)
	}
}

func TestPages(t *testing.T) {
	var all []*image
	for _, id := range []string{"c", "a", "d", "b"} {
		all = append(all, &image{id: id})
	}
	var got, token string
	for {
		images, next, err := page(all, token, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, img := range images {
			got += img.id
		}
		if token = next; token == "" {
			break
		}
	}
	if got != "abcd" {
		t.Errorf("pages gave %q", got)
	}
	if _, _, err := page(all, "garbage", 0); status.Code(err) != codes.Aborted {
		t.Errorf("got %v; want ABORTED", err)
	}
}

func TestLocksTakeAllOrNone(t *testing.T) {
	l := locks{held: map[string]bool{}}
	unlock, err := l.lock("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.lock("b", "a"); status.Code(err) != codes.Aborted {
		t.Errorf("got %v; want ABORTED", err)
	}
	unlock()
	if _, err := l.lock("b", "a"); err != nil {
		t.Errorf("after unlock: %v", err)
	}
}

func TestSocketPath(t *testing.T) {
	for endpoint, want := range map[string]string{"unix:///run/x.sock": "/run/x.sock", "unix:/run/x.sock": "/run/x.sock"} {
		if got, err := socketPath(endpoint); err != nil || got != want {
			t.Errorf("%s: got %q, %v", endpoint, got, err)
		}
	}
	for _, endpoint := range []string{"", "unix://", "tcp://127.0.0.1:1"} {
		if got, err := socketPath(endpoint); err == nil {
			t.Errorf("%q: got %q; want an error", endpoint, got)
		}
	}
}
