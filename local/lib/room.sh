# shellcheck shell=bash
# Room on the disk. What compilers keep to be faster next time is gigabytes, and is let go of when room is short; what they built stays.

# Go's build cache of all parts, and of the driver's tests: apart from the user's own, which is not ours to remove.
GO_CACHE=$CACHE/go-build

# Free space of the file system of a directory, which need not exist yet, in MiB.
free_mib() {
  local dir=$1
  until [[ -d $dir ]]; do dir=$(dirname "$dir"); done
  df --output=avail -BM "$dir" | tail -n 1 | tr -dc 0-9
}

# make_room DIR MIB: when less than that is free there, the compilers' cache goes, unless somebody compiles.
make_room() {
  (($(free_mib "$1") < $2)) || return 0
  [[ -d $GO_CACHE ]] || return 0
  (
    exec 7>"$CACHE/go-build.lock"
    flock -n 7 || exit 0
    note "removing what compilers keep, $(du -sm "$GO_CACHE" | cut -f1) MiB: room is short"
    rm -rf "$GO_CACHE"
  )
}

# Keeps that cache from being removed, until this shell ends.
hold_cache() {
  mkdir -p "$CACHE"
  exec 7>"$CACHE/go-build.lock"
  flock -s 7
}
