# shellcheck shell=bash
# The node: kubelet and kube-proxy.

# The kubelet's configuration. What is not here is Kubernetes' default.
kubelet_configure() {
  # Pods that use the machine's resolver get the cluster's: nothing may ask outside.
  printf 'nameserver %s\n' "$NODE_IP" >"$CONF/resolv.conf"
  cat >"$CONF/kubelet.yaml.new" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$CONTAINERD
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
clusterDNS: [$DNS_SERVICE_IP]
clusterDomain: cluster.local
resolvConf: $CONF/resolv.conf
authentication:
  x509: {clientCAFile: $PKI/ca.crt}
  anonymous: {enabled: false}
  webhook: {enabled: true}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
podLogsDir: $LOG/pods
volumePluginDir: $KUBELET/volume-plugins
maxPods: 110
failSwapOn: false
# The machine is shared with compilers and tests, so nothing is reserved or cut off by the share of the disk
# in use: at 100 no image is ever collected, since none could be fetched again.
enforceNodeAllocatable: []
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi}
# Lowering the score below the parent's takes a capability that containers of this kind do not have.
oomScoreAdj: 0
EOF
  mv "$CONF/kubelet.yaml.new" "$CONF/kubelet.yaml"
}

# kube-proxy's configuration. Its own pause of a second between two updates is taken out: a switchover takes one pod out of
# the primary's Service and puts another in, and GKE's Dataplane V2, which our Terraform asks for, has no such pause
# (docs/decisions/0019-local-proxy.md). Connection tracking
# limits are left alone: they belong to the machine and may be read-only.
proxy_configure() {
  cat >"$CONF/kube-proxy.yaml.new" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: $POD_RANGE
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $CONF/kube-proxy.kubeconfig}
iptables: {minSyncPeriod: 10ms}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
  mv "$CONF/kube-proxy.yaml.new" "$CONF/kube-proxy.yaml"
}

# True when the node says that it is ready, and has said so since the kubelet was started: the store may hold
# what an earlier kubelet said.
node_ready() {
  local renewed
  renewed=$(kubectl_admin -n kube-node-lease get lease "$NODE_NAME" -o 'jsonpath={.spec.renewTime}') || return 1
  (($(date -d "$renewed" +%s) >= $(stat -c %Y "$RUN/pids/kubelet"))) || return 1
  [[ $(kubectl_admin get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# Starts both. Whether the node is ready is asked later, when the rest has been started meanwhile.
node_up() {
  local before=${STARTED:-0}
  cgroup_up
  kubelet_configure
  proxy_configure
  manifest rbac.yaml
  daemon kubelet "$(part_dir kube)/kube" kubelet --config="$CONF/kubelet.yaml" --kubeconfig="$CONF/kubelet.kubeconfig" \
    --root-dir="$KUBELET" --cert-dir="$KUBELET/pki" --hostname-override="$NODE_NAME" --node-ip="$NODE_IP" \
    --node-labels=topology.kubernetes.io/region=local,topology.kubernetes.io/zone=local-a
  daemon kube-proxy "$(part_dir kube)/kube" kube-proxy --config="$CONF/kube-proxy.yaml"
  started_outcome "$before"
}

# Waits for the node. A first start takes about ten seconds, a start after a cut-off the time to restart pods.
node_wait() {
  outcome ready
  daemon_ready 120 kubelet node_ready
}
