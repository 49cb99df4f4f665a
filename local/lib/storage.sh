# shellcheck shell=bash
# Storage with atomic snapshots: the checkout's own CSI driver, and the official sidecars that stand between
# it and the API, as processes in the namespace.

DRIVER=csi.stylobate.local
# The sidecars' client limits. Their default of 5 requests a second is for a driver among many; here it would be
# the slowest part of a backup of many volumes.
SIDECAR_RATE=(--kube-api-qps=50 --kube-api-burst=100)

# Starts driver and sidecars. A sidecar ends itself when the driver goes away, so a new driver gets new sidecars.
storage_up() {
  local before=${STARTED:-0} socket=unix://$RUN/csi.sock sidecars name
  sidecars=$(part_dir sidecars)
  manifest "$sidecars"/crds/*.yaml storage.yaml snapshot-class.yaml
  daemon csi-driver "$(part_dir csi)/csi" --endpoint "$socket" --node-id "$NODE_NAME" --pool "$POOL" \
    --kubelet-dir "$KUBELET" --driver-name "$DRIVER"
  if ((${STARTED:-0} > before)); then
    for name in csi-provisioner csi-resizer csi-snapshotter; do daemon_stop "$name"; done
  fi
  daemon_ready 20 csi-driver test -S "$RUN/csi.sock"
  daemon snapshot-controller "$sidecars/snapshot-controller" --kubeconfig="$CONF/storage.kubeconfig" "${SIDECAR_RATE[@]}"
  daemon csi-snapshotter "$sidecars/csi-snapshotter" --kubeconfig="$CONF/storage.kubeconfig" --csi-address="$RUN/csi.sock" \
    --extra-create-metadata "${SIDECAR_RATE[@]}"
  daemon csi-resizer "$sidecars/csi-resizer" --kubeconfig="$CONF/storage.kubeconfig" --csi-address="$RUN/csi.sock" \
    --handle-volume-inuse-error=false "${SIDECAR_RATE[@]}"
  daemon csi-provisioner "$(part_dir provisioner)/csi-provisioner" --kubeconfig="$CONF/storage.kubeconfig" \
    --csi-address="$RUN/csi.sock" --default-fstype=ext4 --extra-create-metadata "${SIDECAR_RATE[@]}"
  started_outcome "$before"
}
