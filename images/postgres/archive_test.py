"""Rules of archive-gap and archive-prune, without an archive: python3 -m unittest discover images/postgres -p '*_test.py'."""

import importlib.machinery
import importlib.util
import os
import unittest


def load(name):
    """A program without a suffix, as a module."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


gap, prune = load("archive-gap"), load("archive-prune")


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

    def test_a_word_that_is_none_is_refused(self):
        self.assertIsNone(prune.WORD.fullmatch("17:2A; rm"))


if __name__ == "__main__":
    unittest.main()
