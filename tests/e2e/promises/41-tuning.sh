# Settings from ConfigMaps: noticed without an edit of the cluster, checked, and the last good set kept.
# shellcheck shell=bash

# runs POD SETTING VALUE: the member's server has this value now.
runs() { test_equal "$3" inside "$1" "show $2"; }
# starts: when each member's Postgres was started.
starts() {
  local pod
  for pod in shop-0 shop-1 shop-2; do inside "$pod" 'select pg_postmaster_start_time()'; done
}
# tuning KEY=VALUE...: the ConfigMap with just these settings.
tuning() { k create configmap mine "${@/#/--from-literal=}" --dry-run=client -o yaml | k apply -f -; }
accepted() { is shop ".status.conditions[?(@.type=='TuningAccepted')].status" "$1"; }

reload_only() {
  local pod
  starts >"$WORK/starts"
  tuning work_mem=11MB
  k patch pgc shop --type=merge -p '{"spec":{"tuning":[{"configMap":"mine"}]}}'
  for pod in shop-0 shop-1 shop-2; do within 30 runs "$pod" work_mem 11MB; done
  tuning work_mem=12MB log_min_duration_statement=5s
  for pod in shop-0 shop-1 shop-2; do within 30 runs "$pod" work_mem 12MB; done
  starts | diff "$WORK/starts" -
  is shop ".status.tuning[?(@.name=='work_mem')].source" mine
}

refused() {
  tuning work_mem=13MB work_mam=1MB
  within 10 accepted False
  says "setting work_mam of ConfigMap mine is '1MB'" condition shop TuningAccepted
  says 'did you mean work_mem?' condition shop TuningAccepted
  says "work_mam of ConfigMap mine" events shop
  sleep 6 # longer than Patroni's round: whatever was sent would be in force
  runs "$(primary shop)" work_mem 12MB
  runs "$(primary shop)" log_min_duration_statement 5s
  says "!! not TuningAccepted" operator tuning shop -n "$NS"
  answers shop
}

vanished() {
  k delete configmap mine
  within 10 says "no ConfigMap of this name" condition shop TuningAccepted
  sleep 6
  runs "$(primary shop)" work_mem 12MB
}

put_right() {
  tuning work_mem=14MB
  within 10 accepted True
  within 30 runs "$(primary shop)" work_mem 14MB
  within 30 runs "$(primary shop)" log_min_duration_statement -1
  k patch pgc shop --type=merge -p '{"spec":{"tuning":[]}}'
  within 30 is shop ".status.tuning[?(@.name=='work_mem')].source" computed
  within 30 healthy shop
}

pooler_reload() {
  local pods
  pods=$(k get pods -l stylobate.dev/cluster=shop,app.kubernetes.io/component=pooler -o name)
  k create configmap pgpool --from-literal=client_idle_limit=7min
  k patch pgc shop --type=merge -p '{"spec":{"pooler":{"tuning":[{"configMap":"pgpool"}]}}}'
  within 60 test_equal 7min sql shop app shop-user-app bank 'pgpool show client_idle_limit'
  [ "$pods" = "$(k get pods -l stylobate.dev/cluster=shop,app.kubernetes.io/component=pooler -o name)" ]
  k patch pgc shop --type=merge -p '{"spec":{"pooler":{"tuning":null}}}'
  within 30 healthy shop
}

promise "a reload-only setting is live on all members without a restart, and an edit of its ConfigMap too" reload_only
calmly promise "an unknown setting is refused by source, key and value; the last good set stays" refused
calmly promise "a ConfigMap that vanishes is told; the last good set stays" vanished
promise "settings that are put right are taken, and those that nobody asks for any more go" put_right
promise "a reload-only parameter of the pooler is live without new pods" pooler_reload
