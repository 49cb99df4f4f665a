"""What a major upgrade leaves on the volume of a member, and how it gets from one state to the next.

Every change is one rename on one file system, so that a kill at any point leaves a state that is known by what is there.
The old data is whole until the state says "done": pg_upgrade --link gives its files further names and takes the old
server's right to start by a rename of pg_control; both are undone here.
"""

import fcntl
import json
import os
import shutil
from pathlib import Path

DATA = Path("/data")
PGDATA = DATA / "pgdata"  # what Patroni runs
WORK = DATA / "upgrade"
NEW = WORK / "new"  # the new cluster until it takes the place of the old one
OLD = WORK / "old"  # the old data after that
STATE = WORK / "state.json"
GONE = DATA / "upgrade-gone"  # on its way out
MODE = 0o700

LINKED = "linked"  # pg_upgrade ended well; the old data can still be put back
DONE = "done"  # the new server may start: the point of no return
FAILED = "failed"  # the old data is back in its place


def lock():
    """Waits until no other upgrade works on this volume, and keeps others out for as long as this process lives."""
    fcntl.flock(os.open(DATA, os.O_RDONLY), fcntl.LOCK_EX)


def sync(folder):
    """Makes the renames in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path, value):
    """Replaces a JSON file as a whole; readers see the old text or the new one."""
    WORK.mkdir(mode=MODE, exist_ok=True)
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def read(path):
    """A JSON file, or an empty answer while there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def major(folder):
    """The major version of the data in a folder, or None when it holds no cluster."""
    try:
        return int((folder / "PG_VERSION").read_text(encoding="ascii"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def remove(folder):
    """Removes a folder of data: first its name, so that a removal that is cut is never taken for a cluster."""
    shutil.rmtree(GONE, ignore_errors=True)
    if folder.exists():
        folder.rename(GONE)
        shutil.rmtree(GONE)


def swap(new_major):
    """Puts the new data into the place of the old. Each half is one rename, and a second run goes on from the first."""
    if major(PGDATA) != new_major and PGDATA.exists():
        PGDATA.rename(OLD)
        sync(WORK)
    if not PGDATA.exists():
        NEW.rename(PGDATA)
    sync(DATA)
    sync(WORK)


def restore(old_major):
    """Puts the old data back into its place. Nothing happens where it is there already."""
    if major(OLD) == old_major:
        if PGDATA.exists():
            remove(PGDATA)
        OLD.rename(PGDATA)
        sync(DATA)
    control = PGDATA / "global" / "pg_control"
    disabled = control.with_name("pg_control.old")  # as pg_upgrade --link leaves it
    if disabled.exists() and major(PGDATA) == old_major:
        disabled.rename(control)
        sync(control.parent)
    remove(NEW)
    if read(STATE).get("stage") == LINKED:
        STATE.unlink()


def set_aside(need_bytes):
    """Makes room for a copy of the upgraded primary. The old data is kept where the volume has space for both: what was done."""
    if os.statvfs(DATA).f_bavail * os.statvfs(DATA).f_frsize < need_bytes:
        remove(PGDATA)
        return "removed, since the volume has no space for both"
    WORK.mkdir(mode=MODE, exist_ok=True)
    remove(OLD)
    PGDATA.rename(OLD)
    sync(DATA)
    return "kept aside"


def size(folder):
    """Bytes that the files of a folder take."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except FileNotFoundError:
                pass  # a server that runs removes files
    return total
