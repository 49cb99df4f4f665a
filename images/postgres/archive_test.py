"""Rules of archive-gap, archive-prune and archive-backup, without an archive: python3 -m unittest discover images/postgres -p '*_test.py'."""

import importlib.machinery
import importlib.util
import json
import os
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


gap, prune, backup = load("archive-gap"), load("archive-prune"), load("archive-backup")


class Gap(unittest.TestCase):
    HISTORY = "1\t0/5000060\tno recovery target specified\n\n2\t1/3000000\tno recovery target specified\n"

    def test_each_older_timeline_was_left_somewhere(self):
        self.assertEqual(gap.forks(self.HISTORY), {1: 0x5000060, 2: 0x103000000})

    def test_full_segments_before_the_fork_are_pushed_and_the_one_with_the_fork_is_not(self):
        left = gap.forks(self.HISTORY)
        names = ["000000010000000000000004", "000000010000000000000005", "000000020000000100000002", "000000020000000100000003"]
        self.assertEqual([gap.complete(name, left) for name in names], [True, False, True, False])

    def test_what_is_nowhere_is_found_and_what_never_was_archived_is_no_loss(self):
        left = {1: 0x5000060}
        names = {n: f"0000000100000000000000{n:02X}" for n in range(1, 6)}
        self.assertEqual(gap.lost([names[1], names[2]], [names[4]], left), [3])
        self.assertEqual(gap.lost([names[1], names[2]], [names[3], names[4]], left), [])
        self.assertEqual(gap.lost([], [names[4]], left), [])

    def test_nothing_else_is_pushed(self):
        left = gap.forks(self.HISTORY)
        for name in ["000000030000000000000001", "00000002.history", "archive_status", "000000010000000000000004.partial"]:
            self.assertFalse(gap.complete(name, left), name)


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
