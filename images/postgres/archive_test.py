"""Rules of archive-gap, archive-prune, archive-backup, archive-wal and archive_state.py, without an archive: python3 -m unittest discover images/postgres -p '*_test.py'."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock


def load(name):
    """A program without a suffix, as a module."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sys.path.insert(0, str(Path(__file__).parent))

import archive_state  # noqa: E402

gap, prune, backup = load("archive-gap"), load("archive-prune"), load("archive-backup")


class Gap(unittest.TestCase):
    HISTORY = "1\t0/5000060\tno recovery target specified\n\n2\t1/3000000\tno recovery target specified\n"

    def test_each_older_timeline_was_left_somewhere(self):
        self.assertEqual(gap.forks(self.HISTORY), {1: 0x5000060, 2: 0x103000000})

    def test_full_segments_before_the_fork_are_pushed_and_the_one_with_the_fork_is_not(self):
        left = gap.forks(self.HISTORY)
        names = ["000000010000000000000004", "000000010000000000000005", "000000020000000100000002", "000000020000000100000003"]
        self.assertEqual([gap.complete(name, left) for name in names], [True, False, True, False])

    def test_nothing_else_is_pushed(self):
        left = gap.forks(self.HISTORY)
        for name in ["000000030000000000000001", "00000002.history", "archive_status", "000000010000000000000004.partial"]:
            self.assertFalse(gap.complete(name, left), name)


def segment(timeline, number):
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


class Holes(unittest.TestCase):
    """An archive that is a set of segments, and a member with some of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        (self.data / "pg_wal").mkdir()
        (self.data / "PG_VERSION").write_text("17\n")
        self.archive, self.pushed, self.asked = {"17-1": set()}, [], []
        for patch in (mock.patch.object(gap, "GIVEN_UP", str(self.data / "given-up")), mock.patch.object(gap, "backrest", self.backrest)):
            patch.start()
            self.addCleanup(patch.stop)

    def backrest(self, stanza, *words):
        if "archive-push" in words:
            self.pushed.append(os.path.basename(words[-1]))
            return []
        parts = words[-1].split("/")[2:]
        self.asked.append("/".join(parts))
        if not parts:
            return list(self.archive)
        names = self.archive[parts[0]]
        if len(parts) == 1:
            return sorted({name[:16] for name in names}) + ["00000002.history"]
        return [f"{name}-0123456789abcdef.zst" for name in names if name[:16] == parts[1]]

    def archived(self, timeline, numbers, top="17-1"):
        self.archive.setdefault(top, set()).update(segment(timeline, n) for n in numbers)

    def here(self, timeline, numbers):
        for n in numbers:
            (self.data / "pg_wal" / segment(timeline, n)).touch()

    def promoted(self, *forks):
        """The history of a new timeline whose elders were left within these segments. Gives what was lost, in words."""
        lines = [f"{tli}\t{n >> 8:X}/{(n & 255) << 24 | 0x60:X}\tno recovery target\n" for tli, n in enumerate(forks, 1)]
        path = self.data / "pg_wal" / f"{len(forks) + 1:08X}.history"
        path.write_text("\n".join(lines))
        return self.run_on(path)

    def run_on(self, path):
        gap.main(str(path), "s")
        note = self.data / "given-up"
        return note.read_text().strip() if note.exists() else None

    def begins_with(self, timeline, number):
        self.here(timeline, [number])
        return self.run_on(self.data / "pg_wal" / segment(timeline, number))

    def test_what_a_dead_primary_had_not_pushed_is_pushed_from_here(self):
        self.archived(1, range(90, 98))
        self.here(1, range(96, 101))
        self.assertIsNone(self.promoted(100))
        self.assertEqual(self.pushed, [segment(1, n) for n in (98, 99)])

    def test_what_is_neither_there_nor_here_is_noted(self):
        self.archived(1, range(90, 97))
        self.here(1, [98, 99])
        self.assertEqual(self.promoted(100).split(" ", 1)[0], "1")

    def test_a_hole_of_many_folders_is_found(self):
        self.archived(1, range(10))
        self.here(1, range(1290, 1300))
        self.assertTrue(self.promoted(1300).startswith("1280 segments"))

    def test_a_hole_of_several_timelines_is_found(self):
        self.archived(1, range(10))
        self.here(4, [52, 53])
        self.assertTrue(self.promoted(20, 30, 40, 54).startswith("42 segments"), "nothing of timelines 2 to 4 was archived")

    def test_what_an_old_primary_archived_beyond_the_fork_is_no_part_of_it(self):
        self.archived(1, range(10))
        self.archived(1, range(20, 30))
        self.assertTrue(self.promoted(20, 25).startswith("15 segments"))

    def test_an_archive_that_begins_has_lost_nothing(self):
        self.here(1, [98, 99])
        self.assertIsNone(self.promoted(100))
        self.assertEqual(self.pushed, [segment(1, n) for n in (98, 99)], "its primary may have died before its first push")
        self.archive = {}
        self.assertIsNone(self.begins_with(2, 100))
        self.assertEqual(len(self.pushed), 2, "what was written before it was turned on does not matter to it")

    def test_a_history_that_is_gone_is_no_reason_to_ask_for_ever(self):
        self.archived(1, range(10))
        self.assertIsNone(self.run_on(self.data / "pg_wal" / "00000002.history"))

    def test_the_archive_of_another_major_says_nothing(self):
        self.archive = {"15-1": {segment(1, n) for n in range(10)}, "17-2": {segment(1, n) for n in range(500, 510)}}
        self.assertIsNone(self.begins_with(1, 510))
        self.archive.pop("17-2")
        self.assertIsNone(self.begins_with(1, 510))

    def test_an_archive_that_was_off_for_an_hour_has_a_hole_and_what_is_here_still_is_pushed(self):
        self.archived(1, range(10))
        self.here(1, range(40, 50))
        self.assertTrue(self.begins_with(1, 50).startswith("30 segments"))
        self.assertEqual(self.pushed, [segment(1, n) for n in range(40, 50)])

    def test_a_server_that_only_restarted_finds_no_hole_and_asks_little(self):
        self.promoted(20, 30)
        self.archived(1, range(20))
        self.archived(2, range(20, 30))
        self.archived(3, range(30, 700))
        self.asked.clear()
        self.assertIsNone(self.begins_with(3, 700))
        self.assertLessEqual(len(self.asked), 4, self.asked)
        self.assertEqual(self.pushed, [])

    def test_a_history_of_a_timeline_that_is_not_here_is_no_reason_to_stop(self):
        self.archived(7, range(10))
        self.assertIsNone(self.begins_with(7, 10))


class Wal(unittest.TestCase):
    """archive-wal with a pgBackRest and an archive-gap that are notes of their calls."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        (self.home / "bin").mkdir()
        (self.home / "conf").write_text("[global]\n[s]\n")
        text = Path(__file__).with_name("archive-wal").read_text(encoding="utf-8")
        for path, other in (("/etc/stylobate/archive/pgbackrest.conf", "conf"), ("/data/archive-", "data-"), ("/tmp/archive", "notes"),
                            ("/usr/local/lib/stylobate/archive_state.py", "state.py")):
            text = text.replace(path, str(self.home / other))
        self.program("archive-wal", text)
        (self.home / "state.py").write_text(f"print(open('{self.home}/word').read())")
        self.program(
            "pgbackrest", f'#!/bin/sh\nfor last; do :; done\ncase "$last" in pg_wal/*) word=push ;; *) word=do; echo 0 >{self.home}/push ;; esac\n'
            f'code=$(cat {self.home}/push)\necho "$word ${{last##*/}}" >>{self.home}/calls\nexit "$code"\n',
        )
        self.program("archive-gap", f'#!/bin/sh\necho "gap ${{1##*/}}" >>{self.home}/calls\necho no list >&2\nexit "$(cat {self.home}/gap)"\n')
        self.answers(0, 0)

    def program(self, name, text):
        path = self.home / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def answers(self, push, look, word=""):
        (self.home / "word").write_text(word)
        (self.home / "push").write_text(str(push))
        (self.home / "gap").write_text(str(look))

    def archive(self, name):
        """Exit code, and what was called."""
        (self.home / "calls").write_text("")
        path = f"{self.home}/bin:{os.environ['PATH']}"
        done = subprocess.run([self.home / "bin" / "archive-wal", f"pg_wal/{name}"], check=False, capture_output=True, env={"PATH": path})
        words = [line.split() for line in (self.home / "calls").read_text().splitlines()]
        return done.returncode, [(word[0], word[-1]) for word in words]

    def test_what_lies_behind_a_segment_is_looked_into_where_its_elder_is_not_known_to_be_archived(self):
        both = lambda name: (0, [("push", name), ("gap", name)])
        self.assertEqual(self.archive(segment(1, 255)), both(segment(1, 255)), "the first of this pod")
        self.assertEqual(self.archive(segment(1, 256)), both(segment(1, 256)), "once in each folder of 4 GiB")
        self.assertEqual(self.archive(segment(1, 257)), (0, [("push", segment(1, 257))]))
        self.assertEqual(self.archive(segment(1, 257)), (0, [("push", segment(1, 257))]), "the same once more")
        self.assertEqual(self.archive(segment(1, 259)), both(segment(1, 259)), "the archive was off")
        self.assertEqual(self.archive(segment(2, 260)), both(segment(2, 260)), "a failover")

    def test_a_look_that_failed_is_taken_again_and_stops_nothing(self):
        self.answers(0, 1)
        self.assertEqual(self.archive("00000002.history"), (0, [("push", "00000002.history"), ("gap", "00000002.history")]))
        self.assertEqual(self.archive(segment(2, 7))[0], 0)
        self.answers(0, 0)
        looks = [("gap", "00000002.history"), ("gap", segment(2, 7))]
        self.assertEqual(self.archive(segment(2, 8)), (0, [("push", segment(2, 8)), *looks]))
        self.assertEqual(self.archive(segment(2, 9)), (0, [("push", segment(2, 9))]))

    def test_a_push_that_failed_is_no_elder(self):
        self.archive(segment(1, 7))
        self.answers(50, 0)
        self.assertNotEqual(self.archive(segment(1, 8))[0], 0)
        self.answers(0, 0)
        self.assertEqual(self.archive(segment(1, 8)), (0, [("push", segment(1, 8))]))

    def told(self):
        path = self.home / "notes" / "state"
        return path.read_text().strip() if path.exists() else None

    def test_the_place_is_made_or_taken_along_and_never_taken_from_another_cluster(self):
        name = segment(1, 7)
        for word, command in (("none", "stanza-create"), ("older", "stanza-upgrade")):
            self.answers(103, 0, word)
            code, calls = self.archive(name)
            self.assertEqual((code, calls[:3]), (0, [("push", name), ("do", command), ("push", name)]), word)
            self.assertIsNone(self.told(), "all is well")
        for word in ("other 7714213210961816572", "key"):
            self.answers(103, 0, word)
            self.assertEqual(self.archive(name), (103, [("push", name)]), word)
            self.assertEqual(self.told(), word)

    def test_a_segment_that_is_there_with_other_contents_needs_no_look_and_a_dead_archive_gets_one_a_minute(self):
        self.answers(45, 0, "ours")
        self.assertEqual(self.archive(segment(1, 7))[0], 45)
        self.assertEqual(self.told(), "duplicate")
        self.answers(103, 0, "unread 49")
        self.archive(segment(1, 7))
        self.assertEqual(self.told(), "unread 49")
        self.answers(103, 0, "key")
        self.archive(segment(1, 7))
        self.assertEqual(self.told(), "unread 49", "it is asked again after a minute")


class State(unittest.TestCase):
    """What archive.info says, read by a pgBackRest that is a table of answers."""

    INFO = '[backrest]\nbackrest-format=5\n\n[db]\ndb-id=2\ndb-system-id={0}\ndb-version="{1}"\n\n[db:history]\n'

    def word(self, *answers, mine=("71", 17)):
        answers = list(answers)
        with mock.patch.object(archive_state, "ask", lambda *_: answers.pop(0)), mock.patch.object(archive_state, "own", lambda _: mine):
            return archive_state.word("conf", "s", "/data")

    def info(self, identifier, major, *past):
        lines = "".join(f'{n}={{"db-id":{one},"db-version":"{version}"}}\n' for n, (one, version) in enumerate(past, 1))
        return 0, self.INFO.format(identifier, major) + lines

    def test_who_writes_it_is_told_by_the_system_identifier_and_the_major(self):
        self.assertEqual(self.word(self.info("71", "17")), "ours")
        self.assertEqual(self.word(self.info("70", "15")), "older")
        self.assertEqual(self.word(self.info("70", "17")), "other 70")
        self.assertEqual(self.word(self.info("70", "17", ("71", "17"), ("70", "17"))), "other 70", "each would take it from the other")
        self.assertEqual(self.word(self.info("70", "18")), "other 70")
        self.assertEqual(self.word(self.info("70", "18", ("71", "17"), ("70", "18"))), "older", "an upgrade that was taken back")

    def test_a_wrong_passphrase_is_told_from_a_place_that_is_not_reached_or_not_there(self):
        self.assertEqual(self.word((55, "")), "none")
        self.assertEqual(self.word((39, "")), "unread 39")
        listed = (0, "15-1\narchive.info\narchive.info.copy\n")
        self.assertEqual(self.word((95, ""), listed), "key")
        self.assertEqual(self.word((0, "\ufffd\ufffd"), listed), "key", "one of 256 wrong ones gives a text that is none")
        self.assertEqual(self.word((95, ""), (95, "")), "unread 95", "a certificate that nobody trusts")

    def test_a_server_tells_its_identifier_by_the_first_field_of_its_control_file(self):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            (data / "global").mkdir()
            (data / "global" / "pg_control").write_bytes((7714213210961816572).to_bytes(8, sys.byteorder) + bytes(100))
            (data / "PG_VERSION").write_text("17\n")
            self.assertEqual(archive_state.own(folder), ("7714213210961816572", 17))


class Prune(unittest.TestCase):
    ARCHIVES = {
        "17-2": ["0000000100000001", "0000000100000002", "0000000200000002", "0000000200000003", "00000002.history"],
        "15-1": ["0000000100000000", "0000000100000001"],
    }

    def test_folders_before_the_first_one_kept_go_on_every_timeline_and_histories_stay(self):
        self.assertEqual(prune.needless(self.ARCHIVES, {17: 3, 15: 0}), ["17-2/0000000100000001", "17-2/0000000100000002", "17-2/0000000200000002"])

    def test_an_older_major_that_is_not_named_goes_as_a_whole(self):
        self.assertEqual(prune.needless(self.ARCHIVES, {17: 0}), ["15-1"])

    def test_a_newer_major_is_left_alone(self):
        self.assertEqual(prune.needless(self.ARCHIVES, {15: 1}), ["15-1/0000000100000000"])

    def test_what_an_older_copy_needs_stays(self):
        self.assertEqual(prune.needless(self.ARCHIVES, {17: 3}, [(17, 1, 1)]), ["15-1", "17-2/0000000100000002", "17-2/0000000200000002"])
        self.assertEqual(prune.needless(self.ARCHIVES, {17: 0}, [(15, 1, 1)]), ["15-1/0000000100000000"])

    def test_a_word_that_is_none_is_refused(self):
        for word in ("17:2A; rm", "17:0000002A-", "17:-0000002A"):
            self.assertIsNone(prune.WORD.fullmatch(word))
        with self.assertRaises(SystemExit):
            prune.main(["17:00000001-00000002"])


class Backup(unittest.TestCase):
    """An archive that is a list of copies and folders; the work is done at once, in the same process."""

    UID = "0b1c2d3e-0000-4000-8000-000000000001"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.copies, self.folders, self.fails = [], {}, None
        for patch in (
            mock.patch.object(backup, "NOTES", Path(folder.name)),
            mock.patch.object(backup, "backrest", self.backrest),
            mock.patch.object(backup.os, "fork", lambda: 0),
            mock.patch.object(backup.os, "setsid", lambda: None),
            mock.patch.object(backup.os, "dup2", lambda *_: None),
            mock.patch.object(backup.os, "_exit", lambda _: None),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def backrest(self, stanza, *words, **_):
        if "info" in words:
            code = {"info": 99, "stanza": 1}.get(self.fails, 0)
            status = {"code": code, "message": "other"}
            repo = [{"status": {"code": code, "message": "[HostConnectError]"}}]
            return json.dumps([{"name": stanza, "status": status, "repo": repo, "backup": self.copies}])
        if "backup" in words:
            if self.fails == "backup":
                raise backup.Failed("ERROR: [082]: WAL segment was not archived")
            uid = next(word.split("=")[2] for word in words if word.startswith("--annotation="))
            self.add(f"20261122-12000{len(self.copies)}F", uid)
        if "repo-ls" in words:
            path = words[-1].split("/")
            return " ".join(self.folders.get(path[2], []) if len(path) > 2 else [*self.folders, "backup.info"])
        if "repo-rm" in words:
            label, *name = words[-1].split("/")[2:]
            self.folders.pop(label) if not name else self.folders[label].remove(name[0])
        if "expire" in words:
            self.copies = [copy for copy in self.copies if "backup.manifest" in self.folders.get(copy["label"], [])]
            listed = [copy["label"] for copy in self.copies]
            self.folders = {label: files for label, files in self.folders.items() if label in listed}
        return ""

    def add(self, label, uid):
        self.copies.append({
            "label": label, "annotation": {"stylobate": uid}, "error": False, "lsn": {"start": "0/30", "stop": "0/40"},
            "archive": {"start": "A", "stop": "B"}, "timestamp": {"start": 1, "stop": 1795357583},
            "info": {"size": 10, "repository": {"delta": 5}},
        })
        self.folders[label] = ["backup.manifest", "backup.manifest.copy"]

    def ask(self, verb, uid=UID, since="0", until="0"):
        backup.main([verb, "shop-c-1", uid, since, until])
        return json.loads((backup.NOTES / f"{uid}.json").read_text())

    def test_a_copy_is_made_once_and_found_again_by_the_backup_that_it_is_of(self):
        self.assertEqual(self.ask("look"), {"state": "absent", "left": False})
        self.assertEqual(self.ask("begin"), {"state": "running"})
        for _ in range(2):
            answer = self.ask("begin")
        self.assertEqual((answer["state"], len(self.copies)), ("done", 1))
        self.assertEqual(answer["copy"]["stoppedAt"], "2026-11-22T14:26:24Z", "pgBackRest leaves out what is less than a second")
        self.assertEqual(self.ask("look", "another"), {"state": "absent", "left": False})

    def test_while_somebody_works_no_other_copy_is_begun_and_nothing_is_concluded(self):
        lock = backup.Lock()
        self.assertTrue(lock.take())
        self.addCleanup(lock.file.close)
        lock.say("copy", self.UID)
        self.assertEqual(self.ask("begin"), {"state": "running"})
        self.assertEqual(self.ask("begin", "another"), {"state": "busy", "with": self.UID})
        self.assertEqual(self.ask("remove", "another"), {"state": "busy", "with": self.UID})
        with mock.patch.object(backup.os, "killpg") as kill:
            self.assertEqual(self.ask("remove"), {"state": "removing"})
        self.assertEqual(kill.call_args.args[0], os.getpid())
        self.assertEqual(self.copies, [])

    def test_a_failure_is_told_and_not_tried_again_by_itself(self):
        self.fails = "backup"
        self.assertEqual(self.ask("begin"), {"state": "running"})
        self.fails = None
        self.assertEqual(self.ask("begin"), {"state": "failed", "cause": "ERROR: [082]: WAL segment was not archived"})
        self.assertEqual(self.copies, [])

    def test_an_archive_that_is_not_reached_says_nothing_of_a_copy(self):
        self.add("20261122-120000F", self.UID)
        self.fails = "info"
        self.assertEqual(self.ask("look"), {"state": "unknown", "cause": "[HostConnectError]"})
        self.assertEqual(self.ask("begin")["state"], "unknown")

    def test_a_copy_waits_for_the_first_wal_which_makes_the_place_for_it(self):
        self.fails = "stanza"
        self.assertEqual(self.ask("begin")["state"], "unknown")
        self.assertEqual(self.ask("look"), {"state": "absent", "left": False})
        self.fails = None
        self.assertEqual(self.ask("begin"), {"state": "running"})

    def test_what_is_removed_is_the_backup_s_own_finished_or_not(self):
        self.add("20261122-120000F", self.UID)
        self.add("20261122-130000F", "another")
        self.folders["20261122-115000F"] = ["backup.manifest.copy"]  # of another one that began before
        self.folders["20261122-120500F"] = ["backup.manifest.copy"]
        since, until = (str(backup.began(label)) for label in ("20261122-115959F", "20261122-121000F"))
        self.assertEqual(backup.unfinished(self.folders, self.copies, int(since), int(until)), ["20261122-120500F"])
        self.assertEqual(self.ask("remove", since=since, until=until), {"state": "removing"})
        self.assertEqual([copy["label"] for copy in self.copies], ["20261122-130000F"])
        self.assertEqual(self.ask("remove", since=since, until=until), {"state": "absent", "left": False})

    def test_a_copy_of_which_the_list_alone_is_left_is_none(self):
        self.add("20261122-120000F", self.UID)
        self.folders["20261122-120000F"] = []
        self.assertEqual(self.ask("look"), {"state": "absent", "left": True})

    def test_pages_that_do_not_fit_their_checksums_are_told(self):
        self.add("20261122-120000F", self.UID)
        self.copies[0]["error"] = True
        self.assertTrue(self.ask("look")["damaged"])

    def test_words_that_a_shell_would_read_are_refused(self):
        for words in (["begin", "s", "u; rm", "0", "0"], ["begin", "s", "u"], ["make", "s", "u", "0", "0"]):
            with self.assertRaises(SystemExit):
                backup.main(words)


if __name__ == "__main__":
    unittest.main()
