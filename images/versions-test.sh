#!/usr/bin/env bash
# Proves on archives of its own, small and renumbered, that versions are found and not known: other minors than today's give other
# images, two give two, one gives a second build, and an archive that can't be reached gives what was there, with its age. Builds
# nothing and asks no mirror. Prints a line for each promise; ends at the first that is broken.
set -euo pipefail
cd "$(dirname "$0")"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export XDG_CACHE_HOME=$WORK/cache STYLOBATE_APT_SOURCES=$WORK/sources.list
# No operator: its binary is nobody's here.
export CARGO_TARGET_DIR=$WORK/target
ARCHITECTURE=$(dpkg --print-architecture)

broken() { printf 'BROKEN  %s: %s\n' "$1" "$2" >&2; exit 1; }
# is WHAT WANTED FOUND: a promise that two texts are the same.
is() { [ "$2" = "$3" ] || broken "$1" "wanted '$2', found '$3'"; echo "kept    $1"; }

# package SUITE NAME VERSION: puts a package with nothing in it into the archive.
package() {
  local tree=$WORK/tree pool=$WORK/archive/pool/$1 file
  file=$pool/$2_$3_$ARCHITECTURE.deb
  mkdir -p "$tree/DEBIAN" "$pool"
  printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: nobody <nobody@example.invalid>\nDescription: renumbered for a test\n' \
    "$2" "$3" "$ARCHITECTURE" >"$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Znone --build "$tree" "$file" >/dev/null
  rm -r "$tree"
}

# postgres SUITE MAJOR VERSION: the packages that make a server.
postgres() { package "$1" "postgresql-$2" "$3"; package "$1" "postgresql-client-$2" "$3"; }

# Begins an archive anew.
begin() { rm -rf "$WORK/archive"; mkdir -p "$WORK/archive"; }

# Writes the lists of the archive's suites.
publish() {
  local suite
  for suite in {trixie,bookworm,forky}{,-updates,-security}; do
    ./suite.sh "$WORK/archive" "$suite"
  done >"$STYLOBATE_APT_SOURCES"
}

# What is found, in one line; and what would be built of it.
found() { ./versions.sh find | tr '\n' ';'; }
names() { ./build.sh --names | sed 's,.*/,,' | grep -v operator | tr '\n' ' '; }
key() { ./build.sh --list | awk -v name="localhost/stylobate/$1" '$2 == name { print $3 }'; }

said=$(./versions.sh find 2>&1 >/dev/null) && broken "with nothing found before and no archive" "it went on"
[[ $said == *"failed to ask the archive"*"STYLOBATE_APT_SOURCES"*"run make images again"* ]] || broken "with nothing found before, the error says what to do" "$said"
echo "kept    with no archive and nothing found before, the error says what to do"
[[ $(names) == "postgres:17.N "*"15-to-17.N "* ]] || broken "with nothing found, names have N for it" "$(names)"
echo "kept    a dry run asks nothing: N stands for what would be found"

# Two minors of each, as on a day between a security fix and the next point release.
begin
postgres trixie 17 17.90-0+deb13u1
postgres trixie-security 17 17.91-0+deb13u1
postgres bookworm 15 15.90-0+deb12u1
postgres bookworm-security 15 15.91-0+deb12u1
package forky pgpool2 4.90.1-2
package bookworm pgpool2 4.95.0-1
package forky pgbouncer 1.90.1-1
publish
is "minors are those of the archive, of all its suites, the newest first" \
  "postgres 17 17.91 17.91-0+deb13u1;postgres 17 17.90 17.90-0+deb13u1;postgres 15 15.91 15.91-0+deb12u1;postgres 15 15.90 15.90-0+deb12u1;pgpool 4 4.90.1 4.90.1-2;pgbouncer 1 1.90.1 1.90.1-1;" "$(found)"
is "two minors of a major are two images, and tags are their versions" \
  "postgres:17.91 postgres:17.90 postgres:15.91 postgres:15-to-17.91 postgres:15.90 pgpool:4.90.1 pgbouncer:1.90.1 " "$(names)"
first=$(key postgres:17.91) upgrade=$(key postgres:15-to-17.91) other=$(key postgres:17.90)

# Debian builds the same minor once more.
postgres trixie-security 17 17.91-0+deb13u2
publish
is "of one minor its newest package is taken" "postgres 17 17.91 17.91-0+deb13u2" "$(./versions.sh find | head -n 1)"
[ "$(key postgres:17.91)" != "$first" ] || broken "a rebuilt package of the same minor is another image" "the key is the same"
echo "kept    a rebuilt package of the same minor is another image"
[ "$(key postgres:15-to-17.91)" != "$upgrade" ] || broken "what is built on it is another image too" "the key is the same"
echo "kept    what is built on it is another image too"
is "what it does not touch stays as it is" "$other" "$(key postgres:17.90)"

# The day after the point release: one of each. A client package that lags behind is no version to install.
begin
postgres trixie 17 17.92-0+deb13u1
package trixie-security postgresql-17 17.93-0+deb13u1
postgres bookworm 15 15.100-0+deb12u1
postgres bookworm 15 15.99-0+deb12u1
package forky pgpool2 4.90.1-2
package forky pgbouncer 1.90.1-1
publish
is "a version that not all packages have is none, and 15.100 is newer than 15.99" \
  "postgres 17 17.92 17.92-0+deb13u1;postgres 15 15.100 15.100-0+deb12u1;postgres 15 15.99 15.99-0+deb12u1;pgpool 4 4.90.1 4.90.1-2;pgbouncer 1 1.90.1 1.90.1-1;" "$(found)"
is "one minor alone leads to a second build of it" \
  "postgres:17.92 postgres:17.92-rebuilt postgres:15.100 postgres:15-to-17.92 postgres:15.99 pgpool:4.90.1 pgbouncer:1.90.1 " "$(names)"
is "what was found is what is listed, without another question" "$(names)" "$(mv "$WORK/archive" "$WORK/away"; names; mv "$WORK/away" "$WORK/archive")"

# The archive goes away; what was there three days ago is gone on with.
mv "$WORK/archive" "$WORK/away"
find "$XDG_CACHE_HOME/stylobate/images/found" -type f -exec touch -d '3 days ago' {} +
said=$(./versions.sh find 2>&1 >"$WORK/lines")
[[ $said == "the archive can't be reached ("*"going on with the versions that it had 3 days ago" ]] || broken "what is gone on with is said, with its age" "$said"
is "that takes one line" 1 "$(wc -l <<<"$said")"
is "without an archive the versions are those of the last time" "postgres 17 17.92 17.92-0+deb13u1" "$(head -n 1 "$WORK/lines")"
mv "$WORK/away" "$WORK/archive"

# An archive without a major that is wanted: no image is quietly left out.
rm -rf "$WORK/archive/pool/bookworm"
publish
said=$(./versions.sh find 2>&1 >/dev/null) && broken "a major that the archive lacks is an error" "it went on"
[[ $said == *"failed to find postgres 15 in bookworm"* ]] || broken "a major that the archive lacks is named" "$said"
echo "kept    a major that the archive lacks is an error that names it"
