#!/usr/bin/env bash
# psycopg's own public tests, past the pooler and through it, on the local cluster; prints the tests that end otherwise through the pooler.
#   psycopg-suite.sh SOURCE [KIND]   SOURCE is psycopg's repository, as git clones it: an address, or a folder; KIND is pgpool or pgbouncer
# The release that is tested is the newest with a tag of three numbers, or TAG. Its sources stay in the cache, none come into this
# repository; psycopg itself comes from the package registry. Fails only when tests could not be run: docs/pooler.md tells the differences.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/drivers
[ $# -ge 1 ] || { sed -n '3,5s/^# *//p' "$HERE/psycopg-suite.sh" >&2; exit 2; }
# shellcheck source=/dev/null
. local/.state/env
export PATH="$STYLOBATE_BIN:$PATH"
# shellcheck source=tests/drivers/programs.sh
. "$HERE/programs.sh"
# shellcheck source=tests/drivers/place.sh
. "$HERE/place.sh"
# Not those of its pool, of another database, of types and of name servers, nor those that measure time.
ONLY="not mypy and not dns and not slow and not timing and not gevent and not refcount"
AWAY=(--ignore=tests/pool --ignore=tests/crdb --ignore=tests/scripts --ignore=tests/test_typing.py --ignore=tests/test_windows.py)

# source_of SOURCE: the folder with a release and what its tests need.
source_of() {
  local tag folder
  tag=${TAG:-$(git ls-remote --tags --refs "$1" | sed -n 's|.*refs/tags/\(3\.[0-9]*\.[0-9]*\)$|\1|p' | sort -V | tail -n 1)}
  [ -n "$tag" ] || fail "find a release of psycopg in $1: name one in TAG"
  folder=$CACHE/psycopg-suite-$tag
  if [ ! -d "$folder" ]; then
    rm -rf "$folder.part"
    git clone --quiet --depth 1 --branch "$tag" "$1" "$folder.part/source"
    python3 -m venv "$folder.part/python"
    "$folder.part/python/bin/python" -m pip install --quiet "psycopg[binary]==$tag" pytest pytest-timeout anyio pproxy
    mv -T "$folder.part" "$folder"
  fi
  echo "$folder"
}

# suite FOLDER KIND SERVICE: runs the tests; what each ended with goes to a file.
suite() {
  cluster_settings "$2" "$3"
  export PSYCOPG_IMPL=binary PSYCOPG_TEST_DSN="host=$PGHOST"
  # A run that was cut off would keep the next one from beginning, by what it leaves in its cache.
  # A cache of its own: one of a run that was cut off keeps the next from beginning.
  (cd "$1/source" && inside "$1/python/bin/python" -B -m pytest -q --tb=no -p no:randomly -o cache_dir="$WORK/cache" --timeout=60 -m "$ONLY" "${AWAY[@]}" \
    --junitxml="$WORK/$3.xml" tests) >"$WORK/$3.out" 2>&1 || true
  [ -s "$WORK/$3.xml" ] || fail "run the tests by $PGHOST: $(tail -n 1 "$WORK/$3.out")"
  echo "$3: $(tail -n 1 "$WORK/$3.out")"
}

main() {
  local folder kind=${2:-pgpool}
  place_local || { echo "drivers: skipped: pods of another Kubernetes than the local one can't be entered"; return; }
  place_has "$kind" || fail "run kind $kind: the definition has no spec.pooler.kind"
  programs_tools
  folder=$(source_of "$1")
  place_begin
  cluster_make "$kind"
  cluster_ready "$kind"
  suite "$folder" "$kind" primary
  suite "$folder" "$kind" pooler
  python3 -B "$HERE/suite_differences.py" "$WORK/primary.xml" "$WORK/pooler.xml"
}

main "$@"
