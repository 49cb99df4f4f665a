# Drills: a backup is restored aside, looked through, measured and removed; a damaged page fails it and is named.
# shellcheck shell=bash

# drill BACKUP: asks for one, and waits for its end.
drill() {
  k annotate pgb "$1" --overwrite "stylobate.dev/verify=$RANDOM-$SECONDS"
  within 30 drilled "$1" Running
  within 420 over "$1"
  of "$1" .status.drill
}
drilled() { [ "$(of "$1" .status.drill.outcome)" = "$2" ]; }
over() { drilled "$1" Passed || drilled "$1" Failed; }
# left: what a drill made and is still there.
left() { k get pgc,statefulset,pvc,secret,configmap,volumesnapshot -o name | grep -- -drill- || true; }

bound_by_drill() { k get pvc -o json | jq -e 'any(.items[]; (.metadata.name | contains("-drill-")) and .status.phase == "Bound")'; }

passes() {
  backup sound
  within 60 phase sound Succeeded
  drill sound
  drilled sound Passed
  of sound .status.verified | jq -e '.recoverySeconds > 0 and .lostSeconds >= 0 and (.checks | length) == 3'
  within 120 test_equal "" left
}

# The page is damaged on the disk alone: the server that runs has it in its memory, as after a fault of the disk.
names_the_page() {
  local file leader
  leader=$(primary shop)
  # Nobody may write the page again before the cut: no vacuum or analyze comes by itself, and no row has a hint to be set.
  inside "$leader" "CREATE TABLE damaged WITH (autovacuum_enabled = false) AS SELECT i, repeat('x', 200) FROM generate_series(1, 1000) i"
  inside "$leader" "VACUUM (FREEZE) damaged"
  inside "$leader" CHECKPOINT
  file=$(inside "$leader" "SELECT pg_relation_filepath('damaged')")
  k exec "$leader" -c postgres -- sh -c "printf XXXX | dd of=/data/pgdata/$file bs=1 seek=$((8192 * 5 + 4000)) conv=notrunc,fsync 2>/dev/null"
  backup damaged
  within 60 phase damaged Succeeded
  inside "$leader" "DROP TABLE damaged"
  drill damaged
  drilled damaged Failed
  says "block 5 of public.damaged in database postgres" of damaged .status.drill.cause
  test_equal "" of damaged .status.verified
  within 120 test_equal "" left
}

# The operators die while a drill runs; it goes on, and nothing of it stays.
survives_operators() {
  k annotate pgb sound --overwrite "stylobate.dev/verify=again-$SECONDS"
  within 30 drilled sound Running
  sleep 5
  kill_operators
  storm_over
  within 420 drilled sound Passed
  within 120 test_equal "" left
}

# A drill whose backup is deleted leaves nothing either. Its claim is bound by then: external-provisioner leaves its own finalizer on a
# snapshot whose claim goes while it provisions (docs/status.md).
goes_with_its_backup() {
  k annotate pgb damaged --overwrite "stylobate.dev/verify=last-$SECONDS"
  within 30 drilled damaged Running
  within 60 bound_by_drill
  k delete pgb damaged --wait=false
  within 180 test_equal "" left
}

# drills TEXT: the condition's reason or message holds it.
drills() { [[ $(condition shop DrillsCurrent) == *"$1"* ]]; }
by_schedule_ended() { [ -n "$(field shop '.status.backup.drill.last.outcome')" ]; }
unscheduled() { k patch pgc shop --type=merge -p '{"spec":{"backup":{"drill":null}}}'; }

# A drill takes longer than a minute, so moments are missed meanwhile: they are told, and there is one drill at a time.
by_schedule() {
  local name
  trap unscheduled EXIT
  k patch pgc shop --type=merge -p '{"spec":{"backup":{"drill":{"schedule":"* * * * *"}}}}'
  within 30 drills "the next is due"
  within 500 by_schedule_ended
  field shop .status.backup.drill
  test_equal Passed field shop '.status.backup.drill.last.outcome'
  within 30 drills AsWanted
  name=$(field shop '.status.backup.drill.last.backup')
  test_equal "$name" field shop '.status.backup.lastVerified.name'
  drilled "$name" Passed || drilled "$name" Running
  of "$name" ".metadata.annotations['stylobate.dev/verify']" | grep -E '^schedule-[0-9-]{10}T[0-9:]{5}:00Z$'
  within 20 says "last drill by schedule: $name, due" operator backup list shop -n "$NS"
  unscheduled
  within 30 test_equal "" condition shop DrillsCurrent
  # The one that runs comes to its end, and no other begins.
  within 500 test_equal "" left
  sleep 70
  test_equal "" left
}

promise "a drill passes: every page, structure and mark are right, and it is measured and removed" passes
promise "a damaged page fails the drill, which says where it is" names_the_page
stormily promise "operators that are killed go on with a drill" survives_operators
promise "a drill goes with its backup" goes_with_its_backup
promise "a schedule has the newest backup drilled without anybody asking, says so, and stops when it is removed" by_schedule
