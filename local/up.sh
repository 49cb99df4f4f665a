#!/bin/bash
# make up: a real Kubernetes on this machine, from nothing or from whatever an earlier run left. Each stage
# does only what is missing, so running it again continues, repairs, or does nothing.
source "$(dirname "$0")/lib/all.sh"

if [[ -n ${STYLOBATE_KUBECONFIG:-} ]]; then
  stage 'other cluster' external_up
  exit
fi

BEGAN=$EPOCHREALTIME
((EUID == 0)) || check_machine
instance_lock
instance_make
stage machine check_machine
stage packages packages_install
for PART in kube probe portal coredns csi provisioner sidecars tools; do stage "$PART" "part_$PART"; done
stage 'earlier runs' sweep
instance_make
boot_id >"$STATE/boot-id"
stage network network_up
stage 'storage pool' pool_up
stage certificates pki_up
stage 'etcd, containerd' runtime_up
stage 'control plane' control_up
stage 'way in' access_up
stage 'kubelet, proxy' node_up
stage 'name server' dns_up
stage storage storage_up
stage node node_wait
stage proof prove
stage 'all alive' all_alive
printf 'The cluster is up after %s s. To use it: source local/.state/env\n' "$(since "$BEGAN")"
