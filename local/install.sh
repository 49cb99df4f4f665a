#!/usr/bin/env bash
# Installs the operator by its chart, with the images that images/load.sh brought, and waits until it is ready.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"

# The tag stays the same while the image changes: the annotation rolls the pods then.
built=$(images/build.sh --list)
image=$(awk '$2 ~ /\/operator:/ { print $3 }' <<<"$built")
pooler=$(awk '$2 ~ /\/pgpool:/ { sub(/.*:/, "", $2); print $2 }' <<<"$built")
said=$(helm upgrade --install stylobate charts/stylobate --namespace stylobate-system --create-namespace --take-ownership \
  --set-string "podAnnotations.stylobate\.dev/image=$image,poolerTag=$pooler" --wait --timeout 3m 2>&1 >/dev/null) ||
  { printf '%s\n' "$said" >&2; exit 1; }
