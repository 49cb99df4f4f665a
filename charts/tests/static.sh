# shellcheck shell=bash
# What can be said of the charts' text and of what helm renders from it.

lints() { helm lint --strict "charts/$1" --kube-version "$KUBE_VERSION" -f "$2"; }

generated_json() { awk 'FNR == 1 { print "---" } 1' crds/*.yaml | to_json | jq -S 'map({(.metadata.name): .spec}) | add'; }

same_file() {
  diff -r crds charts/stylobate/files ||
    { echo "run 'make crd', which writes both"; return 1; }
}

same_definition() {
  local rendered
  rendered=$(render stylobate charts/stylobate/values.yaml -s templates/crds.yaml | to_json)
  diff <(generated_json) <(jq -S 'map({(.metadata.name): .spec}) | add' <<<"$rendered")
  jq -e 'all(.metadata.annotations["helm.sh/resource-policy"] == "keep")' <<<"$rendered"
}

standard_labels() {
  render "$1" "$2" | in_own_group | to_json | jq -e '
    ["name", "instance", "version", "part-of", "managed-by"] as $wanted
    | map(. as $object | $wanted[] | select($object.metadata.labels["app.kubernetes.io/" + .] == null)
      | "\($object.kind) \($object.metadata.name) has no label \(.)")
    | . == [] or error(join(", "))'
}

# Every value stands in the README's table.
told() {
  local value
  while read -r value; do
    grep -qE "^[|] .*\`${value}[.\`]" "charts/$1/README.md" || { echo "README.md says nothing of $value"; return 1; }
  done < <(grep -oE '^[a-zA-Z]+' "charts/$1/values.yaml")
}

# The list reaches the ConfigMap as the values have it; an empty one is a list as well.
catalog_rendered() {
  local given
  rendered_catalog() { render stylobate charts/stylobate/values.yaml -s templates/images.yaml "$@" | to_json | jq -r '.[] | select(.kind == "ConfigMap").data["images.yaml"]'; }
  given=$(sed -n 's/^  - /- /p' charts/tests/images.yaml | list_json | jq -S .)
  (($(jq length <<<"$given") == 3)) || { echo "the test gives no list of three: $given"; return 1; }
  diff <(printf '%s\n' "$given") <(rendered_catalog | list_json | jq -S .)
  given=$(rendered_catalog --set-json 'engineImages=[]')
  [[ $given == '[]' ]] || { echo "an empty list is rendered as $given"; return 1; }
}

by_digest() {
  local images
  images=$(render stylobate charts/stylobate/ci/full-values.yaml -s templates/deployment.yaml | to_json |
    jq -r '.[0].spec.template.spec.containers[0] | .image, (.env[] | select(.name == "STYLOBATE_POOLER_IMAGE").value)')
  diff <(printf '%s\n' "registry.example:5000/team/stylobate/operator:0.1.0@sha256:$(printf 'd%.0s' {1..64})" \
    "registry.example:5000/team/stylobate/pgpool:4@sha256:$(printf 'e%.0s' {1..64})") <(printf '%s\n' "$images")
}

monitors() {
  local kind
  for kind in PodMonitor ServiceMonitor; do
    render stylobate charts/stylobate/ci/full-values.yaml -s templates/metrics.yaml --set "monitor.kind=$kind" |
      grep -A 12 "^kind: $kind" | grep 'release: prometheus' >/dev/null
  done
}

prove_static() {
  local chart values
  keeps "the scripts of the charts pass shellcheck" shellcheck -x charts/*.sh charts/tests/*.sh
  for chart in stylobate postgres-cluster; do
    for values in $(values_of "$chart"); do
      keeps "helm lint --strict has nothing against ${values#charts/}" lints "$chart" "$values"
      keeps "all objects of ${values#charts/} bear the standard labels" standard_labels "$chart" "$values"
    done
    keeps "the README of $chart tells of every value" told "$chart"
  done
  keeps "the chart's copies of the definitions are the generated ones, byte for byte" same_file
  keeps "the rendered definitions are the generated ones, and stay after an uninstall" same_definition
  keeps "the image catalog reaches its ConfigMap as the values have it" catalog_rendered
  keeps "the operator's and the pooler's image are named by digest where the values have one" by_digest
  keeps "a monitor of either kind bears the labels that Prometheus selects by" monitors
}
