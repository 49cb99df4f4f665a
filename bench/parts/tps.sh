# Transfers per second through Pgpool as a ratio of the same workload straight to the primary, run by run side by side.
# shellcheck shell=bash

TPS_SECONDS=10

tps() { jq '.transfers_per_s' "$WORK/summary"; }

measure_tps() {
  local direct pooled ratios=() pooled_all=() direct_all=()
  for _ in $(seq "$RUNS"); do
    bank ledger-primary $TPS_SECONDS
    bank_ends
    direct=$(tps)
    bank ledger-pooler $TPS_SECONDS
    bank_ends
    pooled=$(tps)
    direct_all+=("${direct%.*}")
    pooled_all+=("${pooled%.*}")
    ratios+=("$(awk -v a="$pooled" -v b="$direct" 'BEGIN { printf "%.2f", a / b }')")
  done
  row "bank, straight to the primary" transfers/s - "${direct_all[@]}"
  row "bank, through Pgpool" transfers/s - "${pooled_all[@]}"
  row "through Pgpool / straight" ratio - "${ratios[@]}"
}
