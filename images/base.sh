#!/usr/bin/env bash
# Makes the base image for machines that reach a Debian mirror but no image hub: base.sh FILE IMAGE.
# Everywhere else the Dockerfiles start from the public debian:trixie-slim; this is its stand-in: a minimal trixie
# without documentation. It carries no apt sources, so no mirror's name gets into an image: build.sh mounts
# the lines that sources.sh prints while a Dockerfile runs.
set -euo pipefail
cd "$(dirname "$0")"

SUITE=trixie

# Writes the base image as an archive that buildah and containerd read: $1 file, $2 image name.
make_base() {
  local work container lines
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  lines=$(./sources.sh "$SUITE")
  mapfile -t lines <<<"$lines"
  # shellcheck disable=SC2016 # expanded by mmdebstrap's shell
  mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/var/log/* "$1"/var/cache/*' \
    "$SUITE" "$work/root.tar" "${lines[@]}"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/root.tar" / >/dev/null
  buildah config --cmd /bin/bash --label "org.opencontainers.image.title=Debian $SUITE, minimal" "$container"
  buildah commit --quiet --rm "$container" "$2" >/dev/null
  buildah push --quiet "$2" "docker-archive:$work/image.tar:$2"
  mv "$work/image.tar" "$1"
}

[ $# = 2 ] || { echo "usage: base.sh FILE IMAGE" >&2; exit 2; }
make_base "$1" "$2"
