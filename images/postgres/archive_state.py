#!/usr/bin/python3
"""What a cluster's part of an archive is to this member: archive_state.py STANZA DATA.

Prints a word: `none` (nobody has made it yet), `ours`, `older` (of this cluster before a major upgrade), `other ID` (another cluster writes it:
a server with that system identifier), `key` (it can't be read with this passphrase), `unread CODE` (pgBackRest's code: it was not reached, or
lets nobody in). pgBackRest reads archive.info before it pushes or fetches anything, and says of any trouble with it that there is no valid
repository (103); so the file is asked for alone, and the code and what is in it tell. Nothing is told by the words of a message.
"""

import os
import re
import struct
import subprocess
import sys

CONFIG = "/etc/stylobate/archive/pgbackrest.conf"
ANSWER_SECONDS = 5  # of the archive, as for a push
SECONDS = 20  # for all of it: a server that stops waits for this
MISSING, CRYPTO = 55, 95  # pgBackRest's codes: FileMissingError, CryptoError
FAILED = 98  # of our own: pgBackRest gave no answer in time
KNOWN = re.compile(r"^db-system-id=([0-9]+)$.*^db-version=\"?([0-9]+)[0-9.]*\"?$", re.MULTILINE | re.DOTALL)
PAST = re.compile(r"^[0-9]+=\{.*\"db-id\":([0-9]+),.*\"db-version\":\"([0-9]+)[0-9.]*\".*\}$", re.MULTILINE)


def ask(config, stanza, *arguments):
    """Code and output of pgBackRest."""
    options = [f"--config={config}", f"--stanza={stanza}", f"--io-timeout={ANSWER_SECONDS}", "--log-level-stderr=error"]
    try:
        done = subprocess.run(
            ["pgbackrest", *options, *arguments], check=False, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
            errors="replace", timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return FAILED, ""
    return done.returncode, done.stdout


def state(config, stanza):
    """A word, and where archive.info can be read who writes the archive now and who wrote it ever: system identifier and major of each."""
    code, text = ask(config, stanza, "repo-get", f"archive/{stanza}/archive.info")
    known = KNOWN.search(text) if code == 0 else None
    if known:
        return "there", (known[1], int(known[2])), {(one, int(major)) for one, major in PAST.findall(text)}
    if code == MISSING:
        return "none", None, set()
    if code not in (0, CRYPTO):
        return f"unread {code}", None, set()
    # A certificate that nobody trusts has the same code as a text that can't be decrypted. A list needs no passphrase.
    code, names = ask(config, stanza, "repo-ls", f"archive/{stanza}")
    if code != 0:
        return f"unread {code}", None, set()
    return ("key" if "archive.info" in names.split() else "none"), None, set()


def own(data):
    """System identifier and major of the server whose data folder this is. The identifier is the first field of pg_control, in every major."""
    with open(os.path.join(data, "global", "pg_control"), "rb") as file:
        identifier = struct.unpack("=Q", file.read(8))[0]
    with open(os.path.join(data, "PG_VERSION"), encoding="ascii") as file:
        return str(identifier), int(file.read().strip().split(".")[0])


def word(config, stanza, data):
    """All of it in a word."""
    found, writer, past = state(config, stanza)
    if found != "there":
        return found
    mine = own(data)
    if writer[0] == mine[0]:
        return "ours"
    # pg_upgrade gives the data another identifier and a later major; it may have been taken back since. Of the same major it is somebody
    # else's: two servers that archive to one place would each take it from the other.
    if writer[1] < mine[1] or writer[1] != mine[1] and mine in past:
        return "older"
    return f"other {writer[0]}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: archive_state.py STANZA DATA")
    print(word(CONFIG, sys.argv[1], sys.argv[2]))
