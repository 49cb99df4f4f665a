"""Tells on the pod why the member's Postgres does not start.

`postgres-words` keeps the line in which the server says so; here it is put into the annotation `stylobate.dev/fault` of
the member's own pod, and taken off once the server runs. src/status/conditions.rs shows it to people.
"""

import http.client
import sys
import time

from member_pod import AGAIN_SECONDS, publish

FILE = "/tmp/postgres-fault"
ANNOTATION = "stylobate.dev/fault"
MOST_LETTERS = 500  # one line of a condition; the operator cuts it there as well
ROUND_SECONDS = 1.0  # one open() of a file that mostly is not there


def words(path=FILE):
    """The line, or None while there is none. It may hold what somebody wrote into a setting: what is no text is replaced."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(4 * MOST_LETTERS).strip()[:MOST_LETTERS] or None
    except OSError:
        return None


def watch():
    """Never ends."""
    # What an earlier run of the container wrote is not known, so the first word is always written.
    written = object()
    while True:
        now = words()
        if now != written:
            try:
                publish(ANNOTATION, now)
                written = now
            except (OSError, http.client.HTTPException) as error:
                print(f"member-fault: failed to tell why Postgres does not start: {error}; it is tried again", file=sys.stderr, flush=True)
                time.sleep(AGAIN_SECONDS)
        time.sleep(ROUND_SECONDS)
