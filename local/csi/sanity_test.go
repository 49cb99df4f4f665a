// The CSI project's own conformance suite, against the driver as a process; and what the kubelet asks at registration.
package main

import (
	"path/filepath"
	"testing"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func TestSanity(t *testing.T) {
	r := newRig(t)
	config := sanity.NewTestConfig()
	config.Address = "unix://" + r.socket
	config.TargetPath = filepath.Join(r.dir, "sanity-target")
	config.StagingPath = filepath.Join(r.dir, "sanity-staging")
	sanity.Test(t, config)
}

func TestRegistration(t *testing.T) {
	r := newRig(t)
	socket := filepath.Join(r.dir, "kubelet", "plugins_registry", "csi.stylobate.local-reg.sock")
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	r.must(err)
	defer conn.Close()
	kubelet := registration.NewRegistrationClient(conn)
	info, err := kubelet.GetInfo(t.Context(), &registration.InfoRequest{})
	r.must(err)
	if info.Type != "CSIPlugin" || info.Name != "csi.stylobate.local" || info.Endpoint != r.socket {
		t.Errorf("got %v", info)
	}
	_, err = kubelet.NotifyRegistrationStatus(t.Context(), &registration.RegistrationStatus{PluginRegistered: true})
	r.must(err)
}
