#!/usr/bin/env bash
# What images/build.sh found and built, for everybody else: no other file says which versions there are.
#   engine-images.sh values  values of the operator's chart: the catalog of engine images, the pooler's and the operator's image, each by
#                            digest; for a release --registry HOST/PATH --operator-tag TAG, and --dry-run where nothing is built
#   engine-images.sh env     assignments for a shell:
#     PG_MAJOR PG_NEWEST PG_NEWEST_IMAGE     the newest major, its newest version and the image of that
#     PG_OTHER PG_OTHER_IMAGE PG_OTHER_KIND  another image of that major to roll to: of another `minor`, or a second `build` of the same
#     OLD_MAJOR OLD_NEWEST ... OLD_OTHER_KIND  the same of the older major
#     POOLER_VERSION POOLER_IMAGE OPERATOR_IMAGE
# A second build of the same version is for tests of a change of images and never in the catalog.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=images/plan.sh
. ./plan.sh

FLAVOR=Postgres
REGISTRY=$REPOSITORY
OPERATOR_TAG=
DRY=

fail() { echo "failed to $*" >&2; exit 1; }

# Takes over what was built: FOUND, and by "kind:tag" REFERENCE (name, tag and digest) and SINCE (the day of the build, UTC).
declare -A REFERENCE SINCE
read_images() {
  local archive image digest lines
  if [ -n "$DRY" ]; then
    FOUND=$(guess)
    lines=$(names | sed 's/.*/- & - sha256:DIGEST/')
  else
    FOUND=$(./versions.sh known)
    plan "$FOUND"
    lines=$(list)
  fi
  while read -r archive image _ digest; do
    [ "$digest" != - ] || fail "read the digest of $image: it is not built; run make images"
    image=${image##*/}
    REFERENCE[$image]=$REGISTRY/$image@$digest
    SINCE[$image]=DAY
    [ -n "$DRY" ] || SINCE[$image]=$(date -u -d "@$(stat -c %Y "$archive")" +%F)
  done <<<"$lines"
  [ -n "${REFERENCE[operator:dev]:-}" ] || fail "read the digest of the operator's image: it is not built; run make images"
}

# Versions of Postgres of the major $1, or the majors, the newest first.
minors() { awk -v major="$1" '$1 == "postgres" && $2 == major { print $3 }' <<<"$FOUND"; }
majors() { awk '$1 == "postgres" { print $2 }' <<<"$FOUND" | uniq; }
pooler() { awk -v name="$1" '$1 == name { print $3; exit }' <<<"$FOUND"; }

# An entry of the catalog: $1 version, $2 tag, $3 the older major that the image upgrades from, if it does.
entry() {
  printf '  - {flavor: %s, version: "%s", %simage: "%s", since: "%s"}\n' \
    $FLAVOR "$1" "${3:+upgradesFrom: $3, }" "${REFERENCE[postgres:$2]}" "${SINCE[postgres:$2]}"
}

values() {
  local major version newest='' operator=${REFERENCE[operator:dev]}
  printf 'image: {%sdigest: "%s"}\n' \
    "$([ "$REGISTRY" = "$REPOSITORY" ] || printf 'prefix: "%s", ' "$REGISTRY"; [ -z "$OPERATOR_TAG" ] || printf 'tag: "%s", ' "$OPERATOR_TAG")" \
    "${operator##*@}"
  printf 'pooler: {image: "%s"}\npgbouncer: {image: "%s"}\nengineImages:\n' "${REFERENCE[pgpool:$(pooler pgpool)]}" "${REFERENCE[pgbouncer:$(pooler pgbouncer)]}"
  for major in $(majors); do
    for version in $(minors "$major"); do
      entry "$version" "$version"
      newest=${newest:-$version}
    done
    [ "$major" = "${newest%%.*}" ] || entry "$newest" "$major-to-$newest" "$major"
  done
}

# The assignments of one major: $1 prefix, $2 major.
env_of() {
  local newest other kind=minor found
  mapfile -t found < <(minors "$2")
  newest=${found[0]} other=${found[1]:-}
  if [ -z "$other" ]; then other=$newest kind=build; fi
  printf '%s=%s\n' "$1_MAJOR" "$2" "$1_NEWEST" "$newest" "$1_NEWEST_IMAGE" "${REFERENCE[postgres:$newest]}" "$1_OTHER" "$other" \
    "$1_OTHER_IMAGE" "${REFERENCE[postgres:$other$([ $kind = minor ] || echo -rebuilt)]}" "$1_OTHER_KIND" $kind
}

env() {
  local found
  mapfile -t found < <(majors)
  env_of PG "${found[0]}"
  env_of OLD "${found[1]}"
  printf '%s=%s\n' POOLER_VERSION "$(pooler pgpool)" POOLER_IMAGE "${REFERENCE[pgpool:$(pooler pgpool)]}" OPERATOR_IMAGE "${REFERENCE[operator:dev]}"
}

usage() { echo "usage: engine-images.sh values [--registry HOST/PATH] [--operator-tag TAG] [--dry-run] | env" >&2; exit 2; }

command=${1:-}
[[ $command == @(values|env) ]] || usage
shift
while (($# > 0)); do
  case $1 in
    --registry) REGISTRY=${2:-} && shift ;;
    --operator-tag) OPERATOR_TAG=${2:-} && shift ;;
    --dry-run) DRY=1 ;;
    *) usage ;;
  esac
  shift
done
[ -n "$REGISTRY" ] || usage
read_images
"$command"
