#!/usr/bin/env bash
# Tests the Terraform without a cloud: form, rules, plans of every customer, what scanners say, and what Terraform gives the
# charts, rendered and held against Kubernetes' own schemas. Installs its tools itself; asks Google for nothing.
# What stays untested without the real providers stands in terraform/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# shellcheck source=/dev/null
. charts/tests/lib.sh
for part in terraform/tests/*.sh; do
  # shellcheck source=/dev/null
  . "$part"
done

need_tools
need_providers
# A copy, so that no lock file and no folder of Terraform's is left in the checkout.
mkdir "$WORK/copy"
cp -r terraform charts crds "$WORK/copy/"
find "$WORK/copy" \( -name .terraform -o -name .terraform.lock.hcl \) -exec rm -rf {} +

prove_static
prove_facts
prove_scan
prove_workflows
if [[ -n $PROVIDERS ]]; then
  printf '          with %s\n' "$PROVIDERS"
  prove_runs_all
  prove_customers
  prove_rendered
else
  without="not tested: validate, $(cat terraform/{modules,stacks,examples}/*/tests/*.tftest.hcl | grep -c '^run ') runs of terraform test, plans of customers. There is no kit (STYLOBATE_TERRAFORM_KIT, or shared/terraform beside the checkout), and the registry of providers does not answer."
  if [[ ${STYLOBATE_WITHOUT_PROVIDERS:-} == 1 ]]; then echo "SKIPPED   $without"; else
    no_providers() {
      echo "$without"
      return 1
    }
    keeps "providers can be had: from the kit, or from their registry" no_providers
  fi
fi

if ((BROKEN > 0)); then
  echo "terraform: $BROKEN of $((KEPT + BROKEN)) promises not kept"
  exit 1
fi
echo "terraform: $KEPT promises kept${without:+, the rest SKIPPED for want of providers}"
