#!/usr/bin/env bash
# Runs a store that speaks S3 in a namespace of the local cluster: local/s3.sh NAMESPACE. It is for the tests of the WAL archive; no part of
# `make up`, since its first build takes minutes. Running it again changes nothing. Its access key is in Secret s3-key, made anew for each
# namespace: it lets nobody in without one.
source "$(dirname "$0")/lib/all.sh"
NAMESPACE=${1:?usage: local/s3.sh NAMESPACE}

certificate() { emulator_certificate s3 "$NAMESPACE"; }

key() {
  outcome kept
  ! kubectl_admin -n "$NAMESPACE" get secret s3-key >/dev/null 2>&1 || return 0
  outcome made
  kubectl_admin -n "$NAMESPACE" create secret generic s3-key --from-literal=AWS_ACCESS_KEY_ID=stylobate \
    --from-file=AWS_SECRET_ACCESS_KEY=<(openssl rand -hex 20 | tr -d '\n') >/dev/null
}

image() { image_load localhost/stylobate-s3:1 "$(part_dir s3)/versitygw"; }

emulator() { emulator_up s3 "$NAMESPACE"; }

# The bucket, by the store's own interface. It answers 409 when it is there. The key is no argument, which other users of the machine see.
bucket() {
  local code secret
  secret=$(kubectl_admin -n "$NAMESPACE" get secret s3-key -o 'jsonpath={.data.AWS_SECRET_ACCESS_KEY}' | base64 -d)
  code=$(emulator_asks s3 "$NAMESPACE" 7070 -X PUT --aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
    --config <(printf 'user = "stylobate:%s"\n' "$secret") https://s3:7070/wal)
  [[ $code == @(200|409) ]] || fail "failed to make bucket wal: the store answered HTTP $code; look at: kubectl -n $NAMESPACE logs deploy/s3"
}

stage 'kube' part_kube # kubectl is in it
stage 'store' part_s3
stage 'its image' image
stage 'its certificate' certificate
stage 'its key' key
stage 'its pod' emulator
stage 'its bucket' bucket
