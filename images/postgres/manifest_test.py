"""Rules of archive-manifest, archive-import and what seals a manifest: python3 -m unittest discover images/postgres -p '*_test.py'.

The archive is a folder, and pgBackRest a function that does to it what the real one does (`archive-manifest check` asks that one, in the
build of the image).
"""

import base64
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import tempfile
import unittest
import zlib
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["STYLOBATE_LIB"] = HERE
sys.path.insert(0, HERE)
import sealed  # noqa: E402


def load(name):
    """A program without a suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), os.path.join(HERE, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


manifest, reader = load("archive-manifest"), load("archive-import")
UID = "0b1c2d3e-0000-4000-8000-000000000001"
NEXT = UID[:-1] + "2"
LAST = UID[:-1] + "3"
OBJECT = json.dumps({"metadata": {"name": "b", "uid": UID}, "spec": {"cluster": "c"}}).encode()


class Sealed(unittest.TestCase):
    def seal(self, passphrase="hush", stanza="shop-c-1", backup=UID):
        return sealed.seal(passphrase, stanza, backup, OBJECT)

    def refusal(self, whole, passphrase="hush", stanza="shop-c-1", backup=UID):
        with self.assertRaises(sealed.Refused) as refused:
            sealed.unseal(passphrase, stanza, backup, whole)
        return refused.exception.kind, str(refused.exception)

    def test_what_is_sealed_comes_back_and_nothing_of_it_can_be_read_without_the_passphrase(self):
        whole = self.seal()
        self.assertEqual(sealed.unseal("hush", "shop-c-1", UID, whole), OBJECT)
        self.assertNotIn("hush", whole)
        self.assertNotIn(base64.b64encode(zlib.compress(OBJECT, 9)).decode()[:16], whole)
        self.assertNotEqual(json.loads(self.seal())["sealed"], json.loads(self.seal())["sealed"], "two of one text do not look alike")

    def test_another_passphrase_is_told_as_that_and_not_as_damage(self):
        kind, cause = self.refusal(self.seal("other"))
        self.assertEqual(kind, "passphrase")
        self.assertIn("<cluster>-archive-key", cause)

    def test_whatever_is_changed_in_the_archive_is_found(self):
        for part, value in (("sealed", base64.b64encode(b"Salted__" + b"x" * 40).decode()), ("signature", "0" * 64), ("stanza", "shop-d-2"), ("backup", "u-2")):
            changed = json.dumps(json.loads(self.seal()) | {part: value})
            self.assertEqual(self.refusal(changed)[0], "forged", part)

    def test_one_that_was_moved_to_another_place_is_not_believed_there(self):
        kind, cause = self.refusal(self.seal(stanza="other-c-9"))
        self.assertEqual(kind, "forged")
        self.assertIn("moved", cause)

    def test_what_is_cut_off_or_of_a_newer_version_has_a_sentence_of_its_own(self):
        whole = self.seal()
        for part in (whole[:100], "", "[]", "[" * 5000, '{"kind":' * 5000, json.dumps({"kind": "x"}), json.dumps({k: v for k, v in json.loads(whole).items() if k != "sealed"})):
            self.assertEqual(self.refusal(part)[0], "truncated", part)
        with mock.patch.object(sealed, "MOST_WHOLE", len(whole) - 1):
            self.assertIn(f"its file has {len(whole)} bytes", self.refusal(whole)[1])
        kind, cause = self.refusal(json.dumps(json.loads(whole) | {"version": 2}))
        self.assertEqual(kind, "newer")
        self.assertIn("version 2, and this image knows version 1", cause)

    def test_the_key_is_in_no_argument(self):
        with mock.patch.object(sealed.subprocess, "run", wraps=sealed.subprocess.run) as run:
            self.seal()
        key = sealed.keys("hush")[0]
        self.assertTrue(all(key not in word and "hush" not in word for word in run.call_args.args[0]))


OAEP = [word for option in ("padding_mode:oaep", "oaep_md:sha256", "mgf1_md:sha256") for word in ("-pkeyopt", f"rsa_{option}")]


def key_pair(folder, bits=2048):
    """Files with an RSA key: the private and the public one."""
    private, public = Path(folder, "private.pem"), Path(folder, "escrow.pem")
    private.write_bytes(sealed.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"))
    public.write_bytes(sealed.openssl("pkey", "-pubout", "-in", str(private)))
    return private, public


def opened(private, told):
    """As `stylobate backup import` says it (src/cli/backup/import/words.rs), and not as sealed.py has it."""
    return sealed.openssl("pkeyutl", "-decrypt", "-inkey", str(private), *OAEP, given=base64.b64decode(told["sealed"])).decode()


class Escrow(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.private, self.public = key_pair(folder.name)

    def test_the_private_key_alone_opens_it_and_the_manifest_opens_as_ever(self):
        whole = sealed.seal("hush", "shop-c-1", UID, OBJECT, self.public)
        self.assertEqual(opened(self.private, sealed.escrowed(whole)), "hush")
        self.assertEqual(sealed.unseal("hush", "shop-c-1", UID, whole), OBJECT)
        self.assertNotIn("hush", whole)
        self.assertIsNone(sealed.escrowed(sealed.seal("hush", "shop-c-1", UID, OBJECT)))

    def test_the_passphrase_is_in_no_argument(self):
        with mock.patch.object(sealed.subprocess, "run", wraps=sealed.subprocess.run) as run:
            sealed.escrow(self.public, "hush")
        self.assertTrue(all("hush" not in word for call in run.call_args_list for word in call.args[0]))

    def test_what_is_no_sealed_passphrase_is_none_and_a_key_that_is_none_fails(self):
        good = {"key": "a" * 64, "sealed": "aGk="}
        self.assertEqual(sealed.escrowed(json.dumps({"escrow": good})), good)
        bad = [{}, 1, good | {"key": "a b"}, good | {"key": 7}, good | {"sealed": "$(rm)"}, good | {"sealed": ""}, good | {"sealed": "A" * 1400}]
        for told in (*(json.dumps({"escrow": one}) for one in bad), "", "[" * 5000, "[]"):
            self.assertIsNone(sealed.escrowed(told), told[:50])
        self.public.write_text("no key")
        with self.assertRaises(OSError):
            sealed.escrow(self.public, "hush")


class Archive(unittest.TestCase):
    """A folder that pgBackRest's internal commands work on."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.repo = self.home / "repo"
        self.config = self.home / "pgbackrest.conf"
        self.config.write_text("[global]\nrepo1-cipher-pass=hush\n[shop-c-1]\n")
        self.fails, self.info = None, {}

    def pgbackrest(self, *words, given=b""):
        if self.fails:
            raise self.fails
        verb = next(word for word in words if word in ("repo-put", "repo-get", "repo-ls", "repo-rm", "info"))
        path = self.repo / words[-1]
        if verb == "repo-put":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(given)
        if verb == "repo-rm":
            path.unlink(missing_ok=True)
        if verb == "repo-ls":
            names = sorted(os.listdir(path)) if path.is_dir() else []
            files = {name: {"type": "file", "size": (path / name).stat().st_size, "time": 1} for name in names}
            return (json.dumps({".": {"type": "path"}} | files) if "--output=json" in words else "\n".join(names)).encode()
        if verb == "info":
            stanza = next(word.split("=")[1] for word in words if word.startswith("--stanza="))
            return json.dumps([self.info[stanza]] if stanza in self.info else []).encode()
        return path.read_bytes() if verb == "repo-get" else b""


class Put(Archive):
    def setUp(self):
        super().setUp()
        for patch in (
            mock.patch.object(manifest, "CONFIG", str(self.config)),
            mock.patch.object(manifest, "NOTES", self.home / "notes"),
            mock.patch.object(manifest, "backrest", lambda _, *words, **how: self.pgbackrest(*words, **how)),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def ask(self, verb, text=OBJECT):
        given = mock.Mock(buffer=io.BytesIO(base64.b64encode(text)))
        with mock.patch.object(manifest.sys, "stdin", given):
            manifest.main([verb, "shop-c-1", UID])
        return json.loads((self.home / "notes" / f"{UID}.json").read_text())

    def test_a_manifest_is_put_again_and_again_and_removed_again_and_again(self):
        place = self.repo / "manifests" / "shop-c-1" / f"{UID}.json"
        for _ in range(2):
            self.assertEqual(self.ask("put"), {"state": "stored"})
            self.assertEqual(sealed.unseal("hush", "shop-c-1", UID, place.read_text()), OBJECT)
        for _ in range(2):
            self.assertEqual(self.ask("remove"), {"state": "absent"})
            self.assertFalse(place.exists())

    def test_where_there_is_a_public_key_the_passphrase_is_sealed_to_it(self):
        private, _ = key_pair(self.home)
        self.assertEqual(self.ask("put"), {"state": "stored"})
        whole = (self.repo / "manifests" / "shop-c-1" / f"{UID}.json").read_text()
        self.assertEqual(opened(private, sealed.escrowed(whole)), "hush")
        (self.home / "escrow.pem").write_text("no key")
        self.assertIn("openssl", self.ask("put")["cause"])

    def test_what_is_no_manifest_of_this_backup_is_not_put(self):
        for text in (b"{}", b"no json", json.dumps({"metadata": {"uid": "u-2"}}).encode(), b"x" * (manifest.MOST_BYTES + 1)):
            self.assertEqual(self.ask("put", text)["state"], "unknown")
        self.assertFalse(self.repo.exists())

    def test_an_archive_that_is_not_reached_is_an_answer(self):
        self.fails = manifest.Failed("[HostConnectError]")
        self.assertEqual(self.ask("put"), {"state": "unknown", "cause": "[HostConnectError]"})

    def test_words_that_a_shell_would_read_are_refused(self):
        for words in (["put", "s", "u; rm"], ["put", "../s", "u"], ["put", "s"], ["take", "s", "u"]):
            with self.assertRaises(SystemExit):
                manifest.main(words)


class Import(Archive):
    def setUp(self):
        super().setUp()
        self.files = self.home / "files"
        self.files.mkdir()
        (self.files / "archive-passphrase").write_text("hush\n")
        for patch in (
            mock.patch.object(reader, "FILES", self.files),
            mock.patch.object(reader, "CONFIG", self.config),
            mock.patch.object(reader, "backrest", self.pgbackrest),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def put(self, stanza="shop-c-0b5a4f4e", backup=UID, passphrase="hush"):
        self.pgbackrest("repo-put", f"manifests/{stanza}/{backup}.json", given=sealed.seal(passphrase, stanza, backup, OBJECT).encode())

    def put_raw(self, backup, whole):
        self.pgbackrest("repo-put", f"manifests/shop-c-0b5a4f4e/{backup}.json", given=whole)

    def faults(self):
        return [line["manifest"].get("fault") for line in self.told() if "manifest" in line]

    def told(self, which="-", *words):
        out = io.StringIO()
        with redirect_stdout(out):
            reader.main([*(words or ("gcs", "wal", "stylobate", "-", "workload")), which])
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        self.assertEqual(lines[-1], {"lines": len(lines) - 1})
        return lines[:-1]

    def test_manifests_and_copies_of_each_part_are_told(self):
        self.put()
        (self.repo / "archive" / "shop-d-99999999").mkdir(parents=True)
        self.info["shop-d-99999999"] = {"name": "shop-d-99999999", "status": {"code": 0, "message": "ok"}, "db": [{"id": 1}], "backup": [{"label": "x"}]}
        parts, c, read, d = self.told()
        self.assertEqual(parts["parts"], ["shop-c-0b5a4f4e", "shop-d-99999999"])
        self.assertEqual((c["part"], c["copies"]), ("shop-c-0b5a4f4e", []))
        self.assertEqual(read["manifest"]["text"].encode(), OBJECT)
        self.assertEqual(d["copies"], [{"label": "x"}])

    def test_a_cluster_is_found_by_its_name_or_its_uid(self):
        for which in ("c", "0b5a4f4e-1111-2222-3333-444455556666"):
            self.assertTrue(reader.of(which, "shop-c-0b5a4f4e"), which)
            self.assertTrue(reader.of(which, "shop-c-0b5a4f4e-2"), which)
        for which in ("d", "hop-c", "1b5a4f4e-1111", "."):
            self.assertFalse(reader.of(which, "shop-c-0b5a4f4e"), which)
        self.put()
        self.assertEqual(len(self.told("d")), 1)

    def test_each_manifest_that_is_not_believed_says_why_and_the_others_are_told(self):
        self.put()
        self.put(backup=NEXT, passphrase="other")
        self.put_raw(LAST, b'{"kind"')
        self.assertEqual(self.faults(), [None, "passphrase", "truncated"])

    def test_one_of_thousands_of_brackets_and_one_that_breaks_the_reader_are_their_own_fault(self):
        self.put()
        self.put_raw(NEXT, b"[" * 5000)
        self.assertEqual(self.faults(), [None, "truncated"])
        unseal = sealed.unseal

        def breaks(passphrase, stanza, backup, whole):
            return unseal(passphrase, stanza, backup, whole) if backup == UID else 1 // 0

        with mock.patch.object(sealed, "unseal", breaks):
            self.assertEqual(self.faults(), [None, "unread"])

    def test_a_file_that_is_larger_than_any_manifest_is_not_read(self):
        self.put()
        self.put_raw(NEXT, b"x" * 2000)
        read = []

        def asked(*words, **how):
            read.extend(word for word in words if NEXT in word)
            return self.pgbackrest(*words, **how)

        with mock.patch.object(sealed, "MOST_WHOLE", 1999), mock.patch.object(reader, "backrest", asked):
            self.assertEqual(self.faults(), [None, "truncated"])
        self.assertEqual(read, [])
        with mock.patch.object(reader, "LARGE", 10):
            self.assertEqual(self.faults(), [None, "truncated"], "large ones are read one after the other")

    def test_what_is_not_called_by_a_uid_is_told_and_not_opened(self):
        self.put()
        for name in ("u-2", "a b", UID.upper(), UID + "0", "\u202egnp"):
            self.put_raw(name, b"{}")
        self.assertEqual(sorted(map(str, self.faults())), ["None", *["forged"] * 5])

    def test_a_part_that_can_t_be_read_and_an_archive_that_can_t_be_reached_are_told_in_pgbackrest_s_words(self):
        self.put()
        wrong = {"code": 99, "message": "other"}
        self.info["shop-c-0b5a4f4e"] = {"name": "shop-c-0b5a4f4e", "status": wrong, "repo": [{"status": {"code": 99, "message": "[CryptoError]"}}]}
        self.assertEqual(self.told()[1], {"part": "shop-c-0b5a4f4e", "cause": "[CryptoError]"})
        with mock.patch.object(reader, "backrest", lambda *_: b'[{"name": "s", "status": {"code": 99, "message": "FormatError \xe9\x01"}}]'):
            with self.assertRaises(reader.Failed) as failed:
                reader.copies("s")
        self.assertIn("FormatError", str(failed.exception), "bytes of what can't be decrypted are no text")
        self.fails = reader.Failed("403 (Forbidden)")
        self.assertEqual(self.told(), [{"failed": "403 (Forbidden)"}])

    def test_the_configuration_is_that_of_members_and_the_passphrase_is_in_no_answer(self):
        self.put()
        (self.files / "ca.crt").write_text("pem")
        told = self.told("-", "gcs", "wal", "shop/c", "gcs.test.svc:4443", "anonymous")
        lines = self.config.read_text().splitlines()
        for line in ("repo1-path=/shop/c", "repo1-gcs-endpoint=gcs.test.svc:4443", f"repo1-storage-ca-file={self.files}/ca.crt", "repo1-cipher-pass=hush"):
            self.assertIn(line, lines)
        self.assertNotIn("hush", json.dumps(told))
        self.told("-", "posix", "/archive/stylobate")
        self.assertIn("repo1-path=/archive/stylobate", self.config.read_text())

    def test_a_secret_that_lacks_an_entry_is_told_with_its_name(self):
        self.assertIn("no entry key.json", self.told("-", "gcs", "wal", "p", "-", "key")[0]["failed"])
        (self.files / "archive-passphrase").write_text("\n")
        self.assertIn("archive-passphrase of the Secret is empty", self.told()[0]["failed"])

    def test_without_the_passphrase_what_there_is_of_it_is_told_and_nothing_else(self):
        private, public = key_pair(self.home)
        self.put()
        for backup in (NEXT, LAST):
            self.put_raw(backup, sealed.seal("hush", "shop-c-0b5a4f4e", backup, OBJECT, public).encode())
        self.put_raw("u-2", b"[" * 5000)
        for number in range(30):  # of before the key was given, and what somebody else put there
            self.put_raw(f"{number:08x}-0000-4000-8000-000000000001", sealed.seal("hush", "shop-c-0b5a4f4e", UID, OBJECT).encode())
            self.put_raw(f"0{number:03x}", json.dumps({"escrow": {"key": "a" * 64, "sealed": "aGk="}}).encode())
        self.pgbackrest("repo-put", "manifests/shop-d-99999999/x.json", given=b"{}")
        (self.files / "archive-passphrase").unlink()
        parts, *told = self.told()
        self.assertEqual((parts["parts"], [line["escrow"]["part"] for line in told]), ([], ["shop-c-0b5a4f4e"] * 2))
        self.assertEqual([opened(private, line["escrow"]) for line in told], ["hush"] * 2)
        self.assertNotIn("cipher", self.config.read_text())
        self.assertEqual(len(self.told("d")), 1)

    def test_words_that_are_none_are_refused(self):
        for words in (["gcs", "wal"], ["s3", "a", "b"], ["posix", "/a\nrepo1-host=evil", "-"]):
            with self.assertRaises(SystemExit):
                reader.main(words)


if __name__ == "__main__":
    unittest.main()
