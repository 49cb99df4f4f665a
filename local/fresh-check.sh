#!/usr/bin/env bash
# Runs what a new user runs, on what is as near to a fresh machine as this one can be: a minimal Debian 12 of its own, with empty package
# lists, an empty cache, a copy of the checkout, and of this machine only its kernel, Go and Rust. Then `make demo` and `make down`.
# It compiles Kubernetes and the operator from nothing: most of an hour on two idle cores, 30 GiB of disk for that time.
#   fresh-check.sh           all of it
#   fresh-check.sh --lend    the same, but what was compiled here of Kubernetes and of the operator's crates is lent (15 minutes)
#   fresh-check.sh --quick   what is cheap (20 s): versions are found with empty package lists, and what would be built of them
# It takes root. STYLOBATE_APT_SOURCES (a file of apt source lines) chooses another archive for the images, as one of images/renumber.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

SUITE=bookworm # of the machine that README asks for
# What README asks for beside Go and Rust, and what any machine with make has.
INCLUDE=ca-certificates,curl,make,procps

# What of it is cheap, in this machine's root, with its lists and caches out of sight.
quick() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  XDG_CACHE_HOME=$WORK/cache CARGO_TARGET_DIR=$WORK/target unshare --mount bash -euo pipefail -c '
    mount -t tmpfs tmpfs /var/lib/apt/lists
    ! images/versions.sh last || { echo "failed: versions are known in an empty cache" >&2; exit 1; }
    images/versions.sh find
    lines=$(images/build.sh --list)
    names=$(images/build.sh --names | grep -v /operator:)
    [ "$(awk "{ print \$2 }" <<<"$lines")" = "$names" ] || { echo "failed: the plan differs: $lines, and $names" >&2; exit 1; }
    ! grep -v " -$" <<<"$lines" || { echo "failed: an image is there, in an empty cache" >&2; exit 1; }
    awk "{ print \$2, \$3 }" <<<"$lines"'
  echo "fresh-check: with empty package lists and an empty cache, versions are found and $(wc -w <<<"$(images/build.sh --names)") images would be built"
}

# Prints what this environment has that a machine needs to reach registries, one assignment a line.
way_out() { env | grep -iE '^((https?|no|all)_proxy|GOPROXY|GOSUMDB|GONOSUMDB|GOFLAGS|PIP_[A-Z_]+|CARGO_(HTTP|NET|REGISTRIES|SOURCE)_[A-Z_]+|SSL_CERT_FILE|STYLOBATE_APT_SOURCES)=' || true; }

# Makes the root of the machine, with a copy of the checkout in it.
machine() {
  local lines
  lines=$(STYLOBATE_APT_SOURCES="" images/sources.sh "$SUITE")
  mapfile -t lines <<<"$lines"
  # shellcheck disable=SC2016 # expanded by mmdebstrap's shell
  mmdebstrap --quiet --variant=important --include="$INCLUDE" --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    "$SUITE" "$ROOT" "${lines[@]}"
  printf '%s\n' "${lines[@]}" >"$ROOT/etc/apt/sources.list"
  mkdir -p "$ROOT$CHECKOUT" "$ROOT/opt/go" "$ROOT/opt/rust" "$ROOT/old" "$ROOT/root/.cargo"
  git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c | tar -x -C "$ROOT$CHECKOUT"
  cp /etc/resolv.conf /etc/hosts "$ROOT/etc/"
  cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt" # with what a proxy of this network signs
  [ ! -e "${CARGO_HOME:-$HOME/.cargo}/config.toml" ] || cp "${CARGO_HOME:-$HOME/.cargo}/config.toml" "$ROOT/root/.cargo/"
  [ -z "${SSL_CERT_FILE:-}" ] || install -D "$SSL_CERT_FILE" "$ROOT$SSL_CERT_FILE"
  if [ -n "${STYLOBATE_APT_SOURCES:-}" ]; then
    install -D "$STYLOBATE_APT_SOURCES" "$ROOT$STYLOBATE_APT_SOURCES"
    grep -o 'file:/[^ ]*' "$STYLOBATE_APT_SOURCES" | sort -u | while read -r archive; do
      mkdir -p "$ROOT${archive#file:}" && cp -r "${archive#file:}/." "$ROOT${archive#file:}"
    done
  fi
}

# Gives the machine what was compiled here. Cargo sees by itself what of it still counts.
lend() {
  local target=${CARGO_TARGET_DIR:-target}/release
  mkdir -p "$ROOT/root/.cache/stylobate/parts"
  cp -r --reflink=auto "${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/parts/." "$ROOT/root/.cache/stylobate/parts"
  [ ! -d "$target" ] || { mkdir -p "$ROOT$CHECKOUT/target" && cp -a --reflink=auto "$target" "$ROOT$CHECKOUT/target/"; }
}

# Runs a shell's text in the machine: root, mounts and processes of its own; this machine's devices, kernel and network.
inside() {
  local way
  mapfile -t way < <(way_out)
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --propagation private --pid --fork --kill-child bash -euo pipefail -c '
    root=$1 go=$2 rust=$3; shift 3
    mount --bind "$root" "$root"
    mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" && mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/run"
    mount --bind "$go" "$root/opt/go" && mount --bind "$rust" "$root/opt/rust"
    cd "$root" && pivot_root . old && umount -l /old
    exec env -i "$@"' inside "$ROOT" "$(go env GOROOT)" "$(rustc --print sysroot)" \
    "${way[@]}" HOME=/root LANG=C.UTF-8 GOTOOLCHAIN=local TERM=dumb \
    PATH=/opt/go/bin:/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -euo pipefail -c "cd $CHECKOUT; $1"
}

# Ends the machine's cluster, with its loop device and control groups, and removes the machine.
finish() {
  [ ! -d "$ROOT$CHECKOUT" ] || inside local/clean.sh >"$WORK/clean" 2>&1 || cat "$WORK/clean"
  rm -rf --one-file-system "$WORK"
}

((EUID == 0)) || { echo "failed to make a machine of its own: that takes root" >&2; exit 1; }
WORK=$(mktemp -d /var/tmp/stylobate-fresh.XXXXXX)
ROOT=$WORK/root
# A path that no other checkout has: the cluster's id is made from it.
CHECKOUT=/srv/${WORK##*.}
if [ "${1:-}" = --quick ]; then
  trap 'rm -rf "$WORK"' EXIT
  quick
  exit
fi
command -v mmdebstrap >/dev/null || { echo "failed to make a machine of its own: install mmdebstrap, or run make up once" >&2; exit 1; }
trap finish EXIT
began=$SECONDS
machine
if [ "${1:-}" = --lend ]; then lend; fi
echo "fresh-check: a new Debian ($SUITE) after $((SECONDS - began)) s; what follows is make demo in it"
inside 'make demo; make down'
echo "fresh-check: make demo and make down ended well on a fresh machine after $((SECONDS - began)) s"
