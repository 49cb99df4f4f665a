# A change that restarts members waits for a window, for a person's word, or for another cluster; a plan says so beforehand.
# shellcheck shell=bash

# A window of 15 minutes that opens in twelve hours, whatever the time is now.
closed_window() {
  printf '[{"schedule":"0 %s * * *","durationMinutes":15,"timeZone":"UTC"}]' "$(((10#$(date -u +%H) + 12) % 24))"
}

change_waits() {
  k patch pgc shop --type=merge -p "{\"spec\":{\"maintenance\":{\"windows\":$(closed_window)},\"engine\":$OTHER_ENGINE}}"
  within 60 is shop .status.rollout.phase Waiting
  says "maintenance-window" condition shop Converged
  says "the next opens" condition shop Converged
  sleep 5
  runs_version shop 3 "$PG_NEWEST" "$PG_NEWEST_IMAGE"
}

# plan: what the command line prints; 2 is its code for "there are steps".
plan() { operator plan shop -n "$NS" "$@"; }

plan_tells() {
  # It cuts digests short.
  says "image ${PG_NEWEST_IMAGE%@*}@sha256:" plan
  says " -> ${PG_OTHER_IMAGE%@*}@sha256:" plan
  says "maintenance-window" plan
  says "switch over from" plan
  [ "$(plan --output json | jq '.later | length')" -ge 1 ]
}

run_now() {
  operator run-now shop -n "$NS" --for 10m
  within 180 is shop .status.rollout.phase Done
  within 60 healthy shop
  runs_version shop 3 "$PG_OTHER" "$PG_OTHER_IMAGE"
  operator run-now shop -n "$NS" --off
}

back() {
  k patch pgc shop --type=merge -p "{\"spec\":{\"maintenance\":{\"windows\":null},\"engine\":$NEWEST_ENGINE}}"
  within 240 runs_version shop 3 "$PG_NEWEST" "$PG_NEWEST_IMAGE"
  within 60 healthy shop
}

# An upgrade of the operator: the annotation on a pod's template is what a release that renders pods in another way leaves.
upkeep_waits() {
  local uids
  uids=$(member_uids shop)
  k annotate --overwrite pod shop-0 stylobate.dev/template=0123456789abcdef
  within 60 says "another release of the operator" condition shop Converged
  sleep 5
  [ "$(member_uids shop)" = "$uids" ]
}

upkeep_runs() {
  operator run-now shop -n "$NS" --for 10m
  within 180 test_equal True field shop ".status.conditions[?(@.type=='Converged')].status"
  within 60 healthy shop
}

in_slot promise "outside of its window an upgrade waits, and the condition says for what" change_waits
calmly promise "stylobate plan shows the steps, what they cost and what they wait for" plan_tells
in_slot promise "stylobate run-now: it goes at once" run_now
in_slot promise "without windows the way back goes at once" back
in_slot promise "what only another release of the operator renders otherwise restarts nobody" upkeep_waits
in_slot promise "until a person says so" upkeep_runs
