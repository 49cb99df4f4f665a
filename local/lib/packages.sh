# shellcheck shell=bash
# The Debian packages that the cluster and its images are made with, installed only when one is missing.

PACKAGES=(
  containerd runc containernetworking-plugins etcd-server
  iptables iproute2 conntrack socat
  xfsprogs e2fsprogs util-linux
  gcc libc6-dev make openssl
  buildah mmdebstrap jq
)

# Prints the packages that are not installed.
packages_missing() {
  local package
  for package in "${PACKAGES[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# Installs what is missing, without letting the packages start services of their own.
packages_install() {
  local missing policy=/usr/sbin/policy-rc.d ours=
  command -v dpkg-query >/dev/null || fail "failed to find dpkg-query: the parts come from Debian packages; use a Debian or Ubuntu machine"
  mapfile -t missing < <(packages_missing)
  if ((${#missing[@]} == 0)); then outcome "${#PACKAGES[@]} present"; return; fi
  note "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >"$LOG/apt.log" 2>&1 ||
    fail "failed to update the package lists: $(grep -m 1 '^[EW]:' "$LOG/apt.log" || tail -n 1 "$LOG/apt.log")"
  # Debian starts a service on installation unless this file says no; somebody else's is left as it is, and
  # one of ours that an interrupted installation left behind is taken over.
  if [[ ! -e $policy ]] || grep -q 'made by stylobate' "$policy"; then
    ours=1
    printf '#!/bin/sh\n# made by stylobate for the time of one installation\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  local status=0
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$LOG/apt.log" 2>&1 9>&- || status=$?
  [[ -z $ours ]] || rm -f "$policy"
  ((status == 0)) || fail "failed to install ${missing[*]}: $(grep -m 1 '^E:' "$LOG/apt.log" || tail -n 1 "$LOG/apt.log") (more in $LOG/apt.log)"
  outcome "${#missing[@]} installed"
}
