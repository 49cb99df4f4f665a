#!/usr/bin/env bash
# Builds the images that are stale, without an image hub or a container engine: buildah in a chroot, on a local base.
# Each image is an OCI archive in the cache, named by everything that goes into it; an archive that exists is not built again.
# Which versions there are is asked of Debian's archive each time (versions.sh).
# `build.sh` builds all, `build.sh postgres` one kind, `build.sh --list` prints "archive image key digest" for those who use them,
# `build.sh --names` the names alone, of what there would be, for a dry run of publish.sh.
# FRESH=1 builds anew, to take up security updates of the same Debian packages.
set -euo pipefail

cd "$(dirname "$0")"
# shellcheck source=images/plan.sh
. ./plan.sh
SUITE=trixie # of all images that name no other
BASE=$REPOSITORY/base:$SUITE
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
# Days after which an archive that this checkout does not want, and no other has built anew, is let go.
KEEP_DAYS=30

# The tools that Debian carries, installed only when absent.
need_tools() {
  command -v buildah >/dev/null && command -v mmdebstrap >/dev/null && return
  # This machine's lists may be empty, or name what its mirror has no longer.
  { apt-get update -qq && apt-get install -y --no-install-recommends buildah mmdebstrap >/dev/null; } ||
    { echo "failed to install buildah and mmdebstrap: see above; or install them yourself" >&2; exit 1; }
}

# One line of progress: what, how it came about, how long it took or how old it is, how big.
report() {
  printf '%-36s %-7s %5s %6s\n' "$1" "$2" "$3" "$(du -h --apparent-size "$4" | cut -f1)"
}

# The age of an archive, short.
age_of() {
  local age=$(($(date +%s) - $(stat -c %Y "$1")))
  if ((age >= 86400)); then echo "$((age / 86400))d"; elif ((age >= 3600)); then echo "$((age / 3600))h"; else echo "$((age / 60))min"; fi
}

# Says which images there are to roll between, where they are not of two minor versions.
tell_builds() {
  local line kind tag
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    [[ $tag != *-rebuilt ]] || echo "$REPOSITORY/$kind:$tag is a second build: the archive has no other version of PostgreSQL ${tag%%.*} to roll to"
  done
}

# Puts a suite's base into buildah's storage, making its archive first when it is not cached; once a run.
need_base() {
  local suite=$1 base=$REPOSITORY/base:$1 archive started=$SECONDS
  [[ " ${bases_ready:-} " != *" $suite "* ]] || return 0
  bases_ready+=" $suite"
  archive=$CACHE/base-$suite-$(echo | hash_of base.sh).tar
  if [ ! -e "$archive" ] || [ -n "${FRESH:-}" ]; then
    ./base.sh "$suite" "$archive.part" "$base"
    mv "$archive.part" "$archive"
    report "$base" built $((SECONDS - started))s "$archive"
  elif ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    buildah pull --quiet "docker-archive:$archive" >/dev/null
  fi
}

# Puts an image that another one is built on into buildah's storage, where a run in another checkout may have left its own; $1 is
# its line.
need_image() {
  local kind tag
  read -r kind tag _ <<<"$1"
  buildah pull --quiet "oci-archive:$(archive_of "$kind" "$tag" "$(key_of "$1")")" >/dev/null
}

# The suite of the base below an image, or below the image that it is built on: $1 is its line.
suite_of() {
  local on
  read -r _ _ _ _ on <<<"$1"
  if [[ $on == base-* ]]; then echo "${on#base-}"; else echo "$SUITE"; fi
}

# Builds one image into its archive: $1 line, $2 archive.
build() {
  local kind tag args folder on image work arg suite under=$BASE under_line='' arguments=() archive
  read -r kind tag args folder on <<<"$1"
  image=$REPOSITORY/$kind:$tag
  suite=$(suite_of "$1")
  if [[ $on == base-* ]]; then
    under=$REPOSITORY/base:$suite
  elif [ "$on" != base ]; then
    under_line=$(line_of "$kind" "$on")
    need_image "$under_line"
    under=$REPOSITORY/$kind:$on
  fi
  for arg in ${args//,/ }; do arguments+=(--build-arg "$arg"); done
  work=$(mktemp -d "$CACHE/.work.XXXXXX")
  ./sources.sh "$suite" >"$work/sources.list"
  ./sources.sh --options >"$work/apt.conf"
  [[ $args$under_line != *OLD_* ]] || ./sources.sh "$OLD_SUITE" >>"$work/sources.list"
  # An archive on this machine's disk (STYLOBATE_APT_SOURCES) has to be seen in there too, and not in a folder that is cleaned.
  while read -r archive; do
    arguments+=(--volume "${archive#file:}:/srv${archive#file:}:ro")
    sed -i "s, $archive , file:/srv${archive#file:} ," "$work/sources.list"
  done < <(grep -o 'file:/[^ ]*' "$work/sources.list" | sort -u)
  cp -rL "$folder" "$work/context"
  [ "$kind" != operator ] || cp "$BINARY" "$work/context/stylobate"
  if ! nice buildah bud --quiet --isolation chroot --layers ${FRESH:+--no-cache} \
    --build-arg "BASE=$under" --build-arg "RUST=$BASE" --label "org.opencontainers.image.version=$tag" "${arguments[@]}" --secret "id=ca,src=$CA_BUNDLE" \
    --volume "$work/sources.list:/etc/apt/sources.list:ro" --volume "$work/apt.conf:/etc/apt/apt.conf:ro" --tag "$image" "$work/context" >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    echo "failed to build $image: the last lines of the log are above; the whole log is $work/log" >&2
    exit 1
  fi
  buildah push --quiet "$image" "oci-archive:$work/image.oci:$image"
  rm -f "$CACHE/$kind-$tag"-????????????.oci # what went stale is not wanted again, and the operator's would pile up
  mv "$work/image.oci" "$2"
  rm -rf "$work"
}

# Builds the operator's binary; cargo itself does nothing when it is fresh.
build_binary() {
  (cd .. && nice cargo build --release --locked --quiet) ||
    { echo "failed to build the operator's binary: cargo's errors are above" >&2; exit 1; }
}

# Removes archives that went stale long ago; a base of that age too, so that the next build is on a new one.
let_go() {
  local old
  find "$CACHE" -maxdepth 1 \( -name '*-????????????.oci' -o -name '*-????????????.tar' \) -mtime "+$KEEP_DAYS" | while read -r old; do
    list | grep -qF "$old " || rm -f "$old"
  done
}

# Goes through the images of the kinds asked for.
main() {
  local line kind tag archive started found
  case "${1:-}" in
    --names)
      names
      return
      ;;
    --list)
      found=$(./versions.sh known)
      plan "$found"
      list
      return
      ;;
  esac
  # Outside of the lock: a compiler takes minutes, and its folder is this checkout's own.
  [[ $# -gt 0 && " $* " != *" operator "* ]] || build_binary
  mkdir -p "$CACHE"
  exec 9>"$CACHE/.lock"
  flock 9 # two runs would build the same image twice
  found=$(./versions.sh find)
  plan "$found"
  tell_builds
  if [[ " $* " == *" citus "* ]]; then
    echo "$REPOSITORY/citus  skipped: Citus is in no registry that this build uses; see images/citus/Dockerfile"
  fi
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    [ $# -eq 0 ] || [[ " $* " == *" $kind "* ]] || continue
    archive=$(archive_of "$kind" "$tag" "$(key_of "$line")")
    started=$SECONDS
    if [ -e "$archive" ] && [ -z "${FRESH:-}" ]; then
      report "$REPOSITORY/$kind:$tag" cached "$(age_of "$archive")" "$archive"
      continue
    fi
    need_tools
    need_base "$(suite_of "$line")"
    build "$line" "$archive"
    report "$REPOSITORY/$kind:$tag" built $((SECONDS - started))s "$archive"
  done
  [ $# -gt 0 ] || let_go
}

main "$@"
exit
