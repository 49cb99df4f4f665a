# shellcheck shell=bash
# The other way to have a cluster: STYLOBATE_KUBECONFIG names one (GKE, kind), and every target uses that.

# Prints the path of a kubectl: the checkout's own, or the machine's.
kubectl_find() {
  if [[ -x $CHECKOUT/local/.state/bin/kubectl ]]; then printf '%s\n' "$CHECKOUT/local/.state/bin/kubectl"; else
    command -v kubectl || fail "failed to find kubectl: install it, or run make up once without STYLOBATE_KUBECONFIG"
  fi
}

# Checks that the named cluster answers, and tells other tools of it.
external_up() {
  local kubectl answer dir=$CHECKOUT/local/.state
  [[ -r $STYLOBATE_KUBECONFIG ]] || fail "failed to read STYLOBATE_KUBECONFIG: there is no file $STYLOBATE_KUBECONFIG"
  kubectl=$(kubectl_find)
  answer=$("$kubectl" --kubeconfig "$STYLOBATE_KUBECONFIG" --request-timeout=15s get --raw /version 2>&1) ||
    fail "failed to reach the cluster of STYLOBATE_KUBECONFIG: $(tail -n 1 <<<"$answer")"
  mkdir -p "$dir"
  # With a cluster of its own the checkout has this file already, and it gives way to the variable.
  if [[ ! -f $dir/env ]]; then
    cat >"$dir/env" <<EOF
# To be sourced. Written by make up, while STYLOBATE_KUBECONFIG named the cluster.
export STYLOBATE_BIN="$(dirname "$kubectl")"
export KUBECONFIG="\${STYLOBATE_KUBECONFIG:?name the cluster in STYLOBATE_KUBECONFIG, or run make up without it}"
EOF
  fi
  outcome "$(sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p' <<<"$answer") answers"
}
