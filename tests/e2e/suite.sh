#!/usr/bin/env bash
# Runs one file of promises/ in the namespace NS: suite.sh FILE. The ring (e2e/) starts it, gives it versions of PostgreSQL, the locks
# that suites side by side keep, and reads its lines. E2E_LIST=1 prints the promises' names and does nothing; E2E_LAST is the last
# one to prove.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${E2E_ROOM:?is started by tests/e2e/run.sh NAME}"
OPERATOR_NS=stylobate-system
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/bank.sh
. tests/e2e/bank.sh
# shellcheck source=/dev/null
. "tests/e2e/promises/$1.sh"
