# Deletion removes everything but the volumes, and says how to remove them.
# shellcheck shell=bash

deletion() {
  k delete pgc odd --timeout=90s
  within 60 nothing_owned
  [ -n "$(k get pvc -l stylobate.dev/cluster=odd -o name)" ]
  within 10 says "delete pvc -l stylobate.dev/cluster=odd && kubectl -n $NS delete secret odd-credentials" events odd
}
nothing_owned() {
  [ -z "$(k get pods,statefulsets,deployments,services,configmaps,secrets,pdb,networkpolicies,sa,roles,rolebindings \
    -l stylobate.dev/cluster=odd,stylobate.dev/keep!=true -o name)" ]
}

made_again() {
  small odd '  storage: {size: 1Gi}' '  users: [{name: "Odd User", password: {secret: odd-password}}]' \
    '  databases: [{name: "Odd-Database", owner: "Odd User", extensions: [pg_trgm]}]' | kubectl apply -f -
  within 120 healthy odd
  within 30 odd_answers
  says "17" sql odd "Odd User" odd-password Odd-Database 'select sum(x) from kept'
}

sql odd "Odd User" odd-password Odd-Database 'create table kept as select 17 as x' >/dev/null 2>&1 || true
promise "deletion leaves the volumes, nothing else, and an event with the command to remove them" deletion
promise "a cluster made again on kept volumes has its data" made_again
