# Recovery where Kubernetes knows nothing any more: a cluster `depot` with an archive, a copy and a snapshot is deleted with all that tells of
# them; another namespace imports them from the bucket with the passphrase alone, and restores both.
# shellcheck shell=bash

FAR=$NS-import
# cli ARGS: the command line as a person runs it on this machine, with the kubeconfig alone.
cli() { cargo run --quiet --locked -- "$@"; }
# take_in ARGS: an import from the emulator into the other namespace.
take_in() {
  cli backup import --from gs://wal/stylobate --endpoint gcs:4443 --anonymous -n "$FAR" "$@"
}
# ordered NAME [SPEC]: a backup of the cluster.
ordered() {
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: $1, namespace: $NS}" \
    "spec: {cluster: depot${2:+, $2}}" | kubectl apply -f -
}
# far CLUSTER JSONPATH: of a cluster in the other namespace.
far() { ask get "$FAR" pgc "$1" "$2"; }
far_is() { [ "$(far "$1" "$2")" = "$3" ]; }
# far_rows CLUSTER: rows of the table that was kept.
far_rows() {
  ask exec "$FAR" "$(far "$1" .status.primary)" postgres '' psql -XAtq -U postgres -c 'select count(*) from kept'
}
# restored_far NAME BOOTSTRAP: a cluster of one in the other namespace.
restored_far() {
  kubectl apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: $1, namespace: $FAR}
spec:
  engine: {version: "$PG_NEWEST"}
  instances: 1
  resources: {cpu: 100m, memory: 512Mi}
  pooler: {instances: 1}
  storage: {size: 2Gi}
  bootstrap: $2
YAML
}
# manifests: UIDs of the backups beside the operator that are known from the old namespace.
manifests() {
  kubectl -n "$OPERATOR_NS" get configmap -l "stylobate.dev/backup-namespace=$NS" -o json |
    jq -r '.items[].metadata.labels["stylobate.dev/backup-uid"]' | sort
}
shelved() { [ -n "$(of "$1" .status.archiveManifest)" ]; }

kept_in_the_archive() {
  flock "$E2E_ROOM/gcs" local/gcs.sh "$NS"
  example depot 1 | kubectl apply -f -
  within 240 healthy depot
  k patch pgc depot --type=merge -p '{"spec":{"backup":{"archive":{"switchSeconds":10,
    "gcs":{"bucket":"wal","endpoint":"gcs:4443","anonymous":true,"caSecret":"gcs-tls"}}}}}'
  within 60 says "True AsWanted" condition depot Archiving
  inside "$(primary depot)" 'create table kept(n int); insert into kept select generate_series(1, 100)'
  ordered copied 'method: Archive, deletionPolicy: Retain'
  within 180 phase copied Succeeded
  inside "$(primary depot)" 'insert into kept select generate_series(1, 100)'
  ordered cut 'deletionPolicy: Retain'
  within 90 phase cut Succeeded
  within 30 shelved copied
  within 30 shelved cut
  backrest depot repo-ls "manifests/$(field depot .status.archive.stanza)" >"$WORK/listed"
  grep "$(of copied .metadata.uid)" "$WORK/listed"
  grep "$(of cut .metadata.uid)" "$WORK/listed"
}

all_is_lost() {
  local last uids
  # Between both backups and after them, so that WAL alone brings it back.
  inside "$(primary depot)" 'insert into kept select generate_series(1, 50)'
  server_time depot >"$WORK/moment"
  sleep 1
  inside "$(primary depot)" 'delete from kept'
  last=$(segment depot)
  inside "$(primary depot)" 'select pg_switch_wal()'
  within 60 holds depot "$last"
  secret depot-archive-key archive-passphrase >"$WORK/passphrase"
  secret gcs-tls ca.crt >"$WORK/ca.crt"
  # As a tool that keeps objects has it.
  k get pgb copied -o json | jq 'del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp,
    .metadata.finalizers, .metadata.generation, .metadata.managedFields)' >"$WORK/bare.json"
  of cut '.status.groups[0].snapshot.handle' >"$WORK/handle"
  [ -s "$WORK/handle" ]
  uids=$(k get pgb copied cut -o 'jsonpath={.items[*].metadata.uid}')
  printf '%s\n' "$uids" | tr ' ' '\n' | sort >"$WORK/uids"
  gone 120 "$NS" pgc depot
  gone 60 "$NS" pgb copied cut
  for uid in $uids; do kubectl -n "$OPERATOR_NS" delete configmap "backup-$uid"; done
  k delete pvc,secret -l stylobate.dev/cluster=depot
  test_equal "" manifests
}

bare_is_not_run() {
  kubectl apply -f "$WORK/bare.json"
  within 20 phase copied NotRun
  says "stylobate backup import" of copied .status.reason
  [ -z "$(of copied .status.startedAt)" ]
}

refused_imports() {
  kubectl create namespace "$FAR"
  # The emulator is called what its certificate says.
  kubectl -n "$FAR" create service externalname gcs --external-name "gcs.$NS.svc.cluster.local"
  kubectl -n "$FAR" create secret generic wrong --from-literal=archive-passphrase=wrong --from-file=ca.crt="$WORK/ca.crt"
  kubectl -n "$FAR" create secret generic old --from-file=archive-passphrase="$WORK/passphrase" --from-file=ca.crt="$WORK/ca.crt"
  says "there is no Secret nobody" take_in --archive-secret nobody --all
  says "there is nothing of a cluster nobody" take_in --archive-secret old --cluster nobody
  says "passphrase" take_in --archive-secret wrong --cluster depot
  says "--snapshot '$(<"$WORK/handle")'" take_in --archive-secret old --cluster depot --dry-run
  says "would be imported: snapshot $(<"$WORK/handle")" take_in --archive-secret old --cluster depot --snapshot "$(<"$WORK/handle")" --dry-run
  says "no manifest that was asked for" take_in --archive-secret old --cluster depot --snapshot somebody-else-s
  test_equal "" manifests
  test_equal "" kubectl -n "$FAR" get pods -l app.kubernetes.io/name=stylobate-import -o name
}

imported() {
  says "--snapshot '$(<"$WORK/handle")'" take_in --archive-secret old --cluster depot
  take_in --archive-secret old --cluster depot --snapshot "$(<"$WORK/handle")"
  [ "$(manifests)" = "$(<"$WORK/uids")" ]
  says "is imported already" take_in --archive-secret old --cluster depot --snapshot "$(<"$WORK/handle")"
  [ "$(manifests)" = "$(<"$WORK/uids")" ]
  ! kubectl -n "$OPERATOR_NS" get configmap -l "stylobate.dev/backup-namespace=$NS" -o yaml | grep -F "$(<"$WORK/passphrase")"
}

comes_back_from_the_bucket() {
  restored_far moment "{fromCluster: {name: depot, namespace: $NS}, pointInTime: {targetTime: \"$(<"$WORK/moment")\"}, archiveSecret: old}"
  within 400 far_is moment .status.state Healthy
  test_equal 250 far_rows moment
  # By the name of the object that has no status.
  restored_far copy "{fromBackup: {name: copied, namespace: $NS}, archiveSecret: old}"
  within 400 far_is copy .status.state Healthy
  test_equal 100 far_rows copy
}

comes_back_from_the_snapshot() {
  restored_far snapped "{fromBackup: {name: cut, namespace: $NS}}"
  within 300 far_is snapped .status.state Healthy
  test_equal 200 far_rows snapped
}

nobody_else() {
  kubectl -n "$NS" apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: strange, namespace: $NS}
spec:
  engine: {version: "$PG_NEWEST"}
  storage: {size: 2Gi}
  bootstrap: {fromBackup: {name: cut}}
YAML
  within 20 says "cut" condition strange Accepted
  test_equal "" k get pvc -l stylobate.dev/cluster=strange -o name
  gone 60 "$NS" pgc strange
}

imports_gone() {
  gone 180 "$FAR" pgc --all
  gone 180 "$FAR" namespace "$FAR"
  gone 60 "$NS" pgb --all
  while read -r uid; do kubectl -n "$OPERATOR_NS" delete configmap "backup-$uid"; done <"$WORK/uids"
  gone 60 "$NS" volumesnapshot --all
  k delete deployment gcs
}

promise "a copy and a snapshot of a cluster that archives have their manifests in the archive" kept_in_the_archive
promise "the cluster goes, and with it all that Kubernetes knows of its backups" all_is_lost
promise "an object that a tool brings back without its status is not run, and says what to do" bare_is_not_run
promise "a wrong passphrase, an unknown cluster and a missing Secret are told at once, and a dry run writes nothing" refused_imports
promise "backups are imported into another namespace from the bucket alone, and a second time changes nothing" imported
promise "a moment after the backups, and a copy's own, come back from the bucket with the passphrase alone" comes_back_from_the_bucket
promise "a snapshot comes back by the handle of its manifest" comes_back_from_the_snapshot
promise "no other namespace has what was imported, that of the old name neither" nobody_else
promise "what was imported goes" imports_gone
