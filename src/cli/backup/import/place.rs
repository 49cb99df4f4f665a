//! Where an archive is, as it is written on the command line, and how the reader of the image is told.

use serde_json::{Value, json};

use crate::engine::paths;

use super::super::super::explain::Error;

/// Folder in a bucket when none is named: that of `spec.backup.archive.gcs.prefix`.
const FOLDER: &str = "stylobate";

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of a bucket.
    Gcs {
        /// Bucket.
        bucket: String,
        /// Folder in it.
        prefix: String,
    },
    /// A volume claim of the namespace.
    Volume {
        /// Claim.
        claim: String,
    },
}

/// How a bucket is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// As the pod's ServiceAccount.
    Workload,
    /// By the key of the Secret.
    Key,
    /// Not at all: an emulator.
    Anonymous,
}

/// All that leads to an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it is.
    pub place: Place,
    /// Host and port in place of Google's.
    pub endpoint: Option<String>,
    /// How it is entered.
    pub login: Login,
    /// Secret with what opens it.
    pub secret: String,
    /// That Secret has the authority of the endpoint's certificate.
    pub authority: bool,
    /// That Secret has the passphrase.
    pub opens: bool,
}

impl Place {
    /// Reads `gs://BUCKET/FOLDER` or `volume:CLAIM`.
    ///
    /// # Errors
    /// What it should look like.
    pub fn read(text: &str) -> Result<Self, Error> {
        let refused = |why: &str| {
            Err(Error::Plain(format!(
                "--from is '{text}': {why}; write gs://BUCKET/FOLDER, as spec.backup.archive.gcs of the cluster had it, or volume:CLAIM"
            )))
        };
        if let Some(claim) = text.strip_prefix("volume:") {
            return if is_word(claim, "-.") {
                Ok(Self::Volume { claim: claim.into() })
            } else {
                refused("it names no volume claim")
            };
        }
        let Some(rest) = text.strip_prefix("gs://") else { return refused("it is no place of an archive") };
        let (bucket, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest, FOLDER));
        if !(3..=63).contains(&bucket.len()) || !is_word(bucket, "-_.") {
            return refused("no bucket has such a name");
        }
        if !prefix.split('/').all(|part| is_word(part, "-_")) {
            return refused(
                "its folder has other letters than an archive's: letters, digits, '-' and '_', with '/' between",
            );
        }
        Ok(Self::Gcs { bucket: bucket.into(), prefix: prefix.into() })
    }

    /// As a person would name it.
    pub fn human(&self) -> String {
        match self {
            Self::Gcs { bucket, prefix } => format!("gs://{bucket}/{prefix}"),
            Self::Volume { claim } => format!("volume:{claim}"),
        }
    }
}

/// Letters, digits and these, and neither at the beginning.
pub fn is_word(text: &str, beside: &str) -> bool {
    text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || beside.contains(letter))
}

/// What Kubernetes calls an object by: `UID` of images/postgres/archive-import.
pub fn is_uid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

/// A full copy's name, when it was begun: `LABEL` of images/postgres/archive-backup, which makes no others.
pub fn is_label(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|letter| letter.is_ascii_digit());
    text.len() == 16
        && text.ends_with('F')
        && text.split_once('-').is_some_and(|(day, time)| day.len() == 8 && digits(day) && digits(&time[..6]))
}

/// A snapshot's handle as a driver makes one, that a person can give back in quotes on a command line.
pub fn is_handle(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/-_.:@=+#,|~%".contains(letter))
}

impl Way {
    /// What the image's `archive-import` is called with, to tell of this cluster or of all.
    pub fn arguments(&self, which: Option<&str>) -> Vec<String> {
        let which = which.unwrap_or("-").to_owned();
        let mut words = vec!["archive-import".to_owned()];
        match &self.place {
            Place::Gcs { bucket, prefix } => {
                let login = match self.login {
                    Login::Workload => "workload",
                    Login::Key => "key",
                    Login::Anonymous => "anonymous",
                };
                let endpoint = self.endpoint.clone().unwrap_or_else(|| "-".into());
                words.extend(["gcs".into(), bucket.clone(), prefix.clone(), endpoint, login.into()]);
            }
            Place::Volume { claim: _ } => {
                words.extend(["posix".into(), format!("{}/{FOLDER}", paths::ARCHIVE_VOLUME)]);
            }
        }
        words.push(which);
        words
    }

    /// Where the archive is by now, as `spec.backup.archive` says it: the bucket that a backup was made to may be gone, and this one a copy
    /// of it.
    pub fn archive(&self) -> Value {
        match &self.place {
            Place::Volume { claim } => json!({"volume": {"claim": claim}}),
            Place::Gcs { bucket, prefix } => {
                let mut gcs = json!({"bucket": bucket, "prefix": prefix});
                if let Some(endpoint) = &self.endpoint {
                    gcs["endpoint"] = json!(endpoint);
                }
                if self.login == Login::Anonymous {
                    gcs["anonymous"] = json!(true);
                }
                if self.login == Login::Key {
                    gcs["serviceAccountSecret"] = json!(self.secret);
                }
                if self.authority {
                    gcs["caSecret"] = json!(self.secret);
                }
                json!({"gcs": gcs})
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What leads to an archive, as members show who they are.
    pub fn way(from: &str) -> Way {
        Way {
            place: Place::read(from).unwrap(),
            endpoint: None,
            login: Login::Workload,
            secret: "old".into(),
            authority: false,
            opens: true,
        }
    }

    #[test]
    fn a_place_is_a_folder_of_a_bucket_or_a_claim_and_anything_else_is_answered_with_what_is_one() {
        let gcs = |bucket: &str, prefix: &str| Place::Gcs { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(Place::read("gs://acme-wal/shop/ledger/").unwrap(), gcs("acme-wal", "shop/ledger"));
        assert_eq!(Place::read("gs://acme-wal").unwrap(), gcs("acme-wal", "stylobate"));
        assert_eq!(Place::read("volume:wal").unwrap(), Place::Volume { claim: "wal".into() });
        for bad in [
            "s3://x/y",
            "gs://",
            "gs://a",
            "gs://acme/../x",
            "gs://acme//x",
            "volume:",
            "gs://acme/x y",
            "gs://acme/-x",
        ] {
            let told = Place::read(bad).unwrap_err().to_string();
            assert!(
                told.contains(&format!("--from is '{bad}'")) && told.contains("gs://BUCKET/FOLDER"),
                "{told}"
            );
        }
    }

    #[test]
    fn uids_labels_and_handles_have_a_form_and_nothing_else_is_one() {
        assert!(is_uid("0b1c2d3e-0000-4000-8000-000000000001"));
        for bad in ["", "u-1", "0B1C2D3E-0000-4000-8000-000000000001", "0b1c2d3e-0000-4000-8000-00000000000/"]
        {
            assert!(!is_uid(bad), "{bad}");
        }
        assert!(is_label("20261122-143144F"));
        for bad in [
            "",
            "F",
            "20261122-143144F_20261123-143144I",
            "20261122-14314xF",
            "2026112-2143144F",
            "\u{fc}261122-14314F",
            "20261122-\u{fc}1314F",
        ] {
            assert!(!is_label(bad), "{bad}");
        }
        assert!(
            is_handle("projects/p/global/snapshots/s")
                && is_handle("/subscriptions/1/x")
                && is_handle("snap-0a")
        );
        for bad in ["", "a b", "a'; rm", "a\u{202e}", "$(x)", "`x`"] {
            assert!(!is_handle(bad), "{bad}");
        }
    }

    #[test]
    fn the_reader_and_the_restored_cluster_are_told_of_the_same_place() {
        let mut way = Way {
            place: Place::read("gs://wal/shop/c").unwrap(),
            endpoint: Some("gcs:4443".into()),
            login: Login::Anonymous,
            secret: "old".into(),
            authority: true,
            opens: true,
        };
        assert_eq!(
            way.arguments(Some("c")),
            ["archive-import", "gcs", "wal", "shop/c", "gcs:4443", "anonymous", "c"]
        );
        let gcs = &way.archive()["gcs"];
        assert_eq!(
            (&gcs["endpoint"], &gcs["anonymous"], &gcs["caSecret"]),
            (&json!("gcs:4443"), &json!(true), &json!("old"))
        );
        (way.endpoint, way.login, way.authority) = (None, Login::Key, false);
        assert_eq!(way.arguments(None)[4..], ["-", "key", "-"]);
        assert_eq!(
            way.archive(),
            json!({"gcs": {"bucket": "wal", "prefix": "shop/c", "serviceAccountSecret": "old"}})
        );
        way.place = Place::read("volume:wal").unwrap();
        assert_eq!(way.arguments(None), ["archive-import", "posix", "/archive/stylobate", "-"]);
    }
}
