#!/usr/bin/env bash
# Recovery when the old Kubernetes is gone: a cluster is archived under the bank's load, then its whole Kubernetes is destroyed, etcd and
# volumes with it, and another one brings it back from the bucket and the key that was kept elsewhere. Both are Kubernetes clusters of
# their own, in copies of this checkout; yours is not touched. About ten minutes when the images are built.
set -euo pipefail
cd "$(dirname "$0")/.."
HERE=$PWD
NS=region
WORK=$(mktemp -d)
unset STYLOBATE_KUBECONFIG STYLOBATE_API_PORT KUBECONFIG
# Copies have no compiler's folder of their own: the operator's image is known by this checkout's.
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
export OPERATOR_NS=stylobate-system

say() { printf '== %s %s\n' "$(date +%T)" "$*"; }

# Leaves nothing behind, however the tour ends.
finish() {
  local region
  for region in east west; do
    [ ! -e "$WORK/$region/local/clean.sh" ] || "$WORK/$region/local/clean.sh" >"$WORK/clean" 2>&1 || cat "$WORK/clean"
  done
  rm -rf --one-file-system "$WORK"
}
trap finish EXIT

# region NAME: a Kubernetes cluster in a copy of this checkout, with the operator, a namespace and the bucket's emulator. From here on
# everything is done there.
region() {
  mkdir -p "$WORK/$1"
  tar -C "$HERE" --exclude=./target --exclude=./.git --exclude=./local/.state -cf - . | tar -C "$WORK/$1" -xf -
  cd "$WORK/$1"
  local/up.sh >"$WORK/up" 2>&1 || { tail -n 20 "$WORK/up" >&2; exit 1; }
  # shellcheck source=/dev/null
  . local/.state/env
  export PATH="$PWD/local/.state/bin:$PATH"
  images/load.sh >/dev/null
  local/install.sh
  local/new-namespace.sh "$NS" >/dev/null
  GCS_FOLDER=$WORK/bucket local/gcs.sh "$NS" >"$WORK/gcs" 2>&1 || { tail -n 20 "$WORK/gcs" >&2; exit 1; }
}

# The command line with an administrator's rights: the operator itself may make no pod, and gives nobody what is in an archive.
cli() { "$CARGO_TARGET_DIR/release/stylobate" "$@"; }
super() { k exec "$1" -c postgres -- psql -XAtqU postgres -d bank -v ON_ERROR_STOP=1 -c "$2"; }
has_manifest() { [ -n "$(of weekly .status.archiveManifest)" ]; }
is() { [ "$(of "$1" "$2")" = "$3" ]; }
tells_its_end() { [ -n "$(field .status.restore.reached.wal)" ]; }
archived() { [ "$(super "$(primary)" "select last_archived_wal >= '$1' from pg_stat_archiver")" = t ]; }

# source_cluster: the example's, in this namespace, with an archive whose newest segment is at most ten seconds old.
source_cluster() {
  sed "s/namespace: ledger/namespace: $NS/; s/cpu: [0-9]*m/cpu: 100m/" docs/examples/ledger.yaml
  printf '  backup: {archive: {switchSeconds: 10, gcs: {bucket: wal, endpoint: "gcs:4443", anonymous: true, caSecret: gcs-tls}}}\n'
}

# acknowledged: how many transfers the bank has told as acknowledged, by the last whole line of what it wrote.
acknowledged() { grep '"second".*}$' "$WORK/journal" | tail -n 1 | jq .second.acknowledged; }

say "a first region: Kubernetes, the operator, a bucket"
mkdir -p "$WORK/bucket"
chmod 777 "$WORK/bucket"
region east
# shellcheck source=/dev/null
. bench/lib.sh

say "a cluster with an archive, under the bank's load"
source_cluster | k apply -f - >/dev/null
within 180 healthy
bank ledger-pooler 600
(k logs -f job/bank 2>/dev/null || true) >"$WORK/journal" &
logs=$!

say "a copy in the bucket"
printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' 'metadata: {name: weekly}' 'spec: {cluster: ledger, method: Archive}' |
  k apply -f - >/dev/null
within 300 is weekly .status.phase Succeeded
within 60 has_manifest
echo "   copy weekly: cut $(of weekly .status.cutAt), $(($(of weekly '.status.groups[0].archived.repositoryBytes') / 1048576)) MiB in the bucket"

say "what is kept elsewhere: the passphrase of the archive, in the customer's own safe"
k get secret ledger-archive-key -o 'jsonpath={.data.archive-passphrase}' | base64 -d >"$WORK/passphrase"

say "thirty seconds of load later: the last archived segment, and what was acknowledged when it was switched"
sleep 30
marked=$(acknowledged)
segment=$(super "$(primary)" "select pg_walfile_name(pg_switch_wal())")
within 60 archived "$segment"
mark=$(super "$(primary)" "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
echo "   $segment is archived at $mark; $marked transfers were acknowledged before it was switched"

say "the region is lost: Kubernetes, etcd, volumes and snapshots go while the bank writes"
destroyed=$(date +%s)
local/clean.sh >"$WORK/clean" 2>&1 || { cat "$WORK/clean" >&2; exit 1; }
kill "$logs" 2>/dev/null || true
wait "$logs" 2>/dev/null || true
told=$(acknowledged)
echo "   the bank had told of $told acknowledged transfers"
rm -rf --one-file-system "$WORK/east"

say "another region: an empty Kubernetes, and the same bucket"
region west
from=$(date +%s)

say "the backups of the bucket are imported with the passphrase alone"
k create secret generic old --from-file=archive-passphrase="$WORK/passphrase" --from-literal=ca.crt="$(k get secret gcs-tls -o 'jsonpath={.data.ca\.crt}' | base64 -d)" >/dev/null
cli backup import --from gs://wal/stylobate --endpoint gcs:4443 --anonymous --archive-secret old -n "$NS" --all

say "one apply brings the cluster back, with all that was archived"
{ source_cluster; printf '  bootstrap: {fromCluster: {name: ledger}, pointInTime: {targetLatest: true}, archiveSecret: old}\n'; } | k apply -f - >/dev/null
within 600 healthy
served=$(date +%s)
within 60 tells_its_end
end=$(field .status.restore.reached.wal)
echo "   WAL was replayed up to $end, whose last transaction is of $(field .status.restore.reached.at)"
# A later timeline's names are the greater ones.
[[ ! $end < $segment ]] || { echo "failed: replay ended at $end, before $segment, which is archived" >&2; exit 1; }
rows=$(super "$(primary)" 'select count(*) from bank.ledger')
last=$(super "$(primary)" "select extract(epoch from max(at))::bigint from bank.ledger")
echo "   transfers: $rows there; $marked were acknowledged before the segment that was archived at $mark; total kept: $(super "$(primary)" 'select sum(balance) = sum(initial) from bank.account')"
echo "   RTO: $((served - from)) s from the empty Kubernetes, $((served - destroyed)) s from the loss; RPO: $((destroyed - last)) s, $((told > rows ? told - rows : 0)) acknowledged transfers (archived every 10 s at most)"
((rows >= marked)) || { echo "failed: acknowledged and archived transfers are missing" >&2; exit 1; }
[ "$(super "$(primary)" 'select sum(balance) = sum(initial) from bank.account')" = t ]
