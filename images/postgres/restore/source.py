"""The archive that a restore reads, opened before anything of the restore is touched.

A passphrase that does not fit would else be found out by a server that takes "can't be read" for the end of the WAL, and by nobody who can do
something about it. What is wrong is told on the pod (`stylobate.dev/source-archive`), where the operator reads it; who puts another
passphrase in its place has it taken without a restart: the kubelet brings the file.
"""

import http.client
import os
import time

import archive_state
import copy_in
import member_pod

ANNOTATION = "stylobate.dev/source-archive"  # of this pod; read by src/observe/pods.rs
TRIES, PAUSE_SECONDS = 60, 10.0  # ten minutes; after that Patroni gives the role back, and it begins anew
QUIET = 3  # tries of an archive that does not answer before that is told: rights and names take some seconds


def opened(say):
    """None when the source's archive can be read, or none is needed; else what is wrong with it after ten minutes."""
    told = None
    for attempt in range(TRIES):
        try:
            word = archive_state.state(copy_in.CONFIG, copy_in.part())[0]
        except FileNotFoundError:
            return None
        word = None if word == "there" else word
        if word != told and (word is None or attempt >= QUIET or not word.startswith("unread")):
            told = word if tell(word, say) else told
        if word is None:
            return None
        if attempt + 1 < TRIES:
            time.sleep(PAUSE_SECONDS)
    return word


def tell(word, say):
    """Puts the word where the operator reads it, or takes it off. False when that did not come about."""
    if word is not None:
        say(f"the archive to restore from is of no use yet: {word}")
    # Patroni takes its variables out of the environment.
    os.environ.setdefault("PATRONI_NAME", os.uname().nodename)
    try:
        with open(f"{member_pod.ACCOUNT}/namespace", encoding="ascii") as file:
            os.environ.setdefault("PATRONI_KUBERNETES_NAMESPACE", file.read().strip())
        member_pod.publish(ANNOTATION, word)
    except (OSError, http.client.HTTPException) as error:
        say(f"failed to tell what is wrong with the archive: {error}; it is told at the next try")
        return False
    return True
