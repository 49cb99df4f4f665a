#!/bin/bash
# Proves what local/README.md promises of make up, make down and make clean, on a copy of the checkout: the copy
# has a cluster of its own, beside the one that other tests may be using. Takes about two minutes when the build
# cache is warm, and 4 GiB of memory.
set -euo pipefail

LOCAL=$(cd "$(dirname "$0")" && pwd -P)
WORK=$(mktemp -d)
COPY=$WORK/checkout
OUT=$WORK/out
ID=$(printf '%s' "$COPY" | sha256sum | cut -c1-8)
STATE=/var/lib/stylobate/$ID
RUN=/run/stylobate/$ID
unset STYLOBATE_KUBECONFIG STYLOBATE_API_PORT KUBECONFIG

# check WHAT COMMAND...: one line for each promise; a broken one ends the test and shows the last output.
check() {
  local what=$1
  shift
  if "$@"; then printf 'ok    %s\n' "$what"; else
    printf 'FAIL  %s\n' "$what"
    tail -n 20 "$OUT"
    exit 1
  fi
}

# Runs a command of the copy, its output kept for the checks.
run() { "$@" >"$OUT" 2>&1 9>&-; }
# The opposite: the command has to fail.
run_fails() { { ! "$@" >"$OUT" 2>&1; } 2>/dev/null; }
# says TEXT: the last command said so.
says() { grep -qF -- "$1" "$OUT"; }
# says_one_line TEXT: it said so, and nothing else on standard error.
says_one_line() { says "$1" && (($(grep -c '^stylobate:' "$OUT") == 1)); }
# silent TEXT: the last command did not say so.
silent() { ! says "$1"; }
# The recorded process id of a daemon.
pid_of() { cut -d' ' -f1 "$RUN/pids/$1"; }
# Ids of the copy's processes outside its containers.
marked() { grep -lzx "STYLOBATE_DAEMON=$ID" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
# kubectl on the copy's cluster, through the port on 127.0.0.1.
kubectl_copy() { "$COPY/local/.state/bin/kubectl" --kubeconfig "$COPY/local/.state/kubeconfig" "$@"; }

# Nothing of the copy's cluster is on the machine.
nothing_left() {
  [[ -z $(marked) ]] || { echo "processes: $(marked)" >>"$OUT"; return 1; }
  ! grep -F "$ID" /proc/self/mountinfo >>"$OUT" || return 1
  ! grep -lF "$STATE" /sys/block/loop*/loop/backing_file >>"$OUT" 2>/dev/null || return 1
  ! ls -d "/run/netns/stylobate-$ID" /sys/fs/cgroup{,/*}/"stylobate-$ID" >>"$OUT" 2>/dev/null
}

# Leaves nothing behind, however the test ends.
finish() {
  "$COPY/local/clean.sh" >"$WORK/clean" 2>&1 || cat "$WORK/clean"
  rm -rf --one-file-system "$WORK"
  rm -f "$RUN.lock"
}

# A volume with a pod that has it mounted.
volume_and_pod() {
  kubectl_copy apply -f - <<'EOF'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: holder}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: holder, image: "localhost/stylobate-pause:1", imagePullPolicy: Never, volumeMounts: [{name: kept, mountPath: /kept}]}
  volumes: [{name: kept, persistentVolumeClaim: {claimName: kept}}]
EOF
  kubectl_copy wait --for=condition=Ready pod/holder --timeout=60s
}

# The directory that the volume is mounted on.
volume_dir() { echo "$STATE"/kubelet/pods/*/volumes/kubernetes.io~csi/*/mount; }

# An interrupted build leaves no directory, and the next one makes a whole program.
interrupted_build() {
  local cache=$WORK/cache stub=$WORK/stub
  mkdir -p "$stub"
  # Stands for a compiler cut off half-way: it writes a part of the program, then ends the builder.
  cat >"$stub/go" <<EOF
#!/bin/bash
if [[ \$1 != build ]]; then exec "$(command -v go)" "\$@"; fi
while [[ \$1 != -o ]]; do shift; done
printf half >"\$2/probe"
kill -9 \$(ps -o ppid= -p \$PPID)
EOF
  chmod +x "$stub/go"
  ! XDG_CACHE_HOME=$cache PATH=$stub:$PATH bash -c "source '$COPY/local/lib/all.sh'; stage probe part_probe" >"$OUT" 2>&1 || return 1
  [[ -n $(find "$cache" -path '*/.building-probe-*' -name probe) ]] || return 1
  [[ -z $(find "$cache/stylobate/parts" -maxdepth 1 -name 'probe-*') ]] || return 1
  XDG_CACHE_HOME=$cache bash -c "source '$COPY/local/lib/all.sh'; stage probe part_probe" >"$OUT" 2>&1
  says built || return 1
  find "$cache/stylobate/parts" -path "*/probe-*/probe" -exec {} localhost \; | grep "^localhost " >/dev/null || return 1
  [[ -z $(find "$cache/stylobate/parts" -maxdepth 1 -name '.building-*') ]]
}

# A group that goes between being found and being read (a link to nowhere stands for it) is passed over in silence, and the ids of
# the other groups are told.
gone_group() {
  local dir=$WORK/hierarchy/group
  mkdir -p "$dir"/{gone,there}
  ln -sn nowhere "$dir/gone/cgroup.procs"
  echo 123 >"$dir/there/cgroup.procs"
  bash -c "source '$COPY/local/lib/all.sh'; CGROUP=group
    cgroup_mounts() { printf '%s\n' '$WORK/hierarchy' '$WORK/no-hierarchy' '$WORK/hierarchy'; }
    mapfile -t ids < <(cgroup_processes); echo \"\${ids[*]}\"" >"$OUT" 2>&1
  [[ $(<"$OUT") == 123 ]]
}

mkdir -p "$COPY"
# The plain user of the last checks has to get here.
chmod 755 "$WORK"
cp -a "$LOCAL/../Makefile" "$LOCAL/../make" "$LOCAL" "$COPY/"
rm -rf "$COPY/local/.state"
trap finish EXIT

check 'up boots beside other checkouts'         run make -C "$COPY" up
check 'the kubeconfig leads to the API server'  run kubectl_copy get --raw /readyz
check 'a pod gets a volume'                     run volume_and_pod
echo survives >"$(volume_dir)/file"

check 'a second up succeeds'                    run make -C "$COPY" up
check '... and starts nothing'                  silent ' started'
check '... and builds nothing'                  silent building

kill -9 "$(pid_of coredns)" "$(pid_of csi-driver)"
check 'up after two daemons were killed'        run make -C "$COPY" up
check '... says which had ended'                says 'coredns has ended; starting it again'
check '... and has all of them running'         says '14 processes'

mapfile -t MARKED < <(marked)
kill -9 "${MARKED[@]}"
check 'up after everything was cut off'         run make -C "$COPY" up
check '... recognises it'                       says 'cleaned a cut-off cluster'

sleep 600 &
STRANGER=$!
cp "$RUN/pids/coredns" "$WORK/coredns"
kill "$(pid_of coredns)"
printf '%s 1 x\n' "$STRANGER" >"$RUN/pids/coredns"
check 'down succeeds'                           run make -C "$COPY" down
check '... and says nothing of failing'         silent failed
check '... leaves a recycled process id alone'  kill -0 "$STRANGER"
check '... leaves nothing on the machine'       nothing_left
kill "$STRANGER"
check 'a second down succeeds'                  run make -C "$COPY" down
check '... and says nothing of failing'         silent failed

check 'an up killed half-way'                   run_fails timeout -s KILL 4 "$COPY/local/up.sh"
check '... is continued by the next'            run make -C "$COPY" up
check '... with the pod back'                   run kubectl_copy wait --for=condition=Ready pod/holder --timeout=60s
check '... and its volume as it was'            grep -qx survives "$(volume_dir)/file"

PORT=$(cat "$STATE/port")
check 'another cluster is only asked'           run env STYLOBATE_KUBECONFIG="$COPY/local/.state/kubeconfig" "$COPY/local/up.sh"
check '... whether it answers'                  says answers
check '... and left alone by down'              run env STYLOBATE_KUBECONFIG="$COPY/local/.state/kubeconfig" "$COPY/local/down.sh"
check '... for it still answers'                run kubectl_copy get --raw /readyz

check 'clean succeeds'                          run make -C "$COPY" clean
check '... leaves nothing on the machine'       nothing_left
check '... and no state'                        test ! -e "$STATE"

# What compilers keep goes when room is short, and stays while somebody compiles and while there is room.
gives_back() {
  local cache=$WORK/short
  mkdir -p "$cache/stylobate/go-build" "$cache/stylobate/parts/kube-1"
  in_cache() { XDG_CACHE_HOME=$cache bash -c "source '$COPY/local/lib/all.sh'; $1" >"$OUT" 2>&1; }
  in_cache 'make_room / 1' && [ -d "$cache/stylobate/go-build" ] || return 1
  in_cache 'hold_cache && make_room / 999999999' && [ -d "$cache/stylobate/go-build" ] || return 1
  in_cache 'make_room / 999999999' && [ ! -e "$cache/stylobate/go-build" ] && [ -d "$cache/stylobate/parts/kube-1" ]
}

check 'a pod that goes meanwhile hides no other' gone_group
check 'an interrupted build is not taken as whole' interrupted_build
check 'a plain user is refused'                 run_fails setpriv --reuid=65534 --clear-groups bash -c "source '$COPY/local/lib/all.sh'; check_machine"
check '... in one line'                         says_one_line 'needs root'
check 'too little memory is refused'            run_fails bash -c "source '$COPY/local/lib/all.sh'; MIN_MEMORY_MIB=999999999; check_machine"
check '... in one line'                         says_one_line 'of memory are available'
check 'too small a disk is refused'             run_fails bash -c "source '$COPY/local/lib/all.sh'; MIN_DISK_MIB=999999999; check_machine"
check '... in one line'                         says_one_line 'MiB free'
check 'a disk that is short gets back what compilers keep'  gives_back
check 'a taken port is refused'                 run_fails bash -c "source '$COPY/local/lib/all.sh'; port_free() { false; }; STYLOBATE_API_PORT=$PORT; port_choose"
check '... in one line'                         says_one_line 'the port is taken'
printf 'all promises kept, %s s\n' "$SECONDS"
