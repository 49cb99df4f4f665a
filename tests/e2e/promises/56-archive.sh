# The WAL archive of a cluster `wal`, in an emulator of Google Cloud Storage over TLS: archived, told of in trouble, and brought back to
# just before a DROP TABLE.
# shellcheck shell=bash

# archiving STATUS REASON; what is told instead is printed.
archiving() {
  local told
  told=$(condition wal Archiving)
  [[ $told == "$1 $2 "* ]] || { echo "$told"; return 1; }
}

archive_made() {
  local pods
  flock "$E2E_ROOM/gcs" local/gcs.sh "$NS"
  example wal 3 | kubectl apply -f -
  within 240 healthy wal
  pods=$(member_uids wal)
  k patch pgc wal --type=merge -p '{"spec":{"backup":{"archive":{"switchSeconds":10,
    "gcs":{"bucket":"wal","endpoint":"gcs:4443","anonymous":true,"caSecret":"gcs-tls"}}}}}'
  within 60 archiving True AsWanted
  [ "$(member_uids wal)" = "$pods" ] || { echo "members were made anew"; return 1; }
}

pushed() {
  local now
  now=$(segment wal)
  inside "$(primary wal)" 'create table kept(n int); insert into kept select generate_series(1, 1000)'
  # Nobody asks for a switch: archive_timeout makes it.
  within 40 holds wal "$now"
}

encrypted() {
  local first
  first=$(archived wal | grep -m1 -E '[0-9A-F]{24}-')
  [[ $first == *.zst ]]
  ! k logs -l stylobate.dev/cluster=wal,app.kubernetes.io/component=member -c postgres --tail=-1 | grep -F "$(secret wal-archive-key archive-passphrase)"
  ! operator_logs | grep -F "$(secret wal-archive-key archive-passphrase)"
}

death_without_gap() {
  local before last uid
  before=$(primary wal)
  uid=$(have pod "$before" .metadata.uid)
  k scale deployment gcs --replicas=0
  for _ in 1 2 3; do inside "$before" 'insert into kept select generate_series(1, 10); select pg_switch_wal()'; done
  last=$(inside "$before" "select pg_walfile_name(pg_current_wal_lsn() - 16777216)")
  k delete pod "$before" --grace-period=0 --force
  # It may lead again or another may: the claim lasts longer than a pod takes to come back.
  within 60 another "$before" "$uid"
  within 120 healthy wal
  k scale deployment gcs --replicas=1
  inside "$(primary wal)" 'insert into kept values (0); select pg_switch_wal()'
  within 120 holds wal "$last"
}

trouble_told() {
  k scale deployment gcs --replicas=0
  # 16 segments wait at once: more than a tenth of the volume, so that nobody has to wait five minutes.
  for _ in $(seq 17); do inside "$(primary wal)" 'insert into kept values (1); select pg_switch_wal()'; done
  # pgBackRest's worker tries 18 times before it says why it failed: 74 s where nobody else works (src/archive/conf.rs).
  within 200 archiving False ArchiveFailing
  says "all WAL is kept" condition wal Archiving
  within 20 says "is not archived" events wal
  k scale deployment gcs --replicas=1
  within 180 archiving True AsWanted
}

refused() {
  k patch pgc wal --type=merge -p '{"spec":{"backup":{"archive":{"gcs":{"bucket":"goog-wal"}}}}}'
  within 20 says "Google's own" condition wal Accepted
  k patch pgc wal --type=merge -p '{"spec":{"backup":{"archive":{"gcs":{"bucket":"wal"}}}}}'
  says "one place" k patch pgc wal --type=merge -p '{"spec":{"backup":{"archive":{"volume":{"claim":"x"}}}}}'
  within 30 archiving True AsWanted
}

# The cluster that is brought back. $1 target, as "targetTime: ...".
past() {
  example past 2
  printf '  bootstrap:\n    fromBackup: {name: base}\n    pointInTime: {%s}\n' "$1"
  printf '  backup: {archive: {switchSeconds: 10, gcs: {bucket: wal, endpoint: "gcs:4443", anonymous: true, caSecret: gcs-tls}}}\n'
}

before_the_drop() {
  local rows moment last
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: base, namespace: $NS}" 'spec: {cluster: wal}' |
    kubectl apply -f -
  within 90 test_equal Succeeded have pgb base .status.phase
  inside "$(primary wal)" 'insert into kept select generate_series(1, 5000)'
  rows=$(inside "$(primary wal)" 'select count(*) from kept')
  moment=$(server_time wal)
  sleep 1
  inside "$(primary wal)" 'drop table kept'
  last=$(segment wal)
  inside "$(primary wal)" 'select pg_switch_wal()'
  within 60 holds wal "$last"
  past "targetTime: \"2020-01-01T00:00:00Z\"" | kubectl apply -f -
  within 20 says "can be brought to moments from" condition past Accepted
  past "targetTime: \"$moment\"" | kubectl apply -f -
  within 300 healthy past
  test_equal "$rows" inside "$(primary past)" 'select count(*) from kept'
  [ "$(field past .status.archive.stanza)" != "$(field wal .status.archive.stanza)" ]
  gone 120 "$NS" pgc past
  # The same moment again, without naming the backup.
  past "targetTime: \"$moment\"" |
    sed -e 's/^  name: past/  name: found/' -e 's/^  instances: .*/  instances: 1/' -e 's/fromBackup: {name: base}/fromCluster: {name: wal}/' |
    kubectl apply -f -
  within 300 healthy found
  test_equal "$NS/base" field found .status.restore.backup
  test_equal "$rows" inside "$(primary found)" 'select count(*) from kept'
}

# drilled OUTCOME: how the drill of `base` stands.
drilled() { test_equal "$1" of base .status.drill.outcome; }
drill_over() { drilled Passed || drilled Failed; }
drills_gone() { ! k get pgc,pvc,configmap -o name | grep -- -drill-; }

# drill [SECONDS]: asks for one of `base`, and waits for its end.
drill() {
  k annotate pgb base --overwrite "stylobate.dev/verify=$RANDOM-$SECONDS"
  within 30 drilled Running
  within "${1:-600}" drill_over
  of base .status.drill
}

# The mark was written after the backup, on the primary of today: no snapshot has it.
drill_replays() {
  local mark
  gone 120 "$NS" pgc found
  drill
  drilled Passed
  of base .status.drill | jq -e '.replay.reached and .replay.bytes > 0 and .bytes > 0 and .recoverySeconds > 0'
  of base .status.drill | jq -e '.archive.outcome == "Whole" and .archive.segments > 0'
  of base .status.drill | jq -e 'any(.checks[]; startswith("replay: ")) and any(.checks[]; startswith("archive: "))'
  mark=$(of base .status.drill.replay.wal)
  within 30 holds wal "$mark"
  within 60 says base field wal '.status.backup.recoveries[-1:].backup'
  within 20 says "TOOK" operator backup list wal -n "$NS"
  within 120 drills_gone
}

# A segment is taken out of the archive that the replay needs: the backup comes back alone, and is as good as before.
archive_to_blame() {
  local last path stanza
  stanza=$(field wal .status.archive.stanza)
  last=$(segment wal)
  inside "$(primary wal)" 'create table if not exists marks(n int); insert into marks values (1); select pg_switch_wal()'
  within 60 holds wal "$last"
  path=$(archived wal | grep "/$last-")
  backrest wal repo-rm "archive/$stanza/$path"
  # A restore that fails is given five minutes, and then the backup is restored alone.
  drill 1200
  drilled Failed
  test_equal Archive of base .status.drill.failedOf
  test_equal "" of base .status.failedDrill
  says "the backup comes back" of base .status.drill.cause
  within 180 drills_gone
}

# other DATA: has pgBackRest take the archive for the server with this data folder; /tmp/other is one of the same major.
other() {
  # shellcheck disable=SC2016 # expanded in the member
  k exec "$(primary wal)" -c postgres -- sh -c 'set -e; conf=/etc/stylobate/archive/pgbackrest.conf
    [ -d /tmp/other ] || initdb -D /tmp/other >/dev/null
    stanza=$(sed -n "s/^\[\([^]:]*\)\]$/\1/p" $conf | grep -v "^global$" | head -n 1)
    pgbackrest --config=$conf --stanza="$stanza" --pg1-path="$1" --no-online stanza-upgrade' sh "$1"
}

another_writes() {
  local last
  other /tmp/other
  last=$(segment wal)
  inside "$(primary wal)" 'create table if not exists marks(n int); insert into marks values (2); select pg_switch_wal()'
  within 90 archiving False ArchiveOfAnother
  says "system identifier" condition wal Archiving
  ! holds wal "$last" || { echo "it was taken from the other one"; return 1; }
  other /data/pgdata
  within 180 archiving True AsWanted
  within 60 holds wal "$last"
}

# passphrase TEXT: the Secret that the restore is given.
passphrase() {
  k create secret generic given --dry-run=client -o yaml --from-literal="archive-passphrase=$1" --from-literal="ca.crt=$(secret gcs-tls ca.crt)" |
    k apply -f -
}
refused_key() { [[ $(condition opened Restored) == *RestoreKeyWrong* ]]; }

wrong_passphrase() {
  local moment
  moment=$(server_time wal)
  sleep 1
  inside "$(primary wal)" 'create table if not exists marks(n int); insert into marks values (3); select pg_switch_wal()'
  passphrase not-the-right-one
  past "targetTime: \"$moment\", archiveSecret: given" | sed -e 's/^  name: past/  name: opened/' -e 's/^  instances: .*/  instances: 1/' |
    kubectl apply -f -
  within 240 refused_key
  says "Secret given (spec.bootstrap.pointInTime.archiveSecret)" condition opened Restored
  passphrase "$(secret wal-archive-key archive-passphrase)"
  within 400 healthy opened
  test_equal True field opened ".status.conditions[?(@.type=='Restored')].status"
  gone 120 "$NS" pgc opened
}

archived_go() {
  gone 120 "$NS" pgc wal found
  gone 60 "$NS" pgb base
  k delete deployment gcs
  k delete secret given --ignore-not-found
  k delete pvc,secret -l 'stylobate.dev/cluster in (wal, past, found, opened)'
}

promise "an archive is turned on without a restart" archive_made
promise "a segment that is not full is archived within archive_timeout" pushed
promise "what is archived is encrypted, and the passphrase is in no log" encrypted
promise "a primary that dies while the archive is away leaves no gap" death_without_gap
promise "an archive that is away is told of long before the volume is full, and when it is back" trouble_told
promise "an archive without a place, with two, or in a bucket that can't be is refused" refused
promise "a cluster is brought back to just before a DROP TABLE with all rows, and archives to a place of its own" before_the_drop
promise "a drill brings the backup up to a mark that was archived after it, has the archive read through, and is remembered by size" drill_replays
promise "a wrong passphrase of a restore is told within minutes, by its field, and another one is taken" wrong_passphrase
promise "a segment that is gone from the archive fails a drill of the archive, and not the backup" archive_to_blame
promise "an archive that another server writes is not taken from it, and is told" another_writes
promise "the archived clusters go" archived_go
