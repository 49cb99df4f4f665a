# shellcheck shell=bash
# The two images that the cluster itself needs, each one static program: written as an archive by hand, since
# that takes tar and a hash, where a build tool would take a base image and ten seconds.

PAUSE_IMAGE=localhost/stylobate-pause:1
PROBE_IMAGE=localhost/stylobate-probe:1

# image_archive NAME PROGRAM FILE: writes an archive that `ctr images import` takes.
image_archive() {
  local work config layer program=${2##*/}
  work=$(mktemp -d "$STATE/image.XXXXXX")
  mkdir "$work/root"
  install -m 755 "$2" "$work/root/$program"
  # The same bytes from the same program, so that an import of the same image changes nothing.
  tar -C "$work/root" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$work/layer.tar" "$program"
  layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/%s"],"User":"65535:65535"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"stylobate"}]}' \
    "$(dpkg --print-architecture)" "$program" "$layer" >"$work/config"
  config=$(sha256sum "$work/config" | cut -d' ' -f1)
  mv "$work/config" "$work/$config.json"
  printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$1" >"$work/manifest.json"
  tar -C "$work" -cf "$3" manifest.json "$config.json" layer.tar
  rm -rf "$work"
}

# image_load NAME PROGRAM: imports the image when the cluster does not have it with this very program in it.
image_load() {
  local mark=$STATE/images/${1//[\/:]/_} digest
  digest=$(sha256sum "$2" | cut -d' ' -f1)
  [[ $(cat "$mark" 2>/dev/null) == "$digest" ]] && ctr_here images ls -q | grep -qx "$1" && return
  mkdir -p "$STATE/images"
  image_archive "$1" "$2" "$STATE/images/archive.tar"
  ctr_here images import "$STATE/images/archive.tar" >>"$LOG/images.log" 2>&1 ||
    fail "failed to import image $1: $(tail -n 1 "$LOG/images.log")"
  rm -f "$STATE/images/archive.tar"
  printf '%s\n' "$digest" >"$mark"
}

# Both images.
images_up() {
  image_load "$PAUSE_IMAGE" "$(part_dir kube)/pause"
  image_load "$PROBE_IMAGE" "$(part_dir probe)/probe"
}
