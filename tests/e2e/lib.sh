# What promises in shell use: how a promise is shown, and the questions asked of the cluster. Sourced by suite.sh. New promises are
# written in Rust, with the harness in e2e/.
# shellcheck shell=bash disable=SC2034 # suites read what is set here

# promise WHAT FUNCTION [ARGS]: one line for each; what a broken one printed is shown, and the suite goes on.
promise() {
  local what=$1 started=$SECONDS
  shift
  [ -z "${E2E_LIST:-}" ] || { printf '%s\n' "$what"; return; }
  # In the background, so that `set -e` holds inside the function, which it does not in a condition.
  ( set -euo pipefail; "$@" ) >"$WORK/out" 2>&1 &
  if wait $!; then
    printf 'ok    %4ss  %s\n' $((SECONDS - started)) "$what"
  else
    printf 'FAIL  %4ss  %s\n' $((SECONDS - started)) "$what"
    # For the ring's closing lines, which are what is left of a long run.
    printf '        why: %s\n' "$(grep -m 1 '^not true within' "$WORK/out" || tail -n 1 "$WORK/out")"
    tail -n 25 "$WORK/out" | sed 's/^/        /'
    "$E2E_BIN" --post-mortem "$NS" 2>&1 | sed 's/^/        /' || true
  fi
  [ "$what" != "${E2E_LAST:-}" ] || exit 0
}

# What suites side by side owe each other; e2e/src/harness/room.rs has the same locks. Each goes before `promise`, `in_slot` first.
# calmly: no storm of another suite meanwhile. Who comes later waits behind a storm that waits, so that none starves.
calmly() {
  local gate calm
  [ -z "${E2E_LIST:-}" ] || { "$@"; return; }
  exec {gate}>"$E2E_ROOM/gate" {calm}>"$E2E_ROOM/calm"
  flock "$gate" && flock -s "$calm" && flock -u "$gate"
  "$@"
  flock -u "$calm"
  exec {gate}>&- {calm}>&-
}
# stormily: what disturbs all suites, such as the end of operators. Clocks of others stand still until one leads again; a function
# that goes on for long after its disturbance says storm_over.
stormily() {
  [ -z "${E2E_LIST:-}" ] || { "$@"; return; }
  exec {STORM_GATE}>"$E2E_ROOM/gate" {STORM}>"$E2E_ROOM/calm"
  flock "$STORM_GATE" && flock "$STORM"
  STORMING=yes
  "$@"
  within 60 one_leads || true
  flock -u "$STORM" && flock -u "$STORM_GATE"
  STORMING=
  exec {STORM_GATE}>&- {STORM}>&-
}
storm_over() {
  within 60 one_leads
  flock -u "$STORM" && flock -u "$STORM_GATE"
  STORMING=
}
stormy() { [ -z "${STORMING:-}" ] && ! flock -ns "$E2E_ROOM/calm" true; }
# in_slot: the fleet has one disruption slot, so planned rollouts of two suites would wait for each other.
in_slot() {
  local slot
  [ -z "${E2E_LIST:-}" ] || { "$@"; return; }
  exec {slot}>"$E2E_ROOM/slot"
  flock "$slot"
  "$@"
  flock -u "$slot"
  exec {slot}>&-
}

# within SECONDS COMMAND...: asks every half second until it is true; says what it waited for when it never is. The seconds are
# those of an idle machine; one with other work gets PATIENCE times as many, since how fast things are is measured by `make bench`.
# The clock stands still in a storm of another suite.
within() {
  local limit=$(($1 * PATIENCE)) left=$(($1 * PATIENCE)) last=$SECONDS
  shift
  while ! "$@" >/dev/null 2>&1; do
    ((left > 0)) || { echo "not true within $limit s: $*"; "$@" || true; return 1; }
    sleep 0.5
    stormy || left=$((left - (SECONDS - last)))
    last=$SECONDS
  done
}

# gone SECONDS NAMESPACE KIND NAME...|--all: they are deleted, and are no more. kubectl's own waits know of no storm: an operator that another
# suite has taken away ends nothing.
gone() {
  local limit=$1 namespace=$2
  shift 2
  kubectl -n "$namespace" delete "$@" --ignore-not-found --wait=false
  within "$limit" no_more "$namespace" "${@/--all/}"
}
no_more() {
  local namespace=$1 kind=$2 left
  shift 2
  # shellcheck disable=SC2068 # of all there is no name
  left=$(kubectl -n "$namespace" get "$kind" $@ --ignore-not-found -o name) && [ -z "$left" ]
}
# k ARGS: kubectl in the test's namespace.
k() { kubectl -n "$NS" "$@"; }
# ask WORD...: a question that the ring answers, which costs no kubectl: e2e/src/harness/asks.rs. What went wrong goes to standard error.
ask() {
  local ring failed=1 out='' errors=''
  exec {ring}<>"/dev/tcp/127.0.0.1/$E2E_ASKS"
  printf '%s\0' "$#" "$@" >&"$ring"
  # The last word of a broken answer is not ended; it is no answer then.
  IFS= read -r -d '' failed <&"$ring" && IFS= read -r -d '' out <&"$ring" && IFS= read -r -d '' errors <&"$ring" || failed=1
  exec {ring}>&-
  [ -z "$out" ] || printf '%s' "$out"
  [ -z "$errors" ] || printf '%s\n' "$errors" >&2
  return "$failed"
}
# have KIND NAME [JSONPATH]: a part of an object, or all of it.
have() { ask get "$NS" "$1" "$2" "${3:-}"; }
# field CLUSTER JSONPATH: a part of a cluster's status or spec.
field() { have pgc "$1" "$2"; }
# condition CLUSTER TYPE: reason and message of a condition.
condition() { field "$1" ".status.conditions[?(@.type=='$2')]['status','reason','message']"; }
# is CLUSTER JSONPATH VALUE
is() { [ "$(field "$1" "$2")" = "$3" ]; }
# healthy CLUSTER: as the operator sees it, for the newest generation.
healthy() { is "$1" .status.state Healthy && settled "$1"; }
# settled CLUSTER: the conditions speak of the spec as it is now.
settled() { is "$1" '.status.conditions[0].observedGeneration' "$(field "$1" .metadata.generation)"; }
# another POD UID: the pod of that name is a new one, and it is ready.
another() { have pod "$1" | jq -e --arg uid "$2" '.metadata.uid != $uid and all(.status.containerStatuses[]; .ready)'; }
# of BACKUP JSONPATH: a part of a backup's object.
of() { have pgb "$1" "$2"; }
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
secret() { have secret "$1" ".data['$2']" | base64 -d; }

# sql CLUSTER USER SECRET DATABASE STATEMENT: through the pooler, as a client would: verify-full, password by stdin.
sql() {
  local cluster=$1
  # shellcheck disable=SC2016 # expanded in the member
  ask exec "$NS" "$cluster-0" postgres "$(secret "$3" password)"$'\n' env \
    PGHOST="$cluster-pooler.$NS.svc" PGUSER="$2" PGDATABASE="$4" PGSSLMODE=verify-full PGCONNECT_TIMEOUT=5 \
    PGSSLROOTCERT=/etc/stylobate/tls/ca.crt \
    sh -c 'IFS= read -r PGPASSWORD || true; export PGPASSWORD; exec psql -XAtq -v ON_ERROR_STOP=1 -c "$1" </dev/null' sh "$5"
}
# inside POD STATEMENT: as the superuser, by the member's own socket.
inside() { ask exec "$NS" "$1" postgres '' psql -XAtq -U postgres -c "$2"; }
# server_time CLUSTER: the primary's clock, as RFC 3339 has it.
server_time() { inside "$(primary "$1")" "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"; }
# segment CLUSTER: the one that is written to now.
segment() { inside "$(primary "$1")" 'select pg_walfile_name(pg_current_wal_lsn())'; }
# backrest CLUSTER ARGS: pgBackRest on the cluster's own part of the archive, as a member has it.
backrest() {
  local cluster=$1
  shift
  # shellcheck disable=SC2016 # expanded in the member
  ask exec "$NS" "$(primary "$cluster")" postgres '' sh -c 'set -e; conf=/etc/stylobate/archive/pgbackrest.conf
    stanza=$(sed -n "s/^\[\([^]:]*\)\]$/\1/p" $conf | grep -v "^global$")
    exec pgbackrest --config=$conf --stanza="$stanza" "$@"' sh "$@"
}
# archived CLUSTER: all WAL of it that is in the archive.
archived() { backrest "$1" repo-ls --recurse "archive/$(field "$1" .status.archive.stanza)"; }
# holds CLUSTER SEGMENT: it is in the archive.
holds() { archived "$1" | grep -q "/$2-"; }
# answers CLUSTER: the pooler leads to a member that takes writes.
answers() { [ "$(sql "$1" app "$1-user-app" "${2:-bank}" 'select not pg_is_in_recovery()')" = t ]; }

# one_leads: the lease's holder runs, and two operators are ready. The lease of an operator that was cut off runs out within 30 s.
one_leads() {
  holder_runs && [ "$(ask get "$OPERATOR_NS" deployment stylobate .status.readyReplicas)" = 2 ]
}
holder_runs() {
  local holder
  holder=$(ask get "$OPERATOR_NS" lease stylobate .spec.holderIdentity)
  [ -n "$holder" ] && kubectl -n "$OPERATOR_NS" get pods -o name | grep -F "${holder%%_*}"
}
# kill_operators: both at once, without a word of farewell; for a promise that is made stormily.
kill_operators() {
  kubectl -n "$OPERATOR_NS" delete pods -l app.kubernetes.io/name=stylobate-operator --grace-period=0 --force 2>/dev/null
}
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

# example NAME [INSTANCES]: the cluster of docs/examples with this name, in the suite's namespace.
example() {
  sed -e "s/^  name: .*/  name: $1/" -e "s/^  namespace: .*/  namespace: $NS/" -e "s/^  instances: .*/  instances: ${2:-3}/" \
    -e "s/version: \"[0-9.]*\"/version: \"$PG_NEWEST\"/" -e 's/cpu: 200m/cpu: 100m/' docs/examples/ledger.yaml
}
# backup NAME [SPEC]: asks for a backup of the cluster `shop`, with these further fields.
backup() {
  printf '%s\n' 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresBackup' "metadata: {name: $1, namespace: $NS}" \
    "spec: {cluster: shop${2:+, $2}}" | kubectl apply -f -
}
# member_uids CLUSTER: identities of its members.
member_uids() { k get pods -l "stylobate.dev/cluster=$1,app.kubernetes.io/component=member" -o 'jsonpath={.items[*].metadata.uid}'; }
# member_images CLUSTER: the image of each member's Postgres, each once.
member_images() {
  k get pods -l "stylobate.dev/cluster=$1,app.kubernetes.io/component=member" -o json |
    jq -r '[.items[].spec.containers[] | select(.name == "postgres") | .image] | unique | join(" ")'
}
# Two images of one major to roll between: two minors where the archive has them, else two builds of one.
case ${PG_OTHER_KIND:-} in
  minor) OTHER_NAME="PostgreSQL $PG_OTHER, another minor than $PG_NEWEST" OTHER_ENGINE="{\"version\":\"$PG_OTHER\"}" ;;
  *)
    OTHER_NAME="another build of PostgreSQL $PG_NEWEST, as there is no other minor"
    OTHER_ENGINE="{\"version\":\"$PG_NEWEST\",\"image\":\"$PG_OTHER_IMAGE\"}"
    ;;
esac
NEWEST_ENGINE="{\"version\":\"$PG_NEWEST\",\"image\":null}"
# runs_version CLUSTER MEMBERS VERSION IMAGE: so many members run this version, from this image.
runs_version() {
  local version versions=
  for ((version = 0; version < $2; version++)); do versions+="${versions:+ }$3"; done
  [ "$(field "$1" '.status.members[*].version')" = "$versions" ] && [ "$(member_images "$1")" = "$4" ]
}

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
  have pgc "$1" | jq 'del(.metadata.managedFields)'
  children "$1" | grep -vE '^(StatefulSet|Deployment|PodDisruptionBudget)/'
}
