#!/usr/bin/env bash
# Backups in one go, under the bank's load: by schedule, on demand, with the operators killed in the middle, restored, proved by
# a drill, spoiled on purpose, and brought back to the moment before a mistake.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
NS=backups
OPERATOR_NS=stylobate-system
GCS_CPU=10 GCS_MIB=64 # of local/manifests/gcs.yaml
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. bench/lib.sh

say() { printf '== %s %s\n' "$(date +%T)" "$*"; }
operator() { kubectl -n "$OPERATOR_NS" exec deploy/stylobate -- stylobate "$@"; }
super() { k exec "$1" -c postgres -- psql -XAtqU postgres -d bank -v ON_ERROR_STOP=1 -c "$2"; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
begun() { [ -n "$(of "$1" .status.startedAt)" ]; }
told() { of "$1" .status | jq -r '"   cut \(.cutAt), longest write meanwhile \(.writeStallMilliseconds) ms, \(.restoreBytes / 1048576 | floor) MiB"'; }
up() { [ "$(k get pgc "$1" -o 'jsonpath={.status.state}')" = Healthy ]; }
is_archived() { [ "$(super "$(primary)" "select last_archived_wal >= '$1' from pg_stat_archiver")" = t ]; }
by_schedule() { k get pgb -o json | jq -e '[.items[] | select(.spec.schedule == "often" and .status.phase == "Succeeded")] | length > 0'; }

# source_cluster: the cluster that is backed up, as the example is, asking for little CPU: it fits beside the demo on two cores.
source_cluster() { sed "s/namespace: ledger/namespace: $NS/; s/cpu: [0-9]*m/cpu: 100m/" docs/examples/ledger.yaml; }

# copy_of NAME BOOTSTRAP [INSTANCES]: a new cluster that is made from a backup; a drill asks for as much as one with one instance.
copy_of() {
  printf '%s\n' --- 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresCluster' "metadata: {name: $1, namespace: $NS}" \
    "spec: {engine: {version: '$PG_NEWEST'}, instances: ${3:-1}, pooler: {instances: 1}, resources: {cpu: 100m, memory: 1Gi}, storage: {size: 2Gi},
      users: [{name: app}], databases: [{name: bank, owner: app}], bootstrap: $2}"
}

# restored NAME BOOTSTRAP [INSTANCES]: a new cluster, and how long it takes until all its members are there.
restored() {
  local from
  from=$(now)
  copy_of "$@" | k apply -f - >/dev/null
  within 240 up "$1"
  echo "   $1 is Healthy after $(since "$from") s"
}

# present CLUSTER BACKUP: the money is all there, and so is every transfer that was written a second before the mark or earlier.
present() {
  local mark source copy
  mark=$(k exec "$(primary)" -c postgres -- psql -XAtqU postgres -c \
    "select at - interval '1 s' from stylobate.backup_mark where backup = '$(of "$2" .metadata.uid)'")
  source=$(super "$(primary)" "select count(*) from bank.ledger where at < '$mark'")
  copy=$(super "$1-0" "select count(*) from bank.ledger where at < '$mark'")
  echo "   transfers before the mark: $source at the source, $copy in $1; total kept: $(super "$1-0" 'select sum(balance) = sum(initial) from bank.account')"
  [ "$source" = "$copy" ] && [ "$(super "$1-0" 'select sum(balance) = sum(initial) from bank.account')" = t ]
}

say "installing the operator, an emulator of Google Cloud Storage, and a cluster with a schedule of every other minute and an archive of WAL"
local/install.sh
tour_namespace "$NS" tour-backup
# At its peak: the source, a copy of three, the drill of a backup, the copy of a moment; and the emulator.
read -r cpu mib < <({ source_cluster; copy_of copy '{fromBackup: {name: b}}' 3; copy_of drill '{fromBackup: {name: b}}'; copy_of past '{fromBackup: {name: b}}'; } | clusters_ask)
room "$NS" "$((cpu + GCS_CPU))" "$((mib + GCS_MIB))"
local/gcs.sh "$NS"
source_cluster | k apply -f - >/dev/null
k patch pgc ledger --type=merge -p '{"spec":{"backup":{"schedules":[{"name":"often","schedule":"*/2 * * * *"}],"retention":{"last":5},
  "archive":{"switchSeconds":10,"gcs":{"bucket":"wal","endpoint":"gcs:4443","anonymous":true,"caSecret":"gcs-tls"}}}}}' >/dev/null
within 180 healthy
bank ledger-pooler 170

say "a backup on demand"
asked=$(operator backup ledger -n $NS)
echo "   $asked"
told "${asked%%:*}"

say "a backup in whose middle both operators are killed"
order killed ledger
within 20 begun killed
kubectl -n "$OPERATOR_NS" delete pods -l app.kubernetes.io/name=stylobate-operator --grace-period=0 --force >/dev/null 2>&1
within 120 is killed .status.phase Succeeded
told killed
k get volumesnapshot -l "stylobate.dev/backup-uid=$(of killed .metadata.uid)" --no-headers | sed 's/^/   /'

say "the schedule's own"
within 150 by_schedule

bank_ends
jq -r '"   the bank: acknowledged \(.acknowledged), lost \(.lost), longest write gap \(.longest_write_gap.seconds) s"' "$WORK/summary"

say "restored into a new cluster of three, all cloned from the snapshot"
restored copy '{fromBackup: {name: killed}}' 3
present copy killed

say "a drill of the same backup"
operator backup verify killed -n $NS

say "a page of the copy is spoiled, and the copy is backed up: the drill of that backup has to fail and say where"
# The primary's, whose volume a backup cuts.
leader=$(k get pgc copy -o 'jsonpath={.status.primary}')
super "$leader" "checkpoint" >/dev/null
file=$(super "$leader" "select pg_relation_filepath('bank.ledger')")
k exec "$leader" -c postgres -- sh -c "printf 'spoiled' | dd of=/data/pgdata/$file bs=1 seek=4000 conv=notrunc,fsync status=none"
order spoiled copy
within 60 is spoiled .status.phase Succeeded
if operator backup verify spoiled -n $NS; then echo "failed: the drill did not see the spoiled page" >&2; exit 1; fi
of spoiled .status.drill.cause | grep -F 'bank.ledger'

say "a table is dropped by mistake, and a copy is brought back to the moment before, from the same backup and the archive"
super "$(primary)" "create table kept as select generate_series(1, 5000) n"
moment=$(super "$(primary)" "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
sleep 1
super "$(primary)" "drop table kept"
segment=$(super "$(primary)" "select pg_walfile_name(pg_switch_wal())")
within 60 is_archived "$segment"
restored past "{fromBackup: {name: killed}, pointInTime: {targetTime: '$moment'}}"
echo "   rows of the dropped table: $(super past-0 'select count(*) from kept')"
[ "$(super past-0 'select count(*) from kept')" = 5000 ]

say "what was expected and what there is"
operator backup list ledger -n $NS --days 1
kubectl delete namespace $NS --wait=false >/dev/null
