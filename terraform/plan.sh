#!/usr/bin/env bash
# Shows what an apply for one customer would make from nothing, offline: plan.sh CUSTOMER (a folder of terraform/customers).
# The values are the customer's own; Google is not asked, so what is there already is not known. For a real plan see
# docs/gcp/new-customer.md.
set -euo pipefail
cd "$(dirname "$0")/.."

CUSTOMER=${1:-}
[[ -n $CUSTOMER && -f terraform/customers/$CUSTOMER/customer.tfvars ]] || {
  echo "failed to find customer '$CUSTOMER': one of $(cd terraform/customers && printf '%s ' */ | tr -d /); say: make plan CUSTOMER=_example" >&2
  exit 2
}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# shellcheck source=/dev/null
for part in tools kit customers; do . "terraform/tests/$part.sh"; done
need_debian
terraform_fits || PATH=$(local/parts.sh terraform):$PATH
need_providers
[[ -n $PROVIDERS ]] ||
  { echo "failed to get providers: set STYLOBATE_TERRAFORM_KIT, or let this machine reach the registry of providers" >&2; exit 1; }
mkdir "$WORK/copy" "$WORK/out"
cp -r terraform charts "$WORK/copy/"
terraform -chdir="$WORK/copy/terraform/stacks/customer" init -backend=false -input=false -no-color >"$WORK/init" ||
  { cat "$WORK/init" >&2; exit 1; }
(plan_customer "$CUSTOMER")
terraform/plan-summary.sh "$WORK/out/plan-$CUSTOMER.json"
