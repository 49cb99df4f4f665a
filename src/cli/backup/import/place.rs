//! Where an archive is, as it is written on the command line, and how the reader of the image is told.

use serde_json::{Value, json};

use crate::archive::{GCS_KEY, S3_KEY, S3_SECRET, s3_host};
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
    /// A folder of a bucket of Amazon S3, or of a store that speaks its language.
    S3 {
        /// Bucket.
        bucket: String,
        /// Folder in it.
        prefix: String,
        /// Region.
        region: String,
        /// The bucket is named in the path of a request, not in its host.
        path_style: bool,
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
    /// By the key in the Secret.
    Key,
    /// Not at all: an emulator.
    Anonymous,
}

/// All that leads to an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where it is.
    pub place: Place,
    /// Host and port in place of Google's or Amazon's.
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
    /// Reads `gs://BUCKET/FOLDER`, `s3://BUCKET/FOLDER` or `volume:CLAIM`; a bucket of S3 has a region.
    ///
    /// # Errors
    /// What it should look like.
    pub fn read(text: &str, region: Option<&str>, path_style: bool) -> Result<Self, Error> {
        let refused = |why: &str| {
            Err(Error::Plain(format!(
                "--from is '{text}': {why}; write gs://BUCKET/FOLDER or s3://BUCKET/FOLDER, as spec.backup.archive of the cluster had it, or \
                 volume:CLAIM"
            )))
        };
        if let Some(claim) = text.strip_prefix("volume:") {
            return if is_word(claim, "-.") {
                Ok(Self::Volume { claim: claim.into() })
            } else {
                refused("it names no volume claim")
            };
        }
        let Some((kind, rest)) = text.split_once("://").filter(|(kind, _)| matches!(*kind, "gs" | "s3"))
        else {
            return refused("it is no place of an archive");
        };
        let (bucket, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest, FOLDER));
        if !(3..=63).contains(&bucket.len()) || !is_word(bucket, "-_.") {
            return refused("no bucket has such a name");
        }
        if !prefix.split('/').all(|part| is_word(part, "-_")) {
            return refused(
                "its folder has other letters than an archive's: letters, digits, '-' and '_', with '/' between",
            );
        }
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        match (kind, region) {
            ("gs", None) if !path_style => Ok(Self::Gcs { bucket, prefix }),
            ("gs", _) => refused("--region and --path-style are of s3:// alone"),
            (_, Some(region)) if is_word(region, "-") => {
                Ok(Self::S3 { bucket, prefix, region: region.into(), path_style })
            }
            (_, Some(region)) => Err(Error::Plain(format!(
                "--region is '{region}': write the region of the bucket, as eu-central-1"
            ))),
            (_, None) => refused("a bucket of S3 has a region, so give --region, as eu-central-1"),
        }
    }

    /// As a person would name it.
    pub fn human(&self) -> String {
        match self {
            Self::Gcs { bucket, prefix } => format!("gs://{bucket}/{prefix}"),
            Self::S3 { bucket, prefix, .. } => format!("s3://{bucket}/{prefix}"),
            Self::Volume { claim } => format!("volume:{claim}"),
        }
    }

    /// Entries of a Secret by which this place is entered: with all of them it is entered by key.
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::Gcs { .. } => &[GCS_KEY],
            Self::S3 { .. } => &[S3_KEY, S3_SECRET],
            Self::Volume { .. } => &[],
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
        let endpoint = self.endpoint.clone().unwrap_or_else(|| "-".into());
        match &self.place {
            Place::Gcs { bucket, prefix } => {
                let login = match self.login {
                    Login::Workload => "workload",
                    Login::Key => "key",
                    Login::Anonymous => "anonymous",
                };
                words.extend(["gcs".into(), bucket.clone(), prefix.clone(), endpoint, login.into()]);
            }
            Place::S3 { bucket, prefix, region, path_style } => {
                let style = if *path_style { "path" } else { "host" };
                let host = self.endpoint.clone().unwrap_or_else(|| s3_host(region));
                words.extend([
                    "s3".into(),
                    bucket.clone(),
                    prefix.clone(),
                    host,
                    region.clone(),
                    style.into(),
                ]);
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
            Place::S3 { bucket, prefix, region, path_style } => {
                let mut s3 = json!({"bucket": bucket, "prefix": prefix, "region": region, "credentialsSecret": self.secret});
                if let Some(endpoint) = &self.endpoint {
                    s3["endpoint"] = json!(endpoint);
                }
                if *path_style {
                    s3["pathStyle"] = json!(true);
                }
                if self.authority {
                    s3["caSecret"] = json!(self.secret);
                }
                json!({"s3": s3})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_of_a_bucket_or_a_claim_and_anything_else_is_answered_with_what_is_one() {
        let gcs = |bucket: &str, prefix: &str| Place::Gcs { bucket: bucket.into(), prefix: prefix.into() };
        let read = |text: &str| Place::read(text, None, false);
        assert_eq!(read("gs://acme-wal/shop/ledger/").unwrap(), gcs("acme-wal", "shop/ledger"));
        assert_eq!(read("gs://acme-wal").unwrap(), gcs("acme-wal", "stylobate"));
        assert_eq!(read("volume:wal").unwrap(), Place::Volume { claim: "wal".into() });
        for bad in [
            "az://x/y",
            "s3://acme/y",
            "gs://",
            "gs://a",
            "gs://acme/../x",
            "gs://acme//x",
            "volume:",
            "gs://acme/x y",
            "gs://acme/-x",
        ] {
            let told = read(bad).unwrap_err().to_string();
            assert!(
                told.contains(&format!("--from is '{bad}'")) && told.contains("gs://BUCKET/FOLDER"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_bucket_of_s3_has_a_region_and_one_of_google_has_none() {
        let read = |text: &str, region| Place::read(text, region, false);
        let place = read("s3://acme-wal/shop", Some("eu-central-1")).unwrap();
        let (bucket, prefix, region) = ("acme-wal".into(), "shop".into(), "eu-central-1".into());
        assert_eq!(place, Place::S3 { bucket, prefix, region, path_style: false });
        assert_eq!(place.human(), "s3://acme-wal/shop");
        assert!(read("s3://acme-wal", None).unwrap_err().to_string().contains("give --region"));
        assert!(read("s3://acme-wal", Some("a b")).unwrap_err().to_string().contains("--region is 'a b'"));
        assert!(read("gs://acme-wal", Some("r")).unwrap_err().to_string().contains("of s3:// alone"));
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
            place: Place::read("gs://wal/shop/c", None, false).unwrap(),
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
        way.place = Place::read("s3://wal/shop/c", Some("r-1"), true).unwrap();
        assert_eq!(
            way.arguments(Some("c")),
            ["archive-import", "s3", "wal", "shop/c", "s3.r-1.amazonaws.com", "r-1", "path", "c"]
        );
        (way.endpoint, way.authority) = (Some("s3:9000".into()), true);
        assert_eq!(way.arguments(None)[4..], ["s3:9000", "r-1", "path", "-"]);
        let s3 = json!({
            "bucket": "wal", "prefix": "shop/c", "region": "r-1", "endpoint": "s3:9000", "pathStyle": true,
            "credentialsSecret": "old", "caSecret": "old",
        });
        assert_eq!(way.archive(), json!({"s3": s3}));
        let taken: crate::api::Archive = serde_json::from_value(way.archive()).unwrap();
        assert!(taken.s3.is_some_and(|s3| s3.path_style), "as the definition has it");
        way.place = Place::read("volume:wal", None, false).unwrap();
        assert_eq!(way.arguments(None), ["archive-import", "posix", "/archive/stylobate", "-"]);
    }
}
