# shellcheck shell=bash
# What helm renders, sent to the running API server as a dry run: admission, CEL rules and pod security count too.

taken_by_server() { render postgres-cluster "$1" | in_own_group | kubectl apply --dry-run=server -f -; }

# The operator's pod alone, in a namespace that enforces the restricted standard: a Deployment would only be warned of.
restricted() {
  render stylobate "$1" -s templates/deployment.yaml | to_json | jq '.[0].spec.template | . + {
    apiVersion: "v1", kind: "Pod", metadata: (.metadata + {name: "operator"})} | .spec.serviceAccountName = "default"
    | del(.spec.priorityClassName)' |
    kubectl -n "$NAMESPACE" create --dry-run=server -f -
}

applied_as_text() {
  render postgres-cluster charts/postgres-cluster/ci/full-values.yaml -s templates/tuning.yaml |
    kubectl apply --dry-run=server -o json -f - | jq -e '.items[] | select(.metadata.name == "ledger-tuning-reports").data
      | .work_mem == "64MB" and .autovacuum_vacuum_insert_threshold == "1000000" and .random_page_cost == "1.1"'
}

prove_server() {
  local values
  for values in $(values_of postgres-cluster); do
    keeps "the API server takes the cluster of ${values#charts/}" taken_by_server "$values"
  done
  for values in $(values_of stylobate); do
    keeps "the operator's pod of ${values#charts/} fits the restricted Pod Security Standard" restricted "$values"
  done
  keeps "settings of a tuning layer reach their ConfigMap as the text that was written" applied_as_text
}
