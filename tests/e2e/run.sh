#!/usr/bin/env bash
# The end-to-end ring: the operator as its chart installs it, real pods, one line for each promise.
# E2E=NAME... runs only those files of promises/ (the cluster is made in any case).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
OPERATOR_NS=stylobate-system
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
. tests/e2e/lib.sh
. tests/e2e/bank.sh

for file in tests/e2e/promises/*.sh; do
  name=$(basename "$file" .sh)
  case " ${E2E:-} " in "  " | *" ${name#*-} "*) ;; *) [[ $name == 1[01]-* ]] || continue ;; esac
  printf '%s\n' "-- ${name#*-}"
  . "$file"
done

kubectl delete namespace $NS --wait=false >/dev/null
printf '\nend to end: %s promises kept, %s broken, %s s\n' "$KEPT" "${#BROKEN[@]}" "$SECONDS"
((${#BROKEN[@]} == 0))
