# The operator itself: its memory, and what it writes when there is nothing to do.
# shellcheck shell=bash

CALM_SECONDS=60

leader() { kubectl -n "$OPERATOR_NS" get lease stylobate -o 'jsonpath={.spec.holderIdentity}' | sed 's/_.*//'; }
operator_metric() { kubectl get --raw "/api/v1/namespaces/$OPERATOR_NS/pods/$(leader):8080/proxy/metrics" | awk -v name="$1" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }'; }

# Writes of the operator's account, by the API server's own audit log where the local cluster keeps one.
writes() {
  if [ -n "${STYLOBATE_AUDIT:-}" ]; then
    jq -r 'select(.objectRef.resource != "leases") | .verb' "$STYLOBATE_AUDIT" | wc -l
  else
    operator_metric stylobate_writes_total
  fi
}

measure_operator() {
  local before after pid memory=()
  within 180 healthy
  sleep 20
  before=$(writes)
  sleep $CALM_SECONDS
  after=$(writes)
  row "API writes in $CALM_SECONDS s when converged, but for the lease" writes 0 $((after - before))
  for pid in $(pgrep -f '^stylobate operator'); do
    memory+=("$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$pid/status")")
  done
  row "memory (RSS) of both operators with 1 cluster" MiB - "${memory[@]}"
}
