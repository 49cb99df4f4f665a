# shellcheck shell=bash
# Where the programs run: clusters in a namespace of their own, and the network of a pod there, from which their Services are reached as an
# application reaches them. Sourced by run.sh and psycopg-suite.sh, after programs.sh.

NAMESPACE=drivers
WORK=$(mktemp -d)
MADE=

k() { kubectl -n "$NAMESPACE" "$@"; }

# Whether pods of the cluster can be entered: of another Kubernetes than the local one they can't.
place_local() { [ -z "${STYLOBATE_KUBECONFIG:-}" ] && [ -n "${STYLOBATE_CTR:-}" ]; }

# place_has KIND: whether the definition that is installed knows this kind of pooler. Before there were kinds, all were of Pgpool-II.
place_has() {
  kubectl explain postgresclusters.spec.pooler.kind >/dev/null 2>&1 || [ "$1" = pgpool ]
}

place_begin() {
  trap place_end EXIT
  MADE=yes
  local/new-namespace.sh "$NAMESPACE" >/dev/null
}

place_end() {
  rm -rf "$WORK"
  [ -n "$MADE" ] || return 0
  if [ -n "${KEEP:-}" ]; then echo "drivers: namespace $NAMESPACE stays"; else local/end-namespace.sh "$NAMESPACE" >/dev/null 2>&1 || true; fi
}

# cluster_make KIND: a cluster of that name.
cluster_make() {
  local kind=
  if kubectl explain postgresclusters.spec.pooler.kind >/dev/null 2>&1; then
    case $1 in pgpool) kind='kind: Pgpool' ;; pgbouncer) kind='kind: PgBouncer\n    serverConnections: 12' ;; esac
  fi
  sed "s/NAME/$1/; s/^    KIND$/    $kind/" "$HERE/cluster.yaml" | k create -f - >/dev/null
}

# cluster_ready KIND: waits until it serves, and makes what logins are refused by.
cluster_ready() {
  local state deadline=$((SECONDS + 300))
  until state=$(k get "pgc/$1" -o jsonpath='{.status.state}') && [ "$state" = Healthy ]; do
    if ((SECONDS >= deadline)) || [ "$state" = Invalid ]; then
      fail "make the cluster $1: $(k get "pgc/$1" -o jsonpath='{.status.conditions[?(@.status=="False")].message}')"
    fi
    sleep 1
  done
  k exec -i "$(k get "pgc/$1" -o jsonpath='{.status.primary}')" -c postgres -- psql -XqU postgres -v ON_ERROR_STOP=1 <"$HERE/setup.sql"
  [ -s "$WORK/pid" ] || client_make "$(k get "pgc/$1" -o jsonpath='{.status.operator.poolerImage}')"
}

# client_make IMAGE: the pod whose network is entered, and the process by which it is.
client_make() {
  sed "s|IMAGE|$1|" "$HERE/client.yaml" | k create -f - >/dev/null
  k wait --for=condition=Ready pod/client --timeout=60s >/dev/null
  k exec client -- cat /etc/resolv.conf >"$WORK/resolv.conf"
  local container
  container=$(k get pod client -o jsonpath='{.status.containerStatuses[0].containerID}')
  $STYLOBATE_CTR tasks ls | awk -v id="${container##*/}" '$1 == id { print $2 }' >"$WORK/pid"
  [ -s "$WORK/pid" ] || fail "find the process of pod client"
}

# pooler_tells KIND: what may be why a session ended: pods that are new or began again, processes that ended, sessions that were ended.
pooler_tells() {
  local pods="stylobate.dev/cluster=$1,app.kubernetes.io/component=pooler"
  echo "        pods of the pooler $1, now $(date -u +%TZ):"
  k get pods -l "$pods" -o jsonpath='{range .items[*]}{.metadata.name}{" made "}{.metadata.creationTimestamp}{", restarts "}{.status.containerStatuses[*].restartCount}{"\n"}{end}' |
    sed 's/^/          /'
  k logs -l "$pods" --prefix --tail=-1 --timestamps 2>/dev/null |
    grep -E 'run-pgpool:|signal|FATAL|PANIC|segmentation|closing because' | grep -vE 'authentication failed' | tail -n 30 | sed 's/^/          /'
}

# value_of KIND SECRET: a password.
value_of() { k get secret "$1-$2" -o go-template='{{.data.password | base64decode}}'; }

# cluster_settings KIND SERVICE: what the programs are told, for the environment of one that is started.
cluster_settings() {
  local odd
  k get configmap "$1-ca" -o jsonpath='{.data.ca\.crt}' >"$WORK/$1.crt"
  export PGHOST=$1-$2.$NAMESPACE.svc PGPORT=5432 PGUSER=app PGDATABASE=drivers PGSSLMODE=verify-full PGSSLROOTCERT=$WORK/$1.crt
  PGPASSWORD=$(value_of "$1" user-app) && export PGPASSWORD
  for odd in nbsp nfd ligature soft; do
    declare -gx "PASSWORD_${odd^^}=$(value_of "$1" "$odd")"
  done
  # Passwords and texts are UTF-8, which Java takes from here.
  export LC_ALL=C.UTF-8
}

# inside COMMAND...: in the network of the pod, with its names.
inside() {
  # shellcheck disable=SC2016 # expanded by the shell inside
  nsenter --target "$(cat "$WORK/pid")" --net unshare --mount \
    sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$WORK/resolv.conf" "$@"
}
