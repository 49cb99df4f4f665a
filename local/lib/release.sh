# shellcheck shell=bash
# Ends all that an instance has on the machine: processes, containers, mounts, loop devices, control groups,
# the namespace. It looks for the things themselves, not only for records of them, and so serves make down,
# the cleaning after a cut-off, and the removal of instances whose checkout is gone.

# How long daemons may take to end when asked, in seconds. None has work to lose: etcd's is on the disk.
RELEASE_GRACE=4

# True when nothing of the given process ids is alive.
processes_gone() {
  local pid
  for pid; do ! process_start "$pid" >/dev/null || return 1; done
}

# Ends the processes: the kubelet first, or it would start containers again, then containers, then the rest.
release_processes() {
  local pids=() record pid
  if daemon_alive kubelet; then
    read -r pid _ <"$RUN/pids/kubelet"
    kill -9 "$pid" 2>/dev/null || true
  fi
  release_containers
  for record in "$RUN"/pids/*; do
    [[ -f $record ]] && daemon_alive "${record##*/}" || continue
    read -r pid _ <"$record"
    pids+=("$pid")
    kill "$pid" 2>/dev/null || true
  done
  ((${#pids[@]} == 0)) || wait_until "$RELEASE_GRACE" processes_gone "${pids[@]}" || true
  # What is left, and what no record names: containerd's shims among them.
  mapfile -t pids < <(processes)
  if ((${#pids[@]})); then
    kill -9 "${pids[@]}" 2>/dev/null || true
    wait_until 10 processes_gone "${pids[@]}" ||
      fail "failed to end processes ${pids[*]}: the kernel holds them; look at /proc/<id>/stack"
  fi
  release_containers
}

# Ends every process in the instance's control groups. For the pods it is as if the power had gone.
release_containers() {
  local pids deadline=$((SECONDS + 15))
  while mapfile -t pids < <(cgroup_processes) && ((${#pids[@]})); do
    kill -9 "${pids[@]}" 2>/dev/null || true
    ((SECONDS < deadline)) || fail "failed to end the pods' processes ${pids[*]}: the kernel holds them; look at /proc/<id>/stack"
    sleep 0.1
  done
}

# Removes sockets and links that ended processes leave in the machine's shared directories.
release_strays() {
  local file
  for file in "$STATE"/containerd/state/io.containerd.runtime.v2.task/*/*/address; do
    [[ ! -f $file ]] || rm -f "$(sed 's,^unix://,,' "$file")"
  done
  for file in /var/log/containers/*.log; do
    [[ $(readlink "$file" 2>/dev/null) != "$LOG"/* ]] || rm -f "$file"
  done
  rm -f /var/lib/cni/results/"stylobate-$ID"-*
}

# release: the whole; what persists is left in the state directory (etcd, images, volumes).
release() {
  release_processes
  release_strays
  pool_down
  cgroup_down
  network_down
  # A new namespace has no pods yet: the old ones' addresses and running states mean nothing in it.
  rm -rf --one-file-system "$STATE/containerd/state" "$STATE/cni" "$RUN"
}

# erase: release, and what persists as well.
erase() {
  release
  ! awk -v dir="$STATE" '$5 == dir || index($5, dir "/") == 1 {found = 1} END {exit !found}' /proc/self/mountinfo ||
    fail "failed to unmount everything below $STATE: end what uses it (fuser -vm $STATE), and run the command again"
  rm -rf --one-file-system "$STATE"
}
