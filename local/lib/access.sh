# shellcheck shell=bash
# The way in from outside: a port on 127.0.0.1, and the files that tell other tools of it.

# Ports are tried from here on; each checkout starts elsewhere in the range, below the kernel's own choices.
PORT_FIRST=16443
PORT_COUNT=4000

# port_free PORT: true when nothing listens there.
port_free() { [[ -z $(ss -Hltn "sport = :$1") ]]; }

# Sets PORT: what was asked for, or was used last, or the first free one in this checkout's part of the range.
port_choose() {
  local try offset
  if [[ -n ${STYLOBATE_API_PORT:-} ]]; then
    PORT=$STYLOBATE_API_PORT
    [[ $PORT =~ ^[0-9]+$ ]] || fail "failed to read STYLOBATE_API_PORT: '$PORT' is not a port number"
    [[ $(cat "$STATE/port" 2>/dev/null) == "$PORT" ]] && daemon_alive portal && return
    port_free "$PORT" || fail "failed to listen on 127.0.0.1:$PORT: the port is taken; choose another in STYLOBATE_API_PORT, or none to have a free one found"
    return
  fi
  PORT=$(cat "$STATE/port" 2>/dev/null || true)
  if [[ -n $PORT ]]; then
    if daemon_alive portal || port_free "$PORT"; then return; fi
    note "port $PORT is taken by another program now; moving"
  fi
  offset=$((16#$ID % PORT_COUNT))
  for ((try = 0; try < PORT_COUNT; try++)); do
    PORT=$((PORT_FIRST + (offset + try) % PORT_COUNT))
    ! port_free "$PORT" || return 0
  done
  fail "failed to find a free port from $PORT_FIRST on: name one in STYLOBATE_API_PORT"
}

# Opens the port and writes local/.state/kubeconfig and local/.state/env.
access_up() {
  local before=${STARTED:-0}
  port_choose
  printf '%s\n' "$PORT" >"$STATE/port"
  daemon_outside portal "$(part_dir portal)/portal" -listen "127.0.0.1:$PORT" -netns "/run/netns/$NETNS" -to "$NODE_IP:6443"
  access_files
  daemon_ready 10 portal "$(part_dir kube)/kube" kubectl --kubeconfig "$CHECKOUT/local/.state/kubeconfig" get --raw /livez
  started_outcome "$before"
  OUTCOME+=", 127.0.0.1:$PORT"
}

# The files that other tools read; each is replaced in one step.
access_files() {
  local dir=$CHECKOUT/local/.state tool
  (umask 077 && kubeconfig admin "https://127.0.0.1:$PORT" >"$dir/kubeconfig.new")
  mv "$dir/kubeconfig.new" "$dir/kubeconfig"
  mkdir -p "$dir/bin"
  ln -sfn "$(part_dir kube)/kube" "$dir/bin/kubectl"
  for tool in helm kubeconform; do ln -sfn "$(part_dir tools)/$tool" "$dir/bin/$tool"; done
  cat >"$dir/env.new" <<EOF
# To be sourced. Written by make up; it names this checkout's cluster, or the one of STYLOBATE_KUBECONFIG.
export STYLOBATE_BIN="$dir/bin"
if [ -n "\${STYLOBATE_KUBECONFIG:-}" ]; then
  export KUBECONFIG="\$STYLOBATE_KUBECONFIG"
  unset STYLOBATE_INSTANCE STYLOBATE_NETNS STYLOBATE_CTR STYLOBATE_AUDIT
else
  export KUBECONFIG="$dir/kubeconfig"
  export STYLOBATE_INSTANCE=$ID
  export STYLOBATE_NETNS=$NETNS
  export STYLOBATE_AUDIT="$STATE/audit.log"
  export STYLOBATE_CTR="ctr --address $CONTAINERD -n k8s.io"
fi
EOF
  mv "$dir/env.new" "$dir/env"
}
