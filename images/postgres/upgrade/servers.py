"""The programs of both majors, run by name: initdb, pg_upgrade, a trial of the new server."""

import json
import subprocess
from pathlib import Path

import sessions
from volume import WORK

SUPERUSER = "postgres"
SOCKETS = "/run/postgresql"
# Of the new server while pg_upgrade works: next to the old one, which runs during a check, there is little memory.
SMALL = "-c shared_buffers=16MB"
# Settings that a server writes into its control file when it starts. Patroni never starts a member with less than stands
# there, so the new cluster must not keep initdb's.
KEPT = ["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction"]
REPORT_LIMIT = 3000  # bytes of one problem: a condition has to hold some


class Failed(Exception):
    """A program said no: its words, for the person who reads the condition, and all that it printed."""

    def __init__(self, words, output=""):
        super().__init__(words)
        self.output = output


def program(version, name):
    """Path of a program of one major."""
    return f"/usr/lib/postgresql/{version}/bin/{name}"


def run(command, cwd=WORK, env=None):
    """Output of a program that has to succeed, without its warnings. What is no text in it, as a name may be, is kept as it is."""
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="surrogateescape"
    )
    if done.returncode != 0:
        said = done.stdout + done.stderr
        raise Failed(f"{Path(command[0]).name} said: {gist(said)}", said)
    return done.stdout


def gist(text):
    """What a program said went wrong, without what went well; all of it where nothing is marked as an error."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.rstrip().endswith((" ok", "----"))]
    errors = [line for line in lines if "FATAL" in line or "ERROR" in line or "error:" in line]
    return "; ".join(errors or lines)[-REPORT_LIMIT:]


def control(version, folder):
    """Fields of pg_controldata."""
    lines = run([program(version, "pg_controldata"), "-D", str(folder)]).splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def stop_cleanly(version, folder):
    """After a crash the old server replays its WAL and stops in order, as pg_upgrade asks for."""
    if (folder / "standby.signal").exists():
        raise Failed("the data is a replica's: only a primary that stopped last has everything")
    if control(version, folder)["Database cluster state"] == "shut down":
        return
    options = f"-c listen_addresses= -c ssl=off -c synchronous_standby_names= -c unix_socket_directories={WORK}"
    run([program(version, "pg_ctl"), "-D", str(folder), "-w", "-t", "3600", "-s", "-l", f"{WORK}/recovery.log",
         "-o", options, "start"])
    run([program(version, "pg_ctl"), "-D", str(folder), "-w", "-t", "3600", "-s", "-m", "fast", "stop"])


def initdb(order, old, new):
    """Makes an empty cluster that pg_upgrade takes: like the old one in what can't be changed later. Locales and encoding of
    the databases come over from the old cluster."""
    facts = control(order["from"], old)
    command = [
        program(order["to"], "initdb"), "-D", str(new), "--username", SUPERUSER, "--no-sync", "--no-instructions",
        "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth-local", "peer", "--auth-host", "scram-sha-256",
        "--wal-segsize", str(int(facts["Bytes per WAL segment"]) // 2**20),
    ]
    if facts["Data page checksum version"] != "0":
        command.append("--data-checksums")
    run(command)


def quoted(value):
    """A value between quotes, as Patroni writes it: a quote and a backslash stand for themselves when they stand twice."""
    return str(value).replace("\\", "\\\\").replace("'", "''")


def configuration(order, new):
    """Writes the settings that the new server is going to run with, and returns the file."""
    own = {"listen_addresses": "", "unix_socket_directories": str(WORK), "ssl": "off"}
    lines = [
        f"{name} = '{quoted(value)}'"
        for name, value in {**order["parameters"], **own}.items()
    ]
    path = WORK / "trial.conf"
    path.write_text("\n".join([f"include '{new}/postgresql.conf'", *lines, ""]), encoding="utf-8")
    return path


def refused_settings(order, new):
    """What the new server says of its settings; nothing when it takes all. No server is started."""
    path = configuration(order, new)
    try:
        run([program(order["to"], "postgres"), "-C", "max_connections", "-D", str(new), f"--config-file={path}"])
    except Failed as failed:
        lines = [line.partition("LOG:")[2].strip() for line in failed.output.splitlines() if "LOG:" in line]
        return [f"a setting of spec.tuning is refused by PostgreSQL {order['to']}: {line}" for line in lines] or [str(failed)]
    return []


def trial(order, new):
    """Starts the empty new server with its settings and stops it: what can't start is found before the old data is touched."""
    path = configuration(order, new)
    pg_ctl = [program(order["to"], "pg_ctl"), "-D", str(new), "-w", "-s"]
    log = WORK / "trial.log"
    log.unlink(missing_ok=True)
    try:
        run([*pg_ctl, "-l", str(log), "-o", f"--config-file={path}", "start"])
    except Failed:
        said = log.read_text(encoding="utf-8", errors="replace").strip()[-REPORT_LIMIT:] if log.exists() else ""
        raise Failed(f"PostgreSQL {order['to']} does not start with the settings of this cluster: {said}") from None
    run([*pg_ctl, "-m", "fast", "stop"])


def pg_upgrade(order, old, new, *options):
    """Runs pg_upgrade; a failure carries what it wrote to its report files."""
    given = order["parameters"]
    own = {name: given[name] for name in [*KEPT, "shared_preload_libraries"] if name in given}
    settings = " ".join(f"-c {name}={value}" for name, value in own.items())
    command = [
        program(order["to"], "pg_upgrade"), "--username", SUPERUSER, "--socketdir", str(new.parent),
        "--old-bindir", program(order["from"], ""), "--new-bindir", program(order["to"], ""),
        "--old-datadir", str(old), "--new-datadir", str(new),
        "--old-options", "-c ssl=off -c synchronous_standby_names=",
        "--new-options", f"{SMALL} {settings}", *options,
    ]
    # Its sessions are in the old server and in the new one, and it chooses their encoding.
    env = sessions.environment(min(order["from"], order["to"]), encoding=None)
    try:
        run(command, cwd=new.parent, env=env)
    except Failed as failed:
        reports = sorted((new / "pg_upgrade_output.d").glob("*/*.txt"))
        files = [f"{path.name}: {path.read_text(encoding='utf-8', errors='replace').strip()[:REPORT_LIMIT]}" for path in reports]
        raise Failed("; ".join([str(failed), *files])[-2 * REPORT_LIMIT:]) from None


def in_database(version, name, database, *arguments):
    """Runs a program of libpq in a database of the server that runs in this pod."""
    command = [program(version, name), "-h", SOCKETS, "-U", SUPERUSER, "-w", "-d", sessions.named(database), *arguments]
    return run(command, env=sessions.environment(version))


def query(version, database, sql):
    """Rows of a query, each one text."""
    return in_database(version, "psql", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql).splitlines()


def asked(version, database, sql):
    """The one JSON value of a query: names in it may be any text."""
    said = in_database(version, "psql", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql)
    return json.loads(said.strip() or "null")


def databases(version, sql=sessions.DATABASES):
    """Databases that take connections, also those that are templates; or others."""
    return sessions.names("".join(query(version, "postgres", sql)))
