# shellcheck shell=bash
# The programs: what a machine lacks for them, how they are built, how each is started. Sourced by run.sh and psycopg-suite.sh.

# shellcheck disable=SC2034 # run.sh reads it, and PROGRAMS
DRIVERS=(psycopg asyncpg pgjdbc pgx node-postgres tokio-postgres)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/drivers
# Days after which a folder that nobody has used is let go.
KEEP_DAYS=30
PGJDBC=42.7.14
PGJDBC_SHA256=73914527305a40cce504b0d3d90b23caf565136912d607ae8ae7c5895512332c
# The plugin that puts a jar into a folder.
MAVEN_DEPENDENCY=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

fail() { echo "failed to $*" >&2; exit 1; }

# Debian's packages for commands that are not there. Go and Rust are what README.md asks for.
programs_tools() {
  local pair missing=()
  for pair in java:default-jdk-headless javac:default-jdk-headless mvn:maven node:nodejs npm:npm python3:python3; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  ((${#missing[@]} > 0)) || return 0
  echo "drivers: installing ${missing[*]}"
  # This machine's lists may be empty, or name what its mirror has no longer.
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null ||
    fail "install ${missing[*]}: see above; or install them yourself"
}

# digest PATH...: of the files there, and of how they are built.
digest() {
  (cd "$HERE" && find "$@" -type f -print0 | sort -z | xargs -0 sha256sum && declare -f build_python build_node build_pgjdbc build_pgx && echo "$PGJDBC") |
    sha256sum | cut -c1-16
}

# built NAME PATH...: the folder in the cache, filled by build_NAME unless it is there. It is renamed into place when it is whole.
built() {
  local name=$1 folder
  shift
  folder=$CACHE/$name-$(digest "$@")
  mkdir -p "$CACHE"
  (
    flock 8
    [ ! -d "$folder" ] || exit 0
    rm -rf "$CACHE/.building-$name" && mkdir "$CACHE/.building-$name"
    cd "$HERE"
    "build_$name" "$CACHE/.building-$name" >"$CACHE/$name.log" 2>&1 8>&- ||
      fail "build the programs of $name: $(tail -n 1 "$CACHE/$name.log") (more in $CACHE/$name.log)"
    mv -T "$CACHE/.building-$name" "$folder"
  ) 8>"$CACHE/$name.lock" || return 1
  # Those of other checkouts stay while they are used.
  touch "$folder"
  find "$CACHE" -mindepth 1 -maxdepth 1 -type d -mtime "+$KEEP_DAYS" -exec rm -rf {} +
  echo "$folder"
}

build_python() {
  python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r python/requirements.txt
}

build_node() {
  cp node-postgres/* "$1/"
  (cd "$1" && npm ci --silent --ignore-scripts --no-audit --no-fund)
}

build_pgjdbc() {
  mvn -q -B "$MAVEN_DEPENDENCY:copy" -Dartifact="org.postgresql:postgresql:$PGJDBC" -DoutputDirectory="$1"
  echo "$PGJDBC_SHA256  $1/postgresql-$PGJDBC.jar" | sha256sum --check
  javac -encoding UTF-8 -cp "$1/postgresql-$PGJDBC.jar" -d "$1" pgjdbc/*.java
}

# With the flags and the cache of what local/lib/build.sh builds, which has most packages of Go's own library by now.
build_pgx() {
  (
    exec 7>"$CACHE/../go-build.lock" && flock -s 7
    cd pgx && GOCACHE=$CACHE/../go-build CGO_ENABLED=0 GOFLAGS=-mod=readonly GOTOOLCHAIN=local nice go build -trimpath -buildvcs=false -o "$1/pgx" .
  )
}

# Builds all, and sets PROGRAMS[driver] to the command that runs it.
declare -A PROGRAMS
programs_build() {
  local python node pgjdbc pgx
  programs_tools
  python=$(built python python/requirements.txt)
  node=$(built node node-postgres)
  pgjdbc=$(built pgjdbc pgjdbc)
  pgx=$(built pgx pgx)
  (cd "$HERE/../.." && nice cargo build --quiet --locked --package stylobate-e2e --bin drivers)
  # shellcheck disable=SC2034
  PROGRAMS=(
    [psycopg]="$python/bin/python -B $HERE/python/psycopg_cases.py"
    [asyncpg]="$python/bin/python -B $HERE/python/asyncpg_cases.py"
    [pgjdbc]="java -Dfile.encoding=UTF-8 -cp $pgjdbc:$pgjdbc/postgresql-$PGJDBC.jar Sessions"
    [pgx]="$pgx/pgx"
    [node-postgres]="node --no-deprecation $node/cases.js"
    [tokio-postgres]="$(realpath "${CARGO_TARGET_DIR:-$HERE/../../target}")/debug/drivers"
  )
}
