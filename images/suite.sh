#!/usr/bin/env bash
# Writes the lists of one suite of a small archive in a folder, from the packages in its pool/SUITE, and prints its apt source line:
# suite.sh FOLDER SUITE. For tests: it is not signed.
set -euo pipefail
[ $# = 2 ] || { echo "usage: suite.sh FOLDER SUITE" >&2; exit 2; }
folder=$1 suite=$2
architecture=$(dpkg --print-architecture)
packages=main/binary-$architecture/Packages

mkdir -p "$folder/dists/$suite/${packages%/*}" "$folder/pool/$suite"
find "$folder/pool/$suite" -name '*.deb' | sort | while read -r file; do
  dpkg-deb -f "$file"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${file#"$folder/"}" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
done >"$folder/dists/$suite/$packages"
cd "$folder/dists/$suite"
printf 'Origin: Debian\nSuite: %s\nCodename: %s\nArchitectures: %s\nComponents: main\nDate: %s\nSHA256:\n %s %s %s\n' \
  "$suite" "$suite" "$architecture" "$(date -Ru)" "$(sha256sum "$packages" | cut -d' ' -f1)" "$(stat -c %s "$packages")" "$packages" >Release
echo "deb [trusted=yes] file:$folder $suite main"
