# Volumes: a full one is told, its growth brings everything back, and nobody is restarted for a larger claim template.
# shellcheck shell=bash

# The cluster `disk`: three members on volumes of 1Gi, small enough to fill in seconds, and small beside what else runs on a
# node of two CPUs (the demo's cluster may).
disk_made() {
  example disk | sed -e 's/{size: 2Gi}/{size: 1Gi}/' -e 's/memory: 1Gi/memory: 512Mi/' \
    -e 's/^  instances: 3/&\n  pooler: {instances: 1}/' | kubectl apply -f -
  within 180 healthy disk
  inside "$(primary disk)" 'create table kept(n int)' >/dev/null
}

members_of() { k get pods -l "stylobate.dev/cluster=$1,app.kubernetes.io/component=member" -o 'jsonpath={.items[*].metadata.name}'; }

# A big table takes most of the room under acknowledged commits. What is left, and what a restart lets go of, goes to a file beside
# the data until disk_down has seen enough.
disk_full() {
  local pod acknowledged=0
  for pod in $(members_of disk); do
    k exec "$pod" -c postgres -- sh -c 'fallocate -l 500M /data/ballast || true'
  done
  pod=$(primary disk)
  inside "$pod" 'create table big(b text); alter table big alter b set storage external' >/dev/null
  while k exec "$pod" -c postgres -- psql -XAtq -v ON_ERROR_STOP=1 -U postgres -c "insert into kept values ($((acknowledged + 1)))" \
    -c "insert into big select repeat('x', 1000000) from generate_series(1, 30)"; do
    acknowledged=$((acknowledged + 1))
    ((acknowledged < 40)) || { echo "the volume does not get full"; return 1; }
  done
  echo "$acknowledged" >"$WORK/acknowledged"
  for pod in $(members_of disk); do
    # shellcheck disable=SC2016 # the shell in the pod counts
    k exec "$pod" -c postgres -- sh -c '
      (for i in $(seq 1500); do [ -e /tmp/enough ] || cat /dev/zero >>/data/ballast; sleep 0.2; done) >/dev/null 2>&1 & true'
  done
  within 60 says DiskFull condition disk StorageOk
  says "raise spec.storage.size" condition disk StorageOk
}

# A server on a full disk goes on as long as it has spare segments of WAL, and a killed one starts again. So the spare ones are used
# up: then the primary stops, and who takes the role next can't be promoted.
wal_used_up() {
  local pod
  for pod in $(members_of disk); do
    timeout 20 kubectl -n "$NS" exec "$pod" -c postgres -- psql -XAtq -U postgres \
      -c "select pg_logical_emit_message(false, 'e2e', 'x'), pg_switch_wal() from generate_series(1, 64)" || true
  done
  is disk .status.state Down
}

disk_down() {
  within 120 wal_used_up
  says DiskFull condition disk Ready
  local pod
  for pod in $(members_of disk); do k exec "$pod" -c postgres -- touch /tmp/enough; done
}

disk_grows() {
  local started=$SECONDS
  k get pods -l stylobate.dev/cluster=disk -o 'jsonpath={.items[*].metadata.uid}' >"$WORK/uids"
  k patch pgc disk --type=merge -p '{"spec":{"storage":{"size":"2Gi"}}}'
  within 120 disk_writes
  echo "from the edit to the first write: $((SECONDS - started)) s"
  within 120 healthy disk
  echo "until all members follow: $((SECONDS - started)) s"
  k get pods -l stylobate.dev/cluster=disk -o 'jsonpath={.items[*].metadata.uid}' | diff - "$WORK/uids"
}
# Found by its label, which the members themselves set: the status is the operator's, a round later.
disk_writes() {
  local pod
  pod=$(k get pods -l stylobate.dev/cluster=disk,stylobate.dev/role=primary -o 'jsonpath={.items[0].metadata.name}')
  inside "$pod" 'insert into kept values (0)'
}

disk_kept() {
  local rows
  rows=$(inside "$(primary disk)" 'select count(distinct n) from kept where n > 0')
  # A commit whose answer did not arrive may be there too.
  [ "$rows" -ge "$(cat "$WORK/acknowledged")" ] || { echo "$rows rows of $(cat "$WORK/acknowledged")"; return 1; }
  within 60 test_equal True field disk ".status.conditions[?(@.type=='StorageOk')].status"
}

template_follows() {
  within 60 test_equal 2Gi have statefulset disk '.spec.volumeClaimTemplates[0].spec.resources.requests.storage'
  [ "$(have pod disk-0 '.metadata.ownerReferences[0].uid')" = "$(have statefulset disk .metadata.uid)" ]
}

class_forbids() {
  local small="spec: {engine: {version: '$PG_NEWEST'}, instances: 1, resources: {cpu: 100m, memory: 512Mi}, storage: {size: 1Gi, storageClass: fixed}}"
  kubectl get storageclass stylobate-local -o json | jq '.metadata = {name: "fixed"} | .allowVolumeExpansion = false' | kubectl apply -f -
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresCluster' "metadata: {name: fixed, namespace: $NS}" "$small" |
    kubectl apply -f -
  within 90 healthy fixed
  k patch pgc fixed --type=merge -p '{"spec":{"storage":{"size":"2Gi"}}}'
  within 30 says "spec.storage.size is '2Gi'" condition fixed Accepted
  says "StorageClass 'fixed'" condition fixed Accepted
  k delete pgc fixed --wait=false
  kubectl delete storageclass fixed
}

disk_gone() { k delete pgc disk --wait=false; }

promise "a cluster on small volumes is there" disk_made
promise "a big table fills the volumes: StorageOk says DiskFull and what to do" disk_full
promise "no member can take writes: Ready says that the disk is the cause" disk_down
promise "spec.storage.size grows them while Postgres is down, and all members come back in the same pods" disk_grows
promise "every acknowledged row is there and StorageOk is True" disk_kept
promise "the StatefulSet gives new members the new size, and owns the same pods" template_follows
promise "growth in a class that forbids it is refused, with the class" class_forbids
promise "the cluster on small volumes goes" disk_gone
