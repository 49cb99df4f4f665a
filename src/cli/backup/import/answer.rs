//! What the image's `archive-import` tells of an archive, line by line.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::place::is_word;

/// Note by which a copy says whose it is: `ANNOTATION` of images/postgres/archive-backup.
const OWNER: &str = "stylobate";

/// What is said of a part whose copies are told in another form.
const ODD: &str = "what pgBackRest lists is none that this release knows: import with a newer stylobate";

/// All that was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Names of all parts of the archive.
    pub parts: Vec<String>,
    /// What pgBackRest says of those that were asked for, or why it can't.
    pub read: BTreeMap<String, Result<Part, String>>,
    /// Manifests in them.
    pub manifests: Vec<Manifest>,
    /// Their passphrases, sealed; told where none was given.
    pub escrow: Vec<Sealed>,
}

/// The passphrase of a part, sealed to a key of the customer. Its form was looked at where it was read (`escrowed` of
/// images/postgres/sealed.py), and is looked at again: it goes into a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sealed {
    /// The part.
    pub part: String,
    /// SHA-256 of the public key as DER.
    pub key: String,
    /// RSAES-OAEP with SHA-256, as base64.
    pub sealed: String,
}

impl Sealed {
    fn is_one(&self) -> bool {
        let hex = |text: &str| text.bytes().all(|letter| letter.is_ascii_hexdigit());
        let base64 = |text: &str| {
            text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"+/=".contains(&letter))
        };
        is_word(&self.part, "-") && hex(&self.key) && !self.sealed.is_empty() && base64(&self.sealed)
    }
}

/// What pgBackRest says of a part.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Part {
    /// The databases that it was made of, one for each major.
    #[serde(default)]
    pub databases: Vec<Database>,
    /// Its copies.
    #[serde(default)]
    pub copies: Vec<Copy>,
}

/// A database, as pgBackRest counts them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Database {
    /// Its number in the part.
    pub id: i64,
    /// Postgres' system identifier.
    #[serde(rename = "system-id")]
    pub system_id: Value,
    /// Major.
    pub version: String,
}

/// A copy, as pgBackRest lists it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Copy {
    /// Its name.
    pub label: String,
    /// What was noted on it: the UID of its backup.
    #[serde(default)]
    pub annotation: Option<BTreeMap<String, String>>,
    /// The database that it is of.
    pub database: Number,
    /// Positions; none of a copy that no server made.
    #[serde(default)]
    pub lsn: Option<Ends>,
    /// Segments.
    #[serde(default)]
    pub archive: Option<Ends>,
    /// Seconds since 1970.
    pub timestamp: Times,
    /// Sizes.
    pub info: Info,
    /// A page does not fit its checksum.
    #[serde(default)]
    pub error: Option<bool>,
}

/// A number of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Number {
    /// The number.
    pub id: i64,
}

/// Where a copy begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ends {
    /// The beginning.
    #[serde(default)]
    pub start: Option<String>,
    /// The end.
    #[serde(default)]
    pub stop: Option<String>,
}

impl Copy {
    /// UID of the backup that it is of.
    pub fn owner(&self) -> Option<&String> {
        self.annotation.as_ref()?.get(OWNER)
    }
}

impl Ends {
    /// Both, where both are told.
    pub fn both(&self) -> Option<(&str, &str)> {
        Some((self.start.as_deref()?, self.stop.as_deref()?))
    }
}

/// When a copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Times {
    /// Its beginning.
    pub start: i64,
    /// Its end.
    pub stop: i64,
}

/// How large a copy is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Info {
    /// Bytes that it restores to.
    pub size: i64,
}

/// A manifest, or why it is not believed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The part that it is in.
    pub stanza: String,
    /// UID of the backup.
    pub backup: String,
    /// The object.
    #[serde(default)]
    pub text: Option<String>,
    /// Why it is not believed, as a word.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// The same as a sentence.
    #[serde(default)]
    pub cause: Option<String>,
}

/// Why a manifest is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// It was written with another passphrase.
    Passphrase,
    /// It is of a version that the image does not know.
    Newer,
    /// It is cut off.
    Truncated,
    /// Somebody changed it.
    Forged,
    /// It could not be read.
    Unread,
}

/// One line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Parts {
        parts: Vec<String>,
    },
    Unread {
        part: String,
        cause: String,
    },
    Part {
        part: String,
        #[serde(flatten)]
        told: Part,
    },
    /// pgBackRest's answer for a part, in another form than is known.
    Odd {
        part: String,
    },
    Manifest {
        manifest: Manifest,
    },
    Escrow {
        escrow: Sealed,
    },
    Failed {
        failed: String,
    },
    End {
        lines: usize,
    },
}

/// Why nothing can be concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The archive could not be read: pgBackRest's words.
    Failed(String),
    /// The log has no end: the last line of it.
    Cut(String),
}

impl Told {
    /// Reads the log of the program.
    ///
    /// # Errors
    /// Why nothing can be concluded.
    pub fn read(log: &str) -> Result<Self, Broken> {
        let mut told = Self::default();
        let (mut count, mut failed) = (0, None);
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let cut = || Broken::Cut(lines.last().copied().unwrap_or_default().to_owned());
        for line in &lines {
            match serde_json::from_str(line).map_err(|_| cut())? {
                Line::Parts { parts } => told.parts = parts,
                Line::Part { part, told: read } => drop(told.read.insert(part, Ok(read))),
                Line::Unread { part, cause } => drop(told.read.insert(part, Err(cause))),
                Line::Odd { part } => drop(told.read.insert(part, Err(ODD.into()))),
                Line::Manifest { manifest } => told.manifests.push(manifest),
                Line::Escrow { escrow } if escrow.is_one() => told.escrow.push(escrow),
                Line::Escrow { .. } => {}
                Line::Failed { failed: cause } => failed = Some(cause),
                Line::End { lines } if lines == count => {
                    return failed.map_or(Ok(told), |cause| Err(Broken::Failed(cause)));
                }
                Line::End { .. } => return Err(cut()),
            }
            count += 1;
        }
        Err(cut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"parts": ["shop-c-1", "shop-d-2"]}
{"part": "shop-c-1", "databases": [{"id": 1, "system-id": 7, "version": "17"}], "copies": []}
{"manifest": {"stanza": "shop-c-1", "backup": "u-1", "text": "{}"}}
{"manifest": {"stanza": "shop-c-1", "backup": "u-2", "fault": "forged", "cause": "its signature is wrong"}}
{"part": "shop-d-2", "cause": "[CryptoError]"}
"#;

    #[test]
    fn a_whole_log_is_read_and_one_that_was_cut_concludes_nothing() {
        let told = Told::read(&format!("{LOG}{{\"lines\": 5}}\n")).unwrap();
        assert_eq!(told.parts.len(), 2);
        assert_eq!(told.read["shop-c-1"].as_ref().unwrap().databases[0].version, "17");
        assert_eq!(told.read["shop-d-2"], Err("[CryptoError]".into()));
        assert_eq!(told.manifests[1].fault, Some(Fault::Forged));
        assert!(matches!(Told::read(LOG), Err(Broken::Cut(_))), "it has no end");
        let beginning_lost: String = LOG.lines().skip(1).map(|line| format!("{line}\n")).collect();
        assert!(matches!(Told::read(&format!("{beginning_lost}{{\"lines\": 5}}")), Err(Broken::Cut(_))));
        assert_eq!(
            Told::read("sh: archive-import: not found\n"),
            Err(Broken::Cut("sh: archive-import: not found".into()))
        );
        assert!(matches!(Told::read(""), Err(Broken::Cut(_))));
    }

    #[test]
    fn a_sealed_passphrase_is_taken_and_what_a_shell_would_read_is_not() {
        let line = |part: &str, sealed: &str| {
            format!(
                r#"{{"escrow": {{"part": "{part}", "key": "{}", "sealed": "{sealed}"}}}}"#,
                "a".repeat(64)
            )
        };
        let log = [line("shop-c-1", "aGk="), line("shop-c-1", "$(rm)"), line("a b", "aGk="), line("s", "")];
        let told = Told::read(&format!("{}\n{{\"lines\": 4}}\n", log.join("\n"))).unwrap();
        assert_eq!(told.escrow.len(), 1);
        assert_eq!((told.escrow[0].part.as_str(), told.escrow[0].sealed.as_str()), ("shop-c-1", "aGk="));
    }

    #[test]
    fn a_copy_that_somebody_made_by_hand_hides_no_other() {
        let by_hand = r#"{"part": "s", "databases": [], "copies": [{"annotation": null, "archive": {"start": null, "stop": null},
            "database": {"id": 1, "repo-key": 1}, "error": false, "info": {"delta": 1, "size": 1}, "label": "20261201-071349F",
            "prior": null, "timestamp": {"start": 1, "stop": 2}, "type": "full"}]}"#
            .replace('\n', "");
        let told = Told::read(&format!("{by_hand}\n{{\"lines\": 1}}")).unwrap();
        let copy = &told.read["s"].as_ref().unwrap().copies[0];
        assert_eq!((copy.owner(), copy.archive.as_ref().and_then(Ends::both)), (None, None));
    }

    #[test]
    fn a_part_that_is_told_in_another_form_takes_no_other_with_it() {
        let odd = LOG.replace(r#""copies": []"#, r#""copies": [{"label": 1}]"#);
        let told = Told::read(&format!("{odd}{{\"lines\": 5}}\n")).unwrap();
        assert_eq!((told.read["shop-c-1"].clone(), told.manifests.len()), (Err(ODD.into()), 2));
    }

    #[test]
    fn an_archive_that_can_t_be_read_is_told_in_its_own_words() {
        let log = "{\"failed\": \"403 (Forbidden)\"}\n{\"lines\": 1}\n";
        assert_eq!(Told::read(log), Err(Broken::Failed("403 (Forbidden)".into())));
    }
}
