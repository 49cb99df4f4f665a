"""The image's programs in databases of others, on a real server: names that are connection strings, settings that keep everybody out,
functions that lie in the way. Skipped, and said so, where no server is installed."""

import importlib.machinery
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "upgrade")]

import extensions  # noqa: E402
import servers  # noqa: E402
import sessions  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("verify_member", str(HERE / "verify-member"))
verify = importlib.util.module_from_spec(importlib.util.spec_from_loader("verify_member", LOADER))
LOADER.exec_module(verify)

VERSIONS = sorted(int(path.parent.parent.name) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
NAMES = ["host=127.0.0.1 user=evil", "postgres://evil@127.0.0.1/x", "-d x", "--help", "a'b\\c", 'a"b', "line\nbreak", " ", "%s", "Ü☃"]
SPRING = """CREATE FUNCTION trap.spring() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $f$ BEGIN
  INSERT INTO trap.log VALUES (session_user); EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END $f$"""


@unittest.skipUnless(VERSIONS, "no initdb under /usr/lib/postgresql/*/bin; install the package postgresql")
class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.version = VERSIONS[-1]
        cls.folder = tempfile.mkdtemp(prefix="stylobate-hostile-")
        # Postgres refuses to run as root.
        cls.user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
        if cls.user is not None:
            os.chown(cls.folder, cls.user, -1)
        cls.program("initdb", "-D", f"{cls.folder}/data", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={cls.folder} -c fsync=off"
        cls.program("pg_ctl", "-D", f"{cls.folder}/data", "-w", "-s", "-l", f"{cls.folder}/log", "-o", options, "start")
        cls.addClassCleanup(cls.stop)
        for patch in (
            mock.patch.object(servers, "SOCKETS", cls.folder),
            mock.patch.object(servers, "WORK", cls.folder),
            mock.patch.object(servers.run, "__defaults__", (cls.folder, None)),
            mock.patch.object(verify, "SOCKETS", cls.folder),
            mock.patch.object(verify, "FOLDER", Path(cls.folder)),
            mock.patch.dict(os.environ, {"PATH": f"/usr/lib/postgresql/{cls.version}/bin:{os.environ['PATH']}"}),
        ):
            patch.start()
            cls.addClassCleanup(patch.stop)

    @classmethod
    def program(cls, name, *arguments):
        # What the server leaves open is no pipe that somebody waits for.
        subprocess.run([servers.program(cls.version, name), *arguments], user=cls.user, cwd=cls.folder, check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def stop(cls):
        cls.program("pg_ctl", "-D", f"{cls.folder}/data", "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.database = self.id().rpartition(".")[2][:60]
        for sql in ("CREATE ROLE app LOGIN", f'CREATE DATABASE "{self.database}" OWNER app'):
            self.sql("postgres", "postgres", sql, check=sql.startswith("CREATE DATABASE"))
        self.sql("postgres", "postgres", "ALTER ROLE app NOSUPERUSER")

    def sql(self, user, database, *statements, check=True):
        commands = [argument for sql in statements for argument in ("-c", sql)]
        env = {**os.environ, "PGHOST": self.folder, "PGUSER": user, "PGDATABASE": database}
        done = subprocess.run(
            [servers.program(self.version, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *commands], env=env, capture_output=True, text=True,
            check=False,
        )
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def lay(self):
        """The trap: whoever is superuser and calls anything of it makes the tenant superuser too."""
        self.sql(
            "app", self.database, "CREATE SCHEMA trap", "CREATE TABLE trap.log (who text)", "GRANT ALL ON SCHEMA trap TO PUBLIC",
            "GRANT ALL ON trap.log TO PUBLIC", SPRING,
            "CREATE VIEW trap.pg_extension AS SELECT trap.spring()::text AS extname",
            "CREATE VIEW trap.pg_namespace AS SELECT trap.spring()::text AS nspname",
        )
        self.sql("app", "postgres", f'ALTER DATABASE "{self.database}" SET search_path = trap, public, pg_catalog')

    def free(self):
        self.assertEqual(self.sql("postgres", "postgres", "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"), "f")

    def test_a_name_is_a_name(self):
        made = [name for name in NAMES if name not in servers.databases(self.version)]
        for name in made:
            self.sql("postgres", "postgres", 'CREATE DATABASE "{}"'.format(name.replace('"', '""')))
        self.assertLessEqual(set(NAMES), set(servers.databases(self.version)))
        for name in NAMES:
            self.assertEqual(servers.asked(self.version, name, "SELECT pg_catalog.to_json(pg_catalog.current_database())"), name)
            servers.in_database(self.version, "vacuumdb", name, "--analyze-in-stages", "--skip-locked", "--quiet")
            relations, faults = verify.amcheck_of(name)
            self.assertEqual((relations > 0, faults), (True, []), name)

    def test_names_that_are_no_text_are_carried_and_told(self):
        self.sql("postgres", "postgres", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        self.sql("postgres", "latin", "SET client_encoding = 'UTF8'", 'CREATE DATABASE "über"')
        odd = [name for name in servers.databases(self.version) if name.endswith("ber")]
        self.assertEqual(len(odd), 1)
        servers.query(self.version, odd[0], "SELECT 1")
        json.dumps(verify.report("k", "done", [], [odd[0]])).encode("utf-8")
        self.assertEqual(sessions.words(odd[0]).encode("utf-8"), b"?ber")

    def test_settings_of_a_database_keep_nobody_out(self):
        for setting in ("role = 'app'", "local_preload_libraries = 'no'", "default_transaction_read_only = on", "statement_timeout = 1",
                        "lock_timeout = 1", "client_encoding = 'SJIS'", "transaction_timeout = 1", "idle_session_timeout = 1"):
            known = setting.partition(" ")[0] != "transaction_timeout" or self.version >= 17
            self.sql("app", "postgres", f'ALTER DATABASE "{self.database}" SET {setting}', check=known)
        who = "CREATE TABLE made (); SELECT pg_catalog.pg_sleep(0.2); SELECT CURRENT_USER"
        self.assertEqual(servers.query(self.version, self.database, f"SET search_path = public; {who}")[-1], "postgres")
        self.assertEqual(verify.amcheck_of(self.database)[1], [])

    def test_nobody_is_caught_while_extensions_are_updated(self):
        self.sql("postgres", self.database, "CREATE EXTENSION hstore VERSION '1.4'", "CREATE EXTENSION cube VERSION '1.2'")
        self.lay()
        self.assertEqual(extensions.update(self.version, self.database), [])
        self.free()
        found = self.sql(
            "postgres", self.database,
            "SELECT string_agg(e.extname || ' ' || e.extnamespace::pg_catalog.regnamespace || ' ' || (e.extversion = a.default_version), ',' "
            "ORDER BY e.extname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname",
        )
        self.assertEqual(found, "cube public true,hstore public true,plpgsql pg_catalog true")

    def test_what_cannot_be_moved_away_from_its_owner_is_left_to_a_person(self):
        found = {"name": "postgis", "schema": "public", "safe": False, "movable": False, "needs": [], "old": True}
        with mock.patch.object(servers, "asked", return_value=[found]):
            problems = extensions.update(self.version, self.database)
        self.assertEqual(len(problems), 1)
        self.assertIn('to do by hand in database', problems[0])
        self.assertIn('ALTER EXTENSION "postgis" UPDATE', problems[0])

    def test_functions_beside_amcheck_are_not_taken_for_its_own(self):
        self.sql("postgres", self.database, "CREATE EXTENSION amcheck SCHEMA public")
        self.lay()
        body = "LANGUAGE plpgsql AS $f$ BEGIN PERFORM trap.spring(); RETURN; END $f$"
        self.sql(
            "app", self.database,
            "CREATE FUNCTION public.verify_heapam(relation oid, on_error_stop boolean, check_toast boolean, skip text, "
            "startblock bigint DEFAULT NULL, endblock bigint DEFAULT NULL, OUT blkno bigint, OUT offnum integer, OUT attnum integer, "
            f"OUT msg text) RETURNS SETOF record {body}",
            f"CREATE FUNCTION public.bt_index_check(index oid, heapallindexed boolean) RETURNS void {body}",
            f"CREATE FUNCTION public.bt_index_check(index oid, heapallindexed boolean, checkunique boolean) RETURNS void {body}",
        )
        relations, faults = verify.amcheck_of(self.database)
        self.assertEqual((relations > 0, faults), (True, []))
        self.free()
        self.assertEqual(self.sql("app", self.database, "SELECT who FROM trap.log"), "")


if __name__ == "__main__":
    unittest.main()
