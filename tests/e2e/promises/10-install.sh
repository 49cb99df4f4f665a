# The chart installs; two operators run and one leads.
# shellcheck shell=bash

# The lease of an operator that was cut off runs out within 30 s.
one_leads() {
  within 40 holder_runs
  [ "$(kubectl -n $OPERATOR_NS get deploy stylobate -o 'jsonpath={.status.readyReplicas}')" = 2 ]
}

holder_runs() {
  local holder
  holder=$(kubectl -n $OPERATOR_NS get lease stylobate -o 'jsonpath={.spec.holderIdentity}')
  [ -n "$holder" ] && kubectl -n $OPERATOR_NS get pods -o name | grep -F "${holder%%_*}"
}

promise "the chart installs two operators that become ready" local/install.sh
promise "one of them holds the lease" one_leads
promise "a namespace under the restricted pod security standard is there" local/new-namespace.sh "$NS"
