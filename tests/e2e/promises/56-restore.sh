# A new cluster from a backup of `shop` under load: clones alone, right to the last transfer before the cut, new passwords; also
# in another namespace, and when object and namespace of the backup are gone.
# shellcheck shell=bash

FAR=$NS-far

# restored NAME NAMESPACE FROM [FIELDS]: a cluster of three from a backup; fields of spec as YAML flow.
restored() {
  kubectl apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: $1, namespace: $2}
spec:
  engine: {version: "$PG_NEWEST"}
  resources: {cpu: 100m, memory: 512Mi}
  pooler: {instances: 1}
  storage: {size: ${4:-2Gi}}
  users: [{name: app}]
  databases: [{name: bank, owner: app}]
  bootstrap: {fromBackup: $3}
YAML
}
# far JSONPATH: of the cluster in the other namespace.
far() { ask get "$FAR" pgc far "$1"; }
far_is() { [ "$(far "$1")" = "$2" ]; }
# totals POD [NAMESPACE]: the bank's sum and its number of transfers, as the superuser sees them.
totals() {
  ask exec "${2:-$NS}" "$1" postgres '' psql -XAtq -U postgres -d bank -c \
    "SELECT (SELECT sum(balance) FROM bank.account), (SELECT count(*) FROM bank.ledger)"
}

cut_under_load() {
  bank_starts 300
  sleep 5
  # What the bank has committed before the cut must be there after the restore.
  totals "$(primary shop)" >"$WORK/before-cut"
  backup restorable
  within 60 phase restorable Succeeded
  bank_is_right
}

comes_back() {
  restored copy "$NS" '{name: restorable}'
  within 240 is copy .status.restore.phase Done
  within 120 healthy copy
  condition copy Restored
  k get pvc -l stylobate.dev/cluster=copy -o json | jq -e '.items | length == 3 and all(.[]; .spec.dataSource.name == "copy-restore")'
  # A base backup over the network would tell so in the log.
  ! k logs -l stylobate.dev/cluster=copy,app.kubernetes.io/component=member -c postgres --tail=-1 | grep -i 'created using basebackup'
}

is_right() {
  local before after
  before=$(<"$WORK/before-cut")
  after=$(totals "$(primary copy)")
  echo "before the cut $before, restored $after"
  [ "${before%|*}" = "${after%|*}" ]
  ((${after#*|} >= ${before#*|}))
  answers copy
}

is_its_own() {
  [ "$(secret shop-user-app password)" != "$(secret copy-user-app password)" ]
  [ "$(have secret shop-credentials .data.postgres)" != "$(have secret copy-credentials .data.postgres)" ]
  (($(inside "$(primary copy)" 'SELECT timeline_id FROM pg_control_checkpoint()') > $(of restorable '.status.groups[0].timeline')))
  test_equal "" inside "$(primary copy)" "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'shop%'"
  test_equal "" k get volumesnapshot copy-restore --ignore-not-found -o name
  test_equal "" kubectl get volumesnapshotcontent "stylobate-restore-$(field copy .metadata.uid)" --ignore-not-found -o name
}

ignored_now() {
  k patch pgc copy --type=merge -p '{"spec":{"bootstrap":{"fromBackup":{"name":"no-such"}},"instances":4}}'
  within 180 is copy .status.ready 4/4
  within 30 healthy copy
}

refused_restores() {
  restored bad "$NS" '{name: restorable}' 1Gi
  within 20 says "spec.storage.size is '1Gi'" condition bad Accepted
  k patch pgc bad --type=merge -p '{"spec":{"bootstrap":{"fromBackup":{"name":"absent"}},"storage":{"size":"2Gi"}}}'
  within 20 says "restorable" condition bad Accepted
  test_equal "" k get statefulset bad --ignore-not-found -o name
  test_equal "" k get pvc -l stylobate.dev/cluster=bad -o name
  gone 60 "$NS" pgc bad
}

# far_as_copied: the cluster in the other namespace holds what the first restored one holds.
far_as_copied() {
  local copied
  copied=$(totals "$(primary copy)") && [ -n "$copied" ] && [ "$(totals "$(far .status.primary)" "$FAR")" = "$copied" ]
}

elsewhere() {
  kubectl create namespace "$FAR"
  restored far "$FAR" "{name: restorable, namespace: $NS}"
  within 20 says "is shared with namespace '$FAR'" far .status.conditions
  k patch pgb restorable --type=merge -p "{\"spec\":{\"shareWith\":[\"$FAR\"]}}"
  within 240 far_is .status.restore.phase Done
  within 60 far_as_copied
}

# The operators are killed again and again while the restore goes on.
killed_meanwhile() {
  gone 120 "$FAR" pgc far
  kubectl -n "$FAR" delete pvc,secret -l stylobate.dev/cluster=far
  restored far "$FAR" "{name: restorable, namespace: $NS}"
  for _ in 1 2 3; do
    sleep 4
    kill_operators
  done
  storm_over
  # And a member in the middle of what it does.
  within 120 kubectl -n "$FAR" get pod far-0
  kubectl -n "$FAR" delete pod far-0 --grace-period=0 --force 2>/dev/null
  within 300 far_is .status.restore.phase Done
  # The restore may have been done before the member was killed, which then is on its way back.
  within 120 far_as_copied
}

restores_gone() {
  gone 120 "$NS" pgc copy
  k delete pvc,secret -l stylobate.dev/cluster=copy
  gone 180 "$FAR" namespace "$FAR"
}

promise "a backup is cut while the bank transfers" cut_under_load
promise "a new cluster of three has clones alone, and no base backup" comes_back
promise "it has every transfer that was acknowledged before the cut, and serves" is_right
promise "it is its own: passwords, timeline, slots; what was made for the restore is gone" is_its_own
promise "once it serves it ignores spec.bootstrap, and a further member joins" ignored_now
promise "what does not fit is refused with what would, and nothing is made" refused_restores
promise "in another namespace a backup that is shared can be restored, and no other is seen" elsewhere
stormily promise "killed operators and a killed member end in the same cluster" killed_meanwhile
promise "the restored clusters go" restores_gone
