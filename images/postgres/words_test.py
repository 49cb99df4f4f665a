"""postgres-words and member_fault.py, with lines of a real server: python3 -m unittest discover images/postgres -p '*_test.py'."""

import os
import subprocess
import tempfile
import unittest

import member_fault

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "postgres-words")
MEMORY = "2026-11-29 23:00:00.000 UTC [7] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n"
HINT = "\n".join(["2026-11-29 23:00:00.000 UTC [7] HINT:  This error usually means", "\tthat memory is short.", ""])
ERRORS = (
    '2026-11-29 23:00:00.000 UTC [7] LOG:  invalid value for parameter "client_encoding": "utf-88"\n'
    "2026-11-29 23:00:00.000 UTC [7] DETAIL:  It is none.\n"
    '2026-11-29 23:00:00.000 UTC [7] FATAL:  configuration file "/data/pgdata/postgresql.conf" contains errors\n'
)
EARLY = "2026-11-29 23:00:00.000 UTC [9] [unknown]@[unknown] 10.0.0.1 FATAL:  the database system is starting up\n"
READY = "2026-11-29 23:00:01.000 UTC [7] LOG:  database system is ready to accept read-only connections\n"


class Words(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "fault")

    def heard(self, text):
        """What is kept of a log; the log itself passes as it is."""
        done = subprocess.run([PROGRAM, self.file], input=text.encode(), stderr=subprocess.PIPE, check=True, timeout=30)
        self.assertEqual(done.stderr, text.encode())
        return member_fault.words(self.file)

    def test_the_last_fatal_line_is_kept_with_what_it_names(self):
        self.assertEqual(self.heard(MEMORY + HINT), "FATAL:  could not map anonymous shared memory: Cannot allocate memory")
        self.assertEqual(self.heard(ERRORS), 'FATAL:  invalid value for parameter "client_encoding": "utf-88"')
        self.assertEqual(self.heard("x PANIC:  could not locate a valid checkpoint record\n"), "PANIC:  could not locate a valid checkpoint record")

    def test_a_client_that_comes_too_early_is_no_reason(self):
        self.assertIsNone(self.heard(EARLY))

    def test_a_server_that_runs_takes_it_back_and_what_it_says_to_clients_is_theirs(self):
        self.assertIsNotNone(self.heard(MEMORY))
        self.assertIsNone(self.heard(READY + 'x@y FATAL:  password authentication failed for user "x"\n'))

    def test_what_is_odd_or_long_stays_one_short_line(self):
        self.assertEqual(self.heard("a FATAL:  \\n %s `id` $(id) 'x'\n"), "FATAL:  \\n %s `id` $(id) 'x'")
        with open(self.file, "wb") as file:
            file.write(b"FATAL:  \xff" + b"x" * 100_000 + b"\nsecond")
        self.assertEqual(len(member_fault.words(self.file)), member_fault.MOST_LETTERS)


if __name__ == "__main__":
    unittest.main()
