#!/usr/bin/env bash
# The demo: from nothing to a three-member Postgres behind Pgpool under load, whose primary is killed twice.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
NS=ledger
. local/room.sh

# One line of what happens, with the time.
say() { printf '\n== %s %s\n' "$(date +%T)" "$*"; }

# waits SECONDS CONDITION...: waits for the cluster, and says what its pods wait for when it does not come in time.
waits() {
  local seconds=$1
  shift
  kubectl -n $NS wait pgc/ledger "$@" --timeout="${seconds}s" || { pods_wait $NS >&2; exit 1; }
}

# The pod that takes writes.
primary() { kubectl -n $NS get pgc ledger -o jsonpath='{.status.primary}'; }

say "installing the operator"
local/install.sh

say "applying docs/examples/ledger.yaml"
kubectl create namespace $NS 2>/dev/null || true
kubectl label --overwrite namespace $NS pod-security.kubernetes.io/enforce=restricted "$TOUR_LABEL=demo" >/dev/null
# One that an earlier demo made has its room already.
if ! kubectl -n $NS get pgc ledger >/dev/null 2>&1; then
  read -r cpu mib < <(clusters_ask <docs/examples/ledger.yaml)
  room $NS "$cpu" "$mib"
fi
started=$SECONDS
kubectl apply -f docs/examples/ledger.yaml
waits 300 --for=condition=Ready
waits 300 --for=jsonpath='{.status.state}'=Healthy
echo "healthy after $((SECONDS - started)) s"

say "running the bank through Pgpool for 60 s"
kubectl -n $NS delete job bank --ignore-not-found >/dev/null
kubectl apply -f docs/examples/bank-job.yaml
for _ in $(seq 60); do
  [ "$(kubectl -n $NS get job bank -o jsonpath='{.status.ready}')" = 1 ] && break
  sleep 1
done
sleep 20
one=$(primary)
say "kill -9 of the postmaster of $one"
kubectl -n $NS exec "$one" -c postgres -- sh -c 'kill -9 "$(head -1 /data/pgdata/postmaster.pid)"'
sleep 20
two=$(primary)
say "deleting the pod $two"
kubectl -n $NS delete pod "$two" --wait=false
kubectl -n $NS wait job/bank --for=condition=Complete --timeout=3m ||
  { kubectl -n $NS logs job/bank | tail -30; echo "the bank found a broken invariant" >&2; exit 1; }
say "what the bank saw"
kubectl -n $NS logs job/bank | sed -n '/transfers ended/,$p'

say "waiting until the cluster is whole again"
waits 180 --for=jsonpath='{.status.state}'=Healthy
kubectl -n stylobate-system exec deploy/stylobate -- stylobate status ledger -n $NS
cat <<'TEXT'
The cluster goes on running. To go on by hand:
  . local/.state/env; export PATH="$STYLOBATE_BIN:$PATH"
  kubectl -n ledger get pgc,pods
  kubectl -n ledger edit pgc ledger        # spec.instances: 2, and back to 3
  kubectl -n ledger get events --field-selector involvedObject.kind=PostgresCluster
  kubectl delete namespace ledger          # ends this cluster, volumes too
  make down                                # stops it; volumes stay
TEXT
