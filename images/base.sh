#!/usr/bin/env bash
# Makes the base image for machines that reach a Debian mirror but no image hub.
# Everywhere else the Dockerfiles start from the public debian:trixie-slim; this is its stand-in: a minimal trixie
# without documentation. It carries no apt sources, so no mirror's name gets into an image: build.sh mounts
# the lines that `base.sh sources` prints while a Dockerfile runs.
set -euo pipefail

SUITE=trixie
# A file of apt source lines to use instead of those of this machine's mirrors: another mirror, or a test's own archive.
SOURCES=${STYLOBATE_APT_SOURCES:-}

# What apt knows of the Debian suites of this machine: address, release, origin. $@ are options of apt.
targets() { apt-get "$@" indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' | awk '$3 == "Debian"'; }

# The same on a machine whose package lists are empty: only the releases' own files are fetched, to lists that are thrown away.
targets_anew() {
  local lists
  lists=$(mktemp -d)
  mkdir "$lists/partial"
  apt-get -o Dir::State::lists="$lists" -o APT::Sandbox::User=root -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::Packages::DefaultEnabled=false -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    update >/dev/null 2>&1 || true # what one repository of many lacks is no matter here
  targets -o Dir::State::lists="$lists"
  rm -rf "$lists"
}

# The address of one kind of suite out of what apt knows ($2); $1 is "" for the main archive, "-security" for updates to it.
mirror() {
  local found
  found=$(awk -v kind="$1" 'kind == "" ? $2 !~ /-/ : $2 ~ kind "$" { print $1; exit }' <<<"$2")
  [ -n "$found" ] || {
    echo "failed to find a Debian${1} mirror: apt knows none; configure Debian's sources for apt, and see that apt-get update succeeds" >&2
    return 1
  }
  echo "$found"
}

# The apt source lines of the suite $1 at this machine's own mirrors.
sources() {
  local known main security
  if [ -n "$SOURCES" ]; then
    grep -E "^deb .* $1(-updates|-security)? " "$SOURCES" ||
      { echo "failed to find $1 in $SOURCES (STYLOBATE_APT_SOURCES): it has no line 'deb ADDRESS $1 main'" >&2; return 1; }
    return
  fi
  known=$(targets)
  [ -n "$known" ] || known=$(targets_anew)
  main=$(mirror "" "$known") && security=$(mirror "-security" "$known") || return 1
  printf 'deb %s %s main\n' "$main" "$1" "$main" "$1-updates" "$security" "$1-security"
}

# Writes the base image as an archive that buildah and containerd read: $1 file, $2 image name.
make_base() {
  local work container lines
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  mapfile -t lines < <(sources "$SUITE")
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
  sources) sources "${2:-$SUITE}" ;;
  make) make_base "$2" "$3" ;;
  *) echo "usage: base.sh sources [SUITE] | base.sh make FILE IMAGE" >&2; exit 2 ;;
esac
