#!/usr/bin/env bash
# Imports the built images into the local cluster's containerd, and only those that it lacks.
# What is there is known by a label with the image's key, so that a run with nothing to do takes one question.
# For another cluster (STYLOBATE_KUBECONFIG) it prints how to push instead: nothing is pushed without being asked.
set -euo pipefail

cd "$(dirname "$0")"
STATE=../local/.state/env
LABEL=dev.stylobate.key # on the image's record in containerd; names build.sh's key

# Tells how to bring the images to a cluster that this machine does not run.
tell_push() {
  local archive image
  echo "images: another cluster is chosen; push to a registry that it reads (STYLOBATE_REGISTRY=registry/path):"
  while read -r archive image _; do
    echo "  buildah push docker-archive:$archive docker://${STYLOBATE_REGISTRY:-\$STYLOBATE_REGISTRY}/${image##*/}"
  done < <(./build.sh --list)
}

# Imports what is missing; $STYLOBATE_CTR is a command with arguments (ctr, its socket, its namespace).
load() {
  local archive image key present started ctr
  read -ra ctr <<<"$STYLOBATE_CTR"
  present=$("${ctr[@]}" images ls) ||
    { echo "failed to list containerd's images: is the local cluster running? Start it with make up" >&2; exit 1; }
  while read -r archive image key; do
    [ -e "$archive" ] || continue
    key=$key-$(stat -c %Y "$archive") # the time too: FRESH=1 builds the same key anew
    ! grep -q "^$image .*$LABEL=$key" <<<"$present" || continue
    started=$SECONDS
    "${ctr[@]}" images import "$archive" >/dev/null ||
      { echo "failed to import $image: $archive may be damaged; remove it and run make images" >&2; exit 1; }
    "${ctr[@]}" images label "$image" "$LABEL=$key" >/dev/null
    printf '%-32s %-7s %4ss\n' "$image" loaded $((SECONDS - started))
  done < <(./build.sh --list)
}

if [ -n "${STYLOBATE_KUBECONFIG:-}" ]; then
  tell_push
  exit
fi
[ -e "$STATE" ] || { echo "images: no local cluster runs; nothing to load"; exit; }
# shellcheck source=/dev/null
. "$STATE"
load
