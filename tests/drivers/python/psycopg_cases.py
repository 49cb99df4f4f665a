"""psycopg 3 through a pooler: a line for each case, its name and `ok` or what was seen. See ../README.md."""

import asyncio
import os
from functools import partial

import psycopg
from harness import CASES, Seen, case, fails, keep, main, same

KEYS = {"database": "dbname"}


async def connect(settings=None, **given):
    # Address, user, password and TLS are taken from the environment by libpq itself.
    given = {KEYS.get(key, key): value for key, value in given.items()}
    if settings:
        given["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    session = await psycopg.AsyncConnection.connect(
        autocommit=True, connect_timeout=20, cursor_factory=psycopg.AsyncRawCursor, **given)
    return keep(session, lambda session: session.close())


async def run(session, statement):
    await session.execute(statement)


async def value(session, statement, *parameters):
    return (await (await session.execute(statement, parameters or None)).fetchone())[0]


def transaction(session):
    return session.transaction()


def drop(session):
    """The client is gone without a word."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, session.fileno())


async def cancel(session):
    await session.cancel_safe(timeout=10)


async def timed_out(session, statement, seconds):
    # psycopg cancels the statement of a task that is cancelled.
    try:
        await asyncio.wait_for(session.execute(statement), seconds)
    except asyncio.TimeoutError:
        same("answer", await value(session, "SELECT 1"), 1)


import shared  # noqa: E402 the cases are made of what is above


async def refused(words, **given):
    # libpq gives no SQLSTATE for a refused login, so the server's words are looked at.
    try:
        await connect(**given)
    except psycopg.OperationalError as error:
        if words not in str(error):
            raise Seen(str(error).split("FATAL:")[-1].strip()) from error
    else:
        raise Seen("let in")


for name, words, given in [
    ("password", "password authentication failed", {"password": "wrong"}),
    ("database", "does not exist", {"database": "nosuch"}),
    ("right", "permission denied for database", {"database": "other"}),
    ("limit", "too many connections for database", {"database": "limited"}),
    ("setting", "unrecognized configuration parameter", {"settings": {"nosuch": "1"}}),
]:
    CASES[f"refused-{name}"] = partial(refused, words, **given)


@case
async def direct_tls():
    await connect(sslnegotiation="direct")


@case
async def channel_binding():
    await connect(channel_binding="require")


@case
async def protocol_3_2():
    await shared.goes_on(await connect(max_protocol_version="3.2"))


@case
async def encoding():
    session = await connect(client_encoding="LATIN1")
    same("text", await value(session, "SELECT $1 || chr(255)", "ä"), "äÿ")


@case
async def multi_statement():
    cursor = await (await connect()).execute("SELECT 1; SELECT 2")
    same("first", await cursor.fetchall(), [(1,)])
    same("second", cursor.nextset() and await cursor.fetchall(), [(2,)])


@case
async def prepared():
    sessions = [await connect() for _ in range(4)]
    for turn in range(20):
        for session in sessions:
            async with session.transaction():
                cursor = await session.execute("SELECT $1::int + 1", (turn,), prepare=True)
                same("value", await cursor.fetchone(), (turn + 1,))


@case
async def failed_probe():
    # Frameworks ask by an empty statement whether a session lives, before they go back to a savepoint.
    session = await connect()
    for statement in ("BEGIN", "SAVEPOINT point"):
        await session.execute(statement)
    await fails("22012", session.execute("SELECT 1/0"))
    session.pgconn.exec_(b";")
    await session.execute(";")
    await session.execute("ROLLBACK TO SAVEPOINT point")
    await shared.goes_on(session)


@case
async def changed_table():
    # The driver keeps a statement from its fifth use on; one whose table has another form fails until it is let go of.
    session, other = await connect(), await connect()
    name = await shared.table(session, "changed")
    for _ in range(7):
        await session.execute(f"SELECT * FROM {name}")
    await other.execute(f"ALTER TABLE {name} ADD y int")
    await fails("0A000", session.execute(f"SELECT * FROM {name}"))
    await session.execute("DEALLOCATE ALL")
    same("rows", await (await session.execute(f"SELECT * FROM {name}")).fetchall(), [])


async def unknown(code, *asks):
    session = await connect()
    for ask in asks:
        ask(session.pgconn)
        (result,) = await session.wait(psycopg.generators.execute(session.pgconn))
        told = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b""
        same("SQLSTATE", told.decode(), code)
        await shared.goes_on(session)


@case
async def unknown_statement():
    await unknown("26000", lambda session: session.send_query_prepared(b"nosuch", None),
                  lambda session: session.send_describe_prepared(b"nosuch"))


@case
async def unknown_portal():
    await unknown("34000", lambda session: session.send_describe_portal(b"nosuch"))


@case
async def parameters_most():
    marks = ",".join(f"${n + 1}::int" for n in range(65535))
    same("count", await value(await connect(), f"SELECT cardinality(ARRAY[{marks}])", *[1] * 65535), 65535)


@case
async def copy_in():
    session = await connect()
    name = await shared.table(session, "copy_in", "x int, y text")
    async with session.cursor() as cursor:
        async with cursor.copy(f"COPY {name} FROM STDIN") as copy:
            for x in range(10000):
                await copy.write_row((x, "y"))
        same("rows", cursor.rowcount, 10000)


@case
async def copy_out():
    session = await connect()
    async with session.cursor().copy("COPY (SELECT generate_series(1, 10000)) TO STDOUT") as copy:
        same("rows", len([row async for row in copy.rows()]), 10000)
    await shared.goes_on(session)


@case
async def copy_fail():
    session = await connect()
    name = await shared.table(session, "copy_fail")

    async def failing():
        async with session.cursor().copy(f"COPY {name} FROM STDIN") as copy:
            await copy.write("1\nno number\n")

    await fails("22P02", failing())
    await shared.goes_on(session)


@case
async def cursor():
    session = await connect()
    async with session.transaction(), psycopg.AsyncServerCursor(session, "walk") as walk:
        await walk.execute("SELECT generate_series(1, 1000)")
        same("rows", [len(await walk.fetchmany(400)) for _ in range(3)], [400, 400, 200])


@case
async def batch():
    session = await connect()
    name = await shared.table(session, "batch", "x int, y text")
    await session.cursor().executemany(f"INSERT INTO {name} VALUES ($1, $2)", [(x, "y" * 100) for x in range(5000)])
    same("rows", await value(session, f"SELECT count(*) FROM {name}"), 5000)


@case
async def pipeline():
    session = await connect()
    async with session.pipeline():
        cursors = [await session.execute("SELECT $1::int", (x,)) for x in range(200)]
        same("values", [(await cursor.fetchone())[0] for cursor in cursors], list(range(200)))


@case
async def notice():
    session, heard = await connect(), []
    session.add_notice_handler(lambda told: heard.append((told.severity, told.message_primary)))
    await session.execute("DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$")
    same("notices", heard, [("WARNING", "mind"), ("NOTICE", "look")])


@case
async def notify():
    session, other = await connect(), await connect()
    await session.execute("LISTEN drivers")
    await other.execute("NOTIFY drivers, 'word'")
    same("heard", [told.payload async for told in session.notifies(timeout=3, stop_after=1)], ["word"])


main()
