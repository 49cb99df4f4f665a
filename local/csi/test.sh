#!/usr/bin/env bash
# Tests the CSI driver: go vet, its unit tests, and (as root) the whole driver on a temporary XFS pool, with the CSI
# project's sanity suite. Tests that need what the machine has not print why they were skipped.
set -euo pipefail
cd "$(dirname "$0")"

# install_tools fetches the file system tools, only where they are absent.
install_tools() {
  if command -v mkfs.xfs >/dev/null && command -v xfs_growfs >/dev/null; then return; fi
  if ((EUID != 0)); then
    echo 'xfsprogs is absent and installing it needs root: tests that need it will be skipped' >&2
    return
  fi
  apt-get install -y --no-install-recommends xfsprogs >/dev/null ||
    { echo 'failed to install xfsprogs: see above; run apt-get update and try again' >&2; exit 1; }
}

# The compilers' cache is the one that `make up` builds parts with.
compiling() { bash -c 'source ../lib/all.sh && hold_cache && GOCACHE=$GO_CACHE "$@"' compiling "$@"; }

install_tools
compiling go vet ./...
# -v, as go test otherwise hides the reasons of skipped tests; -count=1, as the kernel is no input that go test knows.
compiling go test -v -count=1 ./...
