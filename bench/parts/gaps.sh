# The longest write gap that the bank saw, for each way in which a primary goes.
# shellcheck shell=bash

GAP_SECONDS=20
BEFORE_SECONDS=5 # of calm load before the blow

blow_postmaster() { k exec "$1" -c postgres -- sh -c 'kill -9 "$(head -1 /data/pgdata/postmaster.pid)"'; }
blow_graceful() { k delete pod "$1" --wait=false >/dev/null; }
blow_forced() { k delete pod "$1" --wait=false --grace-period=0 --force >/dev/null 2>&1; }
blow_switchover() { kubectl -n "$OPERATOR_NS" exec deploy/stylobate -- stylobate switchover ledger -n "$NS" --yes >/dev/null; }
# Process 1 of a container can be ended from outside only, so the node's own view of its cgroup is used.
blow_all() {
  local uid cgroup
  uid=$(k get pod "$1" -o 'jsonpath={.metadata.uid}')
  cgroup=$(k get pod "$1" -o 'jsonpath={.status.containerStatuses[?(@.name=="postgres")].containerID}')
  cgroup=$(find /sys/fs/cgroup -type d \( -path "*${uid//-/_}*" -o -path "*$uid*" \) -name "*${cgroup##*/}*" | head -1)
  [ -n "$cgroup" ] || { echo "failed to find the container of $1: this needs the local cluster" >&2; return 1; }
  if [ -e "$cgroup/cgroup.kill" ]; then echo 1 >"$cgroup/cgroup.kill"; else xargs -r kill -9 <"$cgroup/cgroup.procs"; fi
}

gap_of() { # BLOW
  within 180 healthy
  bank ledger-pooler $GAP_SECONDS
  sleep $BEFORE_SECONDS
  "blow_$1" "$(primary)"
  bank_ends
  jq -r '.longest_write_gap.seconds * 100 | round / 100' "$WORK/summary"
}

gaps() { # BLOW WHAT PEERS
  local values=()
  for _ in $(seq "$RUNS"); do values+=("$(gap_of "$1")"); done
  row "write gap: $2" s "$3" "${values[@]}"
}

measure_gaps() {
  gaps postmaster "postmaster kill -9" "8.4-10.9 / 3.7-5.1"
  gaps graceful "pod deleted" "- / 2.2"
  gaps forced "pod deleted by force" "19 / 1.1-1.8"
  gaps switchover "planned switchover" "8.3 / 3.3"
  [ -n "${STYLOBATE_INSTANCE:-}" ] || return 0
  gaps all "all processes killed at once" "- / 3.3, 12.9, 33"
}
