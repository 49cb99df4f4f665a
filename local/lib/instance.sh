# shellcheck shell=bash
# shellcheck disable=SC2034 # the other files use what is set here
# Identity: which checkout this is, and where its cluster keeps things. Two checkouts share nothing but the
# build cache, so that their clusters run side by side.

# Where every instance's durable state and sockets are. Not in the checkout: a Unix socket's path may have
# 107 bytes at most, and a checkout may lie deep.
STATE_ROOT=/var/lib/stylobate
RUN_ROOT=/run/stylobate

# Addresses inside the namespace. Every instance uses the same, because nothing outside can see them.
NODE_IP=10.99.0.2
SERVICE_RANGE=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
DNS_SERVICE_IP=10.96.0.10
POD_RANGE=10.244.0.0/16
NODE_NAME=node

# The first eight hexadecimal digits of the hash of a checkout's path.
instance_id() { printf '%s' "$1" | sha256sum | cut -c1-8; }

# instance_use ID: points every other function at one instance.
instance_use() {
  ID=$1
  STATE=$STATE_ROOT/$ID
  RUN=$RUN_ROOT/$ID
  NETNS=stylobate-$ID
  CGROUP=stylobate-$ID
  PKI=$STATE/pki CONF=$STATE/conf LOG=$STATE/log
  KUBELET=$STATE/kubelet POOL=$STATE/pool
  CONTAINERD=$RUN/containerd.sock
  ADMIN=$CONF/admin.kubeconfig
}

# Makes the instance's directories and records whose they are.
instance_make() {
  install -d -m 711 "$STATE_ROOT" "$RUN_ROOT"
  install -d -m 711 "$STATE" "$RUN"
  install -d -m 700 "$PKI" "$CONF" "$RUN/pids"
  install -d -m 755 "$LOG" "$KUBELET" "$CHECKOUT/local/.state"
  printf '%s\n' "$CHECKOUT" >"$STATE/checkout"
  printf '%s\n' "$STATE" >"$CHECKOUT/local/.state/instance"
}

# The id of this run of the machine: it differs after every boot.
boot_id() { cat /proc/sys/kernel/random/boot_id; }

# instance_lock: one command at a time for one checkout; descriptor 9 holds the lock until the command ends.
instance_lock() {
  install -d -m 711 "$RUN_ROOT"
  exec 9>"$RUN_ROOT/$ID.lock"
  flock -n 9 && return
  note "another make up, down or clean of this checkout is running; waiting for it"
  flock -w 1200 9 || fail "failed to get the lock of this checkout within 20 minutes: another command holds it; look at: fuser -v $RUN_ROOT/$ID.lock"
}
