# shellcheck shell=bash
# Applies the objects that the cluster itself needs, once for each change of their files.

# manifest FILE...: applies files of local/manifests, or given by an absolute path, unless the cluster has had
# these very bytes.
manifest() {
  local file mark digest
  for file; do
    [[ $file == /* ]] || file=$LOCAL/manifests/$file
    mark=$STATE/applied/${file##*/}
    digest=$(sha256sum <"$file")
    [[ $(cat "$mark" 2>/dev/null) != "$digest" ]] || continue
    mkdir -p "$STATE/applied"
    # A new API server may still be making its namespaces, or learning of a new kind: worth a few tries.
    wait_until 20 manifest_apply "$file" ||
      fail "failed to apply ${file##*/}: $(tail -n 1 "$LOG/manifests.log")"
    printf '%s\n' "$digest" >"$mark"
  done
}

# manifest_apply FILE: applies one file, with this instance's addresses in the place of their names.
manifest_apply() {
  sed -e "s/\${NODE_IP}/$NODE_IP/g; s/\${DNS_SERVICE_IP}/$DNS_SERVICE_IP/g; s/\${NODE_NAME}/$NODE_NAME/g" "$1" |
    kubectl_admin apply --server-side --force-conflicts --field-manager=stylobate-local -f - >>"$LOG/manifests.log" 2>&1
}
