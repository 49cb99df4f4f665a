# Schedules, retention and the command line of backups, on the cluster `shop`.
# shellcheck shell=bash

# runs OUTCOME: names of the backups that schedules made of `shop`, with this phase.
runs() {
  k get pgb -o json | jq -r --arg phase "$1" \
    '.items[] | select(.spec.cluster == "shop" and .spec.schedule != null and .status.phase == $phase) | .metadata.name'
}
some_run() { [ -n "$(runs "$1")" ]; }
# policy JSON: spec.backup as given.
policy() { k patch pgc shop --type=merge -p "{\"spec\":{\"backup\":$1}}"; }
reason_is() { [[ $(condition shop BackupsCurrent) == *"$1"* ]]; }
gone() { [ -z "$(k get pgb "$1" --ignore-not-found -o name)" ]; }

on_demand() {
  local out
  out=$(operator backup shop -n "$NS" --wait 120)
  printf '%s\n' "$out"
  [[ $out == *": succeeded, cut "*"write stall"* ]]
  says "failed to find PostgresCluster nobody" operator backup create nobody -n "$NS"
}

each_minute() {
  policy '{"schedules":[{"name":"often","schedule":"* * * * *","startDeadlineMinutes":1}]}'
  within 20 reason_is AsWanted
  within 150 some_run Succeeded
  runs Succeeded | head -n 1 | grep -E '^shop-often-[0-9]{12}$'
  [ "$(field shop '.status.backup.schedules[0].name')" = often ]
  operator backup list shop -n "$NS" | tee /dev/stderr | grep -E 'often +Succeeded +shop-often-'
  operator backup list shop -n "$NS" -o json | jq -e '.cluster == "shop" and any(.runs[]; .schedule == "often" and .outcome == "succeeded")'
}

paused_is_missed() {
  k patch pgc shop --type=merge -p '{"spec":{"paused":true}}'
  within 200 some_run Missed
  within 20 reason_is BackupMissed
  says "spec.paused was true" condition shop BackupsCurrent
  k patch pgc shop --type=merge -p '{"spec":{"paused":false}}'
  within 150 reason_is AsWanted
  says "Missed" operator backup list shop -n "$NS"
}

# The operators are away for more than two moments; what was due then is recorded when they are back.
outage_is_told() {
  local before
  before=$(runs Missed | wc -l)
  kubectl -n "$OPERATOR_NS" scale deploy/stylobate --replicas=0
  sleep 150
  kubectl -n "$OPERATOR_NS" scale deploy/stylobate --replicas=2
  within 120 more_missed "$before"
  k get pgb -o json | jq -e '[.items[].status.reason // "" | select(contains("no operator was at work"))] | length >= 1'
}
more_missed() { (($(runs Missed | wc -l) > $1)); }

kept_and_deleted() {
  local held
  held=$(runs Succeeded | head -n 1)
  k patch pgb "$held" --type=merge -p '{"spec":{"hold":true}}'
  policy '{"schedules":[],"retention":{"last":1}}'
  within 60 one_good_beside "$held"
  says "legal hold" k get pgb "$held" -o 'jsonpath={.status.keptBy}'
  k patch pgb "$held" --type=merge -p '{"spec":{"hold":false}}'
  within 60 gone "$held"
  # The last good one outlives its days, and evidence stays.
  some_run Missed
  k get pgb -o json | jq -e '[.items[] | select(.spec.cluster == "shop" and .status.phase == "Succeeded")] | length == 1'
  k patch pgc shop --type=json -p '[{"op":"remove","path":"/spec/backup"}]'
}
one_good_beside() {
  k get pgb -o json | jq -e --arg held "$1" '[.items[] | select(.spec.cluster == "shop" and .status.phase == "Succeeded"
    and .metadata.name != $held)] | length == 1'
}

still_when_settled() {
  local before
  policy '{"schedules":[{"name":"yearly","schedule":"0 2 1 1 *"}]}'
  within 30 reason_is AsWanted
  before=$(k get pgc shop -o 'jsonpath={.metadata.resourceVersion}')
  sleep 35
  [ "$(k get pgc shop -o 'jsonpath={.metadata.resourceVersion}')" = "$before" ]
  k patch pgc shop --type=json -p '[{"op":"remove","path":"/spec/backup"}]'
}

promise "a backup on demand succeeds and tells its stall" on_demand
promise "a schedule makes a backup at its moments, and the list shows it" each_minute
promise "a run that a pause kept from beginning is recorded as missed, told, and made up for" paused_is_missed
promise "runs that were due while no operator was there are recorded when one is back" outage_is_told
promise "retention deletes what no rule keeps, and never a held one nor the last good one" kept_and_deleted
promise "a schedule costs no write between two moments" still_when_settled
