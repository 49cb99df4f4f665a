#!/usr/bin/env bash
# Makes the base image for machines that reach a Debian mirror but no image hub: base.sh SUITE FILE IMAGE.
# Everywhere else the Dockerfiles start from the public debian:trixie-slim, or another suite's; this is its stand-in: a minimal Debian
# without documentation. It carries no apt sources, so no mirror's name gets into an image: build.sh mounts
# the lines that sources.sh prints while a Dockerfile runs.
set -euo pipefail
cd "$(dirname "$0")"

# Writes the base image as an archive that buildah and containerd read: $1 suite, $2 file, $3 image name.
make_base() {
  local suite=$1 work container lines
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  lines=$(./sources.sh "$suite")
  mapfile -t lines <<<"$lines"
  ./sources.sh --options >"$work/options"
  # shellcheck disable=SC2016 # expanded by mmdebstrap's shell
  mmdebstrap --quiet --variant=minbase --aptopt="$work/options" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/var/log/* "$1"/var/cache/*' \
    "$suite" "$work/root.tar" "${lines[@]}"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/root.tar" / >/dev/null
  buildah config --cmd /bin/bash --label "org.opencontainers.image.title=Debian $suite, minimal" "$container"
  buildah commit --quiet --rm "$container" "$3" >/dev/null
  buildah push --quiet "$3" "docker-archive:$work/image.tar:$3"
  mv "$work/image.tar" "$2"
}

[ $# = 3 ] || { echo "usage: base.sh SUITE FILE IMAGE" >&2; exit 2; }
make_base "$1" "$2" "$3"
