#!/usr/bin/env bash
# Tests the charts on the running cluster: lint, schemas taken from its API server, dry runs, refusals, rights, and how
# the definition is installed. All that it makes bears this run's name and is removed; no operator is needed or touched.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"

# Those that make up builds have to be there; those that Debian carries are installed when absent.
need_tools() {
  local tool
  for tool in kubectl helm kubeconform; do
    command -v "$tool" >/dev/null ||
      { echo "failed to find $tool: run make up without STYLOBATE_KUBECONFIG once, which builds it, or install it" >&2; exit 1; }
  done
  command -v jq >/dev/null && command -v shellcheck >/dev/null && return
  apt-get install -y --no-install-recommends jq shellcheck >/dev/null ||
    { echo "failed to install jq and shellcheck: run apt-get update, or install them yourself" >&2; exit 1; }
}

need_tools
RUN=charts-test-$$
NAMESPACE=$RUN
# A group of this run's own holds this checkout's definition, so that the one that clusters live by is left alone.
GROUP=$RUN.stylobate.dev
CRD=postgresclusters.$GROUP
WORK=$(mktemp -d)
SCHEMAS=$WORK/schemas
export KUBE_VERSION # helm, built from source, knows no version of its own
KUBE_VERSION=$(kubectl version -o json | jq -r .serverVersion.gitVersion)

for part in charts/tests/*.sh; do
  # shellcheck source=/dev/null
  . "$part"
done

# This checkout's definition under the run's group; without a short name, which would make `kubectl get pgc` ambiguous.
own_definition() {
  to_json <crds/postgresclusters.yaml |
    jq --arg group "$GROUP" '.[0] | .metadata = {name: ("postgresclusters." + $group)} | .spec.group = $group
      | del(.spec.names.shortNames, .spec.names.categories)'
}

# Removes what this run made, whatever happened.
clean() {
  kubectl delete --ignore-not-found --wait=false namespace "$NAMESPACE" >/dev/null
  kubectl delete --ignore-not-found --wait=false crd "$CRD" >/dev/null
  kubectl delete --ignore-not-found --wait=false clusterrole,clusterrolebinding "$RUN" >/dev/null
  rm -rf "$WORK"
}

prepare() {
  kubectl create namespace "$NAMESPACE" >/dev/null
  kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted >/dev/null
  own_definition | kubectl apply --server-side -f - >/dev/null
  # The server publishes schemas of a definition once it serves it. (`kubectl wait` fails on one so new that its conditions are null.)
  local _
  for _ in $(seq 120); do
    kubectl get --raw "/openapi/v3/apis/$GROUP/v1alpha1" >/dev/null 2>&1 && break
    sleep 0.5
  done
  charts/schemas.sh "$SCHEMAS" >/dev/null
}

trap clean EXIT
prepare
prove_static
prove_conform
prove_server
prove_refusals
prove_rights
prove_definition
if ((BROKEN > 0)); then
  echo "charts: $BROKEN of $((KEPT + BROKEN)) promises not kept"
  exit 1
fi
echo "charts: $KEPT promises kept"
