"""A volume that is a clone of a backup: its data is put aside before Patroni starts, and taken up when Patroni asks for it. In place of
a clone there may be a copy in the archive, which is fetched by the member that is asked to be the first.

Patroni takes a data folder that is there for its own, with the passwords, slots and configuration of the source. So the
folder is moved away once, cleaned, and moved back by the ways that Patroni has for new members: a custom bootstrap in the
first one, a replica method in the others. Every step is one rename, or can be done again; what was done stands in a file on
the volume, so that a kill at any point goes on from there.
"""

import json
import os
import shutil
from pathlib import Path

MODE = 0o700
BEGUN = "begun"  # this volume was not looked at for this restore before, or that was cut
FETCH = "fetch"  # the volume is empty, and who is asked to be the first fetches the copy
ASIDE = "aside"  # the clone waits to be taken up
TAKEN = "taken"  # Patroni has asked for it; whether its server ran is not known yet
SETTLED = "settled"  # the volume is a member's own from now on
BOOTSTRAP = "bootstrap"
REPLICA = "replica"

# What of the source must not live on in a clone. Slots would keep WAL for members that are not there; the source archives
# its own WAL; what somebody set by ALTER SYSTEM would win over every setting of the new cluster.
STRANGE_FILES = (
    "postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal", "promote", "patroni.dynamic.json",
    "postgresql.auto.conf",
)
STRANGE_CONTENTS = ("pg_replslot", "pg_wal/archive_status")
STRANGE_FOLDERS = ("upgrade", "upgrade-gone", "pgdata.failed")


class Volume:
    """The volume of this member."""

    def __init__(self, root="/data"):
        self.root = Path(root)
        self.pgdata = self.root / "pgdata"
        self.work = self.root / "restore"
        self.aside = self.work / "clone"
        self.fetched = self.work / "fetch"  # what is fetched, until it is whole
        self.state = self.work / "state.json"
        self.failed = self.root / "pgdata.failed"  # where Patroni puts what did not start (move_data_directory)

    def read(self):
        """What was done, or nothing."""
        try:
            return json.loads(self.state.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def write(self, **state):
        """Replaces the file as a whole: it is the old text or the new one."""
        self.work.mkdir(mode=MODE, exist_ok=True)
        part = self.state.with_suffix(".part")
        with open(part, "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.state)
        sync(self.work)

    def move(self, source, target):
        """One rename that lasts."""
        source.rename(target)
        sync(source.parent)
        sync(target.parent)

    def put_aside(self):
        """Moves the data away and cleans it. False where there is none: the volume is empty."""
        if holds_data(self.pgdata):
            remove(self.aside)  # of the source, which was restored itself
            self.move(self.pgdata, self.aside)
        if not holds_data(self.aside):
            return False
        clean(self.aside)
        for name in STRANGE_FOLDERS:
            remove(self.root / name)
        return True

    def fetch(self, fetch):
        """Has a copy fetched, and moves it to where a clone would wait. One that was cut goes on where pgBackRest can tell what is there,
        and begins anew where it can't."""
        if holds_data(self.aside):
            return  # cut just after the move
        if not any((self.fetched / name).exists() for name in ("backup.manifest", "PG_VERSION")):
            remove(self.fetched)
        self.fetched.mkdir(mode=MODE, exist_ok=True)
        fetch(self.fetched)
        clean(self.fetched)
        self.move(self.fetched, self.aside)

    def fetch_over(self):
        """Moves data that a server has run on to where the next fetch goes over it and puts right what differs."""
        found = next((folder for folder in (self.pgdata, self.failed) if holds_data(folder)), None)
        if found is not None:
            clean(found)
            remove(self.fetched)
            self.move(found, self.fetched)

    def ran(self):
        """True when a server has run on the clone."""
        return any(has_run(folder) for folder in (self.pgdata, self.failed, self.aside))

    def put_back(self):
        """Moves data that was taken up for nothing to where it waits. False where none is left."""
        found = next((folder for folder in (self.pgdata, self.failed) if holds_data(folder)), None)
        if found is not None:
            remove(self.aside)
            self.move(found, self.aside)
        if not holds_data(self.aside):
            return False
        clean(self.aside)
        return True

    def sweep(self):
        """Ends removals that were cut."""
        for left in [*self.root.glob("*.gone"), *self.work.glob("*.gone")]:
            shutil.rmtree(left, ignore_errors=True)

    def take_up(self):
        """Moves the clone to where Patroni looks for it."""
        remove(self.pgdata)  # an empty folder at most: Patroni asks only then
        self.move(self.aside, self.pgdata)

    def drop(self):
        """Removes all data that can't be used any more."""
        for folder in (self.aside, self.fetched, self.pgdata, self.failed):
            remove(folder)


def prepare(volume, key, group, me, copy=False):
    """Before Patroni starts. `group` tells what Patroni's state is, `me` is this member; `copy`: there are no clones, and the first member
    fetches a copy. Returns what was done, in words."""
    volume.sweep()
    state = volume.read()
    if state.get("key") != key:
        state = {"key": key, "stage": BEGUN}
        volume.write(**state)
    if state["stage"] == BEGUN and copy:
        there = holds_data(volume.pgdata)
        volume.write(key=key, stage=SETTLED if there else FETCH)
        return "the volume has data, which stays" if there else "the copy is fetched if Patroni asks this member to be the first"
    if state["stage"] == BEGUN:
        there = volume.put_aside()
        volume.write(key=key, stage=ASIDE if there else SETTLED)
        return "the clone is put aside until Patroni asks for it" if there else "the volume is empty"
    if state["stage"] == FETCH and state.get("asked"):
        # It was killed as it fetched. Patroni alone would wait for the end of that bootstrap forever.
        if group.identity() is None and group.first() == me:
            group.free()
        return "the copy is fetched further when Patroni asks again"
    if state["stage"] != TAKEN:
        return "nothing is to be done"
    if state["role"] == REPLICA:
        return again_as_replica(volume, key)
    return again_as_first(volume, key, group, me, state.get("ran", False), copy)


def again_as_replica(volume, key):
    """The container ended after the clone was taken up to follow the primary."""
    if volume.ran():
        volume.write(key=key, stage=SETTLED)
        return "the member has run on its clone"
    there = volume.put_back()
    volume.write(key=key, stage=ASIDE if there else SETTLED)
    return "the clone waits again" if there else "the clone is gone: a copy of the primary takes its place"


def again_as_first(volume, key, group, me, ran, copy):
    """The container ended after the clone was taken up to be the first member. Only the end of the bootstrap gives roles their
    new passwords, and Patroni writes the group's identity just after that."""
    ended = group.identity() is not None
    if ended and group.first() == me:
        volume.write(key=key, stage=SETTLED)
        return "this member was the first"
    if volume.ran() and not ran:
        ran = True  # written down first: putting the data back removes the sign of it
        volume.write(key=key, stage=TAKEN, role=BOOTSTRAP, ran=ran)
    if ended and ran:
        # It may have begun a timeline of its own, with the number of the one that the first member is on.
        volume.drop()
        volume.write(key=key, stage=SETTLED)
        return "another member was the first; what this one had begun is removed"
    if copy and ran:
        # Its server may have come to its target and gone on from there, and never comes to it again ("recovery ended before
        # configured recovery target was reached", seen).
        volume.fetch_over()
        volume.write(key=key, stage=FETCH)
        group.free()
        return "the copy is fetched again over what a server has changed"
    there = volume.put_back()
    volume.write(key=key, stage=ASIDE if there else SETTLED, ran=ran)
    if not ended:
        group.free()
    return "the clone waits again" if there else "the clone is gone: a copy of the primary takes its place"


def take(volume, key, role, group, me, fetch=None):
    """When Patroni asks. `fetch` fills a folder with the copy, where there is one in place of clones. Returns None, or why there is
    nothing to take."""
    state = volume.read()
    if state.get("key") == key and state.get("stage") == FETCH:
        if role == REPLICA:
            volume.drop()  # what was fetched before another member was the first
            volume.write(key=key, stage=SETTLED)
            return "the first member has fetched the copy, and this one copies that member"
        group.claim(me)
        volume.write(key=key, stage=FETCH, asked=True)
        try:
            volume.fetch(fetch)
        except OSError as error:
            # Patroni gives the role back after this, and any member may have it next.
            volume.write(key=key, stage=FETCH)
            return f"failed to fetch the copy: {error}"
        volume.write(key=key, stage=ASIDE)
        state = volume.read()
    if state.get("key") != key or state.get("stage") != ASIDE or not holds_data(volume.aside):
        return "this volume has no clone that waits"
    ran = state.get("ran", False)
    if role == REPLICA and (ran or fetch):
        volume.drop()  # a copy of the primary needs the room
        volume.write(key=key, stage=SETTLED)
        if fetch:
            return "the first member has no WAL from the time of the copy, so this one copies that member"
        return "a server has run on this clone by itself, so it can't follow"
    if role == BOOTSTRAP:
        group.claim(me)
    volume.write(key=key, stage=TAKEN, role=role, ran=ran)
    volume.take_up()
    return None


def leave(volume):
    """No restore goes on: what it left goes, where the data in place is whole. What was restored stays written down for good, so that the
    same order, should it ever come again, finds data in service and no clone."""
    volume.sweep()
    if volume.work.exists() and (volume.pgdata / "global" / "pg_control").exists():
        remove(volume.aside)
        remove(volume.fetched)
        state = volume.read()
        if state.get("key") and state.get("stage") != SETTLED:
            volume.write(key=state["key"], stage=SETTLED)


def holds_data(folder):
    return (folder / "PG_VERSION").exists()


def has_run(folder):
    """A server that starts writes this file before it touches anything else; `clean` has removed that of the source."""
    return (folder / "postmaster.opts").exists()


def clean(folder):
    """Removes what must not live on; a second run finishes what the first began."""
    for name in STRANGE_CONTENTS:
        for entry in (folder / name).glob("*"):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for name in STRANGE_FILES:
        (folder / name).unlink(missing_ok=True)
    sync(folder)


def remove(folder):
    """Removes a folder: first its name, so that a removal that is cut is never taken for data."""
    gone = folder.with_name(f"{folder.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    if folder.exists():
        folder.rename(gone)
        shutil.rmtree(gone)


def sync(folder):
    """Makes the renames in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
