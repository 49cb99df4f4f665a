#!/usr/bin/env bash
# Removes a namespace of a test, a benchmark or a tour, with the snapshots that its backups have left: end-namespace.sh NAMESPACE. An
# operator keeps those on purpose, for the day when a namespace was deleted by mistake; those of a test, run after run, would fill the
# pool of the local cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
[ $# = 1 ] || { echo "usage: end-namespace.sh NAMESPACE" >&2; exit 2; }

# Pods of a run that was cut off have a grace period of 180 s, and their namespace's end may wait for half of that once more.
kubectl delete namespace "$1" --ignore-not-found --timeout=300s
mapfile -t contents < <(kubectl get volumesnapshotcontents -o json |
  jq -r --arg namespace "$1" '.items[] | select(.spec.volumeSnapshotRef.namespace == $namespace) | .metadata.name')
for content in "${contents[@]}"; do
  kubectl patch volumesnapshotcontent "$content" --type=merge -p '{"spec":{"deletionPolicy":"Delete"}}'
  kubectl delete volumesnapshotcontent "$content" --wait=false
done
