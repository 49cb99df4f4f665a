# Backups: what they cost while they are made, and how long a restore takes as the data grows.
# shellcheck shell=bash

BACKUP_SECONDS=15 # of load
BACKUP_CALM=6     # seconds of it before the checkpoint or the backup
# SIZES="1 4 16": GB of data to restore. The pool of the local cluster has 40 GiB, and a clone needs room for all that it may become,
# so 16 is the most, and fits only into a pool with little else in it.
SIZES=${SIZES:-1 4 16}

succeeded() { [ "$(of "$1" .status.phase)" = Succeeded ]; }
super() { k exec "$1" -c postgres -- psql -XAtqU postgres -d "${3:-postgres}" -c "$2"; }

# p99_since FROM TO: the highest p99 of a second of the bank that lies between the two, in ms.
p99_since() {
  k logs job/bank | jq -nrR --arg from "$1" --arg to "$2" '
    [inputs | fromjson? | .second // empty | select(.at != null and .latency != null) | {at: (.at | sub("\\.[0-9]+"; "") | fromdate), p99: .latency.p99_ms}
     | select(.at >= ($from | tonumber) and .at <= ($to | tonumber) + 1)] | map(.p99) | max // 0'
}

# Each in a run of its own, so that the same load lies before both.
stalls() {
  local run from to checkpoint cut alone=() during=() ratios=() stalls=() wholes=()
  for run in $(seq "$RUNS"); do
    within 180 healthy
    bank ledger-pooler $BACKUP_SECONDS
    sleep $BACKUP_CALM
    from=$(date +%s)
    super "$(primary)" checkpoint
    to=$(date +%s)
    bank_ends
    checkpoint=$(p99_since "$from" "$to")
    bank ledger-pooler $BACKUP_SECONDS
    sleep $BACKUP_CALM
    from=$(now)
    order "stall-$run" ledger
    within 60 succeeded "stall-$run"
    wholes+=("$(since "$from")")
    to=$(date +%s -d "$(of "stall-$run" .status.cutAt)")
    bank_ends
    cut=$(p99_since "${from%.*}" "$to")
    alone+=("$checkpoint") during+=("$cut")
    ratios+=("$(awk -v a="$cut" -v b="$checkpoint" 'BEGIN { printf "%.2f", b ? a / b : 0 }')")
    stalls+=("$(of "stall-$run" .status.writeStallMilliseconds)")
    k delete pgb "stall-$run" --wait=false >/dev/null
  done
  row "p99 of transfers around a CHECKPOINT alone" ms - "${alone[@]}"
  row "p99 of transfers around a backup's cut" ms - "${during[@]}"
  row "around the cut / around a CHECKPOINT" ratio - "${ratios[@]}"
  row "longest small write during the cut, as the backup tells" ms - "${stalls[@]}"
  row "backup, from the order to restorable" s - "${wholes[@]}"
}

# sized NAME SIZE [BOOTSTRAP]: a cluster of one member with room for so many GB of data and WAL.
sized() {
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresCluster' "metadata: {name: $1}" \
    "spec: {engine: {version: '$PG_NEWEST'}, instances: 1, pooler: {instances: 1}, resources: {cpu: 200m, memory: 1Gi}, storage: {size: $(($2 + 4))Gi},
      users: [{name: app}], databases: [{name: bank, owner: app}]${3:+, bootstrap: $3}}" | k apply -f - >/dev/null
}
up() { [ "$(k get pgc "$1" -o 'jsonpath={.status.state}')" = Healthy ]; }
first_query() {
  k get secret "$1-user-app" -o 'jsonpath={.data.password}' | base64 -d |
    k exec -i client -- env PGHOST="$1-pooler.$NS.svc" PGUSER=app PGDATABASE=bank PGSSLMODE=require PGCONNECT_TIMEOUT=2 sh -c \
      'IFS= read -r PGPASSWORD; export PGPASSWORD; psql -XAtqc "select count(*) from kept" </dev/null | grep -qx 1'
}
# fill GB: incompressible for Postgres, which would else store a row in a page.
fill_gb() {
  super data-0 'create table kept as select 1; alter table kept owner to app; create table filler(b text); alter table filler alter b set storage external' bank
  for _ in $(seq "$1"); do super data-0 "insert into filler select repeat('x', 1000000) from generate_series(1, 1000)" bank; done
  super data-0 checkpoint
}

restores() {
  local size from
  for size in $SIZES; do
    sized data "$size"
    within 120 up data
    fill_gb "$size"
    order data data
    within 300 succeeded data
    from=$(now)
    sized copy "$size" '{fromBackup: {name: data}}'
    within 300 first_query copy
    row "restore of $size GB, from the order to the first query" s - "$(since "$from")"
    from=$(now)
    k exec data-0 -c postgres -- sh -c 'pg_basebackup -U standby -D - -Ft -X fetch -c fast >/dev/null'
    row "pg_basebackup of $size GB, read alone" s - "$(since "$from")"
    from=$(now)
    k exec data-0 -c postgres -- sh -c 'pg_dump -U postgres bank >/dev/null'
    row "pg_dump of $size GB, read alone" s - "$(since "$from")"
    k delete pgc data copy --timeout=120s >/dev/null
    k delete pgb data --timeout=60s >/dev/null
    k delete pvc -l 'stylobate.dev/cluster in (data, copy)' >/dev/null
    k delete secret data-credentials copy-credentials --ignore-not-found >/dev/null
  done
}

measure_backup() {
  client
  stalls
  restores
}
