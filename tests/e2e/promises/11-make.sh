# One object becomes three members behind Pgpool.
# shellcheck shell=bash

make_shop() {
  example shop | kubectl apply -f -
  within 120 is shop .status.primary "$(k get pod -l stylobate.dev/role=primary -o name | cut -d/ -f2)"
  within 120 healthy shop
  answers shop
}

columns_read_well() {
  says "3/3" k get pgc shop --no-headers && says Healthy k get pgc shop --no-headers && says "$PG_NEWEST" k get pgc shop --no-headers
}

status_reads_well() {
  says "shop" operator status shop -n "$NS" && says "$(primary shop)" operator status shop -n "$NS"
  operator status shop -n "$NS" -o json | jq -e . >/dev/null
}

promise "a PostgresCluster of three members becomes healthy and serves through Pgpool" make_shop
promise "kubectl get pgc shows members, version and state" columns_read_well
calmly promise "stylobate status shows the primary, and JSON on request" status_reads_well
