#!/usr/bin/env bash
# The end-to-end ring: the operator as its chart installs it, real pods, one line for each promise. run.sh NAME... proves those promises
# whose names hold one of the texts, with what they stand on; --list prints names, --help the rest. LANES groups run side by side.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
# kubectl runs thousands of times for a tenth of a second; a quarter of that is collecting garbage that its end frees anyway (measured).
export GOGC=off GOMEMLIMIT=256MiB
nice cargo build --quiet --locked --package stylobate-e2e
exec "${CARGO_TARGET_DIR:-target}/debug/e2e" "$@"
