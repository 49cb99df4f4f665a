# shellcheck shell=bash
# Builds the Go parts once for all checkouts, into the cache. A part's directory is named by a digest of all
# that goes into it, and is renamed into place when it is whole: a directory that is there is whole, whatever
# was interrupted.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate
KUBERNETES_VERSION=1.34.4

# Sizes the build's appetite: compilers give way to a cluster that runs beside them.
NICE=(nice -n 10)

# part_flags PART: the linker's flags. Kubernetes commands must be told their version, or they refuse clients.
part_flags() {
  local flags='-s -w' package minor=${KUBERNETES_VERSION#*.}
  if [[ $1 == kube ]]; then
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
      flags+=" -X $package.gitVersion=v$KUBERNETES_VERSION -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
      flags+=" -X $package.gitTreeState=clean"
    done
  fi
  printf '%s' "$flags"
}

# part_time PART: what to expect of a cold build on two cores, for the line that announces it.
part_time() {
  case $1 in
    kube | sidecars) echo 'about 6 minutes when cold' ;;
    provisioner | tools | gcs | terraform) echo 'about 3 minutes when cold' ;;
    lint) echo 'about 4 minutes when cold' ;;
    *) echo 'about a minute when cold' ;;
  esac
}

# part_key PART: the digest of the part's files, of how it is built, and of the Go release.
part_key() {
  {
    go env GOVERSION GOOS GOARCH
    declare -f part_flags part_build part_extras
    (cd "$LOCAL/$1" && find . -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) ! -name '*_test.go' \
      -print0 | sort -z | xargs -0 sha256sum)
  } | sha256sum | cut -c1-16
}

# part_dir PART: where the part's programs are, or will be.
part_dir() { printf '%s/parts/%s-%s' "$CACHE" "$1" "${PART_KEYS[$1]}"; }
declare -A PART_KEYS

# part PART: builds the part unless the cache has it, and sets PART_KEYS[PART].
part() {
  local dir
  check_go
  PART_KEYS[$1]=$(part_key "$1")
  dir=$(part_dir "$1")
  if [[ -d $dir ]]; then outcome cached; return; fi
  check_build_disk
  mkdir -p "$CACHE/parts"
  note "building ($(part_time "$1"))"
  (
    # One builder at a time for each part, among all checkouts; the lock ends with this subshell.
    exec 8>"$CACHE/parts/$1.lock"
    flock -n 8 || { note 'another make up is building it; waiting'; flock 8; }
    [[ ! -d $dir ]] || exit 0
    # Whoever held the lock before is gone, so what is half built belongs to nobody.
    rm -rf "$CACHE/parts/.building-$1"-*
    hold_cache && export GOCACHE=$GO_CACHE
    part_build "$1" "$CACHE/parts/.building-$1-$$" 8>&- 9>&-
    mv -T "$CACHE/parts/.building-$1-$$" "$dir"
  ) || exit 1
  outcome built
}

# part_build PART DIR: compiles the part's own main program, or the tools that its go.mod names.
part_build() {
  local what=. log=$CACHE/parts/$1.log
  mkdir -p "$2"
  [[ -f $LOCAL/$1/main.go || -n $(cd "$LOCAL/$1" && sed -n '/^tool/p' go.mod) ]] ||
    fail "failed to build $1: local/$1 has neither main.go nor a tool line in go.mod"
  [[ -f $LOCAL/$1/main.go ]] || what=tool
  # Without cgo the programs need nothing of the machine, and the probe's also nothing of its image.
  (cd "$LOCAL/$1" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local \
    "${NICE[@]}" go build -trimpath -buildvcs=false -ldflags "$(part_flags "$1")" -o "$2/" "$what") >"$log" 2>&1 ||
    fail "failed to build $1: $(grep -v '^go: downloading' "$log" | tail -n 1) (more in $log)"
  part_extras "$1" "$2"
}

# part_extras PART DIR: files of the part's modules that boot needs, kept so that a warm start needs no module.
part_extras() {
  local module
  case $1 in
    kube)
      # The kubelet's infrastructure container is a C program in the Kubernetes source.
      module=$(cd "$LOCAL/kube" && go list -m -f '{{.Dir}}' k8s.io/kubernetes)
      gcc -Os -static -s -DVERSION=v"$KUBERNETES_VERSION" -o "$2/pause" "$module/build/pause/linux/pause.c" ||
        fail "failed to compile pause.c: gcc and libc6-dev are needed"
      ;;
    sidecars)
      module=$(cd "$LOCAL/sidecars" && go list -m -f '{{.Dir}}' github.com/kubernetes-csi/external-snapshotter/client/v8)
      install -D -m 644 -t "$2/crds" "$module"/config/crd/snapshot.storage.k8s.io_*.yaml
      ;;
  esac
}

part_kube() { part kube; }
part_coredns() { part coredns; }
part_portal() { part portal; }
part_probe() { part probe; }
part_sidecars() { part sidecars; }
part_provisioner() { part provisioner; }
part_csi() { part csi; }
part_tools() { part tools; }
part_gcs() { part gcs; }
