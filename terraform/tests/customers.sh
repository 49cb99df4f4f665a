# shellcheck shell=bash
# Every customer's folder, planned as it is; and what the plan's people read of it.

customers() { (cd terraform/customers && printf '%s\n' */ | tr -d /); }

# plan_customer NAME: the promises that hold for every customer, with the plan in the answer. Beside others.
plan_customer() {
  # A copy of the stack for each, since two tests of one folder would wait for each other.
  cp -r "$WORK/copy/terraform/stacks/customer" "$WORK/copy/terraform/stacks/customer-$1"
  cd "$WORK/copy/terraform/stacks/customer-$1" || return
  terraform test -json -verbose -filter=tests/every_customer.tftest.hcl -var-file="../../customers/$1/customer.tfvars" \
    >"$WORK/out/plan-$1.json" 2>"$WORK/out/plan-$1.err" || true
}

plan_customers() {
  mkdir -p "$WORK/out"
  export WORK
  export -f plan_customer
  customers | nice -n 10 xargs -P 2 -I{} bash -c 'plan_customer {}'
}

# The summary names the customer's cluster, each of its pools, keys and databases, and what is exposed.
summary_tells() {
  local said word
  said=$(terraform/plan-summary.sh "$WORK/out/plan-$1.json") || { echo "$said"; return 1; }
  shift
  for word; do grep -qF -- "$word" <<<"$said" || { echo "the summary says nothing of '$word':"; echo "$said"; return 1; }; done
}

# Two customers differ in what they differ in, and in nothing that guards them.
customers_differ() {
  local small large
  small=$(terraform/plan-summary.sh "$WORK/out/plan-workbench.json" | awk '/^Plan:/ { print $2 }')
  large=$(terraform/plan-summary.sh "$WORK/out/plan-atlas.json" | awk '/^Plan:/ { print $2 }')
  ((small > 30 && large > small + 10)) || { echo "the small one makes $small, the large one $large"; return 1; }
}

prove_customers() {
  local name
  plan_customers
  for name in $(customers); do
    prove_runs "customer $name" "$WORK/out/plan-$name.json"
  done
  keeps "the summary of _example tells what would be made" summary_tells _example example-stylobate europe-west3 'pool db' ledger 'internal' 'disks' '400 days' 'example-prod-1-example-wal, WAL of ledger'
  keeps "the summary of atlas tells of shards' pools, hardware keys, the lock and PSC" summary_tells atlas 'pool coordinator' 'pool worker' 'pool batch' HSM 'LOCKED' psc 'WAL of ledger, risk'
  keeps "the summary of workbench tells that it archives nothing" summary_tells workbench 'no bucket for WAL'
  keeps "a small customer in its own network and a large one come from the same modules" customers_differ
}
