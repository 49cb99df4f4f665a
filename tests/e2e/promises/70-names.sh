# Names that need quoting and passwords with every special character work through the pooler, and change without a restart.
# shellcheck shell=bash

SPECIAL='a'"'"'"\ `$#%&()*+,-./:;<=>?@[]^_{|}~!é€'

odd_cluster() {
  printf '%s' "$SPECIAL" | k create secret generic odd-password --from-file=password=/dev/stdin
  small odd '  storage: {size: 1Gi}' '  users: [{name: "Odd User", password: {secret: odd-password}}]' \
    '  databases: [{name: "Odd-Database", owner: "Odd User", extensions: [pg_trgm]}]' | kubectl apply -f -
  within 120 healthy odd
  within 20 odd_answers
}
odd_answers() { [ "$(sql odd "Odd User" odd-password Odd-Database 'select current_user')" = "Odd User" ]; }

password_changes() {
  local before
  before=$(k get pods -l stylobate.dev/cluster=odd -o json | jq -c '[.items[] | {u: .metadata.uid, r: [.status.containerStatuses[].restartCount]}]')
  k patch secret odd-password --type=merge -p "{\"data\":{\"password\":\"$(printf 'new%s' "$SPECIAL" | base64 -w0)\"}}"
  within 90 odd_answers
  [ "$before" = "$(k get pods -l stylobate.dev/cluster=odd -o json | jq -c '[.items[] | {u: .metadata.uid, r: [.status.containerStatuses[].restartCount]}]')" ]
}

promise "a role and a database that need quoting, and a password with every special character, work" odd_cluster
promise "a changed password reaches Postgres and Pgpool without a restart" password_changes
