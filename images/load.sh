#!/usr/bin/env bash
# Imports the built images into the local cluster's containerd, and only those that it lacks. Each has two names there: by its tag, and
# by its digest, which is the one that the kubelet asks for when a reference has both.
# For another cluster (STYLOBATE_KUBECONFIG) it prints how to push instead: nothing is pushed without being asked.
set -euo pipefail

cd "$(dirname "$0")"
STATE=../local/.state/env
SEE=

# Tells how to bring the images to a cluster that this machine does not run.
tell_push() {
  local archive image
  echo "images: another cluster is chosen; push to a registry that it reads (STYLOBATE_REGISTRY=registry/path):"
  while read -r archive image _; do
    echo "  skopeo copy --preserve-digests oci-archive:$archive docker://${STYLOBATE_REGISTRY:-\$STYLOBATE_REGISTRY}/${image##*/}"
  done < <(./build.sh --list)
}

# What containerd has, and whether a name ($1) is there with the digest ($2).
see() {
  SEE=$("${CTR[@]}" images ls) ||
    { echo "failed to list containerd's images: is the local cluster running? Start it with make up" >&2; exit 1; }
}
has() { awk -v name="$1" -v digest="$2" '$1 == name && $3 == digest { found = 1 } END { exit !found }' <<<"$SEE"; }

# Imports what is missing; $STYLOBATE_CTR is a command with arguments (ctr, its socket, its namespace).
load() {
  local archive image digest by_digest started loaded='' lines
  lines=$(./build.sh --list)
  see
  while read -r archive image _ digest; do
    by_digest=${image%:*}@$digest
    if [ "$digest" = - ] || { has "$image" "$digest" && has "$by_digest" "$digest"; }; then continue; fi
    started=$SECONDS
    "${CTR[@]}" images import "$archive" >/dev/null ||
      { echo "failed to import $image: $archive may be damaged; remove it and run make images" >&2; exit 1; }
    "${CTR[@]}" images tag --force "$image" "$by_digest" >/dev/null
    see
    if ! has "$image" "$digest" || ! has "$by_digest" "$digest"; then
      echo "failed to import $image: containerd does not have it as $digest; remove $archive and run make images" >&2
      exit 1
    fi
    printf '%-36s %-7s %4ss\n' "$image" loaded $((SECONDS - started))
    loaded=1
  done <<<"$lines"
  [ -z "$loaded" ] || let_go "$lines"
}

# Takes away images by digest that were built before and that nothing in the cluster names: else each build of the operator would
# stay for good, as the kubelet here never collects images (local/lib/node.sh). $1 is the list of what is wanted.
let_go() {
  local used name
  used=$(kubectl get pods,statefulsets,deployments --all-namespaces -o json | grep -o 'sha256:[0-9a-f]\{64\}' | sort -u) || return 0
  awk '$1 ~ /^localhost\/stylobate\/[a-z]+@sha256:/ { print $1 }' <<<"$SEE" | while read -r name; do
    grep -qF "${name#*@}" <<<"$used$1" || "${CTR[@]}" images rm "$name" >/dev/null
  done
}

if [ -n "${STYLOBATE_KUBECONFIG:-}" ]; then
  tell_push
  exit
fi
[ -e "$STATE" ] || { echo "images: no local cluster runs; nothing to load"; exit; }
# shellcheck source=/dev/null
. "$STATE"
PATH=$STYLOBATE_BIN:$PATH
read -ra CTR <<<"$STYLOBATE_CTR"
load
