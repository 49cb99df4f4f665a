"""A backup's manifest as it lies in the archive: encrypted, and signed with a key from the archive's passphrase.

pgBackRest's own encryption (aes-256-cbc) hides and does not sign: whoever may write to the bucket could change what he can't read. So the
text is encrypted here and then signed (HMAC-SHA256 of all that stands beside it too), and is put as it is. A manifest can be opened with
the passphrase alone, also where the rest of the archive is damaged.
"""

import base64
import functools
import hashlib
import hmac
import json
import os
import subprocess
import zlib

KIND = "stylobate-manifest"
VERSION = 1
ROUNDS = 100_000  # a minted passphrase needs none of them; one of a person's own does
MOST_TEXT = 4 << 20  # bytes of an opened manifest: one has some KiB
OAEP = [word for option in ("padding_mode:oaep", "oaep_md:sha256", "mgf1_md:sha256") for word in ("-pkeyopt", f"rsa_{option}")]
MOST_ESCROW = 1024  # bytes of a sealed passphrase: as many as the key, and Cloud KMS has none over 4096 bits
MOST_WHOLE = 8 << 20  # bytes of a sealed one: MOST_TEXT that can't be compressed has 5.4 MiB in base64


class Refused(Exception):
    """Why a manifest is not believed: a word, and a sentence."""

    def __init__(self, kind, cause):
        super().__init__(cause)
        self.kind = kind


@functools.lru_cache(maxsize=4)
def keys(passphrase):
    """To encrypt, to sign, and a word by which the passphrase is known again that tells nothing of it."""
    both = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), b"stylobate archive manifest 1", ROUNDS, 64)
    sign = both[32:]
    return both[:32].hex(), sign, hmac.new(sign, b"which passphrase", hashlib.sha256).hexdigest()[:16]


def openssl(*arguments, given=b"", **how):
    done = subprocess.run(["openssl", *arguments], check=False, input=given, capture_output=True, **how)
    if done.returncode != 0:
        raise OSError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout


def crypt(key, data, *direction):
    """By openssl; the key goes by a pipe, since others see the arguments of a process."""
    read, write = os.pipe()
    os.write(write, key.encode() + b"\n")
    os.close(write)
    try:
        options = ["-aes-256-cbc", "-pbkdf2", "-iter", "1", "-md", "sha256", "-salt", *direction, "-pass", f"fd:{read}"]
        return openssl("enc", *options, given=data, pass_fds=(read,))
    finally:
        os.close(read)


def escrow(public, passphrase):
    """The passphrase, for whoever has the private key to this public one: a file with an RSA key in PEM.

    RSAES-OAEP with SHA-256 (RFC 8017), as Cloud KMS opens it (RSA_DECRYPT_OAEP_*_SHA256), and openssl with a key in a file. It stands beside
    what is signed, since who has lost the passphrase can't look at a signature by it: a wrong one is found when the manifest does not open.
    """
    key = hashlib.sha256(openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER")).hexdigest()
    sealed = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", str(public), *OAEP, given=passphrase.encode())
    return {"key": key, "sealed": base64.b64encode(sealed).decode()}


def escrowed(whole):
    """What `escrow` put into a sealed manifest, or None. Nothing of it is signed, so only its form is known to be right."""
    try:
        found = json.loads(whole)["escrow"]
        key, sealed = found["key"], found["sealed"]
        if len(key) == 64 and int(key, 16) >= 0 and 0 < len(base64.b64decode(sealed, validate=True)) <= MOST_ESCROW:
            return {"key": key, "sealed": sealed}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def signature(sign, stanza, backup, which, text):
    said = "\n".join([KIND, str(VERSION), stanza, backup, which, text])
    return hmac.new(sign, said.encode(), hashlib.sha256).hexdigest()


def seal(passphrase, stanza, backup, text, public=None):
    encrypt, sign, which = keys(passphrase)
    sealed = base64.b64encode(crypt(encrypt, zlib.compress(text, 9))).decode()
    whole = {"kind": KIND, "version": VERSION, "stanza": stanza, "backup": backup, "passphrase": which, "sealed": sealed}
    beside = {"escrow": escrow(public, passphrase)} if public else {}
    return json.dumps(whole | {"signature": signature(sign, stanza, backup, which, sealed)} | beside)


def too_large(size):
    """What is said of a file that is not read, so that one can't take the memory of all."""
    return Refused("truncated", f"its file has {size} bytes, and no manifest has more than {MOST_WHOLE}: what is in the archive is not what was written there")


def unseal(passphrase, stanza, backup, whole):
    """The text of the manifest of a backup, of this part of the archive and no other."""
    if len(whole) > MOST_WHOLE:
        raise too_large(len(whole))
    encrypt, sign, which = keys(passphrase)
    try:
        read = json.loads(whole)
    except (ValueError, RecursionError):  # the latter of a text of thousands of '['
        raise Refused("truncated", "it is cut off or no manifest: what is in the archive is not what was written there") from None
    if not isinstance(read, dict) or read.get("kind") != KIND or not isinstance(read.get("version"), int):
        raise Refused("truncated", "it is no manifest: what is in the archive is not what was written there")
    if read["version"] > VERSION:
        raise Refused("newer", f"it is of version {read['version']}, and this image knows version {VERSION}: import with the image of a newer release")
    if read.get("passphrase") != which:
        raise Refused("passphrase", "it was written with another passphrase: give the archive-passphrase that the cluster had (its Secret <cluster>-archive-key)")
    told = [read.get(part) for part in ("stanza", "backup", "sealed", "signature")]
    if not all(isinstance(part, str) for part in told):
        raise Refused("truncated", "it lacks a part: what is in the archive is not what was written there")
    if not hmac.compare_digest(told[3].encode(), signature(sign, told[0], told[1], which, told[2]).encode()):
        raise Refused("forged", "its signature is wrong: somebody changed it in the archive, so nothing in it is believed")
    if (told[0], told[1]) != (stanza, backup):
        raise Refused("forged", f"it is the manifest of backup {told[1]} in {told[0]}: somebody moved it, so it is not believed here")
    text = zlib.decompressobj().decompress(crypt(encrypt, base64.b64decode(told[2]), "-d"), MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise Refused("truncated", f"it has more than {MOST_TEXT} bytes, as no manifest has")
    return text
