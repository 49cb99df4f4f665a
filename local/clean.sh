#!/bin/bash
# make clean: make down, and removes the state: volumes, images, objects. The build cache stays.
source "$(dirname "$0")/lib/all.sh"

if [[ -n ${STYLOBATE_KUBECONFIG:-} ]]; then
  printf 'STYLOBATE_KUBECONFIG names another cluster; it is left as it is.\n'
  exit
fi
((EUID == 0)) || fail 'failed to remove the state: it takes root; run it with sudo'

# Ends the cluster and forgets it.
cluster_clean() {
  erase
  rm -rf "$CHECKOUT/local/.state"
  outcome removed
}

instance_lock
stage state cluster_clean
