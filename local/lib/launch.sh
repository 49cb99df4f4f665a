#!/bin/bash
# launch.sh RECORD DIGEST COMMAND...: becomes the command after recording itself. The process writes its own
# record before it is the command, so there is no moment at which the command runs unrecorded.
set -euo pipefail
record=$1 digest=$2
shift 2
stat=$(cat "/proc/$$/stat")
read -ra fields <<<"${stat##*) }"
printf '%s %s %s\n' "$$" "${fields[19]}" "$digest" >"$record.new"
mv "$record.new" "$record"
exec "$@"
