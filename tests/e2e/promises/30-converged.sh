# What is as it should be is left alone; what is not is put right.
# shellcheck shell=bash

QUIET_SECONDS=25 # longer than the operator's longest pause between two looks

nothing_is_written() {
  within 30 healthy shop
  within 60 quorum_is_seen # Patroni takes replicas into the quorum a while after they stream
  versions shop >"$WORK/before"
  sleep $QUIET_SECONDS
  versions shop >"$WORK/after"
  diff "$WORK/before" "$WORK/after"
}

quorum_is_seen() { [ "$(field shop '.status.members[?(@.role=="SyncReplica")].name' | wc -w)" = 2 ]; }

restart_writes_nothing() {
  versions shop >"$WORK/before"
  kubectl -n "$OPERATOR_NS" delete pod -l app.kubernetes.io/name=stylobate-operator
  kubectl -n "$OPERATOR_NS" rollout status deployment stylobate --timeout=90s
  within 40 one_leads
  sleep 10
  versions shop >"$WORK/after"
  diff "$WORK/before" "$WORK/after"
}

# The API server's own log of what the operator's account wrote in our namespace or in none, where the local cluster keeps one. What it
# writes for other suites is not ours: other namespaces, and the contents of their snapshots, which are in none, and come and go.
# Ours has no snapshot, so no content is its.
writes() {
  jq -r --arg ours "$NS" '
    select(.objectRef.resource != "leases" and (.objectRef.namespace // $ours) == $ours)
    | select(.objectRef.resource != "volumesnapshotcontents")
    | "\(.verb) \(.objectRef.resource) \(.objectRef.name)"' "$1"
}
# silent_meanwhile COMMAND...: nothing was written while it ran.
silent_meanwhile() {
  local lines log
  lines=$(wc -l <"$STYLOBATE_AUDIT")
  log=$(stat -c %i "$STYLOBATE_AUDIT")
  "$@"
  [ "$(stat -c %i "$STYLOBATE_AUDIT")" = "$log" ] || { echo "the API server began another log meanwhile"; return 1; }
  [ -z "$(k get volumesnapshots -o name)" ] || { echo "there are snapshots in $NS, whose contents are not looked at"; return 1; }
  tail -n "+$((lines + 1))" "$STYLOBATE_AUDIT" >"$WORK/audit"
  writes "$WORK/audit" | diff /dev/null -
}
audit_is_silent() {
  [ -s "${STYLOBATE_AUDIT:-/dev/null}" ] || { echo "the API server keeps no audit log here"; return 1; }
  within 30 healthy shop
  silent_meanwhile sleep $QUIET_SECONDS
}

# A process that takes over at once, as where the one before gave the lease back when it was told to end, has to read everything
# before it acts: what it does not see yet is not missing.
fresh_leaders() {
  for _ in 1 2 3; do
    kill_operators
    sleep 4
  done
  within 60 one_leads
  sleep 10
}
fresh_leaders_write_nothing() { silent_meanwhile fresh_leaders; }

# Every child but the system's Secrets, one after the other; the last column of the report is the time.
children_come_back() {
  local child uid rest
  while read -r child uid rest; do
    local flags=()
    case $child in
      StatefulSet/*) flags=(--cascade=orphan) ;;
      # What Patroni itself keeps is not rendered, and keys that others trust are made only once.
      ConfigMap/shop-config | ConfigMap/shop-leader | ConfigMap/shop-sync | ConfigMap/shop-failover) continue ;;
      Secret/shop-ca | Secret/shop-credentials) continue ;;
    esac
    k delete "$child" "${flags[@]}" --wait=false
    within 20 came_back "$child" "$uid" || { echo "$child did not come back"; return 1; }
    echo "$child came back $rest"
  done < <(children shop)
  within 120 healthy shop
  within 60 answers shop
}
came_back() { [ "$(k get "$1" -o 'jsonpath={.metadata.uid}')" != "$2" ] && k get "$1" -o name; }

drift_is_put_right() {
  k patch service shop-primary --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":6000}]'
  k scale deployment shop-pooler --replicas=1
  k patch configmap shop-pooler --type=merge -p '{"data":{"pgpool.conf":"port = 1"}}'
  within 20 test_equal 5432 have service shop-primary '.spec.ports[0].port'
  within 20 test_equal 2 have deployment shop-pooler .spec.replicas
  within 20 says "backend_hostname0" k get configmap shop-pooler -o yaml
  within 60 healthy shop
}

# audited WHEN WHAT FUNCTION: a promise, made calmly or stormily, that only the API server's own audit log can show, which a foreign cluster may not give.
audited() {
  if [ -n "${STYLOBATE_AUDIT:-}" ]; then "$1" promise "${@:2}"; else echo "skipped, no audit log of the API server is at hand here: $2"; fi
}

calmly promise "a converged cluster is not written to for $QUIET_SECONDS s" nothing_is_written
audited calmly "the API server's audit log agrees: no write but the lease" audit_is_silent
stormily promise "operators that start again write nothing" restart_writes_nothing
audited stormily "operators that take over again and again write nothing either" fresh_leaders_write_nothing
promise "every child that is deleted comes back, and clients are served again" children_come_back
promise "what somebody changed by hand is put right" drift_is_put_right
