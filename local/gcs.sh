#!/usr/bin/env bash
# Runs an emulator of Google Cloud Storage in a namespace of the local cluster: local/gcs.sh NAMESPACE. It is for the tests of the WAL
# archive; no part of `make up`, since its first build takes minutes. Running it again changes nothing. GCS_FOLDER=FOLDER keeps what is in
# the bucket in a folder of this machine, which outlives the cluster.
source "$(dirname "$0")/lib/all.sh"
NAMESPACE=${1:?usage: local/gcs.sh NAMESPACE}

# A certificate of its own authority, made once for each namespace: pgBackRest is told to trust no other.
certificate() {
  local work
  outcome kept
  ! kubectl_admin -n "$NAMESPACE" get secret gcs-tls >/dev/null 2>&1 || return 0
  outcome made
  work=$(mktemp -d "$STATE/gcs.XXXXXX")
  exec 7>>"$LOG/openssl.log"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=gcs-authority \
    -keyout "$work/ca.key" -out "$work/ca.crt" -addext basicConstraints=critical,CA:TRUE 2>&7
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=gcs -keyout "$work/tls.key" \
    -out "$work/tls.csr" 2>&7
  openssl x509 -req -in "$work/tls.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 30 -out "$work/tls.crt" \
    -extfile <(printf 'subjectAltName=DNS:gcs,DNS:gcs.%s,DNS:gcs.%s.svc\n' "$NAMESPACE" "$NAMESPACE") 2>&7
  kubectl_admin -n "$NAMESPACE" create secret generic gcs-tls --from-file="$work/ca.crt" --from-file="$work/tls.crt" \
    --from-file="$work/tls.key" >/dev/null
  rm -rf "$work"
}

image() { image_load localhost/stylobate-gcs:1 "$(part_dir gcs)/fake-gcs-server"; }

# The emulator's volume on a folder of the machine: an administrator's PersistentVolume, bound to that claim and no other.
folder() {
  # By another owner of fields, so that the claim keeps its class when the rest is applied.
  kubectl_admin apply --server-side --field-manager=gcs-folder -f - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: gcs-$NAMESPACE}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: gcs-folder
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: $GCS_FOLDER, type: Directory}
  claimRef: {namespace: $NAMESPACE, name: gcs}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: gcs, namespace: $NAMESPACE}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: gcs-folder
  resources: {requests: {storage: 1Gi}}
YAML
}

emulator() {
  [ -z "${GCS_FOLDER:-}" ] || folder
  kubectl_admin -n "$NAMESPACE" apply -f "$LOCAL/manifests/gcs.yaml" >/dev/null
  kubectl_admin -n "$NAMESPACE" rollout status deployment/gcs --timeout=60s >/dev/null
}

# The bucket, by the emulator's own interface and through its TLS. It answers 409 when it is there.
bucket() {
  local address code
  address=$(kubectl_admin -n "$NAMESPACE" get service gcs -o 'jsonpath={.spec.clusterIP}')
  code=$(ip netns exec "$NETNS" curl -sS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null -w '%{http_code}' --resolve "gcs:4443:$address" -X POST \
    --cacert <(kubectl_admin -n "$NAMESPACE" get secret gcs-tls -o 'jsonpath={.data.ca\.crt}' | base64 -d) \
    -H 'Content-Type: application/json' -d '{"name":"wal"}' 'https://gcs:4443/storage/v1/b?project=local')
  [[ $code == @(200|409) ]] || fail "failed to make bucket wal: the emulator answered HTTP $code; look at: kubectl -n $NAMESPACE logs deploy/gcs"
}

stage 'kube' part_kube # kubectl is in it
stage 'emulator' part_gcs
stage 'its image' image
stage 'its certificate' certificate
stage 'its pod' emulator
stage 'its bucket' bucket
