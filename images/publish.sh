#!/usr/bin/env bash
# Publishes a release: images and charts, signed, each image with a list of what is in it (SBOM). The operator's chart names every
# image by its digest, which is that of the archive that images/build.sh made.
#   publish.sh --version 0.1.0 --registry europe-docker.pkg.dev/PROJECT/stylobate [--dry-run]
# Needs skopeo, cosign, syft and helm, and a login to the registry; --dry-run needs none and prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION='' REGISTRY='' DRY=''
# Hours that may have gone by since Debian's archive was asked for versions: a release of an older build would bring back what a security
# update took away.
MOST_HOURS=24

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

# Lines ARCHIVE NAME KEY DIGEST of images/build.sh. A second build of the same version is for tests alone. The operator's tag is the
# release's version, those of the others are the versions of what is in them.
images() {
  if [[ -n $DRY ]]; then
    images/build.sh --names | sed 's/.*/ARCHIVE & - sha256:DIGEST/'
  else
    images/build.sh --list
  fi | grep -v -- '-rebuilt '
}

if [[ -z $DRY ]]; then
  hours=$(images/versions.sh hours)
  ((hours <= MOST_HOURS)) ||
    fail "failed to publish: versions were found $hours hours ago, and Debian's archive may have newer ones; run make images where it can be reached"
  [[ $(images | grep -c ' sha256:') == "$(images/build.sh --names | grep -vc -- '-rebuilt$')" ]] || fail "failed to publish: not all images are built; run make images"
fi

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

images | while read -r archive name _ digest; do
  kind=${name##*/}
  tag=${kind#*:}
  kind=${kind%%:*}
  [[ $kind != operator ]] || tag=$VERSION
  image=$REGISTRY/$kind:$tag
  by_digest=$REGISTRY/$kind@$digest
  # What is signed is a digest: a tag may be moved, a digest can't.
  run skopeo copy --preserve-digests "oci-archive:$archive" "docker://$image"
  run syft scan "$by_digest" --output "spdx-json=$WORK/$kind.spdx.json"
  run cosign sign --yes "$by_digest"
  run cosign attest --yes --type spdxjson --predicate "$WORK/$kind.spdx.json" "$by_digest"
done

values=$(images/engine-images.sh values --registry "$REGISTRY" --operator-tag "$VERSION" ${DRY:+--dry-run})
mkdir "$WORK/charts"
cp -r charts/postgres-cluster "$WORK/charts/postgres-cluster"
images/pin-chart.sh charts/stylobate "$WORK/charts/stylobate" <<<"$values"
[[ -z $DRY ]] || printf '# Into the values of the chart stylobate:\n%s\n' "$values"

for chart in stylobate postgres-cluster; do
  run helm package "$WORK/charts/$chart" --version "$VERSION" --app-version "$VERSION" --destination "$WORK"
  if [[ -n $DRY ]]; then
    echo "helm push $chart-$VERSION.tgz oci://$REGISTRY/charts"
  else
    helm push "$WORK/$chart-$VERSION.tgz" "oci://$REGISTRY/charts" 2>&1 | tee "$WORK/pushed"
    cosign sign --yes "$REGISTRY/charts/$chart@$(sed -n 's/^Digest: //p' "$WORK/pushed")"
  fi
done
