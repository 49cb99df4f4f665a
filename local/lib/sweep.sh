# shellcheck shell=bash
# What an earlier run left behind: of this checkout, when the machine or the cluster was cut off; of other
# checkouts, when they have been deleted.

# True while any recorded daemon runs.
any_alive() {
  local record
  for record in "$RUN"/pids/*; do
    [[ -f $record ]] && daemon_alive "${record##*/}" && return
  done
  return 1
}

# True when something of the instance is on the machine.
any_trace() {
  network_there || mountpoint -q "$STATE" || [[ -n $(ls -A "$RUN/pids" 2>/dev/null) || -n $(processes) || -n $(cgroup_processes) ]]
}

# Cleans what cannot be continued. A cluster of which some daemons run can: they are started one by one.
sweep() {
  outcome nothing
  sweep_others
  if [[ -f $STATE/boot-id && $(cat "$STATE/boot-id") != "$(boot_id)" ]]; then
    release
    # Unlike etcd, volumes and their pool, unpacked images are not synchronised to the disk file by file.
    rm -rf --one-file-system "$STATE/containerd" "$STATE/images"
    outcome 'cleaned after a restart'
  elif any_alive && network_there && mountpoint -q "$STATE" && mountpoint -q "$POOL"; then
    outcome 'cluster is running'
  elif any_trace; then
    release
    outcome 'cleaned a cut-off cluster'
  fi
}

# Erases instances whose checkout is no more.
sweep_others() {
  local dir checkout own=$ID
  for dir in "$STATE_ROOT"/*/; do
    dir=${dir%/}
    [[ -f $dir/checkout && ${dir##*/} != "$own" ]] || continue
    checkout=$(cat "$dir/checkout")
    [[ ! -d $checkout ]] || continue
    note "$checkout is gone; removing its cluster"
    # In a subshell, so that this run goes on pointing at its own instance; whoever else sweeps it has its lock.
    (
      instance_use "${dir##*/}"
      exec 9>"$RUN_ROOT/$ID.lock"
      flock -n 9 || exit 0
      erase
      rm -f "$RUN_ROOT/$ID.lock"
    ) || exit 1
  done
}
