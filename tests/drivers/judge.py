#!/usr/bin/env python3
"""Compares what a program told with expected.tsv: judge.py KIND DRIVER SECONDS <TOLD. Prints a line for each promise that is broken, in
either direction, and one with the number of those that were kept. Fails when one is broken."""

import fnmatch
import pathlib
import sys

DRIVERS = {"psycopg", "asyncpg", "pgjdbc", "pgx", "node-postgres", "tokio-postgres"}
KINDS = {"pgpool", "pgbouncer", "primary"}


def table(lines):
    """Rows (drivers, case, kinds, expected) of the table."""
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 5:
            raise ValueError(f"line {number} has {len(fields)} fields, not 5")
        drivers, case, kinds, expected, why = fields
        drivers = DRIVERS if drivers == "all" else set(drivers.split(","))
        kinds = KINDS if kinds == "any" else set(kinds.split(","))
        if drivers - DRIVERS or kinds - KINDS:
            raise ValueError(f"line {number} names {sorted((drivers - DRIVERS) | (kinds - KINDS))}")
        if expected != "ok" and not why:
            raise ValueError(f"line {number} has a difference without a reason")
        yield drivers, case, kinds, expected


def wanted(rows, kind, driver):
    """What is expected of each case that the driver has: one with a row for any kind. The first row that names it decides."""
    found, has = {}, set()
    for drivers, case, kinds, expected in rows:
        if driver in drivers and kind in kinds:
            found.setdefault(case, expected)
            if kinds == KINDS:
                has.add(case)
    return {case: expected for case, expected in found.items() if case in has}


def broken(expected, told):
    """Broken promises, as (case, expected, seen)."""
    for case, pattern in expected.items():
        seen = told.get(case, "nothing: the program ended before")
        if not (pattern == "either" and case in told or fnmatch.fnmatchcase(seen, pattern)):
            yield case, pattern, seen
    for case in told.keys() - expected.keys():
        yield case, "no such case in expected.tsv", told[case]


def main(kind, driver, seconds):
    """Judges one program."""
    with open(pathlib.Path(__file__).with_name("expected.tsv"), encoding="utf-8") as lines:
        expected = wanted(table(lines), kind, driver)
    told = dict(line.rstrip("\n").split("\t", 1) for line in sys.stdin if "\t" in line)
    faults = list(broken(expected, told))
    for case, pattern, seen in faults:
        print(f"FAIL  {driver} {case} by {kind}: expected {pattern}; saw {seen}")
    print(f"ok    {seconds:>4}s  {driver} by {kind}, cases as expected: {len(expected) - len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
