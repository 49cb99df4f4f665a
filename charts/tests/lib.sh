# shellcheck shell=bash
# How the parts say what they prove: one line for each promise, with the reason below one that is not kept.

KEPT=0
BROKEN=0

# keeps PROMISE COMMAND...: the promise is kept when the command, run with `set -e`, succeeds.
keeps() {
  local promise=$1 said status
  shift
  set +e
  said=$(set -e; "$@" 2>&1)
  status=$?
  set -e
  if ((status == 0)); then
    KEPT=$((KEPT + 1))
    printf 'ok        %s\n' "$promise"
  else
    BROKEN=$((BROKEN + 1))
    printf 'NOT KEPT  %s\n' "$promise"
    printf '%s\n' "${said:-the command said nothing}" | tail -n 20 | sed 's/^/          /'
  fi
}

# The YAML files with values of a chart: its defaults and those in ci/.
values_of() { printf '%s\n' "charts/$1/values.yaml" "charts/$1"/ci/*.yaml; }

# render CHART VALUES [ARGUMENT...]: what helm makes of it, for this run's namespace and the server's version.
render() {
  local chart=$1 values=$2
  shift 2
  helm template test "charts/$chart" --namespace "$NAMESPACE" --kube-version "$KUBE_VERSION" -f "$values" "$@"
}

# Turns YAML of kinds that the server knows into a list of JSON objects.
to_json() { kubectl create --dry-run=client -o json -f - | jq -s 'map(if .kind == "List" then .items[] else . end)'; }

# The rendered cluster under this run's own group, where this checkout's definition is installed.
in_own_group() { sed "s,^apiVersion: stylobate.dev/,apiVersion: $GROUP/,"; }
