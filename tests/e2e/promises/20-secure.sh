# Nothing is reachable without TLS and SCRAM, and no secret is seen where people look.
# shellcheck shell=bash

plain() { # HOST PORT: a client that asks for no TLS
  k exec shop-0 -c postgres -- env PGCONNECT_TIMEOUT=5 psql -XAt "host=$1 user=app dbname=bank sslmode=disable" -c 'select 1'
}

plain_is_refused() {
  ! plain "shop-pooler.$NS.svc" && ! plain "shop-primary.$NS.svc"
}

passwords_are_scram() {
  [ "$(inside "$(primary shop)" "select count(*) from pg_authid where rolpassword is not null and rolpassword !~ '^SCRAM-SHA-256'")" = 0 ]
}

no_secret_is_seen() {
  operator_logs >"$WORK/seen"
  k get events.events.k8s.io,pgc,pods,configmaps,statefulsets,deployments -o json >>"$WORK/seen"
  local pod name key
  for pod in $(k get pods -o name); do
    k logs "$pod" --all-containers >>"$WORK/seen"
    # A process may end while it is looked at.
    k exec "$pod" -- sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null || true' | tr '\0' ' ' >>"$WORK/seen"
  done
  says patroni cat "$WORK/seen"
  for name in shop-user-app shop-credentials; do
    for key in $(k get secret $name -o json | jq -r '.data | keys[] | select(. == "password" or . == "postgres" or . == "standby" or . == "rewind" or . == "stylobate_pooler_monitor")'); do
      ! grep -qF "$(secret $name "$key")" "$WORK/seen" || { echo "$key of $name is seen"; return 1; }
    done
  done
  ! grep -qE 'PRIVATE KEY|SCRAM-SHA-256\$' "$WORK/seen"
}

# Metrics of a member, asked for by another with the cluster's own authority.
member_metrics() {
  k exec shop-0 -c postgres -- python3 -c '
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/stylobate/tls/ca.crt")
print(urllib.request.urlopen(sys.argv[1], context=context, timeout=5).read().decode())' \
    "https://shop-1.shop-members.$NS.svc.cluster.local:9187/metrics" >"$WORK/metrics"
  grep -q '^pg_up 1' "$WORK/metrics"
}

# Metrics of a pooler pod: no Service leads there, so the name in its certificate is given by hand.
pooler_metrics() {
  local ip
  ip=$(k get pods -l stylobate.dev/cluster=shop,app.kubernetes.io/component=pooler -o 'jsonpath={.items[0].status.podIP}')
  k exec shop-0 -c postgres -- python3 -c '
import http.client, socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/stylobate/tls/ca.crt")
connection = http.client.HTTPConnection("pooler")
connection.sock = context.wrap_socket(socket.create_connection((sys.argv[1], 9719), 5), server_hostname="shop-pooler")
connection.request("GET", "/metrics")
print(connection.getresponse().read().decode())' "$ip" >"$WORK/metrics"
  grep -q '^pg_up 1' "$WORK/metrics" && grep -q '^pgpool_backend_select_cnt{' "$WORK/metrics"
}

operator_metrics() {
  local pod
  for pod in $(kubectl -n "$OPERATOR_NS" get pods -l app.kubernetes.io/name=stylobate-operator -o name); do
    kubectl get --raw "/api/v1/namespaces/$OPERATOR_NS/pods/${pod#pod/}:8080/proxy/metrics"
  done >"$WORK/metrics"
  grep -q "^stylobate_cluster_ready_instances{.*cluster=\"shop\".*} 3" "$WORK/metrics"
}

restricted() {
  local pod
  for pod in $(k get pods -o name); do
    k get "$pod" -o json | jq -e '.spec.securityContext.runAsNonRoot and
      all(.spec.containers[]; .securityContext.readOnlyRootFilesystem and (.securityContext.allowPrivilegeEscalation | not))'
  done
}

promise "a client without TLS is refused by the pooler and by members" plain_is_refused
promise "passwords are stored as SCRAM-SHA-256" passwords_are_scram
calmly promise "no password or key is in logs, events, status, ConfigMaps or arguments" no_secret_is_seen
promise "pods run as nobody in particular, on read-only file systems" restricted
promise "members' metrics are served over TLS of the cluster's authority" member_metrics
promise "the pooler's metrics come from Pgpool itself, over TLS" within 30 pooler_metrics
calmly promise "the operator's metrics count the ready members" operator_metrics
