# shellcheck shell=bash
# What a person sees: one line for each stage (what, outcome, how long), and one clear line for a failure.

# Seconds with one decimal since a time taken from EPOCHREALTIME.
since() {
  local micros=$((${EPOCHREALTIME/./} - ${1/./}))
  printf '%d.%d' $((micros / 1000000)) $((micros % 1000000 / 100000))
}

# fail MESSAGE: ends the command with one line on standard error.
fail() {
  printf 'stylobate: %s\n' "$*" >&2
  FAILED_CLEARLY=1
  exit 1
}

# note MESSAGE: a line between stages, for something that takes long or that a person should know.
note() { printf '  %-18s %s\n' "${STAGE:-}" "$*"; }

# outcome WORD: what the running stage says of itself when it ends ("built", "cached", "running" ...).
outcome() { OUTCOME=$1; }

# stage NAME FUNCTION: runs one stage and prints its line.
stage() {
  local began=$EPOCHREALTIME
  STAGE=$1 OUTCOME='done'
  "$2"
  printf '  %-18s %-28s %6s s\n' "$STAGE" "$OUTCOME" "$(since "$began")"
  STAGE=
}

# Says where an unforeseen failure happened; set as the ERR trap by the commands.
unforeseen() {
  local status=$? line=$1 command=$2
  [[ -n ${FAILED_CLEARLY:-} ]] ||
    printf 'stylobate: failed to finish %s: `%s` (line %s) ended with status %s; logs are in %s\n' \
      "${STAGE:-the command}" "$command" "$line" "$status" "${LOG:-the terminal}" >&2
  FAILED_CLEARLY=1
  exit 1
}

# wait_until SECONDS COMMAND...: tries until the command succeeds; false when the time is up.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}
