#!/usr/bin/env bash
# Makes the base image for machines that reach a Debian mirror but no image hub.
# Everywhere else the Dockerfiles start from the public debian:trixie-slim; this is its stand-in: a minimal trixie
# without documentation. It carries no apt sources, so no mirror's name gets into an image: build.sh mounts
# the file that `base.sh sources` writes while a Dockerfile runs.
set -euo pipefail

SUITE=trixie
# The index the Debian suites of this machine come from; $1 is "" for the main archive, "-security" for updates to it.
mirror() {
  local found
  found=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' |
    awk -v kind="$1" '$3 == "Debian" && (kind == "" ? $2 !~ /-/ : $2 ~ kind "$") { print $1; exit }')
  [ -n "$found" ] || {
    echo "failed to find a Debian${1} mirror: apt knows none; run apt-get update with Debian's sources configured" >&2
    exit 1
  }
  echo "$found"
}

# The apt source lines of trixie at this machine's own mirrors.
sources() {
  local main security
  main=$(mirror "")
  security=$(mirror "-security")
  printf 'deb %s %s main\n' "$main" "$SUITE" "$main" "$SUITE-updates" "$security" "$SUITE-security"
}

# Writes the base image as an archive that buildah and containerd read: $1 file, $2 image name.
make_base() {
  local work container lines
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  mapfile -t lines < <(sources)
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

case "${1:-}" in
  sources) sources ;;
  make) make_base "$2" "$3" ;;
  *) echo "usage: base.sh sources | base.sh make FILE IMAGE" >&2; exit 2 ;;
esac
