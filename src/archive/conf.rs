//! pgBackRest's configuration, and the files beside it that it names.

use std::collections::BTreeMap;

use crate::engine::{hba, paths};
use crate::observe::SecretData;
use crate::secret::SecretText;

use super::{ArchiveTarget, Login, Place};

/// Name of the configuration in its folder.
pub const CONF: &str = "pgbackrest.conf";
/// The key that the passphrase is sealed to, beside it: `ESCROW` of images/postgres/archive-manifest.
const ESCROW: &str = "escrow.pem";
/// Option with the passphrase.
const CIPHER_PASS: &str = "repo1-cipher-pass";
/// Folder of the archive on its volume.
const FOLDER: &str = "stylobate";
/// Seconds that `archive-push` waits for its own worker. Postgres asks again anyway, and while it stops it waits for this up to six
/// times (measured: 25 s with an archive that does not answer).
const PUSH_SECONDS: i32 = 5;
/// Seconds after which one try to reach the archive is given up. The worker makes about 18 of them before it says why it failed
/// (74 s with 4 s and a refused connection, measured); with the default of a minute the news would come after a quarter of
/// an hour.
const IO_SECONDS: i32 = 5;
/// What is sent at once to an emulator. Google's answer to an upload in parts names it in a header (`X-GUploader-UploadID`) that
/// fake-gcs-server 1.56 does not send ("upload id missing", seen), so what is larger than this can't be put there. Each process of
/// pgBackRest has a buffer of this size: in production its own 4 MiB are right.
const EMULATOR_CHUNK: &str = "32MiB";
/// Processes that compress and send: one keeps up with 50 MB/s, and a burst must not take the member's CPU.
const PROCESSES: i32 = 2;

/// The files in the folder of pgBackRest's configuration; none while a Secret that they need is not there. `prefix` tells the
/// files of one archive from those of another in the same folder.
pub fn files(
    archive: &ArchiveTarget,
    prefix: &str,
    passphrase: &SecretText,
    given: &BTreeMap<String, Option<SecretData>>,
) -> Option<SecretData> {
    let entry = |secret: &String, key: &str| given.get(secret)?.as_ref()?.get(key).cloned();
    let mut files = SecretData::from([(format!("{prefix}{CONF}"), conf(archive, prefix, passphrase))]);
    if let Some(key) = &archive.escrow {
        files.insert(format!("{prefix}{ESCROW}"), SecretText::new(key.clone()));
    }
    if let Place::Gcs { login, authority, .. } = &archive.place {
        if let Login::Key(secret) = login {
            files.insert(format!("{prefix}key.json"), entry(secret, "key.json")?);
        }
        if let Some(secret) = authority {
            files.insert(format!("{prefix}ca.crt"), entry(secret, "ca.crt")?);
        }
    }
    Some(files)
}

/// The configuration.
pub fn conf(archive: &ArchiveTarget, prefix: &str, passphrase: &SecretText) -> SecretText {
    let file = |name: &str| format!("{}/{prefix}{name}", paths::ARCHIVE);
    let mut lines = vec!["[global]".to_owned()];
    // A value is one line: what a Secret of somebody else's has after it is no option of its own.
    let mut set =
        |name: &str, value: &str| lines.push(format!("{name}={}", value.lines().next().unwrap_or_default()));
    match &archive.place {
        Place::Gcs { bucket, prefix: folder, endpoint, login, authority } => {
            set("repo1-type", "gcs");
            set("repo1-path", &format!("/{folder}"));
            set("repo1-gcs-bucket", bucket);
            match login {
                Login::Workload => set("repo1-gcs-key-type", "auto"),
                Login::Key(_) => {
                    set("repo1-gcs-key-type", "service");
                    set("repo1-gcs-key", &file("key.json"));
                }
                Login::Anonymous => {
                    set("repo1-gcs-key-type", "token");
                    set("repo1-gcs-key", "none");
                    set("repo1-storage-upload-chunk-size", EMULATOR_CHUNK);
                }
            }
            if let Some(endpoint) = endpoint {
                set("repo1-gcs-endpoint", endpoint);
            }
            if authority.is_some() {
                set("repo1-storage-ca-file", &file("ca.crt"));
            }
        }
        Place::Volume { claim: _ } => {
            set("repo1-type", "posix");
            set("repo1-path", &format!("{}/{FOLDER}", paths::ARCHIVE_VOLUME));
        }
    }
    set("repo1-cipher-type", "aes-256-cbc");
    set(CIPHER_PASS, passphrase.expose());
    set("compress-type", "zst");
    set("process-max", &PROCESSES.to_string());
    // Only a note of what is pushed is kept there: after its loss the same segment is pushed again, and found to be there.
    set("archive-async", "y");
    set("spool-path", "/tmp/archive/spool");
    set("lock-path", "/tmp/archive/lock");
    set("archive-timeout", &PUSH_SECONDS.to_string());
    set("io-timeout", &IO_SECONDS.to_string());
    if let Some(bytes) = archive.max_backlog {
        set("archive-push-queue-max", &bytes.to_string());
    }
    set("log-level-file", "off");
    set("log-level-console", "off");
    set("log-level-stderr", "warn");
    lines.push(format!("[{}]", archive.stanza));
    lines.push(format!("pg1-path={}", paths::PGDATA));
    lines.push(format!("pg1-socket-path={}", paths::SOCKETS));
    lines.push(format!("pg1-user={}", hba::SUPERUSER));
    lines.push(String::new());
    SecretText::new(lines.join("\n"))
}

/// The passphrase that a configuration has.
pub fn passphrase_of(conf: &SecretText) -> Option<SecretText> {
    let value = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (name == CIPHER_PASS && !value.is_empty()).then(|| SecretText::new(value))
    };
    conf.expose().lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gcs(login: Login, authority: Option<&str>) -> ArchiveTarget {
        let place = Place::Gcs {
            bucket: "wal".into(),
            prefix: "prod".into(),
            endpoint: None,
            login,
            authority: authority.map(str::to_owned),
        };
        ArchiveTarget {
            stanza: "shop-c-1".into(),
            place,
            max_backlog: None,
            retention_days: None,
            escrow: None,
        }
    }

    fn has(text: &SecretText, line: &str) -> bool {
        text.expose().lines().any(|found| found == line)
    }

    #[test]
    fn members_without_a_key_ask_the_platform_who_they_are() {
        let text = conf(&gcs(Login::Workload, None), "", &SecretText::new("p"));
        assert!(has(&text, "repo1-gcs-key-type=auto") && has(&text, "repo1-path=/prod"));
        assert!(!text.expose().contains("storage-ca-file"), "Google's authority is the image's");
        assert!(!text.expose().contains("chunk-size"), "each process would take the memory");
    }

    #[test]
    fn wal_is_encrypted_and_the_passphrase_never_printed() {
        let archive = gcs(Login::Anonymous, None);
        let text = conf(&archive, "", &SecretText::new("hush"));
        assert!(has(&text, "repo1-storage-upload-chunk-size=32MiB"), "an emulator takes no upload in parts");
        assert!(has(&text, "repo1-cipher-type=aes-256-cbc") && has(&text, "repo1-cipher-pass=hush"));
        assert!(!format!("{text:?} {archive:?}").contains("hush"));
        assert_eq!(passphrase_of(&text), Some(SecretText::new("hush")));
        assert_eq!(passphrase_of(&SecretText::new("[global]")), None);
    }

    #[test]
    fn a_passphrase_of_several_lines_adds_no_option() {
        let text = conf(&gcs(Login::Workload, None), "", &SecretText::new("hush\nrepo1-host=evil"));
        assert!(has(&text, "repo1-cipher-pass=hush") && !text.expose().contains("evil"));
    }

    #[test]
    fn nothing_is_rendered_while_a_named_secret_is_not_there() {
        let archive = gcs(Login::Key("sa".into()), Some("ca"));
        let pass = SecretText::new("p");
        let mut given = BTreeMap::from([("sa".to_owned(), None), ("ca".to_owned(), None)]);
        assert_eq!(files(&archive, "", &pass, &given), None);
        given.insert("sa".into(), Some(SecretData::from([("key.json".into(), SecretText::new("{}"))])));
        given.insert("ca".into(), Some(SecretData::from([("ca.crt".into(), SecretText::new("pem"))])));
        let files = files(&archive, "source-", &pass, &given).unwrap();
        assert_eq!(
            Vec::from_iter(files.keys()),
            ["source-ca.crt", "source-key.json", "source-pgbackrest.conf"]
        );
        let text = &files["source-pgbackrest.conf"];
        assert!(has(text, "repo1-gcs-key=/etc/stylobate/archive/source-key.json"), "{}", text.expose());
    }

    #[test]
    fn a_key_to_seal_to_lies_beside_the_passphrase_and_the_configuration_has_nothing_of_it() {
        let mut archive = gcs(Login::Workload, None);
        let of =
            |archive: &ArchiveTarget| files(archive, "", &SecretText::new("p"), &BTreeMap::new()).unwrap();
        let without = of(&archive);
        archive.escrow = Some("-----BEGIN PUBLIC KEY-----\n".into());
        let mut with = of(&archive);
        assert_eq!(with.remove(ESCROW).unwrap().expose(), "-----BEGIN PUBLIC KEY-----\n");
        assert_eq!(with, without);
    }

    #[test]
    fn a_volume_is_a_folder_and_the_backlog_a_number_of_bytes() {
        let place = Place::Volume { claim: "wal".into() };
        let archive = ArchiveTarget {
            stanza: "s".into(),
            place,
            max_backlog: Some(1 << 30),
            retention_days: None,
            escrow: None,
        };
        let text = conf(&archive, "", &SecretText::new("p"));
        assert!(has(&text, "repo1-path=/archive/stylobate"));
        assert!(has(&text, "archive-push-queue-max=1073741824"));
        assert!(has(&text, "[s]"));
    }
}
