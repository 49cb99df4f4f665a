# shellcheck shell=bash
# The proof that the cluster works: a pod that asks its name server.

# True when the probe pod has ended, well or not.
probe_ended() { [[ $(probe_phase) == @(Succeeded|Failed) ]]; }

# The probe pod's phase.
probe_phase() { kubectl_admin -n kube-system get pod stylobate-probe -o 'jsonpath={.status.phase}'; }

# Removes the probe pod.
probe_remove() {
  kubectl_admin -n kube-system delete pod stylobate-probe --ignore-not-found --grace-period=0 --force >>"$LOG/probe.log" 2>&1
}

# Runs the pod, unless nothing was started since it last succeeded.
prove() {
  if ((${STARTED:-0} == 0)) && [[ -e $RUN/proved ]]; then outcome 'proved before'; return; fi
  rm -f "$RUN/proved"
  probe_remove
  wait_until 20 manifest_apply "$LOCAL/manifests/probe.yaml" || fail "failed to make the probe pod: $(tail -n 1 "$LOG/manifests.log")"
  wait_until 60 probe_ended ||
    fail "failed to run the probe pod within a minute: $(kubectl_admin -n kube-system get events --field-selector involvedObject.name=stylobate-probe -o 'jsonpath={.items[-1:].message}')"
  [[ $(probe_phase) == Succeeded ]] ||
    fail "failed to resolve a name from a pod: $(kubectl_admin -n kube-system logs stylobate-probe | tail -n 1) (logs: $LOG/coredns.log, $LOG/kube-proxy.log)"
  probe_remove
  touch "$RUN/proved"
  outcome 'a pod resolved a name'
}

# Says which daemons have ended since they were started, if any: the last check of make up.
all_alive() {
  local record name
  for record in "$RUN"/pids/*; do
    name=${record##*/}
    daemon_alive "$name" || fail "failed to keep $name running: $(daemon_log "$name") (more in $LOG/$name.log)"
  done
  outcome "$(find "$RUN/pids" -type f | wc -l) processes"
}
