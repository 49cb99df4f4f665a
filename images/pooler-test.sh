#!/usr/bin/env bash
# Runs the pooler of an unpacked image before a server of another, as pods do, and asks what clients are promised (pooler_promises.py). Last,
# a cut network: a session ends whose server does not answer. All of it is in a network, a process and a mount namespace of its own.
# $1 is the root of the server's image, $2 that of the pooler's, $3 the user of both; prints a line for each promise that is kept, and fails
# at the first that is not.
set -euo pipefail

if [ "$1" != within ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  timeout --kill-after=1 300 unshare --net --ipc --mount --pid --fork --kill-child --mount-proc "$0" within "$(realpath "$(dirname "$0")")" "$work" "$@"
  exit
fi
here=$2 work=$3 postgres=$4 pooler=$5 user=$6

# Runs a program of the image at $1 as its user; /tmp is shared by both.
in_image() {
  local root=$1
  shift
  env -i HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/tmp PATH="$bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin" POOLER_SESSIONS=22 \
    POOLER_MEMBERS=127.0.0.1 POOLER_MEMBERS_PORT=25432 PGPOOL_CONF_DIR=/tmp/pooler PGPOOL_USERS_DIR=/tmp/pooler \
    setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
}

# The loopback interface up (1) or down (0): iproute2 is not everywhere.
loopback() { python3 -c "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14s', b'lo', $1, b''))"; }

# within SECONDS COMMAND...: waits until it succeeds.
within() {
  local left=$(($1 * 10))
  shift
  while ((left-- > 0)); do
    ! "$@" || return 0
    sleep 0.1
  done
  return 1
}

# Waits for a line in the pooler's log: $1 pattern, $2 seconds.
heard() { within "$2" grep -qE "$1" "$work/log" || { tail -n 20 "$work/log" >&2; return 1; }; }

start_server() {
  in_image "$postgres" sh -c 'cd /tmp && openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=localhost -keyout key -out crt 2>/dev/null &&
    initdb -D /tmp/data --auth=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C.UTF-8 --username=postgres >/dev/null'
  # An address and no name: an image has no /etc/hosts, which a kubelet gives.
  cat >>"$work/data/postgresql.conf" <<'CONF'
port = 25432
listen_addresses = '127.0.0.1'
unix_socket_directories = '/tmp'
max_connections = 40
fsync = off
ssl = on
ssl_cert_file = '/tmp/crt'
ssl_key_file = '/tmp/key'
client_connection_check_interval = '1s'
CONF
  in_image "$postgres" pg_ctl -D /tmp/data -s -w -l /tmp/server.log start >/dev/null || { cat "$work/server.log" >&2; return 1; }
  in_image "$postgres" psql -qX -h /tmp -p 25432 -U postgres -d postgres -v ON_ERROR_STOP=1 >/dev/null 2>&1 <<'SQL'
ALTER ROLE postgres PASSWORD 'postgres';
CREATE ROLE app LOGIN PASSWORD 'app';
CREATE ROLE other LOGIN PASSWORD 'not what the pooler knows';
CREATE DATABASE bank OWNER app;
CREATE DATABASE odd;
ALTER DATABASE odd SET default_text_search_config = 'nosuch';
CREATE DATABASE closed;
REVOKE CONNECT ON DATABASE closed FROM public;
CREATE DATABASE "full" CONNECTION LIMIT 0;
\c bank app
CREATE TABLE c (i int);
CREATE TABLE slow (i int);
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(11); RETURN NULL; END';
CREATE TRIGGER pause BEFORE INSERT ON slow FOR EACH STATEMENT EXECUTE FUNCTION pause();
SQL
}

# The settings of src/pooler/pgpool/conf.rs that matter here.
start_pooler() {
  mkdir "$work/pooler"
  cat >"$work/pooler/pgpool.conf" <<'CONF'
listen_addresses = '*'
port = 25433
unix_socket_directories = '/tmp'
pcp_socket_dir = '/tmp'
pcp_listen_addresses = ''
pid_file_name = '/tmp/pgpool.pid'
logdir = '/tmp'
work_dir = '/tmp'
log_min_messages = warning
backend_clustering_mode = 'streaming_replication'
backend_hostname0 = '127.0.0.1'
backend_port0 = 25432
backend_flag0 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'
load_balance_mode = off
failover_on_backend_error = off
failover_on_backend_shutdown = off
sr_check_period = 0
memqcache_total_size = 16MB
memqcache_max_num_cache = 20000
connect_timeout = 1000
num_init_children = 26
authentication_timeout = 10
max_pool = 1
connection_cache = off
enable_pool_hba = on
pool_passwd = '/tmp/pooler/pool_passwd'
ssl = on
ssl_cert = '/tmp/crt'
ssl_key = '/tmp/key'
ssl_ca_cert = '/tmp/crt'
CONF
  echo "hostssl all all all scram-sha-256" >"$work/pooler/pool_hba.conf"
  printf '%s:TEXT%s\n' app app other other >"$work/pooler/pool_passwd"
  chmod -R a+rX "$work/pooler"
  : >"$work/log"
  in_image "$pooler" run-pgpool >"$work/log" 2>&1 &
  heard 'successfully started' 60
}

# Waits for a file that the client of cut_off writes.
written() { within 30 test -e "$work/$1" || { echo "the client did not get as far as '$1'" >&2; return 1; }; }

# Stops the process of a session, leads a statement to it and cuts the network: what it then sends to its server is never acknowledged.
cut_off() {
  local session
  in_image "$postgres" python3 -c 'import os, time; from pooler_client import Session
session = Session(database="odd"); open("/tmp/ready", "w").close()
while not os.path.exists("/tmp/stopped"): time.sleep(0.1)
session.send("Q", b"SELECT 1\0"); open("/tmp/sent", "w").close(); time.sleep(60)' &
  written ready
  # Other processes may end while grep looks at them, which it calls a failure of its own.
  session=$({ grep -lsz '^pgpool: app odd' /proc/[0-9]*/cmdline || true; } | cut -d/ -f3)
  [[ $session =~ ^[0-9]+$ ]] || { echo "not one session of database odd: '$session'" >&2; return 1; }
  kill -STOP "$session"
  touch "$work/stopped"
  written sent
  loopback 0
  kill -CONT "$session"
  heard "ended session $session: its server does not answer" 40
  echo "a session ends whose server does not answer"
}

mount --bind "$postgres" "$postgres" && mount --bind "$pooler" "$pooler"
chown "$user" "$work"
cp "$here"/pooler_*.py "$work"
for root in "$postgres" "$pooler"; do
  mount -o remount,bind,ro "$root"
  mount --bind "$work" "$root/tmp"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev/shm"
done
bin=$(find "$postgres/usr/lib/postgresql" -mindepth 2 -maxdepth 2 -name bin | sort | tail -n1)
bin=${bin#"$postgres"}
loopback 1
start_server
start_pooler
in_image "$postgres" python3 /tmp/pooler_promises.py
cut_off
