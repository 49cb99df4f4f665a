# What all promises use: how a promise is shown, and the questions asked of the cluster. Sourced by run.sh.
# shellcheck shell=bash

NS=e2e
KEPT=0
BROKEN=()

# promise WHAT FUNCTION [ARGS]: one line for each; what a broken one printed is shown, and the ring goes on.
promise() {
  local what=$1 started=$SECONDS
  shift
  # In the background, so that `set -e` holds inside the function, which it does not in a condition.
  ( set -euo pipefail; "$@" ) >"$WORK/out" 2>&1 &
  if wait $!; then
    printf 'ok    %4ss  %s\n' $((SECONDS - started)) "$what"
    KEPT=$((KEPT + 1))
  else
    printf 'FAIL  %4ss  %s\n' $((SECONDS - started)) "$what"
    tail -n 25 "$WORK/out" | sed 's/^/        /'
    BROKEN+=("$what")
    circumstances 2>&1 | sed 's/^/        /'
  fi
}

# circumstances: what a person would look at first when a promise was broken.
circumstances() {
  local pod
  k get pgc,pods || true
  for pod in $(k get pods -l app.kubernetes.io/component=member -o json | jq -r '.items[]
    | select(all(.status.conditions[]?; .type != "Ready" or .status == "False")) | .metadata.name'); do
    echo "-- what Patroni on $pod says"
    k exec "$pod" -c postgres -- python3 -c '
import ssl, urllib.request
context = ssl._create_unverified_context()
print(urllib.request.urlopen("https://127.0.0.1:8008/patroni", context=context, timeout=5).read().decode())' || true
    k exec "$pod" -c postgres -- psql -XU postgres -xc 'select * from pg_stat_wal_receiver' || true
    k logs "$pod" -c postgres --tail=5 || true
  done
}

# within SECONDS COMMAND...: asks every half second until it is true; says what it waited for when it never is. The seconds are
# those of an idle machine; one with other work gets PATIENCE times as many, since how fast things are is measured by `make bench`.
PATIENCE=2
within() {
  local limit=$(($1 * PATIENCE)) deadline=$((SECONDS + $1 * PATIENCE))
  shift
  while ! "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "not true within $limit s: $*"; "$@" || true; return 1; }
    sleep 0.5
  done
}

# k ARGS: kubectl in the test's namespace.
k() { kubectl -n "$NS" "$@"; }
# field CLUSTER JSONPATH: a part of a cluster's status or spec.
field() { k get pgc "$1" -o "jsonpath={$2}"; }
# condition CLUSTER TYPE: reason and message of a condition.
condition() { field "$1" ".status.conditions[?(@.type=='$2')]['status','reason','message']"; }
# is CLUSTER JSONPATH VALUE
is() { [ "$(field "$1" "$2")" = "$3" ]; }
# healthy CLUSTER: as the operator sees it, for the newest generation.
healthy() { is "$1" .status.state Healthy && settled "$1"; }
# settled CLUSTER: the conditions speak of the spec as it is now.
settled() { is "$1" '.status.conditions[0].observedGeneration' "$(field "$1" .metadata.generation)"; }
# another POD UID: the pod of that name is a new one, and it is ready.
another() { k get pod "$1" -o json | jq -e --arg uid "$2" '.metadata.uid != $uid and all(.status.containerStatuses[]; .ready)'; }
# of BACKUP JSONPATH: a part of a backup's object.
of() { k get pgb "$1" -o "jsonpath={$2}"; }
# phase BACKUP PHASE: where it stands.
phase() { [ "$(of "$1" .status.phase)" = "$2" ]; }
# primary CLUSTER: the pod that takes writes.
primary() { field "$1" .status.primary; }
# test_equal VALUE COMMAND...: the command prints just that.
test_equal() {
  local wanted=$1
  shift
  [ "$("$@")" = "$wanted" ]
}
# says TEXT COMMAND...: the command's output holds the text.
says() {
  local text=$1 out
  shift
  out=$("$@" 2>&1) || true
  [[ $out == *"$text"* ]] || { echo "'$text' is not in: $out"; return 1; }
}
# secret NAME KEY: a value of a Secret, for use only, never printed.
secret() { k get secret "$1" -o "jsonpath={.data['$2']}" | base64 -d; }

# sql CLUSTER USER SECRET DATABASE STATEMENT: through the pooler, as a client would: verify-full, password by stdin.
sql() {
  local cluster=$1
  secret "$3" password | k exec -i "$cluster-0" -c postgres -- env \
    PGHOST="$cluster-pooler.$NS.svc" PGUSER="$2" PGDATABASE="$4" PGSSLMODE=verify-full PGCONNECT_TIMEOUT=5 \
    PGSSLROOTCERT=/etc/stylobate/tls/ca.crt \
    sh -c 'IFS= read -r PGPASSWORD || true; export PGPASSWORD; exec psql -XAtq -v ON_ERROR_STOP=1 -c "$1" </dev/null' sh "$5"
}
# inside POD STATEMENT: as the superuser, by the member's own socket.
inside() { k exec "$1" -c postgres -- psql -XAtq -U postgres -c "$2"; }
# server_time CLUSTER: the primary's clock, as RFC 3339 has it.
server_time() { inside "$(primary "$1")" "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"; }
# segment CLUSTER: the one that is written to now.
segment() { inside "$(primary "$1")" 'select pg_walfile_name(pg_current_wal_lsn())'; }
# backrest CLUSTER ARGS: pgBackRest on the cluster's own part of the archive, as a member has it.
backrest() {
  local cluster=$1
  shift
  # shellcheck disable=SC2016 # expanded in the member
  k exec "$(primary "$cluster")" -c postgres -- sh -c 'set -e; conf=/etc/stylobate/archive/pgbackrest.conf
    stanza=$(sed -n "s/^\[\([^]:]*\)\]$/\1/p" $conf | grep -v "^global$")
    exec pgbackrest --config=$conf --stanza="$stanza" "$@"' sh "$@"
}
# archived CLUSTER: all WAL of it that is in the archive.
archived() { backrest "$1" repo-ls --recurse "archive/$(field "$1" .status.archive.stanza)"; }
# holds CLUSTER SEGMENT: it is in the archive.
holds() { archived "$1" | grep -q "/$2-"; }
# answers CLUSTER: the pooler leads to a member that takes writes.
answers() { [ "$(sql "$1" app "$1-user-app" "${2:-bank}" 'select not pg_is_in_recovery()')" = t ]; }

# operator COMMAND...: the command line as the operator's image has it.
operator() { kubectl -n "$OPERATOR_NS" exec deploy/stylobate -- stylobate "$@"; }
# operator_logs: of both operators, and of what ran before.
operator_logs() {
  local pod
  for pod in $(kubectl -n "$OPERATOR_NS" get pods -l app.kubernetes.io/name=stylobate-operator -o name); do
    kubectl -n "$OPERATOR_NS" logs "$pod"
    kubectl -n "$OPERATOR_NS" logs "$pod" --previous 2>/dev/null || true
  done
}
# events CLUSTER: notes of its events.
events() { k get events.events.k8s.io -o json | jq -r --arg name "$1" '.items[] | select(.regarding.name == $name) | .note'; }

# children CLUSTER: kind/name of everything that the cluster owns directly.
children() {
  local uid
  uid=$(field "$1" .metadata.uid)
  k get sa,role,rolebinding,secret,configmap,service,statefulset,deployment,pdb,networkpolicy -o json |
    jq -r --arg uid "$uid" '.items[] | select(any(.metadata.ownerReferences[]?; .uid == $uid))
      | "\(.kind)/\(.metadata.name) \(.metadata.uid) \(.metadata.resourceVersion)"' | sort
}
# versions CLUSTER: resource versions of the cluster and of its children but for what Kubernetes' own controllers write.
versions() {
  k get pgc "$1" -o json | jq 'del(.metadata.managedFields)'
  children "$1" | grep -vE '^(StatefulSet|Deployment|PodDisruptionBudget)/'
}
