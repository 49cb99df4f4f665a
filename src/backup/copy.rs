//! A copy in the archive, made and removed by the image's `archive-backup` on the primary: what it is asked, and what it answers.

use jiff::Timestamp;
use serde::Deserialize;

use kube::ResourceExt;

use crate::api::{ArchivedCopy, PostgresBackup};
use crate::archive::{generation_of, stanza};
use crate::name::ClusterName;
use crate::observe::Links;
use crate::sql::session::Error;

use super::mounted::{Mounted, answer};

/// Name of the program in the image.
const PROGRAM: &str = "archive-backup";
/// Folder of the answers.
const ANSWERS: &str = "/tmp/archive/backups";

/// Which copy is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The cluster's own part of the archive.
    pub stanza: String,
    /// UID of the backup.
    pub backup: String,
    /// When it began.
    pub since: Option<Timestamp>,
    /// When it ended; none while it goes on. What others began afterwards is not its own.
    pub until: Option<Timestamp>,
    /// Where the archive was when it was made; none of one on a volume.
    pub place: Option<Mounted>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Make the copy, if there is none and nobody makes it.
    Begin,
    /// Only tell.
    Look,
    /// Take it out of the archive, finished or not.
    Remove,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Answer {
    /// The copy is being made.
    Running,
    /// It is being removed.
    Removing {
        /// Why the last try failed.
        #[serde(default)]
        cause: Option<String>,
    },
    /// The member works on another one.
    Busy {
        /// UID of that backup.
        with: String,
    },
    /// It is there, whole.
    Done {
        /// The copy.
        copy: Box<ArchivedCopy>,
        /// A page of it does not fit its checksum.
        damaged: bool,
    },
    /// It could not be made.
    Failed {
        /// pgBackRest's words.
        cause: String,
    },
    /// There is none.
    Absent {
        /// Parts of one are.
        left: bool,
    },
    /// The archive can't be read.
    Unknown {
        /// pgBackRest's words.
        cause: String,
    },
}

impl Errand {
    /// For this backup; none while nothing was copied for it.
    pub fn of(backup: &PostgresBackup) -> Option<Self> {
        let status = backup.status.as_ref()?;
        status.checkpoint_at.as_ref()?;
        let recorded = status.groups.first().and_then(|group| group.archived.as_ref());
        let own = || {
            let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
            let generation = generation_of(&name.group(0), status);
            Some(stanza(&name.namespace, &name.name, &status.source.as_ref()?.cluster_uid, generation))
        };
        Some(Self {
            stanza: recorded.map(|copy| copy.stanza.clone()).or_else(own).filter(|text| is_word(text))?,
            backup: backup.uid().filter(|text| is_word(text))?,
            since: status.started_at.as_ref().map(|at| at.0),
            until: status.completed_at.as_ref().map(|at| at.0),
            place: status
                .source
                .as_ref()
                .and_then(|source| Mounted::of(&source.spec().ok()?.backup.archive?)),
        })
    }

    /// The statement that asks.
    pub fn statement(&self, verb: Verb) -> String {
        let verb = match verb {
            Verb::Begin => "begin",
            Verb::Look => "look",
            Verb::Remove => "remove",
        };
        let seconds = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_second);
        let Self { stanza, backup, since, until, place: _ } = self;
        format!(
            "COPY (SELECT) TO PROGRAM '{PROGRAM} {verb} {stanza} {backup} {} {}'",
            seconds(*since),
            seconds(*until)
        )
    }
}

/// A text that is one word to a shell, whoever wrote it into the status.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Asks a member.
///
/// # Errors
/// Those of the session. An archive that can't be read is an answer, and so is one that is not the backup's.
pub async fn ask(links: &Links, member: &str, verb: Verb, errand: &Errand) -> Result<Answer, Error> {
    let session = links.session(member, "postgres").await?;
    let file = format!("{ANSWERS}/{}.json", errand.backup);
    let told = answer(&session, errand.place.as_ref(), PROGRAM, &errand.statement(verb), &file).await?;
    Ok(told.unwrap_or_else(|cause| Answer::Unknown { cause }))
}

#[cfg(test)]
mod tests {
    use super::super::mounted::read;
    use super::*;

    fn read_answer(bytes: &[u8]) -> Answer {
        read(PROGRAM, bytes).unwrap_or_else(|cause| Answer::Unknown { cause })
    }

    #[test]
    fn each_answer_of_the_program_is_read_and_one_that_is_none_says_nothing_of_the_copy() {
        let read = |text: &str| read_answer(text.as_bytes());
        assert_eq!(read(r#"{"state": "running"}"#), Answer::Running);
        assert_eq!(read(r#"{"state": "removing"}"#), Answer::Removing { cause: None });
        assert_eq!(read(r#"{"state": "busy", "with": "u-2"}"#), Answer::Busy { with: "u-2".into() });
        assert_eq!(
            read(r#"{"state": "failed", "cause": "[055]"}"#),
            Answer::Failed { cause: "[055]".into() }
        );
        assert_eq!(read(r#"{"state": "absent", "left": true}"#), Answer::Absent { left: true });
        let done = r#"{"state": "done", "copy": {"stanza": "shop-c-1", "label": "20261122-143144F", "startLsn": "0/1E000028",
            "stopLsn": "0/1E000120", "startWal": "00000001000000000000001E", "stopWal": "00000001000000000000001E",
            "databaseBytes": 160269337, "repositoryBytes": null, "stoppedAt": "2026-11-22T14:31:47Z"}, "damaged": false}"#;
        let Answer::Done { copy, damaged: false } = read(done) else { panic!("{:?}", read(done)) };
        assert_eq!((copy.label.as_str(), copy.repository_bytes), ("20261122-143144F", None));
        assert!(matches!(read(""), Answer::Unknown { .. }));
    }

    #[test]
    fn nothing_is_asked_for_a_backup_that_has_not_come_to_copying() {
        let source = serde_json::json!({
            "clusterUid": "0b5a4f4e-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": "{}",
        });
        let group = serde_json::json!({
            "group": 0, "member": "c-0", "claim": "data2-c-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
        });
        let mut backup: PostgresBackup = serde_json::from_value(serde_json::json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "u-1"}, "spec": {"cluster": "c", "method": "Archive"},
            "status": {"phase": "Failed", "startedAt": "1970-01-01T00:01:00Z", "source": source, "groups": [group]},
        }))
        .unwrap();
        assert_eq!(Errand::of(&backup), None);
        let status = backup.status.as_mut().unwrap();
        status.checkpoint_at.clone_from(&status.started_at);
        let asked = Errand::of(&backup).unwrap().statement(Verb::Begin);
        assert_eq!(asked, "COPY (SELECT) TO PROGRAM 'archive-backup begin shop-c-0b5a4f4e-2 u-1 60 0'");

        let copy = serde_json::json!({
            "stanza": "x; touch /tmp/x", "label": "20261122-143144F", "startLsn": "0/1", "stopLsn": "0/2",
            "startWal": "1", "stopWal": "1", "databaseBytes": 1, "stoppedAt": "2026-11-22T14:31:47Z",
        });
        let group = &mut backup.status.as_mut().unwrap().groups[0];
        group.archived = Some(serde_json::from_value(copy).unwrap());
        assert_eq!(Errand::of(&backup), None, "a shell would read it");
    }
}
