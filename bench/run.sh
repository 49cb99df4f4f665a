#!/usr/bin/env bash
# Measures what docs/benchmarks.md lists, in one run on the cluster that runs, and writes that file. About 40 minutes.
# RUNS=n repeats each kill n times (3); ONLY="gaps tps ..." measures some and prints, without writing the file.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
export OPERATOR_NS=stylobate-system
NS=bench
RUNS=${RUNS:-3}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. bench/lib.sh
. bench/day-two.sh

for part in bench/parts/*.sh; do . "$part"; done

local/install.sh
make_namespace
for part in serving tps pooler gaps day_two backup operator fleet; do
  case " ${ONLY:-$part} " in *" $part "*) ;; *) [ "$part" = serving ] || continue ;; esac
  printf '== %s %s\n' "$(date +%T)" "$part" >&2
  "measure_$part"
done
kubectl delete namespace $NS --wait=false >/dev/null

if [ -z "${ONLY:-}" ]; then
  { cat bench/head.md; table; } >docs/benchmarks.md
fi
table
