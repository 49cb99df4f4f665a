# What a planned change costs: the whole time, the longest write gap, and the longest time without an answered read by a
# new connection.
# shellcheck shell=bash

# planned WHAT PEERS SECONDS EDIT VALUE...: one run for each value.
planned() {
  local what=$1 peers=$2 seconds=$3 edit=$4 value
  local writes=() reads=() wholes=()
  shift 4
  for value in "$@"; do
    cost "$edit" "$value" "$seconds"
    writes+=("$WRITES") reads+=("$READS") wholes+=("$WHOLE")
  done
  row "$what: write gap" s "$peers" "${writes[@]}"
  row "$what: gap of reads by new connections" s "-" "${reads[@]}"
  row "$what: whole time" s "-" "${wholes[@]}"
}

measure_day_two() {
  setting work_mem 5MB
  edit '{"spec":{"tuning":[{"configMap":"day-two"}],"pooler":{"loadBalancing":true}}}'
  within 120 everywhere work_mem 5MB
  within 120 healthy
  reader
  planned "reload-only setting" "0.15-0.33 / -" 15 reload 6MB 7MB 8MB
  planned "restart-only setting" "4.1, 184 refused / -" 40 restart 65 66 67
  planned "image change, 3 members" "13.4, 220 in all / -" 75 image other newest other
  planned "CPU in place" "- / -" 15 cpu 250m 300m 200m
  planned "memory in place, with its settings" "- / -" 50 memory 1280Mi 1536Mi 1Gi
  planned "new pods for spec.scheduling" "- / -" 75 move '{"kubernetes.io/os":"linux"}' null '{"kubernetes.io/os":"linux"}'
  planned "storage growth" "- / -" 20 storage 3Gi 4Gi 5Gi
  planned "planned switchover, under reads" "8.3 / 3.3" 20 switchover once twice thrice
}
