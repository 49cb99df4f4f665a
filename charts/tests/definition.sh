# shellcheck shell=bash
# How helm treats the definition, tried with this checkout's own under a group of this run: adopt, upgrade, keep.

# A chart with the definition alone, by the real templates; $1 is a jq program over the definition.
definition_chart() {
  local chart=$WORK/definition
  mkdir -p "$chart/templates" "$chart/files"
  cp charts/stylobate/Chart.yaml charts/stylobate/values.yaml "$chart/"
  cp charts/stylobate/templates/{_helpers.tpl,crds.yaml} "$chart/templates/"
  own_definition | jq "$1" >"$chart/files/postgresclusters.yaml"
}

# A short description marks which text the server holds.
mark() { printf '.spec.versions[0].schema.openAPIV3Schema.description = "%s"' "$1"; }
held() { kubectl get crd "$CRD" -o jsonpath='{.spec.versions[0].schema.openAPIV3Schema.description}'; }

definition_release() {
  # Without new values helm would go on with those of the release before.
  helm upgrade --install definition "$WORK/definition" --namespace "$NAMESPACE" --reset-values "$@" >/dev/null
}

refuses_a_strangers() {
  definition_chart "$(mark second)"
  if definition_release; then echo "helm took it over unasked"; return 1; fi
}

adopts() {
  definition_chart "$(mark second)"
  definition_release --take-ownership
  [[ $(held) == second ]] || { echo "the server holds $(held)"; return 1; }
}

adopts_in_an_upgrade() {
  definition_chart "$(mark third)"
  helm uninstall definition --namespace "$NAMESPACE" >/dev/null
  kubectl annotate crd "$CRD" meta.helm.sh/release-name- >/dev/null
  definition_release --set crds.install=false
  definition_release --take-ownership
  [[ $(held) == third ]] || { echo "the server holds $(held)"; return 1; }
}

upgrades() {
  definition_chart "$(mark fourth)"
  definition_release
  [[ $(held) == fourth ]] || { echo "the server holds $(held)"; return 1; }
}

keeps_definition() {
  helm uninstall definition --namespace "$NAMESPACE" >/dev/null
  [[ $(held) == fourth ]]
}

prove_definition() {
  keeps "helm refuses a definition that it did not make, unless told to take it over" refuses_a_strangers
  keeps "helm takes over a definition that kubectl applied, and brings it up to date" adopts
  keeps "helm takes it over in an upgrade of a release without it, too" adopts_in_an_upgrade
  keeps "an upgrade of the chart upgrades the definition" upgrades
  keeps "an uninstall leaves the definition" keeps_definition
}
