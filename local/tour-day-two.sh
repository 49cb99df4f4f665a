#!/usr/bin/env bash
# Day two in one go: under the bank's load, one object is retuned, resized each way, upgraded and taken back, and grown from
# a full disk. After each edit: what it cost, and that nothing acknowledged is lost. At the end: the volumes are the same.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
NS=day-two
OPERATOR_NS=stylobate-system
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. bench/lib.sh
. bench/day-two.sh

# evidence: claims, volumes and the identity of the data.
evidence() {
  k get pvc -l stylobate.dev/cluster=ledger -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.volumeName}{"\n"}{end}'
  k exec "$(primary)" -c postgres -- psql -XAtqU postgres -c 'select system_identifier from pg_control_system()'
}

# stop WHAT EDIT VALUE SECONDS: one station of the tour.
stop() {
  printf '== %s %s\n' "$(date +%T)" "$1"
  cost "$2" "$3" "$4"
  jq -r --arg whole "$WHOLE" --arg reads "$READS" '"   done after \($whole) s; longest write gap \(.longest_write_gap.seconds * 100 | round / 100) s, longest time without a read \($reads) s; acknowledged \(.acknowledged), lost \(.lost), verdict: \(.verdict.is)"' "$WORK/summary"
  rolled && [ "$2" != reload ] && printf '   %s\n' "$(field .status.rollout.message)"
  [ "$(jq -r '[.lost, .verdict.is] | join(" ")' "$WORK/summary")" = "0 kept" ]
}

# fill: a table takes the room that is left, on the primary and so on all members, until commits fail.
fill() {
  local pod
  for pod in $(members); do k exec "$pod" -c postgres -- sh -c 'fallocate -l "$(($(df --output=avail -B1 /data | tail -1) - 160000000))" /data/ballast'; done
  k exec "$(primary)" -c postgres -- psql -XAtqU postgres -c 'create table if not exists filler(b text)' -c 'alter table filler alter b set storage external' >/dev/null
  while k exec "$(primary)" -c postgres -- psql -XAtqU postgres -c "insert into filler select repeat('x', 1000000) from generate_series(1, 20)" >/dev/null 2>&1; do :; done
}
full() { [ "$(field '.status.conditions[?(@.type=="StorageOk")].status')" = False ]; }
writes() { k exec "$(primary)" -c postgres -- psql -XAtqU postgres -c 'create table if not exists after_full()' >/dev/null; }

echo "== $(date +%T) installing the operator, and a cluster of three on $PG_NEWEST"
local/install.sh
tour_namespace "$NS" tour-day-two
# What the tour asks for at its peak, with one pooler pod more while they are replaced.
read -r cpu mib < <(sed "s/namespace: ledger/namespace: $NS/; s/cpu: [0-9]*m/cpu: 300m/; s/memory: 1Gi/memory: 1536Mi/" docs/examples/ledger.yaml | clusters_ask)
room "$NS" "$((cpu + POOLER_CPU))" "$((mib + POOLER_MIB))"
setting work_mem 5MB
sed "s/namespace: ledger/namespace: $NS/" docs/examples/ledger.yaml | k apply -f - >/dev/null
within 180 healthy
edit '{"spec":{"tuning":[{"configMap":"day-two"}],"pooler":{"loadBalancing":true}}}'
within 120 everywhere work_mem 5MB
reader
evidence >"$WORK/before"

stop "a setting that is only reloaded (work_mem)" reload 8MB 15
stop "a setting that needs a restart (max_locks_per_transaction)" restart 96 40
stop "more CPU" cpu 300m 15
stop "more memory, and settings that follow it" memory 1536Mi 50
stop "less memory" memory 1Gi 50
stop "two members" instances 2 30
stop "three members" instances 3 40
stop "PostgreSQL $PG_OTHER$([ "$PG_OTHER_KIND" = minor ] || echo ", another build of it")" image other 75
stop "back to $PG_NEWEST" image newest 75
stop "larger volumes" storage 3Gi 20

echo "== $(date +%T) filling the volumes"
fill
within 90 full
printf '   %s\n' "$(field '.status.conditions[?(@.type=="StorageOk")].message')"
from=$(now)
edit '{"spec":{"storage":{"size":"5Gi"}}}'
within 120 writes
echo "   from the edit of spec.storage.size to the first write: $(since "$from") s"
for pod in $(members); do k exec "$pod" -c postgres -- rm -f /data/ballast; done
within 120 healthy
stop "the bank, once more" switchover once 20

evidence >"$WORK/after"
diff "$WORK/before" "$WORK/after"
echo "== $(date +%T) the same claims, volumes and system identifier as at the beginning:"
sed 's/^/   /' "$WORK/after"
kubectl delete namespace $NS --wait=false >/dev/null
