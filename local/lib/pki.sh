# shellcheck shell=bash
# The cluster's certificates, and the kubeconfig of each component. Elliptic keys: they take no time to make.

# Ten years: a cluster on one machine is thrown away long before.
PKI_DAYS=3650

# A new private key in a file that only root reads.
pki_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2>>"$LOG/openssl.log"; }

# pki_ca: the one authority for clients, servers and the front proxy.
pki_ca() {
  [[ ! -f $PKI/ca.crt ]] || return 0
  pki_key "$PKI/ca.key"
  openssl req -x509 -new -key "$PKI/ca.key" -days "$PKI_DAYS" -subj "/CN=stylobate-$ID" -out "$PKI/ca.crt.new" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
  mv "$PKI/ca.crt.new" "$PKI/ca.crt"
}

# pki_cert NAME SUBJECT NAMES: a certificate for a client, or a server known by those names.
pki_cert() {
  [[ ! -f $PKI/$1.crt ]] || return 0
  pki_key "$PKI/$1.key"
  openssl req -new -key "$PKI/$1.key" -subj "$2" -out "$PKI/$1.csr"
  openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days "$PKI_DAYS" \
    -out "$PKI/$1.crt.new" 2>>"$LOG/openssl.log" -extfile <(
      printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n'
      printf 'extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "${3:-DNS:$1}"
    )
  mv "$PKI/$1.crt.new" "$PKI/$1.crt"
}

# kubeconfig NAME SERVER: prints a kubeconfig that carries its certificates in itself.
kubeconfig() {
  cat <<EOF
apiVersion: v1
kind: Config
current-context: stylobate
contexts:
  - name: stylobate
    context: {cluster: stylobate, user: $1}
clusters:
  - name: stylobate
    cluster:
      server: $2
      certificate-authority-data: $(base64 -w0 <"$PKI/ca.crt")
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 <"$PKI/$1.crt")
      client-key-data: $(base64 -w0 <"$PKI/$1.key")
EOF
}

# All certificates, and the kubeconfigs that are used inside the namespace.
pki_up() {
  local name
  outcome kept
  [[ -f $PKI/done ]] || outcome made
  umask 077
  pki_ca
  pki_cert apiserver /CN=kube-apiserver \
    "IP:$NODE_IP,IP:127.0.0.1,IP:$API_SERVICE_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  pki_cert admin /O=system:masters/CN=stylobate-admin
  pki_cert kube-controller-manager /CN=system:kube-controller-manager
  pki_cert kube-scheduler /CN=system:kube-scheduler
  pki_cert kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:$NODE_IP"
  pki_cert kube-proxy /CN=system:kube-proxy
  pki_cert coredns /CN=system:coredns
  pki_cert storage /CN=stylobate:storage
  pki_cert kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  pki_cert front-proxy /CN=front-proxy-client
  # Service account tokens are signed with a key of their own.
  [[ -f $PKI/sa.key ]] || { pki_key "$PKI/sa.key.new" && mv "$PKI/sa.key.new" "$PKI/sa.key"; }
  for name in admin kube-controller-manager kube-scheduler kubelet kube-proxy coredns storage; do
    kubeconfig "$name" "https://$NODE_IP:6443" >"$CONF/$name.kubeconfig.new"
    mv "$CONF/$name.kubeconfig.new" "$CONF/$name.kubeconfig"
  done
  umask 022
  touch "$PKI/done"
}
