# shellcheck shell=bash
# The storage pool: one sparse file with an XFS file system that can share blocks between files (reflink), in
# which the CSI driver keeps volumes and takes snapshots in milliseconds.
#
# Everything mounted for the cluster hangs below the instance's state directory, which is bound to itself and
# shared: mounts then reach containers that ask for them, and an unmount reaches every copy that another
# mount namespace has, so that no device stays busy. The machine's own root is left as it is.

# The pool's size; being sparse it takes what is written, and at most this much of the disk.
POOL_MAX_GIB=40
# What the pool leaves of the free disk for images and etcd.
POOL_SPARE_GIB=8

# Shares the state directory.
mounts_shared() {
  mountpoint -q "$STATE" || mount --bind "$STATE" "$STATE" || fail "failed to bind $STATE to itself: see the line above; mounts need CAP_SYS_ADMIN"
  mount --make-rshared "$STATE"
}

# Makes the pool's file when it is new, and mounts it.
pool_up() {
  local size
  mounts_shared
  mkdir -p "$POOL"
  if mountpoint -q "$POOL"; then outcome mounted; return; fi
  outcome kept
  if [[ ! -f $STATE/pool.img ]]; then
    size=$(($(free_mib "$STATE") / 1024 - POOL_SPARE_GIB))
    ((size <= POOL_MAX_GIB)) || size=$POOL_MAX_GIB
    ((size >= 1)) || fail "failed to make the storage pool: the disk of $STATE is full; make room"
    rm -f "$STATE/pool.img.new"
    truncate -s "${size}G" "$STATE/pool.img.new"
    mkfs.xfs -q -m reflink=1 "$STATE/pool.img.new"
    mv "$STATE/pool.img.new" "$STATE/pool.img"
    outcome "made, ${size} GiB sparse"
  fi
  mount -o loop "$STATE/pool.img" "$POOL" ||
    fail "failed to mount the storage pool $STATE/pool.img: see the line above; 'make clean' starts with an empty one"
}

# Unmounts everything below a directory, and itself, the deepest first.
unmount_all() {
  local point
  # One mount may hide another on the same point, so one pass for each line of the table.
  while read -r point; do
    umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null || true
  done < <(awk -v dir="$1" '$5 == dir || index($5, dir "/") == 1 {print $5}' /proc/self/mountinfo | sort -r)
}

# Detaches the loop devices whose files are below a directory.
loops_detach() {
  local file device
  for file in /sys/block/loop*/loop/backing_file; do
    [[ -r $file && $(cat "$file" 2>/dev/null) == "$1"/* ]] || continue
    device=${file#/sys/block/}
    losetup -d "/dev/${device%%/*}" 2>/dev/null || true
  done
}

# Ends every mount and loop device of the instance, the volumes before the pool that they lie in.
pool_down() {
  unmount_all "$KUBELET"
  loops_detach "$POOL"
  unmount_all "$STATE"
  loops_detach "$STATE"
}
