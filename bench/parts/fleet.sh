# A fleet: what each cluster more costs the operator and the API server. Its clusters name a node that does not exist, so nothing of them runs;
# what is measured is watches, reconciles and status, which are the operator's own. All go at the end.
# shellcheck shell=bash

FLEET_NS=bench-fleet
FLEET=${FLEET:-1 50 200}
FLEET_SECONDS=60
# The last status is written, and who stands for three minutes is looked at less often (src/decide.rs): then a minute is like another.
FLEET_REST=240

fleet_cluster() {
  printf '%s\n' --- 'apiVersion: stylobate.dev/v1alpha1' 'kind: PostgresCluster' "metadata: {name: f$1, namespace: $FLEET_NS}" \
    'spec:' '  engine: {version: "17"}' '  instances: 2' '  resources: {cpu: 100m, memory: 512Mi}' '  storage: {size: 1Gi}' \
    '  users: [{name: app}]' '  databases: [{name: bank, owner: app}]' '  scheduling: {nodeSelector: {bench: nowhere}}'
}
# Every cluster has its set, and its status says that nothing runs.
fleet_settled() {
  [ "$(kubectl -n $FLEET_NS get statefulsets -o name | wc -l)" = "$1" ] &&
    [ "$(kubectl -n $FLEET_NS get pgc -o 'jsonpath={range .items[*]}{.status.observedGeneration}{"\n"}{end}' | grep -c .)" = "$1" ]
}
# What the operators alone ask of the API server is counted by a flow schema of their own: the scheduler tries pods that find no node again and
# again, and its requests would be most of all.
count_requests() {
  kubectl apply -f - >/dev/null <<FLOW
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: bench-operator}
spec:
  matchingPrecedence: 100
  priorityLevelConfiguration: {name: workload-high}
  rules:
    - subjects: [{kind: ServiceAccount, serviceAccount: {name: stylobate, namespace: $OPERATOR_NS}}]
      resourceRules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"], namespaces: ["*"], clusterScope: true}]
FLOW
}
# Requests of the operators so far; a watch counts once, when it begins.
api_requests() {
  kubectl get --raw /metrics |
    awk '/^apiserver_flowcontrol_dispatched_requests_total/ && /flow_schema="bench-operator"/ { sum += $2 } END { printf "%d", sum }'
}
# CPU of a process so far, in seconds.
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }
rss_of() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

# fleet_row COUNT: one minute at rest.
fleet_row() {
  local pids pid requests cpu=() after=() memory=()
  mapfile -t pids < <(pgrep -f '^stylobate operator')
  requests=$(api_requests)
  for pid in "${pids[@]}"; do cpu+=("$(cpu_of "$pid")"); done
  sleep $FLEET_SECONDS
  requests=$(($(api_requests) - requests))
  for pid in "${pids[@]}"; do after+=("$(cpu_of "$pid")") memory+=("$(rss_of "$pid")"); done
  row "$1 clusters: requests of the operators to the API server in $FLEET_SECONDS s" requests - "$requests"
  row "$1 clusters: CPU of the operators in $FLEET_SECONDS s" s - \
    "$(paste -d' ' <(printf '%s\n' "${cpu[@]}") <(printf '%s\n' "${after[@]}") | awk '{ printf "%s%.2f", (NR > 1 ? " " : ""), $2 - $1 }')"
  row "$1 clusters: memory (RSS) of the operators" MiB - "${memory[*]}"
}

measure_fleet() {
  local count number had=0
  kubectl delete namespace $FLEET_NS --ignore-not-found >/dev/null
  local/new-namespace.sh $FLEET_NS >/dev/null
  count_requests
  fleet_row 0
  for count in $FLEET; do
    for ((number = had + 1; number <= count; number++)); do fleet_cluster "$number"; done | kubectl apply -f - >/dev/null
    had=$count
    within 900 fleet_settled "$count"
    sleep $FLEET_REST
    fleet_row "$count"
  done
  kubectl -n $FLEET_NS delete pgc --all --wait --timeout=15m >/dev/null
  kubectl delete flowschema bench-operator >/dev/null
  kubectl delete namespace $FLEET_NS --wait=false >/dev/null
}
