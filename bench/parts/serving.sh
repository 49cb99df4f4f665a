# From `kubectl apply` until a row written through Pgpool over TLS is there; images are on the node.
# shellcheck shell=bash

# A client that waits beside the cluster, so that no start of a pod is measured.
client() {
  k apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: client
      image: $PG_NEWEST_IMAGE
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
YAML
  k wait pod/client --for=condition=Ready --timeout=60s >/dev/null
}

serves() { in_client ledger-pooler 'exec psql -XAtqc "create table served as select 1" </dev/null'; }

measure_serving() {
  local times=() whole=() run from
  client
  for run in $(seq "$RUNS"); do
    from=$(now)
    sed "s/namespace: ledger/namespace: $NS/" docs/examples/ledger.yaml | k apply -f - >/dev/null
    within 120 serves
    times+=("$(since "$from")")
    within 120 healthy
    whole+=("$(since "$from")")
    ((run == RUNS)) && break
    k delete pgc ledger --timeout=120s >/dev/null
    k delete pvc -l stylobate.dev/cluster=ledger >/dev/null
    k delete secret ledger-credentials --ignore-not-found >/dev/null
    sleep 5
  done
  row "apply to serving, 3 members" s "57 / 7" "${times[@]}"
  row "apply to all members in the quorum" s "-" "${whole[@]}"
}
