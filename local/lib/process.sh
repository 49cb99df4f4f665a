# shellcheck shell=bash
# Processes that outlive the command that starts them. Each has a record (process id, start time, what was
# started), so that nothing is ever started twice, and nothing but what was started is ever ended: a process
# id alone may belong to somebody else by then.
#
# Each also carries STYLOBATE_DAEMON=<instance> in its environment, which its children (containerd's shims
# among them) inherit: that finds what a lost record would hide.

# The start time of a process, in clock ticks since boot; fails for a dead one or a zombie.
process_start() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field, the name, may contain blanks and parentheses: cut up to the last one.
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] && printf '%s' "${stat[19]}"
}

# daemon_alive NAME: true while the recorded process is the one that runs under its id.
daemon_alive() {
  local pid start
  read -r pid start _ 2>/dev/null <"$RUN/pids/$1" || return 1
  [[ $(process_start "$pid") == "$start" ]]
}

# A digest of a command and of every configuration file that it names: a change of either means a restart.
daemon_digest() {
  local argument
  {
    printf '%s\0' "$@"
    for argument; do
      if [[ ${argument#*=} == "$CONF"/* && -f ${argument#*=} ]]; then cat "${argument#*=}"; fi
    done
  } | sha256sum | cut -c1-16
}

# daemon NAME COMMAND...: sees to it that the command runs inside the namespace. STARTED counts the starts.
daemon() { daemon_run "nsenter --net=/run/netns/$NETNS --" "$@"; }

# daemon_outside NAME COMMAND...: the same in the machine's own network namespace.
daemon_outside() { daemon_run env "$@"; }

# daemon_run PREFIX NAME COMMAND...: the common part of the two; the prefix is split at blanks.
daemon_run() {
  local prefix=$1 name=$2 digest old
  shift 2
  digest=$(daemon_digest "$@")
  if daemon_alive "$name"; then
    read -r _ _ old <"$RUN/pids/$name"
    [[ $old != "$digest" ]] || return 0
    note "$name has a new command or configuration; restarting it"
    daemon_stop "$name"
  elif [[ -e $RUN/pids/$name ]]; then
    note "$name has ended; starting it again"
  fi
  rm -f "$RUN/pids/$name"
  [[ ! -s $LOG/$name.log ]] || mv "$LOG/$name.log" "$LOG/$name.log.1"
  # A clean environment: a KUBECONFIG or a proxy of the caller's would lead daemons astray.
  # shellcheck disable=SC2086 # the prefix is several words
  env -i PATH="$PATH" HOME="$STATE" STYLOBATE_DAEMON="$ID" setsid "$LOCAL/lib/launch.sh" "$RUN/pids/$name" "$digest" $prefix "$@" \
    >"$LOG/$name.log" 2>&1 </dev/null 9>&- &
  wait_until 5 test -s "$RUN/pids/$name" || fail "failed to start $name: see $LOG/$name.log"
  STARTED=$((${STARTED:-0} + 1))
}

# daemon_stop NAME: asks the recorded process to end, and makes it end after five seconds.
daemon_stop() {
  local pid
  if daemon_alive "$1"; then
    read -r pid _ <"$RUN/pids/$1"
    kill "$pid" 2>/dev/null || true
    wait_until 5 daemon_gone "$1" || kill -9 "$pid" 2>/dev/null || true
    wait_until 5 daemon_gone "$1" || fail "failed to end $1: process $pid does not die; look at /proc/$pid/stack"
  fi
  rm -f "$RUN/pids/$1"
}

# The opposite of daemon_alive, for wait_until.
daemon_gone() { ! daemon_alive "$1"; }

# daemon_log NAME: the last line that the daemon wrote, for a failure's message.
daemon_log() { tail -n 1 "$LOG/$1.log" 2>/dev/null | cut -c1-300; }

# daemon_ready SECONDS NAME COMMAND...: waits for a daemon's sign of life; a daemon that ended is a failure at once.
daemon_ready() {
  local deadline=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    daemon_alive "$name" || fail "failed to start $name: $(daemon_log "$name") (more in $LOG/$name.log)"
    ((SECONDS < deadline)) || fail "failed to see $name ready: $(daemon_log "$name") (more in $LOG/$name.log)"
    sleep 0.2
  done
}

# The ids of all processes of this instance outside its containers, found by what they carry.
processes() {
  local file pid
  while read -r file; do
    file=${file%/environ} pid=${file#/proc/}
    if process_start "$pid" >/dev/null; then printf '%s\n' "$pid"; fi
  done < <(grep -lzx "STYLOBATE_DAEMON=$ID" /proc/[0-9]*/environ 2>/dev/null || true)
}
