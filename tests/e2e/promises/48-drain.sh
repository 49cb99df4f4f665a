# Nodes are emptied: no eviction takes the primary, one takes a replica, and a cordon says what it waits for. With one node
# there is nobody to hand over to elsewhere; that handover is proved by tests/scenarios/drain.txt.
# shellcheck shell=bash

# evict POD: as kubectl drain asks for it.
evict() {
  printf '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"%s","namespace":"%s"}}' "$1" "$NS" |
    kubectl create --raw "/api/v1/namespaces/$NS/pods/$1/eviction" -f -
}

primary_stays() {
  within 30 test_equal 0 have pdb shop-primary .status.disruptionsAllowed
  says "violate the pod's disruption budget" evict "$(primary shop)"
  says "shop-primary" k get pdb
  answers shop
}

replica_goes() {
  local replica old
  replica=$(k get pods -l stylobate.dev/cluster=shop,stylobate.dev/role=replica -o 'jsonpath={.items[0].metadata.name}')
  old=$(have pod "$replica" .metadata.uid)
  within 30 test_equal 1 have pdb shop-members .status.disruptionsAllowed
  evict "$replica"
  within 60 anew "$replica" "$old"
  within 90 healthy shop
}
anew() { local uid; uid=$(have pod "$1" .metadata.uid) && [ "$uid" != "$2" ]; }

cordon_is_told() {
  local node
  node=$(have pod "$(primary shop)" .spec.nodeName)
  kubectl cordon "$node"
  within 15 says NoSuccessor condition shop DrainOk || { kubectl uncordon "$node"; return 1; }
  says "$(primary shop) takes writes on it: the drain waits" condition shop DrainOk || { kubectl uncordon "$node"; return 1; }
  kubectl uncordon "$node"
  within 15 says AsWanted condition shop DrainOk
}

promise "the eviction of the primary is refused by its budget" primary_stays
promise "the eviction of a replica is allowed, and it comes back" replica_goes
stormily promise "a cordoned node with the primary: DrainOk says what the drain waits for" cordon_is_told
