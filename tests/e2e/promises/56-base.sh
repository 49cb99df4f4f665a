# Base backups by pgBackRest of a cluster `depot`, in an emulator of Google Cloud Storage over TLS: taken once whatever becomes of the operator,
# restored when they are nearer than a snapshot, removed with their object, missed when somebody else removed them.
# shellcheck shell=bash

DEPOT_ARCHIVE='backup: {archive: {switchSeconds: 10, gcs: {bucket: wal, endpoint: "gcs:4443", anonymous: true, caSecret: gcs-tls}}}'

# depot NAME INSTANCES FIELDS: a small cluster; fields of spec as YAML flow.
depot() {
  kubectl apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: $1, namespace: $NS}
spec:
  engine: {version: "17.12"}
  instances: $2
  resources: {cpu: 100m, memory: 512Mi}
  pooler: {instances: 1}
  storage: {size: 2Gi}
  users: [{name: app}]
  databases: [{name: bank, owner: app}]
  $3
YAML
}
# depot_backup NAME METHOD
depot_backup() {
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: $1, namespace: $NS}" \
    "spec: {cluster: depot, method: $2}" | kubectl apply -f -
}
# depot_done BACKUP: it succeeded; one that failed is not waited for.
depot_done() {
  local until=$((SECONDS + 300))
  while ! phase "$1" Succeeded; do
    if phase "$1" Failed || ((SECONDS > until)); then k get pgb "$1" -o yaml; return 1; fi
    sleep 0.5
  done
}
# depot_copies: label and backup of each copy in the archive.
depot_copies() { backrest depot --output=json info | jq -r '.[0].backup[] | "\(.label) \(.annotation.stylobate)"'; }
depot_rows() { inside "$(primary "$1")" 'select count(*) from kept'; }
schedule_refused() {
  says "spec.backup.schedules[].method is 'Archive'" depot bare 1 'backup: {schedules: [{name: weekly, schedule: "0 3 * * SUN", method: Archive}]}'
  test_equal "" k get pgc bare --ignore-not-found -o name
}

depot_made() {
  local/gcs.sh "$NS"
  depot depot 1 "$DEPOT_ARCHIVE"
  within 240 healthy depot
  inside "$(primary depot)" 'create table kept(n int); create table filler as select g, md5(g::text) as t from generate_series(1, 300000) g'
  depot_backup cut Snapshot
  depot_done cut
}

copied_once() {
  local uid
  # The bank is written to as the copy is made; the statement ends with its session when the member is gone.
  inside "$(primary depot)" 'do $$ begin for i in 1..2000 loop insert into kept values (i); commit; perform pg_sleep(0.01); end loop; end $$' &
  sleep 1
  depot_rows depot >"$WORK/depot-before"
  depot_backup copied Archive
  uid=$(of copied .metadata.uid)
  # It may be over before anybody looks, on a fast machine.
  within 120 eval 'phase copied Copying || phase copied Succeeded'
  for _ in 1 2; do
    kubectl -n "$OPERATOR_NS" delete pods -l app.kubernetes.io/name=stylobate-operator --grace-period=0 --force 2>/dev/null
    sleep 2
  done
  depot_done copied
  depot_rows depot >"$WORK/depot-after"
  wait
  test_equal "$(of copied '.status.groups[0].archived.label') $uid" depot_copies
  test_equal "" k get volumesnapshot -l "stylobate.dev/backup-uid=$uid" -o name
  test_equal CopyWithWal of copied .status.consistency
}

copy_listed() {
  within 60 says "copied" operator backup list depot -n "$NS"
  operator backup list depot -n "$NS" | grep -E 'copied +Archive'
  operator backup list depot -n "$NS" -o json | jq -e 'any(.runs[]; .backup == "copied" and .method == "Archive" and .outcome == "succeeded")'
}

nearer_than_a_snapshot() {
  local rows moment last
  sleep 3
  inside "$(primary depot)" 'insert into kept select generate_series(1, 5000)'
  rows=$(depot_rows depot)
  moment=$(server_time depot)
  sleep 1
  inside "$(primary depot)" 'truncate kept'
  last=$(segment depot)
  inside "$(primary depot)" 'select pg_switch_wal()'
  within 90 holds depot "$last"
  depot nearer 2 "bootstrap: {fromCluster: {name: depot}, pointInTime: {targetTime: \"$moment\"}}"
  within 360 healthy nearer
  test_equal "$NS/copied" field nearer .status.restore.backup
  test_equal "$rows" depot_rows nearer
  k get pvc -l stylobate.dev/cluster=nearer -o json | jq -e '.items | length == 2 and all(.[]; .spec.dataSource == null)'
  answers nearer
  k delete pgc nearer --timeout=120s
}

own_moment() {
  local rows uid
  depot own 1 'bootstrap: {fromBackup: {name: copied}}'
  # In the middle of what it does, whatever that is by then.
  within 120 k get pod own-0
  sleep 4
  uid=$(k get pod own-0 -o 'jsonpath={.metadata.uid}')
  k delete pod own-0 --grace-period=0 --force 2>/dev/null
  within 360 another own-0 "$uid"
  within 360 healthy own
  rows=$(depot_rows own)
  echo "before $(<"$WORK/depot-before"), restored $rows, after $(<"$WORK/depot-after")"
  ((rows >= $(<"$WORK/depot-before") && rows <= $(<"$WORK/depot-after")))
  (($(inside "$(primary own)" 'SELECT timeline_id FROM pg_control_checkpoint()') > $(of copied '.status.groups[0].timeline')))
  answers own
  k delete pgc own --timeout=120s
}

in_place_refused() {
  k annotate pgc depot stylobate.dev/restore-in-place=copied stylobate.dev/confirm-restore=depot
  within 30 says "only a new cluster is restored from" condition depot Restored
  k annotate pgc depot stylobate.dev/restore-in-place- stylobate.dev/confirm-restore-
}

deleted_with_its_object() {
  k delete pgb copied --timeout=180s
  test_equal "" depot_copies
  # shellcheck disable=SC2016 # expanded by eval
  test_equal "" eval 'backrest depot repo-ls "backup/$(field depot .status.archive.stanza)" | grep -E "^[0-9]{8}-" || true'
}

missed_when_gone() {
  local label stanza
  depot_backup taken-away Archive
  depot_done taken-away
  label=$(of taken-away '.status.groups[0].archived.label')
  stanza=$(field depot .status.archive.stanza)
  for file in backup.manifest backup.manifest.copy; do backrest depot repo-rm "backup/$stanza/$label/$file"; done
  backrest depot expire
  # It would be seen within ten minutes; any change of the object is looked at now.
  k annotate pgb taken-away "look=$SECONDS"
  within 90 phase taken-away Lost
  says "is not in the archive any more" of taken-away .status.reason
}

depot_goes() {
  k delete pgb copied taken-away cut --ignore-not-found --timeout=120s
  k delete pgc depot nearer own bare --ignore-not-found --timeout=120s
  k delete deployment gcs
  k delete pvc,secret -l 'stylobate.dev/cluster in (depot, nearer, own)'
}

promise "a schedule of copies without a bucket is refused" schedule_refused
promise "a cluster with an archive, and a snapshot of it" depot_made
promise "a base backup of a server that is written to is made once, also when the operator is killed in its midst" copied_once
promise "the list shows how each backup was made" copy_listed
promise "a moment that is nearer to the copy than to the snapshot begins with the copy, with all rows" nearer_than_a_snapshot
promise "a copy comes back at its own moment, also when the member is killed meanwhile" own_moment
promise "a copy is not restored in place, and the refusal says how else" in_place_refused
promise "a copy goes from the archive with its object" deleted_with_its_object
promise "a copy that somebody else removed is told as lost" missed_when_gone
promise "the cluster with the copies goes" depot_goes
