"""Levels of member_disk.py, without a volume: python3 -m unittest discover images/postgres -p '*_test.py'."""

import unittest

from member_disk import FULL_BYTES, word_for

MIB = 1 << 20


class Words(unittest.TestCase):
    def test_each_level_has_its_word(self):
        words = [word_for(used, 999 * MIB, None) for used in (84.9, 85, 94.9, 95, 100)]
        self.assertEqual(words, [None, "filling", "filling", "almost-full", "almost-full"])

    def test_less_than_one_wal_segment_is_full_whatever_the_percentage(self):
        self.assertEqual(word_for(50, FULL_BYTES - 1, None), "full")
        self.assertEqual(word_for(99.9, FULL_BYTES, None), "almost-full")

    def test_a_word_is_not_taken_back_by_a_breath(self):
        self.assertEqual(word_for(84, 999 * MIB, "filling"), "filling")
        self.assertEqual(word_for(82.9, 999 * MIB, "filling"), None)
        self.assertEqual(word_for(97, 20 * MIB, "full"), "full")
        self.assertEqual(word_for(97, 32 * MIB, "full"), "almost-full")

    def test_a_grown_volume_loses_its_word_at_once(self):
        self.assertEqual(word_for(50, 999 * MIB, "full"), None)


if __name__ == "__main__":
    unittest.main()
