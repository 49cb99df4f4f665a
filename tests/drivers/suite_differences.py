#!/usr/bin/env python3
"""Tells which tests ended otherwise: suite_differences.py DIRECT POOLER, both as pytest's --junitxml writes them."""

import sys
import xml.etree.ElementTree


def outcomes(path):
    """What each test ended with, and the first line of why."""
    found = {}
    for test in xml.etree.ElementTree.parse(path).iter("testcase"):
        ended, why = "passed", ""
        for part in test:
            if part.tag in ("failure", "error", "skipped"):
                ended, why = part.tag, (part.get("message") or "").split("\n")[0][:150]
        found[f"{test.get('classname')}.{test.get('name')}"] = ended, why
    return found


def main(direct, pooler):
    """Prints a line for each, and how many there are."""
    direct, pooler = outcomes(direct), outcomes(pooler)
    differ = [name for name in direct if direct[name][0] != pooler.get(name, ("missing", ""))[0]]
    for name in differ:
        ended, why = pooler.get(name, ("missing", ""))
        print(f"{name}: {direct[name][0]} at the primary, {ended} through the pooler: {why or direct[name][1]}")
    print(f"psycopg's tests: {len(direct)}, of which {len(differ)} end otherwise through the pooler")


if __name__ == "__main__":
    main(*sys.argv[1:])
