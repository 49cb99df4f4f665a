# Under load everything is killed once; what was acknowledged is there.
# shellcheck shell=bash

kill_postmaster() {
  # shellcheck disable=SC2016 # expanded in the member
  k exec "$(primary shop)" -c postgres -- sh -c 'kill -9 "$(head -1 /data/pgdata/postmaster.pid)"'
  sleep 2
  within 30 writing
}

delete_primary() {
  local old
  old=$(primary shop)
  k delete pod "$old" --wait=false
  within 20 changed "$old"
  within 30 writing
  within 90 healthy shop
}
changed() { [ "$(primary shop)" != "$1" ]; }

# Killed without a word, its claim lasts longer than a pod takes to come back: so it may lead again itself, under the same name.
kill_primary() {
  local old uid
  old=$(primary shop)
  uid=$(have pod "$old" .metadata.uid)
  k delete pod "$old" --grace-period=0 --force
  within 60 led_anew "$uid"
  within 30 writing
  within 90 healthy shop
}
led_anew() {
  local now
  now=$(have pod "$(primary shop)" .metadata.uid) && [ "$now" != "$1" ] && answers shop
}

delete_pooler_pod() {
  k delete "$(k get pods -l app.kubernetes.io/component=pooler -o name | head -1)" --wait=false
  sleep 3
  within 30 writing
  within 60 healthy shop
}

kill_leader() {
  local holder
  holder=$(kubectl -n "$OPERATOR_NS" get lease stylobate -o 'jsonpath={.spec.holderIdentity}')
  kubectl -n "$OPERATOR_NS" delete pod "${holder%%_*}" --grace-period=0 --force
  k delete configmap shop-pooler
  within 45 k get configmap shop-pooler
  within 10 writing
}

promise "the bank runs through Pgpool" bank_starts 1500
promise "kill -9 of the postmaster: writes go on" kill_postmaster
promise "the primary's pod is deleted: another member takes over" delete_primary
promise "the primary's pod is deleted by force: writes go on, at another member or at its own new pod" kill_primary
promise "a pooler pod is deleted: clients go on by the other" delete_pooler_pod
stormily promise "the leading operator is killed: the other one goes on" kill_leader
promise "no acknowledged transfer is lost and the total is kept" bank_is_right
