#!/usr/bin/env bash
# Proves what compare.sh tells and what it refuses. Prints a line for each promise; ends at the first that is broken.
# shellcheck disable=SC2094 # the list is only read
set -euo pipefail
cd "$(dirname "$0")"
LIST=../src/tuning/catalog/17.tsv

# promise WHAT PATTERN STATUS KIND LIST, the server's lines on standard input.
promise() {
  local said status=0
  said=$(./compare.sh "$4" "$5") || status=$?
  if [[ $status != "$3" || ! $said =~ $2 ]]; then
    echo "BROKEN  $1: status $status: $said" >&2
    exit 1
  fi
  echo "kept    $1"
}

promise "a server that is as the list says passes" '^([0-9]+) of ([0-9]+) settings$' 0 settings $LIST <$LIST
promise "a setting that a minor version brings is told, and breaks nothing" 'new in this minor .*: shiny_new_setting$' 0 settings $LIST \
  < <(cat $LIST && printf 'shiny_new_setting\tbool\t\t\t\t\tuser\toff\n')
promise "a setting that is gone, and one with another range, are told" 'changed: max_connections; the server lacks: work_mem' 0 settings $LIST \
  < <(sed '/^work_mem\t/d; /^max_connections\t/s/262143/131071/' $LIST)
promise "a setting of another unit is refused" 'another type in the list: work_mem' 1 settings $LIST < <(sed '/^work_mem\t/s/kB/MB/' $LIST)
promise "a setting of another type is refused" 'another type in the list: work_mem' 1 settings $LIST < <(sed '/^work_mem\t/s/integer/real/' $LIST)
promise "an empty list is refused" '^0 of ' 1 settings <(:) <$LIST
promise "a list of which most is another server's is refused" 'new in this minor' 1 settings <(head -n 300 $LIST) <$LIST
promise "a server that says nothing is refused" '^0 of 0 ' 1 settings $LIST </dev/null
promise "a time zone that came since is told" 'new in this minor .*: Europe/Atlantis$' 0 zones ../src/tuning/catalog/zones.txt \
  < <(cat ../src/tuning/catalog/zones.txt && echo Europe/Atlantis)
