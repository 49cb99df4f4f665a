// Command csi is the storage of the embedded local Kubernetes: a CSI driver whose volumes are reflinked image
// files, because a cloud's volume semantics (a real size limit, online growth, atomic snapshots, clones) are what
// the operator is tested against, and no packaged driver gives them on a machine without device-mapper.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// version is stamped by the build with -ldflags "-X main.version=...".
var version = "unversioned"

// driver answers the three CSI services and the kubelet's registration. It holds no state of its own beyond locks, so
// that a restart loses nothing.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	registration.UnimplementedRegistrationServer
	name   string
	nodeID string
	socket string
	pool   *pool
	locks  locks
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts the driver and serves until SIGTERM or SIGINT.
func run(args []string) error {
	flags := flag.NewFlagSet("csi", flag.ContinueOnError)
	endpoint := flags.String("endpoint", "", "unix:// address of the CSI socket to make")
	nodeID := flags.String("node-id", "", "name of this Kubernetes node")
	poolDir := flags.String("pool", "", "directory on an XFS file system with reflink=1 that holds the images")
	kubeletDir := flags.String("kubelet-dir", "/var/lib/kubelet", "the kubelet's --root-dir")
	name := flags.String("driver-name", "csi.stylobate.local", "driver name, as in CSIDriver and StorageClass")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return fmt.Errorf("failed to parse flags: %w", err)
	}
	if *nodeID == "" || *poolDir == "" {
		return errors.New("failed to start driver: --node-id and --pool must be given; see --help")
	}
	socket, err := socketPath(*endpoint)
	if err != nil {
		return err
	}
	pool, err := openPool(*poolDir)
	if err != nil {
		return err
	}
	defer pool.close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	d := &driver{name: *name, nodeID: *nodeID, socket: socket, pool: pool, locks: locks{held: map[string]bool{}}}
	kubeletSocket := filepath.Join(*kubeletDir, "plugins_registry", *name+"-reg.sock")
	slog.Info("starting", "driver", d.name, "version", version, "socket", socket, "pool", pool.dir)
	return d.serve(ctx, kubeletSocket)
}
