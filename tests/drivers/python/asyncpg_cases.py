"""asyncpg through a pooler: a line for each case, its name and `ok` or what was seen. See ../README.md."""

import asyncio
import ssl
from functools import partial

import asyncpg
from harness import CA, CASES, DATABASE, HOST, PASSWORD, USER, Seen, case, fails, keep, main, same

TLS = ssl.create_default_context(cafile=CA)


async def connect(user=USER, password=PASSWORD, database=DATABASE, settings=None, tls=TLS, **given):
    session = await asyncpg.connect(host=HOST, user=user, password=password, database=database, ssl=tls, timeout=20,
                                    server_settings=settings, **given)
    return keep(session, lambda session: session.close(timeout=2))


async def run(session, statement):
    await session.execute(statement)


async def value(session, statement, *parameters):
    return await session.fetchval(statement, *parameters)


def transaction(session):
    return session.transaction()


def drop(session):
    """The client is gone without a word."""
    session._transport._ssl_protocol._transport.abort()


async def cancel(session):
    await session._cancel(asyncio.get_running_loop().create_future())


async def timed_out(session, statement, seconds):
    try:
        await session.fetchval(statement, timeout=seconds)
    except asyncio.TimeoutError:
        same("answer", await value(session, "SELECT 1"), 1)


import shared  # noqa: E402 the cases are made of what is above

for name, code, given in [
    ("password", "28P01", {"password": "wrong"}),
    ("database", "3D000", {"database": "nosuch"}),
    ("right", "42501", {"database": "other"}),
    ("limit", "53300", {"database": "limited"}),
    ("setting", "42704", {"settings": {"nosuch": "1"}}),
]:
    async def refused(code, given):
        await fails(code, connect(**given))

    CASES[f"refused-{name}"] = partial(refused, code, given)


@case
async def direct_tls():
    named = ssl.create_default_context(cafile=CA)
    named.set_alpn_protocols(["postgresql"])
    await connect(direct_tls=True, tls=named)


@case
async def prepared():
    sessions = [await connect() for _ in range(4)]
    statements = [await session.prepare("SELECT $1::int + 1") for session in sessions]
    for turn in range(20):
        for session, statement in zip(sessions, statements):
            async with session.transaction():
                same("value", await statement.fetchval(turn), turn + 1)


@case
async def unknown_statement():
    # The driver still knows its statement, the server no longer does.
    session = await connect()
    statement = await session.prepare("SELECT 1")
    await session.execute("DEALLOCATE ALL")
    await fails("26000", statement.fetchval())
    await shared.goes_on(session)


@case
async def changed_table():
    # The table of a statement in the driver's own cache has another form by now: it notices and prepares again.
    session, other = await connect(), await connect()
    name = await shared.table(session, "changed")
    await session.fetch(f"SELECT * FROM {name}")
    await other.execute(f"ALTER TABLE {name} ADD y int")
    same("rows", await session.fetch(f"SELECT * FROM {name}"), [])


@case
async def parameters_most():
    marks = ",".join(f"${n + 1}::int" for n in range(32767))
    same("count", await value(await connect(), f"SELECT cardinality(ARRAY[{marks}])", *[1] * 32767), 32767)


@case
async def copy_in():
    session = await connect()
    name = await shared.table(session, "copy_in", "x int, y text")
    same("tag", await session.copy_records_to_table(name, records=[(x, "y") for x in range(10000)]), "COPY 10000")


@case
async def copy_out():
    session, heard = await connect(), []

    async def hear(data):
        heard.append(data)

    await session.copy_from_query("SELECT generate_series(1, 10000)", output=hear)
    same("rows", len(b"".join(heard).split()), 10000)
    await shared.goes_on(session)


@case
async def copy_fail():
    session = await connect()
    name = await shared.table(session, "copy_fail")

    async def rows():
        yield b"1\nno number\n"

    await fails("22P02", session.copy_to_table(name, source=rows()))
    await shared.goes_on(session)


@case
async def cursor():
    session = await connect()
    async with session.transaction():
        walk = await session.cursor("SELECT generate_series(1, 1000)")
        same("rows", [len(await walk.fetch(400)) for _ in range(3)], [400, 400, 200])


async def batch(rows):
    session = await connect()
    name = await shared.table(session, "batch", "x int, y text")
    await session.executemany(f"INSERT INTO {name} VALUES ($1, $2)", [(x, "y" * 100) for x in range(rows)])
    same("rows", await value(session, f"SELECT count(*) FROM {name}"), rows)


CASES["batch"] = partial(batch, 20_000)
CASES["batch-100000"] = partial(batch, 100_000)


@case
async def notice():
    session, heard = await connect(), []
    session.add_log_listener(lambda _, told: heard.append((told.severity, told.message)))
    await session.execute("DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$")
    await asyncio.sleep(0.1)
    same("notices", heard, [("WARNING", "mind"), ("NOTICE", "look")])


@case
async def notify():
    session, other = await connect(), await connect()
    heard = asyncio.get_running_loop().create_future()
    await session.add_listener("drivers", lambda *told: heard.done() or heard.set_result(told[-1]))
    await other.execute("NOTIFY drivers, 'word'")
    await asyncio.wait([heard], timeout=3)
    if not heard.done():
        raise Seen("heard: nothing")
    same("heard", heard.result(), "word")


@case
async def pool():
    # Given back, a session is reset by DISCARD-like statements of the driver; then another asks by the same prepared statement.
    kept = await asyncpg.create_pool(host=HOST, user=USER, password=PASSWORD, database=DATABASE, ssl=TLS, min_size=2, max_size=4)
    keep(kept, lambda kept: kept.close())
    seen = await asyncio.gather(*(kept.fetchval("SELECT $1::int + 1", x) for x in range(200)))
    same("values", seen, list(range(1, 201)))


main()
