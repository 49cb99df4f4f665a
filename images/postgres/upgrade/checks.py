"""What can be known of a major upgrade before anything stops, and what is put right after it: both while members serve.

Databases are other people's. What one of them does not show is told of that one, and hides no other.
"""

import os
from pathlib import Path

import extensions
import servers
import sessions
import volume

# Of an empty cluster and of the catalogs that pg_upgrade writes anew, in bytes, with slack.
ROOM = 512 * 2**20


def before(order):
    """Every reason why the upgrade can't be done, in words."""
    work = volume.WORK / "check"
    volume.remove(work)
    work.mkdir(mode=volume.MODE, parents=True)
    free = os.statvfs(volume.DATA)
    room = free.f_bavail * free.f_frsize
    if room < ROOM:
        return [f"the volume has {room // 2**20} MiB free, the upgrade needs {ROOM // 2**20} MiB: grow spec.storage.size"]
    if not Path(servers.program(order["to"], "postgres")).exists():
        return [f"the image has no PostgreSQL {order['to']}: name one in spec.engine.image that has it, or leave that field out"]
    new = work / "new"
    problems = []
    try:
        servers.initdb(order, volume.PGDATA, new)
        problems += servers.refused_settings(order, new)
        problems += closed_databases(order)
        problems += missing_extensions(order)
        problems += logical_slots(order)
        servers.pg_upgrade(order, volume.PGDATA, new, "--check")
    except servers.Failed as failed:
        problems.append(str(failed))
    volume.remove(work)
    return problems


def closed_databases(order):
    """Databases that pg_upgrade can't carry over, which it says less plainly, or when members are down already."""
    shut = sessions.NAMES.format("d.datname <> 'template0' AND (NOT d.datallowconn OR d.datconnlimit = -2)")
    broken = sessions.NAMES.format(r"d.datname::text ~ '[\r\n]'")
    shut, broken = (servers.databases(order["from"], sql) for sql in (shut, broken))
    return [
        f"database {name} takes no connections, so it can't be carried over: ALTER DATABASE ... ALLOW_CONNECTIONS true, or drop it"
        for name in shut
    ] + [f"database {name!r} has a line break in its name, which pg_upgrade can't take: ALTER DATABASE ... RENAME TO" for name in broken]


def missing_extensions(order):
    """Extensions in use that the new server does not have."""
    folder = Path(f"/usr/share/postgresql/{order['to']}/extension")
    problems = []
    for database in servers.databases(order["from"]):
        try:
            found = servers.query(order["from"], database, "SELECT extname FROM pg_catalog.pg_extension ORDER BY 1")
        except servers.Failed as failed:
            problems.append(f"database {database} can't be looked into: {failed}")
            continue
        for name in found:
            if not (folder / f"{name}.control").exists():
                problems.append(
                    f"extension {name} of database {database} is not in the image for PostgreSQL {order['to']}: drop it, or "
                    "name an image in spec.engine.image that has it"
                )
    return problems


def logical_slots(order):
    """Slots that would be lost: a server older than 17 can't hand them on."""
    names = servers.query(
        order["from"], "postgres",
        "SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' ORDER BY 1",
    )
    return [
        f"logical replication slot {name} would be lost: let its consumer finish, then SELECT pg_drop_replication_slot('{name}')"
        for name in names
    ]


def after(order):
    """Statistics, which pg_upgrade leaves behind, and the extensions' newest version: what went wrong, in words."""
    problems = []
    for database in servers.databases(order["to"]):
        try:
            # Functions of an index are run as the table's owner, in a restricted operation. A table that somebody holds is left out.
            servers.in_database(order["to"], "vacuumdb", database, "--analyze-in-stages", "--skip-locked", "--quiet")
        except servers.Failed as failed:
            problems.append(f"{failed}; to do by hand in database {database}: vacuumdb --analyze-in-stages")
        try:
            problems += extensions.update(order["to"], database)
        except servers.Failed as failed:
            problems.append(f"the extensions of database {database} can't be looked at: {failed}")
    return problems
