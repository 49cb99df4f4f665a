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
# The older major's suite, of which versions.sh has the rest.
OLD_SUITE=bookworm
# Lines of what there is to build, in this order: kind, tag, build arguments with commas between them, folder, and the tag that it
# is built on or `base`. plan() fills it.
IMAGES=()

# Where cargo, run from the repository's root, leaves the operator's binary.
BINARY=$(cd .. && realpath -m "${CARGO_TARGET_DIR:-target}")/release/stylobate

# Fills IMAGES with what comes of the versions found ($1: lines of versions.sh). Two images of each major, so that rollouts are
# tested between them: of two minor versions where the archive has two, else of two builds of the one. The images of the older
# major are built on the newest, and one more is for the way between them.
plan() {
  local name major version package newest='' newest_major='' last='' base_tag arg
  while read -r name major version package; do
    case $name in
      pgpool)
        IMAGES+=("pgpool ${version%.*} PGPOOL_VERSION=${version%.*},PGPOOL_PACKAGE=$package pgpool base")
        continue
        ;;
      postgres) ;;
      *) continue ;;
    esac
    if [ -z "$newest" ]; then newest=$version newest_major=$major; fi
    if [ "$major" = "$newest_major" ]; then
      IMAGES+=("postgres $version PG_MAJOR=$major,PG_VERSION=$version,PG_PACKAGE=$package postgres base")
    else
      arg=OLD_MAJOR=$major,OLD_VERSION=$version,OLD_PACKAGE=$package
      IMAGES+=("postgres $version $arg postgres-upgrade $newest")
      [ "$major" = "$last" ] || IMAGES+=("postgres $major-to-$newest $arg postgres-upgrade $newest")
    fi
    # The only version of its major gets a second build.
    [ "$(grep -c "^postgres $major " <<<"$1")" != 1 ] ||
      IMAGES+=("postgres $version-rebuilt PG_MAJOR=$major,PG_VERSION=$version,PG_PACKAGE=$package postgres-rebuilt $version")
    last=$major
  done <<<"$1"
  IMAGES+=("operator dev PREBUILT=stylobate operator base")
}

# Says which images there are to roll between, where they are not of two minor versions.
tell_builds() {
  local line kind tag
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    [[ $tag != *-rebuilt ]] || echo "$REPOSITORY/$kind:$tag is a second build: the archive has no other version of PostgreSQL ${tag%%.*} to roll to"
  done
}

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

# The line of IMAGES with kind $1 and tag $2.
line_of() { printf '%s\n' "${IMAGES[@]}" | grep "^$1 $2 "; }

# The key of an image: its folder, its arguments (with the package's version), how the base is made, for the operator its binary, and
# the key of the image that it is built on. $1 is its line.
key_of() {
  local kind tag args folder on inputs under=
  read -r kind tag args folder on <<<"$1"
  inputs=("$folder" base.sh)
  [ "$kind" != operator ] || inputs+=("$BINARY")
  [ "$on" = base ] || under=$(key_of "$(line_of "$kind" "$on")")
  echo "$tag $args $under" | digest "${inputs[@]}"
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

# Puts an image that another one is built on into buildah's storage, where a run in another checkout may have left its own; $1 is
# its line.
need_image() {
  local kind tag
  read -r kind tag _ <<<"$1"
  buildah pull --quiet "docker-archive:$(archive_of "$kind" "$tag" "$(key_of "$1")")" >/dev/null
}

# Builds one image into its archive: $1 line, $2 archive.
build() {
  local kind tag args folder on image work arg under=$BASE under_line='' arguments=()
  read -r kind tag args folder on <<<"$1"
  image=$REPOSITORY/$kind:$tag
  if [ "$on" != base ]; then
    under_line=$(line_of "$kind" "$on")
    need_image "$under_line"
    under=$REPOSITORY/$kind:$on
  fi
  for arg in ${args//,/ }; do arguments+=(--build-arg "$arg"); done
  work=$(mktemp -d "$CACHE/.work.XXXXXX")
  ./base.sh sources >"$work/sources.list"
  [[ $args$under_line != *OLD_* ]] || ./base.sh sources "$OLD_SUITE" >>"$work/sources.list"
  cp -rL "$folder" "$work/context"
  [ "$kind" != operator ] || cp "$BINARY" "$work/context/stylobate"
  if ! nice buildah bud --quiet --isolation chroot --layers ${FRESH:+--no-cache} \
    --build-arg "BASE=$under" --build-arg "RUST=$BASE" --label "org.opencontainers.image.version=$tag" "${arguments[@]}" --secret "id=ca,src=$CA_BUNDLE" \
    --volume "$work/sources.list:/etc/apt/sources.list:ro" --tag "$image" "$work/context" >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    echo "failed to build $image: the last lines of the log are above; the whole log is $work/log" >&2
    exit 1
  fi
  buildah push --quiet "$image" "docker-archive:$work/image.tar:$image"
  rm -f "$CACHE/$kind-$tag"-????????????.tar # what went stale is not wanted again, and the operator's would pile up
  mv "$work/image.tar" "$2"
  rm -rf "$work"
}

# Builds the operator's binary; cargo itself does nothing when it is fresh.
build_binary() {
  (cd .. && nice cargo build --release --locked --quiet) ||
    { echo "failed to build the operator's binary: cargo's errors are above" >&2; exit 1; }
}

# The names of what there would be. Nothing is asked: with nothing found yet, N stands for what will be.
names() {
  local line kind tag found
  found=$(./versions.sh last) || found=$'postgres 17 17.N 17.N\npostgres 15 15.N 15.N\npgpool 4 4.N.N 4.N.N'
  plan "$found"
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    echo "$REPOSITORY/$kind:$tag"
  done
}

# Goes through the images of the kinds asked for.
main() {
  local line kind tag key archive started found
  if [ "${1:-}" = --names ]; then
    names
    return
  fi
  mkdir -p "$CACHE"
  if [ "${1:-}" = --list ]; then
    found=$(./versions.sh known)
  else
    exec 9>"$CACHE/.lock"
    flock 9 # two runs would build the same image twice
    found=$(./versions.sh find)
  fi
  plan "$found"
  [ "${1:-}" = --list ] || tell_builds
  if [[ " $* " == *" citus "* ]]; then
    echo "$REPOSITORY/citus  skipped: Citus is in no registry that this build uses; see images/citus/Dockerfile"
  fi
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    if [ "$kind" = operator ]; then
      [ "${1:-}" = --list ] || [[ $# -gt 0 && " $* " != *" operator "* ]] || build_binary
      [ -e "$BINARY" ] || continue
    fi
    key=$(key_of "$line")
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
    build "$line" "$archive"
    report "$REPOSITORY/$kind:$tag" built $((SECONDS - started)) "$archive"
  done
}

main "$@"
