# shellcheck shell=bash
# What helm renders, against the schemas of the running API server.

conforms() {
  in_own_group | kubeconform -strict -summary -schema-location "$SCHEMAS/{{.ResourceKind}}{{.KindSuffix}}.json" -
}

chart_conforms() { render "$1" "$2" | conforms; }

# A test that takes everything would prove nothing.
misspelt() {
  if render postgres-cluster charts/postgres-cluster/values.yaml | sed 's/paused:/pausd:/' | conforms; then
    echo "a field that the definition does not have was taken"; return 1
  fi
  if render stylobate charts/stylobate/values.yaml | sed 's/serviceAccountName:/serviceAcountName:/' | conforms; then
    echo "a field that a Deployment does not have was taken"; return 1
  fi
}

prove_conform() {
  local chart values
  for chart in stylobate postgres-cluster; do
    for values in $(values_of "$chart"); do
      keeps "kubeconform -strict takes ${values#charts/}" chart_conforms "$chart" "$values"
    done
  done
  keeps "kubeconform -strict refuses a misspelt field of either chart" misspelt
}
