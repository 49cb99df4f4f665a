# Backups of the cluster `shop` under load: the sequence, one at a time, killed operators, refusals, and what goes with what.
# shellcheck shell=bash

# snapshots BACKUP: names of the VolumeSnapshots that it made.
snapshots() { k get volumesnapshot -l "stylobate.dev/backup-uid=$1" -o name; }
# contents UID: what the snapshots of a backup hold.
contents() { kubectl get volumesnapshotcontent -o json | jq -r --arg uid "$1" '.items[] | select(.spec.volumeSnapshotRef.name | contains($uid)) | .metadata.name'; }

backup_under_load() {
  bank_starts 300
  backup first
  within 60 phase first Succeeded
  # The stall of this one run is told, not judged: `make bench` measures it.
  of first .status | jq '{cutAt, writeStallMilliseconds, restoreBytes, consistency, source: .source.version, group: .groups[0]}'
  of first .status | jq -e --arg version "$PG_NEWEST" '.writeStallMilliseconds >= 0 and .restoreBytes >= 2147483648 and .consistency == "CrashConsistentDisk"
    and .source.version == $version and .groups[0].cutLsn != null and .groups[0].snapshot.handle != null'
  bank_is_right
}

kept_content() {
  local content
  content=$(contents "$(of first .metadata.uid)")
  [ "$(kubectl get volumesnapshotcontent "$content" -o 'jsonpath={.spec.deletionPolicy}')" = Retain ]
  within 10 kubectl -n "$OPERATOR_NS" get configmap "backup-$(of first .metadata.uid)"
  kubectl -n "$OPERATOR_NS" get configmap "backup-$(of first .metadata.uid)" -o 'jsonpath={.data.backup\.json}' | jq -e '.status.phase == "Succeeded"'
}

# Both operators die at the moment at which the work has begun; the one that comes back goes on where the status ends.
killed_in_the_middle() {
  local uid
  backup second
  within 20 begun second
  kill_operators
  of second .status.phase
  within 90 phase second Succeeded
  uid=$(of second .metadata.uid)
  [ "$(snapshots "$uid" | wc -l)" = 1 ]
}
begun() { [ -n "$(of "$1" .status.startedAt)" ]; }

one_after_the_other() {
  local name
  for name in third fourth fifth; do backup "$name" & done
  wait
  for name in third fourth fifth; do within 90 phase "$name" Succeeded; done
  k get pgb third fourth fifth -o json | jq -e '[.items[].status | [.startedAt, .completedAt]] | sort
    | . as $runs | all(range(1; length); $runs[.][0] >= $runs[. - 1][1])'
}

refused() {
  says "can't change" k patch pgb first --type=merge -p '{"spec":{"cluster":"other"}}'
  says "belong together" backup bad 'schedule: daily'
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: nobody, namespace: $NS}" \
    'spec: {cluster: nobody}' | kubectl apply -f -
  within 20 phase nobody Failed
  says "there is no PostgresCluster nobody" of nobody .status.reason
}

# Who has all rights in the namespace.
status_is_kept() {
  local kind
  k create role all --verb='*' --resource=postgresbackups.stylobate.dev,postgresclusters.stylobate.dev,postgresbackups.stylobate.dev/status,postgresclusters.stylobate.dev/status
  k create rolebinding all --role=all --user=mallory
  for kind in pgb/first pgc/shop; do
    within 10 k --as=mallory get "$kind"
    ! k --as=mallory patch "$kind" --subresource=status --type=merge -p '{"status":{"phase":"Lost"}}' 2>"$WORK/said" || return 1
    says "status is written by the operator alone" cat "$WORK/said"
  done
}

class_refused() {
  k patch pgc shop --type=merge -p '{"spec":{"backup":{"snapshotClass":"gold"}}}'
  backup gold
  within 30 phase gold Failed
  says "spec.backup.snapshotClass is 'gold'" of gold .status.reason
  says "stylobate-local" of gold .status.reason
  k patch pgc shop --type=json -p '[{"op":"remove","path":"/spec/backup/snapshotClass"}]'
}

deleted_with_it() {
  local uid
  uid=$(of third .metadata.uid)
  gone 60 "$NS" pgb third
  within 30 test_equal "" snapshots "$uid"
  within 30 test_equal "" contents "$uid"
  within 10 test_equal "" kubectl -n "$OPERATOR_NS" get configmap "backup-$uid" --ignore-not-found -o name
}

held() {
  k patch pgb fourth --type=merge -p '{"spec":{"hold":true}}'
  ! k delete pgb fourth --wait=false 2>"$WORK/said"
  says "spec.hold of PostgresBackup fourth is true" cat "$WORK/said"
  [ "$(snapshots "$(of fourth .metadata.uid)" | wc -l)" = 1 ]
  k patch pgb fourth --type=merge -p '{"spec":{"hold":false}}'
  gone 30 "$NS" pgb fourth
}

taken_in_again() {
  local uid handle
  uid=$(of fifth .metadata.uid) handle=$(of fifth '.status.groups[0].snapshot.handle')
  k delete volumesnapshot -l "stylobate.dev/backup-uid=$uid"
  # The next look is within ten minutes; an edit makes it now.
  k annotate pgb fifth look=now
  within 60 bound_to "$handle" "$uid"
  phase fifth Succeeded
}
# bound_to HANDLE UID: the snapshot of the backup can be restored, and what it is bound to has this handle.
bound_to() {
  local name
  name=$(snapshots "$2") name=${name##*/}
  [ -n "$name" ] && [ "$(k get volumesnapshot "$name" -o 'jsonpath={.status.readyToUse}')" = true ]
  kubectl get volumesnapshotcontents -o json | jq -e --arg handle "$1" --arg name "$name" \
    '[.items[] | select(.spec.volumeSnapshotRef.name == $name and .status.snapshotHandle == $handle)] | length == 1'
}

promise "a backup of a cluster under load succeeds and tells what a restore needs; no transfer is lost" backup_under_load
promise "what a good backup holds is kept when its namespace goes, and its copy stands beside the operator" kept_content
stormily promise "operators that are killed in mid-sequence go on, and there is one snapshot" killed_in_the_middle
promise "backups of one cluster run one after the other" one_after_the_other
promise "a backup of no cluster, or half a schedule, is refused; what it is of can't be edited" refused
promise "nobody but the operator writes a status, whatever he may do in the namespace" status_is_kept
promise "a snapshot class that does not exist fails the backup with those that do" class_refused
promise "a backup that is deleted takes its snapshot, what it holds and its copy with it" deleted_with_it
promise "a backup under legal hold can't be deleted until the hold ends" held
promise "a snapshot whose object somebody deleted is taken in again by its handle" taken_in_again
