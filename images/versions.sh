#!/usr/bin/env bash
# Finds the versions that the archive has today. Debian removes a minor version when the next one comes, so none is written anywhere:
# majors are chosen here, minors are asked for.
#   versions.sh find    asks the archive and prints what it has; when it can't be reached, what it had the last time, and how old that is
#   versions.sh last    prints what was found last on this machine, and fails when nothing was; asks nothing
#   versions.sh known   prints what this checkout found last and asks only when that is nothing: what is built and what is loaded agree
#   versions.sh wanted  prints what is looked for: name, major, suite and packages
#   versions.sh hours   prints how many hours ago this checkout found what it has
# A line is NAME MAJOR VERSION PACKAGE: `postgres 17 17.90 17.90-0+deb13u1`, the newest of a major first, at most two of each. A new
# build of the same version by Debian (its revision: a security fix, say) is another PACKAGE, and so another image.
set -euo pipefail
cd "$(dirname "$0")"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/images
# One record for each checkout: another one may find more while this one's cluster runs what it found.
RECORD=$CACHE/found/$(realpath .. | sha256sum | cut -c1-12)
# name, major (of what is looked for, as a prefix of its version), suite, and the packages that an image takes in this very version.
WANTED=(
  "postgres 17 trixie postgresql-17 postgresql-client-17"
  "postgres 15 bookworm postgresql-15 postgresql-client-15"
  "pgpool 4 forky pgpool2"
  "pgbouncer 1 forky pgbouncer"
)
# Two, to roll between; more would be built and tested for nothing.
MOST=2

fail() { echo "failed to $*" >&2; exit 1; }

# apt-get or apt-cache on lists of our own: $1 program. The machine's lists, and what it has installed, stay out of it.
apt_own() {
  local program=$1
  shift
  "$program" -o Dir::State="$CACHE/apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$CACHE/apt/cache" \
    -o Dir::Etc::sourcelist="$CACHE/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root \
    -o APT::Architectures="$(dpkg --print-architecture)" -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
    -o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o APT::Update::Error-Mode=any "$@"
}

# Fetches the lists; what apt says of a failure goes to the file $1.
update() {
  local wanted suite lines=''
  mkdir -p "$CACHE/apt/state/lists/partial" "$CACHE/apt/cache/archives/partial"
  for wanted in "${WANTED[@]}"; do
    read -r _ _ suite _ <<<"$wanted"
    lines+=$(./sources.sh "$suite" 2>"$1") || return 1
    lines+=$'\n'
  done
  awk '!seen[$0]++' <<<"$lines" >"$CACHE/apt/sources.list.new"
  mv "$CACHE/apt/sources.list.new" "$CACHE/apt/sources.list"
  apt_own apt-get update -qq >"$1" 2>&1
}

# Lines `PACKAGE VERSION SUITE` of everything that is wanted; -updates and -security count as their suite. One question: apt
# takes a second to open its lists.
offers() {
  local packages
  mapfile -t packages < <(printf '%s\n' "${WANTED[@]}" | cut -d' ' -f4- | tr ' ' '\n')
  apt_own apt-cache madison "${packages[@]}" |
    awk -F'|' '{ gsub(/ /, "", $1); gsub(/ /, "", $2); suite = $3; sub(/\/main .*/, "", suite); sub(/.* /, "", suite); sub(/-(updates|security)$/, "", suite); print $1, $2, suite }'
}

# Lines `VERSION PACKAGE` of what is wanted, the newest first: of each version its newest package, where all packages have it.
# $1 offers, $2 major, $3 suite, then packages.
versions() {
  local offers=$1 major=$2 suite=$3
  shift 3
  for package; do awk -v p="$package" -v s="$suite" '$1 == p && $3 == s { print $2 }' <<<"$offers" | sort -u; done |
    sort -rV | uniq -c | awk -v packages=$# -v major="$major" -v most=$MOST '
      { version = $2; sub(/^[0-9]+:/, "", version); sub(/-[^-]*$/, "", version) }
      $1 == packages && version ~ /^[0-9]+(\.[0-9]+)+$/ && index(version, major ".") == 1 && !seen[version]++ && count++ < most { print version, $2 }'
}

# All lines of what the archive has.
ask() {
  local offers wanted name major suite packages lines
  offers=$(offers)
  for wanted in "${WANTED[@]}"; do
    read -r name major suite packages <<<"$wanted"
    # shellcheck disable=SC2086 # a list
    lines=$(versions "$offers" "$major" "$suite" $packages)
    [ -n "$lines" ] || fail "find $name $major in $suite: the archive has no version that ${packages// / and } share; choose another suite in images/versions.sh"
    while read -r lines; do echo "$name $major $lines"; done <<<"$lines"
  done
}

# What was found last by any checkout on this machine.
newest_record() { find "$CACHE/found" -type f -printf '%T@ %p\n' 2>/dev/null | sort -rn | sed -n '1s/^[^ ]* //p'; }

# Seconds as a person says them.
age() {
  if (($1 >= 172800)); then echo "$(($1 / 86400)) days"; elif (($1 >= 7200)); then echo "$(($1 / 3600)) hours"; else echo "$(($1 / 60)) minutes"; fi
}

find_versions() {
  local said=$CACHE/apt/said cause found record
  mkdir -p "$CACHE/found" "$CACHE/apt"
  exec 8>"$CACHE/apt/lock"
  flock 8 # apt gives up at once when another one has its lists
  if update "$said"; then
    found=$(ask)
    echo "$found" >"$CACHE/apt/found"
    mv "$CACHE/apt/found" "$RECORD"
  else
    cause=$(grep -m1 -E '^[EW]: |^failed' "$said" || tail -n 1 "$said")
    # What this checkout has images of counts before what another one found since.
    record=$RECORD
    [ -s "$record" ] || record=$(newest_record)
    [ -n "$record" ] || fail "ask the archive for its versions: ${cause#?: }; no image was built on this machine before, so connect it to a Debian mirror (apt-get update has to succeed) and run make images again"
    [ "$record" -ef "$RECORD" ] || cp -p "$record" "$RECORD"
    echo "the archive can't be reached (${cause#?: }): going on with the versions that it had $(age $(($(date +%s) - $(stat -c %Y "$RECORD")))) ago" >&2
  fi
  cat "$RECORD"
}

case "${1:-}" in
  find) find_versions ;;
  hours)
    [ -s "$RECORD" ] || fail "tell when versions were found: none were; run make images"
    echo $((($(date +%s) - $(stat -c %Y "$RECORD")) / 3600))
    ;;
  wanted) printf '%s\n' "${WANTED[@]}" ;;
  last) cat "$(newest_record)" 2>/dev/null ;;
  known) if [ -s "$RECORD" ]; then cat "$RECORD"; else find_versions; fi ;;
  *) echo "usage: versions.sh find | known | last | wanted | hours" >&2; exit 2 ;;
esac
