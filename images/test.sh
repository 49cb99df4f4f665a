#!/usr/bin/env bash
# Checks what the images promise, one line for each promise. The archives that build.sh made are unpacked and looked at, and
# their programs run as a pod runs them: not as root, on a read-only root file system with /tmp alone to write to, and
# without a way to gain privileges. No engine and no cluster is needed. Ends with "images: N promises kept".
set -euo pipefail

cd "$(dirname "$0")"
CITUS=localhost/stylobate/citus:17
kept=0
broken=0
server=
containers=()

# Removes the unpacked images; none may pile up in buildah's storage.
clean() { [ ${#containers[@]} -eq 0 ] || buildah rm "${containers[@]}" >/dev/null; }
trap clean EXIT

# Tells of one promise: $1 image, $2 promise, then a command that succeeds when it is kept; its output is the detail.
promise() {
  local image=$1 what=$2 detail
  shift 2
  if detail=$("$@" 2>&1); then
    kept=$((kept + 1))
    printf 'kept    %-22s %s%s\n' "$image" "$what" "${detail:+: ${detail%%$'\n'*}}"
  else
    broken=$((broken + 1))
    detail=${detail:-nothing was found}
    printf 'BROKEN  %-22s %s: %s\n' "$image" "$what" "${detail//$'\n'/ }" >&2
  fi
}

# Runs a program of the image at $root under its user $user, as a pod does.
inside() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork bash -c '
    root=$1 user=$2; shift 2
    mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
    mount -t tmpfs tmpfs "$root/tmp"
    [ ! -d "$root/proc" ] || mount -t proc proc "$root/proc"
    cd / && exec env -i HOME=/tmp LANG=C.UTF-8 PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin \
      setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"' inside "$root" "$user" "$@"
}

config() { buildah inspect --type container --format "$1" "$container"; }

not_root() {
  echo "$user"
  [[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]]
}

# The label $1 is there, and is $2 when that is given.
label() {
  local value
  value=$(config "{{index .OCIv1.Config.Labels \"$1\"}}")
  echo "$value"
  [ -n "$value" ] && { [ -z "${2:-}" ] || [ "$value" = "$2" ]; }
}

# No file of these kinds is in the image: what is found is printed.
no_compilers() {
  absent \( -type f -o -type l \) -path '*bin/*' -regextype posix-extended \
    -regex '.*/([a-z0-9_]+-linux-gnu-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|ld|as|make|cargo|rustc)(-[0-9.]+)?'
}
no_setuid() { absent -type f -perm /6000; }
no_shell() { absent \( -type f -o -type l \) \( -name sh -o -name bash -o -name dash -o -name busybox \); }
absent() {
  local found
  found=$(find "$root" -xdev "$@" -printf '/%P ')
  echo -n "$found"
  [ -z "$found" ]
}

# The output of the program, run as a pod runs it, matches the pattern $1; the matching line is printed.
says() {
  local pattern=$1 said
  shift
  # To its end: a program that writes on after its line would be ended by a reader that has left.
  if ! said=$(inside "$@" 2>&1) || ! grep -E -m1 "$pattern" <<<"$said"; then
    echo "$said"
    return 1
  fi
}

# A version is at least $1, as sort -V orders them.
at_least() {
  local least=$1 found
  shift
  found=$(inside "$@" 2>&1 | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n1)
  echo "$found"
  [ -n "$found" ] && [ "$(printf '%s\n' "$least" "$found" | sort -V | head -n1)" = "$least" ]
}

# SIGTERM to process 1 ends what has no handler for it: what stops a pod that is only starting.
hears_a_stop() {
  local entry
  read -ra entry < <(config '{{range .OCIv1.Config.Entrypoint}}{{.}} {{end}}')
  ! inside "${entry[@]}" bash -c 'kill -TERM 1; sleep 3; echo it went on' 2>&1 | grep "it went on"
}

has() { ls "$root/$1" >/dev/null && echo "$1"; }

# What every image promises.
check_common() {
  promise "$1" "runs as a user that is not root" not_root
  promise "$1" "OCI label title" label org.opencontainers.image.title
  promise "$1" "OCI label licenses" label org.opencontainers.image.licenses
  promise "$1" "OCI label version" label org.opencontainers.image.version "$2"
  promise "$1" "no compiler is left in" no_compilers
  promise "$1" "no setuid or setgid file is left in" no_setuid
}

check_postgres() {
  if label dev.stylobate.postgres.older >/dev/null; then check_both "$1" "$2"; else check_server "$1" "$2"; fi
}

# An image with an older server as well; the way from one to the other is walked in the one that is named so.
check_both() {
  local older newer
  check_common "$1" "$2"
  older=$(label dev.stylobate.postgres.older)
  newer=$(label dev.stylobate.postgres.version)
  promise "$1" "the older server is the version of the label" \
    says "\(PostgreSQL\) ${older//./\\.}\b" "/usr/lib/postgresql/${older%%.*}/bin/postgres" --version
  promise "$1" "the newer server is the version of the label" \
    says "\(PostgreSQL\) ${newer//./\\.}\b" "/usr/lib/postgresql/${newer%%.*}/bin/postgres" --version
  promise "$1" "pgaudit can be created in the older server" \
    has "usr/share/postgresql/${older%%.*}/extension/pgaudit.control"
  promise "$1" "the operator's catalog stands for the settings of the older server" \
    catalog_knows settings "${older%%.*}.tsv" "${older%%.*}"
  [[ $2 != *-to-* ]] || tells "$1" "the upgrade of a member" ./upgrade-test.sh "$root" "$user"
}

# One line for each promise that another script tells of; the end of its standard error says what broke one. $1 image, $2 what it tries,
# then the script.
tells() {
  local image=$1 what=$2 said line errors
  shift 2
  errors=$(mktemp)
  if ! said=$("$@" 2>"$errors"); then
    broken=$((broken + 1))
    cat "$errors" >&2
    printf 'BROKEN  %-22s %s\n' "$image" "$what: after '$(tail -n 1 <<<"$said")': $(tail -n 3 "$errors" | tr '\n' ' ')" >&2
  fi
  rm "$errors"
  while read -r line; do
    [ -n "$line" ] || continue
    kept=$((kept + 1))
    printf 'kept    %-22s %s\n' "$image" "$line"
  done <<<"$said"
}

check_server() {
  local version=${2%-rebuilt} # a second build of it
  server=$root
  check_common "$1" "$2"
  promise "$1" "the server is the version of the tag" says "\(PostgreSQL\) ${version//./\\.}\b" postgres --version
  promise "$1" "Patroni is 4.1.1 or newer" at_least 4.1.1 patroni --version
  promise "$1" "the label with Patroni's version is true" \
    says " $(label dev.stylobate.patroni.version)\$" patroni --version
  promise "$1" "a stop is heard before Patroni runs" hears_a_stop
  promise "$1" "pgBackRest runs" says 'pgBackRest 2\.' pgbackrest version
  # An internal command of pgBackRest, which archive-prune works by.
  promise "$1" "pgBackRest removes a folder of an archive" says '^left: 1$' bash -c \
    'mkdir -p /tmp/r/archive/x/{1,2} && touch /tmp/r/archive/x/{1,2}/a &&
     pgbackrest --stanza=x --repo1-path=/tmp/r repo-rm --recurse archive/x/2 && pgbackrest --stanza=x --repo1-path=/tmp/r repo-ls archive/x | sed "s/^/left: /"'
  promise "$1" "every locale of the list is there, in UTF-8" has_locales
  promise "$1" "a database sorts by a locale of the C library and by one of ICU" sorts
  promise "$1" "the authorities of the cloud are known" has etc/ssl/certs/ca-certificates.crt
  promise "$1" "the programs of the archive are there" has usr/local/bin/archive-wal
  promise "$1" "what an archive is to a member is told by a program that is there" has usr/local/lib/stylobate/archive_state.py
  # What verify-member and archive_state.py read: a line of a report, and a file by its name, with a code for a wrong passphrase.
  # shellcheck disable=SC2016 # expanded by the inner shell
  promise "$1" "pgBackRest says in a line whether an archive is whole" says '^status: ok$' bash -c \
    'initdb -D /tmp/d >/dev/null 2>&1 && o="--stanza=x --repo1-path=/tmp/r" &&
     pgbackrest $o --pg1-path=/tmp/d --lock-path=/tmp/l --log-level-file=off --no-online stanza-create >/dev/null &&
     pgbackrest $o --process-max=1 --io-timeout=60 --log-level-file=off --log-level-stderr=error --output=text verify --verbose'
  # shellcheck disable=SC2016 # expanded by the inner shell
  promise "$1" "pgBackRest names who writes an archive, and has a code for a wrong passphrase" says '^db-system-id=.*code 95$' bash -c \
    'initdb -D /tmp/d >/dev/null 2>&1 && o="--stanza=x --repo1-path=/tmp/r --repo1-cipher-type=aes-256-cbc" && export PGBACKREST_REPO1_CIPHER_PASS=a &&
     pgbackrest $o --pg1-path=/tmp/d --lock-path=/tmp/l --log-level-file=off --no-online stanza-create >/dev/null &&
     who=$(pgbackrest $o --io-timeout=5 --log-level-stderr=error repo-get archive/x/archive.info | grep ^db-system-id=) &&
     for pass in b c d; do
       PGBACKREST_REPO1_CIPHER_PASS=$pass pgbackrest $o --io-timeout=5 repo-get archive/x/archive.info >/dev/null 2>&1 || echo "$who code $?"
     done | tail -n 1'
  promise "$1" "base backups are made and fetched by programs that are there" has usr/local/bin/archive-backup
  promise "$1" "manifests are put into an archive, sealed, and read again" says '^whole$' bash -c 'archive-manifest check && echo whole'
  promise "$1" "the program of an import is there" has usr/local/bin/archive-import
  promise "$1" "pgBackRest knows the options of a base backup" says '^full$' bash -c \
    'pgbackrest help backup annotation >/tmp/a && pgbackrest help backup repo-bundle >>/tmp/a && pgbackrest help backup start-fast >>/tmp/a && echo full'
  promise "$1" "pgaudit can be created" has 'usr/share/postgresql/17/extension/pgaudit.control'
  promise "$1" "the metrics exporter runs, non-root on a read-only root" says 'postgres_exporter, version' prometheus-postgres-exporter --version
  promise "$1" "the operator's catalog stands for the settings of the server" catalog_knows settings 17.tsv
  promise "$1" "the operator's catalog stands for the time zones of the server" catalog_knows zones zones.txt
  promise "$1" "a server is made and starts, non-root on a read-only root" says 'ready' bash -c \
    'initdb -D /tmp/d >/dev/null && pg_ctl -D /tmp/d -s -w -o "-k /tmp -c listen_addresses=" start >/dev/null &&
     psql -h /tmp -d postgres -Atc "select '"'ready'"'"; pg_ctl -D /tmp/d -s stop'
}

has_locales() {
  local wanted found
  wanted=$(sed 's/$/.utf8/' postgres/locales.txt | sort)
  found=$(inside locale -a | grep -F .utf8 | grep -v '^C' | sort)
  wc -l <<<"$wanted"
  [ "$wanted" = "$found" ]
}

# Swedish has its own place for letters with dots, after z; German has not.
sorts() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  says '^z<oe\|oe<z$' bash -c 'initdb -D /tmp/d --encoding=UTF8 --locale=C.UTF-8 >/dev/null &&
    pg_ctl -D /tmp/d -s -w -o "-k /tmp -c listen_addresses=" start >/dev/null && export PGHOST=/tmp &&
    createdb -T template0 --locale=sv_SE.UTF-8 sv && createdb -T template0 --locale-provider=icu --icu-locale=de-DE --locale=C.UTF-8 de &&
    echo "$(psql -d sv -Atc "$1")|$(psql -d de -Atc "$1")"; pg_ctl -D /tmp/d -s stop' \
    sorts "select string_agg(t, chr(60) order by w) from (values ('z', 'z'), ('oe', chr(246) || 'a')) v(t, w)"
}

# What the server (of major $3, if there are two) says of its settings or zones ($1) is, but for what a later minor version brings,
# in the file $2.
catalog_knows() { ./catalog.sh "$root" "$1" "${3:-*}" | ./compare.sh "$1" "../src/tuning/catalog/$2"; }

check_pgpool() {
  check_common "$1" "$2"
  promise "$1" "Pgpool-II is the version of the tag" says "version ${2//./\\.}" pgpool --version
  promise "$1" "the metrics exporter runs, non-root on a read-only root" says 'postgres_exporter, version' prometheus-postgres-exporter --version
  promise "$1" "the exporter has its questions" has usr/local/share/pgpool-exporter/queries.yaml
  promise "$1" "the supervisor is the entry point" says '^#!/bin/sh' cat /usr/local/bin/run-pgpool
  promise "$1" "the shim before Pgpool-II is there" has usr/local/lib/front.so
  # Before the server of the image that was looked at before.
  tells "$1" "what clients meet" ./pooler-test.sh "$server" "$root" "$user"
}

check_pgbouncer() {
  check_common "$1" "$2"
  promise "$1" "PgBouncer is the version of the tag" says "PgBouncer ${2//./\\.}" pgbouncer --version
  promise "$1" "the metrics exporter runs, non-root on a read-only root" says 'pgbouncer_exporter, version' prometheus-pgbouncer-exporter --version
  promise "$1" "the supervisor is the entry point" says '^#!/bin/sh' cat /usr/local/bin/run-pgbouncer
}

check_operator() {
  check_common "$1" "$2"
  promise "$1" "there is no shell" no_shell
  promise "$1" "it knows the public authorities, for the Compute API" has etc/ssl/certs/ca-certificates.crt
  promise "$1" "the program starts and has its libraries" says '^stylobate ' stylobate --version
}

# Unpacks the image of the archive or name $1, then asks the check $2 with image name $3 and tag $4.
look() {
  container=$(buildah from --pull-never "$1" 2>/dev/null || buildah from --quiet "$1")
  containers+=("$container")
  root=$(buildah mount "$container")
  user=$(config '{{.OCIv1.Config.User}}')
  "$2" "$3" "$4"
}

[ "$(id -u)" = 0 ] || { echo "failed to test the images: mounting them needs root; run make test-images as root" >&2; exit 1; }
while read -r archive image _; do
  [ -e "$archive" ] || { echo "failed to test $image: it is not built; run make images" >&2; exit 1; }
  name=${image##*/}
  look "oci-archive:$archive" "check_${name%:*}" "$name" "${name#*:}"
done < <(./build.sh --list)
if buildah inspect --type image "$CITUS" >/dev/null 2>&1; then
  look "$CITUS" check_common citus:17 ""
  promise citus:17 "citus can be created" has 'usr/share/postgresql/17/extension/citus.control'
else
  echo "skipped citus:17               no image $CITUS is here: its packages come from its vendor, see images/citus/Dockerfile"
fi
[ "$broken" = 0 ] || { echo "images: $broken promises broken, $kept kept" >&2; exit 1; }
echo "images: $kept promises kept"
