#!/usr/bin/env bash
# Asks cargo-deny whether the dependencies are what deny.toml allows. Known faults of them (advisories) are in a database that is
# fetched: where it can't be had that is said and is no failure, and what it tells is printed and is none either, so that nobody's
# change is refused for what was published that day. `deny.sh strict` fails for both; CI runs that every night.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=0.20.2
TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/tools
DENY=$TOOLS/cargo-deny-$VERSION/bin/cargo-deny
# The database is small; a network that drops packets must not hold the tests up.
FETCH_SECONDS=60

# Compiles the tool once for all checkouts, about 2 minutes on two idle cores. A folder with its name is whole: it is moved there at the end.
install() {
  local work=$TOOLS/.cargo-deny.part
  mkdir -p "$TOOLS"
  (
    flock 8
    [[ ! -x $DENY ]] || exit 0
    echo "cargo-deny $VERSION: compiling it once, about 2 minutes"
    rm -rf "$work"
    nice cargo install --locked --quiet --version "$VERSION" --root "$work" --target-dir "$work/target" cargo-deny >"$TOOLS/cargo-deny.log" 2>&1 ||
      { echo "failed to install cargo-deny $VERSION: $(tail -n 1 "$TOOLS/cargo-deny.log") (more in $TOOLS/cargo-deny.log)" >&2; exit 1; }
    rm -rf "$work/target" "$TOOLS/cargo-deny-$VERSION"
    mv -T "$work" "$TOOLS/cargo-deny-$VERSION"
  ) 8>"$TOOLS/cargo-deny.lock"
}

[[ -x $DENY ]] || install
"$DENY" --locked --workspace check --hide-inclusion-graph licenses bans sources

if ! said=$(timeout "$FETCH_SECONDS" "$DENY" --locked --workspace fetch db 2>&1); then
  echo "advisories NOT CHECKED: their database can't be had here (${said##*$'\n'})"
  [[ ${1:-} != strict ]]
elif ! "$DENY" --locked --workspace check --disable-fetch advisories; then
  echo "advisories: dependencies have known faults, told above; take newer ones, or say in deny.toml why they don't concern us"
  [[ ${1:-} != strict ]]
fi
