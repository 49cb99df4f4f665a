#!/bin/bash
# make down: ends exactly what make up started. Volumes, images and objects are kept for the next make up.
source "$(dirname "$0")/lib/all.sh"

if [[ -n ${STYLOBATE_KUBECONFIG:-} ]]; then
  printf 'STYLOBATE_KUBECONFIG names another cluster; it is left as it is.\n'
  exit
fi
((EUID == 0)) || fail 'failed to end the cluster: it takes root; run it with sudo'

# Ends the cluster.
cluster_down() {
  outcome 'was not running'
  if any_trace; then
    release
    outcome ended
  fi
  rm -f "$CHECKOUT"/local/.state/{env,kubeconfig}
}

instance_lock
stage cluster cluster_down
