# PostgreSQL 15 becomes 17 on the same volumes: a check that finds something stops nothing, an upgrade that fails is taken
# back, and one that is done has the same data, its extensions and its statistics.
# shellcheck shell=bash

FROM=15.20
TO=17.12

major_made() {
  k apply -f - <<YAML
apiVersion: stylobate.dev/v1alpha1
kind: PostgresCluster
metadata: {name: old}
spec:
  engine: {version: "$FROM"}
  resources: {cpu: 100m, memory: 512Mi}
  pooler: {instances: 1}
  storage: {size: 1Gi}
  users: [{name: app}]
  databases: [{name: bank, owner: app, extensions: [hstore, pgaudit]}]
YAML
  within 180 healthy old
  is old .status.version "$FROM"
  bank "CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) i"
}

# bank STATEMENT: in the database, as the superuser, on the member that takes writes.
bank() { k exec "$(primary old)" -c postgres -- psql -XAtq -U postgres -d bank -v ON_ERROR_STOP=1 -c "$1"; }
# look: what must not change.
look() {
  bank "SELECT count(*), md5(string_agg(v, ',' ORDER BY id)) FROM t"
  k get pvc -l stylobate.dev/cluster=old -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.spec.volumeName}{"\n"}{end}'
}
phase_is() { is old .status.upgrade.phase "$1"; }
serves() { healthy old && is old .status.version "$1" && answers old; }

check_fails() {
  bank "CREATE TABLE bad(p regproc)"
  k patch pgc old --type=merge -p "{\"spec\":{\"engine\":{\"version\":\"$TO\"}}}"
  within 240 says public.bad.p condition old UpgradeChecked
  is old .status.upgrade.pointOfNoReturn false
  serves "$FROM"
}

waiver_is_needed() {
  bank "DROP TABLE bad"
  # The check is made again every two minutes; who has put it right need not wait for that.
  k annotate pgc old stylobate.dev/retry-upgrade=checked
  within 240 says backup-before-major condition old Converged
  serves "$FROM"
}

# A table's file goes once the check has passed: pg_upgrade links some files, misses that one, and has to be undone.
# (A full volume stops it earlier, but then hinders the old server too.)
upgrade_fails() {
  local file
  bank "CREATE TABLE lost(i int); INSERT INTO lost VALUES (1)"
  bank "CHECKPOINT"
  file=$(bank "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('lost')")
  k exec "$(primary old)" -c postgres -- rm "$file"
  k annotate pgc old stylobate.dev/upgrade-without-backup=17
  within 240 phase_is Failed
  within 120 serves "$FROM"
  says "public.lost" condition old Converged
  bank "DROP TABLE lost"
}

upgraded() {
  look >"$WORK/before"
  k annotate pgc old --overwrite stylobate.dev/retry-upgrade=again
  within 300 phase_is Done
  within 300 is old .status.rollout.phase Done
  within 120 serves "$TO"
  look | diff "$WORK/before" -
  is old .status.upgrade.pointOfNoReturn true
  says "the same claims and volumes as before" field old .status.rollout.message
  test_equal t bank "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 't'"
  test_equal 17.1 bank "SELECT extversion FROM pg_extension WHERE extname = 'pgaudit'"
}

no_way_back() {
  k patch pgc old --type=merge -p "{\"spec\":{\"engine\":{\"version\":\"$FROM\"}}}"
  within 60 says "no older major can read" condition old Accepted
  answers old
  k patch pgc old --type=merge -p "{\"spec\":{\"engine\":{\"version\":\"$TO\"}}}"
  within 60 healthy old
}

major_gone() {
  k delete pgc old --wait --timeout=120s
  k delete pvc,secret -l stylobate.dev/cluster=old
}

promise "a cluster of PostgreSQL $FROM is made" major_made
promise "a check that finds something is told, and stops nothing" check_fails
promise "without a backup a person has to say that none is needed" waiver_is_needed
promise "an upgrade that fails is taken back: $FROM serves as before, and the cause is told" upgrade_fails
promise "$FROM becomes $TO: the same data and volumes, statistics and extensions as new" upgraded
promise "an older major is refused, and touches nothing" no_way_back
promise "the cluster goes" major_gone
