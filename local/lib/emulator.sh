# shellcheck shell=bash
# What the emulators of buckets have in common: each is a Deployment, a Service and a Secret NAME-tls of one name, in the namespace of the
# test that needs it.

# emulator_certificate NAME NAMESPACE: a certificate of its own authority, made once for each namespace: pgBackRest is told to trust no other.
emulator_certificate() {
  local work
  outcome kept
  ! kubectl_admin -n "$2" get secret "$1-tls" >/dev/null 2>&1 || return 0
  outcome made
  work=$(mktemp -d "$STATE/$1.XXXXXX")
  exec 7>>"$LOG/openssl.log"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$1-authority" \
    -keyout "$work/ca.key" -out "$work/ca.crt" -addext basicConstraints=critical,CA:TRUE 2>&7
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$work/tls.key" \
    -out "$work/tls.csr" 2>&7
  openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 30 -out "$work/tls.crt" \
    -extfile <(printf 'subjectAltName=DNS:%s,DNS:%s.%s,DNS:%s.%s.svc\n' "$1" "$1" "$2" "$1" "$2") 2>&7
  kubectl_admin -n "$2" create secret generic "$1-tls" --from-file="$work/ca.crt" --from-file="$work/tls.crt" \
    --from-file="$work/tls.key" >/dev/null
  rm -rf "$work"
}

# emulator_up NAME NAMESPACE: its objects, once its image is loaded, and waits until it answers.
emulator_up() {
  kubectl_admin -n "$2" apply -f "$LOCAL/manifests/$1.yaml" >/dev/null
  kubectl_admin -n "$2" rollout status "deployment/$1" --timeout=60s >/dev/null
}

# emulator_asks NAME NAMESPACE PORT ARGUMENT...: curl from the cluster's network, through the emulator's TLS; prints the HTTP code.
emulator_asks() {
  local name=$1 namespace=$2 port=$3 address
  shift 3
  address=$(kubectl_admin -n "$namespace" get service "$name" -o 'jsonpath={.spec.clusterIP}')
  ip netns exec "$NETNS" curl -sS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}' \
    --resolve "$name:$port:$address" \
    --cacert <(kubectl_admin -n "$namespace" get secret "$name-tls" -o 'jsonpath={.data.ca\.crt}' | base64 -d) "$@"
}
