#!/usr/bin/env bash
# Makes an archive that has other minor versions than Debian's today: the real packages of each major's newest version, unpacked, with another
# number of the same length in their programs and in their control files, and packed again. What is built of it is PostgreSQL as it is,
# under a number that no Debian ever had, so that a whole set-up can be tried on the day after the next release.
#   renumber.sh FOLDER    makes the archive in FOLDER and prints apt source lines: Debian's own, and the archive's (for STYLOBATE_APT_SOURCES)
set -euo pipefail
cd "$(dirname "$0")"
[ $# = 1 ] || { echo "usage: renumber.sh FOLDER" >&2; exit 2; }
FOLDER=$(realpath -m "$1")
# The number after the dot: two digits, as every minor of a supported major has for years.
MINOR=90

ARCHITECTURE=$(dpkg --print-architecture)
# Lists of versions.sh.
LISTS=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/images/apt

# One package of a version ($2, of Debian $3) becomes the one of another number, in the suite $4; $1 is its name.
renumber() {
  local name=$1 version=$2 package=$3 suite=$4 work other=${2%.*}.$MINOR file
  ((${#other} == ${#version})) || { echo "failed to renumber $name $version: a number of another length would move what is behind it in a program" >&2; exit 1; }
  work=$(mktemp -d "$FOLDER/work.XXXXXX")
  (cd "$work" && apt-get -qq -o Dir::State="$LISTS/state" -o Dir::State::status=/dev/null -o Dir::Cache="$LISTS/cache" -o APT::Sandbox::User=root \
    -o Dir::Etc::sourcelist="$LISTS/sources.list" -o Dir::Etc::sourceparts=/dev/null download "$name=$package" >/dev/null)
  dpkg-deb --raw-extract "$work"/*.deb "$work/tree"
  # In the programs, libraries and scripts; sums would no longer be true. What the package depends on is there as it was.
  find "$work/tree" -path "$work/tree/DEBIAN" -prune -o -type f -print0 | xargs -0 sed -i "s/${version//./\\.}/$other/g"
  sed -i "/^Version:/s/${version//./\\.}/$other/" "$work/tree/DEBIAN/control"
  rm -f "$work/tree/DEBIAN/md5sums"
  mkdir -p "$FOLDER/pool/$suite"
  file=$FOLDER/pool/$suite/${name}_${package//$version/$other}_$ARCHITECTURE.deb
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/tree" "$file" >/dev/null
  rm -rf "$work"
}

mkdir -p "$FOLDER"
found=$(./versions.sh find)
while read -r major suite packages; do
  read -r version package < <(awk -v major="$major" '$1 == "postgres" && $2 == major { print $3, $4; exit }' <<<"$found")
  for name in $packages; do renumber "$name" "$version" "$package" "$suite"; done
  ./sources.sh "$suite"
  ./suite.sh "$FOLDER" "$suite"
done < <(./versions.sh wanted | awk '$1 == "postgres" { $1 = ""; print }')
