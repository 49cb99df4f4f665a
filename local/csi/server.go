// The sockets: the CSI services on one, the kubelet's registration service on the other. The CSI socket is ready
// before the kubelet can learn of it, since the kubelet calls it during registration.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// stopGrace bounds a clean stop: calls are safe to cut at any step, so waiting longer gains nothing.
const stopGrace = 5 * time.Second

// socketPath takes the file path out of a unix:// endpoint.
func socketPath(endpoint string) (string, error) {
	path, ok := strings.CutPrefix(endpoint, "unix:")
	if path = "/" + strings.TrimLeft(path, "/"); !ok || path == "/" {
		return "", fmt.Errorf("failed to read --endpoint: %q is not of the form unix:///directory/name.sock", endpoint)
	}
	return path, nil
}

// serve answers on both sockets until ctx ends or one of them breaks.
func (d *driver) serve(ctx context.Context, kubeletSocket string) error {
	plugin := grpc.NewServer(grpc.UnaryInterceptor(answerCall))
	csi.RegisterIdentityServer(plugin, d)
	csi.RegisterControllerServer(plugin, d)
	csi.RegisterNodeServer(plugin, d)
	registrar := grpc.NewServer(grpc.UnaryInterceptor(answerCall))
	registration.RegisterRegistrationServer(registrar, d)

	broken := make(chan error, 2)
	for _, s := range []struct {
		server *grpc.Server
		path   string
	}{{plugin, d.socket}, {registrar, kubeletSocket}} {
		listener, err := listen(s.path)
		if err != nil {
			return err
		}
		go func() { broken <- s.server.Serve(listener) }()
	}
	select {
	case err := <-broken:
		return fmt.Errorf("failed to serve CSI calls: %w", err)
	case <-ctx.Done():
	}
	cut := time.AfterFunc(stopGrace, plugin.Stop)
	defer cut.Stop()
	registrar.Stop()
	plugin.GracefulStop()
	return nil
}

// listen makes a root-only socket, in place of one that a killed driver left behind.
func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("failed to make socket directory: %w", err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("failed to remove old socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("failed to listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("failed to protect socket: %w", err)
	}
	return listener, nil
}

// answerCall gives every error a CSI code, and writes one line for each call that changed something or failed; requests
// are left out of it, they may hold secrets.
func answerCall(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	started := time.Now()
	resp, err := handler(ctx, req)
	if _, ok := status.FromError(err); !ok {
		err = status.Error(codes.Internal, err.Error())
	}
	attrs := []any{"took", time.Since(started).Round(time.Millisecond)}
	if r, ok := req.(interface{ GetVolumeId() string }); ok {
		attrs = append(attrs, "volume", r.GetVolumeId())
	} else if r, ok := req.(interface{ GetName() string }); ok {
		attrs = append(attrs, "name", r.GetName())
	}
	method := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]
	if err != nil {
		slog.Error(method, append(attrs, "error", err)...)
	} else if !strings.Contains(method, "Get") && method != "Probe" {
		slog.Info(method, attrs...)
	}
	return resp, err
}

// GetInfo tells the kubelet the driver's name and socket; the official sidecar for it is not to be had here.
func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: d.name, Endpoint: d.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus only reports: the kubelet itself tries again after a failure.
func (d *driver) NotifyRegistrationStatus(_ context.Context, r *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if r.PluginRegistered {
		slog.Info("registered with the kubelet")
	} else {
		slog.Error("failed to register with the kubelet; it will try again", "cause", r.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
