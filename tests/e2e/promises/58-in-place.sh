# A cluster goes back to a backup: what was written after it is gone, users and pooler stay, the volumes of before are kept until
# a person lets them go.
# shellcheck shell=bash

# again STATEMENT: as the cluster's user, through Pgpool.
again() { sql again app again-user-app bank "$1"; }
# note WORD[=VALUE]...: annotations of the cluster, in the operator's name space.
note() { k annotate pgc again --overwrite "${@/#/stylobate.dev/}"; }
# claims [SELECTOR]: volume claims of the cluster with their UIDs.
claims() {
  k get pvc -l "stylobate.dev/cluster=again${1:+,$1}" -o json | jq -r '.items[] | "\(.metadata.name) \(.metadata.uid)"' | sort
}
# members: pods of the cluster with their UIDs.
members() {
  k get pods -l stylobate.dev/cluster=again,app.kubernetes.io/component=member -o json |
    jq -r '.items[] | "\(.metadata.name) \(.metadata.uid)"' | sort
}
# begun_after TIME: the restore is another one than that which began then.
begun_after() { [ -n "$(field again .status.restore.startedAt)" ] && ! is again .status.restore.startedAt "$1"; }
# in_service NAME: the member's data volume is that claim.
in_service() {
  k get pod again-0 -o json |
    jq -e --arg claim "$1" 'any(.spec.volumes[]; .persistentVolumeClaim.claimName == $claim)'
}

cluster_with_a_mistake() {
  kubectl apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: again, namespace: $NS}
spec:
  engine: {version: "17.12"}
  instances: 2
  resources: {cpu: 100m, memory: 512Mi}
  pooler: {instances: 1}
  storage: {size: 1Gi}
  users: [{name: app}]
  databases: [{name: bank, owner: app}]
YAML
  within 240 healthy again
  again 'CREATE TABLE kept AS SELECT 1 AS x'
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: before-mistake, namespace: $NS}" \
    'spec: {cluster: again}' | kubectl apply -f -
  within 90 phase before-mistake Succeeded
  again 'CREATE TABLE mistake AS SELECT 2 AS x'
  claims >"$WORK/claims"
  members >"$WORK/members"
  secret again-user-app password | sha256sum >"$WORK/password"
}

one_word_alone() {
  note restore-in-place=before-mistake
  within 20 says "confirm-restore is missing" condition again Restored
  note restore-in-place=absent confirm-restore=again
  within 20 says "'absent'" condition again Restored
  says RestoreRefused condition again Restored
  test_equal "$(<"$WORK/members")" members
  answers again
}

goes_back() {
  note restore-in-place=before-mistake
  within 60 is again .status.restore.inPlace true
  within 300 is again .status.restore.phase Done
  within 120 healthy again
  within 30 test_equal 1 again 'SELECT x FROM kept'
  within 30 test_equal t again "SELECT to_regclass('mistake') IS NULL"
  in_service data2-again-0
}

users_stay() {
  [ "$(secret again-user-app password | sha256sum)" = "$(<"$WORK/password")" ]
  again 'CREATE TABLE later AS SELECT 3 AS x'
  (($(inside "$(primary again)" 'SELECT timeline_id FROM pg_control_checkpoint()') > $(of before-mistake '.status.groups[0].timeline')))
}

# pair: the snapshots that the restore made known to clone from.
pair() { k get volumesnapshot -o name | grep -- /again-restore || true; }

old_volumes_kept() {
  test_equal "$(<"$WORK/claims")" claims stylobate.dev/retired=1
  says "kept in volume claims data-again-0, data-again-1" condition again Restored
  says "mark volume claim data-again-0 as out of service" events again
  # The backup's own snapshot has the cluster's label too.
  within 30 test_equal "" pair
}

# The words are still there, as where a tool keeps them.
done_once() {
  local before
  before=$(members)
  k annotate pgc again --overwrite look=now
  sleep 10
  test_equal "$before" members
  test_equal 3 again 'SELECT x FROM later'
}

# The operators die again and again while the same backup is restored once more, and a member in the middle of what it does.
survives_kills() {
  local started uid
  started=$(field again .status.restore.startedAt)
  note restore-in-place=before-mistake@2
  for _ in 1 2 3; do
    sleep 4
    kubectl -n "$OPERATOR_NS" delete pods -l app.kubernetes.io/name=stylobate-operator --grace-period=0 --force 2>/dev/null
  done
  within 120 begun_after "$started"
  within 120 in_service data3-again-0
  uid=$(k get pod again-0 -o 'jsonpath={.metadata.uid}')
  k delete pod again-0 --grace-period=0 --force 2>/dev/null
  # The restore may have been done before: what the state says then is older than the kill until the pod is back.
  within 300 another again-0 "$uid"
  within 300 is again .status.restore.phase Done
  within 120 healthy again
  within 30 test_equal 1 again 'SELECT x FROM kept'
  within 30 test_equal t again "SELECT to_regclass('later') IS NULL"
  test_equal "$(<"$WORK/claims")" claims stylobate.dev/retired=1
  [ "$(claims stylobate.dev/retired=2 | wc -l)" = 2 ]
  # Once: there is no other generation.
  test_equal 2 claims_in_service
}
claims_in_service() { claims '!stylobate.dev/retired' | wc -l; }

# It goes on as any other: it grows, and its volumes do.
lives_on() {
  k patch pgc again --type=merge -p '{"spec":{"instances":3,"storage":{"size":"2Gi"}}}'
  within 240 is again .status.ready 3/3
  within 60 healthy again
  k get pvc data3-again-2
  test_equal 1Gi k get pvc data-again-0 -o 'jsonpath={.spec.resources.requests.storage}'
}

forgotten_by_a_word() {
  local kept
  kept=$(claims '!stylobate.dev/retired')
  note forget-old-volumes=other
  sleep 5
  [ -n "$(claims stylobate.dev/retired)" ]
  note forget-old-volumes=again
  within 90 test_equal "" claims stylobate.dev/retired
  test_equal "$kept" claims
  within 20 test_equal "" k get configmap again-old-volumes --ignore-not-found -o name
  answers again
}

again_goes() {
  k delete pgc again --timeout=120s
  k delete pvc,secret -l stylobate.dev/cluster=again
  k delete pgb before-mistake --timeout=60s
}

promise "a cluster has a backup, and a mistake after it" cluster_with_a_mistake
promise "one word alone, or a backup that is not there, is told and stops nothing" one_word_alone
promise "both words bring it back: data of before the backup is there, what came after is not" goes_back
promise "its users keep their passwords, and it is on a timeline of its own" users_stay
promise "the volumes of before are kept as they were, and condition and event name them" old_volumes_kept
promise "the request counts once, also while its words stay" done_once
promise "killed operators and a killed member end in the same cluster" survives_kills
promise "it grows afterwards on its new volumes; the old ones are left alone" lives_on
promise "the old volumes go by a person's word alone, and nothing beside them" forgotten_by_a_word
promise "the cluster goes" again_goes
