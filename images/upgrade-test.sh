#!/usr/bin/env bash
# Runs what a member does in a major upgrade, in the unpacked upgrade image, on a volume of its own, against real servers of
# both majors: killed at each step, with everything in its process namespace, and then put back or gone on with.
# $1 is the image's root, $2 the user; prints a line for each promise that is kept, and fails at the first that is not.
set -euo pipefail

root=$1
user=$2
OLD=15
NEW=17
STEPS=(restore stop initdb trial pg_upgrade swap forget)
# Rows, their digest, a view, an extension's function and who may read: what a person would miss first.
LOOK="SELECT count(*), md5(string_agg(v::text, ',' ORDER BY id)), (SELECT sum(id) FROM w), (SELECT h->'a' FROM x LIMIT 1),
  has_table_privilege('reader', 't', 'SELECT') FROM t"

work=$(mktemp -d)
api=
# Ends the stand-in of the API server, and removes the volume.
clean() {
  [ -z "$api" ] || kill "$api" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT

kept() { echo "$*"; }
broken() { echo "$*" >&2; exit 1; }

# One life of the pod: a program under its user, with the volume, in a process namespace that ends with it.
pod() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork bash -c '
    root=$1 work=$2 user=$3; shift 3
    mount --bind "$root" "$root"
    mount --bind "$work/data" "$root/data"
    for folder in etc/patroni run/secrets run/postgresql; do
      mkdir -p "$root/$folder"
      mount --bind "$work/$folder" "$root/$folder"
    done
    mount -t tmpfs tmpfs "$root/tmp" && mount -t tmpfs tmpfs "$root/dev/shm" && mount -t proc proc "$root/proc"
    cd / && exec env -i HOME=/tmp LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin KUBERNETES_SERVICE_HOST=127.0.0.1 \
      KUBERNETES_SERVICE_PORT="$PORT" setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"' \
    pod "$root" "$work" "$user" "$@"
}

# Runs SQL in a server of major $1 that is started on the volume for it; $2 database, $3 SQL.
sql() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  pod bash -c 'bin=/usr/lib/postgresql/$1/bin
    $bin/pg_ctl -D /data/pgdata -w -s -l /tmp/log -o "-c listen_addresses=" start >/dev/null || { cat /tmp/log >&2; exit 1; }
    $bin/psql -XAtq -h /run/postgresql -d "$2" -v ON_ERROR_STOP=1 -c "$3"; said=$?
    $bin/pg_ctl -D /data/pgdata -w -s stop >/dev/null; exit $said' sql "$@"
}

# Makes the volume of an old primary that stopped in order.
make_old() {
  pod bash -c "/usr/lib/postgresql/$OLD/bin/initdb -D /data/pgdata --username postgres --data-checksums --encoding UTF8 \
    --locale C.UTF-8 --auth-local peer >/dev/null && echo \"shared_preload_libraries = 'pg_stat_statements,pgaudit'\" \
    >>/data/pgdata/postgresql.conf"
  sql $OLD postgres "CREATE ROLE reader" >/dev/null
  sql $OLD postgres "CREATE EXTENSION pgaudit; CREATE EXTENSION hstore; CREATE EXTENSION pg_stat_statements;
    CREATE TABLE t(id int primary key, v text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
    GRANT SELECT ON t TO reader; CREATE VIEW w AS SELECT id FROM t WHERE id % 2 = 0;
    CREATE TABLE x(h hstore); INSERT INTO x VALUES ('a=>7')" >/dev/null
}

# The order that the operator writes; $1 is its key, $2 more parameters as JSON fields.
order() {
  cat >"$work/etc/patroni/upgrade.json" <<JSON
{"key": "$1", "scope": "c", "from": $OLD, "to": $NEW, "parameters":
  {"shared_preload_libraries": "pg_stat_statements,pgaudit", "shared_buffers": "32MB", "max_connections": "40"${2:-}}}
JSON
}

# Runs the upgrade and kills the pod when it says that a step begins; $1 step, $2 seconds later. No API server answers, so
# that it does not come to its end before.
killed_at() {
  local log=$work/life life
  : >"$log"
  PORT=1 pod upgrade-member run 2>"$log" &
  life=$!
  until grep -q "step $1" "$log"; do
    kill -0 "$life" 2>/dev/null || { cat "$log" >&2; broken "the upgrade ended before step $1"; }
    sleep 0.02
  done
  sleep "$2"
  # The first process of the namespace, and with it all that is in there.
  pgrep -P "$(pgrep -P "$life")" | xargs -r kill -9 || true
  wait "$life" 2>/dev/null || true
}

# Answers PATCH of Patroni's ConfigMaps as the API server does, over TLS, and notes what was asked.
serve_api() {
  local folder=$work/run/secrets/kubernetes.io/serviceaccount
  mkdir -p "$folder"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$folder/ca.crt" 2>/dev/null
  echo secret >"$folder/token"
  echo shop >"$folder/namespace"
  python3 - "$folder/ca.crt" "$work/key.pem" "$work/asked" "$work/port" <<'PYTHON' &
import http.server, ssl, sys
class Api(http.server.BaseHTTPRequestHandler):
    def do_PATCH(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        open(sys.argv[3], "a").write(f"{self.path} {self.headers['Authorization']} {body}\n")
        self.send_response(200), self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Api)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
open(sys.argv[4], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
  api=$!
  until [ -s "$work/port" ]; do sleep 0.1; done
  PORT=$(<"$work/port")
  export PORT
}

export PORT=1
mkdir -p "$work/data" "$work/etc/patroni" "$work/run/secrets" "$work/run/postgresql"
serve_api
chown -R "$user" "$work"
chmod 755 "$work"
make_old
wanted=$(sql $OLD postgres "$LOOK")

order one ', "no_such_setting": "1"'
# A server runs while it is asked, as a member does.
check() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  pod bash -c '/usr/lib/postgresql/$1/bin/pg_ctl -D /data/pgdata -w -s -l /tmp/log -o "-c listen_addresses= $2" start >/dev/null
    [ -z "$3" ] || psql -XAtq -h /run/postgresql -d postgres -c "$3" >/dev/null
    upgrade-member check --here; cat /data/upgrade/check.json
    [ -z "$4" ] || psql -XAtq -h /run/postgresql -d postgres -c "$4" >/dev/null
    /usr/lib/postgresql/$1/bin/pg_ctl -D /data/pgdata -w -s stop >/dev/null' check "$OLD" "$@"
}
said=$(check "" "" "")
[[ $said == *'"state": "done"'*no_such_setting* ]] || broken "a removed setting is not named: $said"
kept "a setting that the new server does not know is named by the check"
order one
said=$(check "-c max_prepared_transactions=2" "BEGIN; INSERT INTO t VALUES (-1, 'x'); PREPARE TRANSACTION 'open'" "ROLLBACK PREPARED 'open'")
[[ $said == *prepared* ]] || broken "a prepared transaction is not named: $said"
kept "a prepared transaction is named by the check"
said=$(check "" "" "")
[[ $said == *'"problems": []'* ]] || broken "the check of a sound cluster fails: $said"
kept "the check of a sound cluster finds nothing, and the old server goes on serving"

for step in "${STEPS[@]}"; do
  delays=(0)
  [ "$step" != pg_upgrade ] || delays=(0.5 1.5 2.5 3.5)
  for delay in "${delays[@]}"; do
    order "kill-$step-$delay"
    killed_at "$step" "$delay"
    pod upgrade-member restore 2>"$work/log" || { cat "$work/log" >&2; broken "a kill at $step, $delay s: not put back"; }
    found=$(sql $OLD postgres "$LOOK") || broken "a kill at $step, $delay s: PostgreSQL $OLD does not start"
    [ "$found" = "$wanted" ] || broken "a kill at $step, $delay s: the data differs: $found, not $wanted"
  done
  kept "killed at step $step, the old data is put back and served"
done

order two ', "shared_preload_libraries": "no_such_library"'
pod upgrade-member run 2>"$work/log" && broken "a new server that does not start was let through"
[ "$(sql $OLD postgres "$LOOK")" = "$wanted" ] || broken "after a failed upgrade the data differs"
grep -q no_such_library "$work/log" || broken "the cause is not told: $(cat "$work/log")"
pod upgrade-member run 2>"$work/log" && broken "a failed upgrade was tried again"
grep -q no_such_library "$work/log" || broken "the cause is not told again: $(cat "$work/log")"
kept "an upgrade that fails leaves the old data in place, says why, and is not tried again by itself"

order three
for step in "${STEPS[@]}"; do killed_at "$step" 0.3; done
pod upgrade-member run 2>"$work/log" || { cat "$work/log" >&2; broken "an upgrade that was cut at each step does not end"; }
pod /usr/lib/postgresql/$NEW/bin/pg_controldata -D /data/pgdata | grep '^max_connections setting: *40$' >/dev/null ||
  broken "the control file does not have the settings of the cluster, which Patroni would never go below"
grep -q '/namespaces/shop/configmaps/c-config Bearer secret .*"initialize": null' "$work/asked" || broken "the old identity stays"
[ "$(sql $NEW postgres "$LOOK")" = "$wanted" ] || broken "the data differs after the upgrade"
[ "$(cat "$work/data/pgdata/PG_VERSION")" = $NEW ] || broken "the old data is in place"
kept "cut at each step, the upgrade goes on to its end with the same data"
pod upgrade-member restore 2>"$work/log" && broken "past the point of no return the old data was put back"
pod upgrade-member run || broken "a second run of an upgrade that is done fails"
[ "$(sql $NEW postgres "$LOOK")" = "$wanted" ] || broken "a second run changed the data"
kept "past the point of no return nothing is put back, and a second run changes nothing"
# shellcheck disable=SC2016 # expanded by the inner shell
said=$(pod bash -c '/usr/lib/postgresql/$1/bin/pg_ctl -D /data/pgdata -w -s -l /tmp/log -o "-c listen_addresses= -c shared_preload_libraries=pgaudit" start >/dev/null
  upgrade-member finish --here; cat /data/upgrade/finish.json
  psql -XAtq -h /run/postgresql -d postgres -c "SELECT extversion FROM pg_extension WHERE extname = '"'pgaudit'"'" \
    -c "SELECT count(*) > 0 FROM pg_statistic"
  /usr/lib/postgresql/$1/bin/pg_ctl -D /data/pgdata -w -s stop >/dev/null' finish "$NEW")
[[ $said == *'"problems": []'*17.*t ]] || broken "statistics or extensions are not brought up to date: $said"
kept "statistics are rebuilt and extensions updated"
pod upgrade-member discard
[ ! -e "$work/data/upgrade" ] || broken "the old data is still there"
[ "$(sql $NEW postgres "$LOOK")" = "$wanted" ] || broken "removing the old data changed the new"
kept "the old data goes at the end"
