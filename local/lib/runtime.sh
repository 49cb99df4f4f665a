# shellcheck shell=bash
# etcd and containerd, which everything else stands on.

# The API server's store. Only the namespace's own loopback address reaches it.
etcd_up() {
  install -d -m 700 "$STATE/etcd"
  daemon etcd etcd --name "$NODE_NAME" --data-dir "$STATE/etcd" --logger zap \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster "$NODE_NAME=http://127.0.0.1:2380"
}

# The container runtime with all of its state below the instance's own directories.
containerd_configure() {
  network_pods
  cat >"$CONF/containerd.toml.new" <<EOF
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = "$CONTAINERD"

[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE no process may be made less likely to be killed than its parent.
  restrict_oom_score_adj = true
  sandbox_image = "$PAUSE_IMAGE"
  # Namespaces of pods beside the instance's state, not in the machine's list.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CONF/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
EOF
  mv "$CONF/containerd.toml.new" "$CONF/containerd.toml"
}

# ctr on this instance's containerd, in the kubelet's namespace of images.
ctr_here() { ctr --address "$CONTAINERD" -n k8s.io "$@"; }

# Both, and the images that the cluster itself needs.
runtime_up() {
  local before=${STARTED:-0}
  containerd_configure
  etcd_up
  daemon containerd containerd --config "$CONF/containerd.toml"
  daemon_ready 30 containerd ctr_here version
  daemon_ready 60 etcd inside bash -c ': </dev/tcp/127.0.0.1/2379'
  images_up
  started_outcome "$before"
}

# started_outcome BEFORE: says how many daemons the stage had to start.
started_outcome() {
  local count=$((${STARTED:-0} - $1))
  if ((count)); then outcome "$count started"; else outcome running; fi
}
