# Members are brought to another image, size or setting one at a time, under load, on the same volumes.
# shellcheck shell=bash

# roll PATCH: edits the cluster and waits for the end of the rollout that follows.
roll() {
  local before
  before=$(field shop .status.rollout.startedAt)
  k patch pgc shop --type=merge -p "$1"
  within 60 settled shop
  within 180 rolled "$before"
  within 60 healthy shop
}
# rolled BEFORE: a rollout that began after the one BEFORE is over.
rolled() { [ "$(field shop .status.rollout.startedAt)" != "$1" ] && is shop .status.rollout.phase Done; }

# evidence: claims, volumes and the identity of the data, as Kubernetes and Postgres have them.
evidence() {
  k get pvc -l stylobate.dev/cluster=shop -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.volumeName}{"\n"}{end}'
  inside shop-0 'select system_identifier from pg_control_system()'
}

# roll_to ENGINE VERSION IMAGE: by an edit of spec.engine; the data stays where it is.
roll_to() {
  evidence >"$WORK/evidence"
  roll "{\"spec\":{\"engine\":$1}}"
  within 30 runs_version shop 3 "$2" "$3"
  evidence | diff "$WORK/evidence" -
  says "the same 3 claims and volumes as before, the same system identifier" field shop .status.rollout.message
  says "the same 3 claims and volumes as before" events shop
}

resize_in_place() {
  local before
  before=$(member_uids shop)
  k patch pgc shop --type=merge -p "{\"spec\":{\"resources\":{\"cpu\":\"$1\"}}}"
  within 30 says "\"cpu\":\"$1\"" have pod shop-0 '.spec.containers[?(@.name=="postgres")].resources'
  within 30 settled shop
  [ "$(member_uids shop)" = "$before" ]
  [ "$(k get pods -l stylobate.dev/cluster=shop,app.kubernetes.io/component=member -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}' | tr -d ' 0')" = "" ]
}

buffers_are() { test_equal "$1" inside shop-0 'show shared_buffers'; }

memory() {
  local before
  before=$(member_uids shop)
  roll "{\"spec\":{\"resources\":{\"memory\":\"$1\"}}}"
  buffers_are "$2"
  [ "$(member_uids shop)" = "$before" ]
}

bad_image() {
  local before
  before=$(member_uids shop)
  k patch pgc shop --type=merge -p '{"spec":{"engine":{"image":"localhost/stylobate/postgres:none"},"maintenance":{"memberDeadlineSeconds":30}}}'
  within 60 says "not back yet" field shop .status.rollout.message
  within 60 says "postgres:none" condition shop Redundant
  answers shop
  within 60 is shop .status.rollout.phase Blocked
  says "is not back after 30 s" events shop
  # One member at most was touched.
  [ "$(comm -12 <(tr ' ' '\n' <<<"$before" | sort) <(member_uids shop | tr ' ' '\n' | sort) | wc -l)" = 2 ]
  k patch pgc shop --type=merge -p '{"spec":{"engine":{"image":null},"maintenance":{"memberDeadlineSeconds":300}}}'
  within 120 is shop .status.rollout.phase Done
  within 60 healthy shop
  within 30 runs_version shop 3 "$PG_NEWEST" "$PG_NEWEST_IMAGE"
}

promise "the bank runs through Pgpool" bank_starts 1500
in_slot promise "spec.engine to $OTHER_NAME: one member at a time, on the same volumes" roll_to "$OTHER_ENGINE" "$PG_OTHER" "$PG_OTHER_IMAGE"
in_slot promise "and back to $PG_NEWEST in the same way" roll_to "$NEWEST_ENGINE" "$PG_NEWEST" "$PG_NEWEST_IMAGE"
promise "spec.resources.cpu up: the same pods, no restart" resize_in_place 150m
promise "and down again" resize_in_place 100m
in_slot promise "spec.resources.memory up: the same pods, and settings follow" memory 1536Mi 384MB
in_slot promise "spec.resources.memory down: settings first, the same pods" memory 1Gi 256MB
in_slot promise "an image that can't be pulled: one replica is away, the others serve, and another edit mends it" bad_image
promise "what the bank was told is there, and no money is gone" bank_is_right
