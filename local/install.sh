#!/usr/bin/env bash
# Installs the operator by its chart, with the images that images/load.sh brought, and waits until it is ready. A new build of the
# operator has another digest, which rolls its pods; what was built of Postgres becomes the image catalog.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"

# With a cluster of somebody's own, images are where images/load.sh said to push them.
values=$(images/engine-images.sh values ${STYLOBATE_REGISTRY:+--registry "$STYLOBATE_REGISTRY"})
said=$(helm upgrade --install stylobate charts/stylobate --namespace stylobate-system --create-namespace --take-ownership \
  --values - --wait --timeout 3m <<<"$values" 2>&1 >/dev/null) ||
  { printf '%s\n' "$said" >&2; exit 1; }
