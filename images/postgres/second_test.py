"""Archives with a second place, without an archive: python3 -m unittest discover images/postgres -p '*_test.py'."""

import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import archive_test  # its programs, and its pgBackRest that is notes of calls

prune = archive_test.prune
ARCHIVES = archive_test.Prune.ARCHIVES


class Two(unittest.TestCase):
    """archive-wal with two places of an archive, each of which has an answer of its own."""

    BOTH = "repo1-type=gcs\nrepo1-gcs-bucket=a\nrepo2-type=s3\nrepo2-s3-key=k\n"
    FAKE = """#!/bin/sh
conf=${1#--config=}
for last; do :; done
places=$(sed -n 's/^repo\\([12]\\)-type=.*/\\1/p' "$conf" | tr -d '\\n')
command=push
case $last in stanza-*) command=$last; echo ours >HOME/word$places ;; esac
echo "$command $places" >>HOME/calls
[ $command = push ] || exit 0
[ ! -e HOME/alone$places ] || exit "$(cat HOME/alone$places)"
[ "$(cat HOME/word1)" = ours ] && [ "$(cat HOME/word2)" = ours ] && [ ! -e HOME/fails ] || exit 104
"""

    def setUp(self):
        self.wal = archive_test.Wal("setUp")
        self.wal.setUp()
        self.addCleanup(self.wal.doCleanups)
        self.home = self.wal.home
        (self.home / "conf").write_text(f"[global]\n{self.BOTH}[s]\n")
        self.wal.program("pgbackrest", self.FAKE.replace("HOME", str(self.home)))
        (self.home / "state.py").write_text(f"print(open('{self.home}/word1').read().strip())\nprint('2', open('{self.home}/word2').read().strip())")

    def archive(self, first, second):
        (self.home / "word1").write_text(first)
        (self.home / "word2").write_text(second)
        (self.home / "notes" / "state").unlink(missing_ok=True)
        code, calls = self.wal.archive(archive_test.segment(1, 7))
        return code, [call for call in calls if call[0] != "gap"], self.wal.told()

    def test_a_second_place_is_made_alone_and_the_first_is_not_touched(self):
        pushed = ("push", "12")
        self.assertEqual(self.archive("ours", "none"), (0, [pushed, ("stanza-create", "2"), pushed], None))
        self.assertEqual(self.archive("none", "none"), (0, [pushed, ("stanza-create", "1"), ("stanza-create", "2"), pushed], None))
        self.assertEqual(self.archive("older", "none"), (0, [pushed, ("stanza-upgrade", "1"), ("stanza-create", "2"), pushed], None))
        self.assertFalse((self.home / "notes" / "alone.conf").exists(), "it has the passphrase")

    def test_why_a_place_can_not_be_made_is_told_and_not_that_there_is_none(self):
        fake = self.FAKE.replace("stanza-*) command=$last; echo ours >HOME/word$places ;;", "stanza-*) echo '404 (Not Found)' >&2; exit 39 ;;")
        self.wal.program("pgbackrest", fake.replace("HOME", str(self.home)))
        self.assertEqual(self.archive("ours", "none")[0], 104)
        self.assertEqual((self.home / "notes" / "trouble").read_text(), "404 (Not Found)\n")

    def test_a_place_of_another_cluster_is_taken_neither_as_the_first_nor_as_the_second(self):
        pushed = ("push", "12")
        self.assertEqual(self.archive("older", "other 77"), (104, [pushed, ("stanza-upgrade", "1"), pushed], "older\n2 other 77"))
        self.assertEqual(self.archive("other 77", "ours"), (104, [pushed], "other 77\n2 ours"))

    def test_which_of_two_is_not_reached_is_told(self):
        self.assertEqual(self.archive("ours", "unread 49")[2], "ours\n2 unread 49")
        self.assertEqual(self.archive("unread 49", "ours")[2], "unread 49\n2 ours")

    def test_which_of_two_has_a_segment_with_other_contents_is_told(self):
        (self.home / "fails").touch()
        (self.home / "alone1").write_text("0")
        (self.home / "alone2").write_text("45")
        code, calls, told = self.archive("ours", "ours")
        self.assertEqual((code, told), (104, "ours\n2 duplicate"))
        self.assertEqual(calls, [("push", "12"), ("push", "1"), ("push", "2")])

    def test_a_worker_that_has_not_ended_is_not_waited_for_and_the_places_are_asked_beside(self):
        (self.home / "alone12").write_text("82")
        self.archive("ours", "unread 49")
        for _ in range(100):
            if self.wal.told():
                break
            time.sleep(0.05)
        self.assertEqual(self.wal.told(), "ours\n2 unread 49")


class Prune(unittest.TestCase):
    def pruned(self, words, fails=()):
        """What is removed, by place, and whether it is noted as done."""
        removed = []

        def backrest(_, place, command, *arguments):
            if (place, command) in fails:
                raise prune.Failed("403 (Forbidden)")
            if command == "repo-rm":
                removed.append((place, arguments[-1].removeprefix("archive/s/")))
            parts = arguments[-1].split("/")[2:]
            return " ".join(ARCHIVES[parts[0]] if parts else ARCHIVES) if command == "repo-ls" else ""

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(prune, "backrest", backrest), mock.patch.object(prune, "stanza", lambda: "s"):
            with mock.patch.object(prune, "DONE", f"{folder}/pruned"):
                prune.main(words.split())
                done = Path(folder, "pruned")
                return removed, done.read_text() if done.exists() else None

    def test_a_second_place_keeps_what_is_its_own_to_keep(self):
        words = "17:00000002 15:00000001 second 17:00000001 15:00000000"
        self.assertEqual(self.pruned(words), ([(1, "15-1/0000000100000000"), (1, "17-2/0000000100000001")], words))
        self.assertEqual(self.pruned("17:00000000 15:00000000")[0], [], "what is not named is not asked for")

    def test_a_second_place_that_lets_nothing_go_keeps_the_first_from_nothing(self):
        words = "17:00000002 15:00000000 second 17:00000002 15:00000000"
        self.assertEqual(self.pruned(words, [(2, "repo-rm")]), ([(1, "17-2/0000000100000001")], words))
        with self.assertRaises(SystemExit):
            self.pruned(words, [(1, "repo-ls")])


if __name__ == "__main__":
    unittest.main()
