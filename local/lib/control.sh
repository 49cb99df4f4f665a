# shellcheck shell=bash
# The control plane: API server, controllers, scheduler, and the port on 127.0.0.1 that leads to them.

# kubectl as administrator, inside the namespace: it works whatever became of the port outside.
kubectl_admin() { inside "$(part_dir kube)/kube" kubectl --kubeconfig "$ADMIN" "$@"; }

# Writes of the operator's account are logged by the API server itself, so that a test need not believe the operator.
audit_policy() {
  cat <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ["system:serviceaccount:stylobate-system:stylobate"]
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
YAML
}

# The API server: certificates and service accounts for authentication, the rest as Kubernetes has it by default.
apiserver_up() {
  audit_policy >"$CONF/audit-policy.yaml"
  daemon kube-apiserver "$(part_dir kube)/kube" kube-apiserver \
    --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$NODE_IP" \
    --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$PKI/sa.key" --service-account-signing-key-file="$PKI/sa.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" \
    --kubelet-client-certificate="$PKI/kubelet-client.crt" --kubelet-client-key="$PKI/kubelet-client.key" \
    --kubelet-preferred-address-types=InternalIP \
    --requestheader-client-ca-file="$PKI/ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
    --requestheader-username-headers=X-Remote-User \
    --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key" \
    --service-cluster-ip-range="$SERVICE_RANGE" --authorization-mode=Node,RBAC \
    --audit-policy-file="$CONF/audit-policy.yaml" --audit-log-path="$STATE/audit.log" --audit-log-maxsize=20 \
    --audit-log-maxbackup=1 --enable-admission-plugins=NodeRestriction --allow-privileged=true
}

# The controllers, without those that hand out pod ranges and cloud routes: one node needs neither.
controllers_up() {
  daemon kube-controller-manager "$(part_dir kube)/kube" kube-controller-manager \
    --kubeconfig="$CONF/kube-controller-manager.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false \
    --service-account-private-key-file="$PKI/sa.key" --root-ca-file="$PKI/ca.crt" \
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
    --use-service-account-credentials --controllers='*,-node-ipam-controller,-node-route-controller,-cloud-node-lifecycle-controller'
}

# The scheduler.
scheduler_up() {
  daemon kube-scheduler "$(part_dir kube)/kube" kube-scheduler \
    --kubeconfig="$CONF/kube-scheduler.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false
}

# All three; they are ready when the API server says so.
control_up() {
  local before=${STARTED:-0}
  apiserver_up
  daemon_ready 90 kube-apiserver kubectl_admin get --raw /readyz
  controllers_up
  scheduler_up
  started_outcome "$before"
}
