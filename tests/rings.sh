#!/usr/bin/env bash
# The rings of `make test`, and which of them a change can reach.
#   rings.sh all           runs all, the quick ones first, and says at the end what each took; a broken one does not stop the others
#   rings.sh since COMMIT  runs those that the files changed since that commit can reach, also what is not committed yet
#   rings.sh reach         prints the rings that the paths on standard input can reach, one a line
# FIRST_BROKEN=1 stops at the first ring that breaks.
set -euo pipefail
cd "$(dirname "$0")/.."
RULES=tests/rings.txt
# What all rings take when cold, measured at 17 GiB, and what the cluster's volumes come to.
SHORT_MIB=20480
# How the rings' runners, Cargo and clippy begin a line that says what broke.
SAID='^(BROKEN|FAIL|NOT KEPT|error(\[|:)|test .* FAILED)'
# What breaks early is told early.
RINGS=(rust csi charts images terraform local admission drivers e2e)

# rings_of PATH: by the first rule whose pattern it has. A file without a rule is a fault.
rings_of() {
  local pattern rings ring name
  while read -r pattern rings; do
    [[ $pattern != \#* && -n $pattern ]] || continue
    # shellcheck disable=SC2053 # the rule is a pattern
    [[ $1 == $pattern ]] || continue
    for ring in $rings; do
      case $ring in
        all) printf '%s\n' "${RINGS[@]}" ;;
        # A suite is named as its file, without number and ending.
        e2e:file) name=${1##*/} && name=${name%.*} && name=${name#[0-9][0-9]-} && echo "e2e:${name//_/-}" ;;
        *) echo "$ring" ;;
      esac
    done
    return
  done <"$RULES"
  echo "failed to find a rule for $1: add one to $RULES" >&2
  return 1
}

# reach: rings of the paths on standard input, each once, in their order. Single suites of e2e count where not all of it is reached.
reach() {
  local path found ring
  found=$(while read -r path; do rings_of "$path" || exit 1; done | sort -u) || return 1
  for ring in "${RINGS[@]}"; do
    if grep -qx "$ring" <<<"$found"; then echo "$ring"; else grep "^$ring:" <<<"$found" || true; fi
  done
}

# Test programs that have run, where room is short: a gigabyte, and whoever wants one again links it anew.
spare() {
  (($(df --output=avail -BM . | tail -n 1 | tr -dc 0-9) < SHORT_MIB)) || return 0
  find "${CARGO_TARGET_DIR:-target}/debug/deps" -maxdepth 1 -type f -executable -size +5M ! -name '*.so' -delete
}

# run RING...: each by its target, what it prints kept for the lines at the end.
run() {
  local ring started broken=0 stopped=no work
  work=$(mktemp -d)
  # shellcheck disable=SC2064 # as it is now
  trap "rm -rf '$work'" EXIT
  for ring in "$@"; do
    if [ "$stopped" = yes ]; then
      printf '%-12s %7s  not run\n' "$ring" - >>"$work/table"
      continue
    fi
    started=$SECONDS
    if make "test-$ring" 2>&1 | tee "$work/out"; then
      printf '%-12s %6ss  passed\n' "$ring" $((SECONDS - started)) >>"$work/table"
    else
      # The end is what a long log is read by, and may be all that is kept of it.
      grep -aE "$SAID" "$work/out" | tail -n 8 | sed "s/^/$ring: /" >>"$work/faults" || true
      printf '%-12s %6ss  BROKEN\n' "$ring" $((SECONDS - started)) >>"$work/table"
      broken=$((broken + 1))
      [ -z "${FIRST_BROKEN:-}" ] || stopped=yes
    fi
    grep -E '^(flaky|broken twice): ' "$work/out" >>"$work/faults" || true
    [ "$ring" != rust ] || spare
  done
  printf '\n%-12s %7s  result\n' ring time
  cat "$work/table"
  [ ! -s "$work/faults" ] || cat "$work/faults"
  printf 'all rings %9ss  %s\n' "$SECONDS" "$( ((broken == 0)) && echo passed || echo "$broken broken")"
  ((broken == 0))
}

# since COMMIT: the files that differ from it, committed or not, and new ones.
since() {
  local reached suites
  reached=$({ git diff --name-only "$1" -- && git ls-files --others --exclude-standard; } | reach)
  suites=$(sed -n 's/^e2e://p' <<<"$reached" | tr '\n' ' ')
  mapfile -t reached < <(cut -d: -f1 <<<"$reached" | awk 'NF && !seen[$0]++')
  if ((${#reached[@]} == 0)); then echo "Nothing that changed since $1 can reach a ring."; return; fi
  echo "Changed since $1, reached: ${reached[*]}${suites:+ ($suites)}"
  E2E=${suites:-${E2E:-}} run "${reached[@]}"
}

case ${1:-} in
  all) run "${RINGS[@]}" ;;
  since) since "${2:?usage: rings.sh since COMMIT}" ;;
  reach) reach ;;
  *) sed -n '3,6s/^# *//p' "$0" >&2 && exit 2 ;;
esac
