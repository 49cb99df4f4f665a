"""Cases that read the same in both drivers. The program that runs gives what they are made of: `connect(user=, password=, database=,
settings=, **own)`, `value(session, statement, *parameters)`, `run(session, statement)`, `transaction(session)`, `drop(session)`,
`cancel(session)` and `timed_out(session, statement, seconds)`."""

import asyncio
import datetime
import os
import sys
import uuid
from decimal import Decimal
from functools import partial

from harness import CASES, MIB, ODD, USER, Seen, case, fails, same

driver = sys.modules["__main__"]


async def table(session, case, columns="x int"):
    """A new table for a case."""
    name = f"{driver.__file__.rsplit('/')[-1].split('_')[0]}_{case}"
    await driver.run(session, f"DROP TABLE IF EXISTS {name}")
    await driver.run(session, f"CREATE TABLE {name} ({columns})")
    return name


async def goes_on(session):
    """The session still answers."""
    same("answer", await driver.value(session, "SELECT 1"), 1)


@case
async def login():
    session = await driver.connect()
    same("user", await driver.value(session, "SELECT current_user::text"), USER)


async def login_odd(name):
    session = await driver.connect(user=name, password=os.environ[f"PASSWORD_{name.upper()}"])
    same("user", await driver.value(session, "SELECT current_user::text"), name)


for name in ODD:
    CASES[f"login-{name}"] = partial(login_odd, name)


@case
async def login_warning():
    await goes_on(await driver.connect(database="warned"))


@case
async def startup_settings():
    session = await driver.connect(settings={"application_name": "drivers", "TimeZone": "Asia/Kathmandu", "work_mem": "5MB"})
    shown = [await driver.value(session, f"SHOW {name}") for name in ("application_name", "TimeZone", "work_mem")]
    same("settings", shown, ["drivers", "Asia/Kathmandu", "5MB"])


@case
async def primary():
    session = await driver.connect(target_session_attrs="read-write")
    same("in recovery", await driver.value(session, "SELECT pg_is_in_recovery()"), False)


@case
async def types():
    session = await driver.connect()
    now = datetime.datetime(2024, 2, 29, 12, 0, tzinfo=datetime.timezone.utc)
    for kind, given in [("timestamptz", now), ("numeric", Decimal("1.10")), ("uuid", uuid.UUID(int=7)), ("int[]", [1, 2]),
                        ("bytea", b"\0\xff"), ("text", "ÿ 😀"), ("bool", True), ("float8", 0.1), ("text", None)]:
        same(kind, await driver.value(session, f"SELECT $1::{kind}", given), given)


@case
async def transactions():
    session = await driver.connect()
    name = await table(session, "transactions")
    async with driver.transaction(session):
        await driver.run(session, f"INSERT INTO {name} VALUES (1)")

    async def failing():
        async with driver.transaction(session):
            await driver.run(session, f"INSERT INTO {name} VALUES (2)")
            await fails("22012", driver.value(session, "SELECT 1/0"))
            await driver.value(session, "SELECT 1")

    await fails("25P02", failing())
    same("rows", await driver.value(session, f"SELECT count(*) FROM {name}"), 1)


@case
async def savepoints():
    session = await driver.connect()
    name = await table(session, "savepoints")

    async def failing():
        async with driver.transaction(session):
            await driver.run(session, f"INSERT INTO {name} VALUES (2)")
            await driver.value(session, "SELECT 1/0")

    async with driver.transaction(session):
        await driver.run(session, f"INSERT INTO {name} VALUES (1)")
        await fails("22012", failing())
    same("rows", await driver.value(session, f"SELECT count(*) FROM {name}"), 1)


@case
async def commit_fails():
    # Who tries again begins the next transaction at once: the one that failed to commit has ended.
    session = await driver.connect()
    name = await table(session, "commit_fails", "x int UNIQUE DEFERRABLE INITIALLY DEFERRED")

    async def twice():
        async with driver.transaction(session):
            await driver.run(session, f"INSERT INTO {name} VALUES (1), (1)")

    await fails("23505", twice())
    async with driver.transaction(session):
        await goes_on(session)


@case
async def serializable():
    one, two = await driver.connect(), await driver.connect()
    name = await table(one, "serializable")
    for session in (one, two):
        await driver.run(session, "BEGIN ISOLATION LEVEL SERIALIZABLE")
        await driver.value(session, f"SELECT count(*) FROM {name}")
    for session in (one, two):
        await driver.run(session, f"INSERT INTO {name} VALUES (1)")
    await driver.run(one, "COMMIT")
    await fails("40001", driver.run(two, "COMMIT"))


@case
async def parameter_20_mb():
    same("length", await driver.value(await driver.connect(), "SELECT length($1::text)", "x" * (20 * MIB)), 20 * MIB)


@case
async def result_60_mb():
    same("length", len(await driver.value(await driver.connect(), f"SELECT repeat('x', {60 * MIB})")), 60 * MIB)


@case
async def write_read():
    session, other = await driver.connect(), await driver.connect()
    name = await table(session, "write_read")
    for x in range(100):
        await driver.value(session, f"INSERT INTO {name} VALUES ($1) RETURNING x", x)
        for reader in (session, other):
            same("newest", await driver.value(reader, f"SELECT max(x) FROM {name}"), x)


@case
async def advisory():
    one, two = await driver.connect(), await driver.connect()
    await driver.value(one, "SELECT pg_advisory_lock(1)")
    same("second", await driver.value(two, "SELECT pg_try_advisory_lock(1)"), False)
    same("unlocked", await driver.value(one, "SELECT pg_advisory_unlock(1)"), True)


@case
async def advisory_transaction():
    one, two = await driver.connect(), await driver.connect()
    async with driver.transaction(one):
        await driver.value(one, "SELECT pg_advisory_xact_lock(2)")
        same("second", await driver.value(two, "SELECT pg_try_advisory_xact_lock(2)"), False)
    same("afterwards", await driver.value(two, "SELECT pg_try_advisory_xact_lock(2)"), True)


@case
async def large_object():
    session = await driver.connect()
    async with driver.transaction(session):
        made = await driver.value(session, "SELECT lo_from_bytea(0, $1)", b"x" * MIB)
        same("length", len(await driver.value(session, "SELECT lo_get($1)", made)), MIB)
        await driver.value(session, "SELECT lo_unlink($1)", made)


@case
async def cancel():
    for _ in range(10):
        session = await driver.connect()
        sleeping = asyncio.create_task(driver.value(session, "SELECT pg_sleep(20)"))
        await asyncio.sleep(0.3)
        await driver.cancel(session)
        await fails("57014", sleeping)
        await goes_on(session)


@case
async def timeout():
    session, other = await driver.connect(), await driver.connect()
    await driver.timed_out(session, "SELECT pg_sleep(20), 'timed out'", 1)
    await asyncio.sleep(1)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%''timed out''%' AND pid <> pg_backend_pid()"
    same("still at work", await driver.value(other, asked), 0)


@case
async def dead_client():
    session, other = await driver.connect(), await driver.connect()
    name = await table(other, "dead")
    await driver.run(session, "BEGIN")
    await driver.run(session, f"LOCK TABLE {name}")
    sleeping = asyncio.create_task(driver.value(session, "SELECT pg_sleep(60)"))
    await asyncio.sleep(0.5)
    driver.drop(session)
    sleeping.add_done_callback(lambda ended: ended.exception())
    async with driver.transaction(other):
        await driver.run(other, "SET LOCAL lock_timeout = '10s'")
        await driver.run(other, f"DROP TABLE {name}")


@case
async def terminated():
    session, other = await driver.connect(), await driver.connect()
    await driver.run(session, "BEGIN")
    served = await driver.value(session, "SELECT pg_backend_pid()")
    sleeping = asyncio.create_task(driver.value(session, "SELECT pg_sleep(20)"))
    await asyncio.sleep(0.5)
    await driver.value(other, "SELECT pg_terminate_backend($1)", served)
    # Not the SQLSTATE, for which asyncpg has its own.
    try:
        await sleeping
    except Exception as error:
        if "terminating connection due to administrator command" not in str(error):
            raise
    else:
        raise Seen("no error")


@case
async def session_state():
    # Others take servers meanwhile, so that a pooler which lends servers by transaction gives another one back.
    session = await driver.connect()
    await driver.run(session, "SET work_mem = '5MB'")
    await driver.run(session, "CREATE TEMP TABLE kept (x int)")
    for _ in range(10):
        await driver.run(await driver.connect(), "BEGIN")
    same("work_mem", await driver.value(session, "SHOW work_mem"), "5MB")
    same("rows", await driver.value(session, "SELECT count(*) FROM kept"), 0)
