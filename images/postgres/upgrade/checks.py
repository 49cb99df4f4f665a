"""What can be known of a major upgrade before anything stops, and what is put right after it: both while members serve."""

import os
from pathlib import Path

import servers
import volume

# Of an empty cluster and of the catalogs that pg_upgrade writes anew, in bytes, with slack.
ROOM = 512 * 2**20
# Extensions that keep no data and have no way from one major's version to the next: their project says to make them anew.
REMADE = {"pgaudit"}


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
        problems += missing_extensions(order)
        problems += logical_slots(order)
        servers.pg_upgrade(order, volume.PGDATA, new, "--check")
    except servers.Failed as failed:
        problems.append(str(failed))
    volume.remove(work)
    return problems


def missing_extensions(order):
    """Extensions in use that the new server does not have."""
    folder = Path(f"/usr/share/postgresql/{order['to']}/extension")
    problems = []
    for database in servers.databases(order["from"]):
        for name in servers.query(order["from"], database, "SELECT extname FROM pg_extension ORDER BY 1"):
            if not (folder / f"{name}.control").exists():
                problems.append(
                    f"extension {name} of database {database} is not in the image for PostgreSQL {order['to']}: drop it, or "
                    "name an image in spec.engine.image that has it"
                )
    return problems


def logical_slots(order):
    """Slots that would be lost: a server older than 17 can't hand them on."""
    names = servers.query(
        order["from"], "postgres", "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'logical' ORDER BY 1"
    )
    return [
        f"logical replication slot {name} would be lost: let its consumer finish, then SELECT pg_drop_replication_slot('{name}')"
        for name in names
    ]


def after(order):
    """Statistics, which pg_upgrade leaves behind, and the extensions' newest version: what went wrong, in words."""
    problems = []
    try:
        servers.run([servers.program(order["to"], "vacuumdb"), "-h", servers.SOCKETS, "-U", servers.SUPERUSER,
                     "--all", "--analyze-in-stages", "--quiet"])
    except servers.Failed as failed:
        problems.append(f"{failed}; to do by hand: vacuumdb --all --analyze-in-stages")
    outdated = (
        "SELECT quote_ident(e.extname) FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname "
        "WHERE a.default_version <> e.extversion ORDER BY 1"
    )
    for database in servers.databases(order["to"]):
        for name in servers.query(order["to"], database, outdated):
            statement = f"ALTER EXTENSION {name} UPDATE"
            if name in REMADE:
                statement = f"BEGIN; DROP EXTENSION {name}; CREATE EXTENSION {name}; COMMIT"
            try:
                servers.query(order["to"], database, statement)
            except servers.Failed as failed:
                problems.append(f"{failed}; to do by hand in database {database}: {statement}")
    return problems
