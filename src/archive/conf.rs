//! pgBackRest's configuration, and the files beside it that it names.

use crate::engine::{hba, paths};
use crate::observe::SecretData;
use crate::secret::SecretText;

use super::ArchiveTarget;
use super::repo::{Entry, Repo};

/// Name of the configuration in its folder.
pub const CONF: &str = "pgbackrest.conf";
/// The key that the passphrase is sealed to, beside it: `ESCROW` of images/postgres/archive-manifest.
const ESCROW: &str = "escrow.pem";
/// Option with the passphrase.
const CIPHER_PASS: &str = "repo1-cipher-pass";
/// Prefix of the files of the second place.
const SECOND: &str = "second-";
/// Seconds that `archive-push` waits for its own worker. Postgres asks again anyway, and while it stops it waits for this up to six
/// times (measured: 25 s with an archive that does not answer).
const PUSH_SECONDS: i32 = 5;
/// Seconds after which one try to reach the archive is given up. The worker makes about 18 of them before it says why it failed
/// (74 s with 4 s and a refused connection, measured); with the default of a minute the news would come after a quarter of
/// an hour.
const IO_SECONDS: i32 = 5;
/// Processes that compress and send: one keeps up with 50 MB/s, and a burst must not take the member's CPU.
const PROCESSES: i32 = 2;

/// The files in the folder of pgBackRest's configuration; none while an entry of a Secret that they need is not there. `prefix` tells the
/// files of one archive from those of another in the same folder.
pub fn files(
    archive: &ArchiveTarget,
    prefix: &str,
    passphrase: &SecretText,
    entry: Entry,
) -> Option<SecretData> {
    let mut repos = vec![Repo::of(&archive.place, 1, prefix, entry)?];
    if let Some(second) = &archive.second {
        repos.push(Repo::of(&second.place, 2, &format!("{prefix}{SECOND}"), entry)?);
    }
    let (mut lines, mut files) = (Vec::new(), SecretData::new());
    for mut repo in repos {
        repo.set("cipher-type", "aes-256-cbc");
        repo.set("cipher-pass", passphrase.expose());
        lines.extend(repo.lines);
        files.extend(repo.files);
    }
    if let Some(key) = &archive.escrow {
        files.insert(format!("{prefix}{ESCROW}"), SecretText::new(key.clone()));
    }
    files.insert(format!("{prefix}{CONF}"), conf(archive, lines));
    Some(files)
}

/// The configuration, with these lines that lead to the archive.
fn conf(archive: &ArchiveTarget, places: Vec<String>) -> SecretText {
    let mut lines = vec!["[global]".to_owned()];
    lines.extend(places);
    let mut set = |name: &str, value: &str| lines.push(format!("{name}={value}"));
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
    use crate::archive::{Place, SecondTarget};
    use serde_json::{Value, json};

    fn archive(place: Value) -> ArchiveTarget {
        let spec = serde_json::from_value(place).unwrap();
        let second = Place::second(&spec).map(|place| SecondTarget { place, retention_days: None });
        let place = Place::of(&spec).unwrap();
        ArchiveTarget {
            stanza: "shop-c-1".into(),
            place,
            second,
            max_backlog: None,
            retention_days: None,
            escrow: None,
        }
    }

    fn text(place: Value, passphrase: &str) -> SecretText {
        let entry = |secret: &str, key: &str| Some(SecretText::new(format!("{key} of {secret}")));
        let files = files(&archive(place), "", &SecretText::new(passphrase), &entry).unwrap();
        files[CONF].clone()
    }

    fn has(text: &SecretText, line: &str) -> bool {
        text.expose().lines().any(|found| found == line)
    }

    #[test]
    fn members_without_a_key_ask_the_platform_who_they_are() {
        let text = text(json!({"gcs": {"bucket": "wal", "prefix": "prod"}}), "p");
        assert!(has(&text, "repo1-gcs-key-type=auto") && has(&text, "repo1-path=/prod"));
        assert!(!text.expose().contains("storage-ca-file"), "Google's authority is the image's");
        assert!(!text.expose().contains("chunk-size"), "each process would take the memory");
    }

    #[test]
    fn wal_is_encrypted_and_the_passphrase_never_printed() {
        let text = text(json!({"gcs": {"bucket": "wal", "anonymous": true}}), "hush");
        assert!(has(&text, "repo1-storage-upload-chunk-size=32MiB"), "an emulator takes no upload in parts");
        assert!(has(&text, "repo1-cipher-type=aes-256-cbc") && has(&text, "repo1-cipher-pass=hush"));
        assert!(!format!("{text:?}").contains("hush"));
        assert_eq!(passphrase_of(&text), Some(SecretText::new("hush")));
        assert_eq!(passphrase_of(&SecretText::new("[global]")), None);
    }

    #[test]
    fn a_passphrase_of_several_lines_adds_no_option() {
        let text = text(json!({"gcs": {"bucket": "wal"}}), "hush\nrepo1-host=evil");
        assert!(has(&text, "repo1-cipher-pass=hush") && !text.expose().contains("evil"));
    }

    #[test]
    fn a_store_that_speaks_s3_is_named_by_host_region_and_key() {
        let aws =
            json!({"bucket": "wal", "prefix": "prod", "region": "eu-central-1", "credentialsSecret": "aws"});
        let plain = text(json!({"s3": aws}), "hush");
        for line in [
            "repo1-type=s3",
            "repo1-path=/prod",
            "repo1-s3-bucket=wal",
            "repo1-s3-region=eu-central-1",
            "repo1-s3-endpoint=s3.eu-central-1.amazonaws.com",
            "repo1-s3-uri-style=host",
            "repo1-s3-key=AWS_ACCESS_KEY_ID of aws",
            "repo1-s3-key-secret=AWS_SECRET_ACCESS_KEY of aws",
            "repo1-cipher-pass=hush",
        ] {
            assert!(has(&plain, line), "{line}: {}", plain.expose());
        }
        assert!(!plain.expose().contains("storage-ca-file") && !plain.expose().contains("chunk-size"));
        let mut own = aws;
        own["endpoint"] = json!("s3.lan:9000");
        own["pathStyle"] = json!(true);
        own["caSecret"] = json!("ca");
        let own = text(json!({"s3": own}), "hush");
        assert!(has(&own, "repo1-s3-endpoint=s3.lan:9000") && has(&own, "repo1-s3-uri-style=path"));
        assert!(has(&own, "repo1-storage-ca-file=/etc/stylobate/archive/ca.crt"));
    }

    #[test]
    fn a_second_place_has_files_and_options_of_its_own_and_the_same_passphrase() {
        let first = json!({"bucket": "wal", "serviceAccountSecret": "one", "caSecret": "one"});
        let second = json!({"bucket": "far", "serviceAccountSecret": "two", "caSecret": "two"});
        let archive = archive(json!({"gcs": first, "second": {"gcs": second}}));
        let entry = |secret: &str, _: &str| Some(SecretText::new(secret));
        let files = files(&archive, "", &SecretText::new("hush"), &entry).unwrap();
        let of = |name: &str| files[name].expose().to_owned();
        assert_eq!([of("key.json"), of("second-key.json")], ["one", "two"]);
        assert_eq!([of("ca.crt"), of("second-ca.crt")], ["one", "two"]);
        for line in [
            "repo1-gcs-bucket=wal",
            "repo2-gcs-bucket=far",
            "repo1-gcs-key=/etc/stylobate/archive/key.json",
            "repo2-gcs-key=/etc/stylobate/archive/second-key.json",
            "repo2-storage-ca-file=/etc/stylobate/archive/second-ca.crt",
            "repo1-cipher-pass=hush",
            "repo2-cipher-pass=hush",
            "repo2-cipher-type=aes-256-cbc",
        ] {
            assert!(has(&files[CONF], line), "{line}: {}", files[CONF].expose());
        }
        assert_eq!(passphrase_of(&files[CONF]), Some(SecretText::new("hush")));
        let lacks = |secret: &str, _: &str| (secret != "two").then(|| SecretText::new("k"));
        assert_eq!(super::files(&archive, "", &SecretText::new("hush"), &lacks), None);
    }

    #[test]
    fn an_access_key_of_several_lines_adds_no_option() {
        let aws = json!({"bucket": "wal", "region": "r", "credentialsSecret": "aws"});
        let entry = |_: &str, key: &str| Some(SecretText::new(format!("{key}\nrepo1-s3-verify-tls=n")));
        let files = files(&archive(json!({"s3": aws})), "", &SecretText::new("p"), &entry).unwrap();
        assert!(has(&files[CONF], "repo1-s3-key=AWS_ACCESS_KEY_ID"));
        assert!(!files[CONF].expose().contains("verify-tls"));
    }

    #[test]
    fn nothing_is_rendered_while_a_named_secret_is_not_there() {
        let gcs = archive(json!({"gcs": {"bucket": "wal", "serviceAccountSecret": "sa", "caSecret": "ca"}}));
        let s3 = archive(json!({"s3": {"bucket": "wal", "region": "r", "credentialsSecret": "sa"}}));
        let pass = SecretText::new("p");
        for lacks in [["sa", "key.json"], ["ca", "ca.crt"]] {
            let entry = |secret: &str, key: &str| ([secret, key] != lacks).then(|| SecretText::new("{}"));
            assert_eq!(files(&gcs, "", &pass, &entry), None, "{lacks:?}");
        }
        for lacks in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let entry = |_: &str, key: &str| (key != lacks).then(|| SecretText::new("k"));
            assert_eq!(files(&s3, "", &pass, &entry), None, "{lacks}");
        }
        let files = files(&gcs, "source-", &pass, &|_, _| Some(SecretText::new("{}"))).unwrap();
        assert_eq!(
            Vec::from_iter(files.keys()),
            ["source-ca.crt", "source-key.json", "source-pgbackrest.conf"]
        );
        let text = &files["source-pgbackrest.conf"];
        assert!(has(text, "repo1-gcs-key=/etc/stylobate/archive/source-key.json"), "{}", text.expose());
    }

    #[test]
    fn a_key_to_seal_to_lies_beside_the_passphrase_and_the_configuration_has_nothing_of_it() {
        let mut archive = archive(json!({"gcs": {"bucket": "wal"}}));
        let of = |archive: &ArchiveTarget| files(archive, "", &SecretText::new("p"), &|_, _| None).unwrap();
        let without = of(&archive);
        archive.escrow = Some("-----BEGIN PUBLIC KEY-----\n".into());
        let mut with = of(&archive);
        assert_eq!(with.remove(ESCROW).unwrap().expose(), "-----BEGIN PUBLIC KEY-----\n");
        assert_eq!(with, without);
    }

    #[test]
    fn a_volume_is_a_folder_and_the_backlog_a_number_of_bytes() {
        let mut archive = archive(json!({"volume": {"claim": "wal"}}));
        archive.max_backlog = Some(1 << 30);
        let files = files(&archive, "", &SecretText::new("p"), &|_, _| None).unwrap();
        let text = &files[CONF];
        assert!(has(text, "repo1-path=/archive/stylobate"));
        assert!(has(text, "archive-push-queue-max=1073741824"));
        assert!(has(text, "[shop-c-1]"));
    }
}
