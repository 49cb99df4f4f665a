#!/usr/bin/env bash
# Prints the apt source lines of a Debian suite at this machine's own mirrors: sources.sh SUITE. Nobody writes a mirror's name: it is that
# which apt on this machine uses already, for whichever suite.
# sources.sh --options prints the lines of apt's configuration by which this machine takes lists that are past their date, as of a mirror that
# stands still: what its owner decided for its own packages counts for images too. Mostly there are none.
set -euo pipefail

# A file of apt source lines to use instead of those of this machine's mirrors: another mirror, or a test's own archive.
SOURCES=${STYLOBATE_APT_SOURCES:-}

# What apt knows of the Debian suites of this machine: address, release, origin.
# shellcheck disable=SC2016 # expanded by apt
targets() { apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' | awk '$3 == "Debian"'; }

# The same on a machine whose package lists are empty, where apt can't tell whose a suite is: only the releases' own files are fetched, to
# lists that are thrown away, and each says its origin.
targets_anew() {
  local lists options
  lists=$(mktemp -d)
  mkdir "$lists/partial"
  options=(-o Dir::State::lists="$lists" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Packages::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false update >/dev/null 2>&1 || true # what one repository of many lacks is no matter here
  apt-get "${options[@]}" update --print-uris 2>/dev/null | tr -d "'" | awk '$1 ~ /\/InRelease$/ { print $1, $2 }' | while read -r uri file; do
    ! grep -qsx 'Origin: Debian' "$lists/$file" || sed -E 's,^(.*)/dists/([^/]*)/InRelease$,\1 \2 Debian,' <<<"$uri"
  done
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

options() { apt-config dump --format '%f %v%n' | awk '/^Acquire::Check-(Valid-Until|Date) (false|no|0)$/ { print $1 " \"false\";" }' | sort -u; }

if [ "${1:-}" = --options ]; then
  options
  exit
fi
[ $# = 1 ] || { echo "usage: sources.sh SUITE" >&2; exit 2; }
sources "$1"
