# shellcheck shell=bash
# The control groups that hold the instance's pods, below a root of their own: two kubelets would otherwise
# remove each other's.

# Prints every mounted hierarchy, one for each controller on version 1, one in all on version 2.
cgroup_mounts() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/self/mounts; }

# Makes the instance's group in every hierarchy.
cgroup_up() {
  local mount file
  while read -r mount; do
    mkdir -p "$mount/$CGROUP" 2>/dev/null || continue
    # A new cpuset group has no processors, and cannot hold a process, until they are copied from above.
    for file in cpuset.cpus cpuset.mems; do
      [[ ! -w $mount/$CGROUP/$file || -n $(cat "$mount/$CGROUP/$file") || ! -s $mount/$file && -z $(cat "$mount/$file") ]] ||
        cat "$mount/$file" >"$mount/$CGROUP/$file"
    done
    # Version 2 hands controllers down only when told to.
    if [[ -w $mount/cgroup.subtree_control ]]; then
      for file in $(cat "$mount/cgroup.controllers"); do
        echo "+$file" >"$mount/cgroup.subtree_control" 2>/dev/null || true
        echo "+$file" >"$mount/$CGROUP/cgroup.subtree_control" 2>/dev/null || true
      done
    fi
  done < <(cgroup_mounts)
}

# Prints the process ids in the instance's groups: all containers, and nothing else. Containerd takes groups away meanwhile: one
# that goes while it is looked for or read is no failure and hides no other, for only an empty group can go.
cgroup_processes() {
  local mount file
  while read -r mount; do
    [[ -d $mount/$CGROUP ]] || continue
    while read -r file; do
      cat "$file" 2>/dev/null || true
    done < <(find "$mount/$CGROUP" -name cgroup.procs 2>/dev/null || true)
  done < <(cgroup_mounts) | sort -un
}

# Removes the groups, children first; they have to be empty.
cgroup_down() {
  local mount
  while read -r mount; do
    [[ ! -d $mount/$CGROUP ]] || find "$mount/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(cgroup_mounts)
}
