# Room for the demo and the tours: what the nodes have free, what a tour's clusters ask for, and what earlier tours have left. Sourced after
# local/.state/env; it needs kubectl, jq and the definitions of Stylobate.
# shellcheck shell=bash

# The label of a namespace that the demo or a tour made, with its name. Nothing without it is ever removed to make room.
TOUR_LABEL=stylobate.dev/tour

# What pods ask for beside spec.resources, as src/build/ renders it (src/build/asks_tests.rs compares): thousandths of a CPU, and MiB. All
# pooler pods of a cluster together serve at most 100 connections of 6 MiB.
EXPORTER_CPU=10
EXPORTER_MIB=64
POOLER_CPU=60
POOLER_MIB=344
CONNECTIONS_MIB=600

# Quantities of Kubernetes in jq: `millis` of a CPU, `mib` of memory.
QUANTITIES='def millis: tostring | if endswith("m") then rtrimstr("m") | tonumber else tonumber * 1000 end;
  def mib: tostring | capture("^(?<number>[0-9.]+)(?<unit>[A-Za-z]*)$") | (.number | tonumber) *
    ({"": 1, m: 0.001, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 1024, Mi: 1048576, Gi: 1073741824, Ti: 1099511627776}[.unit]) / 1048576;'

# clusters_ask: CPU and MiB that the PostgresClusters of standard input (YAML) ask for together, with their poolers; the API server puts
# the defaults in, so their namespace has to be there.
clusters_ask() {
  kubectl create --dry-run=server -o json -f - | jq -rs --argjson exporter_cpu "$EXPORTER_CPU" --argjson exporter_mib "$EXPORTER_MIB" \
    --argjson pooler_cpu "$POOLER_CPU" --argjson pooler_mib "$POOLER_MIB" --argjson connections_mib "$CONNECTIONS_MIB" "$QUANTITIES"'
    [.[] | if .kind == "List" then .items[] else . end | select(.kind == "PostgresCluster") | .spec |
      {cpu: (.instances * ((.resources.cpu | millis) + $exporter_cpu) + .pooler.instances * $pooler_cpu),
       mib: (.instances * ((.resources.memory | mib) + $exporter_mib) + .pooler.instances * $pooler_mib + $connections_mib)}] |
    "\(map(.cpu) | add // 0 | ceil) \(map(.mib) | add // 0 | ceil)"'
}

# room_free: CPU and MiB that no pod has asked for on nodes that take pods.
room_free() {
  { kubectl get nodes -o json; kubectl get pods -A -o json; } | jq -rs "$QUANTITIES"'
    (.[0].items | map(select(.spec.unschedulable != true))) as $nodes | ($nodes | map(.metadata.name)) as $names |
    def asked(name): [.spec.containers[].resources.requests[name] // "0"];
    [.[1].items[] | select(.status.phase | IN("Succeeded", "Failed") | not) |
      select((.spec.nodeName // $names[0]) | IN($names[]))] as $pods |
    "\(([$nodes[].status.allocatable.cpu | millis] | add // 0) - ([$pods[] | asked("cpu")[] | millis] | add // 0) | floor) \(
       ([$nodes[].status.allocatable.memory | mib] | add // 0) - ([$pods[] | asked("memory")[] | mib] | add // 0) | floor)"'
}

# tour_namespace NAMESPACE TOUR: makes the namespace anew and labels it.
tour_namespace() {
  local/new-namespace.sh "$1" >/dev/null
  kubectl label namespace "$1" "$TOUR_LABEL=$2" >/dev/null
}

# fits CPU MIB: whether that much is free. Leaves FREE_CPU and FREE_MIB.
fits() {
  read -r FREE_CPU FREE_MIB < <(room_free)
  ((FREE_CPU >= $1 && FREE_MIB >= $2))
}

# end_tours OWN: removes what earlier tours have left, but not the demo's cluster, which its person may be using, and not OWN.
end_tours() {
  local namespace
  for namespace in $(kubectl get namespaces -l "$TOUR_LABEL,$TOUR_LABEL!=demo" -o 'jsonpath={.items[*].metadata.name}'); do
    [ "$namespace" != "$1" ] || continue
    echo "   removing namespace $namespace, which an earlier tour left"
    local/end-namespace.sh "$namespace" >/dev/null
  done
}

# room OWN CPU MIB: sees to it that this much is free for the namespace OWN: ends what earlier tours left when there is too little, and
# says what else asks for it, with the command that ends it, when that is not enough.
room() {
  local own=$1 cpu=$2 mib=$3
  fits "$cpu" "$mib" || end_tours "$own"
  if ! fits "$cpu" "$mib"; then
    {
      echo "failed to find room: $own asks for ${cpu}m CPU and $mib MiB, and ${FREE_CPU}m and $FREE_MIB MiB are free. Most is taken by:"
      holders "$own" | head -n 5
      echo "End what you don't need with its command, and begin again."
    } >&2
    exit 1
  fi
  echo "   room: ${cpu}m CPU and $mib MiB needed at most, ${FREE_CPU}m and $FREE_MIB MiB free"
}

# holders OWN: namespaces by the CPU that their pods ask for, each with the command that ends it: made by the demo or a tour, a cluster of
# somebody's, or something else.
holders() {
  { kubectl get namespaces -o json; kubectl get pods -A -o json; kubectl get pgc -A -o json; } | jq -rs --arg own "$1" --arg tag "$TOUR_LABEL" "$QUANTITIES"'
    (.[0].items | map({key: .metadata.name, value: (.metadata.labels[$tag] // "")}) | from_entries) as $tours |
    (.[2].items | group_by(.metadata.namespace) | map({key: .[0].metadata.namespace, value: map(.metadata.name)}) | from_entries) as $clusters |
    [.[1].items[] | select(.status.phase | IN("Succeeded", "Failed") | not)] | group_by(.metadata.namespace) |
    map({namespace: .[0].metadata.namespace, cpu: ([.[].spec.containers[].resources.requests.cpu // "0" | millis] | add)}) |
    map(select(.namespace != $own and .cpu > 0)) | sort_by(-.cpu)[] | .namespace as $namespace |
    "  \($namespace) (\(.cpu)m CPU): " +
    if $tours[$namespace] != null and $tours[$namespace] != "" then "made by \($tours[$namespace]); kubectl delete namespace \($namespace)"
    elif $clusters[$namespace] then "PostgresCluster \($clusters[$namespace] | join(", ")); kubectl -n \($namespace) delete pgc \($clusters[$namespace] | join(" ")) (volumes stay)"
    else "kubectl -n \($namespace) get pods shows what it is" end'
}

# pods_wait NAMESPACE: one line for each pod that does not run, in the words of Kubernetes.
pods_wait() {
  kubectl -n "$1" get pods -o json | jq -r '.items[] | select(.status.phase == "Pending") | .metadata.name as $pod |
    ([.status.conditions[]? | select(.type == "PodScheduled" and .status == "False").message] +
     [.status.initContainerStatuses[]?, .status.containerStatuses[]? | .state.waiting // empty | "\(.reason) \(.message // "")"]) |
    select(length > 0) | "pod \($pod) is Pending: \(.[0])"'
}
