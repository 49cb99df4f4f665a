#!/usr/bin/env bash
# Makes a namespace for a test or a benchmark, under the restricted pod security standard: new-namespace.sh NAMESPACE. One of the name goes
# first, with all that its backups have left.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
[ $# = 1 ] || { echo "usage: new-namespace.sh NAMESPACE" >&2; exit 2; }

local/end-namespace.sh "$1"
kubectl create namespace "$1"
kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted
