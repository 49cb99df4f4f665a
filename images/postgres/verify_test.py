"""What verify-member makes of the words of psql, pg_basebackup and pg_amcheck, with stand-ins for the three."""

import importlib.machinery
import importlib.util
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))  # sessions.py, in the image beside it
LOADER = importlib.machinery.SourceFileLoader("verify", str(Path(__file__).parent / "verify-member"))
verify = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify", LOADER))
LOADER.exec_module(verify)

PSQL = """case "$*" in
  --version) echo "psql (PostgreSQL) 17.91" ;;
  *json_agg*) echo "${DATABASES:-[\\"62616e6b\\"]}" ;;
  *"extname = 'amcheck'"*) case "$*" in *closed*) echo "FATAL: no" >&2; exit 2 ;; esac ;;
  *data_checksums*) echo "${CHECKSUMS:-on}" ;;
  *pg_size_pretty*) echo "27 MB" ;;
  *"FROM pg_catalog.pg_database WHERE oid = 5"*) echo '"bank"' ;;
  *"pg_filenode_relation(0, 16387)"*) echo public.t ;;
  *) exit 3 ;;
esac"""
BAD = """echo 'WARNING:  checksum verification failed in file "./base/5/16387", block 7: calculated A1 but expected B2' >&2
echo 'pg_basebackup: error: checksum error occurred' >&2; exit 1"""
FAULT = """printf 'heap table "bank.public.t", block 7, offset 3:\\n    line pointer is bad\\n'
echo '  0/544 relations (0%)' >&2; echo '544/544 relations (100%), 9/9 pages (100%)' >&2; exit 2"""


class Verify(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.program("psql", PSQL)
        self.program("pg_basebackup", "exit 0")
        self.program("pg_amcheck", "echo '544/544 relations (100%), 9/9 pages (100%)' >&2")
        path = mock.patch.dict(os.environ, {"PATH": f"{folder.name}:{os.environ['PATH']}"})
        path.start()
        self.addCleanup(path.stop)
        verify.FOLDER = self.folder

    def program(self, name, script):
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def test_sound_data_has_no_fault_and_says_what_was_looked_at(self):
        found = verify.look("one")
        self.assertEqual(found["faults"], [])
        self.assertEqual(found["checks"], ["checksums: every page of 27 MB, no fault", "amcheck: 544 relations, no fault"])

    def test_a_bad_page_is_named_by_block_relation_and_database(self):
        self.program("pg_basebackup", BAD)
        found = verify.look("one")
        self.assertEqual(found["faults"], ["checksum: block 7 of public.t in database bank (./base/5/16387)"])

    def test_a_fault_of_several_lines_is_one_fault(self):
        self.program("pg_amcheck", FAULT)
        found = verify.look("one")
        self.assertEqual(found["faults"], ['amcheck: heap table "bank.public.t", block 7, offset 3: line pointer is bad'])
        self.assertEqual(found["checks"][1], "amcheck: 544 relations, 1 faults")

    def test_a_check_that_could_not_be_made_is_a_fault_and_not_a_pass(self):
        self.program("pg_basebackup", "echo 'FATAL: no pg_hba.conf entry' >&2; exit 1")
        self.program("pg_amcheck", "echo 'could not connect' >&2; exit 1")
        faults = verify.look("one")["faults"]
        self.assertIn("no pg_hba.conf entry", faults[0])
        self.assertIn("could not connect", faults[1])

    def test_a_database_that_cannot_be_entered_is_a_fault_and_hides_no_other(self):
        with mock.patch.dict(os.environ, {"DATABASES": json.dumps([name.encode().hex() for name in ("closed", "bank", "host=x user=y")])}):
            said, faults = verify.amcheck()
        self.assertEqual(said, "amcheck: 1088 relations, 1 faults")
        self.assertEqual(faults, ["amcheck: database closed could not be looked through: psql said: FATAL: no"])

    def test_a_cluster_without_checksums_says_so(self):
        with mock.patch.dict(os.environ, {"CHECKSUMS": "off"}):
            self.assertIn("has none", verify.look("one")["checks"][0])

    def reads(self, script, text="[global]\n[shop-books-1]\n"):
        """What is found in the archive by a pgBackRest that does this."""
        self.program("pgbackrest", f'echo "$@" >{self.folder}/asked\n{script}')
        (self.folder / "source").write_text(text)
        with mock.patch.object(verify, "SOURCE", str(self.folder / "source")):
            found = verify.look("one", 1)
        self.assertFalse((self.folder / "pgbackrest.conf").exists(), "it has the passphrase")
        return found

    def test_an_archive_is_whole_only_where_pgbackrest_says_so(self):
        report = "printf 'stanza: s\\nstatus: %s\\n  archiveId: 17-1, total WAL checked: 3, total valid WAL: %s\\n    missing: 0, checksum invalid: %s\\n'"
        found = self.reads(f"{report} ok 3 0")
        self.assertEqual((found["archive"]["outcome"], found["archive"]["segments"], found["faults"]), ("Whole", 3, []))
        asked = (self.folder / "asked").read_text()
        self.assertIn("--stanza=shop-books-1", asked)
        self.assertIn("--process-max=1", asked)
        found = self.reads(f"{report} error 2 1")["archive"]
        self.assertEqual(found["outcome"], "Damaged")
        self.assertIn("checksum invalid: 1", found["said"])
        # Whatever else it says is no word for good or bad.
        self.assertEqual(self.reads("echo all is well")["archive"]["outcome"], "NotRun")
        self.assertEqual(self.reads("echo 'ERROR: [103]: no' >&2; exit 103")["archive"], {"outcome": "NotRun", "seconds": 0, "said": "ERROR: [103]: no"})
        self.assertEqual(self.reads("exit 0", "[global]\n")["archive"]["outcome"], "NotRun")
        self.assertNotIn("archive", verify.look("one"))

    def test_an_archive_that_takes_too_long_is_told_as_unfinished(self):
        late = subprocess.TimeoutExpired("pgbackrest", 60)
        (self.folder / "source").write_text("[s]\n")
        with mock.patch.object(verify, "SOURCE", str(self.folder / "source")), mock.patch.object(verify.subprocess, "run", side_effect=late):
            self.assertEqual(verify.archive(1), {"outcome": "Unfinished", "seconds": 60})

    def test_a_report_stays_small(self):
        found = verify.report("one", "done", [], ["x" * 999] * 99)
        self.assertEqual(len(found["faults"]), verify.MOST + 1)
        self.assertLess(len(json.dumps(found)), 8000)


if __name__ == "__main__":
    unittest.main()
