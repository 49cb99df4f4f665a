# What all measurements use. Sourced by run.sh.
# shellcheck shell=bash

# What images were built: PG_NEWEST, PG_OTHER and so on.
engines=$(images/engine-images.sh env)
eval "$engines"

ROWS=()
# row WHAT UNIT PEERS VALUE...: one line of the table, with the values of all runs and their median.
row() {
  local what=$1 unit=$2 peers=$3
  shift 3
  ROWS+=("| $what | $* | $(median "$@") | $unit | $peers |")
  printf '   %s: %s %s\n' "$what" "$*" "$unit" >&2
}
median() { printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
table() {
  printf '| what | runs | median | unit | CloudNativePG / bare Patroni |\n|---|---|---|---|---|\n'
  printf '%s\n' "${ROWS[@]}"
}

# What pods wait for, when what is waited for does not come.
. local/room.sh

k() { kubectl -n "$NS" "$@"; }
field() { k get pgc ledger -o "jsonpath={$1}"; }
primary() { field .status.primary; }
now() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }'; }

# within SECONDS COMMAND...: asks every 0.2 s until it is true.
within() {
  local deadline=$((SECONDS + $1)) limit=$1
  shift
  while ! "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "failed to measure: not true within $limit s: $*" >&2; pods_wait "$NS" >&2; exit 1; }
    sleep 0.2
  done
}
# healthy: all members are up, and all but the primary are in the quorum.
healthy() {
  [ "$(field .status.state)" = Healthy ] &&
    [ "$(field '.status.members[?(@.role=="SyncReplica")].name' | wc -w)" = $(($(field .spec.instances) - 1)) ]
}

make_namespace() { local/new-namespace.sh "$NS" >/dev/null; }

# bank HOST SECONDS [FLAG...]: starts the workload as a Job through HOST. What takes longer than BANK_DEADLINE (1s) is an error to it.
bank() {
  local host=$1 seconds=$2
  shift 2
  local flags=""
  for flag in "$@"; do flags+=", \"$flag\""; done
  k delete job bank --ignore-not-found >/dev/null
  sed -e "s/namespace: ledger/namespace: $NS/; s/ledger-pooler.ledger.svc/$host.$NS.svc/; s/\"60\"/\"$seconds\", --json$flags/; s/, 1s\]/, ${BANK_DEADLINE:-1s}]/" \
    docs/examples/bank-job.yaml | k apply -f - >/dev/null
  within 60 transferring
}
transferring() { k logs job/bank | grep '"second"' >/dev/null; }
# bank_ends: waits, and keeps the summary; a lost transfer ends the bench.
bank_ends() {
  k wait job/bank --for=condition=Complete --timeout=180s >/dev/null ||
    { k logs job/bank | tail -5; echo "failed: the bank found a broken invariant" >&2; exit 1; }
  k logs job/bank | tail -1 | jq .summary >"$WORK/summary"
}

# in_client HOST COMMAND: a shell in the pod `client`, for the Service HOST, with the user's password.
in_client() {
  k get secret ledger-user-app -o 'jsonpath={.data.password}' | base64 -d |
    k exec -i client -- env "PGHOST=$1.$NS.svc" PGUSER=app PGDATABASE=bank PGSSLMODE=require PGCONNECT_TIMEOUT=2 sh -c \
      "IFS= read -r PGPASSWORD; export PGPASSWORD; $2"
}

# order NAME CLUSTER: a backup on demand.
order() {
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: $1}" "spec: {cluster: $2}" | k apply -f - >/dev/null
}
# of BACKUP JSONPATH: a part of a backup's object.
of() { k get pgb "$1" -o "jsonpath={$2}"; }
