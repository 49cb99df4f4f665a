#!/usr/bin/env bash
# Builds the images that are stale, without an image hub or a container engine: buildah in a chroot, on a local base.
# Each image is an archive in the cache, named by everything that goes into it; an archive that exists is not built again.
# `build.sh` builds all, `build.sh postgres` one kind, `build.sh --list` prints "archive image key" for load.sh and test.sh,
# `build.sh --names` the names alone, of what there would be, for a dry run of publish.sh.
# FRESH=1 builds anew, to take up security updates of the same Debian packages.
set -euo pipefail

cd "$(dirname "$0")"
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/images
REPOSITORY=localhost/stylobate
BASE=$REPOSITORY/base:trixie
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
# The older major that clusters are upgraded from: the newest minor release of it that the older suite has.
OLD_SUITE=bookworm
OLD_VERSION=15.20
# kind, tag, build argument, and where they differ from kind and base: folder, and tag that it is built on. Two real minor
# versions of Postgres, so that upgrades are tested between them; and an older major, for the way from it to the newest.
IMAGES=(
  "postgres 17.12 PG_VERSION=17.12"
  "postgres 17.11 PG_VERSION=17.11"
  "postgres $OLD_VERSION OLD_VERSION=$OLD_VERSION postgres-upgrade 17.12"
  "postgres ${OLD_VERSION%%.*}-to-17.12 OLD_VERSION=$OLD_VERSION postgres-upgrade 17.12"
  "pgpool 4.6 PGPOOL_VERSION=4.6"
  "operator dev PREBUILT=stylobate"
)
# Where cargo, run from the repository's root, leaves the operator's binary.
BINARY=$(cd .. && realpath -m "${CARGO_TARGET_DIR:-target}")/release/stylobate

# The tools that Debian carries, installed only when absent.
need_tools() {
  command -v buildah >/dev/null && command -v mmdebstrap >/dev/null && return
  apt-get install -y --no-install-recommends buildah mmdebstrap >/dev/null ||
    { echo "failed to install buildah and mmdebstrap: run apt-get update, or install them yourself" >&2; exit 1; }
}

# Twelve hex digits over the contents of all arguments' files (a folder counts with every file in it) and standard input.
digest() {
  { cat; find "$@" -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-12
}

# The key of an image: its folder, its argument, how the base is made, for the operator its binary, and for an image that
# is built on another the folder of that one. $1 kind, $2 tag, $3 argument, $4 folder.
key_of() {
  local inputs=("$4" base.sh)
  [ "$1" != operator ] || inputs+=("$BINARY")
  [ "$1" = "$4" ] || inputs+=("$1")
  echo "$2 $3" | digest "${inputs[@]}"
}

archive_of() { echo "$CACHE/$1-$2-$3.tar"; }

# One line of progress: what, how it came about, how long, how big.
report() {
  printf '%-32s %-7s %4ss %6s\n' "$1" "$2" "$3" "$(du -h --apparent-size "$4" | cut -f1)"
}

# Puts the base into buildah's storage, making its archive first when it is not cached; once a run.
need_base() {
  local archive started=$SECONDS
  [ -z "${base_ready:-}" ] || return 0
  base_ready=yes
  archive=$(archive_of base trixie "$(echo | digest base.sh)")
  if [ ! -e "$archive" ] || [ -n "${FRESH:-}" ]; then
    ./base.sh make "$archive.part" "$BASE"
    mv "$archive.part" "$archive"
    report "$BASE" built $((SECONDS - started)) "$archive"
  elif ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
    buildah pull --quiet "docker-archive:$archive" >/dev/null
  fi
}

# Puts an image that another one is built on into buildah's storage, where a run in another checkout may have left its own.
need_image() {
  local line kind tag arg
  for line in "${IMAGES[@]}"; do
    read -r kind tag arg _ <<<"$line"
    [ "$kind $tag" != "$1 $2" ] || buildah pull --quiet \
      "docker-archive:$(archive_of "$kind" "$tag" "$(key_of "$kind" "$tag" "$arg" "$kind")")" >/dev/null
  done
}

# Builds one image into its archive: $1 kind, $2 tag, $3 build argument, $4 archive, $5 folder, $6 image it is built on.
build() {
  local image=$REPOSITORY/$1:$2 work
  work=$(mktemp -d "$CACHE/.work.XXXXXX")
  ./base.sh sources >"$work/sources.list"
  [ "$5" != postgres-upgrade ] || ./base.sh sources | sed "s/ trixie/ $OLD_SUITE/" >>"$work/sources.list"
  cp -rL "$5" "$work/context"
  [ "$1" != operator ] || cp "$BINARY" "$work/context/stylobate"
  if ! nice buildah bud --quiet --isolation chroot --layers ${FRESH:+--no-cache} \
    --build-arg "BASE=$6" --build-arg "RUST=$BASE" --label "org.opencontainers.image.version=$2" --build-arg "$3" --secret "id=ca,src=$CA_BUNDLE" \
    --volume "$work/sources.list:/etc/apt/sources.list:ro" --tag "$image" "$work/context" >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    echo "failed to build $image: the last lines of the log are above; the whole log is $work/log" >&2
    exit 1
  fi
  buildah push --quiet "$image" "docker-archive:$work/image.tar:$image"
  rm -f "$CACHE/$1-$2"-????????????.tar # what went stale is not wanted again, and the operator's would pile up
  mv "$work/image.tar" "$4"
  rm -rf "$work"
}

# Builds the operator's binary; cargo itself does nothing when it is fresh.
build_binary() {
  (cd .. && nice cargo build --release --locked --quiet) ||
    { echo "failed to build the operator's binary: cargo's errors are above" >&2; exit 1; }
}

# Goes through the images of the kinds asked for.
main() {
  local line kind tag arg folder on key archive started
  if [ "${1:-}" = --names ]; then
    for line in "${IMAGES[@]}"; do
      read -r kind tag _ <<<"$line"
      echo "$REPOSITORY/$kind:$tag"
    done
    return
  fi
  mkdir -p "$CACHE"
  if [ "${1:-}" != --list ]; then
    exec 9>"$CACHE/.lock"
    flock 9 # two runs would build the same image twice
  fi
  if [[ " $* " == *" citus "* ]]; then
    echo "$REPOSITORY/citus  skipped: Citus is in no registry that this build uses; see images/citus/Dockerfile"
  fi
  for line in "${IMAGES[@]}"; do
    read -r kind tag arg folder on <<<"$line"
    folder=${folder:-$kind}
    if [ "$kind" = operator ]; then
      [ "${1:-}" = --list ] || [[ $# -gt 0 && " $* " != *" operator "* ]] || build_binary
      [ -e "$BINARY" ] || continue
    fi
    key=$(key_of "$kind" "$tag" "$arg" "$folder")
    archive=$(archive_of "$kind" "$tag" "$key")
    if [ "${1:-}" = --list ]; then
      echo "$archive $REPOSITORY/$kind:$tag $key"
      continue
    fi
    [ $# -eq 0 ] || [[ " $* " == *" $kind "* ]] || continue
    started=$SECONDS
    if [ -e "$archive" ] && [ -z "${FRESH:-}" ]; then
      report "$REPOSITORY/$kind:$tag" cached 0 "$archive"
      continue
    fi
    need_tools
    need_base
    [ -z "$on" ] || need_image "$kind" "$on"
    build "$kind" "$tag" "$arg" "$archive" "$folder" "${on:+$REPOSITORY/$kind:}${on:-$BASE}"
    report "$REPOSITORY/$kind:$tag" built $((SECONDS - started)) "$archive"
  done
}

main "$@"
