// Which ways to use a volume are possible: one node, a file system, XFS.
package main

import (
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fileSystem is the one inside every volume; format tells why.
const fileSystem = "xfs"

// accessModes are those of one node: XFS mounted on two nodes would be two writers that destroy it.
// ReadWriteOncePod comes as SINGLE_NODE_WRITER too: Kubernetes itself keeps it to one pod.
var accessModes = map[csi.VolumeCapability_AccessMode_Mode]bool{
	csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER:      true,
	csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY: true,
}

// checkCapabilities refuses an empty list, and any capability that cannot be had.
func checkCapabilities(caps ...*csi.VolumeCapability) error {
	if len(caps) == 0 {
		return status.Error(codes.InvalidArgument, "failed to check volume capability: volume_capabilities is empty; give at least one")
	}
	for _, c := range caps {
		mode := c.GetAccessMode().GetMode()
		switch {
		case c.GetBlock() != nil:
			return refuse("access_type", "block", "mount (volumeMode: Filesystem)")
		case c.GetMount() == nil:
			return refuse("access_type", "none", "mount (volumeMode: Filesystem)")
		case !accessModes[mode]:
			return refuse("access_mode", mode.String(), "single-node modes (ReadWriteOnce, ReadWriteOncePod)")
		}
		if fsType := c.GetMount().GetFsType(); fsType != "" && fsType != fileSystem {
			return refuse("fs_type", fsType, fileSystem)
		}
	}
	return nil
}

// refuse is the refusal of one field of a volume capability.
func refuse(field, value, allowed string) error {
	return status.Errorf(codes.InvalidArgument, "failed to check volume capability: %s is %s, allowed: %s", field, value, allowed)
}

// checkParameters refuses parameters of a class, which would otherwise be ignored without a word; those that
// the sidecars add for information carry their own prefix.
func checkParameters(parameters map[string]string) error {
	for key, value := range parameters {
		if !strings.HasPrefix(key, "csi.storage.k8s.io/") {
			return status.Errorf(codes.InvalidArgument, "failed to read parameters: %s is %q, allowed: no parameters; remove it from the class", key, value)
		}
	}
	return nil
}

// topologyKey names the node that holds the images.
func (d *driver) topologyKey() string { return d.name + "/node" }

// topology is where volumes can be used: the node of the pool.
func (d *driver) topology() *csi.Topology {
	return &csi.Topology{Segments: map[string]string{d.topologyKey(): d.nodeID}}
}

// checkTopology refuses a volume that must be elsewhere.
func (d *driver) checkTopology(r *csi.TopologyRequirement) error {
	for _, t := range r.GetRequisite() {
		if node, ok := t.GetSegments()[d.topologyKey()]; !ok || node == d.nodeID {
			return nil
		}
	}
	if len(r.GetRequisite()) == 0 {
		return nil
	}
	return status.Errorf(codes.ResourceExhausted, "failed to place volume: accessibility_requirements is %v, allowed: node %s", r.GetRequisite(), d.nodeID)
}
