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

# What a checkout's chart of this name lacks and a released one has; what stands behind it counts before it.
pinned() { if [[ $1 == stylobate ]]; then printf '%s\n' -f charts/tests/images.yaml; fi; }

# render CHART VALUES [ARGUMENT...]: what helm makes of it, for this run's namespace and the server's version.
render() {
  local chart=$1 values=$2 files
  shift 2
  mapfile -t files < <(pinned "$chart")
  # The chart's own values count without being named, and would take back what they leave empty.
  [[ $values == "charts/$chart/values.yaml" ]] || files+=(-f "$values")
  helm template test "charts/$chart" --namespace "$NAMESPACE" --kube-version "$KUBE_VERSION" "${files[@]}" "$@"
}

# Turns YAML of kinds that the server knows into a list of JSON objects.
to_json() { kubectl create --dry-run=client -o json -f - | jq -s 'map(if .kind == "List" then .items[] else . end)'; }

# Turns a list in YAML into JSON, as helm reads it.
list_json() {
  local chart=$WORK/reader
  mkdir -p "$chart/templates"
  printf 'apiVersion: v2\nname: reader\nversion: 0.1.0\n' >"$chart/Chart.yaml"
  printf '%s\n' 'list: {{ .Files.Get "list.yaml" | fromYamlArray | toJson }}' >"$chart/templates/list.yaml"
  cat >"$chart/list.yaml"
  helm template reader "$chart" | sed -n 's/^list: //p'
}

# The rendered cluster under this run's own group, where this checkout's definition is installed.
in_own_group() { sed "s,^apiVersion: stylobate.dev/,apiVersion: $GROUP/,"; }
