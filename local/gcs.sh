#!/usr/bin/env bash
# Runs an emulator of Google Cloud Storage in a namespace of the local cluster: local/gcs.sh NAMESPACE. It is for the tests of the WAL
# archive; no part of `make up`, since its first build takes minutes. Running it again changes nothing. GCS_FOLDER=FOLDER keeps what is in
# the bucket in a folder of this machine, which outlives the cluster.
source "$(dirname "$0")/lib/all.sh"
NAMESPACE=${1:?usage: local/gcs.sh NAMESPACE}

certificate() { emulator_certificate gcs "$NAMESPACE"; }

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
  emulator_up gcs "$NAMESPACE"
}

# The bucket, by the emulator's own interface and through its TLS. It answers 409 when it is there.
bucket() {
  local code
  code=$(emulator_asks gcs "$NAMESPACE" 4443 -X POST -H 'Content-Type: application/json' -d '{"name":"wal"}' 'https://gcs:4443/storage/v1/b?project=local')
  [[ $code == @(200|409) ]] || fail "failed to make bucket wal: the emulator answered HTTP $code; look at: kubectl -n $NAMESPACE logs deploy/gcs"
}

stage 'kube' part_kube # kubectl is in it
stage 'emulator' part_gcs
stage 'its image' image
stage 'its certificate' certificate
stage 'its pod' emulator
stage 'its bucket' bucket
