# Edits of one object under load, and what they cost: the same for `make bench` and `make tour-day-two`.
# shellcheck shell=bash

BEFORE_SECONDS=5 # of calm load before an edit

# reader: a pod that opens a new connection through the pooler for each read, as short-lived clients do. Each line of its
# log is the time of a read that was answered.
reader() {
  k get pod reader >/dev/null 2>&1 && return
  k apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: reader
      image: $PG_NEWEST_IMAGE
      command:
        - sh
        - -c
        - 'while :; do psql -XAtqc "select 1" >/dev/null 2>&1 && date +%s.%N; sleep 0.05; done'
      env:
        - {name: PGHOST, value: ledger-pooler.$NS.svc}
        - {name: PGUSER, value: app}
        - {name: PGDATABASE, value: bank}
        - {name: PGSSLMODE, value: require}
        - {name: PGCONNECT_TIMEOUT, value: "2"}
        - name: PGPASSWORD
          valueFrom: {secretKeyRef: {name: ledger-user-app, key: password}}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
YAML
  k wait pod/reader --for=condition=Ready --timeout=60s >/dev/null
}
# read_gap FROM: the longest time between two answered reads since then, in seconds.
read_gap() {
  k logs reader --since-time="$(date -u -d "@${1%.*}" +%FT%TZ)" |
    awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.2f", gap }'
}

edit() { k patch pgc ledger --type=merge -p "$1" >/dev/null; }
setting() { k create configmap day-two --from-literal="$1=$2" --dry-run=client -o yaml | k apply -f - >/dev/null; }
members() { k get pods -l app.kubernetes.io/component=member -o 'jsonpath={.items[*].metadata.name}'; }
# everywhere SETTING VALUE: what all running servers say.
everywhere() {
  local pod
  for pod in $(members); do
    [ "$(k exec "$pod" -c postgres -- psql -XAtqU postgres -c "show $1")" = "$2" ] || return 1
  done
}
began() { field .status.rollout.startedAt; }
rolled() { [ "$(began)" != "$BEGAN" ] && [ "$(field .status.rollout.phase)" = Done ]; }
versions_are() { [ "$(field '.status.members[*].version')" = "$1 $1 $1" ]; }
# images_are IMAGE: all members run it; two builds of one version differ in nothing else.
images_are() {
  [ "$(k get pods -l app.kubernetes.io/component=member -o 'jsonpath={.items[*].spec.containers[?(@.name=="postgres")].image}')" = "$1 $1 $1" ]
}
in_force() { # CPU MEMORY
  local pod
  for pod in $(members); do
    [ "$(k get pod "$pod" -o json | jq -r '.status.containerStatuses[] | select(.name == "postgres").resources |
      .requests.cpu + " " + .limits.memory')" = "$1 $2" ] || return 1
  done
}
claims_are() {
  [ "$(k get pvc -l stylobate.dev/cluster=ledger -o 'jsonpath={.items[*].status.capacity.storage}')" = "$1 $1 $1" ]
}
has_members() { [ "$(field .status.ready)" = "$1/$1" ] && [ "$(k get statefulset ledger -o 'jsonpath={.status.replicas}')" = "$1" ]; }

# Each edit, and how its end is known.
day_reload() { setting work_mem "$1"; within 60 everywhere work_mem "$1"; }
day_restart() { setting max_locks_per_transaction "$1"; within 180 rolled; within 30 everywhere max_locks_per_transaction "$1"; }
# To the `other` image, of another minor version or another build of the same, and back to the `newest`.
day_image() {
  local version=$PG_NEWEST image=$PG_NEWEST_IMAGE
  [ "$1" = newest ] || version=$PG_OTHER image=$PG_OTHER_IMAGE
  edit "{\"spec\":{\"engine\":{\"version\":\"$version\",\"image\":\"$image\"}}}"
  within 300 rolled
  within 30 versions_are "$version"
  within 30 images_are "$image"
}
day_cpu() { edit "{\"spec\":{\"resources\":{\"cpu\":\"$1\"}}}"; within 60 in_force "$1" "$(field .spec.resources.memory)"; }
day_memory() { edit "{\"spec\":{\"resources\":{\"memory\":\"$1\"}}}"; within 180 rolled; within 30 in_force "$(field .spec.resources.cpu)" "$1"; }
day_move() { edit "{\"spec\":{\"scheduling\":{\"nodeSelector\":$1}}}"; within 300 rolled; }
day_storage() { edit "{\"spec\":{\"storage\":{\"size\":\"$1\"}}}"; within 60 claims_are "$1"; }
day_instances() { edit "{\"spec\":{\"instances\":$1}}"; within 120 has_members "$1"; }
day_switchover() { kubectl -n "$OPERATOR_NS" exec deploy/stylobate -- stylobate switchover ledger -n "$NS" --yes >/dev/null; }

# shellcheck disable=SC2034 # the results are read where this file is sourced
# cost EDIT VALUE SECONDS: makes the edit under load; leaves WHOLE, WRITES and READS in seconds.
cost() {
  local from
  within 180 healthy
  bank ledger-pooler "$3"
  sleep $BEFORE_SECONDS
  BEGAN=$(began)
  from=$(now)
  "day_$1" "$2"
  WHOLE=$(since "$from")
  bank_ends
  READS=$(read_gap "$from")
  WRITES=$(jq -r '.longest_write_gap.seconds * 100 | round / 100' "$WORK/summary")
}
