# The command line from outside of the cluster: a session through the pooler, and a switchover that is served once.
# shellcheck shell=bash

# cli ARGS: the command line as a person runs it on this machine, with the kubeconfig alone.
cli() { cargo run --quiet --locked -- "$@"; }

session_from_outside() {
  [ "$(cli psql shop -n "$NS" -- -XAtc 'select current_user')" = app ]
  says "SSL connection" cli psql shop -n "$NS" -- -Xc '\conninfo'
  says "read-only transaction" cli psql shop -n "$NS" --read-only -- -c 'create table slip ()'
  local code=0
  cli psql shop -n "$NS" -- -v ON_ERROR_STOP=1 -Xqc 'select 1/0' || code=$?
  ((code == 1))
  [ -z "$(compgen -G "${TMPDIR:-/tmp}/stylobate-ca-*")" ]
}

hands_over() {
  local old
  old=$(primary shop)
  within 90 cli switchover shop -n "$NS" --yes
  [ "$(field shop .status.switchover.from)" = "$old" ]
  within 10 is shop .status.primary "$(field shop .status.switchover.to)"
  within 60 healthy shop
  answers shop
}

refuses() {
  says "is the primary already" cli switchover shop -n "$NS" --yes --to "$(primary shop)"
  says "there is no member shop-9" cli switchover shop -n "$NS" --yes --to shop-9
  is shop .status.switchover.outcome Refused
  says "there is no member shop-9" events shop
}

promise "stylobate psql opens a verified session from outside and passes on the exit code" session_from_outside
promise "stylobate switchover hands the role over to a member of the quorum" hands_over
calmly promise "a switchover that can't be is refused with the reason, also as an Event" refuses
