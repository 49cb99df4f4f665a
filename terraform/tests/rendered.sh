# shellcheck shell=bash
# What Terraform gives the charts, rendered by helm and held against schemas of the Kubernetes that GKE runs, without a cluster:
# those of Kubernetes' own source, of our definition, of the snapshot controller; GKE's two kinds by charts/gke-schemas.

# The folder of schemas, made once for each release of Kubernetes and each state of the definitions.
schemas_make() {
  local source snapshots
  SCHEMAS=$WORK/schemas
  # shellcheck source=/dev/null
  KUBE_VERSION=v$(. local/lib/build.sh && echo "$KUBERNETES_VERSION")
  export KUBE_VERSION
  source=$(cd local/kube && go mod download -json "k8s.io/kubernetes@$KUBE_VERSION" | jq -r .Dir)
  charts/schemas.sh "$SCHEMAS" "$source/api/openapi-spec/v3" >/dev/null
  snapshots=$(cd local/sidecars && go mod download -json "$(go list -m -f '{{.Path}}@{{.Version}}' github.com/kubernetes-csi/external-snapshotter/client/v8)" | jq -r .Dir)
  "$PYTHON_BIN/python" terraform/tests/crd-schema.py "$SCHEMAS" crds/*.yaml "$snapshots"/config/crd/snapshot.storage.k8s.io_*.yaml
  cp charts/gke-schemas/*.json "$SCHEMAS/"
  [[ -s $SCHEMAS/postgrescluster-stylobate-v1alpha1.json && -s $SCHEMAS/deployment-apps-v1.json && -s $SCHEMAS/volumesnapshotclass-snapshot-v1.json ]]
}

conforming() { kubeconform -strict -summary -skip CustomResourceDefinition -schema-location "$SCHEMAS/{{.ResourceKind}}{{.KindSuffix}}.json" -; }

# gke_values CHART FILE...: lint and schemas, with values files in their order.
gke_values() {
  local chart=$1 files=() file
  shift
  # As a released chart has them in its own values.
  mapfile -t files < <(pinned "$chart")
  for file; do files+=(-f "$file"); done
  helm lint --strict "charts/$chart" --kube-version "$KUBE_VERSION" "${files[@]}" >"$WORK/lint" || { cat "$WORK/lint"; return 1; }
  helm template test "charts/$chart" --namespace test --kube-version "$KUBE_VERSION" "${files[@]}" >"$WORK/rendered"
  conforming <"$WORK/rendered"
}

gke_misspelt() {
  helm template test charts/postgres-cluster --kube-version "$KUBE_VERSION" -f charts/postgres-cluster/gke/psc.yaml >"$WORK/rendered"
  local word
  for word in natSubnets loadBalancerSourceRanges insecureSkipVerify nodeSelector; do
    sed "s/$word:/my-$word:/" "$WORK/rendered" >"$WORK/misspelt"
    ! conforming <"$WORK/misspelt" >/dev/null || { echo "my-$word was taken for a field"; return 1; }
  done
}

# apply_customer NAME: the stack applied against mocks, with keys of the customer's region, so that all values are known.
apply_customer() {
  local region keys
  region=$(sed -nE 's/^region += "([^"]+)".*/\1/p' "terraform/customers/$1/customer.tfvars")
  keys=$(jq -nc --arg at "projects/p/locations/$region/keyRings/r/cryptoKeys" '{existing_keys: (["archive", "audit", "backup", "disks", "nodes", "secrets"] | map({(.): "\($at)/\(.)"}) | add)}')
  cp -r "$WORK/copy/terraform/stacks/customer" "$WORK/copy/terraform/stacks/applied-$1"
  (cd "$WORK/copy/terraform/stacks/applied-$1" &&
    terraform test -json -verbose -filter=tests/applied.tftest.hcl -var-file="../../customers/$1/customer.tfvars" -var "kms=$keys" \
      >"$WORK/out/applied-$1.json" 2>"$WORK/out/applied-$1.err") || true
}

# Releases that the apply made, one a line: name and chart.
releases() {
  jq -r 'select(.type == "test_state") | .test_state.root_module.child_modules[].resources[]?
    | select(.type == "helm_release") | "\(.values.name) \(.values.chart | split("/") | last)"' "$WORK/out/applied-$1.json" | sort
}

# release_conforms CUSTOMER RELEASE CHART: the values as Terraform gives them, in their order.
release_conforms() {
  local count number files=()
  jq -c --arg name "$2" 'select(.type == "test_state") | [.test_state.root_module.child_modules[].resources[]?
    | select(.type == "helm_release" and .values.name == $name)][0].values.values' "$WORK/out/applied-$1.json" >"$WORK/values.json"
  count=$(jq length "$WORK/values.json")
  ((count > 0)) || { echo "Terraform gives release $2 no values"; return 1; }
  for ((number = 0; number < count; number++)); do
    jq -r ".[$number]" "$WORK/values.json" >"$WORK/values-$number.yaml"
    files+=("$WORK/values-$number.yaml")
  done
  gke_values "$3" "${files[@]}"
}

# The apply made the operator and every database of the folder; else nothing would be rendered, and all would look well.
releases_are_whole() {
  local wanted
  wanted=$({ echo stylobate; sed -nE '/^databases = \{/,/^\}/ s/^  ([a-z][a-z0-9-]*) += \{.*/\1/p; s/^databases += \{ ([a-z][a-z0-9-]*) = .*/\1/p' "terraform/customers/$1/customer.tfvars"; } | sort | xargs)
  [[ $(releases "$1" | cut -d' ' -f1 | xargs) == "$wanted" ]] || { echo "wanted releases $wanted, got $(releases "$1" | xargs)"; return 1; }
}

prove_rendered() {
  local values chart name release
  keeps "schemas of Kubernetes, of our definition and of GKE's kinds can be made without a cluster" schemas_make
  # Set again out here: a promise runs in a shell of its own.
  SCHEMAS=$WORK/schemas
  # shellcheck source=/dev/null
  KUBE_VERSION=v$(. local/lib/build.sh && echo "$KUBERNETES_VERSION")
  export KUBE_VERSION
  for chart in stylobate postgres-cluster; do
    for values in "charts/$chart"/gke/*.yaml; do
      keeps "helm lint and kubeconform -strict take ${values#charts/}" gke_values "$chart" "$values"
    done
  done
  keeps "kubeconform -strict refuses a field that GKE's kinds do not have" gke_misspelt
  for name in $(customers); do
    apply_customer "$name"
    prove_runs "customer $name" "$WORK/out/applied-$name.json"
    keeps "customer $name: the apply makes the operator and each database of its folder" releases_are_whole "$name"
    while read -r release chart; do
      keeps "customer $name: helm lint and kubeconform take release $release as Terraform gives it" release_conforms "$name" "$release" "$chart"
    done < <(releases "$name")
  done
}
