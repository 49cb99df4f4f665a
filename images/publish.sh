#!/usr/bin/env bash
# Publishes a release: images and charts, signed, each image with a list of what is in it (SBOM).
#   publish.sh --version 0.1.0 --registry europe-docker.pkg.dev/PROJECT/stylobate [--dry-run]
# Needs skopeo, cosign, syft and helm, and a login to the registry; --dry-run needs none and prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION='' REGISTRY='' DRY=''

fail() {
  echo "$*" >&2
  exit 1
}

while (($# > 0)); do
  case $1 in
    --version) VERSION=${2:-} && shift ;;
    --registry) REGISTRY=${2:-} && shift ;;
    --dry-run) DRY=1 ;;
    *) fail "failed to read arguments: $1 is none; usage: publish.sh --version X.Y.Z --registry HOST/PATH [--dry-run]" ;;
  esac
  shift
done
[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
  fail "failed to read --version: '$VERSION' is no semantic version, as 0.1.0"
[[ $REGISTRY =~ ^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$ ]] ||
  fail "failed to read --registry: '$REGISTRY' is no registry and path, as europe-docker.pkg.dev/PROJECT/stylobate"

# Runs a command, or prints it.
run() { if [[ -n $DRY ]]; then echo "$*"; else "$@"; fi; }

# Images by the list of images/build.sh: an archive, its name here, its key. The operator's tag is the release's version, those
# of the others are the versions of what is in them.
images() {
  if [[ -n $DRY ]]; then
    images/build.sh --names | sed 's/.*/ARCHIVE & -/'
  else
    images/build.sh --list
  fi
}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

images | while read -r archive name _; do
  kind=${name##*/}
  tag=${kind#*:}
  kind=${kind%%:*}
  [[ $kind != operator ]] || tag=$VERSION
  image=$REGISTRY/$kind:$tag
  # What is signed is the digest that was pushed: a tag may be moved, a digest can't.
  run skopeo copy --digestfile "$WORK/digest" "docker-archive:$archive" "docker://$image"
  by_digest=$REGISTRY/$kind@$(if [[ -n $DRY ]]; then echo sha256:DIGEST; else cat "$WORK/digest"; fi)
  run syft scan "$by_digest" --output "spdx-json=$WORK/$kind.spdx.json"
  run cosign sign --yes "$by_digest"
  run cosign attest --yes --type spdxjson --predicate "$WORK/$kind.spdx.json" "$by_digest"
done

for chart in stylobate postgres-cluster; do
  run helm package "charts/$chart" --version "$VERSION" --app-version "$VERSION" --destination "$WORK"
  if [[ -n $DRY ]]; then
    echo "helm push $chart-$VERSION.tgz oci://$REGISTRY/charts"
  else
    helm push "$WORK/$chart-$VERSION.tgz" "oci://$REGISTRY/charts" 2>&1 | tee "$WORK/pushed"
    cosign sign --yes "$REGISTRY/charts/$chart@$(sed -n 's/^Digest: //p' "$WORK/pushed")"
  fi
done
