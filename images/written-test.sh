#!/usr/bin/env bash
# Proves what written.sh finds and what it lets be, line by line, and that the tree has none. Prints a line for each promise; ends at the
# first that is broken.
set -euo pipefail
cd "$(dirname "$0")"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/images"
cp versions.sh "$WORK/images/"

# Majors, with a minor that Debian may have had; put together here, so that this file names none.
NEW=17 OLD=15 MINOR=.13 POOLER=4
broken() { printf 'BROKEN  %s: %s\n' "$1" "$2" >&2; exit 1; }
# Each line of standard input, as a file of its own, is found ($1 = 1) or let be ($1 = 0).
each() {
  local line status
  while IFS= read -r line; do
    printf '%s\n' "$line" >"$WORK/file"
    status=0
    ./written.sh "$WORK" >/dev/null 2>&1 || status=$?
    [ "$status" = "$1" ] || broken "$2" "$line"
  done
  echo "kept    $2"
}

each 1 "a version of a Debian package is found wherever it is written" <<LINES
  version: "$NEW$MINOR"
image: localhost/stylobate/postgres:$NEW$MINOR
localhost/stylobate/postgres:15-to-$NEW$MINOR
ARG PG_VERSION=$OLD$MINOR
apt-get install postgresql-$NEW=$NEW$MINOR-*
apt-get install "pgbackrest=$POOLER.55-1"
postgresql $NEW$MINOR-0+deb13u1
says $NEW.1 "the version of pgAudit"
poolerTag: "$POOLER.6"
image: registry.example/pgpool:$POOLER.6
Pgpool-II $POOLER.6.1
LINES
each 0 "majors, made-up versions, measured numbers and other people's numbers are let be" <<LINES
  version: "$NEW"
image: localhost/stylobate/postgres:$NEW.90
version $OLD.91, then $OLD.100, or $NEW.9
services_cidr = "10.20.$NEW.12/20", or 10.$NEW.2.0
it took $NEW.2 s, of $OLD.3 GiB, at $NEW.5 %
Parameters of Pgpool-II 4.6
image: registry.example/pgpool:4.90.1
clap = { version = "4.6.7" }
kubectl get pods --since=2026-1-1
LINES
said=$(./written.sh 2>&1) || broken "no file of the tree names a version of a Debian package" "$said"
echo "kept    no file of the tree names a version of a Debian package"
