"""Fetches a copy from the archive of the cluster that it is of, by pgBackRest. It may run again over what it left."""

import os
import re
import subprocess

CONFIG = os.environ.get("SOURCE_CONFIG", "/etc/stylobate/archive/source-pgbackrest.conf")
ANSWER_SECONDS = 60
MOST = 600  # characters of a cause
STANZA = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]*")
PART = re.compile(r"^\[([A-Za-z0-9][-A-Za-z0-9.]*)\]$", re.MULTILINE)
LABEL = re.compile(r"[0-9]{8}-[0-9]{6}F")


def part():
    """Name of the source's part of the archive. Raises FileNotFoundError where nothing is read from one."""
    with open(CONFIG, encoding="utf-8") as file:
        return next(name for name in PART.findall(file.read()) if name != "global")


def fetch(copy, folder):
    """Fills the folder. No recovery is set up: Patroni does that, with the operator's settings.

    Raises OSError with pgBackRest's words."""
    stanza, label = copy["stanza"], copy["label"]
    if not STANZA.fullmatch(stanza) or not LABEL.fullmatch(label):
        raise OSError(f"'{stanza}' and '{label}' name no copy")
    command = [
        "pgbackrest", f"--config={CONFIG}", f"--stanza={stanza}", f"--set={label}", "--type=none", f"--pg1-path={folder}",
        f"--io-timeout={ANSWER_SECONDS}", "--log-level-stderr=error", "restore",
    ]
    if any(folder.iterdir()):
        command.insert(-1, "--delta")
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise OSError((done.stderr or done.stdout).strip()[:MOST])
