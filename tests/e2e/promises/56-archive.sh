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
  ! k logs -l stylobate.dev/cluster=wal,app.kubernetes.io/component=member -c postgres --tail=-1 | grep -F "$(secret wal-credentials archive-passphrase)"
  ! operator_logs | grep -F "$(secret wal-credentials archive-passphrase)"
}

death_without_gap() {
  local before last uid
  before=$(primary wal)
  uid=$(k get pod "$before" -o 'jsonpath={.metadata.uid}')
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
  within 60 archiving False ArchiveFailing
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
  within 90 test_equal Succeeded k get pgb base -o 'jsonpath={.status.phase}'
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
  k delete pgc past --timeout=120s
  # The same moment again, without naming the backup.
  past "targetTime: \"$moment\"" |
    sed -e 's/^  name: past/  name: found/' -e 's/^  instances: .*/  instances: 1/' -e 's/fromBackup: {name: base}/fromCluster: {name: wal}/' |
    kubectl apply -f -
  within 300 healthy found
  test_equal "$NS/base" field found .status.restore.backup
  test_equal "$rows" inside "$(primary found)" 'select count(*) from kept'
}

archived_go() {
  k delete pgc wal found --ignore-not-found --timeout=120s
  k delete pgb base --ignore-not-found --timeout=60s
  k delete deployment gcs
  k delete pvc,secret -l 'stylobate.dev/cluster in (wal, past, found)'
}

promise "an archive is turned on without a restart" archive_made
promise "a segment that is not full is archived within archive_timeout" pushed
promise "what is archived is encrypted, and the passphrase is in no log" encrypted
promise "a primary that dies while the archive is away leaves no gap" death_without_gap
promise "an archive that is away is told of long before the volume is full, and when it is back" trouble_told
promise "an archive without a place, with two, or in a bucket that can't be is refused" refused
promise "a cluster is brought back to just before a DROP TABLE with all rows, and archives to a place of its own" before_the_drop
promise "the archived clusters go" archived_go
