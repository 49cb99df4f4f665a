"""Clones of backups, on a folder in place of a volume: python3 -m unittest discover images/postgres -p '*_test.py'.

A kill is an exception in a rename, a removal or a write: what is on the disk then is what the next start finds.
"""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).parent / "restore"), str(Path(__file__).parent)]

import clone  # noqa: E402
import copy_in  # noqa: E402
import source  # noqa: E402


class Killed(BaseException):
    """Not an Exception, so that no handler in the code takes it."""


class State:
    """Patroni's state of the group."""

    def __init__(self):
        self.sysid, self.member, self.freed = None, None, 0

    def identity(self):
        return self.sysid

    def first(self):
        return self.member

    def claim(self, member):
        self.member = member

    def free(self):
        self.freed += 1


class Clones(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.volume = clone.Volume(folder.name)
        self.group = State()

    def source(self):
        """The volume as the snapshot has it: of a primary that was restored itself once."""
        pgdata = self.volume.pgdata
        (pgdata / "pg_replslot" / "books_1").mkdir(parents=True)
        (pgdata / "pg_replslot" / "books_1" / "state").write_text("slot")
        (pgdata / "pg_wal" / "archive_status").mkdir(parents=True)
        (pgdata / "pg_wal" / "archive_status" / "000000010000000000000001.ready").write_text("")
        (pgdata / "pg_wal" / "000000010000000000000001").write_text("wal")
        (pgdata / "global").mkdir()
        (pgdata / "global" / "pg_control").write_text("control")
        (pgdata / "PG_VERSION").write_text("17\n")
        for name in clone.STRANGE_FILES:
            (pgdata / name).write_text("of the source")
        (self.volume.root / "upgrade" / "old").mkdir(parents=True)
        self.volume.write(key="earlier", stage=clone.SETTLED)

    def prepare(self, me="c-0"):
        return clone.prepare(self.volume, "now", self.group, me)

    def take(self, role, me="c-0"):
        return clone.take(self.volume, "now", role, self.group, me)

    def runs(self):
        (self.volume.pgdata / "postmaster.opts").write_text("postgres")

    def files(self, folder):
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    WHOLE = ["PG_VERSION", "global/pg_control", "pg_wal/000000010000000000000001"]

    def test_a_clone_is_put_aside_once_and_loses_what_was_the_source_s(self):
        self.source()
        self.prepare()
        self.assertFalse(self.volume.pgdata.exists())
        self.assertEqual(self.files(self.volume.aside), self.WHOLE)
        self.assertFalse((self.volume.root / "upgrade").exists())
        self.assertIn("nothing", self.prepare())

    def test_an_empty_volume_has_nothing_to_take_up(self):
        self.assertIn("empty", self.prepare())
        self.assertIsNotNone(self.take(clone.REPLICA))
        self.assertIsNotNone(self.take(clone.BOOTSTRAP))

    def test_data_that_the_member_made_itself_is_never_put_aside(self):
        self.prepare()
        self.volume.pgdata.mkdir()
        (self.volume.pgdata / "PG_VERSION").write_text("17\n")
        self.prepare()
        self.assertTrue(self.volume.pgdata.exists())

    def test_a_member_that_ran_on_its_clone_keeps_it(self):
        for role in (clone.REPLICA, clone.BOOTSTRAP):
            with self.subTest(role):
                self.setUp()
                self.source()
                self.prepare()
                self.assertIsNone(self.take(role))
                self.runs()
                self.group.sysid = "7560000000000000000"
                self.prepare()
                self.assertTrue((self.volume.pgdata / "PG_VERSION").exists())
                self.assertEqual(self.volume.read()["stage"], clone.SETTLED)
                self.assertIsNotNone(self.take(clone.REPLICA), "it is taken up once")

    def test_a_replica_that_never_ran_takes_its_clone_again(self):
        self.source()
        self.prepare()
        self.take(clone.REPLICA)
        self.prepare()
        self.assertFalse(self.volume.pgdata.exists())
        self.assertIsNone(self.take(clone.REPLICA))

    def test_a_bootstrap_that_was_cut_begins_anew_also_where_patroni_moved_the_data(self):
        for moved in (False, True):
            with self.subTest(moved=moved):
                self.setUp()
                self.source()
                self.prepare()
                self.take(clone.BOOTSTRAP)
                self.runs()
                if moved:
                    self.volume.pgdata.rename(self.volume.failed)
                self.prepare()
                self.assertEqual(self.group.freed, 1, "nobody else would begin a bootstrap")
                self.assertEqual(self.files(self.volume.aside), self.WHOLE)
                self.assertIsNone(self.take(clone.BOOTSTRAP))

    def test_a_clone_that_a_server_ran_on_by_itself_never_follows_another_member(self):
        self.source()
        self.prepare()
        self.take(clone.BOOTSTRAP)
        self.runs()
        self.prepare()
        self.group.sysid, self.group.member = "7560000000000000000", "c-1"
        self.assertIsNotNone(self.take(clone.REPLICA))
        self.assertEqual(self.files(self.volume.root), ["restore/state.json"], "a copy needs the room")

    def test_who_lost_the_race_after_its_server_ran_gives_its_data_up(self):
        self.source()
        self.prepare()
        self.take(clone.BOOTSTRAP)
        self.runs()
        self.group.sysid, self.group.member = "7560000000000000000", "c-1"
        self.assertIn("another member", self.prepare())
        self.assertEqual(self.files(self.volume.root), ["restore/state.json"])

    def test_who_lost_the_race_before_its_server_ran_follows_on_its_clone(self):
        self.source()
        self.prepare()
        self.take(clone.BOOTSTRAP)
        self.group.sysid, self.group.member = "7560000000000000000", "c-1"
        self.prepare()
        self.assertIsNone(self.take(clone.REPLICA))

    def test_without_a_restore_only_what_it_left_beside_whole_data_goes(self):
        self.source()
        self.prepare()
        clone.leave(self.volume)
        self.assertTrue(self.volume.aside.exists(), "the only data on the volume stays")
        self.take(clone.REPLICA)
        clone.leave(self.volume)
        self.assertFalse(self.volume.aside.exists())
        self.assertTrue(self.volume.pgdata.exists())

    def test_the_same_order_once_more_finds_data_in_service_and_no_clone(self):
        self.source()
        self.prepare()
        self.take(clone.BOOTSTRAP)
        clone.leave(self.volume)
        clone.leave(self.volume)
        (self.volume.pgdata / "written-since").write_text("acknowledged", encoding="utf-8")
        self.prepare()
        self.assertTrue((self.volume.pgdata / "written-since").exists(), "it stays where it is")
        self.assertFalse(self.volume.aside.exists())

    def killed_at(self, step, work):
        """Runs work and kills it at the step that counts from 0; True when it came so far."""
        count = 0

        def patched(real):
            def call(*args, **kwargs):
                nonlocal count
                count += 1
                if count > step:
                    raise Killed
                return real(*args, **kwargs)

            return call

        with (
            mock.patch.object(clone.Path, "rename", patched(Path.rename)),
            mock.patch.object(clone.Path, "replace", patched(Path.replace)),
            mock.patch.object(clone.Path, "unlink", patched(Path.unlink)),
            mock.patch.object(clone.shutil, "rmtree", patched(clone.shutil.rmtree)),
        ):
            try:
                work()
            except Killed:
                return True
        return False

    def test_a_kill_at_any_step_of_putting_aside_and_taking_up_loses_nothing(self):
        for role in (clone.REPLICA, clone.BOOTSTRAP):
            cuts = 0
            while True:
                self.setUp()
                self.source()

                def life():
                    self.prepare()
                    self.assertIsNone(self.take(role))

                cut = self.killed_at(cuts, life)
                if not cut:
                    break
                cuts += 1
                self.prepare()
                self.assertIsNone(self.take(role), f"{role}, cut {cuts}")
                self.assertEqual(self.files(self.volume.pgdata), self.WHOLE, f"{role}, cut {cuts}")
            self.assertGreater(cuts, 10)

    def test_a_kill_while_a_bootstrap_is_taken_back_keeps_in_mind_that_its_server_ran(self):
        cuts = 0
        while True:
            self.setUp()
            self.source()
            self.prepare()
            self.take(clone.BOOTSTRAP)
            self.runs()
            if not self.killed_at(cuts, self.prepare):
                break
            cuts += 1
            self.prepare()
            self.group.sysid, self.group.member = "7560000000000000000", "c-1"
            self.assertIsNotNone(self.take(clone.REPLICA), f"cut {cuts}")
        self.assertGreater(cuts, 3)


class Copies(Clones):
    """The first member fetches a copy in place of a clone, whole or not at all."""

    FILES = {"PG_VERSION": "17\n", "backup_label": "START WAL LOCATION", "global/pg_control": "control", "recovery.signal": ""}
    WHOLE = ["PG_VERSION", "backup_label", "global/pg_control"]

    def source(self):
        """An empty volume; the copy is in the archive."""

    def prepare(self, me="c-0"):
        return clone.prepare(self.volume, "now", self.group, me, copy=True)

    def take(self, role, me="c-0"):
        return clone.take(self.volume, "now", role, self.group, me, self.fetch)

    def fetch(self, folder):
        """As pgBackRest does: the manifest first and PG_VERSION somewhere; without either it takes an empty folder alone."""
        there = {path.name for path in folder.iterdir()}
        assert not there or there & {"backup.manifest", "PG_VERSION"}, f"{there} is in the way"
        (folder / "backup.manifest.part").write_text("manifest")
        (folder / "backup.manifest.part").rename(folder / "backup.manifest")
        for name, text in self.FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / "part").write_text(text)
            (folder / "part").replace(folder / name)
        (folder / "backup.manifest").unlink()

    def test_who_is_asked_to_be_the_first_fetches_the_copy_and_its_label_stays(self):
        self.prepare()
        self.assertIsNone(self.take(clone.BOOTSTRAP))
        self.assertEqual(self.files(self.volume.pgdata), self.WHOLE)
        self.assertEqual(self.group.member, "c-0")

    def test_who_is_asked_to_follow_fetches_nothing(self):
        self.prepare()
        self.assertIn("copies that member", self.take(clone.REPLICA))
        self.assertEqual(self.files(self.volume.root), ["restore/state.json"])
        self.assertIn("nothing", self.prepare())

    def test_a_fetch_that_was_killed_goes_on_and_frees_the_role_and_one_that_failed_does_not(self):
        self.prepare()
        with self.assertRaises(Killed), mock.patch.object(self, "fetch", side_effect=Killed):
            self.take(clone.BOOTSTRAP)
        self.group.member = "c-1"
        self.prepare()
        self.assertEqual(self.group.freed, 0, "another member fetches by now")
        self.group.member = "c-0"
        self.prepare()
        self.assertEqual(self.group.freed, 1)
        with mock.patch.object(self, "fetch", side_effect=OSError("no route")):
            self.assertEqual(self.take(clone.BOOTSTRAP), "failed to fetch the copy: no route")
        self.prepare()
        self.assertEqual(self.group.freed, 1, "Patroni has given it back itself")
        self.assertIsNone(self.take(clone.BOOTSTRAP))

    def test_what_was_fetched_before_another_was_the_first_goes(self):
        self.prepare()

        def part(folder):
            (folder / "PG_VERSION").write_text("17\n")
            raise Killed

        with self.assertRaises(Killed), mock.patch.object(self, "fetch", part):
            self.take(clone.BOOTSTRAP)
        self.prepare()
        self.assertIsNotNone(self.take(clone.REPLICA))
        self.assertEqual(self.files(self.volume.root), ["restore/state.json"], "a copy of the primary needs the room")

    def test_what_a_server_has_run_on_is_put_right_by_another_fetch(self):
        for moved in (False, True):
            with self.subTest(moved=moved):
                self.setUp()
                self.prepare()
                self.take(clone.BOOTSTRAP)
                self.runs()
                (self.volume.pgdata / "backup_label").rename(self.volume.pgdata / "backup_label.old")
                (self.volume.pgdata / "postmaster.pid").write_text("7")
                if moved:
                    self.volume.pgdata.rename(self.volume.failed)
                self.prepare()
                self.assertEqual(self.group.freed, 1, "nobody else would begin a bootstrap")
                self.assertFalse((self.volume.fetched / "postmaster.pid").exists(), "pgBackRest would not touch it")
                self.assertIsNone(self.take(clone.BOOTSTRAP))
                self.assertIn("backup_label", self.files(self.volume.pgdata))

    def test_a_copy_that_never_ran_is_taken_again_but_never_to_follow(self):
        for role in (clone.BOOTSTRAP, clone.REPLICA):
            with self.subTest(role):
                self.setUp()
                self.prepare()
                self.take(clone.BOOTSTRAP)
                self.prepare()
                with mock.patch.object(self, "fetch", side_effect=AssertionError("it is whole")):
                    why = self.take(role)
                self.assertEqual(why is None, role == clone.BOOTSTRAP)
                if role == clone.REPLICA:
                    self.assertEqual(self.files(self.volume.root), ["restore/state.json"])

    def test_a_kill_while_what_a_server_ran_on_is_given_back_loses_nothing(self):
        cuts = 0
        while True:
            self.setUp()
            self.prepare()
            self.take(clone.BOOTSTRAP)
            self.runs()
            if not self.killed_at(cuts, self.prepare):
                break
            cuts += 1
            self.prepare()
            self.assertIsNone(self.take(clone.BOOTSTRAP), f"cut {cuts}")
            self.assertEqual(self.files(self.volume.pgdata), self.WHOLE, f"cut {cuts}")
        self.assertGreater(cuts, 3)

    def test_a_kill_at_any_step_of_fetching_loses_nothing(self):
        cuts = 0
        while True:
            self.setUp()

            def life():
                self.prepare()
                self.assertIsNone(self.take(clone.BOOTSTRAP))

            if not self.killed_at(cuts, life):
                break
            cuts += 1
            self.prepare()
            self.assertIsNone(self.take(clone.BOOTSTRAP), f"cut {cuts}")
            self.assertEqual(self.files(self.volume.pgdata), self.WHOLE, f"cut {cuts}")
        self.assertGreater(cuts, 10)

    # What speaks of clones alone.
    test_a_clone_is_put_aside_once_and_loses_what_was_the_source_s = None
    test_an_empty_volume_has_nothing_to_take_up = None
    test_a_replica_that_never_ran_takes_its_clone_again = None
    test_a_member_that_ran_on_its_clone_keeps_it = None
    test_a_bootstrap_that_was_cut_begins_anew_also_where_patroni_moved_the_data = None
    test_who_lost_the_race_before_its_server_ran_follows_on_its_clone = None
    test_without_a_restore_only_what_it_left_beside_whole_data_goes = None
    test_a_kill_at_any_step_of_putting_aside_and_taking_up_loses_nothing = None


class Opening(unittest.TestCase):
    """The archive of a restore, with a table of what it answers."""

    def opens(self, *words, config="[global]\n[shop-c-1]\n"):
        """What is said at the end, and what was told on the pod; a word that is not there ends the test."""
        words, told = list(words), []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "conf"
            if config:
                path.write_text(config)
            with (
                mock.patch.object(copy_in, "CONFIG", str(path)),
                mock.patch.object(source.archive_state, "state", lambda _, part: (words.pop(0) if part == "shop-c-1" else part, None, None)),
                mock.patch.object(source, "tell", lambda word, _: told.append(word) or True),
                mock.patch.object(source.time, "sleep"),
            ):
                return source.opened(print), told

    def test_an_archive_that_opens_is_told_of_only_where_something_was_told_before(self):
        self.assertEqual(self.opens("there"), (None, []))
        self.assertEqual(self.opens(config=None), (None, []), "nothing is read from one")

    def test_a_wrong_passphrase_is_told_at_once_and_another_one_is_taken(self):
        self.assertEqual(self.opens("key", "key", "there"), (None, ["key", None]))
        self.assertEqual(self.opens(*["key"] * source.TRIES), ("key", ["key"]))

    def test_an_archive_that_does_not_answer_for_a_moment_is_no_news(self):
        self.assertEqual(self.opens("unread 49", "unread 49", "there"), (None, []))
        self.assertEqual(self.opens(*["unread 39"] * source.TRIES), ("unread 39", ["unread 39"]))


class Fetching(unittest.TestCase):
    def test_what_names_no_copy_reaches_no_command(self):
        for stanza, label in (("s; rm", "20261122-120000F"), ("s", "latest"), ("--x", "20261122-120000F")):
            with self.assertRaises(OSError):
                copy_in.fetch({"stanza": stanza, "label": label}, Path("/nowhere"))


if __name__ == "__main__":
    unittest.main()
