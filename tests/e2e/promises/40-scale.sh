# Members come and go; the one that takes writes hands over first; volumes stay.
# shellcheck shell=bash

to_two() {
  k get pvc -l stylobate.dev/cluster=shop -o 'jsonpath={.items[*].metadata.uid}' >"$WORK/volumes"
  k patch pgc shop --type=merge -p '{"spec":{"instances":2}}'
  within 60 settled shop
  within 90 test_equal 2 have statefulset shop .status.replicas
  within 60 healthy shop
  [ "$(primary shop)" != shop-2 ]
  answers shop
}

to_three() {
  k scale pgc shop --replicas=3
  within 120 test_equal 3/3 field shop .status.ready
  within 60 healthy shop
  k get pvc -l stylobate.dev/cluster=shop -o 'jsonpath={.items[*].metadata.uid}' | diff - "$WORK/volumes"
}

in_slot promise "spec.instances 2: a member leaves, and it is not the one that takes writes" to_two
promise "kubectl scale to 3: it joins again on its old volume" to_three
