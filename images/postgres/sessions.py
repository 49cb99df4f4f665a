"""How the programs of this image open a session, as superuser, in databases that are other people's.

The owner of a database defaults any setting of its sessions (ALTER DATABASE ... SET), ours too: what goes with the start-up packet wins
over that. And he names it as he likes: psql takes a name such as "host=... user=x" for a connection string, so a name goes as the
value of one. src/sql/pins.rs has the same for the operator's own sessions; docs/decisions/0025-hostile-databases.md has the reasons.
"""

import json
import os

# Settings that every major takes, as superuser.
PINNED = {
    "search_path": "pg_catalog,pg_temp",
    "role": "none",
    "row_security": "on",
    "session_replication_role": "origin",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    "local_preload_libraries": "",
    "session_preload_libraries": "",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
NEWER = {17: {"transaction_timeout": "0"}}  # an older server refuses a session that names it
LOCK_SECONDS = 60  # who holds a lock for longer keeps his own object from being looked at, and nothing else

# Names of databases that pass this test. One that was given in a database of another encoding is no text, and psql would leave out what
# is none: they come as bytes.
NAMES = (
    "SELECT pg_catalog.json_agg(pg_catalog.encode(pg_catalog.textsend(d.datname::text), 'hex') ORDER BY d.datname) "
    "FROM pg_catalog.pg_database d WHERE {}"
)
# Databases that anybody can connect to, also those that are templates; one that is half dropped is none.
DATABASES = NAMES.format("d.datallowconn AND d.datconnlimit <> -2")
# Whether none but superusers can make anything in the schema n.
GUARDED = (
    "(SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = n.nspowner) AND NOT EXISTS (SELECT FROM "
    "pg_catalog.aclexplode(n.nspacl) a WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner)"
)


def options(version, lock_seconds=LOCK_SECONDS, encoding="UTF8"):
    """PGOPTIONS for a server of this major. The programs of pg_upgrade choose the encoding themselves."""
    settings = dict(PINNED, lock_timeout=f"{lock_seconds}s")
    if encoding:
        settings["client_encoding"] = encoding
    for since, more in NEWER.items():
        if version >= since:
            settings.update(more)
    # A space ends an option unless a backslash stands before it.
    return " ".join(f"-c {name}={value}".replace(" ", "\\ ").replace("-c\\ ", "-c ") for name, value in settings.items())


def environment(version, **how):
    """What a program of libpq gets beside its arguments. Nothing that leads it elsewhere is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "PGOPTIONS": options(version, **how)}


def named(database):
    """A database as an argument that is a connection string with nothing but this name in it, whatever the name is."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"


def names(text):
    """Names of databases as NAMES tells them; what is no text in them is kept, for programs that are called with them."""
    return [bytes.fromhex(name).decode("utf-8", "surrogateescape") for name in json.loads(text.strip() or "null") or []]


def words(error):
    """What an error says, as text that can be written anywhere: a name need not be text."""
    return str(error).encode("utf-8", "replace").decode("utf-8")
