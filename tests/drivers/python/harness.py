"""What the programs in Python share: cases by name, each with sessions of its own and a time limit."""

import asyncio
import os
import sys

HOST, CA = os.environ["PGHOST"], os.environ["PGSSLROOTCERT"]
USER, PASSWORD, DATABASE = os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGDATABASE"]
# Users whose passwords SASLprep changes; the passwords stand in PASSWORD_NBSP and so on.
ODD = ["nbsp", "nfd", "ligature", "soft"]
# Seconds; the longest case takes 10.
LIMIT = 45
MIB = 1 << 20
CASES = {}
_opened = []


class Seen(Exception):
    """What was seen in place of what was expected."""


def case(function):
    """Adds a case under its function's name."""
    CASES[function.__name__.replace("_", "-")] = function
    return function


def keep(session, close):
    """Has a session of the case closed at its end."""
    _opened.append((session, close))
    return session


def same(what, seen, wanted):
    """Two values are the same."""
    if seen != wanted:
        raise Seen(f"{what}: {seen!r}, not {wanted!r}")


async def fails(code, awaited):
    """A statement fails with this SQLSTATE."""
    try:
        await awaited
    except Exception as error:
        if getattr(error, "sqlstate", None) != code:
            raise
    else:
        raise Seen(f"no error, not {code}")


def told(error):
    """An error in one line: its SQLSTATE where it has one, and what it says."""
    words = " ".join(str(error).split())[:200]
    if isinstance(error, Seen):
        return words
    return f"{getattr(error, 'sqlstate', None) or type(error).__name__} {words}"


async def _close():
    for session, close in _opened:
        try:
            await asyncio.wait_for(close(session), 2)
        except Exception:
            pass  # the case may have ended it
    _opened.clear()


async def _run(wanted):
    for name, function in CASES.items():
        if wanted and name not in wanted:
            continue
        try:
            await asyncio.wait_for(function(), LIMIT)
            seen = "ok"
        except asyncio.TimeoutError:
            seen = f"no answer in {LIMIT} s"
        except Exception as error:
            seen = told(error)
        print(name, seen, sep="\t", flush=True)
        await _close()


def main():
    """Runs the cases that are named, or all."""
    asyncio.run(_run(sys.argv[1:]))
    os._exit(0)
