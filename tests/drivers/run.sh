#!/usr/bin/env bash
# Real drivers through the pooler on the local cluster: each promise of expected.tsv, for each kind of pooler.
#   run.sh [KIND...]   pgpool, pgbouncer (both when absent), or `primary`, past any pooler, which shows what PostgreSQL itself does
# KEEP=1 leaves the namespace `drivers`. What the programs saw is shown where it differs; DRIVERS_ONLY="pgx psycopg" runs some.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/drivers
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
# shellcheck source=tests/drivers/programs.sh
. "$HERE/programs.sh"
# shellcheck source=tests/drivers/place.sh
. "$HERE/place.sh"
# Seconds for one program; each case in it has 45 at most.
LIMIT=300

# serve KIND: all programs against one kind, one after the other, so that large messages of two never meet in a pod.
serve() {
  local kind=$1 cluster=$1 service=pooler driver started
  if [ "$kind" = primary ]; then cluster=pgpool service=primary; fi
  cluster_settings "$cluster" "$service"
  for driver in ${DRIVERS_ONLY:-${DRIVERS[@]}}; do
    started=$SECONDS
    # shellcheck disable=SC2086 # a command and its arguments
    inside timeout --kill-after=5 "$LIMIT" ${PROGRAMS[$driver]} >"$WORK/$kind.$driver.tsv" 2>"$WORK/$kind.$driver.err" || true
    python3 -B "$HERE/judge.py" "$kind" "$driver" $((SECONDS - started)) <"$WORK/$kind.$driver.tsv" >"$WORK/$kind.$driver.told" ||
      tail -n 3 "$WORK/$kind.$driver.err" | sed 's/^/        /' >>"$WORK/$kind.$driver.told"
    cat "$WORK/$kind.$driver.told"
  done
}

main() {
  local kind clusters=() kinds=() lanes=()
  place_local || { echo "drivers: skipped: pods of another Kubernetes than the local one can't be entered"; return; }
  (($# > 0)) || set -- pgpool pgbouncer
  for kind in "$@"; do
    case $kind in
      pgpool | pgbouncer) place_has "$kind" || { echo "drivers: $kind skipped: the definition has no spec.pooler.kind"; continue; } ;;
      primary) ;;
      *) fail "run $kind: the kinds are pgpool, pgbouncer and primary" ;;
    esac
    kinds+=("$kind")
  done
  ((${#kinds[@]} > 0)) || return 0
  mapfile -t clusters < <(printf '%s\n' "${kinds[@]/primary/pgpool}" | sort -u)
  place_begin
  for kind in "${clusters[@]}"; do cluster_make "$kind"; done
  programs_build
  for kind in "${clusters[@]}"; do cluster_ready "$kind"; done
  # Two kinds side by side; the primary is past the pooler of one of them, and meets its own tables.
  for kind in "${kinds[@]}"; do
    [ "$kind" != primary ] || continue
    serve "$kind" &
    lanes+=($!)
  done
  for kind in "${lanes[@]}"; do wait "$kind"; done
  [[ " ${kinds[*]} " != *" primary "* ]] || serve primary
  if grep -q '^FAIL' "$WORK"/*.told; then
    for kind in "${clusters[@]}"; do pooler_tells "$kind"; done
  fi
  awk '/^ok/ { kept += $NF } /^FAIL/ { broken++ }
    END { printf "drivers: %d promises kept, %d broken\n", kept, broken; exit broken > 0 }' "$WORK"/*.told
}

main "$@"
