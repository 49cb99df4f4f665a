#!/usr/bin/env bash
# Writes a copy of the operator's chart whose values name the images of standard input (engine-images.sh values): pin-chart.sh CHART COPY.
# The values file keeps its form and comments, since `helm show values` is what a person reads.
set -euo pipefail
[ $# = 2 ] || { echo "usage: pin-chart.sh CHART COPY <VALUES" >&2; exit 2; }
pins=$(cat)
image=$(sed -n 's/^image: {\(.*\)}$/\1/p' <<<"$pins")
[[ $pins == *'digest: "'* && $pins == *$'\npooler: {image: "'* && $pins == *$'\npgbouncer: {image: "'* && $pins == *$'\nengineImages:\n  - '* ]] ||
  { echo "failed to pin the chart's images: standard input is not what engine-images.sh values prints" >&2; exit 1; }
cp -r "$1" "$2"

# Fields of `image` are set where they stand, or at the end of its block; `pooler`, `pgbouncer` and `engineImages` are written anew where they stood.
IMAGE=$image POOLER=$(grep '^pooler:' <<<"$pins") PGBOUNCER=$(grep '^pgbouncer:' <<<"$pins") ENGINES=$(sed -n '/^engineImages:/,$p' <<<"$pins") awk '
  function flush(  name) { if (block == "image") for (name in field) print "  " name ": " field[name]; block = "" }
  BEGIN { count = split(ENVIRON["IMAGE"], pin, ", "); for (i = 1; i <= count; i++) { name = pin[i]; sub(/:.*/, "", name); sub(/^[^:]*: /, "", pin[i]); field[name] = pin[i] } }
  /^[a-zA-Z]/ {
    flush()
    key = $1; sub(/:.*/, "", key)
    written[key] = 1
    if (key == "image") { block = key; print; next }
    if (key == "pooler") { block = "left"; print ENVIRON["POOLER"]; next }
    if (key == "pgbouncer") { block = "left"; print ENVIRON["PGBOUNCER"]; next }
    if (key == "engineImages") { block = "left"; print ENVIRON["ENGINES"]; next }
  }
  /^#/ || /^$/ { flush() }
  block == "left" { next }
  block == "image" { name = $1; sub(/:.*/, "", name); if (name in field) { print "  " name ": " field[name]; delete field[name]; next } }
  { print }
  END {
    flush()
    if (!written["pooler"]) print ENVIRON["POOLER"]
    if (!written["pgbouncer"]) print ENVIRON["PGBOUNCER"]
    if (!written["engineImages"]) print ENVIRON["ENGINES"]
  }' "$1/values.yaml" >"$2/values.yaml"
