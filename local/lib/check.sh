# shellcheck shell=bash
# What a machine must have before anything is done to it: one clear line for each thing that is missing.

# The control plane takes 1.5 GiB; a small Postgres cluster and its operator want the rest.
MIN_MEMORY_MIB=3072
# Images, etcd, and volumes that grow as they are written.
MIN_DISK_MIB=10240
# Go's module and build caches for all parts, measured at 9 GiB, and what they make.
MIN_BUILD_DISK_MIB=12288
# The oldest Go that the newest of the pinned parts accepts.
MIN_GO=1.26

# Root, Linux features, memory and disk.
check_machine() {
  ((EUID == 0)) || fail "failed to start: a cluster needs root (namespaces, mounts); run it with sudo"
  [[ -e /dev/loop-control ]] || fail "failed to find /dev/loop-control: volumes are loop devices; load the kernel module: modprobe loop"
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
    fail "failed to find the overlay file system: containers need it; load the kernel module: modprobe overlay"
  grep -qw xfs /proc/filesystems || modprobe xfs 2>/dev/null ||
    fail "failed to find the XFS file system: snapshots need it; load the kernel module: modprobe xfs"
  ! daemon_alive kube-apiserver || { outcome running; return; }
  local memory disk
  memory=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
  ((memory >= MIN_MEMORY_MIB)) || fail "failed to start: ${memory} MiB of memory are available and $MIN_MEMORY_MIB are needed; end something, or take a bigger machine"
  make_room "$STATE_ROOT" $MIN_DISK_MIB
  disk=$(free_mib "$STATE_ROOT")
  ((disk >= MIN_DISK_MIB)) || fail "failed to start: $STATE_ROOT has ${disk} MiB free and $MIN_DISK_MIB are needed; make room"
  outcome "${memory} MiB, ${disk} MiB free"
}

# A Go that is new enough; only asked when something has to be built.
check_go() {
  local version
  command -v go >/dev/null || fail "failed to find go: Go $MIN_GO or newer builds the parts of Kubernetes; install it and put it on PATH"
  version=$(go env GOVERSION)
  [[ $(printf '%s\n' "$MIN_GO" "${version#go}" | sort -V | head -n 1) == "$MIN_GO" ]] ||
    fail "failed to use ${version}: Go $MIN_GO or newer is needed; install it and put it first on PATH"
}

# Room for the compilers.
check_build_disk() {
  local disk
  disk=$(free_mib "$CACHE")
  ((disk >= MIN_BUILD_DISK_MIB)) || fail "failed to build: $CACHE has ${disk} MiB free and $MIN_BUILD_DISK_MIB are needed; make room or set XDG_CACHE_HOME"
}
