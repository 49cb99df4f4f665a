# The pooler's kinds beside the server itself and beside a Pgpool-II that somebody set up by its manual: pgbench as ratios to the run straight to the
# primary just before, what clients see of a planned switchover, and reads by new connections while the primary is killed.
# shellcheck shell=bash

PGBENCH_SECONDS=${PGBENCH_SECONDS:-5}
PGBENCH_CLIENTS=${PGBENCH_CLIENTS:-1 16 64}
POOLERS=${POOLERS:-pgpool handmade pgbouncer}
# Not in the path of the image.
PGBENCH=/usr/lib/postgresql/$PG_MAJOR/bin/pgbench

# pgbench HOST FLAGS: transactions a second.
# Nothing where it failed: its row says `-`.
pgbench() { (in_client "$1" "$PGBENCH -n -T $PGBENCH_SECONDS $2 2>&1 </dev/null" || true) | awk '/^tps = / { printf "%.0f", $3 }'; }
ratio() { awk -v a="${1:-0}" -v b="${2:-0}" 'BEGIN { if (b > 0) printf "%.2f", a / b; else print "-" }'; }

# Pgpool-II with its manual's settings: kept connections, one backend, TLS and SCRAM. A connection that no client has is let go after a
# second, or those of one run would take the server's from the next.
handmade() {
  local password
  password=$(k get secret ledger-user-app -o 'jsonpath={.data.password}' | base64 -d)
  k create configmap handmade --dry-run=client -o yaml --from-literal=pool_hba.conf='hostssl all all all scram-sha-256' --from-literal=pgpool.conf="
listen_addresses = '*'
port = 5432
unix_socket_directories = '/tmp'
pcp_socket_dir = '/tmp'
pid_file_name = '/tmp/pgpool.pid'
work_dir = '/tmp'
logdir = '/tmp'
backend_clustering_mode = 'streaming_replication'
backend_hostname0 = 'ledger-primary.$NS.svc'
backend_port0 = 5432
backend_flag0 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'
sr_check_period = 0
num_init_children = 70
connection_life_time = 1
enable_pool_hba = on
pool_passwd = '/etc/users/pool_passwd'
ssl = on
ssl_cert = '/etc/tls/tls.crt'
ssl_key = '/etc/tls/tls.key'
" | k apply -f - >/dev/null
  k create secret generic handmade --dry-run=client -o yaml --from-literal=pool_passwd="app:TEXT$password" | k apply -f - >/dev/null
  k apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: handmade, labels: {app: handmade}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 999, fsGroup: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: pgpool
      image: $POOLER_IMAGE
      command: [pgpool, -n, -D, -f, /etc/conf/pgpool.conf, -a, /etc/conf/pool_hba.conf]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: conf, mountPath: /etc/conf}, {name: users, mountPath: /etc/users}, {name: tls, mountPath: /etc/tls}]
  volumes:
    - {name: conf, configMap: {name: handmade}}
    - {name: users, secret: {secretName: handmade}}
    - {name: tls, secret: {secretName: ledger-pooler-tls}}
---
apiVersion: v1
kind: Service
metadata: {name: handmade}
spec: {selector: {app: handmade}, ports: [{port: 5432}]}
YAML
  k wait pod/handmade --for=condition=Ready --timeout=60s >/dev/null
}

# speeds WHAT HOST: one row for each load, as ratios to the primary.
speeds() {
  local what=$1 target=$2 load flags protocol clients direct through
  for load in reads writes; do
    flags=$([ $load = reads ] && echo -S || echo)
    for protocol in simple prepared; do
      local ratios=()
      for clients in $PGBENCH_CLIENTS; do
        direct=$(pgbench ledger-primary "$flags -M $protocol -c $clients -j 2")
        through=$(pgbench "$target" "$flags -M $protocol -c $clients -j 2")
        ratios+=("$(ratio "$through" "$direct")")
      done
      row "$what / straight: pgbench $load, $protocol, clients ${PGBENCH_CLIENTS// /, }" ratio - "${ratios[@]}"
    done
  done
  direct=$(pgbench ledger-primary "-S -C -c 8 -j 2")
  through=$(pgbench "$target" "-S -C -c 8 -j 2")
  row "$what / straight: pgbench reads, a session for each, 8 clients" ratio - "$(ratio "$through" "$direct")"
}

# over WHAT: a planned switchover under load whose clients wait for 30 s before they call it an error.
over() {
  within 180 healthy
  BANK_DEADLINE=30s bank ledger-pooler $GAP_SECONDS
  sleep $BEFORE_SECONDS
  blow_switchover
  bank_ends
  row "planned switchover, $1: errors that clients saw" errors - "$(jq '[.errors[].count] | add // 0' "$WORK/summary")"
  row "planned switchover, $1: longest write gap" s - "$(jq '.longest_write_gap.seconds * 100 | round / 100' "$WORK/summary")"
}

# reads_on: new sessions, one after the other, at the Service HOST while the primary is killed: failed ones, and the longest time without a read.
reads_on() {
  local said
  within 180 healthy
  (sleep 3; blow_forced "$(primary)") &
  said=$(in_client "$1" 'end=$(($(date +%s) + 12)); while [ "$(date +%s)" -lt "$end" ]; do if psql -XAtqc "select 1" >/dev/null 2>&1 </dev/null; then echo "ok $(date +%s.%N)"; else echo failed; fi; done')
  wait $!
  row "primary killed, $1: reads by new sessions that failed" sessions - "$(grep -c failed <<<"$said" || true)"
  row "primary killed, $1: longest time without one" s - \
    "$(awk '$1 == "ok" { if (last && $2 - last > most) most = $2 - last; last = $2 } END { printf "%.2f", most }' <<<"$said")"
}

# kind JSON: another pooler, once its pods are there.
kind() {
  k patch pgc ledger --type=merge -p "{\"spec\":{\"pooler\":$1}}" >/dev/null
  within 30 converges
  within 180 settled
}
converges() { [ "$(k get pgc ledger -o 'jsonpath={.status.observedGeneration}')" = "$(k get pgc ledger -o 'jsonpath={.metadata.generation}')" ]; }
settled() { [ "$(k get pgc ledger -o 'jsonpath={.status.conditions[?(@.type=="Converged")].status}')" = True ] && healthy; }

measure_pooler() {
  local pooler
  client
  kind '{"kind":"Pgpool","instances":2,"clients":38,"serverConnections":null,"readOnly":null}'
  in_client ledger-primary "$PGBENCH -i -q -s 10 >/dev/null 2>&1 </dev/null"
  for pooler in $POOLERS; do "measure_$pooler"; done
}

measure_pgpool() {
  speeds Pgpool ledger-pooler
  over Pgpool
}

measure_handmade() {
  handmade
  speeds "hand-made Pgpool" handmade
  k delete pod/handmade service/handmade configmap/handmade secret/handmade >/dev/null
}

measure_pgbouncer() {
  kind '{"kind":"PgBouncer","instances":2,"clients":500,"serverConnections":20,"readOnly":{"instances":1,"clients":50,"serverConnections":5}}'
  speeds PgBouncer ledger-pooler
  over PgBouncer
  reads_on ledger-pooler
  reads_on ledger-pooler-ro
  kind '{"kind":"Pgpool","instances":2,"clients":null,"serverConnections":null,"readOnly":null}'
}
