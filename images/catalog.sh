#!/usr/bin/env bash
# Prints what the server in an unpacked Postgres image says of its settings (or, with `zones`, its time zones), as
# src/tuning/catalog/ keeps it: catalog.sh ROOT [settings|zones] [MAJOR], where the
# image has more than one. test.sh compares (compare.sh); to write a catalog anew after a change of version:
#   root=$(buildah mount "$(buildah from oci-archive:ARCHIVE)"); images/catalog.sh "$root" > src/tuning/catalog/17.tsv
set -euo pipefail

cd "$(dirname "$0")"
root=$1
question=query
[ "${2:-settings}" != zones ] || question=zones
major=${3:-*} # a pattern: the one that there is
sql=$(<"../src/tuning/catalog/$question.sql")

# As a pod runs it: not as root, on a read-only root file system, and with the libraries that every member loads.
# shellcheck disable=SC2016 # expanded by the inner shells
unshare --mount --pid --fork bash -c '
  root=$1 sql=$2 major=$3
  mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
  mount -t tmpfs tmpfs "$root/tmp" && mount -t proc proc "$root/proc"
  bin=$(cd "$root" && echo usr/lib/postgresql/$major/bin)
  cd / && exec env -i HOME=/tmp LANG=C.UTF-8 PATH="/$bin:/usr/bin:/bin:/usr/sbin" \
    setpriv --no-new-privs chroot --userspec=999:999 "$root" bash -c "
      initdb -D /tmp/d >/dev/null 2>&1
      pg_ctl -D /tmp/d -s -w -o \"-k /tmp -c listen_addresses= -c shared_preload_libraries=pg_stat_statements,pgaudit\" start >/dev/null
      psql -h /tmp -d postgres -XAt -F \"\$(printf \"\\\\t\")\" -c \"\$1\"
      pg_ctl -D /tmp/d -s stop" ask "$sql"' catalog "$root" "$sql" "$major"
