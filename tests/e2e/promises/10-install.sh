# The chart installs; two operators run and one leads.
# shellcheck shell=bash

# The lease of an operator that was cut off runs out within 30 s.
leads() { within 40 one_leads; }

# A pod that asks for more than the standard allows is refused, and the refusal names the standard.
restricted_is_enforced() {
  [ "$(kubectl get namespace "$NS" -o 'jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}')" = restricted ]
  says 'violates PodSecurity "restricted' k run root --image=none --dry-run=server
}

promise "the chart installs two operators that become ready" local/install.sh
promise "one of them holds the lease" leads
promise "a namespace under the restricted pod security standard is there" restricted_is_enforced
