"""Tells in a word on the pod how full the member's volume is.

The operator can't look into a volume, and when it is full Postgres answers nobody. So the member itself writes the
annotation `stylobate.dev/disk`, only when the word changes: filling (85 % used), almost-full (95 %), full (less than one
WAL segment free: Postgres stops there). No annotation means that there is room. src/status/storage.rs makes a condition
of it.
"""

import http.client
import os
import sys
import time

from member_pod import AGAIN_SECONDS, publish

VOLUME = "/data"
ANNOTATION = "stylobate.dev/disk"
LEVELS = ((85, "filling"), (95, "almost-full"))  # percent used
FULL_BYTES = 16 << 20  # one WAL segment: the server stops when it can't make the next one
BACK_PERCENT = 2  # a word is taken back only this far below its level, or it would change with each checkpoint
ROUND_SECONDS = 1.0  # statvfs costs microseconds


def word_for(used_percent, free_bytes, before):
    """The word for a volume, which clings to the word before."""

    def level(used, free):
        if free < FULL_BYTES:
            return len(LEVELS) + 1
        return sum(used >= limit for limit, _ in LEVELS)

    words = [None, *(word for _, word in LEVELS), "full"]
    now = level(used_percent, free_bytes)
    clinging = level(used_percent + BACK_PERCENT, free_bytes - FULL_BYTES)
    return words[max(now, min(clinging, words.index(before)))]


def look(before):
    volume = os.statvfs(VOLUME)
    used = 100 * (1 - volume.f_bavail / max(volume.f_blocks, 1))
    return word_for(used, volume.f_bavail * volume.f_frsize, before)


def watch(on_room):
    """Never ends. `on_room` is called when a full volume has room again: Postgres can start now."""
    # What an earlier run of the container wrote is not known, so the first word is always written.
    word, written = None, object()
    while True:
        before, word = word, look(word)
        if before == "full" and word != "full":
            on_room()
        if word != written:
            try:
                publish(ANNOTATION, word)
                written = word
                if word or before:
                    print(f"member-disk: the volume is {word or 'no longer filling'}", file=sys.stderr, flush=True)
            except (OSError, http.client.HTTPException) as error:
                print(f"member-disk: failed to tell how full the volume is: {error}; it is tried again", file=sys.stderr, flush=True)
                time.sleep(AGAIN_SECONDS)
        time.sleep(ROUND_SECONDS)
