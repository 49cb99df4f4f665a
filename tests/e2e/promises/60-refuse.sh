# Bad input: refused at admission, or a condition that names field, value and remedy; what runs is not touched.
# shellcheck shell=bash

# small NAME [YAML...]: a cluster of one member, with further lines of spec; ENGINE takes the place of its engine.
small() {
  local name=$1
  shift
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresCluster' "metadata: {name: $name, namespace: $NS}" 'spec:' \
    "  engine: ${ENGINE:-{version: '17.12'\}}" '  instances: 1' '  resources: {cpu: 100m, memory: 512Mi}' "$@"
}

# refused_later NAME TEXT...: the condition Accepted is False and says all of the texts.
refused_later() {
  local name=$1 text
  shift
  within 20 test_equal False field "$name" ".status.conditions[?(@.type=='Accepted')].status"
  for text in "$@"; do says "$text" condition "$name" Accepted; done
  k delete pgc "$name" --wait=false
}

no_storage_class() {
  small lost '  storage: {size: 1Gi, storageClass: golden}' | kubectl apply -f -
  refused_later lost spec.storage.storageClass golden
}

secret_without_key() {
  k create secret generic empty --from-literal=other=x
  small keyless '  storage: {size: 1Gi}' '  users: [{name: app, password: {secret: empty}}]' | kubectl apply -f -
  refused_later keyless empty password
}

no_such_image() {
  ENGINE="{version: '17.12', image: 'localhost/stylobate/postgres:none'}" small imageless '  storage: {size: 1Gi}' | kubectl apply -f -
  within 60 says ImageCannotBePulled condition imageless Ready
  says "postgres:none" condition imageless Ready
  k delete pgc imageless --wait=false
}

bad_edit_touches_nothing() {
  versions shop | tail -n +2 >"$WORK/before"
  k patch pgc shop --type=merge -p '{"spec":{"storage":{"size":"1Gi"}}}' >"$WORK/refusal" 2>&1 || { says "storage" cat "$WORK/refusal"; return; }
  within 20 test_equal False field shop ".status.conditions[?(@.type=='Accepted')].status"
  says "spec.storage.size" condition shop Accepted
  versions shop | tail -n +2 | diff "$WORK/before" -
  answers shop
  k patch pgc shop --type=merge -p '{"spec":{"storage":{"size":"2Gi"}}}'
  within 30 healthy shop
}

promise "a StorageClass that does not exist is named, with those that do" no_storage_class
promise "a Secret without its key is named" secret_without_key
promise "an image that can't be pulled is named" no_such_image
promise "a smaller disk is refused and the running cluster is not touched" bad_edit_touches_nothing
