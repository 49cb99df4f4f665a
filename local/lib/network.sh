# shellcheck shell=bash
# The cluster's own network namespace: a loopback device, a device that carries the node's address, and
# routes. No link leads out of it, so nothing in the cluster can reach another machine, and two clusters may
# use the same addresses.

# True while the name stands for a namespace, and not for the file that a reboot leaves of it.
network_there() { [[ $(stat -f -c %T "/run/netns/$NETNS" 2>/dev/null) == nsfs ]]; }

# Runs a command inside the namespace.
inside() { nsenter --net="/run/netns/$NETNS" -- "$@"; }

# Makes what of the namespace is missing.
network_up() {
  if network_there; then outcome present; else
    rm -f "/run/netns/$NETNS"
    ip netns add "$NETNS" || fail "failed to make network namespace $NETNS: see the line above; namespaces need a kernel with CONFIG_NET_NS"
    outcome made
  fi
  ip -n "$NETNS" link set lo up
  # A pair whose other end stays here too: the pods' links are of this type, so any machine that can run pods
  # has it, which is not true of dummy devices.
  inside ip link show node0 >/dev/null 2>&1 || ip -n "$NETNS" link add node0 type veth peer name node0-end
  ip -n "$NETNS" link set node0-end up
  ip -n "$NETNS" addr replace "$NODE_IP/24" dev node0
  ip -n "$NETNS" link set node0 up
  # The API server calls admission webhooks by their Service's address. Without a route the kernel refuses to
  # send, before kube-proxy's rules could turn the address into a pod's.
  ip -n "$NETNS" route replace "$SERVICE_RANGE" dev node0 src "$NODE_IP"
}

# Removes the namespace; processes that other people put into it keep it until they end, but its name is free.
network_down() {
  if network_there; then
    ip netns delete "$NETNS"
  fi
  rm -f "/run/netns/$NETNS"
}

# Points the container runtime at the pod network: every pod has a routed link of its own (ptp). A bridge
# would need br_netfilter for Services between two pods of the node; routed links pass through kube-proxy's
# rules in any case.
network_pods() {
  local dir=$CONF/cni
  mkdir -p "$dir"
  cat >"$dir/10-stylobate.conflist.new" <<EOF
{
  "cniVersion": "0.4.0",
  "name": "stylobate-$ID",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "$STATE/cni",
        "ranges": [[{"subnet": "$POD_RANGE"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
  mv "$dir/10-stylobate.conflist.new" "$dir/10-stylobate.conflist"
}
