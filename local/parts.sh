#!/bin/bash
# parts.sh NAME...: builds Go parts that tests need (a folder here with a go.mod each) unless the cache has them, and prints
# the folder of each, one a line. No cluster is needed or touched.
# shellcheck source=/dev/null
source "$(dirname "$0")/lib/all.sh"

for PART; do
  # What a build says goes to the terminal; the folder alone goes to the caller.
  # shellcheck disable=SC2034 # read by note() and stage() of lib/say.sh
  STAGE=$PART
  part "$PART" >&2
  part_dir "$PART"
  echo
done
